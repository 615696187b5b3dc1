//! What a sign-in must keep to itself (state, verifier, code, tokens, the secret of the application, the browser's ticket) is looked for
//! wherever it could come out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gitlab_sim::ApplicationSpec;
use org_core::ports::Ports;
use runtime::Runtime;
use runtime::config::{Config, ConfigSources};
use secrecy::ExposeSecret;

use crate::browser::{Browser, CLIENT, Waiting, redirect_of};
use crate::place::{Place, Ran};
use crate::secrets::files;
use crate::sim::Sim;
use crate::sso::wait_for_file;

const CLIENT_SECRET: &str = "gloas-Pl4nt3d-0f-4n-4pplic4ti0n";

/// What was planted, by what it is.
#[derive(Default)]
struct Planted(Vec<(String, String)>);

impl Planted {
    #[track_caller]
    fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to be looked for");
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    #[track_caller]
    fn absent(&self, place: &str, bytes: &[u8]) {
        for (what, secret) in &self.0 {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{what} is in {place}");
        }
    }

    #[track_caller]
    fn absent_in(&self, what: &str, ran: &Ran) {
        self.absent(&format!("the output of {what}"), ran.stdout.as_bytes());
        self.absent(
            &format!("the errors and logs of {what}"),
            ran.stderr.as_bytes(),
        );
    }
}

/// Everything that the vault holds in the clear, line by line.
fn vault(place: &Place) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        let sources = ConfigSources {
            data_dir: Some(place.data()),
            ..ConfigSources::default()
        };
        let config = Config::load(&sources).expect("the defaults are good");
        let open = Runtime::open(&config).await.expect("it opens");
        let lines = values(open.ports()).await;
        open.close().await;
        lines
    })
}

async fn values(ports: &Ports) -> Vec<String> {
    let mut lines = Vec::new();
    for facts in ports.vault.list().await.expect("a list") {
        let value = ports.vault.get(facts.reference).await.expect("it answers");
        let (_, value) = value.expect("it is there");
        lines.extend(value.expose_secret().lines().map(str::to_owned));
    }
    lines
}

fn parameter(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').expect("a query");
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value.expect("it is there").to_owned()
}

fn plant_tokens(planted: &mut Planted, place: &Place) {
    let lines = vault(place);
    for kind in ["access", "refresh"] {
        let token = lines
            .iter()
            .find_map(|line| line.strip_prefix(&format!("{kind} ")));
        planted.add(&format!("the {kind} token"), token.expect("a pair"));
    }
}

/// A place whose application has a secret, and whose browser writes down, at that path, what everybody on this machine can read of it.
fn prepared(sim: &Sim) -> (Place, PathBuf) {
    let spec = ApplicationSpec::confidential("Forgehold", &redirect_of(sim))
        .client_id(CLIENT)
        .secret(CLIENT_SECRET);
    let oauth = sim.get().oauth();
    oauth.add_application(&spec).expect("a new application");
    let place = Place::new();
    let private = |path: &str, mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, permissions).expect("it is ours");
    };
    let secret = place.file("client-secret", CLIENT_SECRET);
    private(&secret, 0o600);
    let seen = place.folder().join("seen");
    let script = format!(
        "#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ > {0}.new\nmv {0}.new {0}\n",
        seen.display()
    );
    let browser = place.file("browser", &script);
    private(&browser, 0o700);
    let client = format!("{} {CLIENT} file:{secret}", sim.url());
    let place = place
        .env("FORGEHOLD_OAUTH__CLIENTS", &client)
        .env("BROWSER", &browser)
        .env("PATH", "/usr/bin:/bin");
    (place, seen)
}

/// Signs in with everything logged, and looks at what everybody can see meanwhile.
#[track_caller]
fn sign_in(sim: &Sim, (place, seen): (&Place, &Path), planted: &mut Planted) {
    let add = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--name",
        "acme",
        "-vvv",
    ];
    let mut waiting = Waiting::start(place, &add);
    let entrance = waiting.entrance();
    let verifier = vault(place);
    assert_eq!(verifier.len(), 1, "the verifier alone is there yet");
    planted.add("the verifier", &verifier[0]);
    let browser = Browser::open(&entrance);
    planted.add("the state", &parameter(&browser.authorization, "state"));
    let (_, ticket) = browser.cookie.split_once('=').expect("a cookie");
    planted.add("the ticket", ticket);
    let oauth = sim.get().oauth();
    let location = oauth
        .approve(&browser.authorization, "alice")
        .expect("the host agrees");
    planted.add("the code", &parameter(&location, "code"));
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", waiting.child.id());
        planted.absent(&path, &fs::read(&path).expect("the program runs"));
    }
    let shown = wait_for_file(seen);
    assert!(
        shown.contains(&entrance),
        "the browser was told where to go"
    );
    planted.absent(
        "the command line and the environment of the browser",
        shown.as_bytes(),
    );
    let page = browser.back(&location);
    assert_eq!(page.status, 200, "{page:?}");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("TRACE"), "everything was logged");
    plant_tokens(planted, place);
    planted.absent("the page", page.page.as_bytes());
    planted.absent_in("signing in", &ran);
}

#[test]
fn nothing_of_a_sign_in_comes_out_anywhere() {
    let sim = Sim::company();
    let (place, seen) = prepared(&sim);
    let mut planted = Planted::default();
    planted.add("the client secret", CLIENT_SECRET);
    sign_in(&sim, (&place, &seen), &mut planted);

    // A renewal, and what is said of all that afterwards.
    sim.get().oauth().expire_access_tokens();
    let run = |args: &[&str]| {
        let logged: Vec<&str> = args.iter().copied().chain(["-vvv"]).collect();
        place.run(&logged)
    };
    let synced = run(&["org", "sync", "acme"]);
    assert_eq!(synced.code, Some(0), "{}", synced.stderr);
    assert_eq!(sim.get().oauth().stats().refreshes, 1);
    plant_tokens(&mut planted, &place);
    planted.absent_in("a renewal", &synced);
    for args in [
        ["org", "show", "acme"].as_slice(),
        &["secret", "list"],
        &["events", "--limit", "1000"],
        &["org", "attempts"],
        &["doctor"],
    ] {
        planted.absent_in(&args.join(" "), &run(args));
    }

    // By a code, and refused in the end.
    let device = [
        "org",
        "add",
        "gitlab",
        "--host",
        sim.url(),
        "--device-code",
        "-vvv",
    ];
    let mut waiting = Waiting::start(&place, &device);
    let code = waiting.code();
    sim.get()
        .oauth()
        .approve_device(&code, "alice")
        .expect("it waits");
    let ran = waiting.end();
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    planted.absent_in("a code", &ran);

    for file in files(&place.data()) {
        // The vault's own file too: nothing in it is readable.
        let bytes = fs::read(&file).expect("it is readable");
        planted.absent(&file.display().to_string(), &bytes);
    }
    assert!(
        sim.get()
            .requests()
            .iter()
            .all(|request| !request.token_in_url)
    );
    planted.absent_in(
        "removing",
        &run(&["org", "remove", "acme", "--confirm", "acme"]),
    );
}
