//! Other processes on the same installation: this very test program, started again as one that works until it is done or killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::draft::OrganizationDraft;
use org_core::organization::Organization;
use org_core::ports::{Ports, SecretVault, VaultError, VaultHealth};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::sync::run::{SyncRun, Trigger};
use org_core::text::SecretName;
use org_core::use_cases::connect::connect;
use org_core::use_cases::follow::{Stop, SyncAnswer, never};
use org_core::use_cases::{
    NoProgress, Progress, ProgressEvent, UseCaseError, lookup, manage, overview,
};
use runtime::config::{Config, LogLevel};
use runtime::scheduler::{self, Chore, Observer};
use runtime::sync::until_done;
use runtime::{Runtime, doctor, logging, stop};
use secrecy::SecretString;

use crate::renewing;
use crate::support::{config, draft, hours_ahead, person};

/// What a worker is told.
const ORDERS: &str = "FORGEHOLD_TEST_WORKER";

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Connects if need be and synchronizes, for ever.
    Follow,
    /// Connects and removes, for ever.
    ConnectAndRemove,
    /// Connects, and stands still once the token is in the vault.
    StopAfterPut,
    /// Connects, and stands still before the token is handed over to the organization.
    StopBeforeHandOver,
    /// Removes the organization, and stands still before its token is deleted.
    StopBeforeDelete,
    /// Synchronizes each of the named organizations in turn, a fixed number of times, once it is told to go.
    Rounds,
    /// Runs the scheduler until a signal comes.
    Schedule,
    /// Renews a sign-in that is due once it is told to go, and perhaps stands still at a step of it.
    Renew,
    /// Connects, synchronizes and fails, with a log of everything.
    Chat,
}

const TASKS: [(&str, Task); 9] = [
    ("follow", Task::Follow),
    ("connect-and-remove", Task::ConnectAndRemove),
    ("stop-after-put", Task::StopAfterPut),
    ("stop-before-hand-over", Task::StopBeforeHandOver),
    ("stop-before-delete", Task::StopBeforeDelete),
    ("rounds", Task::Rounds),
    ("schedule", Task::Schedule),
    ("renew", Task::Renew),
    ("chat", Task::Chat),
];

/// How often each organization is synchronized by [`Task::Rounds`].
pub(crate) const ROUNDS: usize = 8;

/// What a worker needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Orders<'a> {
    pub(crate) task: Task,
    /// How many hours its clock is ahead.
    pub(crate) hours: u32,
    /// How long it keeps a lease, in milliseconds.
    pub(crate) lease: u64,
    /// Whether it tells that time passes.
    pub(crate) ticks: Ticks,
    /// The host, or what else the task is about.
    pub(crate) about: &'a str,
    pub(crate) data_dir: &'a Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticks {
    Told,
    Silent,
}

/// A worker under way. It is killed when the test lets go of it.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests of two processes need a second process"
    )]
    pub(crate) fn start(orders: &Orders<'_>) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let (word, _) = TASKS
            .iter()
            .find(|(_, task)| *task == orders.task)
            .expect("every task has a word");
        let ticks = u8::from(orders.ticks == Ticks::Told);
        let text = format!(
            "{word} {} {} {ticks} {} {}",
            orders.hours,
            orders.lease,
            orders.about,
            orders.data_dir.display()
        );
        let mut child = Command::new(program)
            .args([
                "--exact",
                "worker::worker",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ORDERS, text)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if orders.task == Task::Chat {
                Stdio::piped()
            } else {
                Stdio::inherit()
            })
            .spawn()
            .expect("the worker starts");
        let output = child.stdout.take().expect("its output is piped");
        Self {
            input: child.stdin.take(),
            child,
            lines: BufReader::new(output).lines(),
        }
    }

    /// Waits for a line.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expected: &str) {
        let mut lines = self.lines.by_ref().map(|line| line.expect("text"));
        assert!(
            lines.any(|line| line == expected),
            "the worker ended without `{expected}`"
        );
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is dead");
    }
}

pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .expect("somebody listens");
}

/// No test of its own: the body of the process that [`Worker::start`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    // The name of this test stands at the beginning of the line.
    say("");
    let mut words = orders.splitn(6, ' ');
    let mut word = || words.next().expect("six orders");
    let (task, hours, lease, ticks) = (word(), word(), word(), word());
    let (about, data_dir) = (word(), word());
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (_, task) = TASKS
        .iter()
        .find(|(name, _)| *name == task)
        .expect("a known task");
    if ticks == "1" {
        // A steady tick tells the parent that time passes, whatever this program is at.
        std::thread::spawn(|| {
            loop {
                say("tick");
            }
        });
    }
    let mut config = config(Path::new(data_dir));
    config.sync.lease = std::time::Duration::from_millis(number(lease));
    if *task == Task::Chat {
        config.log.level = LogLevel::Trace;
        logging::init(&config.log, 0);
    }
    if *task == Task::Renew {
        config = renewing::with_client(config, renewing::host_of(about));
    }
    let environment = hours_ahead(u32::try_from(number(hours)).expect("a few hours"));
    let runtime = Runtime::open_in(&config, environment)
        .await
        .expect("it opens");
    let ports = runtime.ports().clone();
    match task {
        Task::Follow => follow(&runtime, about).await,
        Task::ConnectAndRemove => connect_and_remove(&ports, about).await,
        Task::StopAfterPut | Task::StopBeforeHandOver | Task::StopBeforeDelete => {
            stand_still(ports, *task, about).await;
        }
        Task::Rounds => rounds(&runtime, about).await,
        Task::Schedule => schedule(&runtime).await,
        Task::Renew => renewing::renew(&runtime, about).await,
        Task::Chat => chat(&runtime, &config, about).await,
    }
    runtime.close().await;
    say("done");
    std::process::exit(0);
}

/// Tells the parent how far a sync is.
struct Aloud;

impl Progress for Aloud {
    fn report(&self, event: ProgressEvent) {
        match event {
            ProgressEvent::Applying { .. } => say("applying"),
            ProgressEvent::Started { step: "list" } => say("listing"),
            _ => {}
        }
    }
}

pub(crate) async fn the_only(ports: &Ports) -> Option<Organization> {
    let present = overview::all(ports, overview::Which::Present).await;
    let mut present = present.expect("a list").into_iter();
    present.next().map(|overview| overview.organization)
}

async fn follow(runtime: &Runtime, url: &str) {
    let ports = runtime.ports();
    let acme = match the_only(ports).await {
        Some(acme) => acme,
        None => connect(ports, &draft(url), &person(), &NoProgress)
            .await
            .expect("it connects"),
    };
    say("connected");
    loop {
        let runs = finish(runtime, &acme, never(), &Aloud).await;
        say(runs.last().map_or("nothing", SyncRun::state_word));
    }
}

async fn finish(
    runtime: &Runtime,
    organization: &Organization,
    stop: Stop,
    progress: &dyn Progress,
) -> Vec<SyncRun> {
    let (ports, options) = (runtime.ports(), runtime.sync_options());
    let work = until_done(
        ports,
        &options,
        organization.id,
        Trigger::Manual,
        stop,
        progress,
    );
    Box::pin(work).await.expect("it is put down")
}

async fn connect_and_remove(ports: &Ports, url: &str) {
    loop {
        say("connecting");
        let acme = connect(ports, &draft(url), &person(), &NoProgress)
            .await
            .expect("it connects");
        say("removing");
        manage::remove(ports, acme, "Acme", &person())
            .await
            .expect("it is removed");
    }
}

async fn stand_still(mut ports: Ports, task: Task, url: &str) {
    let inner = ports.vault.clone();
    ports.vault = Arc::new(StandingVault { inner, task });
    if task == Task::StopBeforeDelete {
        let acme = the_only(&ports).await.expect("an organization");
        let removal = manage::remove(&ports, acme, "Acme", &person()).await;
        panic!("it stands still before {removal:?}");
    }
    let connected = connect(&ports, &draft(url), &person(), &NoProgress).await;
    panic!("it stands still before {connected:?}");
}

async fn rounds(runtime: &Runtime, names: &str) {
    let mut go = [0];
    say("ready");
    std::io::stdin()
        .read_exact(&mut go)
        .expect("it is told to go");
    for _ in 0..ROUNDS {
        for name in names.split(',') {
            let found = lookup::organization(runtime.ports(), name).await;
            let runs = finish(runtime, &found.expect("it is there"), never(), &NoProgress).await;
            for run in &runs {
                say(run.state_word());
            }
        }
    }
}

struct Listener;

impl Observer for Listener {
    fn started(&self, _organization: &Organization) -> Arc<dyn Progress> {
        say("started");
        Arc::new(NoProgress)
    }

    fn ended(&self, _organization: &Organization, answer: &Result<SyncAnswer, UseCaseError>) {
        match answer {
            Ok(SyncAnswer::Ran { run, .. }) => say(run.state_word()),
            other => say(&format!("{other:?}")),
        }
    }

    fn troubled(&self, chore: Chore, error: &UseCaseError) {
        say(&format!("trouble: {chore}: {error}"));
    }
}

async fn schedule(runtime: &Runtime) {
    let stop = stop::on_signal().expect("signals are heard");
    let (ports, options) = (runtime.ports(), runtime.sync_options());
    scheduler::run(ports, &options, runtime.concurrency(), stop, &Listener).await;
}

/// Everything that may say too much: a refused form, a wrong login, a sync that fails; the parent breaks the host meanwhile.
async fn chat(runtime: &Runtime, config: &Config, url: &str) {
    let ports = runtime.ports();
    let wrong = OrganizationDraft {
        login: "bob".to_owned(),
        ..draft(url)
    };
    let error = connect(ports, &wrong, &person(), &NoProgress).await;
    say(&format!("{:?}", error.expect_err("another login")));
    let acme = connect(ports, &draft(url), &person(), &NoProgress)
        .await
        .expect("it connects");
    say(&format!("{acme:?} {runtime:?} {ports:?} {:?}", draft(url)));
    for _ in 0..2 {
        let runs = finish(runtime, &acme, never(), &NoProgress).await;
        say(&format!("{runs:?}"));
        say(&format!(
            "ran {}",
            runs.last().map_or("nothing", SyncRun::state_word)
        ));
        // The parent answers when it has changed the host.
        std::io::stdin().read_exact(&mut [0]).expect("an answer");
    }
    let findings = doctor::examine(config).await;
    say(&format!("{config:?} {findings:?}"));
}

/// A vault that stands still at a certain step, and says so.
struct StandingVault {
    inner: Arc<dyn SecretVault>,
    task: Task,
}

impl StandingVault {
    async fn stand(&self, task: Task) {
        if self.task == task {
            say("standing");
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl SecretVault for StandingVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let facts = self.inner.put(reference, name, owner, value, now).await;
        self.stand(Task::StopAfterPut).await;
        facts
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.inner.get(reference).await
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.inner.get_version(reference, version).await
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner
            .add_version(reference, expected, value, now)
            .await
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.stand(Task::StopBeforeHandOver).await;
        self.inner.set_owner(reference, owner).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.find(name).await
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.look(reference).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.inner.list().await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.inner.forget_before(reference, version).await
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.stand(Task::StopBeforeDelete).await;
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}
