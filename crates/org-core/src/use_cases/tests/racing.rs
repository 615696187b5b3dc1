//! Somebody else is faster: between any two steps of a use case, the world may have changed.

use std::future::Future;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::*;
use crate::draft::ScheduleDraft;
use crate::license::pool::Seats;
use crate::organization::AutoLicense;
use crate::ports::{
    Clock, EntitlementError, Entitlements, IdSource, Ports, SecretVault as _, Stale, StoreError,
};
use crate::sync::run::RunOutcome;
use crate::use_cases::manage::{self, SettingsPatch};
use crate::use_cases::precondition::expecting;
use crate::use_cases::reconnect::{ReconnectDraft, reconnect};
use crate::use_cases::{Progress, ProgressEvent, licenses, lookup};

/// Everything in memory answers at once, so a whole use case fits between two steps of another one.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("the fakes never wait")
}

/// Does something once, at the moment when a sync has its plan and has not applied it.
struct BeforeApplying<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> BeforeApplying<F> {
    fn new(work: F) -> Self {
        Self(Mutex::new(Some(work)))
    }
}

impl<F: FnOnce() + Send> Progress for BeforeApplying<F> {
    fn report(&self, event: ProgressEvent) {
        if matches!(event, ProgressEvent::Applying { .. })
            && let Some(work) = self.0.lock().expect("nobody panics").take()
        {
            work();
        }
    }
}

fn sync_with(ports: &Ports, organization: &Organization, progress: &dyn Progress) -> SyncRun {
    let (options, id) = (options(1), organization.id);
    let work = synchronize(ports, id, Trigger::Manual, &options, never(), progress);
    match block_on(work).expect("it is put down") {
        SyncAnswer::Ran { run, .. } => run,
        SyncAnswer::Busy { run, .. } => panic!("nobody else is at it: {run:?}"),
    }
}

fn row(bench: &TestBench, id: u64) -> crate::ports::RepositoryRow {
    block_on(lookup::repository(&bench.ports(), &id.to_string(), None)).expect("it is known")
}

#[test]
fn a_seat_that_a_person_freed_meanwhile_is_not_freed_twice() {
    let bench = TestBench::new(world(4)).with_seats(2);
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench.host.change(|world| world.delete_repository(1));
    sync(&bench, &organization);
    bench.advance(crate::sync::plan::LICENSE_GRACE);
    let ports = bench.ports();
    let progress = BeforeApplying::new(|| {
        let gone = at_once(lookup::repository(&ports, "1", None)).expect("it is known");
        at_once(licenses::release(&ports, &gone, jane())).expect("it is released");
    });
    let run = sync_with(&ports, &organization, &progress);
    assert_eq!(run.outcome(), Some(&RunOutcome::Complete));
    assert_eq!(seats(&bench), (2, 1));
}

#[test]
fn a_person_decides_on_what_is_and_not_on_what_was_shown() {
    let bench = TestBench::new(world(3)).with_seats(1);
    let organization = connected(&bench);
    sync(&bench, &organization);
    let ports = bench.ports();
    let (shown, other) = (row(&bench, 1), row(&bench, 2));
    let release = || block_on(licenses::release(&ports, &shown, jane())).expect("it answers");
    assert_eq!(release(), licenses::Outcome::Released);
    assert_eq!(release(), licenses::Outcome::Unchanged);
    let assigned = block_on(licenses::assign(&ports, &other, jane())).expect("it answers");
    assert_eq!(assigned, licenses::Outcome::Unchanged, "it got the seat");
    assert_eq!(seats(&bench), (1, 1));
}

#[test]
fn nothing_of_a_removed_organization_gets_a_license() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let ports = bench.ports();
    let shown = row(&bench, 1);
    let organization = reload(&bench, &organization);
    block_on(manage::remove(&ports, organization, "Acme", jane())).expect("it is removed");
    let refused = block_on(licenses::assign(&ports, &shown, jane())).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "`acme/project-001` cannot get a license: its organization was removed"
    );
    assert_eq!(seats(&bench), (0, 0));
}

#[test]
fn a_sync_under_old_settings_ends_without_applying_and_another_one_is_due() {
    let patches = [
        SettingsPatch {
            auto_license: Some(AutoLicense::Off),
            ..SettingsPatch::default()
        },
        SettingsPatch {
            protect_groups: Some(crate::organization::GroupProtection::On),
            ..SettingsPatch::default()
        },
        SettingsPatch {
            groups: Some(vec!["acme".into()]),
            ..SettingsPatch::default()
        },
    ];
    for patch in patches {
        let bench = TestBench::new(world(3));
        let organization = connected(&bench);
        sync(&bench, &organization);
        bench.host.change(|world| {
            world.add_repository(build::repository(9, "acme/new").build());
        });
        let ports = bench.ports();
        let progress = BeforeApplying::new(|| {
            let organization = reload_at_once(&ports, &organization);
            at_once(manage::edit(&ports, organization, &patch, jane())).expect("it is changed");
        });
        let run = sync_with(&ports, &organization, &progress);
        assert_eq!(
            (run.state_word(), run.counts.added),
            ("failed", 0),
            "{patch:?}"
        );
        assert_eq!(seats(&bench), (3, 0), "{patch:?}");
        let due = block_on(ports.organizations.due(bench.now(), 10)).expect("it answers");
        assert_eq!(due, [organization.id], "{patch:?}");
        assert_eq!(sync(&bench, &organization).state_word(), "complete");
    }
}

fn reload_at_once(ports: &Ports, organization: &Organization) -> Organization {
    let found = at_once(ports.organizations.get(organization.id));
    found.expect("the store answers").expect("it is there")
}

/// Changes the schedule when an id is made: after a sync has read the organization, and before it says when the next one is.
struct ChangesSchedule {
    ports: Ports,
    organization: Organization,
    patch: Mutex<Option<SettingsPatch>>,
}

impl IdSource for ChangesSchedule {
    fn next_id(&self) -> Uuid {
        if let Some(patch) = self.patch.lock().expect("nobody panics").take() {
            let organization = reload_at_once(&self.ports, &self.organization);
            at_once(manage::edit(&self.ports, organization, &patch, jane()))
                .expect("it is changed");
        }
        self.ports.ids.next_id()
    }
}

#[test]
fn a_schedule_that_changes_while_a_sync_starts_is_not_forgotten() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let schedule = ScheduleDraft {
        manual: true,
        ..ScheduleDraft::default()
    };
    let ids = ChangesSchedule {
        ports: bench.ports(),
        organization: organization.clone(),
        patch: Mutex::new(Some(SettingsPatch {
            schedule: Some(schedule),
            ..SettingsPatch::default()
        })),
    };
    let ports = Ports {
        ids: std::sync::Arc::new(ids),
        ..bench.ports()
    };
    sync_with(&ports, &organization, &NoProgress);
    let next = block_on(ports.organizations.next_run(organization.id)).expect("it answers");
    assert_eq!(next, None, "it is only synchronized when asked for by now");
}

/// Does something once when the time is asked for, which a change of settings does between reading the organization and writing it.
struct Meanwhile<F> {
    clock: std::sync::Arc<dyn Clock>,
    work: Mutex<Option<F>>,
}

impl<F: FnOnce() + Send> Clock for Meanwhile<F> {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        let work = self.work.lock().expect("nobody panics").take();
        if let Some(work) = work {
            work();
        }
        self.clock.now()
    }
}

/// The ports of somebody whom another one overtakes with `work`, at the last moment before they write.
fn overtaken(bench: &TestBench, work: impl FnOnce() + Send + 'static) -> Ports {
    let ports = bench.ports();
    let clock = std::sync::Arc::new(Meanwhile {
        clock: ports.clock.clone(),
        work: Mutex::new(Some(work)),
    });
    Ports { clock, ..ports }
}

#[test]
fn settings_that_somebody_else_changed_at_the_last_moment_are_not_overwritten() {
    let named = |name: &str| SettingsPatch {
        name: Some(name.to_owned()),
        ..SettingsPatch::default()
    };
    let protect = SettingsPatch {
        protect_groups: Some(crate::organization::GroupProtection::On),
        ..SettingsPatch::default()
    };
    for theirs in [named("Theirs"), protect] {
        let bench = TestBench::new(world(1));
        let seen = connected(&bench);
        let theirs_written = std::sync::Arc::new(Mutex::new(None));
        let race = || {
            let (ports, seen, theirs) = (bench.ports(), seen.clone(), theirs.clone());
            let written = theirs_written.clone();
            overtaken(&bench, move || {
                let there = reload_at_once(&ports, &seen);
                let there = at_once(manage::edit(&ports, there, &theirs, jane()));
                *written.lock().expect("nobody panics") = Some(there.expect("it is changed"));
            })
        };
        let ours = named("Ours");
        let late = block_on(manage::edit_seen(&race(), seen.clone(), &ours, jane()));
        assert!(
            matches!(
                late,
                Err(UseCaseError::Store(StoreError::Stale {
                    what: Stale::Organization
                }))
            ),
            "{late:?}"
        );
        let there = reload(&bench, &seen);
        assert_eq!(
            Some(&there),
            theirs_written.lock().expect("nobody panics").as_ref()
        );
        // Whoever saw theirs may change it.
        let ports = bench.ports();
        block_on(manage::edit_seen(&ports, there, &ours, jane())).expect("it was seen");
        assert_eq!(reload(&bench, &seen).name.as_str(), "Ours");
    }
}

#[test]
fn an_organization_that_was_renamed_meanwhile_is_not_taken_for_another_one() {
    let bench = TestBench::new(world(1));
    let before = connected(&bench);
    let named = |name: &str| SettingsPatch {
        name: Some(name.to_owned()),
        ..SettingsPatch::default()
    };
    let ports = bench.ports();
    block_on(manage::edit(
        &ports,
        before.clone(),
        &named("Theirs"),
        jane(),
    ))
    .expect("it is free");
    // This one says nothing of what they saw, so it changes what there is.
    block_on(manage::edit(&ports, before.clone(), &named("Ours"), jane())).expect("it is the same");
    assert_eq!(reload(&bench, &before).name.as_str(), "Ours");
}

#[test]
fn a_change_only_on_one_version_is_refused_at_the_last_moment_too() {
    let bench = TestBench::new(world(1));
    let seen = connected(&bench);
    let (inner, other) = (bench.ports(), seen.clone());
    let ports = overtaken(&bench, move || {
        at_once(manage::pause(&inner, other, jane())).expect("it is paused");
    });
    let (guarded, expecting) = expecting(&ports, &seen);
    let patch = SettingsPatch {
        name: Some("Ours".to_owned()),
        ..SettingsPatch::default()
    };
    block_on(manage::edit(&guarded, seen.clone(), &patch, jane())).expect_err("not that version");
    assert!(expecting.failed());
    assert_eq!(reload(&bench, &seen).name, seen.name);
}

#[test]
fn what_is_no_setting_stands_in_the_way_of_no_change_of_settings() {
    let bench = TestBench::new(world(1));
    let seen = connected(&bench);
    let (inner, other) = (bench.ports(), seen.clone());
    let ports = overtaken(&bench, move || {
        at_once(manage::pause(&inner, other, jane())).expect("it is paused");
    });
    let patch = SettingsPatch {
        name: Some("Ours".to_owned()),
        ..SettingsPatch::default()
    };
    block_on(manage::edit_seen(&ports, seen.clone(), &patch, jane())).expect("nobody set anything");
    let there = reload(&bench, &seen);
    assert_eq!(
        (there.name.as_str(), there.status.as_str()),
        ("Ours", "paused")
    );
}

#[test]
fn of_two_reconnections_no_secret_is_left_over() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    bench.host.change(|world| {
        world.add_token("second-token", 1, &["read_api"]);
        world.add_token("third-token", 1, &["read_api"]);
    });
    let ports = bench.ports();
    for token in ["second-token", "third-token"] {
        let draft = ReconnectDraft {
            token: TokenDraft::Value(build::secret(token)),
            ..ReconnectDraft::default()
        };
        // Both begin with the record as it was before either.
        let known = organization.clone();
        block_on(reconnect(&ports, known, &draft, jane(), &NoProgress)).expect("it reconnects");
    }
    let secrets = block_on(bench.vault.list()).expect("the vault answers");
    let left: Vec<_> = secrets.iter().map(|facts| facts.reference).collect();
    assert_eq!(left, [reload(&bench, &organization).auth.secret()]);
}

/// Tells the number of seats only when it wants to.
struct Moody(Mutex<Option<Seats>>);

#[async_trait]
impl Entitlements for Moody {
    async fn seats(&self) -> Result<Seats, EntitlementError> {
        let seats = *self.0.lock().expect("nobody panics");
        seats.ok_or_else(|| EntitlementError {
            detail: "the license server is down".to_owned(),
        })
    }
}

#[test]
fn an_entitlement_that_cannot_be_told_blocks_no_sync_and_seats_follow() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    let moody = std::sync::Arc::new(Moody(Mutex::new(None)));
    let ports = Ports {
        entitlements: moody.clone(),
        ..bench.ports()
    };
    let run = sync_with(&ports, &organization, &NoProgress);
    assert_eq!((run.state_word(), seats(&bench)), ("complete", (0, 3)));
    *moody.0.lock().expect("nobody panics") = Some(Seats::Limited(2));
    sync_with(&ports, &organization, &NoProgress);
    assert_eq!(seats(&bench), (2, 1));
    *moody.0.lock().expect("nobody panics") = Some(Seats::Unlimited);
    bench.advance(TimeDelta::hours(6));
    sync_with(&ports, &organization, &NoProgress);
    assert_eq!(
        seats(&bench),
        (3, 0),
        "a grown entitlement leaves no seat idle"
    );
}
