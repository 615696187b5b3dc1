//! Many at once: people in the console and programs at the API, while a large organization is synchronized.
//!
//! `cargo bench -p server --bench load -- SECONDS REPOSITORIES` (30 and 20,000 without a word). Prints what was answered, how fast, and what failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use gitlab_sim::{GitlabSim, TokenSpec, World, WorldSpec};
use org_core::use_cases::accounts::{self, Caller, Client, TokenDraft, Via};
use org_core::use_cases::follow::Stop;
use runtime::config::{Config, ConfigSources};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use server::Server;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many people look at pages, one each second.
const PEOPLE: usize = 200;

/// How many requests programs make in a second, over so many connections.
const REQUESTS: u32 = 1000;
const CONNECTIONS: u32 = 50;

/// How long the host takes for each answer.
const LATENCY: Duration = Duration::from_millis(50);

/// What people look at.
const PAGES: [&str; 4] = ["/", "/organizations", "/licenses", "/history"];

/// What programs ask for.
const PATHS: [&str; 7] = [
    "/organizations",
    "/repositories?limit=20",
    "/repositories?text=1&limit=20",
    "/licenses",
    "/syncs?limit=10",
    "/events?limit=20",
    "/organizations/Big",
];

/// How often each is asked for alone.
const ALONE: u32 = 20;

const PASSWORD: &str = "correct horse battery staple";

fn main() {
    let numbers: Vec<u32> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let seconds = numbers.first().copied().unwrap_or(30);
    let repositories = numbers.get(1).copied().unwrap_or(20_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(seconds, repositories));
}

/// What was answered, by the path that was asked for.
#[derive(Debug, Default)]
struct Figures {
    took: BTreeMap<&'static str, Vec<Duration>>,
    failed: u64,
}

impl Figures {
    fn add(&mut self, path: &'static str, good: bool, took: Duration) {
        self.took.entry(path).or_default().push(took);
        self.failed += u64::from(!good);
    }

    fn tell(&self, who: &str) {
        let all: Vec<Duration> = self.took.values().flatten().copied().collect();
        say(&format!("{who}: {}, {} failed", spread(all), self.failed));
        for (path, took) in &self.took {
            say(&format!("  {path}: {}", spread(took.clone())));
        }
    }
}

fn spread(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    format!(
        "{} answers, half within {:.1?}, 95 % within {:.1?}, 99 % within {:.1?}, all within {:.1?}",
        took.len(),
        at(50),
        at(95),
        at(99),
        at(100)
    )
}

#[expect(clippy::print_stdout, reason = "the figures are the output")]
fn say(line: &str) {
    println!("{line}");
}

async fn run(seconds: u32, repositories: u32) {
    let spec = WorldSpec::new(3)
        .groups(200)
        .projects(repositories)
        .depth(4);
    let sim = GitlabSim::builder()
        .world(World::generate(&spec))
        .token(TokenSpec::user("alice").scopes(["read_api"]))
        .latency(LATENCY)
        .start()
        .await
        .expect("the simulator starts");
    let folder = tempfile::tempdir().expect("a folder");
    let mut sources = ConfigSources {
        data_dir: Some(folder.path().join("data")),
        ..ConfigSources::default()
    };
    for (variable, value) in [
        ("FORGEHOLD_HTTP__PROXY", "none"),
        ("FORGEHOLD_SERVER__LISTEN", "127.0.0.1:0"),
    ] {
        sources.environment.insert(variable.into(), value.into());
    }
    let config = Config::load(&sources).expect("a configuration");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped: Stop = stopped.map(drop).boxed().shared();
    let start = Instant::now();
    let server = Server::open(&config, stopped).await.expect("it opens");
    say(&format!("the server is open after {:?}", start.elapsed()));
    let url = format!("http://{}", server.address());
    let (session, token) = enter(&server).await;
    let serving = tokio::spawn(server.serve());
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_mins(2))
        .build()
        .expect("a client");

    let form = json!({
        "name": "Big",
        "host": sim.url(),
        "login": "alice",
        "token": {"value": sim.token()},
        "license_existing": "all",
    });
    say("the load begins with the first sync");
    let connected = client
        .post(format!("{url}/api/v1/organizations?wait=60"))
        .bearer_auth(&token)
        .json(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(connected.status(), 201);
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let people = Arc::new(Mutex::new(Figures::default()));
    let programs = Arc::new(Mutex::new(Figures::default()));
    let mut load = JoinSet::new();
    visit(&mut load, (&client, &url, &session), end, &people);
    call(&mut load, (&client, &url, &token), end, &programs);
    synchronize(&mut load, (&client, &url, &token), end);
    while let Some(done) = load.join_next().await {
        done.expect("no panic");
    }
    people.lock().await.tell("people");
    programs.lock().await.tell("programs");
    let syncs = client
        .get(format!("{url}/api/v1/syncs?limit=5"))
        .bearer_auth(&token)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    let syncs: serde_json::Value = serde_json::from_str(&syncs).expect("JSON");
    for run in syncs["items"].as_array().into_iter().flatten() {
        say(&format!(
            "sync: {} from {} to {}, {} repositories seen in {} requests",
            run["state"],
            run["started_at"],
            run["ended_at"],
            run["counts"]["seen"],
            run["requests"]
        ));
    }
    alone(&client, &url, &session, &token).await;
    drop(stop);
    serving.await.expect("it ends");
}

/// People look at pages, one each second.
fn visit(
    load: &mut JoinSet<()>,
    (client, url, session): (&reqwest::Client, &str, &str),
    end: Instant,
    figures: &Arc<Mutex<Figures>>,
) {
    for person in 0..PEOPLE {
        let (client, figures) = (client.clone(), figures.clone());
        let (url, cookie) = (url.to_owned(), format!("forgehold_session={session}"));
        load.spawn(async move {
            let mut next = Instant::now() + Duration::from_millis(5 * person as u64);
            let mut page = person;
            while next < end {
                tokio::time::sleep_until(next).await;
                let begun = Instant::now();
                let path = PAGES[page % PAGES.len()];
                let request = client.get(format!("{url}{path}"));
                let good = whole(request.header("cookie", &cookie)).await;
                figures.lock().await.add(path, good, begun.elapsed());
                page += 1;
                next += Duration::from_secs(1);
            }
        });
    }
}

/// Programs ask the API, so many times a second altogether.
fn call(
    load: &mut JoinSet<()>,
    (client, url, token): (&reqwest::Client, &str, &str),
    end: Instant,
    figures: &Arc<Mutex<Figures>>,
) {
    for connection in 0..CONNECTIONS {
        let (client, figures) = (client.clone(), figures.clone());
        let (url, token) = (url.to_owned(), token.to_owned());
        load.spawn(async move {
            let pace = Duration::from_secs(CONNECTIONS.into()) / REQUESTS;
            let mut next = Instant::now() + pace * connection / CONNECTIONS;
            let mut turn = connection as usize;
            while next < end {
                tokio::time::sleep_until(next).await;
                let begun = Instant::now();
                let path = PATHS[turn % PATHS.len()];
                let request = client.get(format!("{url}/api/v1{path}"));
                let good = whole(request.bearer_auth(&token)).await;
                figures.lock().await.add(path, good, begun.elapsed());
                turn += 1;
                next += pace;
            }
        });
    }
}

/// Somebody asks for the next sync as soon as one has ended.
fn synchronize(
    load: &mut JoinSet<()>,
    (client, url, token): (&reqwest::Client, &str, &str),
    end: Instant,
) {
    let (client, token) = (client.clone(), token.to_owned());
    let url = format!("{url}/api/v1/organizations/Big/sync?wait=60");
    load.spawn(async move {
        while Instant::now() < end {
            let request = client.post(&url).bearer_auth(&token);
            let response = request.send().await.expect("an answer");
            assert!(response.status().is_success(), "{}", response.status());
        }
    });
}

/// The same without anybody else.
async fn alone(client: &reqwest::Client, url: &str, session: &str, token: &str) {
    let mut figures = Figures::default();
    for path in PAGES {
        for _ in 0..ALONE {
            let begun = Instant::now();
            let request = client.get(format!("{url}{path}"));
            let cookie = format!("forgehold_session={session}");
            let good = whole(request.header("cookie", cookie)).await;
            figures.add(path, good, begun.elapsed());
        }
    }
    figures.tell("people, one after another");
    let mut figures = Figures::default();
    for path in PATHS {
        for _ in 0..ALONE {
            let begun = Instant::now();
            let request = client.get(format!("{url}/api/v1{path}"));
            let good = whole(request.bearer_auth(token)).await;
            figures.add(path, good, begun.elapsed());
        }
    }
    figures.tell("programs, one after another");
}

/// Whether a request is answered, whole and well.
async fn whole(request: reqwest::RequestBuilder) -> bool {
    let Ok(response) = request.send().await else {
        return false;
    };
    response.status() == 200 && response.bytes().await.is_ok()
}

/// The cookie of somebody who is signed in, and an API token of theirs.
async fn enter(server: &Server) -> (String, String) {
    let (ports, lifetimes) = (
        server.state().accounts(),
        server.state().session_lifetimes(),
    );
    let password = SecretString::from(PASSWORD);
    let ada = accounts::set_up(ports, "ada", &password, &Client::default(), lifetimes)
        .await
        .expect("nobody was there");
    server.state().setup().close();
    let session = ada.token.shown.expose_secret().to_owned();
    let caller = Caller {
        level: ada.user.role.level(),
        user: ada.user,
        via: Via::Machine,
    };
    let draft = TokenDraft {
        name: "load".to_owned(),
        scope: "admin".to_owned(),
        expires_in_days: None,
    };
    let issued = accounts::issue_token(ports, &caller, &draft)
        .await
        .expect("allowed");
    (session, issued.secret.shown.expose_secret().to_owned())
}
