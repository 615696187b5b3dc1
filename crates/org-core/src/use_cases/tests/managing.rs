//! Editing, reconnecting, pausing, removing.

use insta::assert_snapshot;

use super::*;
use crate::draft::ScheduleDraft;
use crate::organization::Status;
use crate::ports::SecretVault as _;
use crate::use_cases::manage::{self, SettingsPatch};
use crate::use_cases::reconnect::{BlindReconnect, ReconnectDraft, reconnect};

#[test]
fn an_edit_tells_before_and_after() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let patch = SettingsPatch {
        name: Some("Acme Corp".into()),
        groups: Some(vec!["acme".into()]),
        schedule: Some(ScheduleDraft {
            manual: true,
            ..ScheduleDraft::default()
        }),
        ..SettingsPatch::default()
    };
    let edited = block_on(manage::edit(&bench.ports(), organization, &patch, jane()))
        .expect("it is changed");
    assert_eq!(edited.version, reload(&bench, &edited).version);
    let filter = EventFilter {
        kind: Some("organization.edited".into()),
        ..EventFilter::default()
    };
    let events = block_on(bench.store.newest(&filter, 1)).expect("the store answers");
    let told: Vec<_> = events[0]
        .event
        .changes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_snapshot!(told.join("\n"), @r"
    name: Acme -> Acme Corp
    scope: all groups and the personal namespace -> acme and the personal namespace
    schedule: every 6 hours -> only when asked for
    ");
}

#[test]
fn a_scope_that_does_not_exist_is_refused() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let patch = SettingsPatch {
        groups: Some(vec!["nowhere".into()]),
        ..SettingsPatch::default()
    };
    assert!(
        block_on(manage::edit(
            &bench.ports(),
            organization.clone(),
            &patch,
            jane()
        ))
        .is_err()
    );
    assert_eq!(
        reload(&bench, &organization).settings,
        organization.settings
    );
}

#[test]
fn pausing_and_resuming() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let ports = bench.ports();
    let paused = block_on(manage::pause(&ports, organization, jane())).expect("it pauses");
    assert_eq!(paused.status, Status::Paused);
    assert!(
        block_on(ports.organizations.due(bench.now(), 10))
            .expect("it answers")
            .is_empty()
    );
    assert_snapshot!(block_on(synchronize(
        &ports,
        paused.id,
        Trigger::Manual,
        &options(1),
        never(),
        &NoProgress,
    )).expect_err("refused"), @"the organization `Acme` is paused, so it cannot be synchronized");
    let again = block_on(manage::pause(&ports, paused.clone(), jane()));
    assert_snapshot!(again.expect_err("refused"), @"the organization `Acme` is paused, so it cannot be paused");
    let resumed = block_on(manage::resume(&ports, paused, jane())).expect("it resumes");
    let due = block_on(ports.organizations.due(bench.now(), 10)).expect("it answers");
    assert_eq!(due, [resumed.id]);
}

#[test]
fn removing_frees_licenses_and_deletes_its_own_secret() {
    let bench = TestBench::new(world(5)).with_seats(3);
    let organization = connected(&bench);
    sync(&bench, &organization);
    assert_eq!(seats(&bench), (3, 2));
    let ports = bench.ports();
    let wrong = manage::remove(&ports, organization.clone(), "acme", jane());
    assert_snapshot!(block_on(wrong).expect_err("refused"), @"`acme` is not the name of the organization; nothing was removed");
    let organization = reload(&bench, &organization);
    let removal = manage::remove(&ports, organization.clone(), "Acme", jane());
    let removal = block_on(removal).expect("it is removed");
    assert_eq!((removal.freed, removal.secrets), (3, 1));
    assert_eq!(seats(&bench), (0, 0));
    assert!(
        block_on(bench.vault.list())
            .expect("the vault answers")
            .is_empty()
    );
    assert!(history(&bench).contains("organization.removed"));
    assert!(matches!(
        reload(&bench, &organization).status,
        Status::Removed { .. }
    ));
    connected(&bench);
}

#[test]
fn reconnecting_keeps_everything_but_the_credential() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench
        .host
        .change(|world| world.add_token("second-token", 1, &["read_api"]));
    let draft = ReconnectDraft {
        token: TokenDraft::Value(build::secret("second-token")),
        ..ReconnectDraft::default()
    };
    let before = reload(&bench, &organization);
    let old = before.auth.secret();
    let after = block_on(reconnect(
        &bench.ports(),
        before,
        &draft,
        jane(),
        &NoProgress,
    ))
    .expect("it reconnects");
    assert_eq!(
        (after.id, after.followed_since.is_some()),
        (organization.id, true)
    );
    assert_ne!(after.auth.secret(), old);
    assert_eq!(
        block_on(bench.vault.list())
            .expect("the vault answers")
            .len(),
        1
    );
    bench.host.revoke_token("token-of-robot");
    let run = sync(&bench, &after);
    assert_snapshot!(run.counts, @"3 seen");
    assert_eq!(seats(&bench), (3, 0));
}

#[test]
fn an_account_that_sees_nothing_known_needs_a_word() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let draft = ReconnectDraft {
        login: Some("stranger".into()),
        token: TokenDraft::Value(build::secret("token-of-stranger")),
        ..ReconnectDraft::default()
    };
    let ports = bench.ports();
    let before = reload(&bench, &organization);
    let refused = reconnect(&ports, before.clone(), &draft, jane(), &NoProgress);
    assert_snapshot!(block_on(refused).expect_err("refused"), @"the account `stranger` sees none of the 3 known repositories of `Acme`");
    assert_eq!(reload(&bench, &organization), before, "nothing changed");
    assert_eq!(
        block_on(bench.vault.list())
            .expect("the vault answers")
            .len(),
        1
    );
    let draft = ReconnectDraft {
        blind: BlindReconnect::Confirmed,
        ..draft
    };
    block_on(reconnect(&ports, before, &draft, jane(), &NoProgress)).expect("confirmed");
}

#[test]
fn a_secret_of_another_organization_is_not_borrowed() {
    let bench = TestBench::new(world(1));
    bench.host.change(|world| world.join(1, 20));
    let of = |name: &str, group: &str| OrganizationDraft {
        name: Some(name.into()),
        settings: SettingsDraft {
            groups: vec![group.into()],
            ..SettingsDraft::default()
        },
        ..draft()
    };
    let organization = try_connect(&bench, &of("Acme", "acme")).expect("it connects");
    try_connect(&bench, &of("Globex", "globex")).expect("it connects");
    let secrets = block_on(bench.vault.list()).expect("the vault answers");
    let others = secrets
        .iter()
        .find(|facts| facts.reference != organization.auth.secret());
    let name = others.expect("Globex has one").name.to_string();
    let borrow = ReconnectDraft {
        token: TokenDraft::Secret(name.clone()),
        ..ReconnectDraft::default()
    };
    let ports = bench.ports();
    let refused = reconnect(&ports, organization, &borrow, jane(), &NoProgress);
    let refused = block_on(refused).expect_err("refused").to_string();
    assert_snapshot!(refused.replace(&name, "NAME"), @"token: the secret `NAME` was made for another organization and is deleted with it; add one of your own");
}
