//! Other processes on the same database: this very test program, started again as one that works until it is done or killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use chrono::TimeDelta;
use org_core::ids::OrganizationId;
use org_core::license::pool::Seats;
use org_core::ports::{EventStore, InventoryStore, LicenseStore, OrganizationStore, SyncStore};
use org_core::testing::build;

use crate::support::{Scratch, connect, get, open, plan, repositories, request, started};

/// What a worker is told: the database, which organization, how many syncs.
const ORDERS: &str = "FORGEHOLD_TEST_WORKER";

/// How many repositories each sync adds.
pub(crate) const STEP: u64 = 150;

/// How many seats there are while workers work.
pub(crate) const SEATS: u32 = 1_000;

/// A worker under way.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) lines: std::io::Lines<BufReader<ChildStdout>>,
}

/// Starts a worker: it adds [`STEP`] repositories to the organization, sync after sync.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests of two processes need a second process"
)]
pub(crate) fn start(path: &Path, organization: u64, syncs: u64) -> Worker {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .args([
            "--exact",
            "processes::worker",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ORDERS, format!("{organization} {syncs} {}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the worker starts");
    let output = child.stdout.take().expect("its output is piped");
    Worker {
        child,
        lines: BufReader::new(output).lines(),
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .expect("somebody listens");
}

/// No test of its own: the body of the process that [`start`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let mut orders = orders.splitn(3, ' ');
    let mut number = || {
        orders
            .next()
            .and_then(|order| order.parse::<u64>().ok())
            .expect("a number")
    };
    let (number, syncs) = (number(), number());
    let path = orders.next().expect("a path");
    let organization = build::organization_id(number);
    // A steady tick tells the parent that time passes, whatever the sync is at.
    std::thread::spawn(|| {
        loop {
            say("tick");
        }
    });
    let store = open(Path::new(path)).await;
    for _ in 0..syncs {
        let version = get(&store, organization).await.version;
        // Whoever was killed left a lease behind; it is over by then.
        let newest = SyncStore::list(&store, Some(organization), None, 1)
            .await
            .expect("the runs");
        let (now, fence) = newest.items.first().map_or((build::noon(), 0), |run| {
            (run.started_at + TimeDelta::hours(1), run.fence)
        });
        let id = number * 1_000_000 + fence + 1;
        let run = started(&store, &request(organization, id, now)).await;
        let known = store
            .inventory(organization)
            .await
            .expect("the inventory")
            .repositories
            .len();
        let mut listing = repositories(1, known as u64 + STEP);
        for repository in &mut listing {
            // Each sync retitles what is known.
            repository.name = format!("at {version}").into();
        }
        loop {
            let planned = plan(
                &store,
                run.clone(),
                listing.clone(),
                Vec::new(),
                Seats::Limited(SEATS),
            )
            .await;
            say("applying");
            match planned.apply(&store).await {
                Ok(_) => break,
                // Another process changed the pool meanwhile.
                Err(org_core::ports::StoreError::Stale { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        say("applied");
    }
    say("done");
    std::process::exit(0);
}

/// Whether everything in the database fits together; answers how many syncs of the organization were applied.
pub(crate) async fn applied_syncs(path: &Path, organization: OrganizationId) -> u64 {
    let store = open(path).await;
    let report = store.check().await.expect("a report");
    assert!(report.is_sound(), "{report:?}");
    let inventory = store.inventory(organization).await.expect("the inventory");
    let syncs = inventory.generation;
    let repositories = inventory.repositories.len() as u64;
    assert_eq!(repositories, syncs * STEP);
    let titles = inventory
        .repositories
        .iter()
        .filter(|known| known.repository.name == inventory.repositories[0].repository.name);
    assert_eq!(
        titles.count() as u64,
        repositories,
        "all of them were retitled by the same sync"
    );
    // Applying is the only change of the record, and the first version is 1.
    assert_eq!(get(&store, organization).await.version, syncs + 1);
    let events = store
        .newest(
            &org_core::ports::EventFilter {
                organization: Some(organization),
                kind: Some("repository.added".to_owned()),
                ..Default::default()
            },
            u32::MAX,
        )
        .await
        .expect("the history");
    assert_eq!(events.len() as u64, repositories);
    let counts = store.counts(organization).await.expect("counts");
    assert_eq!(
        counts.licensed + counts.waiting,
        repositories,
        "each asked for a seat"
    );
    let pool = store.pool().await.expect("the pool");
    assert!(
        pool.held <= u64::from(SEATS),
        "{} seats are held",
        pool.held
    );
    assert!(
        pool.waiting.is_empty() || pool.held == u64::from(SEATS),
        "no seat is idle while one waits"
    );
    store.close().await;
    syncs
}

#[tokio::test]
async fn two_processes_work_on_one_database() {
    let scratch = Scratch::new().await;
    let (one, two) = (
        connect(&scratch.store, 1).await,
        connect(&scratch.store, 2).await,
    );
    let mut workers = [start(&scratch.path(), 1, 6), start(&scratch.path(), 2, 6)];
    for worker in &mut workers {
        let done = worker
            .lines
            .by_ref()
            .any(|line| line.expect("text") == "done");
        let status = worker.child.wait().expect("it ends");
        assert!(done && status.success(), "{status}");
    }
    for organization in [one, two] {
        assert_eq!(applied_syncs(&scratch.path(), organization).await, 6);
    }
    let roster = scratch.store.roster().await.expect("the roster");
    assert_eq!(roster.generation, 2);
    let summary = scratch.store.summary().await.expect("the summary");
    assert_eq!(
        (summary.held, summary.waiting),
        (u64::from(SEATS), 12 * STEP - u64::from(SEATS))
    );
}
