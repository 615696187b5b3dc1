//! The loop in the foreground, over the strictest fakes and a clock that the tests move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use org_core::draft::{Method, OrganizationDraft, ScheduleDraft, SettingsDraft, TokenDraft};
use org_core::ids::{OrganizationId, ProcessId};
use org_core::organization::{ActionReason, Organization, Status};
use org_core::ports::{OrganizationChange, OrganizationStore, Ports, Roster, StoreError};
use org_core::sync::run::Trigger;
use org_core::testing::{FlakyStore, PageFault, StoreFault, TestBench, VaultFault, World, build};
use org_core::text::OrganizationName;
use org_core::use_cases::follow::{Stop, SyncAnswer, SyncOptions, never, synchronize};
use org_core::use_cases::{NoProgress, Progress, UseCaseError, connect, manage};
use runtime::scheduler::{self, Chore, Observer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Notes, person};

/// Account and group number `n` are the organization `org-n`, by the token `token-n`; each has five repositories.
fn world(organizations: u64) -> World {
    let mut world = World::new();
    for number in 1..=organizations {
        world.add_account(number, &format!("robot-{number}"));
        world.add_token(&format!("token-{number}"), number, &["read_api"]);
        world.add_group(number, &format!("group-{number}"));
        world.join(number, number);
        for repository in 1..=5 {
            let path = format!("group-{number}/project-{repository}");
            world.add_repository(build::repository(100 * number + repository, &path).build());
        }
    }
    world
}

/// A bench with so many organizations, all of them due.
async fn bench(organizations: u64) -> TestBench {
    let bench = TestBench::new(world(organizations));
    for number in 1..=organizations {
        connect_one(&bench, number).await;
    }
    bench
}

async fn connect_one(bench: &TestBench, number: u64) -> Organization {
    let draft = OrganizationDraft {
        name: Some(format!("org-{number}")),
        host: build::host_url().to_string(),
        method: Method::AccessToken,
        login: format!("robot-{number}"),
        token: TokenDraft::Value(build::secret(&format!("token-{number}"))),
        settings: SettingsDraft {
            schedule: ScheduleDraft {
                every: Some("1h".to_owned()),
                ..ScheduleDraft::default()
            },
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    };
    connect::connect(&bench.ports(), &draft, &person(), &NoProgress)
        .await
        .expect("it connects")
}

/// Lets everything happen that can happen without the clock. There is one thread and no outside world, so a bounded number of turns is enough.
async fn quiet() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

#[derive(Clone, Default)]
struct Watcher(Notes);

impl Observer for Watcher {
    fn started(&self, organization: &Organization) -> Arc<dyn Progress> {
        self.0.add(format!("{} started", organization.name));
        Arc::new(NoProgress)
    }

    fn ended(&self, organization: &Organization, answer: &Result<SyncAnswer, UseCaseError>) {
        let word = match answer {
            Ok(SyncAnswer::Ran { run, .. }) => run.state_word().to_owned(),
            Ok(SyncAnswer::Busy { .. }) => "busy".to_owned(),
            Err(error) => error.to_string(),
        };
        self.0.add(format!("{} {word}", organization.name));
    }

    fn troubled(&self, chore: Chore, error: &UseCaseError) {
        self.0.add(format!("trouble: {chore}: {error}"));
    }
}

/// A loop under way.
struct Loop {
    watcher: Watcher,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

fn options(holder: u64) -> SyncOptions {
    SyncOptions {
        holder: ProcessId::from_uuid(build::uuid(holder)),
        lease: Duration::from_mins(1),
    }
}

fn stop_of(receiver: oneshot::Receiver<()>) -> Stop {
    receiver.map(|_| ()).boxed().shared()
}

impl Loop {
    fn start(ports: Ports, concurrency: usize) -> Self {
        Self::of_holder(ports, concurrency, 1)
    }

    fn of_holder(ports: Ports, concurrency: usize, holder: u64) -> Self {
        let watcher = Watcher::default();
        let (stop, stopped) = oneshot::channel();
        let observer = watcher.clone();
        let task = tokio::spawn(async move {
            let stop = stop_of(stopped);
            scheduler::run(&ports, &options(holder), concurrency, stop, &observer).await;
        });
        Self {
            watcher,
            stop: Some(stop),
            task,
        }
    }

    fn told(&self) -> Vec<String> {
        self.watcher.0.all()
    }

    fn count(&self, word: &str) -> usize {
        self.told()
            .iter()
            .filter(|line| line.ends_with(word))
            .count()
    }

    async fn end(mut self) -> Vec<String> {
        let stop = self.stop.take().expect("it was not stopped before");
        stop.send(()).expect("the loop listens");
        quiet().await;
        assert!(self.task.is_finished(), "a stop ends the loop");
        self.task.await.expect("it ends without a panic");
        self.watcher.0.all()
    }
}

async fn runs(bench: &TestBench) -> Vec<(String, &'static str)> {
    let ports = bench.ports();
    let page = ports.syncs.list(None, None, 1_000).await.expect("the runs");
    let names = ports.organizations.roster().await.expect("the roster");
    let name = |id: OrganizationId| {
        let mut all = names.organizations.iter();
        let found = all.find(|one| one.id == id).expect("it is there");
        found.name.to_string()
    };
    let mut runs: Vec<_> = page
        .items
        .iter()
        .map(|run| (name(run.organization), run.state_word()))
        .collect();
    runs.sort_unstable();
    runs
}

fn once_each(organizations: u64) -> Vec<(String, &'static str)> {
    (1..=organizations)
        .map(|number| (format!("org-{number}"), "complete"))
        .collect()
}

#[tokio::test]
async fn what_is_due_runs_several_at_once_and_never_more() {
    let bench = bench(5).await;
    bench.host.at_page(1, PageFault::Hang);
    bench.host.at_page(1, PageFault::Hang);
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    assert_eq!(running.told(), ["org-1 started", "org-2 started"]);
    bench.advance(TimeDelta::seconds(30));
    quiet().await;
    assert_eq!(running.count("started"), 2, "there is no room");
    bench.host.release();
    quiet().await;
    let told = running.end().await;
    assert_eq!(told.len(), 10);
    assert_eq!(runs(&bench).await, once_each(5));
}

#[tokio::test]
async fn the_next_run_comes_when_its_time_has_come_and_not_before() {
    let bench = bench(1).await;
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    assert_eq!(running.count("complete"), 1);
    let next = bench.ports().organizations.next_due().await;
    let next = next.expect("an answer").expect("it is planned");
    assert!(next > bench.now() && next <= bench.now() + TimeDelta::hours(1));
    let requests = bench.host.requests();
    while bench.now() + TimeDelta::seconds(5) < next {
        bench.advance(TimeDelta::seconds(5));
        quiet().await;
    }
    assert_eq!(running.count("started"), 1, "it is not due yet");
    assert_eq!(bench.host.requests(), requests);
    bench.clock.set(next + TimeDelta::seconds(1));
    quiet().await;
    assert_eq!(running.count("complete"), 2);
    running.end().await;
}

#[tokio::test]
async fn missed_runs_are_made_up_by_one() {
    let bench = bench(3).await;
    bench.advance(TimeDelta::days(3));
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    assert_eq!(runs(&bench).await, once_each(3));
    running.end().await;
    bench.advance(TimeDelta::days(10));
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    assert_eq!(runs(&bench).await.len(), 6);
    running.end().await;
}

#[tokio::test]
async fn what_is_asked_for_during_a_run_follows_it() {
    let bench = bench(1).await;
    bench.host.at_page(1, PageFault::Hang);
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    let ports = bench.ports();
    let id = ports
        .organizations
        .roster()
        .await
        .expect("it")
        .organizations[0]
        .id;
    let options = options(2);
    for _ in 0..3 {
        let answer = synchronize(&ports, id, Trigger::Manual, &options, never(), &NoProgress);
        let answer = answer.await.expect("an answer");
        assert!(matches!(answer, SyncAnswer::Busy { .. }), "{answer:?}");
    }
    bench.host.release();
    quiet().await;
    assert_eq!(
        running.count("complete"),
        2,
        "one more, however often it was asked for"
    );
    bench.advance(TimeDelta::minutes(2));
    quiet().await;
    assert_eq!(running.count("started"), 2);
    running.end().await;
}

#[tokio::test]
async fn what_is_paused_or_removed_does_not_run() {
    let bench = bench(3).await;
    let ports = bench.ports();
    let all = ports
        .organizations
        .roster()
        .await
        .expect("it")
        .organizations;
    manage::pause(&ports, all[0].clone(), &person())
        .await
        .expect("paused");
    manage::remove(&ports, all[1].clone(), "org-2", &person())
        .await
        .expect("removed");
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    assert_eq!(running.told(), ["org-3 started", "org-3 complete"]);
    // Whoever resumes is served by the loop that runs.
    let paused = ports.organizations.get(all[0].id).await;
    let paused = paused.expect("an answer").expect("it is there");
    manage::resume(&ports, paused, &person())
        .await
        .expect("resumed");
    bench.advance(TimeDelta::seconds(7));
    quiet().await;
    assert_eq!(running.told()[2..], ["org-1 started", "org-1 complete"]);
    running.end().await;
}

#[tokio::test]
async fn a_host_that_refuses_one_token_is_not_asked_again_and_again() {
    let bench = bench(3).await;
    bench.host.revoke_token("token-2");
    let running = Loop::start(bench.ports(), 1);
    quiet().await;
    let expected = [
        ("org-1", "complete"),
        ("org-2", "failed"),
        ("org-3", "complete"),
    ];
    let expected: Vec<_> = expected.map(|(name, word)| (name.to_owned(), word)).into();
    assert_eq!(runs(&bench).await, expected);
    let requests = bench.host.requests();
    for _ in 0..20 {
        bench.advance(TimeDelta::seconds(6));
        quiet().await;
    }
    assert_eq!(
        bench.host.requests(),
        requests,
        "it waits for its next time"
    );
    let all = bench.ports().organizations.roster().await.expect("it");
    let reason = Status::ActionRequired(ActionReason::TokenRevoked);
    assert_eq!(all.organizations[1].status, reason);
    running.end().await;
}

/// A store in which one organization cannot be read.
struct OneUnreadable {
    inner: Arc<dyn OrganizationStore>,
    id: OrganizationId,
}

#[async_trait]
impl OrganizationStore for OneUnreadable {
    async fn roster(&self) -> Result<Roster, StoreError> {
        self.inner.roster().await
    }

    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        if id == self.id {
            return Err(StoreError::Inconsistent {
                table: "organizations",
                column: "settings",
                row: id.to_string(),
                source: "it is damaged".into(),
            });
        }
        self.inner.get(id).await
    }

    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError> {
        self.inner.find(name).await
    }

    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        self.inner.insert(change).await
    }

    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError> {
        self.inner.update(change).await
    }

    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.next_run(id).await
    }

    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.inner.set_next_run(id, at).await
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.inner.next_due().await
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_not_stop_the_others() {
    let bench = bench(4).await;
    let mut ports = bench.ports();
    let all = ports
        .organizations
        .roster()
        .await
        .expect("it")
        .organizations;
    ports.organizations = Arc::new(OneUnreadable {
        inner: ports.organizations.clone(),
        id: all[0].id,
    });
    let running = Loop::start(ports, 1);
    for _ in 0..4 {
        quiet().await;
        bench.advance(TimeDelta::seconds(2));
    }
    quiet().await;
    assert_eq!(runs(&bench).await, once_each(4)[1..]);
    let trouble = |told: &[String]| {
        told.iter()
            .filter(|line| line.starts_with("trouble"))
            .count()
    };
    // Once where notices are given, once where it is due.
    assert_eq!(trouble(&running.told()), 2, "it rests in between");
    bench.advance(TimeDelta::seconds(12));
    quiet().await;
    assert_eq!(trouble(&running.end().await), 3, "and is looked at again");
}

#[tokio::test]
async fn what_cannot_be_cleaned_up_is_named_and_keeps_nothing_else() {
    let bench = bench(2).await;
    let mut ports = bench.ports();
    let roster = ports.organizations.roster().await.expect("a roster");
    // The reminders have a trouble of their own, so that they are seen to be given although the vault is away.
    ports.organizations = Arc::new(OneUnreadable {
        inner: ports.organizations.clone(),
        id: roster.organizations[1].id,
    });
    bench.vault.break_with(VaultFault::Unavailable);
    let running = Loop::start(ports, 2);
    quiet().await;
    let told = running.end().await;
    let trouble = |chore: Chore| {
        let start = format!("trouble: {chore}: ");
        told.iter().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!(trouble(Chore::CleanUpAttempts), 1, "{told:?}");
    assert_eq!(trouble(Chore::Remind), 1, "{told:?}");
    assert_eq!(trouble(Chore::FindDue), 0, "{told:?}");
    assert!(told.contains(&"org-1 started".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_is_asked_again() {
    let bench = bench(2).await;
    let store = Arc::new(FlakyStore::new(bench.store.clone()));
    for call in 1..=9 {
        store.fail_at(call, StoreFault::Unavailable);
    }
    let running = Loop::start(bench.clone().with_stores(&store).ports(), 2);
    quiet().await;
    assert!(
        running.count("the test said so") >= 1,
        "{:?}",
        running.told()
    );
    let troubles = running.told().len();
    quiet().await;
    assert_eq!(running.told().len(), troubles, "it does not spin");
    for _ in 0..20 {
        bench.advance(TimeDelta::seconds(7));
        quiet().await;
    }
    assert_eq!(runs(&bench).await, once_each(2));
    running.end().await;
}

#[tokio::test]
async fn a_stop_cancels_what_runs_and_returns() {
    let bench = bench(3).await;
    for _ in 0..2 {
        bench.host.at_page(1, PageFault::Hang);
    }
    let running = Loop::start(bench.ports(), 2);
    quiet().await;
    let told = running.end().await;
    assert_eq!(
        told,
        [
            "org-1 started",
            "org-2 started",
            "org-1 canceled",
            "org-2 canceled"
        ]
    );
    let ports = bench.ports();
    for organization in ports
        .organizations
        .roster()
        .await
        .expect("it")
        .organizations
    {
        assert_eq!(organization.status, Status::Connected);
    }
    // What did not start is still due; what was canceled comes at its next time.
    let due = ports.organizations.due(bench.now(), 10).await.expect("due");
    assert_eq!(due.len(), 1);
}

#[tokio::test]
async fn a_stop_that_came_before_starts_nothing() {
    let bench = bench(2).await;
    let (ports, watcher) = (bench.ports(), Watcher::default());
    let (stop, stopped) = oneshot::channel();
    stop.send(()).expect("it is heard");
    scheduler::run(&ports, &options(1), 2, stop_of(stopped), &watcher).await;
    assert_eq!(watcher.0.all(), Vec::<String>::new());
    assert_eq!(runs(&bench).await, []);
}

#[tokio::test]
async fn two_loops_share_the_work() {
    let bench = bench(4).await;
    for _ in 0..4 {
        bench.host.at_page(1, PageFault::Hang);
    }
    let one = Loop::of_holder(bench.ports(), 2, 1);
    quiet().await;
    let two = Loop::of_holder(bench.ports(), 2, 2);
    quiet().await;
    assert_eq!(one.told(), ["org-1 started", "org-2 started"]);
    assert_eq!(two.told(), ["org-3 started", "org-4 started"]);
    bench.host.release();
    quiet().await;
    assert_eq!(one.count("complete") + two.count("complete"), 4);
    assert_eq!(runs(&bench).await, once_each(4), "nothing was done twice");
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn two_loops_that_see_the_same_tick_do_it_once() {
    let bench = bench(3).await;
    let one = Loop::of_holder(bench.ports(), 4, 1);
    quiet().await;
    let two = Loop::of_holder(bench.ports(), 4, 2);
    quiet().await;
    assert_eq!(runs(&bench).await, once_each(3));
    let due = bench.ports().organizations;
    for tick in 1..=24 {
        let next = due.next_due().await.expect("an answer");
        bench.clock.set(next.expect("it is planned"));
        bench.host.at_page(1, PageFault::Hang);
        quiet().await;
        // Both loops woke at the same moment, and one of them came too late.
        assert_eq!(one.count("busy") + two.count("busy"), tick);
        bench.host.release();
        quiet().await;
        assert_eq!(runs(&bench).await.len(), 3 + tick);
    }
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn the_lease_of_a_dead_program_is_waited_for() {
    let bench = bench(1).await;
    bench.host.at_page(1, PageFault::Hang);
    let dead = Loop::of_holder(bench.ports(), 1, 1);
    quiet().await;
    dead.task.abort();
    quiet().await;
    let running = Loop::of_holder(bench.ports(), 1, 2);
    bench.advance(TimeDelta::minutes(61));
    for _ in 0..3 {
        quiet().await;
        bench.advance(TimeDelta::seconds(7));
    }
    quiet().await;
    let expected = [("org-1", "abandoned"), ("org-1", "complete")];
    let expected: Vec<_> = expected.map(|(name, word)| (name.to_owned(), word)).into();
    assert_eq!(runs(&bench).await, expected);
    running.end().await;
}
