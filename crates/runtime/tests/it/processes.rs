//! Two programs on one installation at the same time.

use chrono::TimeDelta;
use gitlab_sim::{Fault, FaultKind, GitlabSim};
use org_core::draft::OrganizationDraft;
use org_core::ids::SyncId;
use org_core::license::pool::Seats;
use org_core::ports::{Claim, ClaimRequest, LicenseStore as _, RunEnd};
use org_core::sync::run::{Counts, RunOutcome, SyncRun, Trigger};
use org_core::use_cases::{NoProgress, connect, licenses};
use runtime::Runtime;
use sqlx::{Row as _, SqliteConnection};
use std::io::Write as _;
use std::path::Path;

use crate::support::{
    add_project, beside, config, draft, group, most_seats_ever, on_host, person, present, reload,
    simulator, world,
};
use crate::worker::{Orders, ROUNDS, Task, Ticks, Worker};

/// Notes each change of who holds a lease, in the transaction that changes it.
async fn watch_leases(connection: &mut SqliteConnection) {
    sqlx::raw_sql(
        "CREATE TABLE watched (organization BLOB, before BLOB, after BLOB);
         CREATE TRIGGER watch AFTER UPDATE OF lease_sync ON organizations
         WHEN OLD.lease_sync IS NOT NEW.lease_sync
         BEGIN INSERT INTO watched VALUES (NEW.id, OLD.lease_sync, NEW.lease_sync); END;",
    )
    .execute(connection)
    .await
    .expect("the trigger is made");
}

/// Leases only ever came from nobody and went to nobody; answers how many there were.
async fn check_leases(connection: &mut SqliteConnection) -> usize {
    let rows = sqlx::query("SELECT before, after FROM watched")
        .fetch_all(connection)
        .await
        .expect("the notes");
    let mut leases = 0;
    for row in &rows {
        let (before, after): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(0), row.get(1));
        assert!(
            before.is_none() != after.is_none(),
            "a lease went from one program to the other while it held"
        );
        leases += usize::from(after.is_some());
    }
    leases
}

fn start(data_dir: &Path, names: &str) -> Worker {
    let mut worker = Worker::start(&Orders {
        task: Task::Rounds,
        hours: 0,
        lease: 60_000,
        ticks: Ticks::Silent,
        about: names,
        data_dir,
    });
    worker.wait_for("ready");
    worker
}

fn go(workers: &mut [Worker]) {
    for worker in workers.iter_mut() {
        let input = worker.input.as_mut().expect("its input is piped");
        input.write_all(b"!").expect("it listens");
    }
}

/// Waits for the end; answers how the runs ended that a worker was told of.
fn outcomes(worker: &mut Worker) -> Vec<String> {
    let mut words = Vec::new();
    for line in worker.lines.by_ref() {
        let line = line.expect("text");
        if line == "done" {
            return words;
        }
        if ["complete", "partial", "held", "failed", "canceled"].contains(&line.as_str()) {
            words.push(line);
        }
    }
    panic!("the worker ended early, after {words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organization_is_synchronized_by_one_program_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(120, 3)).await;
    let runtime = Runtime::open(&config(&data_dir)).await.expect("it opens");
    let acme = connect::connect(runtime.ports(), &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    let mut connection = beside(&config(&data_dir)).await;
    watch_leases(&mut connection).await;

    let mut workers = [start(&data_dir, "Acme"), start(&data_dir, "Acme")];
    go(&mut workers);
    for worker in &mut workers {
        let words = outcomes(worker);
        assert!(words.len() >= ROUNDS, "each wish was answered: {words:?}");
        assert!(words.iter().all(|word| word == "complete"), "{words:?}");
    }
    let leases = check_leases(&mut connection).await;
    let runs = runtime.ports().syncs.list(None, None, 1_000).await;
    let runs = runs.expect("the runs").items;
    assert_eq!(runs.len(), leases);
    assert!(
        leases >= ROUNDS,
        "no wish was served by a run from before it"
    );
    assert!(runs.iter().all(|run| run.state_word() == "complete"));
    // A wish is served by one run, and at worst asks for two more while it waits for its turn.
    assert!(
        leases <= 6 * ROUNDS,
        "{leases} runs for {} wishes",
        2 * ROUNDS
    );
    assert_eq!(present(runtime.ports(), acme.id).await, on_host(&sim));
    runtime.close().await;
}

fn draft_of(sim: &GitlabSim, name: &str, path: &str) -> OrganizationDraft {
    let mut draft = draft(sim.url());
    draft.name = Some(name.to_owned());
    draft.settings.groups = vec![path.to_owned()];
    draft
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_share_a_short_pool_without_a_seat_too_many() {
    const SEATS: u32 = 150;
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(120, 120)).await;
    // While programs are at it, projects come with every page.
    let mut number = 0;
    sim.trigger(
        gitlab_sim::Trigger::change(move |world| {
            number += 1;
            for path in ["acme/core", "acme/tools"] {
                let id = group(world, path);
                add_project(world, id, &format!("new-{number}"));
            }
        })
        .path("/api/v4/user"),
    );
    let runtime = Runtime::open(&config(&data_dir)).await.expect("it opens");
    let ports = runtime.ports();
    licenses::configure_seats(ports, Seats::Limited(SEATS), &person())
        .await
        .expect("so many seats");
    for (name, path) in [("Core", "acme/core"), ("Tools", "acme/tools")] {
        connect::connect(ports, &draft_of(&sim, name, path), &person(), &NoProgress)
            .await
            .expect("it connects");
    }
    let mut connection = beside(&config(&data_dir)).await;
    watch_leases(&mut connection).await;
    let mut workers = [
        start(&data_dir, "Core,Tools"),
        start(&data_dir, "Tools,Core"),
    ];
    go(&mut workers);
    for worker in &mut workers {
        assert!(outcomes(worker).iter().all(|word| word == "complete"));
    }
    check_leases(&mut connection).await;
    let pool = runtime.store().pool().await.expect("the pool");
    assert_eq!(pool.held, u64::from(SEATS), "none is idle while one waits");
    assert!(pool.waiting.len() > 90, "{} wait", pool.waiting.len());
    assert_eq!(most_seats_ever(ports).await, u64::from(SEATS));
    let report = runtime.store().check().await.expect("a report");
    assert!(report.is_sound(), "{report:?}");
    runtime.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_scheduler_and_its_syncs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let sim = simulator(world(30, 3)).await;
    let runtime = Runtime::open(&config(&data_dir)).await.expect("it opens");
    connect::connect(runtime.ports(), &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    let hang = sim.fault(Fault::new(FaultKind::Hang).path("/api/v4/groups*"));
    let mut worker = Worker::start(&Orders {
        task: Task::Schedule,
        hours: 0,
        lease: 60_000,
        ticks: Ticks::Told,
        about: "-",
        data_dir: &data_dir,
    });
    let reached = worker.lines.by_ref().any(|line| {
        line.expect("text");
        sim.hits(hang) > 0
    });
    assert!(reached, "the scheduler starts what is due");
    let pid = i32::try_from(worker.child.id()).expect("a process id");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is told to stop");
    worker.wait_for("canceled");
    worker.wait_for("done");
    let status = worker.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
    let runs = runtime.ports().syncs.list(None, None, 10).await;
    let runs = runs.expect("the runs").items;
    let words: Vec<&str> = runs.iter().map(SyncRun::state_word).collect();
    assert_eq!(words, ["canceled"]);
    runtime.close().await;
}

#[tokio::test]
async fn a_wish_during_a_run_is_kept_and_a_tick_needs_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = simulator(world(3, 1)).await;
    let runtime = Runtime::open(&config(folder.path()))
        .await
        .expect("it opens");
    let ports = runtime.ports();
    let acme = connect::connect(ports, &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    for (trigger, expected) in [(Trigger::Schedule, false), (Trigger::Manual, true)] {
        let now = ports.clock.now();
        let claim = |trigger| ClaimRequest {
            sync: SyncId::from_uuid(ports.ids.next_id()),
            organization: acme.id,
            trigger,
            holder: runtime.sync_options().holder,
            now,
            lease_until: now + TimeDelta::minutes(1),
        };
        let started = ports.syncs.claim(&claim(Trigger::Manual)).await;
        let Ok(Claim::Started(run)) = started else {
            panic!("{started:?}");
        };
        let busy = ports.syncs.claim(&claim(trigger)).await;
        assert!(matches!(busy, Ok(Claim::Busy { .. })), "{busy:?}");
        let end = RunEnd {
            run: &run,
            at: now,
            outcome: RunOutcome::Canceled,
            counts: Counts::default(),
            requests: 0,
            organization: &reload(ports, acme.id).await,
            vanishing: &[],
            events: &[],
        };
        let ended = ports.syncs.end(&end).await.expect("it ends");
        assert_eq!(ended.follow_up, expected, "{trigger}");
    }
    runtime.close().await;
}
