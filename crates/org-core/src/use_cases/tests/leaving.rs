//! Repositories that are still at the host, and no longer in the scope.

use super::*;
use crate::inventory::Visibility;
use crate::listing::PersonalNamespace;
use crate::use_cases::manage::{SettingsPatch, edit};

/// The account sees both groups; twenty repositories are in `acme`, two in `globex` and one is its own.
fn bench() -> TestBench {
    let bench = TestBench::new(world(20));
    bench.host.change(|world| {
        world.join(1, 20);
        for (id, path) in [(31, "globex/a"), (32, "globex/b"), (41, "robot/own")] {
            world.add_repository(build::repository(id, path).build());
        }
    });
    bench
}

fn choose(bench: &TestBench, organization: &Organization, groups: &[&str]) {
    let patch = SettingsPatch {
        groups: Some(groups.iter().map(ToString::to_string).collect()),
        ..SettingsPatch::default()
    };
    change(bench, organization, &patch);
}

fn change(bench: &TestBench, organization: &Organization, patch: &SettingsPatch) {
    let organization = reload(bench, organization);
    block_on(edit(&bench.ports(), organization, patch, jane())).expect("it is changed");
}

#[track_caller]
fn check_sync(bench: &TestBench, organization: &Organization, expected: &str) {
    let run = sync(bench, organization);
    assert_eq!(format!("{}: {}", run.state_word(), run.counts), expected);
}

#[test]
fn a_scope_that_a_person_narrowed_is_no_loss() {
    let bench = bench();
    let organization = connected(&bench);
    sync(&bench, &organization);
    choose(&bench, &organization, &["globex"]);
    check_sync(&bench, &organization, "complete: 3 seen, 20 vanished");
    assert!(history(&bench).contains("repository.left_scope x20"));
    assert_eq!(seats(&bench), (23, 0), "a mistake can be undone");
    check_sync(&bench, &organization, "complete: 3 seen");
    choose(&bench, &organization, &[]);
    check_sync(&bench, &organization, "complete: 23 seen, 20 returned");
    choose(&bench, &organization, &["globex"]);
    sync(&bench, &organization);
    bench.advance(crate::sync::plan::LICENSE_GRACE);
    sync(&bench, &organization);
    assert_eq!(seats(&bench), (3, 0), "the time of grace is over");
}

#[test]
fn a_personal_namespace_can_be_left_out_later() {
    let bench = bench();
    let organization = connected(&bench);
    sync(&bench, &organization);
    let patch = SettingsPatch {
        personal: Some(PersonalNamespace::Excluded),
        ..SettingsPatch::default()
    };
    change(&bench, &organization, &patch);
    check_sync(&bench, &organization, "complete: 22 seen, 1 vanished");
    check_sync(&bench, &organization, "complete: 22 seen");
}

#[test]
fn what_was_moved_out_of_the_scope_left_it_where_the_host_says_so() {
    let bench = bench();
    let organization = connected(&bench);
    choose(&bench, &organization, &["acme"]);
    sync(&bench, &organization);
    bench
        .host
        .change(|world| world.move_repository(1, "globex/moved"));
    check_sync(&bench, &organization, "partial: 20 seen");
    bench.host.tell_where();
    check_sync(&bench, &organization, "complete: 20 seen, 1 vanished");
    check_sync(&bench, &organization, "complete: 20 seen");
}

#[test]
fn what_the_list_only_missed_stays() {
    let bench = bench();
    bench.host.tell_where();
    let organization = connected(&bench);
    sync(&bench, &organization);
    // The list is silent about a group that is still public.
    bench.host.change(|world| {
        for id in [31, 32] {
            let mut repository = world.repositories[&build::repository_id(id)].clone();
            repository.visibility = Visibility::Public;
            world.add_repository(repository);
        }
        world
            .members
            .retain(|(_, group)| *group != build::group_id(20));
    });
    check_sync(&bench, &organization, "partial: 21 seen");
}

#[test]
fn what_is_no_longer_shared_in_left_the_scope() {
    let bench = bench();
    let organization = connected(&bench);
    choose(&bench, &organization, &["acme"]);
    bench.host.change(|world| world.share(31, 10));
    check_sync(
        &bench,
        &organization,
        "complete: 22 seen, 22 added, 21 licensed",
    );
    bench.host.change(|world| world.shares.clear());
    check_sync(&bench, &organization, "complete: 21 seen, 1 vanished");
}
