//! A server in this process on a free port, with a folder of its own, an administrator, and a simulated GitLab.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use gitlab_sim::{Account, GitlabSim, Role as SimRole, TokenSpec, World};
use org_core::ports::Timer;
use org_core::testing::{ManualClock, ManualTimer, SequentialIds, build};
use org_core::use_cases::accounts::{self, Client, TokenDraft};
use org_core::use_cases::follow::Stop;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use runtime::config::{Config, ConfigSources};
use runtime::environment::{Environment, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::http::limits::Limits;
use server::{AppState, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The token of `alice` at the host, which must never be found anywhere.
pub(crate) const TOKEN: &str = "glpat-planted7Qx2mVw9Zk4TnB";

/// The password of `ada`.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// `alice` owns the group `acme` with so many projects, half of them archived in name only.
pub(crate) fn world(projects: u32) -> World {
    let mut world = World::empty(build::noon() - TimeDelta::days(100));
    world.add_user("alice", "Alice", Account::Human);
    let acme = world.create_group(None, "acme").expect("a group");
    for number in 1..=projects {
        let path = format!("app-{number:04}");
        world.create_project(acme, &path).expect("a project");
    }
    world
        .add_group_member("acme", "alice", SimRole::Owner)
        .expect("a member");
    world
}

pub(crate) async fn simulator(projects: u32) -> GitlabSim {
    let token = TokenSpec::user("alice").scopes(["read_api"]).value(TOKEN);
    let builder = GitlabSim::builder().world(world(projects)).token(token);
    builder.start().await.expect("the simulator starts")
}

/// The configuration of a server in that folder; nothing of this machine's environment goes into it.
pub(crate) fn config(folder: &Path, settings: &[(&str, &str)]) -> Config {
    let mut sources = ConfigSources {
        data_dir: Some(folder.join("data")),
        ..ConfigSources::default()
    };
    let usual = [
        ("FORGEHOLD_HTTP__PROXY", "none"),
        ("FORGEHOLD_SERVER__LISTEN", "127.0.0.1:0"),
    ];
    for (variable, value) in usual.iter().chain(settings) {
        sources.environment.insert(variable.into(), value.into());
    }
    Config::load(&sources).expect("the configuration is good")
}

/// A client that goes straight to the server, follows no redirect and keeps no cookie.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .build()
        .expect("a client")
}

/// A machine whose clock stands still until the test moves it, and whose ids come in a row.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SequentialIds>,
}

/// Waits for the clock of the test; but a look at what other programs do, which comes several times a second, is only a real wait.
struct MovedTimer(ManualTimer);

/// What lasts shorter than this is a look.
const LOOK: Duration = Duration::from_secs(1);

#[async_trait]
impl Timer for MovedTimer {
    async fn sleep(&self, duration: Duration) {
        if duration < LOOK {
            TokioTimer.sleep(duration).await;
        } else {
            self.0.sleep(duration).await;
        }
    }
}

impl Machine {
    fn environment(&self) -> Environment {
        Environment {
            clock: self.clock.clone(),
            timer: Arc::new(MovedTimer(ManualTimer::new(self.clock.clone()))),
            ids: self.ids.clone(),
            ..Environment::of_machine()
        }
    }

    /// Waits until the server sleeps until `at`.
    pub(crate) async fn sleeps_until(&self, at: DateTime<Utc>) {
        self.comes("nothing sleeps so long", || self.is_asleep(at))
            .await;
    }

    /// Waits until the sleep that was to end at `at` has ended.
    pub(crate) async fn wakes_at(&self, at: DateTime<Utc>) {
        self.comes("it sleeps on", || !self.is_asleep(at)).await;
    }

    /// Whether the server sleeps until `at`.
    pub(crate) fn is_asleep(&self, at: DateTime<Utc>) -> bool {
        self.clock.sleeps().contains(&at)
    }

    async fn comes(&self, otherwise: &str, holds: impl Fn() -> bool) {
        let held = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        let held = tokio::time::timeout(Duration::from_secs(30), held).await;
        assert!(held.is_ok(), "{otherwise}: {:?}", self.clock.sleeps());
    }
}

/// A server that runs until this value is dropped or [`House::stop`] is called.
pub(crate) struct House {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) state: AppState,
    pub(crate) client: reqwest::Client,
    /// An API token of `ada` that allows everything.
    pub(crate) token: String,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(&[], Limits::default()).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)], limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::open(folder, settings, limits, Environment::of_machine()).await
    }

    /// On a machine whose time the test moves.
    pub(crate) async fn on(machine: &Machine) -> Self {
        Self::on_with(machine, &[]).await
    }

    pub(crate) async fn on_with(machine: &Machine, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::open(folder, settings, Limits::default(), machine.environment()).await
    }

    async fn open(
        folder: tempfile::TempDir,
        settings: &[(&str, &str)],
        limits: Limits,
        environment: Environment,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped: Stop = stopped.map(drop).boxed().shared();
        let config = config(folder.path(), settings);
        let server = Server::open_in(&config, limits, environment, stopped)
            .await
            .expect("the server opens");
        let state = server.state().clone();
        if server.setup_code().is_some() {
            let password = SecretString::from(PASSWORD);
            let (ports, lifetimes) = (state.accounts(), state.session_lifetimes());
            accounts::set_up(ports, "ada", &password, &Client::default(), lifetimes)
                .await
                .expect("nobody was there");
            state.setup().close();
        }
        let address = server.address();
        let serving = tokio::spawn(server.serve());
        let mut house = Self {
            folder,
            address,
            state,
            client: client(),
            token: String::new(),
            stop: Some(stop),
            serving: Some(serving),
        };
        house.token = house.issue("ada", "admin").await;
        house
    }

    /// Stops the server in order, and starts another one on the same folder.
    pub(crate) async fn again(mut self) -> Self {
        self.stop().await;
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        let environment = Environment::of_machine();
        Self::open(folder, &[], Limits::default(), environment).await
    }

    /// Has the server stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.take();
        if let Some(serving) = self.serving.take() {
            serving.await.expect("the server does not panic");
        }
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// An API token of somebody, made without signing in.
    pub(crate) async fn issue(&self, name: &str, scope: &str) -> String {
        let user = accounts::user(self.state.accounts(), name)
            .await
            .expect("there is one");
        let session = org_core::accounts::Session {
            digest: org_core::accounts::SecretToken::session(&[0; 32]).digest,
            user: user.id,
            created_at: user.created_at,
            last_used_at: user.created_at,
            expires_at: user.created_at,
            address: String::new(),
            agent: String::new(),
        };
        let caller = accounts::Caller {
            level: user.role.level(),
            user,
            via: accounts::Via::Session(session),
        };
        let draft = TokenDraft {
            name: "tests".to_owned(),
            scope: scope.to_owned(),
            expires_in_days: None,
        };
        let issued = accounts::issue_token(self.state.accounts(), &caller, &draft)
            .await
            .expect("allowed");
        issued.secret.shown.expose_secret().to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request of a program that may do everything.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.url(&format!("/api/v1{path}"));
        self.client.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        Answer::of(self.request(method, path).json(&body)).await
    }

    /// Connects `acme` as `Acme`, and waits for its first sync.
    pub(crate) async fn connect(&self, sim: &GitlabSim, more: Value) -> Answer {
        let mut form = json!({
            "name": "Acme",
            "host": sim.url(),
            "login": "alice",
            "token": {"value": TOKEN},
            "schedule": {"manual": true},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            form[name] = value.clone();
        }
        let answer = self
            .send(Method::POST, "/organizations?wait=60", form)
            .await;
        if answer.status == StatusCode::CREATED {
            self.synced().await;
        }
        answer
    }

    /// Waits until no sync is under way, by asking for one and waiting for its end.
    pub(crate) async fn synced(&self) -> Value {
        let answer = self
            .send(Method::POST, "/organizations/Acme/sync?wait=60", json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.expect("the server answers")).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a whole answer");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The status, the stable code and the fields of a problem, on one line.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let fields = self.body["errors"].as_array().into_iter().flatten();
        let fields: Vec<&str> = fields.filter_map(|error| error["field"].as_str()).collect();
        let code = self.body["code"].as_str().unwrap_or_default();
        let line = format!("{} {code} {}", self.status.as_u16(), fields.join(","));
        line.trim().to_owned()
    }

    /// One member of each item of a list.
    pub(crate) fn all(&self, member: &str) -> Vec<String> {
        let items = self.body["items"].as_array().expect("a list");
        let text = |item: &Value| match &item[member] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        items.iter().map(text).collect()
    }
}

/// A stream of events that is read as it comes.
pub(crate) struct Events {
    response: Response,
    read: String,
}

impl Events {
    pub(crate) async fn open(house: &House, query: &str, last: Option<u64>) -> Self {
        let mut request = house.request(Method::GET, &format!("/events/stream{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            read: String::new(),
        }
    }

    /// The next event: its id and its data; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| {
                        line.strip_prefix(name)?
                            .strip_prefix(": ")
                            .map(str::to_owned)
                    })
                };
                let found = field("id").zip(field("data"));
                let rest = rest.to_owned();
                self.read = rest;
                if let Some((id, data)) = found {
                    let data = serde_json::from_str(&data).expect("JSON");
                    return Some((id.parse().expect("a number"), data));
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.read
                .push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}
