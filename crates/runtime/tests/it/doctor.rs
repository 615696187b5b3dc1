//! An examination of what is broken, with what to do about it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use chrono::Days;
use gitlab_sim::{GitlabSim, TokenSpec};
use org_core::testing::{ManualClock, build};
use org_core::use_cases::{NoProgress, connect, manage};
use runtime::Runtime;
use runtime::config::Config;
use runtime::doctor::{Finding, State, examine, examine_in};
use runtime::environment::{Environment, OsEntropy, TokioTimer, UuidSource};

use crate::support::{TOKEN, beside, config, draft, person, reload, simulator, sync, world};

/// A machine on which it is always noon, so that days until something are the same at every hour.
fn noon() -> Environment {
    Environment {
        clock: Arc::new(ManualClock::default()),
        timer: Arc::new(TokioTimer),
        ids: Arc::new(UuidSource),
        entropy: Arc::new(OsEntropy),
    }
}

/// What was found, a line each, with the changing parts replaced.
async fn told(config: &Config) -> String {
    let folder = config.data_dir.parent().expect("it is in a folder");
    let folder = folder.display().to_string();
    let line = |finding: &Finding| {
        let state = match finding.state {
            State::Good => "good",
            State::Warning => "WARNING",
            State::Problem => "PROBLEM",
        };
        let next = match &finding.next_step {
            Some(step) => format!(" -> {step}"),
            None => String::new(),
        };
        format!("{state}: {}: {}{next}", finding.what, finding.detail)
    };
    let findings = examine_in(config, noon()).await;
    let lines: Vec<String> = findings.iter().map(line).collect();
    lines.join("\n").replace(&folder, "HOME")
}

struct Place {
    _folder: tempfile::TempDir,
    config: Config,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&folder.path().join("data"));
        Self {
            _folder: folder,
            config,
        }
    }

    /// One that was used before.
    async fn used() -> Self {
        let place = Self::new();
        place.open().await.close().await;
        place
    }

    async fn open(&self) -> Runtime {
        let opened = Runtime::open_in(&self.config, noon()).await;
        opened.expect("it opens")
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.config.data_dir.join(name)
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is changed");
}

#[tokio::test]
async fn a_new_place_is_made_and_well() {
    let place = Place::new();
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data is made at the first use
    good: database: version 6, 0 events hold
    good: password manager: the vault embedded has 0 secrets, every one readable
    ");
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    good: database: version 6, 0 events hold
    good: password manager: the vault embedded has 0 secrets, every one readable
    ");
    for entry in fs::read_dir(&place.config.data_dir).expect("the directory") {
        let entry = entry.expect("an entry");
        let bits = entry.metadata().expect("its facts").permissions().mode();
        assert_eq!(bits & 0o077, 0, "{:?} is for its owner alone", entry.path());
    }
}

#[tokio::test]
async fn a_place_that_others_may_look_into() {
    let place = Place::used().await;
    mode(&place.config.data_dir, 0o755);
    insta::assert_snapshot!(told(&place.config).await.lines().next().unwrap(), @"WARNING: data directory: others may look into HOME/data -> chmod 700 HOME/data");
}

#[tokio::test]
async fn a_place_that_is_no_directory() {
    let place = Place::new();
    fs::write(&place.config.data_dir, "a file").expect("it is written");
    insta::assert_snapshot!(told(&place.config).await, @"
    PROBLEM: data directory: HOME/data is not a directory -> choose another one with --data-dir
    PROBLEM: installation: the data directory HOME/data cannot be used: it is not a directory; choose another one with --data-dir -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_place_below_a_file() {
    let mut place = Place::new();
    fs::write(&place.config.data_dir, "a file").expect("it is written");
    let file = place.config.data_dir.clone();
    place.config.data_dir = file.join("below");
    let told = told(&place.config)
        .await
        .replace(&file.display().to_string(), "FILE");
    insta::assert_snapshot!(told, @"
    PROBLEM: data directory: HOME/below: Not a directory (os error 20) -> choose another one with --data-dir or make it yours
    PROBLEM: installation: the data directory HOME/below cannot be used: it is not a directory; choose another one with --data-dir -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_place_that_may_not_be_written() {
    let place = Place::used().await;
    mode(&place.config.data_dir, 0o500);
    let told = told(&place.config).await;
    mode(&place.config.data_dir, 0o700);
    insta::assert_snapshot!(told, @"
    good: data directory: HOME/data
    PROBLEM: installation: the data directory HOME/data cannot be used: it is read-only; choose another one with --data-dir or make it writable -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_place_behind_a_broken_link() {
    let place = Place::new();
    symlink("/nowhere/at/all", &place.config.data_dir).expect("a link");
    insta::assert_snapshot!(told(&place.config).await, @"
    PROBLEM: data directory: HOME/data is a link to nowhere -> make the directory that it points at, or choose another one with --data-dir
    PROBLEM: installation: the data directory HOME/data cannot be used: it is not a directory; choose another one with --data-dir -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_database_that_is_none() {
    let place = Place::used().await;
    fs::write(place.file("forgehold.sqlite"), "not a database at all, but long enough for one header of it, and then some more to be sure of that").expect("it is written");
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    PROBLEM: installation: the database cannot be used: HOME/data/forgehold.sqlite: it is not a database -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_history_that_was_tampered_with() {
    let place = Place::used().await;
    let sim = simulator(world(3, 1)).await;
    let runtime = place.open().await;
    connect::connect(runtime.ports(), &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    runtime.close().await;
    let mut connection = beside(&place.config).await;
    sqlx::raw_sql("UPDATE events SET message = 'nothing happened' WHERE sequence = 2")
        .execute(&mut connection)
        .await
        .expect("it is tampered with");
    let told = told(&place.config).await;
    insta::assert_snapshot!(told.lines().nth(1).unwrap(), @"PROBLEM: database: the history does not hold at event 2: it was altered -> stop every program that uses it and restore it from a copy");
}

#[tokio::test]
async fn a_database_with_a_damaged_page() {
    let place = Place::used().await;
    let path = place.file("forgehold.sqlite");
    let mut bytes = fs::read(&path).expect("the file");
    let pages = bytes.len() / 4096;
    assert!(pages > 6, "{pages} pages");
    // The first page says what there is; one of the later ones is an index or a table.
    for page in 3..pages {
        bytes[page * 4096..page * 4096 + 8].fill(0xff);
    }
    fs::write(&path, bytes).expect("it is damaged");
    let findings = examine(&place.config).await;
    let problem = findings
        .iter()
        .find(|finding| finding.state == State::Problem);
    let problem = problem.expect("the damage is found");
    assert!(problem.next_step.is_some(), "{problem:?}");
    assert!(
        ["database", "installation"].contains(&problem.what.as_str()),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_database_of_a_newer_program() {
    let place = Place::used().await;
    let mut connection = beside(&place.config).await;
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'later', TRUE, x'00', 1)",
    )
    .execute(&mut connection)
    .await
    .expect("a later version");
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    PROBLEM: installation: the database is of version 9000, newer than this program's 6; use a program at least as new as the one that wrote it -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_key_that_does_not_fit() {
    let place = Place::used().await;
    let key = place.file("vault.key");
    fs::write(&key, format!("{}\n", "ab".repeat(32))).expect("another key");
    mode(&key, 0o600);
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    PROBLEM: installation: the key does not open this vault: the key file HOME/data/vault.key was given, and it is not the key of HOME/data/vault.sqlite (key generation 1); give the one that was set last -> mend this first; nothing else can be looked at before
    ");
}

#[tokio::test]
async fn a_key_that_is_missing_or_open_to_others() {
    let place = Place::used().await;
    let key = place.file("vault.key");
    mode(&key, 0o644);
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    PROBLEM: installation: the vault is locked: the key file HOME/data/vault.key may be used by others (mode 0644); make it yours alone: chmod 600 HOME/data/vault.key -> mend this first; nothing else can be looked at before
    ");
    fs::remove_file(&key).expect("it is removed");
    insta::assert_snapshot!(told(&place.config).await, @"
    good: data directory: HOME/data
    PROBLEM: installation: the vault is locked: the key file HOME/data/vault.key is missing; put it back from the backup: without it nobody can read the secrets -> mend this first; nothing else can be looked at before
    ");
}

/// The findings about hosts and organizations, in which the address and what took how long are replaced.
async fn about_organizations(config: &Config, sim_url: &str) -> String {
    let told = told(config).await;
    let lines = told.lines().skip(3).map(|line| {
        let address = sim_url.trim_start_matches("http://");
        let line = line.replace(sim_url, "SIM").replace(address, "ADDRESS");
        match line.split_once(" ms") {
            Some(_) => "good: host SIM: reached".to_owned(),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn connected(token: TokenSpec) -> (Place, GitlabSim) {
    let place = Place::used().await;
    let token = token.scopes(["read_api"]).value(TOKEN);
    let sim = GitlabSim::builder().world(world(3, 1)).token(token);
    let sim = sim.clock(gitlab_sim::Clock::manual(build::noon()));
    let sim = sim.start().await.expect("the simulator starts");
    let runtime = place.open().await;
    connect::connect(runtime.ports(), &draft(sim.url()), &person(), &NoProgress)
        .await
        .expect("it connects");
    runtime.close().await;
    (place, sim)
}

#[tokio::test]
async fn organizations_that_are_well_paused_or_wait_for_a_person() {
    let (place, sim) = connected(TokenSpec::user("alice")).await;
    insta::assert_snapshot!(about_organizations(&place.config, sim.url()).await, @"
    good: host SIM: reached
    good: organization Acme: connected; token without expiry
    ");

    let runtime = place.open().await;
    let ports = runtime.ports().clone();
    let acme = ports
        .organizations
        .roster()
        .await
        .expect("it")
        .organizations;
    let token = sim.tokens()[0].id;
    sim.world()
        .change(|world| world.revoke_token(token))
        .expect("revoked");
    let run = sync(&ports, &runtime, &acme[0]).await;
    assert_eq!(run.state_word(), "failed");
    insta::assert_snapshot!(about_organizations(&place.config, sim.url()).await, @"
    good: host SIM: reached
    PROBLEM: organization Acme: the host refuses the access token -> make a new token at the host and reconnect the organization with it
    ");

    let acme = reload(&ports, acme[0].id).await;
    let acme = manage::pause(&ports, acme, &person())
        .await
        .expect("paused");
    insta::assert_snapshot!(about_organizations(&place.config, sim.url()).await, @"
    good: host SIM: reached
    WARNING: organization Acme: paused -> forgehold org resume Acme
    ");

    manage::remove(&ports, acme, "Acme", &person())
        .await
        .expect("removed");
    insta::assert_snapshot!(about_organizations(&place.config, sim.url()).await, @"");
    runtime.close().await;
}

#[tokio::test]
async fn a_token_that_ends_soon() {
    let today = build::noon().date_naive();
    let token = |days| TokenSpec::user("alice").expires_at(today + Days::new(days));
    for (days, expected) in [
        (
            300,
            "good: organization Acme: connected; token good for 300 days",
        ),
        (
            6,
            "WARNING: organization Acme: its access token stops working in 6 days -> forgehold org rotate-token Acme, or make a new token and reconnect",
        ),
        (
            1,
            "WARNING: organization Acme: its access token stops working in 1 day -> forgehold org rotate-token Acme, or make a new token and reconnect",
        ),
    ] {
        let (place, _sim) = connected(token(days)).await;
        let told = told(&place.config).await;
        assert_eq!(told.lines().last(), Some(expected));
    }
}

#[tokio::test]
async fn a_host_that_is_away() {
    let (place, sim) = connected(TokenSpec::user("alice")).await;
    let url = sim.url().to_owned();
    sim.shutdown().await;
    let told = about_organizations(&place.config, &url).await;
    insta::assert_snapshot!(told, @"
    PROBLEM: host SIM: TCP: no connection to ADDRESS (Connection refused (os error 111)); nothing listens there; check the port -> check the address, the network and the host
    good: organization Acme: connected; token without expiry
    ");
}
