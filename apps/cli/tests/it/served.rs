//! The same commands on the machine of the installation and over a server: the same output.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use futures_util::FutureExt;
use org_core::accounts::{SecretToken, Session};
use org_core::use_cases::accounts::{self, Caller, Client, TokenDraft, Via};
use org_core::use_cases::follow::Stop;
use runtime::config::{Config, ConfigSources};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use server::Server;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::browser::Waiting;
use crate::place::{Place, Ran};
use crate::sim::{Sim, grown};

/// A server on the data directory of a place, until it is dropped.
pub(crate) struct Served {
    url: String,
    token: String,
    _stop: oneshot::Sender<()>,
    _runtime: Runtime,
}

impl Served {
    pub(crate) fn start(place: &Place) -> Self {
        Self::with(place, &[])
    }

    /// With these settings besides.
    pub(crate) fn with(place: &Place, settings: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let mut sources = ConfigSources {
            data_dir: Some(place.data()),
            ..ConfigSources::default()
        };
        let usual = [
            ("FORGEHOLD_HTTP__PROXY", "none"),
            ("FORGEHOLD_SERVER__LISTEN", "127.0.0.1:0"),
        ];
        for (variable, value) in usual.iter().chain(settings) {
            sources.environment.insert(variable.into(), value.into());
        }
        let config = Config::load(&sources).expect("the configuration is good");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped: Stop = stopped.map(drop).boxed().shared();
        let (url, token) = runtime.block_on(async {
            let server = Server::open(&config, stopped).await.expect("it opens");
            let url = format!("http://{}", server.address());
            let token = token(&server).await;
            tokio::spawn(server.serve());
            (url, token)
        });
        Self {
            url,
            token,
            _stop: stop,
            _runtime: runtime,
        }
    }

    /// The program, with the work left to the server.
    pub(crate) fn command(&self, place: &Place, args: &[&str]) -> Command {
        let mut command = place.command(args);
        // The data directory is the server's alone here.
        command
            .env_remove("FORGEHOLD_DATA_DIR")
            .env("FORGEHOLD_API_TOKEN", &self.token)
            .args(["--server", &self.url]);
        command
    }

    /// The program while it waits for a person.
    pub(crate) fn waiting(&self, place: &Place, args: &[&str]) -> Waiting {
        let mut command = self.command(place, args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Waiting::of(command.spawn().expect("it starts"))
    }

    pub(crate) fn run(&self, place: &Place, args: &[&str]) -> Ran {
        Ran::from(self.command(place, args).output().expect("it runs"))
    }
}

/// With this on standard input.
pub(crate) fn with_input(mut command: Command, place: &Place, input: &str) -> Ran {
    let input = place.file("input", input);
    command.stdin(std::fs::File::open(input).expect("it is there"));
    Ran::from(command.output().expect("it runs"))
}

/// An API token of the first administrator.
async fn token(server: &Server) -> String {
    let (ports, lifetimes) = (
        server.state().accounts(),
        server.state().session_lifetimes(),
    );
    let password = SecretString::from("correct horse battery staple");
    let ada = accounts::set_up(ports, "ada", &password, &Client::default(), lifetimes)
        .await
        .expect("nobody was there");
    let caller = Caller {
        level: ada.user.role.level(),
        via: Via::Session(Session {
            digest: SecretToken::session(&[0; 32]).digest,
            ..ada.session
        }),
        user: ada.user,
    };
    let draft = TokenDraft {
        name: "tests".to_owned(),
        scope: "admin".to_owned(),
        expires_in_days: None,
    };
    let issued = accounts::issue_token(ports, &caller, &draft)
        .await
        .expect("allowed");
    issued.secret.shown.expose_secret().to_owned()
}

#[track_caller]
fn same(place: &Place, served: &Served, args: &str) {
    let args: Vec<&str> = args.split(' ').collect();
    for format in ["table", "json"] {
        let args: Vec<&str> = args.iter().copied().chain(["-o", format]).collect();
        let (here, there) = (place.run(&args), served.run(place, &args));
        assert_eq!(here.stdout, there.stdout, "{args:?}: {}", there.stderr);
        assert_eq!(
            (here.code, &here.stderr),
            (there.code, &there.stderr),
            "{args:?}"
        );
    }
}

#[test]
fn the_same_commands_have_the_same_output() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(
        &place,
        &[
            "--protect-groups",
            "--license-existing",
            "all",
            "--sync-manual",
        ],
    )
    .ok();
    place
        .run_with(&["secret", "add", "one"], "swordfish-value")
        .ok();
    let sync = place.json(&["sync", "list"])["items"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let served = Served::start(&place);
    for args in [
        "org list",
        "org list --all",
        "org show acme",
        "org show nobody",
        "org attempts",
        "repo list",
        "repo list --sort -activity",
        "repo list --sort=-path --limit 3",
        "repo list --limit 2",
        "repo list --organization acme --path API --license licensed",
        "repo list --presence gone",
        "repo list --after nonsense",
        "repo show acme/api",
        "repo why acme/api",
        "repo why acme/old --organization acme",
        "repo why nothing",
        "group list",
        "group list --limit 1",
        "license status",
        "license seats",
        "license holders",
        "license waiting --limit 3",
        "license policy show",
        "license policy test",
        "secret list",
        "secret show one",
        "secret show two",
        "secret history one",
        "secret test one",
        "secret test two",
        "secret test two --host http://127.0.0.1:1",
        "secret test nobody",
        "secret move one --to embedded",
        "secret move one --to nowhere",
        "secret link three --path ci/gitlab --key token --vault embedded",
        "secret link three --path ../x --key token --vault embedded",
        "device list",
        "vault list",
        "vault check",
        "sync list",
        "events --limit 5",
        "events --kind sync. --organization acme",
        "events --repository acme/api",
        "schedule preview --sync-at 06:00 --zone Europe/Warsaw --from 2027-01-01T00:00:00Z",
        "schedule preview --organization acme",
        "schedule preview --organization nobody",
        "schedule preview --organization acme --sync-every 6h --count 200 --from 2027-01-01T00:00:00Z",
    ] {
        same(&place, &served, args);
    }
    same(&place, &served, &format!("sync show {sync}"));
    // A second time, there is nothing to change: whoever does it says the same.
    for args in [
        "org edit acme --name acme",
        "org edit acme --sync-every 1s",
        "org remove acme --confirm wrong",
        "org remove acme",
        "org add gitlab --host nonsense --sync-every 1s --login x",
        "org add gitlab --host http://gitlab.example.com --login alice --token-secret one",
        "org add gitlab --login alice --token-secret nobody",
        "org reconnect acme --token-secret nobody",
        "org reconnect acme --token-secret one",
        "org reconnect nobody --token-secret one",
        "org approve acme --yes",
        "secret remove two --yes",
        "repo assign acme/api",
        "license seats unlimited",
        "org resume acme",
    ] {
        same(&place, &served, args);
    }
}

#[test]
fn the_keys_of_the_vault_are_changed_over_the_server() {
    let place = Place::new();
    let served = Served::start(&place);
    let run = |args: &[&str]| served.run(&place, args);
    same(&place, &served, "doctor");
    let rotated = run(&["vault", "rotate-key", "-o", "json"]).json();
    assert_eq!(rotated["generation"], 2, "{rotated}");
    let made = run(&["vault", "recovery-key"]).ok();
    assert!(runtime::vaults::parse_recovery_key(made.trim()).is_ok());
    let again = run(&["vault", "recovery-key"]);
    assert_eq!(again.code, Some(7), "{}", again.stderr);
    assert!(again.stderr.contains("--yes"), "{}", again.stderr);
    let replaced = run(&["vault", "recovery-key", "--yes"]).ok();
    assert_ne!(made, replaced);
    let recover = run(&["vault", "recover"]);
    assert_eq!(recover.code, Some(2));
    assert!(
        recover.stderr.contains("without --server"),
        "{}",
        recover.stderr
    );
}

/// Stands before a server, and loses the first answer on its way back.
fn lose_the_first_answer(listener: TcpListener, server: &str) {
    let server = server
        .strip_prefix("http://")
        .expect("plain http")
        .to_owned();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let mut client = client.expect("somebody connects");
            let mut upstream = TcpStream::connect(&server).expect("the server listens");
            let (mut asks, mut asked) = (
                client.try_clone().expect("a socket"),
                upstream.try_clone().expect("a socket"),
            );
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut asks, &mut asked);
            });
            std::thread::spawn(move || {
                if number == 0 {
                    // By then the server has done what it was asked for.
                    let _ = upstream.read(&mut [0; 1]);
                    let _ = client.shutdown(Shutdown::Both);
                } else {
                    let _ = std::io::copy(&mut upstream, &mut client);
                }
            });
        }
    });
}

#[test]
fn what_gets_lost_on_the_way_is_asked_for_again_and_done_once() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--sync-manual"]).ok();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let between = listener.local_addr().expect("an address").to_string();
    let served = Served::with(&place, &[("FORGEHOLD_SERVER__ALLOWED_HOSTS", &between)]);
    let syncs = || {
        place.json(&["sync", "list"])["items"]
            .as_array()
            .map(Vec::len)
    };
    let before = syncs().expect("a list");
    lose_the_first_answer(listener, &served.url);
    let between = format!("http://{between}");
    let mut command = place.command(&["org", "sync", "acme", "--server", &between]);
    command
        .env_remove("FORGEHOLD_DATA_DIR")
        .env("FORGEHOLD_API_TOKEN", &served.token);
    let ran = Ran::from(command.output().expect("it runs"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(syncs(), Some(before + 1));
}

#[test]
fn what_a_server_synchronizes_is_shown_until_stopped() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--sync-manual"]).ok();
    let served = Served::start(&place);
    let mut command = served.command(&place, &["run", "-o", "json"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let (said, shown) = (child.stderr.take(), child.stdout.take());
    let mut said = BufReader::new(said.expect("it is piped")).lines();
    let first = said.next().expect("a line").expect("text");
    assert!(first.contains("the server synchronizes"), "{first}");
    // One sync after the other, until one of them is shown: those before it looked the first time are no news.
    let (sender, seen) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(shown.expect("it is piped")).lines() {
            let _ = sender.send(line.expect("text"));
        }
    });
    let line = loop {
        served.run(&place, &["org", "sync", "acme"]).ok();
        if let Ok(line) = seen.try_recv() {
            break line;
        }
    };
    let run: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(run["state"], "complete", "{line}");
    let id = i32::try_from(child.id()).expect("small");
    let id = rustix::process::Pid::from_raw(id).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0));
    reader.join().expect("it reads to the end");
}

#[test]
fn what_changes_something_is_done_by_the_server() {
    let (place, sim) = (Place::new(), Sim::company());
    sim.connect(&place, &["--sync-manual"]).ok();
    let served = Served::start(&place);
    let ok = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        served.run(&place, &args).ok()
    };
    assert!(ok("org sync acme").contains("complete"));
    assert!(ok("org pause acme").contains("paused"));
    assert!(ok("org resume acme").contains("connected"));
    assert!(ok("org edit acme --name apex --protect-groups").contains("apex"));
    assert_eq!(ok("repo assign acme/api"), "acme/api has a license now\n");
    assert_eq!(
        ok("repo release acme/api"),
        "acme/api has no license any more; its seat is free\n"
    );
    ok("license seats 7");
    let add = served.command(&place, &["secret", "add", "two"]);
    with_input(add, &place, "swordfish-value").ok();
    ok("secret remove two --yes");
    let events = ok("events --limit 50");
    assert!(events.contains("ada (API token tests)"), "{events}");
    assert!(ok("org remove apex --confirm apex").starts_with("removed apex"));
}

/// The names of all fields, however deep.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(fields.map(|(k, v)| (k.clone(), shape(v))).collect())
        }
        Value::Array(items) => items.first().map_or(Value::Null, shape),
        _ => Value::Null,
    }
}

#[test]
fn an_organization_is_connected_by_the_server() {
    let sim = Sim::start(
        gitlab_sim::GitlabSim::builder()
            .world(crate::sim::company())
            .token(gitlab_sim::TokenSpec::user("alice"))
            .token(gitlab_sim::TokenSpec::user("bob")),
    );
    let (here, there) = (Place::new(), Place::new());
    let served = Served::start(&there);
    let token = format!("{}\n", sim.token());
    let flags = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--login",
        "alice",
        "--token-stdin",
        "--name",
        "acme",
        "--sync-manual",
    ];
    let both = |flags: &[&str], input: &str| {
        let args: Vec<&str> = flags.iter().copied().chain(["-o", "json"]).collect();
        let local = here.run_with(&args, input);
        (
            local,
            with_input(served.command(&there, &args), &there, input),
        )
    };
    let check: Vec<&str> = flags.iter().copied().chain(["--check"]).collect();
    let (local, remote) = both(&check, &token);
    assert_eq!(local.stdout, remote.stdout, "{}", remote.stderr);
    assert_eq!(
        there.run(&["org", "list"]).ok(),
        here.run(&["org", "list"]).ok()
    );

    let (local, remote) = both(&flags, &token);
    assert_eq!(local.code, remote.code, "{}", remote.stderr);
    let (local, remote) = (local.json(), remote.json());
    assert_eq!(shape(&local), shape(&remote));
    assert_eq!(remote["syncs"][0]["trigger"], "connect");
    assert_eq!(local["syncs"][0]["counts"], remote["syncs"][0]["counts"]);

    // The same account twice, and one that sees nothing of what is known.
    let (local, remote) = both(&flags, &token);
    assert_eq!((local.code, local.stderr), (remote.code, remote.stderr));
    let of_bob = format!("{}\n", sim.get().tokens()[1].value);
    let blind = [
        "org",
        "reconnect",
        "acme",
        "--login",
        "bob",
        "--token-stdin",
    ];
    let (local, remote) = both(&blind, &of_bob);
    assert_eq!((local.code, local.stderr), (remote.code, remote.stderr));
    assert_eq!(remote.code, Some(7));
    let agreed: Vec<&str> = blind.iter().copied().chain(["--accept-unseen"]).collect();
    let (local, remote) = both(&agreed, &of_bob);
    assert_eq!(local.code, remote.code, "{}", remote.stderr);
    let (local, remote) = (local.json(), remote.json());
    assert_eq!(remote["organization"]["account"]["login"], "bob");
    assert_eq!(shape(&local), shape(&remote));
    let no_sync = [
        "org",
        "reconnect",
        "acme",
        "--login",
        "alice",
        "--token-stdin",
        "--no-sync",
    ];
    let (local, remote) = both(&no_sync, &token);
    assert_eq!(
        (local.code, remote.code),
        (Some(0), Some(0)),
        "{}",
        remote.stderr
    );
    assert_eq!(shape(&local.json()), shape(&remote.json()));
}

#[test]
fn a_held_sync_is_decided_about_over_the_server() {
    let sim = Sim::start(
        gitlab_sim::GitlabSim::builder()
            .world(grown(30))
            .token(gitlab_sim::TokenSpec::user("alice")),
    );
    let place = Place::new();
    sim.connect(&place, &["--sync-manual"]).ok();
    let served = Served::start(&place);
    sim.world().change(|world| {
        world.delete_group("acme/many").expect("it is there");
    });
    let run = |args: &[&str]| served.run(&place, args);
    assert_eq!(run(&["org", "sync", "acme"]).code, Some(11));
    assert_eq!(run(&["org", "approve", "acme"]).code, Some(7));
    let approved = run(&["org", "approve", "acme", "--yes", "-o", "json"]).json();
    assert_eq!(approved["decision"], "approved");
    assert_eq!(approved["syncs"][0]["counts"]["vanished"], 30);
}

#[test]
fn who_is_not_let_in_is_told_what_to_do() {
    let place = Place::new();
    let served = Served::start(&place);
    let check = |command: &mut Command, code: i32, expected: &str| {
        let ran = Ran::from(command.output().expect("it runs"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&served.token), "{}", ran.stderr);
    };
    let list = ["org", "list"];
    check(
        served
            .command(&place, &list)
            .env_remove("FORGEHOLD_API_TOKEN"),
        2,
        "--server needs an API token",
    );
    check(
        served
            .command(&place, &list)
            .env("FORGEHOLD_API_TOKEN", "fgh_0000"),
        5,
        "the API token is unknown",
    );
    let file = place.file("token", &format!("{}\n", served.token));
    served
        .command(&place, &["org", "list", "--api-token-file", &file])
        .env_remove("FORGEHOLD_API_TOKEN");
    for (server, code, expected) in [
        ("http://127.0.0.1:1", 6, "cannot be reached"),
        ("http://forgehold.example.com", 2, "is not https"),
        ("forgehold", 2, "is no address"),
        ("https://ada:secret@x", 2, "which does not belong into it"),
    ] {
        let mut command = place.command(&["org", "list", "--server", server]);
        command
            .env_remove("FORGEHOLD_DATA_DIR")
            .env("FORGEHOLD_API_TOKEN", &served.token);
        check(&mut command, code, expected);
    }
}

#[test]
fn a_vault_that_is_away_takes_no_other_along() {
    let place = Place::new();
    place.run_with(&["secret", "add", "gitlab"], "a-value").ok();
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let token = place.file("bao-token", "a token");
    let settings = [
        ("FORGEHOLD_OPENBAO__ADDRESS", address.as_str()),
        ("FORGEHOLD_OPENBAO__AUTH", "token"),
        ("FORGEHOLD_OPENBAO__TOKEN_FILE", token.as_str()),
    ];
    let place = settings
        .iter()
        .fold(place, |place, (name, value)| place.env(name, value));
    let served = Served::with(&place, &settings);
    same(&place, &served, "secret list");
    same(&place, &served, "vault check");
    let checked = place.run(&["vault", "check"]);
    checked.code(0);
    let other = "openbao, does not answer: the vault cannot be reached";
    assert!(checked.stdout.contains(other), "{}", checked.stdout);
    assert!(checked.stdout.contains("embedded"), "{}", checked.stdout);
    let listed = place.run(&["secret", "list", "--quiet"]);
    listed.code(0);
    assert!(listed.stdout.contains("gitlab"), "{}", listed.stdout);
    let warning = "warning: the secrets of the vault `openbao` are not in this list: ";
    assert!(listed.stderr.starts_with(warning), "{}", listed.stderr);
}
