//! What looks like a lost permission waits for a person.

use insta::assert_snapshot;

use super::*;
use crate::organization::Status;
use crate::sync::run::HeldDecision;
use crate::use_cases::review::{self, Verdict};

fn lose(bench: &TestBench, ids: std::ops::RangeInclusive<u64>) {
    bench
        .host
        .change(|world| ids.for_each(|id| world.delete_repository(id)));
}

#[test]
fn ten_may_go_and_eleven_may_not() {
    let bench = TestBench::new(world(20));
    let organization = connected(&bench);
    sync(&bench, &organization);
    lose(&bench, 1..=10);
    assert_eq!(sync(&bench, &organization).counts.vanished, 10);

    let bench = TestBench::new(world(20));
    let organization = connected(&bench);
    sync(&bench, &organization);
    lose(&bench, 1..=11);
    let run = sync(&bench, &organization);
    assert_eq!(run.state_word(), "held");
    assert_eq!(seats(&bench), (20, 0), "no license is freed");
    let counts = block_on(bench.ports().inventory.counts(organization.id)).expect("it answers");
    assert_eq!(counts.repositories, 20, "nothing changes");
    let status = reload(&bench, &organization).status;
    assert_eq!(
        status.to_string(),
        format!("action_required:sync_held:{}", run.id)
    );
}

#[test]
fn an_approval_lets_exactly_these_vanish() {
    let bench = TestBench::new(world(20));
    let organization = connected(&bench);
    sync(&bench, &organization);
    lose(&bench, 1..=11);
    sync(&bench, &organization);
    let ports = bench.ports();
    let held = reload(&bench, &organization);
    let decided = review::decide(&ports, held, Verdict::Approve, jane());
    block_on(decided).expect("it waits for a decision");
    let run = sync(&bench, &organization);
    assert_snapshot!(run.counts, @"9 seen, 11 vanished");
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
    let again = review::decide(&ports, organization, Verdict::Approve, jane());
    assert_snapshot!(block_on(again).expect_err("nothing waits"), @"no sync of `Acme` waits for a decision");
}

#[test]
fn more_than_was_approved_is_held_again() {
    let bench = TestBench::new(world(40));
    let organization = connected(&bench);
    sync(&bench, &organization);
    lose(&bench, 1..=11);
    sync(&bench, &organization);
    block_on(review::decide(
        &bench.ports(),
        reload(&bench, &organization),
        Verdict::Approve,
        jane(),
    ))
    .expect("it waits for a decision");
    lose(&bench, 12..=30);
    assert_eq!(sync(&bench, &organization).state_word(), "held");
}

#[test]
fn a_rejection_changes_nothing_and_the_next_sync_looks_again() {
    let bench = TestBench::new(world(20));
    let organization = connected(&bench);
    sync(&bench, &organization);
    lose(&bench, 1..=15);
    sync(&bench, &organization);
    block_on(review::decide(
        &bench.ports(),
        reload(&bench, &organization),
        Verdict::Reject,
        jane(),
    ))
    .expect("it waits for a decision");
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
    assert_eq!(sync(&bench, &organization).state_word(), "held");
}

#[test]
fn a_permission_that_came_back_answers_the_question() {
    let bench = TestBench::new(world(20));
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench
        .host
        .change(|world| world.hidden.insert(build::group_id(10)));
    let run = sync(&bench, &organization);
    assert_eq!(run.state_word(), "held");
    bench.host.change(|world| world.hidden.clear());
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
    let open = block_on(
        bench
            .ports()
            .syncs
            .held(organization.id, HeldDecision::Open),
    );
    assert!(open.expect("the store answers").is_none());
}

/// Loses repositories in a way that can be undone.
fn hide(bench: &TestBench, ids: std::ops::RangeInclusive<u64>) {
    bench.host.change(|world| {
        for id in ids {
            world.move_repository(id, &format!("globex/project-{id:03}"));
        }
    });
}

fn bring_back(bench: &TestBench, ids: std::ops::RangeInclusive<u64>) {
    bench.host.change(|world| {
        for id in ids {
            world.move_repository(id, &format!("acme/project-{id:03}"));
        }
    });
}

fn decide(bench: &TestBench, organization: &Organization, verdict: Verdict) {
    let organization = reload(bench, organization);
    block_on(review::decide(
        &bench.ports(),
        organization,
        verdict,
        jane(),
    ))
    .expect("it waits for a decision");
}

#[test]
fn an_approval_is_used_up_by_the_sync_that_it_is_for() {
    for came_back_before in [true, false] {
        let bench = TestBench::new(world(20));
        let organization = connected(&bench);
        sync(&bench, &organization);
        hide(&bench, 1..=11);
        assert_eq!(sync(&bench, &organization).state_word(), "held");
        decide(&bench, &organization, Verdict::Approve);
        if !came_back_before {
            assert_eq!(sync(&bench, &organization).counts.vanished, 11);
        }
        bring_back(&bench, 1..=11);
        assert_eq!(sync(&bench, &organization).state_word(), "complete");
        hide(&bench, 1..=11);
        assert_eq!(sync(&bench, &organization).state_word(), "held");
    }
}

#[test]
fn a_later_rejection_takes_an_approval_back() {
    let bench = TestBench::new(world(40));
    let organization = connected(&bench);
    sync(&bench, &organization);
    hide(&bench, 1..=11);
    sync(&bench, &organization);
    decide(&bench, &organization, Verdict::Approve);
    hide(&bench, 12..=30);
    sync(&bench, &organization);
    decide(&bench, &organization, Verdict::Reject);
    bring_back(&bench, 12..=30);
    assert_eq!(sync(&bench, &organization).state_word(), "held");
}

#[test]
fn part_of_a_list_answers_no_question() {
    let bench = TestBench::new(world(40));
    let organization = connected(&bench);
    sync(&bench, &organization);
    hide(&bench, 1..=11);
    let held = sync(&bench, &organization);
    let part = crate::listing::MissingPart {
        what: "a page".into(),
        why: "500 Internal Server Error".into(),
    };
    bench
        .host
        .at_page(1, crate::testing::PageFault::Lost(part.clone()));
    assert_eq!(sync(&bench, &organization).state_word(), "partial");
    let status = reload(&bench, &organization).status;
    assert_eq!(
        status.to_string(),
        format!("action_required:sync_held:{}", held.id),
        "the alarm is still raised"
    );
    decide(&bench, &organization, Verdict::Approve);
    bench.host.at_page(1, crate::testing::PageFault::Lost(part));
    assert_eq!(sync(&bench, &organization).state_word(), "partial");
    assert_eq!(
        sync(&bench, &organization).counts.vanished,
        11,
        "an approval outlives a partial list"
    );
}

#[test]
fn a_person_decides_about_what_they_looked_at() {
    let bench = TestBench::new(world(40));
    let organization = connected(&bench);
    sync(&bench, &organization);
    hide(&bench, 1..=11);
    let looked_at = sync(&bench, &organization);
    hide(&bench, 12..=30);
    let newer = sync(&bench, &organization);
    let ports = bench.ports();
    let about = |sync| {
        let organization = reload(&bench, &organization);
        let decided = review::decide_about(&ports, organization, sync, Verdict::Approve, jane());
        block_on(decided).map(|run| run.id)
    };
    assert_snapshot!(about(looked_at.id).expect_err("another one waits"), @"no sync of `Acme` waits for a decision");
    assert_eq!(about(newer.id).expect("it waits"), newer.id);
}
