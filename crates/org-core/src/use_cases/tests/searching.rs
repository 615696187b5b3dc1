//! Finding groups by a part of their path, with a token, with what an organization has, and in the middle of a sign-in.

use insta::assert_snapshot;

use super::*;
use crate::draft::TokenSource;
use crate::listing::{PersonalNamespace, Scope};
use crate::ports::SecretVault as _;
use crate::testing::PageFault;
use crate::use_cases::group_search::{self, FoundGroups};
use crate::use_cases::manage::remove;
use crate::use_cases::sign_in::{Received, accept, choose, decline, groups, receive};
use crate::use_cases::{ErrorKind, reconnect::BlindReconnect};

fn told(found: Result<FoundGroups, UseCaseError>) -> String {
    match found {
        Ok(found) if found.more => format!("{} and more", found.paths.join(" ")),
        Ok(found) => found.paths.join(" "),
        Err(error) => error.to_string(),
    }
}

fn by_token(bench: &TestBench, token: &str, text: &str, limit: usize) -> String {
    let (ports, host) = (bench.ports(), build::host_url());
    let token = TokenSource::Value(build::secret(token));
    told(block_on(group_search::by_token(
        &ports, &host, &token, text, limit,
    )))
}

fn of(bench: &TestBench, organization: &Organization, text: &str) -> String {
    told(block_on(group_search::by_organization(
        &bench.ports(),
        organization,
        text,
        9,
    )))
}

#[test]
fn a_part_of_the_path_is_enough() {
    let bench = TestBench::new(world(3));
    let check = |text: &str, expected: &str| {
        assert_eq!(by_token(&bench, "token-of-robot", text, 9), expected);
    };
    check("", "acme acme/core");
    check("CORE", "acme/core");
    check(" /acme/ ", "acme acme/core");
    check("acme/c", "acme/core");
    check("globex", "");
}

#[test]
fn no_more_are_answered_than_were_asked_for() {
    let mut world = world(0);
    for id in 100..140 {
        world.add_group(id, &format!("acme/team-{id}"));
    }
    let bench = TestBench::new(world);
    bench.host.set_page_size(7);
    assert_eq!(
        by_token(&bench, "token-of-robot", "team", 2),
        "acme/team-100 acme/team-101 and more"
    );
    assert_eq!(
        by_token(&bench, "token-of-robot", "team-13", 10)
            .split(' ')
            .count(),
        10
    );
}

#[test]
fn who_types_does_not_wait_for_a_host_for_ever() {
    let bench = TestBench::new(world(0)).with_instant_timer();
    bench.host.at_page(1, PageFault::Hang);
    assert_snapshot!(by_token(&bench, "token-of-robot", "acme", 9), @"https://git.example.com cannot be reached for finding groups: nothing came within 20 s");
}

#[test]
fn an_organization_looks_with_its_own_credential() {
    let by_token = TestBench::new(world(1));
    assert_eq!(of(&by_token, &connected(&by_token), "core"), "acme/core");
    let by_sign_in = TestBench::new(world(1)).with_instant_timer();
    let organization = signed_in(&by_sign_in);
    assert_eq!(of(&by_sign_in, &organization, "core"), "acme/core");
    // The access token of a sign-in lasts two hours; after that it is renewed first.
    by_sign_in.advance(chrono::TimeDelta::hours(3));
    by_sign_in.host.expire_sign_ins();
    assert_eq!(of(&by_sign_in, &organization, "core"), "acme/core");
}

#[test]
fn an_organization_that_is_removed_finds_nothing() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    block_on(remove(&bench.ports(), organization.clone(), "Acme", jane())).expect("it goes");
    let organization = reload(&bench, &organization);
    assert_snapshot!(of(&bench, &organization, "core"), @"the organization `Acme` is removed, so it cannot be searched");
}

fn received(bench: &TestBench) -> Received {
    let begun = try_begin(bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    let answer = BrowserAnswer::parse(begun.redirect.path(), &query);
    let ports = bench.ports();
    let received = receive(&ports, &answer, program(), jane(), &NoProgress);
    block_on(received).expect("the host lets them in")
}

fn scope(paths: &[&str]) -> Scope {
    Scope {
        personal: PersonalNamespace::Excluded,
        ..build::chosen_scope(paths)
    }
}

#[test]
fn groups_are_chosen_between_the_sign_in_and_the_organization() {
    let bench = TestBench::new(world(1));
    let (ports, received) = (bench.ports(), received(&bench));
    let found = block_on(groups(&ports, &received, "core", 9));
    assert_eq!(told(found), "acme/core");
    let wrong = block_on(choose(&ports, &received, scope(&["acme/nope"])));
    let wrong = wrong.expect_err("there is no such group");
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    block_on(choose(&ports, &received, scope(&["acme/core"]))).expect("it is there");
    let (blind, actor) = (BlindReconnect::Refused, jane());
    let organization = block_on(accept(&ports, &received, blind, actor, &NoProgress));
    let organization = organization.expect("it connects");
    assert_eq!(organization.settings.scope, scope(&["acme/core"]));
}

#[test]
fn what_is_declined_while_choosing_leaves_nothing_behind() {
    let bench = TestBench::new(world(1));
    let (ports, received) = (bench.ports(), received(&bench));
    let why = crate::use_cases::sign_in::SignInError::Canceled.into();
    block_on(decline(&ports, &received, &why, jane()));
    assert_eq!(bench.host.living_pairs(), 0);
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert!(secrets.is_empty(), "{secrets:?}");
}
