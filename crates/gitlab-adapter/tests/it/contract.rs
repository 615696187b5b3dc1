//! The promises of the host ports, on a simulated GitLab.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use gitlab_adapter::GitlabHost;
use gitlab_sim::{
    Account, ApplicationSpec, Fault, FaultKind, GitlabSim, GroupPatch, ProjectPatch, Role,
    TokenSpec, Visibility, World,
};
use org_core::host::{HostUrl, PlainHttp};
use org_core::ids::{GroupId, RepositoryId};
use org_core::inventory::Lifecycle;
use org_core::oauth::RedirectUri;
use org_core::ports::{Clock as _, VcsHost};
use org_core::testing::contract::host::{HostUnderTest, HostWorld};
use org_core::testing::contract::oauth::OauthUnderTest;
use org_core::testing::{InstantTimer, ManualClock, OauthCall};
use org_core::token::TokenState;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::harness::config;
use crate::signing::CLIENT;

/// A simulator with the world of the suite, and an adapter.
struct Simulated {
    sim: GitlabSim,
    host: Arc<GitlabHost>,
    names: Vec<String>,
}

fn visibility(of: org_core::inventory::Visibility) -> Visibility {
    match of {
        org_core::inventory::Visibility::Private => Visibility::Private,
        org_core::inventory::Visibility::Internal => Visibility::Internal,
        org_core::inventory::Visibility::Public => Visibility::Public,
    }
}

/// The world of the suite in the simulator's words.
fn simulated(spec: &HostWorld, clock: &ManualClock) -> World {
    let mut world = World::empty(clock.now());
    for login in &spec.accounts {
        world.add_user(login, login, Account::Human);
    }
    for group in &spec.groups {
        let (parent, last) = match group.full_path.rsplit_once('/') {
            Some((parent, last)) => (Some(parent), last),
            None => (None, group.full_path.as_str()),
        };
        let id = world
            .create_group(parent.map(Into::into), last)
            .expect("a new group");
        let patch = GroupPatch {
            visibility: Some(visibility(group.visibility)),
            ..GroupPatch::default()
        };
        world.edit_group(id, patch).expect("it is there");
    }
    for repository in &spec.repositories {
        let (parent, last) = repository
            .full_path
            .rsplit_once('/')
            .expect("it stands somewhere");
        let id = world.create_project(parent, last).expect("a new project");
        let patch = ProjectPatch {
            visibility: Some(visibility(repository.visibility)),
            archived: Some(repository.lifecycle == Lifecycle::Archived),
            topics: Some(repository.topics.clone()),
            ..ProjectPatch::default()
        };
        world.edit_project(id, patch).expect("it is there");
    }
    for (login, group) in &spec.members {
        world
            .add_group_member(group.as_str(), login, Role::Owner)
            .expect("both are there");
    }
    for (repository, group) in &spec.shares {
        world
            .share_project(repository.as_str(), group.as_str(), Role::Developer)
            .expect("both are there");
    }
    world
}

async fn start(graphql: bool) -> Simulated {
    let clock = Arc::new(ManualClock::default());
    let spec = HostWorld::new();
    let mut builder = GitlabSim::builder()
        .world(simulated(&spec, &clock))
        .clock(gitlab_sim::Clock::manual(clock.now()));
    if !graphql {
        builder = builder.without_graphql();
    }
    for token in &spec.tokens {
        let made = TokenSpec::user(&token.login).scopes(token.scopes.clone());
        builder = builder.token(match token.state {
            TokenState::Active => made,
            TokenState::Expired => made.expires_at(NaiveDate::MIN),
            TokenState::Revoked | TokenState::Inactive => made.revoked(),
        });
    }
    let sim = builder.start().await.expect("the simulator starts");
    let url = HostUrl::parse(sim.url(), PlainHttp::LoopbackOnly).expect("a host");
    let redirect = RedirectUri::registered_loopback(&url);
    let application = ApplicationSpec::public("Forgehold", redirect.as_str()).client_id(CLIENT);
    let added = sim.oauth().add_application(&application);
    added.expect("a good application");
    let client = CLIENT.parse().expect("a client id");
    let timer = Arc::new(InstantTimer::new(clock.clone()));
    let config = config().oauth_client(url, client, None);
    let host = GitlabHost::new(config, clock, timer, StdRng::seed_from_u64(1));
    Simulated {
        sim,
        host: Arc::new(host.expect("a good config")),
        names: spec.tokens.into_iter().map(|token| token.name).collect(),
    }
}

#[async_trait]
impl HostUnderTest for Simulated {
    fn host(&self) -> Arc<dyn VcsHost> {
        self.host.clone()
    }

    fn url(&self) -> HostUrl {
        HostUrl::parse(self.sim.url(), PlainHttp::LoopbackOnly).expect("a host")
    }

    fn token(&self, name: &str) -> SecretString {
        let n = self
            .names
            .iter()
            .position(|known| known == name)
            .expect("a token of the world");
        self.sim.tokens()[n].value.clone().into()
    }

    fn group_id(&self, full_path: &str) -> GroupId {
        let id = self
            .sim
            .world()
            .read(|world| world.group(full_path).map(|group| group.id.0));
        GroupId::new(id.expect("it is there")).expect("a number")
    }

    fn repository_id(&self, full_path: &str) -> RepositoryId {
        let id = self
            .sim
            .world()
            .read(|world| world.project(full_path).map(|project| project.id.0));
        RepositoryId::new(id.expect("it is there")).expect("a number")
    }

    async fn delete_repository(&self, full_path: &str) {
        let deleted = self
            .sim
            .world()
            .change(|world| world.delete_project(full_path));
        deleted.expect("it is there");
    }
}

fn query(address: &str) -> String {
    let address = Url::parse(address).expect("an address");
    address.query().unwrap_or_default().to_owned()
}

#[async_trait]
impl OauthUnderTest for Simulated {
    async fn approve(&self, url: &SecretString, login: &str) -> String {
        let goal = self.sim.oauth().approve(url.expose_secret(), login);
        query(&goal.expect("the person may"))
    }

    async fn deny(&self, url: &SecretString) -> String {
        let goal = self.sim.oauth().deny(url.expose_secret());
        query(&goal.expect("the person may"))
    }

    async fn approve_device(&self, user_code: &str, login: &str) {
        let approved = self.sim.oauth().approve_device(user_code, login);
        approved.expect("it waits");
    }

    async fn deny_device(&self, user_code: &str) {
        self.sim.oauth().deny_device(user_code).expect("it waits");
    }

    async fn lag_refresh_tokens(&self, times: u64) {
        self.sim.oauth().lag_refresh_tokens(times);
    }

    async fn expire_sign_ins(&self) {
        self.sim.oauth().expire_access_tokens();
    }

    async fn lose_answer(&self, call: OauthCall) {
        let path = match call {
            OauthCall::Exchange | OauthCall::Refresh | OauthCall::PollDevice => "/oauth/token",
            OauthCall::StartDevice => "/oauth/authorize_device",
            OauthCall::Revoke => "/oauth/revoke",
            OauthCall::Rotate => "/api/v4/personal_access_tokens/self/rotate",
        };
        let fault = Fault::new(FaultKind::Close).method("POST").path(path);
        self.sim.fault(fault.once());
    }

    async fn wait_for_the_next_poll(&self) {
        self.sim.clock().advance(Duration::from_secs(10));
    }

    fn today(&self) -> NaiveDate {
        self.sim.clock().now().date_naive()
    }
}

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(case);
}

mod by_graphql {
    use super::{run, start};
    org_core::host_contract! { run = run, make = start(true).await }
    org_core::oauth_contract! { run = run, make = start(true).await }
}

mod by_rest {
    use super::{run, start};
    org_core::host_contract! { run = run, make = start(false).await }
}
