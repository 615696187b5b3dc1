//! Signing in: what comes of it, and that nothing stays behind when nothing comes of it.

mod device;

use chrono::TimeDelta;
use insta::assert_snapshot;

use super::*;
use crate::attempt::AttemptState;
use crate::oauth::Access;
use crate::organization::Status;
use crate::ports::{OauthError, SecretVault as _};
use crate::testing::{OauthCall, OauthFault, VaultFault};
use crate::use_cases::ErrorKind;
use crate::use_cases::credential::Revocation;
use crate::use_cases::manage::remove;
use crate::use_cases::reconnect::{BlindReconnect, ReconnectDraft, reconnect};
use crate::use_cases::sign_in::{begin_again, by_device, by_device_again, clean_up};

fn told(error: &UseCaseError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// Nothing of a sign-in is left: no organization, no secret, no grant at the host, and the attempt says why.
#[track_caller]
fn check_nothing_stayed(bench: &TestBench) -> String {
    let roster = block_on(bench.ports().organizations.roster()).expect("a store");
    assert!(roster.organizations.is_empty(), "{roster:?}");
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert!(secrets.is_empty(), "{secrets:?}");
    assert_eq!(bench.host.living_pairs(), 0, "a grant is left at the host");
    let attempts = block_on(bench.ports().attempts.list(1)).expect("a store");
    match attempts.first().map(|attempt| &attempt.state) {
        Some(AttemptState::Failed { reason, .. }) => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_person_signs_in_and_the_organization_stands() {
    let bench = TestBench::new(world(12));
    let organization = signed_in(&bench);
    assert_eq!(organization.auth.as_str(), "sso");
    assert_eq!(organization.account.login.as_str(), "robot");
    assert_eq!(organization.status, Status::Connected);
    let run = sync(&bench, &organization);
    assert_eq!(
        format!("{}: {}", run.state_word(), run.counts),
        "complete: 12 seen, 12 added, 12 licensed"
    );
    assert_snapshot!(history(&bench), @r"
    attempt.started
    organization.connected
    repository.added x12
    license.assigned x12
    sync.complete
    ");
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert_eq!(secrets.len(), 1, "the verifier is gone: {secrets:?}");
    assert_eq!(secrets[0].reference, organization.auth.secret());
}

#[test]
fn an_organization_without_a_name_gets_that_of_its_account() {
    let bench = TestBench::new(world(1));
    let unnamed = OrganizationDraft {
        name: None,
        ..sso_draft()
    };
    let begun = try_begin(&bench, &unnamed).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    let organization = try_complete(&bench, &begun, &query).expect("it connects");
    assert_eq!(organization.name.as_str(), "robot@git.example.com");
}

#[test]
fn a_host_without_an_application_is_told_with_what_to_register() {
    let bench = TestBench::new(world(1));
    bench.host.forget_client();
    let error = try_begin(&bench, &sso_draft()).expect_err("nobody configured it");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_snapshot!(told(&error), @r"
    no application is configured for signing in at https://git.example.com
    hint: register an application at https://git.example.com (User settings, Applications; not confidential; scopes read_api, read_user, read_repository, and api for restoring) with exactly the redirect URI http://127.0.0.1/callback/git.example.com, and add its client id to `oauth.clients` of the configuration; or register using login and token
    ");
    let attempts = block_on(bench.ports().attempts.list(9)).expect("a store");
    assert!(attempts.is_empty(), "it is a mistake of the form");
}

#[test]
fn an_answer_works_once() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    try_complete(&bench, &begun, &query).expect("it connects");
    let again = try_complete(&bench, &begun, &query).expect_err("it was answered");
    assert_snapshot!(told(&again), @r"
    no sign-in waits for this answer: it was answered before, took longer than ten minutes, or was not started here
    hint: start the sign-in again
    ");
    assert_eq!(
        bench.host.oauth_calls(OauthCall::Exchange),
        1,
        "a code is sent once"
    );
}

#[test]
fn a_stolen_answer_is_refused_and_void_for_its_owner_too() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    let thief = Initiator::of_secret(&build::secret("another session"));
    let answer = BrowserAnswer::parse(begun.redirect.path(), &query);
    let ports = bench.ports();
    let stolen = complete(&ports, &answer, thief, jane(), &NoProgress);
    let stolen = block_on(stolen).expect_err("it is somebody else");
    assert_eq!(stolen.kind(), ErrorKind::Denied);
    assert_eq!(
        bench.host.oauth_calls(OauthCall::Exchange),
        0,
        "the code is not used"
    );
    assert_snapshot!(check_nothing_stayed(&bench), @"the answer came to another session than the one that began the sign-in; start the sign-in again");
    assert!(try_complete(&bench, &begun, &query).is_err());
}

#[test]
fn an_answer_after_ten_minutes_is_refused() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    bench.advance(TimeDelta::minutes(10));
    let late = try_complete(&bench, &begun, &query).expect_err("it is late");
    assert_eq!(late.to_string(), "the sign-in took longer than ten minutes");
    assert_eq!(
        check_nothing_stayed(&bench),
        "the sign-in took longer than ten minutes; start the sign-in again"
    );
}

#[test]
fn a_sign_in_that_nobody_answers_is_cleaned_up() {
    let bench = TestBench::new(world(1));
    try_begin(&bench, &sso_draft()).expect("it begins");
    block_on(clean_up(&bench.ports())).expect("it cleans up");
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert_eq!(secrets.len(), 1, "it may still be answered");
    bench.advance(TimeDelta::minutes(10));
    block_on(clean_up(&bench.ports())).expect("it cleans up");
    assert_eq!(
        check_nothing_stayed(&bench),
        "the sign-in took longer than ten minutes; start the sign-in again"
    );
}

#[test]
fn a_denial_is_told_in_words() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.deny(&begun.url);
    let denied = try_complete(&bench, &begun, &query).expect_err("somebody said no");
    assert_snapshot!(told(&denied), @r"
    https://git.example.com did not let you in: the sign-in was denied (The resource owner denied it)
    hint: sign in again and agree, or ask whoever runs the host to allow the application
    ");
    check_nothing_stayed(&bench);
}

/// Each of these ends with nothing left, whatever the host answers to the code.
#[test]
fn every_error_of_the_token_endpoint_leaves_nothing_behind() {
    let host = || build::host_url().to_string();
    let faults = [
        OauthError::InvalidGrant {
            host: host(),
            detail: "the code is void".into(),
        },
        OauthError::Refused {
            host: host(),
            code: "invalid_client".into(),
            detail: "unknown".into(),
        },
        OauthError::RateLimited {
            host: host(),
            retry_after: Duration::from_mins(1),
        },
        OauthError::NotSent {
            host: host(),
            detail: "no route".into(),
        },
        OauthError::Unexpected {
            host: host(),
            detail: "an HTML page".into(),
        },
    ];
    let mut told = Vec::new();
    for fault in faults {
        let bench = TestBench::new(world(1));
        let begun = try_begin(&bench, &sso_draft()).expect("it begins");
        let query = bench.host.approve(&begun.url, 1);
        bench
            .host
            .fail_oauth(OauthCall::Exchange, OauthFault::Answers(fault));
        try_complete(&bench, &begun, &query).expect_err("the host said no");
        told.push(check_nothing_stayed(&bench));
    }
    assert_snapshot!(told.join("\n"), @r"
    https://git.example.com does not accept the grant: the code is void; start the sign-in again
    https://git.example.com refuses: invalid_client: unknown; check the application at the host (redirect URI, scopes, whether it is confidential) and its client id and secret in `oauth.clients`
    https://git.example.com limits the rate of requests; try again in 60 s; try again later
    https://git.example.com cannot be reached: no route; try again later
    https://git.example.com answered with something unexpected: an HTML page; start the sign-in again
    ");
}

#[test]
fn what_cannot_be_used_is_taken_back_at_the_host() {
    let bench = TestBench::new(world(1));
    connected(&bench);
    let other_name = OrganizationDraft {
        name: Some("Again".into()),
        ..sso_draft()
    };
    let begun = try_begin(&bench, &other_name).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    let twice =
        try_complete(&bench, &begun, &query).expect_err("it is connected by a token already");
    assert!(
        matches!(twice, UseCaseError::AlreadyConnected { .. }),
        "{twice:?}"
    );
    assert_eq!(bench.host.living_pairs(), 0);
    assert_eq!(bench.host.oauth_calls(OauthCall::Revoke), 1);
}

#[test]
fn a_vault_that_is_away_costs_the_sign_in_and_nothing_else() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    bench.vault.break_with(VaultFault::Unavailable);
    try_complete(&bench, &begun, &query).expect_err("there is no verifier");
    bench.vault.repair();
    // The vault could not delete the verifier then; cleaning up does.
    block_on(crate::use_cases::connect::clean_up(&bench.ports())).expect("it cleans up");
    check_nothing_stayed(&bench);
}

/// A program that died after the host gave its tokens: they are in the vault, so cleaning up has the host end them.
#[test]
fn a_grant_that_a_dead_program_left_is_taken_back() {
    let bench = TestBench::new(world(1));
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    bench
        .host
        .take_offline("the program dies while it asks who this is");
    bench.host.bring_online();
    let answer = BrowserAnswer::parse(begun.redirect.path(), &query);
    let flaky = std::sync::Arc::new(crate::testing::FlakyStore::new(bench.store.clone()));
    let dying = bench.clone().with_stores(&flaky);
    // Storing the organization and putting down why it failed both fail: as much as a program can do that is about to die.
    for call in 3..40 {
        flaky.fail_at(call, crate::testing::StoreFault::Unavailable);
    }
    bench
        .host
        .fail_oauth(OauthCall::Revoke, OauthFault::NotSent);
    block_on(complete(
        &dying.ports(),
        &answer,
        program(),
        jane(),
        &NoProgress,
    ))
    .expect_err("it dies");
    let attempt = begun.attempt.expect("an attempt");
    assert!(
        block_on(bench.ports().attempts.get(attempt))
            .expect("a store")
            .is_some()
    );
    bench.advance(TimeDelta::hours(2));
    block_on(crate::use_cases::connect::clean_up(&bench.ports())).expect("it cleans up");
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert!(secrets.is_empty(), "{secrets:?}");
}

#[test]
fn all_mistakes_of_the_form_come_first_and_nothing_is_sent() {
    let bench = TestBench::new(world(1));
    let wrong = OrganizationDraft {
        host: "git.example.com".into(),
        login: "robot".into(),
        token: TokenDraft::Value(build::secret("x")),
        ..sso_draft()
    };
    let error = try_begin(&bench, &wrong).expect_err("it is wrong");
    assert_snapshot!(error, @r"
    host: the host `git.example.com` has no scheme; write https://git.example.com
    login: a login goes with an access token; leave it out, or register using login and token
    token: an access token goes with its login; leave it out, or register using login and token
    ");
    assert_eq!(bench.host.requests(), 0);
    assert!(
        try_connect(&bench, &sso_draft()).is_err(),
        "a sign-in is no token"
    );
    assert!(
        try_begin(&bench, &draft()).is_err(),
        "a token is no sign-in"
    );
}

#[test]
fn without_randomness_nobody_signs_in() {
    let bench = TestBench::new(world(1));
    bench.entropy.fail();
    let error = try_begin(&bench, &sso_draft()).expect_err("there is no randomness");
    assert_eq!(error.kind(), ErrorKind::Internal);
    check_nothing_stayed(&bench);
}

fn again(
    bench: &TestBench,
    organization: &Organization,
    account: u64,
    blind: BlindReconnect,
) -> Result<Organization, UseCaseError> {
    let begun = block_on(begin_again(
        &bench.ports(),
        &reload(bench, organization),
        (Access::Read, blind),
        &loopback(),
        program(),
        &NoProgress,
    ))
    .expect("it begins");
    let query = bench.host.approve(&begun.url, account);
    try_complete(bench, &begun, &query)
}

fn back_to_a_token(bench: &TestBench, organization: &Organization) -> Organization {
    let draft = ReconnectDraft {
        token: TokenDraft::Value(build::secret("token-of-robot")),
        ..ReconnectDraft::default()
    };
    let organization = reload(bench, organization);
    block_on(reconnect(
        &bench.ports(),
        organization,
        &draft,
        jane(),
        &NoProgress,
    ))
    .expect("it reconnects")
}

#[test]
fn from_token_to_sign_in_and_back_everything_is_kept() {
    let bench = TestBench::new(world(15));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let before = block_on(bench.ports().inventory.inventory(organization.id)).expect("a store");
    let signed = again(&bench, &organization, 1, BlindReconnect::Refused).expect("it reconnects");
    assert_eq!((signed.id, signed.auth.as_str()), (organization.id, "sso"));
    assert_eq!(sync(&bench, &organization).counts.to_string(), "15 seen");
    let token = back_to_a_token(&bench, &organization);
    assert_eq!(
        (token.id, token.auth.as_str()),
        (organization.id, "access_token")
    );
    assert_eq!(
        bench.host.living_pairs(),
        0,
        "the grant that was replaced is taken back"
    );
    assert_eq!(sync(&bench, &organization).counts.to_string(), "15 seen");
    let after = block_on(bench.ports().inventory.inventory(organization.id)).expect("a store");
    assert_eq!(
        before.repositories, after.repositories,
        "identity, timeline and licenses are the same"
    );
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert_eq!(
        secrets.len(),
        1,
        "what was replaced is deleted: {secrets:?}"
    );
    assert_eq!(seats(&bench), (15, 0));
}

#[test]
fn an_account_that_sees_nothing_known_needs_a_word() {
    let bench = TestBench::new(world(5));
    let organization = signed_in(&bench);
    sync(&bench, &organization);
    let refused =
        again(&bench, &organization, 2, BlindReconnect::Refused).expect_err("it sees nothing");
    assert_eq!(
        refused.to_string(),
        "the account `stranger` sees none of the 5 known repositories of `Acme`"
    );
    assert_eq!(refused.kind(), ErrorKind::NeedsConfirmation);
    assert_eq!(bench.host.living_pairs(), 1, "only the old sign-in lives");
    assert_eq!(
        reload(&bench, &organization).account.login.as_str(),
        "robot"
    );
    let agreed =
        again(&bench, &organization, 2, BlindReconnect::Confirmed).expect("a person agreed");
    assert_eq!(agreed.account.login.as_str(), "stranger");
    assert_eq!(bench.host.living_pairs(), 1, "only the new sign-in lives");
}

#[test]
fn removing_takes_the_grant_back_and_says_so() {
    let bench = TestBench::new(world(1));
    let organization = signed_in(&bench);
    let removal =
        block_on(remove(&bench.ports(), organization, "Acme", jane())).expect("it is removed");
    assert_eq!(
        (removal.revocation, removal.secrets, removal.secrets_left),
        (Revocation::Revoked, 1, 0)
    );
    assert_eq!(bench.host.living_pairs(), 0);
    assert!(history(&bench).ends_with("organization.removed\norganization.grant_revoked"));
}

#[test]
fn a_grant_that_the_host_did_not_end_is_told() {
    let bench = TestBench::new(world(1));
    let organization = signed_in(&bench);
    bench
        .host
        .fail_oauth(OauthCall::Revoke, OauthFault::NotSent);
    let removal =
        block_on(remove(&bench.ports(), organization, "Acme", jane())).expect("it is removed");
    assert_eq!(
        removal.revocation,
        Revocation::Failed("https://git.example.com cannot be reached: the test said so".into())
    );
    assert!(history(&bench).ends_with("organization.removed\norganization.grant_left"));
    let secrets = block_on(bench.vault.list()).expect("a vault");
    assert!(secrets.is_empty(), "{secrets:?}");
}

#[test]
fn the_tokens_of_a_sign_in_are_tested_and_never_overwritten_by_hand() {
    let bench = TestBench::new(world(1)).with_instant_timer();
    signed_in(&bench);
    bench.host.expire_sign_ins();
    let ports = bench.ports();
    let name = block_on(bench.vault.list()).expect("a vault")[0]
        .name
        .clone();
    let tested = crate::use_cases::vaults::test(&ports, name.as_str(), None);
    let (_, rows) = block_on(tested).expect("it is asked for");
    assert_eq!(rows.len(), 1);
    assert!(rows[0].answer.is_ok(), "they are renewed first: {rows:?}");
    let new = build::secret("token-of-robot");
    let refused = crate::use_cases::secrets::rotate(&ports, name.as_str(), new, jane());
    let refused = block_on(refused).expect_err("nobody has them by hand");
    assert!(
        refused
            .to_string()
            .ends_with("which renew themselves; reconnect `Acme` instead")
    );
}

#[test]
fn removing_an_organization_with_a_token_takes_nothing_back() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let removal =
        block_on(remove(&bench.ports(), organization, "Acme", jane())).expect("it is removed");
    assert_eq!(removal.revocation, Revocation::NotGranted);
}

#[test]
fn what_a_sign_in_keeps_is_told_from_what_people_keep() {
    use crate::use_cases::secrets;

    let bench = TestBench::new(world(1));
    let ports = bench.ports();
    let row = || {
        let mut rows = block_on(secrets::list(&ports)).expect("a vault");
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    };
    let begun = try_begin(&bench, &sso_draft()).expect("it begins");
    let verifier = row();
    assert!(verifier.is_of_sign_in() && verifier.is_passing());
    assert!(!verifier.takes_values());
    let name = verifier.facts.name.as_str();
    let refused = secrets::rotate(&ports, name, build::secret("token-of-robot"), jane());
    let refused = block_on(refused).expect_err("nobody has it by hand");
    assert!(
        refused
            .to_string()
            .ends_with("is kept by a sign-in, which deletes it by itself")
    );
    let query = bench.host.approve(&begun.url, 1);
    try_complete(&bench, &begun, &query).expect("it connects");
    let tokens = row();
    assert!(tokens.is_of_sign_in() && !tokens.is_passing());
    assert!(!tokens.takes_values());

    // A name that only looks like it is a person's own.
    let looks = "sign-in-0190a000-0000-7000-8000-000000000000";
    let facts = secrets::add(&ports, looks, build::secret("token-of-robot"), jane());
    assert!(!block_on(facts).expect("it is added").is_of_sign_in());
}
