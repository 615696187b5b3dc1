//! What every test needs: a simulator, an adapter without real waits, and what a listing should say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use gitlab_adapter::{GitlabConfig, GitlabHost};
use gitlab_sim::{Builder, GitlabSim, Project, TokenSpec, World, WorldSpec};
use org_core::host::{HostUrl, PlainHttp};
use org_core::inventory::{Group, Ownership, Repository};
use org_core::listing::{
    GroupScope, Listing, ListingBuilder, ListingEvent, PersonalNamespace, Scope, Wait,
};
use org_core::ports::{Clock, HostAccess, HostError, Timer, VcsListing as _};
use org_core::testing::{InstantTimer, ManualClock};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A timer that moves our clock and the simulator's to the end of each sleep, and answers at once.
pub(crate) struct SharedTimer {
    pub(crate) ours: Arc<ManualClock>,
    pub(crate) theirs: gitlab_sim::Clock,
}

#[async_trait]
impl Timer for SharedTimer {
    async fn sleep(&self, duration: Duration) {
        self.ours
            .advance(chrono::TimeDelta::from_std(duration).expect("no test waits for ages"));
        self.theirs.advance(duration);
        // Others that wait for the same moment get their turn, as they would in a real wait.
        tokio::task::yield_now().await;
    }
}

/// A simulator and an adapter that talks to it.
pub(crate) struct Scene {
    pub(crate) sim: GitlabSim,
    pub(crate) host: GitlabHost,
    pub(crate) access: HostAccess,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn config() -> GitlabConfig {
    GitlabConfig::new("adapter-test/1.0").direct()
}

/// The world of most tests: nested groups, a personal namespace, strangers, some of their projects shared in.
pub(crate) fn spec() -> WorldSpec {
    WorldSpec::new(7)
        .groups(40)
        .projects(730)
        .depth(4)
        .roots(3)
        .personal(7)
        .foreign(20)
        .shared_in(5)
}

pub(crate) fn builder() -> Builder {
    GitlabSim::builder()
        .world(World::generate(&spec()))
        .token(TokenSpec::user("alice").scopes(["read_api"]))
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(builder(), config()).await
    }

    pub(crate) async fn with(builder: Builder, config: GitlabConfig) -> Self {
        Self::configured(builder, |_| config).await
    }

    /// With a configuration that names the host.
    pub(crate) async fn configured(
        builder: Builder,
        config: impl FnOnce(&HostUrl) -> GitlabConfig,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let theirs = gitlab_sim::Clock::manual(clock.now());
        let sim = builder
            .clock(theirs.clone())
            .start()
            .await
            .expect("the simulator starts");
        let timer = Arc::new(SharedTimer {
            ours: Arc::clone(&clock),
            theirs,
        });
        let rng = StdRng::seed_from_u64(1);
        let access = access(sim.url(), sim.token());
        let config = config(&access.host);
        let host = GitlabHost::new(config, clock.clone(), timer, rng).expect("a good config");
        Self {
            sim,
            host,
            access,
            clock,
        }
    }

    /// Everything of a scope, to its end.
    pub(crate) async fn list(&self, scope: &Scope) -> Result<Outcome, HostError> {
        gather(self.host.list(&self.access, scope)).await
    }

    /// Everything, which must work.
    pub(crate) async fn list_all(&self) -> Outcome {
        self.list(&all()).await.expect("the listing ends well")
    }

    /// Checks that a listing of everything has all there is, as it is.
    #[track_caller]
    pub(crate) fn check_everything(&self, outcome: &Outcome) {
        assert_eq!(outcome.listing.missing, [], "nothing is missing");
        let expected = self.sim.world().read(expected_repositories);
        assert_same(&outcome.listing.repositories, &expected);
        let groups = self.sim.world().read(expected_groups);
        let listed: BTreeMap<u64, String> =
            outcome.listing.groups.iter().map(described_group).collect();
        assert_eq!(listed, groups);
    }
}

/// An adapter by itself; its waits take no time.
pub(crate) fn host(config: GitlabConfig) -> GitlabHost {
    let clock = Arc::new(ManualClock::default());
    let timer = Arc::new(InstantTimer::new(clock.clone()));
    let rng = StdRng::seed_from_u64(1);
    GitlabHost::new(config, clock, timer, rng).expect("a good config")
}

pub(crate) fn access(url: &str, token: &str) -> HostAccess {
    let host = HostUrl::parse(url, PlainHttp::LoopbackOnly).expect("a host");
    HostAccess::by_token(host, token.to_owned().into())
}

pub(crate) fn all() -> Scope {
    Scope {
        groups: GroupScope::All,
        personal: PersonalNamespace::Included,
    }
}

pub(crate) fn chosen(paths: &[&str], personal: PersonalNamespace) -> Scope {
    let paths = paths.iter().map(|path| path.parse().expect("a path"));
    Scope {
        groups: GroupScope::Chosen(paths.collect()),
        personal,
    }
}

/// What came out of a listing.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) listing: Listing,
    pub(crate) waits: Vec<Wait>,
    pub(crate) requests: u64,
}

pub(crate) async fn gather(
    mut stream: org_core::ports::ListingStream,
) -> Result<Outcome, HostError> {
    let mut builder = ListingBuilder::default();
    let mut waits = Vec::new();
    let mut report = None;
    while let Some(event) = stream.next().await {
        assert!(report.is_none(), "nothing comes after the end");
        match event? {
            ListingEvent::Groups(groups) => builder.add_groups(groups),
            ListingEvent::Repositories(repositories) => {
                assert!(repositories.len() <= 200, "pages are small");
                builder.add_repositories(repositories);
            }
            ListingEvent::Waiting(wait) => waits.push(wait),
            ListingEvent::Finished(finished) => report = Some(finished),
        }
    }
    let report = report.expect("the last event is the end");
    Ok(Outcome {
        listing: builder.finish(report.missing),
        waits,
        requests: report.requests,
    })
}

fn suffix_free(text: &str, id: u64) -> &str {
    text.strip_suffix(&format!("-deletion_scheduled-{id}"))
        .unwrap_or(text)
}

fn clean_group_path(world: &World, id: gitlab_sim::GroupId) -> String {
    let group = world.group(id).expect("it is there");
    let own = suffix_free(&group.path, id.0);
    match group.parent {
        Some(parent) => format!("{}/{own}", clean_group_path(world, parent)),
        None => own.to_owned(),
    }
}

/// The state of a group with all above it: 2 pending deletion, 1 archived.
fn group_state(world: &World, id: gitlab_sim::GroupId) -> u8 {
    let group = world.group(id).expect("it is there");
    let own = match (group.marked_for_deletion_on, group.archived) {
        (Some(_), _) => 2,
        (None, true) => 1,
        (None, false) => 0,
    };
    own.max(group.parent.map_or(0, |parent| group_state(world, parent)))
}

const STATES: [&str; 3] = ["active", "archived", "pending_deletion"];

fn is_ours(world: &World, id: gitlab_sim::GroupId) -> bool {
    !clean_group_path(world, id).starts_with("strangers")
}

/// Every group of the organization, described.
pub(crate) fn expected_groups(world: &World) -> BTreeMap<u64, String> {
    world
        .groups()
        .filter(|group| is_ours(world, group.id))
        .map(|group| {
            let path = clean_group_path(world, group.id);
            let state = STATES[usize::from(group_state(world, group.id))];
            let (name, visibility) = (
                suffix_free(&group.name, group.id.0),
                group.visibility.as_str(),
            );
            let parent = group.parent.map(|parent| parent.0);
            (
                group.id.0,
                format!("{path} {name} {visibility} {state} {parent:?}"),
            )
        })
        .collect()
}

pub(crate) fn described_group(group: &Group) -> (u64, String) {
    let Group {
        full_path,
        name,
        visibility,
        lifecycle,
        parent,
        ..
    } = group;
    let parent = parent.map(org_core::ids::GroupId::get);
    (
        group.id.get(),
        format!("{full_path} {name} {visibility} {lifecycle} {parent:?}"),
    )
}

/// Every repository that alice is a member of, described.
pub(crate) fn expected_repositories(world: &World) -> BTreeMap<u64, String> {
    world
        .projects()
        .filter_map(|project| described_project(world, project).map(|text| (project.id.0, text)))
        .collect()
}

fn described_project(world: &World, project: &Project) -> Option<String> {
    let group = gitlab_sim::GroupId(project.namespace.0);
    let own = suffix_free(&project.path, project.id.0);
    let state = match (project.marked_for_deletion_on, project.archived) {
        (Some(_), _) => 2,
        (None, true) => 1,
        (None, false) => 0,
    };
    let (parent, above, ownership) = if world.group(group).is_ok() {
        let ownership = if is_ours(world, group) {
            "owned"
        } else if project.shares.is_empty() {
            return None;
        } else {
            "shared_in"
        };
        (
            clean_group_path(world, group),
            group_state(world, group),
            ownership,
        )
    } else {
        (
            world
                .project_full_path(project)
                .rsplit_once('/')?
                .0
                .to_owned(),
            0,
            "owned",
        )
    };
    let state = STATES[usize::from(state.max(above))];
    let (visibility, at) = (
        project.visibility.as_str(),
        project.last_activity_at.timestamp(),
    );
    let name = suffix_free(&project.name, project.id.0);
    Some(format!(
        "{parent}/{own} {name} {visibility} {state} {ownership} {at} {:?}",
        project.topics
    ))
}

pub(crate) fn described(repository: &Repository) -> String {
    let Repository {
        full_path,
        name,
        visibility,
        lifecycle,
        ownership,
        ..
    } = repository;
    let at = repository
        .last_activity_at
        .map(|at| at.timestamp())
        .unwrap_or_default();
    format!(
        "{full_path} {name} {visibility} {lifecycle} {ownership} {at} {:?}",
        repository.topics
    )
}

#[track_caller]
pub(crate) fn assert_same(listed: &[Repository], expected: &BTreeMap<u64, String>) {
    let listed: BTreeMap<u64, String> = listed
        .iter()
        .map(|repository| (repository.id.get(), described(repository)))
        .collect();
    for (id, text) in expected {
        assert_eq!(listed.get(id), Some(text), "repository {id}");
    }
    for (id, text) in &listed {
        assert!(expected.contains_key(id), "{text} does not belong there");
    }
}

pub(crate) fn owned(outcome: &Outcome) -> impl Iterator<Item = &Repository> {
    outcome
        .listing
        .repositories
        .iter()
        .filter(|repository| repository.ownership == Ownership::Owned)
}
