//! Secrets over two vaults: pointed at, moved, tested against their hosts, and who read them.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use super::*;
use crate::event::Subject;
use crate::ports::{Ports, VaultError};
use crate::secret::{ExternalSecret, SecretPlace};
use crate::testing::{MemoryVault, VaultFault};
use crate::use_cases::{secrets, vaults};
use crate::vaults::{Moved, RecordedVault, VaultHandle, Vaults};

/// An installation with the vault `memory`, which new secrets go to, and the vault `company`.
struct Place {
    bench: TestBench,
    company: Arc<MemoryVault>,
    vaults: Vaults,
}

fn handle(name: &str, vault: &Arc<MemoryVault>) -> VaultHandle {
    VaultHandle::new(build::parsed(name), "a vault in memory", vault.clone())
        .with_links(vault.clone())
}

impl Place {
    fn new() -> Self {
        let bench = TestBench::new(world(2)).with_instant_timer();
        let company = Arc::new(MemoryVault::named("company"));
        let vaults = Vaults::new(
            handle("memory", &bench.vault),
            [handle("company", &company)],
        );
        Self {
            bench,
            company,
            vaults,
        }
    }

    fn ports(&self) -> Ports {
        let ports = self.bench.ports();
        let vault = Arc::new(self.vaults.clone());
        let recorded = RecordedVault::new(vault, ports.access.clone(), ports.clock.clone(), "jane");
        Ports {
            vault: Arc::new(recorded),
            vaults: self.vaults.clone(),
            ..ports
        }
    }

    fn company(&self) -> &VaultHandle {
        &self.vaults.all()[1]
    }

    fn add(&self, name: &str, value: &str) {
        block_on(secrets::add(
            &self.ports(),
            name,
            build::secret(value),
            jane(),
        ))
        .expect("the name is free");
    }

    fn connect_with(&self, secret: &str) -> Organization {
        let draft = OrganizationDraft {
            token: TokenDraft::Secret(secret.to_owned()),
            ..draft()
        };
        block_on(connect(&self.ports(), &draft, jane(), &NoProgress)).expect("it connects")
    }

    fn move_to(&self, name: &str, vault: usize) -> Result<Moved, UseCaseError> {
        let to = &self.vaults.all()[vault];
        block_on(vaults::move_one(&self.ports(), name, to, jane()))
    }

    fn value(&self, name: &str) -> Option<String> {
        let ports = self.ports();
        let row = block_on(secrets::show(&ports, name)).ok()?;
        let kept = block_on(ports.vault.get(row.facts.reference)).ok()??;
        Some(kept.1.expose_secret().to_owned())
    }

    /// What the history says of secrets, oldest first.
    fn told(&self) -> String {
        let events = block_on(self.bench.store.oldest(&EventFilter::default(), 100));
        let of_secrets = events
            .expect("the store answers")
            .into_iter()
            .filter_map(|it| {
                let Subject::Secret(name) = &it.event.subject else {
                    return None;
                };
                let changes = it.event.changes.iter();
                let changes: Vec<String> = changes
                    .map(|change| {
                        format!(
                            " {}: {:?} -> {:?}",
                            change.field, change.before, change.after
                        )
                    })
                    .collect();
                Some(format!("{} {name}{}", it.event.kind, changes.concat()))
            });
        of_secrets.collect::<Vec<_>>().join("\n")
    }
}

fn target() -> ExternalSecret {
    ExternalSecret::new("secret", "ci/gitlab", "token").expect("a place")
}

#[test]
fn a_link_gives_what_stands_there_and_is_in_the_history() {
    let place = Place::new();
    place.company.plant(&target(), "token-of-robot");
    let ports = place.ports();
    let link = |name: &str| {
        let (target, company) = (target(), place.company());
        block_on(vaults::link(&ports, name, &target, company, jane()))
    };
    let facts = link("ci").expect("it is there");
    assert_eq!(facts.place, SecretPlace::External(target()));
    assert_eq!(facts.vault.as_str(), "company");
    assert_eq!(place.value("ci").as_deref(), Some("token-of-robot"));
    assert_eq!(place.connect_with("ci").name.as_str(), "Acme");
    assert_snapshot!(place.told(), @r#"secret.linked ci vault: "" -> "company" target: "" -> "secret/ci/gitlab#token""#);
    // What already has the name stays, and so does what is not a name.
    for name in ["ci", "", "a/b\n"] {
        link(name).expect_err(name);
    }
    assert_eq!(place.told().lines().count(), 1);
}

#[test]
fn a_link_to_nothing_is_refused_and_leaves_nothing_behind() {
    let place = Place::new();
    let ports = place.ports();
    let target = target();
    let made = vaults::link(&ports, "ci", &target, place.company(), jane());
    assert_snapshot!(block_on(made).expect_err("nothing is there"), @"the vault has no such place: there is nothing at secret/ci/gitlab#token");
    assert_eq!(place.told(), "");
    assert!(block_on(secrets::list(&ports)).expect("a list").is_empty());
}

#[test]
fn a_moved_secret_goes_on_serving_its_organization() {
    let place = Place::new();
    place.add("token", "token-of-robot");
    let organization = place.connect_with("token");
    let moved = place.move_to("token", 1).expect("it is moved");
    assert!(
        matches!(moved, Moved::Done { versions: 1, .. }),
        "{moved:?}"
    );
    let again = place.move_to("token", 1).expect("it is there");
    assert!(matches!(again, Moved::AlreadyThere(_)), "{again:?}");
    let ports = place.ports();
    let row = block_on(secrets::show(&ports, "token")).expect("it is known");
    assert_eq!(row.facts.vault.as_str(), "company");
    assert_eq!(row.used_by, std::slice::from_ref(&organization.name));
    let ran = block_on(synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options(1),
        never(),
        &NoProgress,
    ));
    let Ok(SyncAnswer::Ran { run, .. }) = ran else {
        panic!("nobody else is at it: {ran:?}");
    };
    assert_eq!(run.state_word(), "complete");
    place.move_to("token", 0).expect("it is moved back");
    assert_eq!(place.value("token").as_deref(), Some("token-of-robot"));
    assert_snapshot!(place.told(), @r#"
    secret.added token
    secret.moved token vault: "memory" -> "company"
    secret.moved token vault: "company" -> "memory"
    "#);
}

#[test]
fn what_cannot_be_copied_stays_where_it_is() {
    let place = Place::new();
    place.add("token", "token-of-robot");
    place.company.break_with(VaultFault::Sealed);
    let error = place.move_to("token", 1).expect_err("it is sealed");
    assert!(
        matches!(error, UseCaseError::Vault(VaultError::Sealed { .. })),
        "{error:?}"
    );
    place.company.repair();
    let row = block_on(secrets::show(&place.ports(), "token")).expect("it is known");
    assert_eq!(row.facts.vault.as_str(), "memory");
    assert_eq!(place.value("token").as_deref(), Some("token-of-robot"));
    assert_eq!(place.told(), "secret.added token");
    assert_snapshot!(place.move_to("tokn", 1).expect_err("there is none"), @"there is no secret `tokn`");
}

#[test]
fn all_are_moved_but_what_belongs_to_others() {
    let place = Place::new();
    for name in ["one", "two"] {
        place.add(name, "token-of-robot");
    }
    place.bench.vault.plant(&target(), "token-of-robot");
    let ports = place.ports();
    let memory = &place.vaults.all()[0];
    block_on(vaults::link(&ports, "ci", &target(), memory, jane())).expect("it is there");
    let mut moved = 0;
    let all = vaults::move_all(&ports, place.company(), jane(), |_| moved += 1);
    block_on(all).expect("they are moved");
    assert_eq!(moved, 2);
    let rows = block_on(secrets::list(&ports)).expect("a list");
    let where_each: Vec<String> = rows
        .iter()
        .map(|row| format!("{} in {}", row.facts.name, row.facts.vault))
        .collect();
    assert_snapshot!(where_each.join("\n"), @"
    ci in memory
    one in company
    two in company
    ");
}

/// What a test of a secret tells, a line for each host.
fn tested(place: &Place, name: &str, host: Option<&str>) -> String {
    let host = host.map(|host| host.parse().expect("an address"));
    let (_, rows) = match block_on(vaults::test(&place.ports(), name, host)) {
        Ok(tested) => tested,
        Err(error) => return error.to_string(),
    };
    let line = |row: &vaults::TestRow| {
        let answer = match &row.answer {
            Ok(identity) => format!("belongs to {}", identity.account.login),
            Err(error) => error.to_string(),
        };
        match row.mismatch() {
            Some(login) => format!("{answer}, not to {login}"),
            None => answer,
        }
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_secret_is_tested_against_every_host_that_it_is_used_at() {
    let place = Place::new();
    place.add("token", "token-of-robot");
    let host = build::host_url().to_string();
    assert_snapshot!(tested(&place, "token", None), @"there is no host to test `token` against, since no organization uses it; name one with --host");
    assert_snapshot!(tested(&place, "token", Some(&host)), @"belongs to robot");
    place.connect_with("token");
    // A host that is named and used is asked once.
    assert_snapshot!(tested(&place, "token", Some(&host)), @"belongs to robot");
    let (ports, stranger) = (place.ports(), build::secret("token-of-stranger"));
    block_on(secrets::rotate(&ports, "token", stranger, jane())).expect("any value is taken");
    assert_snapshot!(tested(&place, "token", None), @"belongs to stranger, not to robot");
    place.bench.host.revoke_token("token-of-stranger");
    assert_snapshot!(tested(&place, "token", None), @"https://git.example.com refuses the access token: it was revoked");
}

#[test]
fn who_read_a_secret_is_told_by_the_hour() {
    let place = Place::new();
    place.add("token", "token-of-robot");
    for _ in 0..3 {
        place.value("token").expect("it is there");
    }
    place.bench.advance(chrono::TimeDelta::hours(2));
    place.value("token").expect("it is there");
    let accesses = |limit: u32| {
        let read = block_on(vaults::accesses(&place.ports(), "token", limit));
        let line = |access: &crate::ports::SecretAccess| {
            format!("{} by {}: {}", access.last_at, access.by, access.count)
        };
        let read = read.expect("it is known");
        read.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(accesses(10), @"
    2027-03-01 14:00:00 UTC by jane: 1
    2027-03-01 12:00:00 UTC by jane: 3
    ");
    assert_eq!(accesses(1).lines().count(), 1);
    let row = block_on(secrets::show(&place.ports(), "token")).expect("it is known");
    assert_eq!(row.last_used_at, Some(place.bench.now()));
}

#[test]
fn a_vault_that_is_away_hides_no_secret_of_the_others() {
    let place = Place::new();
    place.add("one", "a-value");
    place.company.break_with(VaultFault::Unavailable);
    let ports = place.ports();
    assert!(
        block_on(secrets::list(&ports)).is_err(),
        "what must be whole is all or nothing"
    );
    let (rows, silent) = block_on(secrets::list_what_answers(&ports)).expect("the stores answer");
    let names: Vec<&str> = rows.iter().map(|row| row.facts.name.as_str()).collect();
    assert_eq!(names, ["one"]);
    let silent: Vec<&str> = silent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(silent, ["company"]);
    let (rows, silent) = block_on(secrets::list_if_any_answers(&ports)).expect("one answers");
    assert_eq!((rows.len(), silent.len()), (1, 1));
    let away = block_on(vaults::away(&ports, Duration::from_secs(2)));
    let away: Vec<&str> = away.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(away, ["company"]);
    place.bench.vault.break_with(VaultFault::Unavailable);
    assert!(
        block_on(secrets::list_if_any_answers(&ports)).is_err(),
        "a list of nothing is not told"
    );
}

#[test]
fn what_somebody_else_changed_is_neither_removed_nor_moved_unseen() {
    let place = Place::new();
    place.add("token", "token-of-robot");
    let ports = place.ports();
    let show = || block_on(secrets::show(&ports, "token")).expect("it is there");
    let seen = show();
    let theirs = build::secret("token-of-stranger");
    block_on(secrets::rotate(&ports, "token", theirs, jane())).expect("it is theirs");
    let before = place.told();
    let removed = block_on(secrets::remove_seen(&ports, seen.clone(), jane()));
    let moved = block_on(vaults::move_seen(
        &ports,
        &seen.facts,
        place.company(),
        jane(),
    ));
    for late in [removed.map(drop), moved.map(drop)] {
        assert!(
            matches!(
                late,
                Err(UseCaseError::Vault(VaultError::VersionConflict { .. }))
            ),
            "{late:?}"
        );
    }
    assert_eq!(place.told(), before);
    assert_eq!(place.value("token").as_deref(), Some("token-of-stranger"));
    block_on(vaults::move_seen(
        &ports,
        &show().facts,
        place.company(),
        jane(),
    ))
    .expect("seen");
    let seen = show();
    assert_eq!(seen.facts.vault.as_str(), "company");
    block_on(secrets::remove_seen(&ports, seen.clone(), jane())).expect("it was seen");
    let gone = block_on(secrets::remove_seen(&ports, seen, jane()));
    assert!(
        matches!(gone, Err(UseCaseError::Vault(VaultError::NotFound { .. }))),
        "{gone:?}"
    );
    assert_snapshot!(place.told(), @r#"
    secret.added token
    secret.rotated token version: "1" -> "2"
    secret.moved token vault: "memory" -> "company"
    secret.removed token
    "#);
}
