//! A server with a data directory of its own, and a simulated GitLab beside it.

use std::net::TcpListener;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use gitlab_sim::{Account, ApplicationSpec, GitlabSim, ProjectPatch, Role, TokenSpec, World};
use org_core::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::event::Actor;
use org_core::ids::OrganizationId;
use org_core::organization::Organization;
use org_core::ports::Ports;
use org_core::testing::ManualClock;
use org_core::use_cases::{NoProgress, connect, lookup};
use runtime::config::{Config, ConfigSources, ProxyConfig};
use runtime::environment::Environment;
use secrecy::{ExposeSecret, SecretString};
use server::http::limits::Limits;
use server::{AppState, Server};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Browser;
use super::browser::PATIENCE;

pub(crate) const NAME: &str = "ada";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A server that runs until it is dropped.
pub(crate) struct Place {
    url: String,
    code: String,
    state: AppState,
    sim: GitlabSim,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// The id of the application that the simulator knows the server as.
const CLIENT: &str = "forgehold-of-the-tests";

/// What is registered at the simulator, which does not look at the port.
fn redirect(host: &str) -> String {
    let path: String = host
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
            other => format!("~{other:02x}"),
        })
        .collect();
    format!("http://127.0.0.1/callback/{path}")
}

/// When the history of the company begins.
fn past() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

/// `acme` with `acme/platform`, seen by `alice`, who owns it: the projects `api`, `web`, `old` (archived), `platform/core` and so many more in
/// `acme/many`.
pub(crate) fn company(many: u32) -> World {
    let mut world = World::empty(past());
    world.add_user("alice", "Alice", Account::Human);
    world.add_user("bob", "Bob", Account::Human);
    world.create_group(None, "acme").expect("a new group");
    for group in ["platform", "many"] {
        world
            .create_group(Some("acme".into()), group)
            .expect("a new group");
    }
    world.create_group(None, "globex").expect("a new group");
    for (group, path) in [
        ("acme", "api"),
        ("acme", "web"),
        ("acme", "old"),
        ("acme/platform", "core"),
        ("globex", "site"),
    ] {
        world.create_project(group, path).expect("a new project");
    }
    for number in 1..=many {
        let path = format!("service-{number:03}");
        world
            .create_project("acme/many", &path)
            .expect("a new project");
    }
    let archived = ProjectPatch {
        archived: Some(true),
        ..ProjectPatch::default()
    };
    world
        .edit_project("acme/old", archived)
        .expect("it is there");
    for group in ["acme", "globex"] {
        world
            .add_group_member(group, "alice", Role::Owner)
            .expect("both are there");
    }
    world
}

impl Place {
    pub(crate) async fn open() -> Self {
        Self::open_with(company(24), |_| {}).await
    }

    pub(crate) async fn open_with(world: World, change: impl FnOnce(&mut Config)) -> Self {
        Self::open_in(Environment::of_machine(), world, &[], change).await
    }

    /// With these settings besides.
    pub(crate) async fn configured(world: World, settings: &[(&str, &str)]) -> Self {
        Self::open_in(Environment::of_machine(), world, settings, |_| {}).await
    }

    /// Where it is as late as the test says. What is waited for is really waited for.
    pub(crate) async fn open_at(clock: Arc<ManualClock>) -> Self {
        let environment = Environment {
            clock,
            ..Environment::of_machine()
        };
        Self::open_in(environment, company(1), &[], |_| {}).await
    }

    async fn open_in(
        environment: Environment,
        world: World,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let sim = GitlabSim::builder()
            .world(world)
            .token(TokenSpec::user("alice"))
            .token(TokenSpec::user("alice").scopes(["read_user"]))
            .token(TokenSpec::user("bob"))
            .token(TokenSpec::user("alice").scopes(["read_api"]))
            .user("alice", "her password")
            .start()
            .await
            .expect("the simulator starts");
        let spec = ApplicationSpec::public("Forgehold", &redirect(sim.url())).client_id(CLIENT);
        sim.oauth()
            .add_application(&spec)
            .expect("a new application");
        let folder = tempfile::tempdir().expect("a folder");
        // The public address has the port in it, so one is looked for before the server takes it.
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        let mut sources = ConfigSources {
            data_dir: Some(folder.path().to_owned()),
            ..ConfigSources::default()
        };
        for (name, value) in [
            ("FORGEHOLD_SERVER__LISTEN", format!("127.0.0.1:{port}")),
            (
                "FORGEHOLD_SERVER__PUBLIC_URL",
                format!("http://127.0.0.1:{port}"),
            ),
            (
                "FORGEHOLD_OAUTH__CLIENTS",
                format!("{} {CLIENT}", sim.url()),
            ),
            ("FORGEHOLD_SERVER__DRAIN", "2s".to_owned()),
        ] {
            sources.environment.insert(name.into(), value.into());
        }
        for (name, value) in settings {
            sources.environment.insert(name.into(), value.into());
        }
        let mut config = Config::load(&sources).expect("a good configuration");
        config.http.proxy = ProxyConfig::None;
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let stopped = stopped.map(drop).boxed().shared();
        let server = Server::open_in(&config, Limits::default(), environment, stopped)
            .await
            .expect("the server opens");
        let code = server
            .setup_code()
            .expect("nobody has an account")
            .expose_secret()
            .to_owned();
        let state = server.state().clone();
        Self {
            url: format!("http://127.0.0.1:{port}/"),
            code,
            state,
            sim,
            stop: Some(stop),
            serving: Some(tokio::spawn(server.serve())),
            _folder: folder,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn sim(&self) -> &GitlabSim {
        &self.sim
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.state.ports()
    }

    /// A browser in which the first administrator is signed in.
    pub(crate) async fn signed_in(&self) -> Option<Browser> {
        let browser = Browser::open(self).await?;
        self.set_up(&browser).await;
        Some(browser)
    }

    /// Makes the first administrator.
    pub(crate) async fn set_up(&self, browser: &Browser) {
        browser.goto("/").await;
        browser.arrives("/first-run").await;
        browser.fill("#code", self.code()).await;
        browser.fill("#name", NAME).await;
        browser.fill("#password", PASSWORD).await;
        browser.fill("#again", PASSWORD).await;
        browser.click("button.primary").await;
        browser.sees("Your account is ready").await;
    }

    /// Connects the company as `acme`, through the form.
    pub(crate) async fn connect(&self, browser: &Browser) -> Organization {
        browser.goto("/organizations/add").await;
        browser.fill("#host", self.sim.url()).await;
        browser.fill("#name", "acme").await;
        browser.click("#with_token").await;
        browser.fill("#login", "alice").await;
        browser.fill("#token", self.sim.token()).await;
        browser.click("#protect_groups").await;
        browser.click("#existing-matching").await;
        browser.click("[data-proceed]").await;
        browser.arrives("/organizations/attempts/").await;
        browser.sees("Its first sync has ended").await;
        self.organization().await
    }

    /// The one organization.
    pub(crate) async fn organization(&self) -> Organization {
        let roster = self.ports().organizations.roster().await.expect("a roster");
        roster
            .organizations
            .into_iter()
            .next()
            .expect("an organization")
    }

    /// The organization of that name.
    pub(crate) async fn named(&self, name: &str) -> Organization {
        let found = lookup::organization(self.ports(), name).await;
        found.expect("it is connected")
    }

    /// Connects a group of the company as `other`, behind the console's back.
    pub(crate) async fn connect_other(&self, group: &str) {
        let draft = OrganizationDraft {
            name: Some("other".to_owned()),
            host: self.sim.url().to_owned(),
            method: Method::AccessToken,
            login: "alice".to_owned(),
            token: TokenDraft::Value(SecretString::from(self.sim.token())),
            settings: SettingsDraft {
                groups: vec![group.to_owned()],
                ..SettingsDraft::default()
            },
            ..OrganizationDraft::default()
        };
        let made = connect::connect(self.ports(), &draft, &Actor::System, &NoProgress);
        made.await.expect("it connects");
    }

    /// Waits until so many syncs of an organization have ended.
    pub(crate) async fn synced(&self, organization: OrganizationId, times: usize) {
        let ended = async {
            loop {
                let page = self.ports().syncs.list(Some(organization), None, 100).await;
                let page = page.expect("a list");
                if page
                    .items
                    .iter()
                    .filter(|run| run.outcome().is_some())
                    .count()
                    >= times
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the sync ends");
    }

    pub(crate) async fn close(mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            serving.await.expect("the server ends");
        }
    }
}
