//! Licenses from a person's side.

use insta::assert_snapshot;

use super::*;
use crate::license::LicenseState;
use crate::license::policy::LicensePolicy;
use crate::license::pool::Seats;
use crate::ports::RepositoryRow;
use crate::use_cases::licenses::{self, Outcome};
use crate::use_cases::lookup;
use crate::use_cases::policy_preview::policy_preview;

fn row(bench: &TestBench, path: &str) -> RepositoryRow {
    block_on(lookup::repository(&bench.ports(), path, None)).expect("it is known")
}

fn why(bench: &TestBench, path: &str) -> String {
    block_on(licenses::why(&bench.ports(), &row(bench, path)))
        .expect("the store answers")
        .to_string()
}

#[test]
fn every_repository_has_one_answer() {
    let bench = TestBench::new(world(3)).with_seats(2);
    let organization = connected(&bench);
    sync(&bench, &organization);
    assert_snapshot!(why(&bench, "acme/project-001"), @"licensed: It has a license since 2027-03-01T12:00:00Z, because it was there when the organization was connected, and all existing repositories were chosen.");
    assert_snapshot!(why(&bench, "acme/project-003"), @"waiting: It waits since 2027-03-01T12:00:00Z for a free seat, number 1 of 1 in the queue (2 of 2 seats are taken), because it was there when the organization was connected, and all existing repositories were chosen. Release another license or raise the number of seats.");
    assert_eq!(
        block_on(licenses::release(
            &bench.ports(),
            &row(&bench, "acme/project-001"),
            jane()
        ))
        .expect("it works"),
        Outcome::Released
    );
    assert_snapshot!(why(&bench, "ACME/project-001"), @"unlicensed: It has no license, because jane released it on 2027-03-01T12:00:00Z. Assign one by hand.");
    assert_eq!(
        row(&bench, "acme/project-003").known.license.state,
        LicenseState::Licensed
    );
    assert_eq!(seats(&bench), (2, 0));
}

#[test]
fn a_person_waits_in_the_same_queue() {
    let bench = TestBench::new(world(3)).with_seats(1);
    let organization = connected(&bench);
    sync(&bench, &organization);
    assert_eq!(seats(&bench), (1, 2));
    let ports = bench.ports();
    assert_eq!(
        block_on(licenses::release(
            &ports,
            &row(&bench, "acme/project-003"),
            jane()
        ))
        .expect("it works"),
        Outcome::Withdrawn
    );
    assert_eq!(
        block_on(licenses::assign(
            &ports,
            &row(&bench, "acme/project-003"),
            jane()
        ))
        .expect("it works"),
        Outcome::Waits
    );
    assert_eq!(
        block_on(licenses::assign(
            &ports,
            &row(&bench, "acme/project-003"),
            jane()
        ))
        .expect("it works"),
        Outcome::Unchanged
    );
}

#[test]
fn new_repositories_follow_the_policy() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let policy: LicensePolicy = "exclude path acme/sandbox-*\ninclude all"
        .parse()
        .expect("valid");
    block_on(licenses::set_policy(&bench.ports(), &policy, jane())).expect("it is set");
    bench.host.change(|world| {
        world.add_repository(build::repository(7, "acme/sandbox-1").build());
        world.add_repository(build::repository(8, "acme/real").build());
    });
    sync(&bench, &organization);
    assert_snapshot!(why(&bench, "acme/sandbox-1"), @"unlicensed: It has no license, because the rule `exclude path acme/sandbox-*` kept it out when a sync looked at it on 2027-03-01T12:00:00Z. The rule `exclude path acme/sandbox-*` of today's policy would keep it out too; a license can be assigned by hand.");
    assert_snapshot!(why(&bench, "acme/real"), @"licensed: It has a license since 2027-03-01T12:00:00Z, because a sync found it as new and the rule `include all` lets it in.");
}

#[test]
fn a_preview_looks_at_everything_and_changes_nothing() {
    let mut world = world(0);
    for id in 1..=2_500 {
        let path = format!(
            "acme/{}-{id:04}",
            if id % 5 == 0 { "sandbox" } else { "app" }
        );
        world.add_repository(build::repository(id, &path).build());
    }
    let bench = TestBench::new(world);
    let organization = connected(&bench);
    sync(&bench, &organization);
    let (ports, held) = (bench.ports(), seats(&bench));
    let check = |rules: &str, most: u64| {
        let policy = rules.parse().expect("valid");
        let preview = block_on(policy_preview(&ports, &policy, most, 2)).expect("a store");
        let examples: Vec<String> = preview
            .examples
            .iter()
            .map(|change| {
                let path = &change.row.known.repository.full_path;
                format!("{path} {:?} by {}", change.action, change.by)
            })
            .collect();
        format!(
            "{} of {}{}, {} in, {} out: {}",
            preview.included,
            preview.looked_at,
            if preview.more { " and more" } else { "" },
            preview.newly_included,
            preview.newly_excluded,
            examples.join("; ")
        )
    };
    assert_snapshot!(check("include all", u64::MAX), @"2500 of 2500, 0 in, 0 out: ");
    assert_snapshot!(check("exclude path acme/sandbox-*\ninclude all", u64::MAX), @"2000 of 2500, 0 in, 500 out: acme/sandbox-0005 Exclude by exclude path acme/sandbox-*; acme/sandbox-0010 Exclude by exclude path acme/sandbox-*");
    assert_snapshot!(check("exclude all", 1), @"0 of 1000 and more, 0 in, 1000 out: acme/app-0001 Exclude by exclude all; acme/app-0002 Exclude by exclude all");
    let strict = "exclude all".parse().expect("valid");
    block_on(licenses::set_policy(&ports, &strict, jane())).expect("it is set");
    assert_snapshot!(check("include path acme/sandbox-*\nexclude all", u64::MAX), @"500 of 2500, 500 in, 0 out: acme/sandbox-0005 Include by include path acme/sandbox-*; acme/sandbox-0010 Include by include path acme/sandbox-*");
    assert_eq!(seats(&bench), held);
}

#[test]
fn nobody_replaces_what_they_did_not_see() {
    let bench = TestBench::new(world(1));
    let ports = bench.ports();
    let seen = block_on(licenses::status(&ports)).expect("a store");
    let (theirs, ours): (LicensePolicy, LicensePolicy) = (
        "exclude fork\ninclude all".parse().expect("valid"),
        "exclude all".parse().expect("valid"),
    );
    block_on(licenses::set_policy(&ports, &theirs, jane())).expect("it is set");
    let late = block_on(licenses::replace_policy(
        &ports,
        &seen.policy,
        &ours,
        jane(),
    ));
    assert_snapshot!(late.expect_err("refused"), @"the license policy changed meanwhile");
    block_on(licenses::replace_policy(&ports, &theirs, &ours, jane())).expect("it was seen");

    let set = |seen, seats| {
        block_on(licenses::configure_seats_seen(&ports, seen, seats, jane())).map(drop)
    };
    set(Some(Seats::Unlimited), Seats::Limited(5)).expect("it was seen");
    let late = set(Some(Seats::Unlimited), Seats::Limited(9));
    assert_snapshot!(late.expect_err("refused"), @"the license pool changed meanwhile");
    set(None, Seats::Limited(9)).expect("whatever there was");
}

#[test]
fn the_pool_does_not_shrink_below_what_is_held() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let ports = bench.ports();
    let shrunk = licenses::configure_seats(&ports, Seats::Limited(2), jane());
    assert_snapshot!(block_on(shrunk).expect_err("refused"), @"3 seats are held, so the pool cannot shrink to 2");
    block_on(licenses::configure_seats(&ports, Seats::Limited(3), jane())).expect("it fits");
}
