//! A simulated GitLab for a test: a small company whose groups and projects are known by name.

use std::time::Duration;

use chrono::{DateTime, Utc};
use gitlab_sim::{
    Account, Builder, FaultId, GitlabSim, ProjectPatch, Role, TokenSpec, World, WorldHandle,
};
use tokio::runtime::Runtime;

use crate::place::{Place, Ran};

/// A simulator on a runtime of its own, so that a test may wait for the program meanwhile.
pub(crate) struct Sim {
    sim: Option<GitlabSim>,
    runtime: Runtime,
}

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

impl Sim {
    pub(crate) fn start(builder: Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let sim = runtime
            .block_on(builder.start())
            .expect("the simulator starts");
        Self {
            sim: Some(sim),
            runtime,
        }
    }

    /// The company, seen by `alice`, who owns it.
    pub(crate) fn company() -> Self {
        Self::start(
            GitlabSim::builder()
                .world(company())
                .token(TokenSpec::user("alice")),
        )
    }

    pub(crate) fn get(&self) -> &GitlabSim {
        self.sim.as_ref().expect("it is there until it is stopped")
    }

    pub(crate) fn url(&self) -> &str {
        self.get().url()
    }

    pub(crate) fn token(&self) -> &str {
        self.get().token()
    }

    pub(crate) fn world(&self) -> WorldHandle {
        self.get().world()
    }

    /// Closes its socket, as a host that is out of order.
    pub(crate) fn stop(&mut self) {
        let sim = self.sim.take().expect("it is there until it is stopped");
        self.runtime.block_on(sim.shutdown());
    }

    /// Waits until a fault has struck.
    #[track_caller]
    pub(crate) fn wait_for(&self, fault: FaultId) {
        let struck = self.runtime.block_on(async {
            let struck = async {
                while self.get().hits(fault) == 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, struck).await
        });
        assert!(struck.is_ok(), "the fault never struck");
    }

    /// Connects the company as `acme`, with these flags besides.
    pub(crate) fn connect(&self, place: &Place, flags: &[&str]) -> Ran {
        let mut args = vec![
            "org",
            "add",
            "gitlab",
            "--host",
            self.url(),
            "--login",
            "alice",
        ];
        args.extend(["--token-stdin", "--name", "acme"]);
        args.extend(flags);
        place.run_with(&args, &format!("{}\n", self.token()))
    }
}

/// When the history of the company ends.
fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// `acme` with `acme/platform`; the projects `api`, `web`, `old` (archived) and `platform/core`.
pub(crate) fn company() -> World {
    let mut world = World::empty(now());
    world.add_user("alice", "Alice", Account::Human);
    world.add_user("bob", "Bob", Account::Human);
    world.create_group(None, "acme").expect("a new group");
    world
        .create_group(Some("acme".into()), "platform")
        .expect("a new group");
    for (group, path) in [
        ("acme", "api"),
        ("acme", "web"),
        ("acme", "old"),
        ("acme/platform", "core"),
    ] {
        world.create_project(group, path).expect("a new project");
    }
    let archived = ProjectPatch {
        archived: Some(true),
        ..ProjectPatch::default()
    };
    world
        .edit_project("acme/old", archived)
        .expect("it is there");
    world
        .add_group_member("acme", "alice", Role::Owner)
        .expect("both are there");
    world
}

/// The company with so many more projects in a group `acme/many`.
pub(crate) fn grown(projects: u32) -> World {
    let mut world = company();
    world
        .create_group(Some("acme".into()), "many")
        .expect("a new group");
    for number in 0..projects {
        world
            .create_project("acme/many", &format!("project-{number:04}"))
            .expect("a new project");
    }
    world
}
