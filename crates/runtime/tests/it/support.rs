//! An installation in a folder of its own, a simulated GitLab with a world to change, and time that a test moves.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use gitlab_sim::{Account, GitlabSim, GroupId, Role, TokenSpec, World};
use org_core::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::event::Actor;
use org_core::ids::OrganizationId;
use org_core::license::pool::Seats;
use org_core::organization::{
    AutoLicense, ExistingRepositories, GroupProtection, Organization, Status,
};
use org_core::ports::{Clock, EventFilter, Ports, Timer};
use org_core::sync::run::{SyncRun, Trigger};
use org_core::testing::{ManualClock, ManualTimer, build};
use org_core::use_cases::connect::connect;
use org_core::use_cases::follow::{SyncAnswer, never, synchronize};
use org_core::use_cases::{NoProgress, UseCaseError, licenses};
use runtime::Runtime;
use runtime::config::{Config, ConfigSources, ProxyConfig};
use runtime::environment::{Environment, OsEntropy, SystemClock, TokioTimer, UuidSource};
use secrecy::SecretString;
use sqlx::{Connection as _, SqliteConnection};

/// The token of `alice`, which must never be found anywhere.
pub(crate) const TOKEN: &str = "glpat-planted7Qx2mVw9Zk4TnB";

pub(crate) fn person() -> Actor {
    Actor::Person("tester".to_owned())
}

/// A configuration for that directory; nothing of this machine's environment goes into it.
pub(crate) fn config(data_dir: &Path) -> Config {
    let sources = ConfigSources {
        data_dir: Some(data_dir.to_owned()),
        ..ConfigSources::default()
    };
    let mut config = Config::load(&sources).expect("the defaults are good");
    config.http.proxy = ProxyConfig::None;
    config
}

/// `alice` owns the group `acme`, which has so many projects in `acme/core` and `acme/tools`.
pub(crate) fn world(core: u32, tools: u32) -> World {
    let mut world = World::empty(build::noon() - TimeDelta::days(100));
    world.add_user("alice", "Alice", Account::Human);
    let acme = world.create_group(None, "acme").expect("a group");
    for (group, projects) in [("core", core), ("tools", tools)] {
        let id = world
            .create_group(Some(acme.into()), group)
            .expect("a group");
        for number in 1..=projects {
            add_project(&mut world, id, &format!("app-{number:04}"));
        }
    }
    world
        .add_group_member("acme", "alice", Role::Owner)
        .expect("a member");
    world
}

pub(crate) fn add_project(world: &mut World, group: GroupId, path: &str) {
    world.create_project(group, path).expect("a project");
}

pub(crate) fn group(world: &World, path: &str) -> GroupId {
    world.group(path).expect("a group").id
}

/// A timer that moves our clock and the simulator's to the end of each sleep. For the adapter, which sleeps between attempts.
struct JumpTimer {
    ours: Arc<ManualClock>,
    theirs: gitlab_sim::Clock,
}

#[async_trait]
impl Timer for JumpTimer {
    async fn sleep(&self, duration: Duration) {
        self.ours
            .advance(TimeDelta::from_std(duration).expect("nobody waits for ages"));
        self.theirs.advance(duration);
        tokio::task::yield_now().await;
    }
}

/// A clock that is ahead of the machine's, for whatever comes after a lease.
struct ClockAhead(TimeDelta);

impl Clock for ClockAhead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

/// The environment of the machine, so many hours later.
pub(crate) fn hours_ahead(hours: u32) -> Environment {
    Environment {
        clock: Arc::new(ClockAhead(TimeDelta::hours(hours.into()))),
        timer: Arc::new(TokioTimer),
        ids: Arc::new(UuidSource),
        entropy: Arc::new(OsEntropy),
    }
}

/// A simulator with that world and the planted token.
pub(crate) async fn simulator(world: World) -> GitlabSim {
    let token = TokenSpec::user("alice").scopes(["read_api"]).value(TOKEN);
    let builder = GitlabSim::builder().world(world).token(token);
    builder.start().await.expect("the simulator starts")
}

/// The form that everybody here fills in: every repository gets a license while there are seats.
pub(crate) fn draft(url: &str) -> OrganizationDraft {
    OrganizationDraft {
        name: Some("Acme".to_owned()),
        host: url.to_owned(),
        method: Method::AccessToken,
        login: "alice".to_owned(),
        token: TokenDraft::Value(SecretString::from(TOKEN)),
        settings: SettingsDraft {
            protect_groups: GroupProtection::On,
            auto_license: AutoLicense::On,
            license_existing: ExistingRepositories::All,
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    }
}

/// An installation and its host. Time stands still, but for the pauses of the adapter.
pub(crate) struct Scene {
    pub(crate) sim: GitlabSim,
    pub(crate) runtime: Runtime,
    pub(crate) ports: Ports,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn new(world: World) -> Self {
        Self::with(world, |_| {}).await
    }

    pub(crate) async fn with(world: World, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config(&folder.path().join("data"));
        change(&mut config);
        let clock = Arc::new(ManualClock::default());
        let theirs = gitlab_sim::Clock::manual(clock.now());
        let token = TokenSpec::user("alice").scopes(["read_api"]).value(TOKEN);
        let sim = GitlabSim::builder()
            .world(world)
            .token(token)
            .clock(theirs.clone())
            .start()
            .await
            .expect("the simulator starts");
        let environment = Environment {
            clock: clock.clone(),
            timer: Arc::new(JumpTimer {
                ours: clock.clone(),
                theirs,
            }),
            ids: Arc::new(UuidSource),
            entropy: Arc::new(OsEntropy),
        };
        let runtime = Runtime::open_in(&config, environment)
            .await
            .expect("it opens");
        // Only the adapter jumps; a lease is renewed when the time has really come.
        let mut ports = runtime.ports().clone();
        ports.timer = Arc::new(ManualTimer::new(clock.clone()));
        Self {
            sim,
            runtime,
            ports,
            _folder: folder,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Organization, UseCaseError> {
        let draft = draft(self.sim.url());
        connect(&self.ports, &draft, &person(), &NoProgress).await
    }

    pub(crate) async fn seats(&self, seats: u32) {
        licenses::configure_seats(&self.ports, Seats::Limited(seats), &person())
            .await
            .expect("so many seats");
    }

    /// A sync, however it ends.
    pub(crate) async fn sync(&self, organization: &Organization) -> SyncRun {
        sync(&self.ports, &self.runtime, organization).await
    }

    pub(crate) async fn reload(&self, organization: &Organization) -> Organization {
        reload(&self.ports, organization.id).await
    }

    pub(crate) async fn status(&self, organization: &Organization) -> Status {
        self.reload(organization).await.status
    }

    /// Whether what is known and present is what the host has.
    pub(crate) async fn check_inventory(&self, organization: &Organization) {
        assert_eq!(
            present(&self.ports, organization.id).await,
            on_host(&self.sim),
            "the inventory is the host's"
        );
    }

    pub(crate) async fn check_store(&self) {
        let report = self.runtime.store().check().await.expect("a report");
        assert!(report.is_sound(), "{report:?}");
    }
}

pub(crate) async fn sync(ports: &Ports, runtime: &Runtime, organization: &Organization) -> SyncRun {
    let options = runtime.sync_options();
    let id = organization.id;
    let answer = synchronize(ports, id, Trigger::Manual, &options, never(), &NoProgress);
    match Box::pin(answer).await.expect("it is put down") {
        SyncAnswer::Ran { run, .. } => run,
        SyncAnswer::Busy { run, .. } => panic!("nobody else is at it: {run:?}"),
    }
}

pub(crate) async fn reload(ports: &Ports, id: OrganizationId) -> Organization {
    let found = ports.organizations.get(id).await;
    found.expect("the store answers").expect("it is there")
}

/// The ids of the repositories that are known and present.
pub(crate) async fn present(ports: &Ports, id: OrganizationId) -> BTreeSet<u64> {
    let inventory = ports.inventory.inventory(id).await.expect("an inventory");
    inventory
        .repositories
        .iter()
        .filter(|known| known.presence.is_present())
        .map(|known| known.repository.id.get())
        .collect()
}

/// The ids of the projects that are there.
pub(crate) fn on_host(sim: &GitlabSim) -> BTreeSet<u64> {
    sim.world()
        .read(|world| world.projects().map(|project| project.id.0).collect())
}

/// The kinds of all events, oldest first, neighbors of one kind counted.
pub(crate) async fn history(ports: &Ports) -> String {
    let events = ports.events.oldest(&EventFilter::default(), 100_000).await;
    let mut told: Vec<(String, usize)> = Vec::new();
    for stored in events.expect("the store answers") {
        match told.last_mut() {
            Some((kind, count)) if *kind == stored.event.kind => *count += 1,
            _ => told.push((stored.event.kind, 1)),
        }
    }
    let line = |(kind, count): (String, usize)| match count {
        1 => kind,
        count => format!("{kind} x{count}"),
    };
    told.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How many seats were ever held at once, as the history tells; each change of a seat is one event, in the order in which they happened.
pub(crate) async fn most_seats_ever(ports: &Ports) -> u64 {
    let events = ports
        .events
        .oldest(&EventFilter::default(), 1_000_000)
        .await;
    let (mut held, mut most) = (0_u64, 0_u64);
    for stored in events.expect("the store answers") {
        match stored.event.kind.as_str() {
            "license.assigned" => held += 1,
            "license.released" => held -= 1,
            _ => {}
        }
        most = most.max(held);
    }
    most
}

/// A connection beside the store, to look at the tables and to spoil them.
pub(crate) async fn beside(config: &Config) -> SqliteConnection {
    let path = config.data_dir.join("forgehold.sqlite");
    SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("a connection to the file")
}

/// Where a log is written to that a test reads.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: String) {
        self.0.lock().expect("no test panics with it").push(note);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no test panics with it").clone()
    }
}
