//! The main job at size: how long a listing takes, how many requests it needs, what it costs in memory, and what a sync that finds nothing
//! new writes.
//!
//! A program of its own instead of a criterion bench, because each figure is one long run and memory is that of a whole process. The
//! simulated GitLab runs in another process (this program again), so that its memory is not counted.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gitlab_sim::{GitlabSim, TokenSpec, World, WorldSpec};
use org_core::draft::{OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::event::Actor;
use org_core::host::HostUrl;
use org_core::listing::{GroupScope, ListingEvent, PersonalNamespace, Scope};
use org_core::organization::{ExistingRepositories, GroupProtection, Organization};
use org_core::ports::HostAccess;
use org_core::sync::run::{SyncRun, Trigger};
use org_core::use_cases::connect::connect;
use org_core::use_cases::follow::{SyncAnswer, never, synchronize};
use org_core::use_cases::{NoProgress, Progress, ProgressEvent};
use runtime::Runtime;
use runtime::config::{Config, ConfigSources};
use secrecy::SecretString;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

/// The first argument that makes this program the simulator.
const SIMULATE: &str = "--simulate";

/// The first argument that has this program synchronize what is in a data directory, so that its memory is measured from the start.
const AGAIN: &str = "--again";

/// How long the simulated GitLab takes for each answer, in milliseconds.
const LATENCY: u64 = 50;

/// How many rows a page of GitLab has at most.
const PAGE: u64 = 100;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(Error::from).and_then(|runtime| {
        let arguments: Vec<String> = env::args().skip(1).collect();
        match arguments.first().map(String::as_str) {
            Some(SIMULATE) => runtime.block_on(simulate(&arguments[1..])),
            Some(AGAIN) => runtime.block_on(again(&arguments[1..])),
            _ => runtime.block_on(measure()),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Serves a world of so many projects and groups until standard input ends.
async fn simulate(arguments: &[String]) -> Result<(), Error> {
    let [projects, groups, latency] = arguments else {
        return Err("three numbers are due".into());
    };
    let spec = WorldSpec::new(7)
        .projects(projects.parse()?)
        .groups(groups.parse()?)
        .depth(5);
    let sim = GitlabSim::builder()
        .world(World::generate(&spec))
        .token(TokenSpec::user("alice").scopes(["read_api"]))
        .latency(Duration::from_millis(latency.parse()?))
        .start()
        .await?;
    writeln!(io::stdout(), "{} {}", sim.url(), sim.token())?;
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}

/// A simulator in another process; it ends with this value.
struct Simulator {
    child: Child,
    input: Option<ChildStdin>,
    url: String,
    token: String,
}

impl Simulator {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this program that starts another"
    )]
    fn start(projects: u64, groups: u64, latency: u64) -> Result<Self, Error> {
        let mut child = Command::new(env::current_exe()?)
            .args([
                SIMULATE.to_owned(),
                projects.to_string(),
                groups.to_string(),
                latency.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the simulator has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let (url, token) = line
            .trim()
            .split_once(' ')
            .ok_or("the simulator did not start")?;
        let (url, token) = (url.to_owned(), token.to_owned());
        Ok(Self {
            input: child.stdin.take(),
            child,
            url,
            token,
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

async fn measure() -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "a simulated GitLab on loopback, {LATENCY} ms for each answer\n"
    )?;
    writeln!(out, "| what | measured | limit |")?;
    writeln!(out, "|---|---|---|")?;
    listing(&mut out, 10_000, 1_000).await?;
    following(&mut out, 100_000, 5_000).await?;
    Ok(())
}

async fn open(directory: &Path) -> Result<(Runtime, Config), Error> {
    let sources = ConfigSources {
        data_dir: Some(directory.to_owned()),
        ..ConfigSources::default()
    };
    let config = Config::load(&sources)?;
    Ok((Runtime::open(&config).await?, config))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
async fn listing(out: &mut impl Write, projects: u64, groups: u64) -> Result<(), Error> {
    let simulator = Simulator::start(projects, groups, LATENCY)?;
    let directory = tempfile::tempdir()?;
    let (runtime, config) = open(directory.path()).await?;
    let access = HostAccess::by_token(
        simulator.url.parse::<HostUrl>()?,
        SecretString::from(simulator.token.clone()),
    );
    let scope = Scope {
        groups: GroupScope::All,
        personal: PersonalNamespace::Included,
    };
    let started = Instant::now();
    let mut stream = runtime.ports().host.list(&access, &scope);
    let (mut repositories, mut requests, mut missing) = (0, 0, 0);
    while let Some(event) = stream.next().await {
        match event? {
            ListingEvent::Repositories(page) => repositories += page.len() as u64,
            ListingEvent::Finished(report) => {
                (requests, missing) = (report.requests, report.missing.len());
            }
            ListingEvent::Groups(_) | ListingEvent::Waiting(_) => {}
        }
    }
    let took = started.elapsed();
    let pages = projects.div_ceil(PAGE);
    let concurrency = config.http.max_concurrency as u64;
    let limit = Duration::from_millis(LATENCY * pages / concurrency).mul_f64(1.25);
    writeln!(
        out,
        "| full listing of {projects} projects in {groups} groups, {concurrency} requests at a time | {:.2} s, {requests} requests, {repositories} rows, {missing} parts missing | {:.2} s: 1.25 x {pages} pages x {LATENCY} ms / {concurrency} |",
        took.as_secs_f64(),
        limit.as_secs_f64()
    )?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
async fn following(out: &mut impl Write, projects: u64, groups: u64) -> Result<(), Error> {
    let simulator = Simulator::start(projects, groups, LATENCY)?;
    let directory = tempfile::tempdir()?;
    let (runtime, _) = open(directory.path()).await?;
    let ports = runtime.ports();
    let draft = OrganizationDraft {
        host: simulator.url.clone(),
        login: "alice".into(),
        token: TokenDraft::Value(SecretString::from(simulator.token.clone())),
        settings: SettingsDraft {
            license_existing: ExistingRepositories::Matching,
            protect_groups: GroupProtection::On,
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    };
    let actor = Actor::Person("bench".to_owned());
    let organization = connect(ports, &draft, &actor, &NoProgress).await?;
    follow(out, &runtime, &organization, "first sync", Trigger::Connect).await?;
    runtime.close().await;
    out.flush()?;
    let again = Command::new(env::current_exe()?)
        .arg(AGAIN)
        .arg(directory.path())
        .status()?;
    if again.success() {
        Ok(())
    } else {
        Err("the second sync failed".into())
    }
}

/// Synchronizes the one organization of a data directory.
async fn again(arguments: &[String]) -> Result<(), Error> {
    let [directory] = arguments else {
        return Err("a directory is due".into());
    };
    let (runtime, _) = open(Path::new(directory)).await?;
    let organizations = runtime.ports().organizations.roster().await?.organizations;
    let organization = organizations.first().ok_or("nothing is connected")?;
    let mut out = io::stdout().lock();
    let mut watcher = watch(Path::new(directory)).await?;
    follow(
        &mut out,
        &runtime,
        organization,
        "sync without a change",
        Trigger::Manual,
    )
    .await?;
    let written: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM written")
        .fetch_one(&mut watcher)
        .await?;
    writeln!(
        out,
        "| inventory rows written by the sync without a change | {written} | 0 |"
    )?;
    runtime.close().await;
    Ok(())
}

/// Has the database note each row of the inventory that is written from now on.
async fn watch(directory: &Path) -> Result<SqliteConnection, Error> {
    let options = SqliteConnectOptions::new().filename(directory.join("forgehold.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(
        "CREATE TABLE written (id INTEGER);
         CREATE TRIGGER r_i AFTER INSERT ON repositories BEGIN INSERT INTO written VALUES (NEW.id); END;
         CREATE TRIGGER r_u AFTER UPDATE ON repositories BEGIN INSERT INTO written VALUES (NEW.id); END;
         CREATE TRIGGER g_i AFTER INSERT ON groups BEGIN INSERT INTO written VALUES (NEW.id); END;
         CREATE TRIGGER g_u AFTER UPDATE ON groups BEGIN INSERT INTO written VALUES (NEW.id); END;",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// How much memory is resident at the end of the listing.
#[derive(Default)]
struct Listed(AtomicU64);

impl Progress for Listed {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::Listed { .. } = event {
            self.0
                .store(peak_memory().unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the real clock"
)]
async fn follow(
    out: &mut impl Write,
    runtime: &Runtime,
    organization: &Organization,
    what: &str,
    trigger: Trigger,
) -> Result<(), Error> {
    let ports = runtime.ports();
    let idle = peak_memory()?;
    let started = Instant::now();
    let (options, listed) = (runtime.sync_options(), Listed::default());
    let answer = synchronize(ports, organization.id, trigger, &options, never(), &listed).await?;
    let took = started.elapsed();
    let SyncAnswer::Ran { run, .. } = answer else {
        return Err("it is busy".into());
    };
    complete(&run)?;
    let above = |peak: u64| mebibytes(peak.saturating_sub(idle));
    writeln!(
        out,
        "| {what} of {} projects | {:.1} s, {} requests; {} | |",
        run.counts.seen,
        took.as_secs_f64(),
        run.requests,
        run.counts
    )?;
    writeln!(
        out,
        "| peak memory while listing for the {what}, above idle ({:.1} MiB) | {:.1} MiB | 64 MiB |",
        mebibytes(idle),
        above(listed.0.load(Ordering::Relaxed)),
    )?;
    writeln!(
        out,
        "| peak memory of the whole {what}, above idle | {:.1} MiB | |",
        above(peak_memory()?)
    )?;
    Ok(())
}

fn complete(run: &SyncRun) -> Result<(), Error> {
    match run.state_word() {
        "complete" => Ok(()),
        _ => Err(format!("the sync did not end well: {run:?}").into()),
    }
}

/// The most memory that this process had resident since it began, in KiB (`proc_pid_status(5)`).
fn peak_memory() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("no VmHWM")?;
    Ok(kib.parse()?)
}

fn mebibytes(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}
