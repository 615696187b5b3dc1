//! Rotating an access token: once, with the intent put down first, and never again while nobody knows what came of it.

use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use super::*;
use crate::ports::SecretVault as _;
use crate::testing::{OauthCall, OauthFault, VaultFault};
use crate::use_cases::ErrorKind;
use crate::use_cases::rotate::rotate;

fn bench() -> (TestBench, Organization) {
    let bench = TestBench::new(world(2)).with_instant_timer();
    bench
        .host
        .change(|world| world.add_token("token-of-robot", 1, &["api"]));
    let organization = connected(&bench);
    (bench, organization)
}

fn try_rotate(
    bench: &TestBench,
    organization: &Organization,
    days: Option<u64>,
) -> Result<Organization, UseCaseError> {
    let organization = reload(bench, organization);
    block_on(rotate(
        &bench.ports(),
        organization,
        days,
        jane(),
        &NoProgress,
    ))
}

fn value(bench: &TestBench, organization: &Organization) -> String {
    let kept = block_on(bench.vault.get(organization.auth.secret())).expect("a vault");
    kept.expect("the token").1.expose_secret().to_owned()
}

#[test]
fn the_vault_gets_the_new_token_and_syncs_go_on() {
    let (bench, organization) = bench();
    let rotated = try_rotate(&bench, &organization, None).expect("it is rotated");
    assert_eq!(
        rotated.auth.token().expires_on,
        Some(build::parsed("2027-05-30"))
    );
    assert_ne!(value(&bench, &organization), "token-of-robot");
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
    assert!(history(&bench).contains("organization.token_rotated"));
    let twice = try_rotate(&bench, &organization, Some(30)).expect("it can be rotated again");
    assert_eq!(
        twice.auth.token().expires_on,
        Some(build::parsed("2027-03-31"))
    );
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
}

#[test]
fn a_number_of_days_that_no_host_takes_is_refused() {
    let (bench, organization) = bench();
    for days in [0, 366, u64::MAX] {
        let error = try_rotate(&bench, &organization, Some(days)).expect_err("out of range");
        assert_eq!(
            error.to_string(),
            "days: the new token can work for 1 to 365 days"
        );
    }
    assert_eq!(bench.host.oauth_calls(OauthCall::Rotate), 0);
}

#[test]
fn a_sign_in_has_nothing_to_rotate() {
    let bench = TestBench::new(world(1));
    let organization = signed_in(&bench);
    let error = try_rotate(&bench, &organization, None).expect_err("it renews itself");
    assert_eq!(
        error.to_string(),
        "`Acme` signed in at the host, and its tokens renew themselves; nothing is to be rotated"
    );
}

#[test]
fn a_host_that_says_no_changes_nothing() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let error = try_rotate(&bench, &organization, None).expect_err("read_api is too little");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(value(&bench, &organization), "token-of-robot");
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
}

#[test]
fn a_lost_answer_is_never_asked_for_again() {
    let (bench, organization) = bench();
    bench
        .host
        .fail_oauth(OauthCall::Rotate, OauthFault::AnswerLost);
    let lost = try_rotate(&bench, &organization, None).expect_err("the new token is lost");
    assert_snapshot!(lost, @"whether https://git.example.com replaced the access token of `Acme` is unknown: the connection was closed");
    assert_snapshot!(lost.hint().expect("a hint"), @"make a new token at the host and reconnect `Acme` with it; do not rotate again");
    let again = try_rotate(&bench, &organization, None).expect_err("it stays lost");
    assert_snapshot!(again, @"whether https://git.example.com replaced the access token of `Acme` is unknown: it was replaced by an earlier rotation whose answer got lost");
    assert_eq!(bench.host.oauth_calls(OauthCall::Rotate), 1);
    assert_eq!(sync(&bench, &organization).state_word(), "failed");
    assert_eq!(
        reload(&bench, &organization).status.to_string(),
        "action_required:token_revoked"
    );
}

/// The answer is lost, and nobody can ask whether the old token still works: whoever rotates next looks first.
#[test]
fn an_unknown_outcome_is_looked_at_before_anything_is_sent() {
    let (bench, organization) = bench();
    let secret = organization.auth.secret();
    let ports = bench.ports();
    let now = bench.now();
    let holder = ProcessId::from_uuid(Uuid::from_u128(9));
    let claim = block_on(ports.renewals.claim(secret, holder, now, now)).expect("a store");
    let crate::ports::RenewalClaim::Granted(dead) = claim else {
        panic!("nobody else is at it");
    };
    let spending = crate::ports::RenewalState {
        spending: Some(crate::secret::SecretVersion::FIRST),
        dead: None,
    };
    block_on(ports.renewals.put_down(&dead, spending)).expect("a store");
    // The program died before it sent anything, so the old token works, and it is rotated.
    try_rotate(&bench, &organization, None).expect("it is rotated");
    assert_eq!(bench.host.oauth_calls(OauthCall::Rotate), 1);
    // Another one died after the host did its part.
    let claim = block_on(ports.renewals.claim(secret, holder, now, now)).expect("a store");
    let crate::ports::RenewalClaim::Granted(dead) = claim else {
        panic!("nobody else is at it");
    };
    let second = crate::secret::SecretVersion(2);
    let spending = crate::ports::RenewalState {
        spending: Some(second),
        dead: None,
    };
    block_on(ports.renewals.put_down(&dead, spending)).expect("a store");
    bench.host.revoke_token(&value(&bench, &organization));
    let lost = try_rotate(&bench, &organization, None).expect_err("nobody knows the new one");
    assert!(
        matches!(lost, UseCaseError::RotationLost { .. }),
        "{lost:?}"
    );
    assert_eq!(
        bench.host.oauth_calls(OauthCall::Rotate),
        1,
        "it is not sent again"
    );
    // A person gives a new token, and everything is well.
    let new = crate::use_cases::reconnect::ReconnectDraft {
        token: TokenDraft::Value(build::secret("another-token")),
        ..crate::use_cases::reconnect::ReconnectDraft::default()
    };
    bench
        .host
        .change(|world| world.add_token("another-token", 1, &["api"]));
    let organization = reload(&bench, &organization);
    let organization = block_on(crate::use_cases::reconnect::reconnect(
        &ports,
        organization,
        &new,
        jane(),
        &NoProgress,
    ))
    .expect("it reconnects");
    try_rotate(&bench, &organization, None).expect("it is rotated");
}

#[test]
fn two_programs_do_not_rotate_one_token_at_once() {
    let (bench, organization) = bench();
    let (secret, now) = (organization.auth.secret(), bench.now());
    let holder = ProcessId::from_uuid(Uuid::from_u128(9));
    let lease = now + chrono::TimeDelta::minutes(5);
    block_on(bench.ports().renewals.claim(secret, holder, now, lease)).expect("a store");
    let busy = try_rotate(&bench, &organization, None).expect_err("another one is at it");
    assert_eq!(
        busy.to_string(),
        "token: another program is rotating this token; try again after 2027-03-01T12:05:00+00:00"
    );
    assert_eq!(bench.host.oauth_calls(OauthCall::Rotate), 0);
}

#[test]
fn a_vault_that_is_away_is_noticed_before_anything_is_sent() {
    let (bench, organization) = bench();
    bench.vault.break_with(VaultFault::Unavailable);
    try_rotate(&bench, &organization, None).expect_err("there is no token to rotate");
    assert_eq!(bench.host.oauth_calls(OauthCall::Rotate), 0);
    bench.vault.repair();
    try_rotate(&bench, &organization, None).expect("it is rotated");
}
