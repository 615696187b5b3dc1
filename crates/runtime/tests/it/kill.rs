//! A program that is killed at any moment leaves the state before or after, and the next one goes on from there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gitlab_sim::{Fault, FaultKind, GitlabSim, Trigger as SimTrigger, World};
use org_core::attempt::AttemptState;
use org_core::license::pool::Seats;
use org_core::organization::{Organization, Status};
use org_core::ports::{LicenseStore as _, Ports};
use org_core::secret::SecretOwner;
use org_core::sync::run::{RunOutcome, RunState, SyncRun, Trigger};
use org_core::use_cases::follow::never;
use org_core::use_cases::{NoProgress, connect, licenses};
use runtime::Runtime;
use runtime::sync::until_done;

use crate::support::{
    add_project, config, group, hours_ahead, most_seats_ever, on_host, person, present, simulator,
    world,
};
use crate::worker::{Orders, Task, Ticks, Worker};

/// How many projects there are at first; enough for a sync that takes its time.
const PROJECTS: u32 = 600;

/// How many seats there are: fewer than repositories.
const SEATS: u32 = 500;

/// A generator of which only the spread matters ("splitmix64").
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// When a worker is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// When the host has answered so many requests.
    Answered(u64),
    /// While it waits for the answer to this request, which never comes.
    Waiting(u64),
    /// So many ticks after it began to apply.
    Applying(u64),
    /// Once it has said that a sync is complete.
    Complete,
    /// So many ticks after its start.
    Ticks(u64),
}

/// Lets the worker run until the moment has come, and kills it; answers the last thing that it said.
fn kill_at(moment: Moment, worker: &mut Worker, sim: &GitlabSim) -> String {
    let answered = Arc::new(AtomicBool::new(false));
    let strike = match moment {
        Moment::Answered(n) => {
            let answered = answered.clone();
            let note = move |_: &mut World| answered.store(true, Ordering::SeqCst);
            Some(sim.trigger(SimTrigger::change(note).nth(n)))
        }
        Moment::Waiting(n) => Some(sim.fault(Fault::new(FaultKind::Hang).nth(n))),
        Moment::Applying(_) | Moment::Complete | Moment::Ticks(_) => None,
    };
    let mut ticks = match moment {
        Moment::Ticks(ticks) => Some(ticks),
        _ => None,
    };
    let mut last = "nothing".to_owned();
    let mut in_time = false;
    for line in worker.lines.by_ref() {
        let line = line.expect("text");
        let struck = match (moment, strike) {
            (Moment::Answered(_), _) => answered.load(Ordering::SeqCst),
            (Moment::Waiting(_), Some(fault)) => sim.hits(fault) > 0,
            (Moment::Complete, _) => line == "complete",
            _ => false,
        };
        if struck {
            in_time = true;
            break;
        }
        if line != "tick" {
            if let (Moment::Applying(after), "applying", None) = (moment, line.as_str(), ticks) {
                ticks = Some(after);
            }
            last = line;
        } else if let Some(ticks) = &mut ticks {
            if *ticks == 0 {
                in_time = true;
                break;
            }
            *ticks -= 1;
        }
    }
    assert!(in_time, "{moment:?} never came; the last word was `{last}`");
    worker.kill();
    sim.clear_faults();
    last
}

async fn open(data_dir: &Path, hours: u32) -> Runtime {
    Runtime::open_in(&config(data_dir), hours_ahead(hours))
        .await
        .expect("it opens cleanly")
}

async fn organizations(ports: &Ports) -> Vec<Organization> {
    let roster = ports.organizations.roster().await.expect("the roster");
    roster.organizations
}

/// After a clean-up long enough afterwards there is no open attempt, and the vault has the secrets of the present organizations and no
/// other, each readable and each its organization's.
async fn check_tidy(runtime: &Runtime) {
    let ports = runtime.ports();
    connect::clean_up(ports).await.expect("it is cleaned up");
    for attempt in ports.attempts.list(1_000).await.expect("the attempts") {
        assert_ne!(attempt.state, AttemptState::Open, "{attempt:?}");
    }
    let secrets = ports.vault.list().await.expect("a list");
    let mut kept: Vec<_> = secrets
        .into_iter()
        .map(|facts| (facts.reference, facts.owner))
        .collect();
    let mut due = Vec::new();
    for organization in organizations(ports).await {
        if !matches!(organization.status, Status::Removed { .. }) {
            let secret = organization.auth.secret();
            let value = ports.vault.get(secret).await.expect("the vault answers");
            assert!(value.is_some(), "{} has its token", organization.name);
            due.push((secret, SecretOwner::Organization(organization.id)));
        }
    }
    kept.sort_by_key(|(reference, _)| *reference);
    due.sort_by_key(|(reference, _)| *reference);
    assert_eq!(kept, due);
}

/// Whether everything in the store fits together: the file, the history, the licenses.
async fn check_sound(runtime: &Runtime) {
    let report = runtime.store().check().await.expect("a report");
    assert!(report.is_sound(), "{report:?}");
    let ports = runtime.ports();
    let (mut asked, mut held) = (0, 0);
    for organization in organizations(ports).await {
        let counts = ports.inventory.counts(organization.id).await;
        let counts = counts.expect("counts");
        asked += counts.licensed + counts.waiting;
        held += counts.licensed;
        if !matches!(organization.status, Status::Removed { .. }) {
            // Everything asks for a license, and what is gone keeps it for 30 days; what waited and went does not wait any longer.
            let known = counts.repositories + counts.gone;
            assert!(
                counts.licensed + counts.waiting <= known
                    && counts.licensed + counts.waiting >= counts.repositories,
                "{counts:?}"
            );
        }
    }
    let pool = runtime.store().pool().await.expect("the pool");
    assert_eq!(pool.held, held);
    assert_eq!(pool.held + pool.waiting.len() as u64, asked);
    assert!(pool.held <= u64::from(SEATS), "{} seats", pool.held);
    assert!(
        pool.waiting.is_empty() || pool.held == u64::from(SEATS),
        "a seat is idle while one waits"
    );
    assert!(most_seats_ever(ports).await <= u64::from(SEATS));
}

/// Some projects come, some go, some are renamed.
fn change(world: &mut World, round: u32) {
    let core = group(world, "acme/core");
    for number in 0..20 {
        add_project(world, core, &format!("round-{round}-{number}"));
    }
    let ids: Vec<_> = world.projects().map(|project| project.id).collect();
    for (number, id) in ids.iter().take(5).enumerate() {
        let path = format!("renamed-{round}-{number}");
        world.rename_project(*id, &path).expect("renamed");
    }
    for id in ids.iter().rev().skip(20).take(3) {
        world.delete_project(*id).expect("deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_of_following_leaves_before_or_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(PROJECTS, 20)).await;
    let runtime = open(&data_dir, 0).await;
    licenses::configure_seats(runtime.ports(), Seats::Limited(SEATS), &person())
        .await
        .expect("so many seats");
    runtime.close().await;

    let mut moments = Moments(20_261_123);
    let mut known = BTreeSet::new();
    let (mut abandoned, mut applied, mut kept) = (0, 0, 0);
    for round in 0..25_u32 {
        let moment = match round % 5 {
            0 => Moment::Answered(1 + moments.below(12)),
            1 => Moment::Waiting(1 + moments.below(8)),
            2 => Moment::Complete,
            3 => Moment::Applying(moments.below(60_000)),
            _ => Moment::Ticks(moments.below(500_000)),
        };
        sim.world().change(|world| change(world, round));
        let there = on_host(&sim);
        // Two programs a round; each comes after the lease and the attempt of the one before.
        let hours = round * 4;
        let mut worker = Worker::start(&Orders {
            task: Task::Follow,
            hours,
            lease: 60_000,
            ticks: Ticks::Told,
            about: sim.url(),
            data_dir: &data_dir,
        });
        let last = kill_at(moment, &mut worker, &sim);

        let runtime = open(&data_dir, hours + 2).await;
        let ports = runtime.ports();
        check_sound(&runtime).await;
        check_tidy(&runtime).await;
        let Some(acme) = organizations(ports).await.into_iter().next() else {
            assert_eq!(known, BTreeSet::new(), "nothing that was connected is lost");
            runtime.close().await;
            continue;
        };
        let now = present(ports, acme.id).await;
        assert!(
            now == known || now == there,
            "round {round}, {moment:?} after `{last}`: between"
        );
        if now == there {
            applied += 1;
        } else {
            kept += 1;
        }
        let running = newest(ports, &acme).await.is_some_and(|run| run.0);
        let options = runtime.sync_options();
        let work = until_done(
            ports,
            &options,
            acme.id,
            Trigger::Manual,
            never(),
            &NoProgress,
        );
        let runs = Box::pin(work).await.expect("the next program takes over");
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].outcome(), Some(&RunOutcome::Complete));
        assert_eq!(present(ports, acme.id).await, there);
        let dead = ports
            .syncs
            .list(Some(acme.id), None, 2)
            .await
            .expect("runs");
        if running {
            abandoned += 1;
            assert_eq!(dead.items[1].outcome(), Some(&RunOutcome::Abandoned));
        }
        check_sound(&runtime).await;
        runtime.close().await;
        known = there;
    }
    // The test is worth nothing if no kill fell into the work, or all of them into the same part of it.
    assert!(
        abandoned > 2 && applied > 2 && kept > 2,
        "{abandoned} abandoned, {applied} applied, {kept} not"
    );
}

/// Whether the newest run has not ended.
async fn newest(ports: &Ports, acme: &Organization) -> Option<(bool,)> {
    let page = ports
        .syncs
        .list(Some(acme.id), None, 1)
        .await
        .expect("runs");
    let run = page.items.into_iter().next()?;
    Some((run.state == RunState::Running,))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_of_connecting_or_removing_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(3, 1)).await;
    let mut moments = Moments(7);
    let (mut standing, mut nothing) = (0, 0);
    for round in 0..18_u32 {
        let moment = match round % 3 {
            0 => Moment::Answered(1 + moments.below(40)),
            1 => Moment::Waiting(1 + moments.below(4)),
            _ => Moment::Ticks(moments.below(60_000)),
        };
        let mut worker = Worker::start(&Orders {
            task: Task::ConnectAndRemove,
            hours: round * 4,
            lease: 60_000,
            ticks: Ticks::Told,
            about: sim.url(),
            data_dir: &data_dir,
        });
        kill_at(moment, &mut worker, &sim);
        let runtime = open(&data_dir, round * 4 + 2).await;
        check_sound(&runtime).await;
        check_tidy(&runtime).await;
        let present: Vec<Organization> = organizations(runtime.ports())
            .await
            .into_iter()
            .filter(|one| !matches!(one.status, Status::Removed { .. }))
            .collect();
        match present.as_slice() {
            [] => nothing += 1,
            [acme] => {
                standing += 1;
                let acme = acme.clone();
                org_core::use_cases::manage::remove(runtime.ports(), acme, "Acme", &person())
                    .await
                    .expect("it makes room for the next round");
            }
            more => panic!("one account was connected {} times", more.len()),
        }
        check_tidy(&runtime).await;
        runtime.close().await;
    }
    assert!(nothing > 0, "{standing} stood, {nothing} did not");
}

/// A worker that stands still at `task` is killed; `organizations` says how many there are then, present or removed.
async fn check_standing(task: Task, expected_organizations: usize, expected_secrets: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(3, 1)).await;
    if task == Task::StopBeforeDelete {
        let runtime = open(&data_dir, 0).await;
        connect::connect(
            runtime.ports(),
            &crate::support::draft(sim.url()),
            &person(),
            &NoProgress,
        )
        .await
        .expect("it connects");
        runtime.close().await;
    }
    let mut worker = Worker::start(&Orders {
        task,
        hours: 0,
        lease: 60_000,
        ticks: Ticks::Silent,
        about: sim.url(),
        data_dir: &data_dir,
    });
    worker.wait_for("standing");
    worker.kill();

    let early = open(&data_dir, 0).await;
    assert_eq!(
        organizations(early.ports()).await.len(),
        expected_organizations,
        "{task:?}"
    );
    assert_eq!(early.ports().vault.list().await.expect("a list").len(), 1);
    // As long as the program may still be alive its token is left alone.
    connect::clean_up(early.ports()).await.expect("clean");
    let kept = early.ports().vault.list().await.expect("a list").len();
    let attempt_is_open = task == Task::StopAfterPut;
    assert_eq!(kept, if attempt_is_open { 1 } else { expected_secrets });
    early.close().await;

    let late = open(&data_dir, 2).await;
    check_tidy(&late).await;
    let kept = late.ports().vault.list().await.expect("a list").len();
    assert_eq!(kept, expected_secrets, "{task:?}");
    late.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_vault_without_its_organization_is_taken_away() {
    check_standing(Task::StopAfterPut, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_not_handed_over_is_handed_over_later() {
    check_standing(Task::StopBeforeHandOver, 1, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_outlived_its_organization_is_taken_away() {
    check_standing(Task::StopBeforeDelete, 1, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_lease_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(30, 1)).await;
    let mut worker = Worker::start(&Orders {
        task: Task::Follow,
        hours: 0,
        lease: 1_000,
        ticks: Ticks::Told,
        about: sim.url(),
        data_dir: &data_dir,
    });
    kill_at(Moment::Waiting(8), &mut worker, &sim);
    let runtime = open(&data_dir, 0).await;
    let acme = organizations(runtime.ports()).await.remove(0);
    let options = runtime.sync_options();
    let work = until_done(
        runtime.ports(),
        &options,
        acme.id,
        Trigger::Manual,
        never(),
        &NoProgress,
    );
    let runs = Box::pin(work).await.expect("it takes over");
    assert_eq!(
        runs.last().and_then(|run| run.outcome()),
        Some(&RunOutcome::Complete)
    );
    let all = runtime
        .ports()
        .syncs
        .list(None, None, 10)
        .await
        .expect("runs");
    let words: Vec<&str> = all.items.iter().map(SyncRun::state_word).collect();
    assert_eq!(words.first(), Some(&"complete"));
    assert_eq!(words.get(1), Some(&"abandoned"));
    assert_eq!(present(runtime.ports(), acme.id).await, on_host(&sim));
    runtime.close().await;
}
