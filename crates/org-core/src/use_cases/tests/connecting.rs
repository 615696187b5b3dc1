//! Connecting, and what stays behind when it fails.

use insta::assert_snapshot;

use super::*;
use crate::attempt::AttemptState;
use crate::ports::{AttemptStore as _, SecretVault as _};
use crate::testing::VaultFault;
use crate::use_cases::connect::{check, clean_up};
use crate::use_cases::{ErrorKind, secrets};

#[track_caller]
fn refused(bench: &TestBench, draft: &OrganizationDraft) -> String {
    let what_is_there = || {
        let secrets = block_on(bench.vault.list()).expect("the vault answers");
        let roster = block_on(bench.ports().organizations.roster()).expect("the store answers");
        (secrets, roster)
    };
    let before = what_is_there();
    let error = try_connect(bench, draft).expect_err("it must be refused");
    assert_eq!(what_is_there(), before, "something stayed behind");
    match error.hint() {
        Some(hint) => format!("{:?}: {error}; {hint}", error.kind()),
        None => format!("{:?}: {error}", error.kind()),
    }
}

#[test]
fn the_way_of_the_main_job() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    let run = sync(&bench, &organization);
    assert_snapshot!(run.state_word(), @"complete");
    assert_snapshot!(run.counts, @"3 seen, 3 added, 3 licensed");
    assert_snapshot!(history(&bench), @r"
    attempt.started
    organization.connected
    repository.added x3
    license.assigned x3
    sync.complete
    ");
    let after = reload(&bench, &organization);
    assert!(after.followed_since.is_some());
    assert_eq!(after.status, crate::organization::Status::Connected);
}

#[test]
fn every_refusal_has_its_reason_and_leaves_nothing() {
    let bench = TestBench::new(world(3));
    let with = |change: fn(&mut OrganizationDraft)| {
        let mut draft = draft();
        change(&mut draft);
        draft
    };
    assert_snapshot!(refused(&bench, &with(|draft| draft.login = "jane".into())), @"Invalid: the access token belongs to `robot`, not to `jane`; give the login `robot`, or a token of the right account");
    assert_snapshot!(refused(&bench, &with(|draft| draft.settings.groups = vec!["acme".into(), "nowhere".into()])), @"Invalid: group: there is no group `nowhere` at https://git.example.com, or this account cannot see it; check the path, or ask for access");
    assert_snapshot!(refused(&bench, &with(|draft| draft.token = TokenDraft::Secret("nope".into()))), @"Invalid: token: there is no secret `nope` in the password manager; add it first");
    bench.host.change_token("token-of-robot", |token| {
        token.scopes = std::iter::once("read_user".to_owned()).collect();
    });
    assert_snapshot!(refused(&bench, &draft()), @"Denied: the access token lacks a scope for listing groups and repositories: read_api or api would do; make a token with the scope read_api");
    bench.host.expire_token("token-of-robot");
    assert_snapshot!(refused(&bench, &draft()), @"Denied: https://git.example.com says that the access token has expired; make a new token at the host");
    bench.host.revoke_token("token-of-robot");
    assert!(refused(&bench, &draft()).starts_with("Denied: "));
    bench.host.take_offline("connection refused");
    assert!(refused(&bench, &draft()).starts_with("Unavailable: "));
    let attempts = block_on(bench.store.list(100)).expect("the store answers");
    assert_eq!(attempts.len(), 7, "each try is remembered");
    assert!(
        attempts
            .iter()
            .all(|attempt| matches!(attempt.state, AttemptState::Failed { .. }))
    );
}

#[test]
fn mistakes_in_the_form_never_reach_the_host() {
    let bench = TestBench::new(world(3));
    let wrong = OrganizationDraft {
        host: "gitlab.com".into(),
        login: String::new(),
        ..draft()
    };
    let error = try_connect(&bench, &wrong).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_snapshot!(error, @r"
    host: the host `gitlab.com` has no scheme; write https://gitlab.com
    login: the login is empty
    ");
    assert_eq!(bench.host.requests(), 0);
    assert!(
        block_on(bench.store.list(100))
            .expect("the store answers")
            .is_empty()
    );
}

#[test]
fn the_same_account_twice_is_refused_unless_disjoint() {
    let bench = TestBench::new(world(3));
    bench.host.change(|world| world.join(1, 20));
    let first = OrganizationDraft {
        settings: SettingsDraft {
            groups: vec!["acme".into()],
            ..SettingsDraft::default()
        },
        ..draft()
    };
    try_connect(&bench, &first).expect("it connects");
    let again = OrganizationDraft {
        name: Some("Other".into()),
        ..first.clone()
    };
    assert_snapshot!(refused(&bench, &again), @"Conflict: robot at https://git.example.com is already connected as `Acme`, which covers acme; edit `Acme`, or choose groups that it does not cover and leave the personal namespace out");
    let taken = OrganizationDraft {
        name: Some("ACME".into()),
        settings: SettingsDraft {
            groups: vec!["globex".into()],
            ..SettingsDraft::default()
        },
        ..draft()
    };
    assert_snapshot!(refused(&bench, &taken), @"Conflict: there is already an organization `ACME`; choose another name");
    let disjoint = OrganizationDraft {
        name: Some("Globex".into()),
        ..taken
    };
    try_connect(&bench, &disjoint).expect("it covers something else");
}

#[test]
fn a_check_stores_nothing() {
    let bench = TestBench::new(world(12));
    let answer = block_on(check(&bench.ports(), &draft(), &NoProgress)).expect("it would work");
    assert_eq!(answer.coverage.repositories, 12);
    assert_eq!(answer.coverage.would_license, 12);
    assert_eq!(answer.coverage.by_namespace["acme"], 12);
    assert!(
        block_on(bench.store.list(100))
            .expect("the store answers")
            .is_empty()
    );
    assert!(
        block_on(bench.vault.list())
            .expect("the vault answers")
            .is_empty()
    );
    assert_eq!(history(&bench), "");
}

#[test]
fn a_persons_secret_is_referenced_and_not_copied() {
    let bench = TestBench::new(world(1));
    let ports = bench.ports();
    let added = secrets::add(&ports, "gitlab", build::secret("token-of-robot"), jane());
    let added = block_on(added).expect("it is added");
    let named = OrganizationDraft {
        token: TokenDraft::Secret("gitlab".into()),
        ..draft()
    };
    let organization = try_connect(&bench, &named).expect("it connects");
    assert_eq!(organization.auth.secret(), added.reference);
    let error = block_on(secrets::remove(&ports, "gitlab", jane())).expect_err("in use");
    assert_snapshot!(error, @"the secret `gitlab` is used by `Acme`");
    let rows = block_on(secrets::list(&ports)).expect("the vault answers");
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_vault_that_fails_leaves_no_organization() {
    let bench = TestBench::new(world(1));
    bench.vault.break_with(VaultFault::Unavailable);
    assert!(try_connect(&bench, &draft()).is_err());
    let roster = block_on(bench.ports().organizations.roster()).expect("the store answers");
    assert!(roster.organizations.is_empty());
}

#[test]
fn what_a_killed_program_left_is_cleaned_up() {
    let bench = TestBench::new(world(1));
    let ports = bench.ports();
    let mut attempt = build::attempt(9, "Acme");
    attempt.state = AttemptState::Open;
    attempt.created_at = bench.now();
    attempt.expires_at = bench.now() + crate::attempt::ATTEMPT_LIFETIME;
    block_on(ports.attempts.save(&attempt, &[])).expect("it is saved");
    let token = crate::use_cases::preflight::Token {
        value: build::secret("planted"),
        secret: None,
    };
    block_on(crate::use_cases::connect::keep_token(
        &ports, attempt.id, &token,
    ))
    .expect("it is kept");

    block_on(clean_up(&ports)).expect("it works");
    let secrets = || {
        block_on(bench.vault.list())
            .expect("the vault answers")
            .len()
    };
    assert_eq!(secrets(), 1, "the attempt may still be under way");

    bench.advance(crate::attempt::ATTEMPT_LIFETIME);
    block_on(clean_up(&ports)).expect("it works");
    assert_eq!(secrets(), 0);
    let ended = block_on(ports.attempts.get(attempt.id)).expect("the store answers");
    assert!(matches!(
        ended.expect("it is there").state,
        AttemptState::Failed { .. }
    ));
}

#[test]
fn planted_secrets_are_nowhere_but_in_the_vault() {
    let bench = TestBench::new(world(2));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let printed = format!("{:?} {:?} {:?}", bench.store, organization, draft());
    assert!(!printed.contains("token-of-robot"));
}
