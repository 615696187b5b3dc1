//! Signing in at a provider of `OpenID` Connect: the program itself, and a real `OpenBao`. The test plays the browser.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use url::Url;

use crate::bao::{self, free_port};
use crate::edge::{cookies, token_in};
use crate::openbao::Provider;
use crate::program::{Program, command};
use crate::support::{Answer, PASSWORD, client};

/// A server with the provider in its configuration, and `ada`, an administrator with a password.
struct Office {
    program: Option<Program>,
    base: String,
    token: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

/// A file that its owner alone may read.
fn private(path: &Path, text: &str) {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("a file");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
}

impl Office {
    fn open(port: u16, provider: &Provider, secret: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secret_file = folder.path().join("client-secret");
        private(&secret_file, &format!("{secret}\n"));
        let base = format!("http://127.0.0.1:{port}");
        let settings = [
            ("LISTEN", format!("127.0.0.1:{port}")),
            ("PUBLIC_URL", base.clone()),
            ("OIDC__ISSUER", provider.issuer()),
            ("OIDC__CLIENT_ID", provider.client_id.clone()),
            (
                "OIDC__CLIENT_SECRET_FILE",
                secret_file.display().to_string(),
            ),
            ("OIDC__LABEL", "Example <Inc.>".to_owned()),
            ("OIDC__SCOPES", "profile,groups".to_owned()),
            ("OIDC__ROLES", "boss=administrator,staff=viewer".to_owned()),
        ];
        let mut settings: Vec<(String, String)> = settings
            .into_iter()
            .map(|(name, value)| (format!("FORGEHOLD_SERVER__{name}"), value))
            .collect();
        for (name, value) in [("LOG__LEVEL", "trace"), ("HTTP__PROXY", "none")] {
            settings.push((format!("FORGEHOLD_{name}"), value.to_owned()));
        }
        let mut office = Self {
            program: None,
            base,
            token: String::new(),
            http: client(),
            folder,
            settings,
        };
        office.manage(&["add-administrator", "ada"], PASSWORD);
        office.token = office.manage(&["issue-token", "ada", "--scope", "admin"], "");
        let log = File::create(office.log()).expect("a file");
        let mut command = office.command();
        command.stderr(log);
        let mut program = Program::of(command);
        program.line();
        office.program = Some(program);
        office
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self) -> std::process::Command {
        let settings = self.settings.iter();
        let settings: Vec<(&str, &str)> = settings
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        command(self.folder.path(), &settings)
    }

    /// Does something at the machine; answers its output.
    fn manage(&self, args: &[&str], input: &str) -> String {
        let file = self.folder.path().join("input");
        private(&file, input);
        let input = File::open(&file).expect("it is there");
        let output = self.command().args(args).stdin(input).output();
        let output = output.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.base)
        } else {
            path.to_owned()
        };
        Answer::of(self.http.get(url).header("cookie", cookie)).await
    }

    /// Presses the button: the cookie of this attempt, and where the browser is sent.
    async fn depart(&self, next: &str) -> (String, String) {
        let path = format!("/sign-in/provider?next={next}");
        let answer = self.get(&path, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = cookies(&answer).join("; ");
        (cookie, answer.header("location").to_owned())
    }

    /// The whole way there and back.
    async fn enter(&self, provider: &Provider, name: &str) -> Answer {
        let (cookie, question) = self.depart("").await;
        let back = provider.sign_in(name, &question).await;
        self.get(&back, &cookie).await
    }

    async fn role(&self, name: &str) -> String {
        let request = self.http.get(format!("{}/api/v1/users/{name}", self.base));
        let answer = Answer::of(request.bearer_auth(&self.token)).await;
        answer.body["role"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything that the server wrote: its log, its database, its vault.
    fn written(&self) -> Vec<(PathBuf, String)> {
        let data = std::fs::read_dir(self.folder.path().join("data")).expect("a folder");
        let files = data.map(|entry| entry.expect("an entry").path());
        files
            .chain([self.log()])
            .filter(|path| path.is_file())
            .map(|path| {
                let bytes = std::fs::read(&path).expect("a file");
                (path, String::from_utf8_lossy(&bytes).into_owned())
            })
            .collect()
    }
}

/// What stands in the query of an address.
fn in_query(address: &str, wanted: &str) -> String {
    let address = Url::parse(address).expect("an address");
    let mut pairs = address.query_pairs();
    let found = pairs.find(|(name, _)| name == wanted);
    found.expect("it is there").1.into_owned()
}

/// Whoever came in is sent on; the page says why somebody did not.
#[track_caller]
fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(answer.text.contains(words), "{}", answer.text);
    let session = cookies(answer).join("; ");
    assert!(!session.contains("forgehold_session"), "{session}");
}

#[tokio::test]
async fn people_sign_in_at_a_real_provider() {
    let Some(program) = bao::program() else {
        return;
    };
    let port = free_port();
    let redirect = format!("http://127.0.0.1:{port}/sign-in/callback");
    let provider = Provider::start(program, &redirect).await;
    let (grace, linus) = (
        provider.person("grace").await,
        provider.person("linus").await,
    );
    provider.person("mallory").await;
    provider.group("boss", &[&grace]).await;
    provider.group("staff", &[&grace, &linus]).await;
    let office = Office::open(port, &provider, &provider.client_secret);

    let page = office.get("/sign-in?next=%2Flicenses", "").await;
    assert!(
        page.text
            .contains("href=\"/sign-in/provider?next=%2Flicenses\"")
            && page.text.contains("Sign in with Example &#60;Inc.&#62;"),
        "{}",
        page.text
    );

    // There and back, into a new account with the role of the group.
    let (cookie, question) = office.depart("%2Flicenses").await;
    let back = provider.sign_in("grace", &question).await;
    let entered = office.get(&back, &cookie).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
    assert_eq!(entered.header("location"), "/licenses");
    let session = cookies(&entered).join("; ");
    assert!(session.starts_with("forgehold_session="), "{session}");
    let open = office.get("/users", &session).await;
    assert_eq!(open.status, StatusCode::OK, "administrators see people");
    assert_eq!(office.role("grace").await, "administrator");

    // Somebody says no, any number of times.
    for _ in 0..10 {
        let (cookie, question) = office.depart("").await;
        let denied = format!(
            "/sign-in/callback?error=access_denied&state={}",
            in_query(&question, "state")
        );
        refused(&office.get(&denied, &cookie).await, 400, "denied");
    }

    // Nobody is sent elsewhere.
    let (cookie, question) = office.depart("%2F%2Fevil.example").await;
    let back = provider.sign_in("linus", &question).await;
    assert_eq!(office.get(&back, &cookie).await.header("location"), "/");
    assert_eq!(office.role("linus").await, "viewer");

    // Groups change: the role follows at the next sign-in, and whoever has none stays outside.
    refused(
        &office.enter(&provider, "mallory").await,
        403,
        "in no group",
    );
    provider.group("boss", &[&linus]).await;
    let entered = office.enter(&provider, "grace").await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
    assert_eq!(office.role("grace").await, "viewer");
    assert_eq!(
        office.get("/users", &session).await.status,
        StatusCode::SEE_OTHER,
        "the session with the old role is over"
    );

    let (cookie, question) = office.depart("").await;
    let back = provider.sign_in("linus", &question).await;
    let code = in_query(&back, "code");
    assert_eq!(
        office.get(&back, &cookie).await.status,
        StatusCode::SEE_OTHER
    );

    let request = office
        .http
        .get(format!("{}/api/v1/events?limit=200", office.base));
    let history = Answer::of(request.bearer_auth(&office.token)).await;
    for kind in ["user.linked", "user.role_changed", "user.sign_in_refused"] {
        assert!(history.text.contains(kind), "{kind} in {}", history.text);
    }
    let signed_in = format!("from 127.0.0.1, by {}", provider.issuer());
    assert!(history.text.contains(&signed_in), "{}", history.text);

    // The client secret is in none of what the server wrote, not even in its most talkative log; nor is a code.
    let mut written = office.written();
    written.push(("history".into(), history.text));
    assert!(
        written
            .iter()
            .any(|(path, text)| path.ends_with("log") && text.contains("/sign-in/callback"))
    );
    for (path, text) in &written {
        for secret in [
            provider.client_secret.as_str(),
            code.as_str(),
            "guessed-code",
        ] {
            assert!(!text.contains(secret), "{} has a secret", path.display());
        }
    }
}

#[tokio::test]
async fn an_account_with_a_password_is_linked_only_at_the_machine() {
    let Some((provider, office)) = together().await else {
        return;
    };
    // A name that is there already is not taken over; whoever runs the server may link it.
    let ada = provider.person("ada").await;
    provider.group("boss", &[&ada]).await;
    let taken = office.enter(&provider, "ada").await;
    refused(&taken, 403, "already an account");
    assert!(
        taken.text.contains(&ada),
        "the page says the subject: {}",
        taken.text
    );
    office.manage(&["link-account", "ada", &ada], "");
    let entered = office.enter(&provider, "ada").await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);

    // The password goes on working.
    let page = office.get("/sign-in", "").await;
    let form = [
        ("csrf", token_in(&page.text)),
        ("name", "ada".to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    let request = office.http.post(format!("{}/sign-in", office.base));
    let request = request.header("cookie", cookies(&page).join("; "));
    let entered = Answer::of(request.form(&form)).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
}

#[tokio::test]
async fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let Some((provider, office)) = together().await else {
        return;
    };
    let (cookie, question) = office.depart("").await;
    let back = provider.sign_in("grace", &question).await;
    let entered = office.get(&back, &cookie).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text);
    refused(&office.get(&back, &cookie).await, 400, "finished already");
    // Login CSRF: an attacker's answer in the browser of somebody else.
    let (mine, question) = office.depart("").await;
    let back = provider.sign_in("grace", &question).await;
    let (theirs, _) = office.depart("").await;
    assert_ne!(mine, theirs);
    refused(&office.get(&back, &theirs).await, 400, "another browser");
    refused(&office.get(&back, &mine).await, 400, "finished already");
    let twice = "/sign-in/callback?state=a&state=b";
    refused(&office.get(twice, &mine).await, 400, "not known here");
}

#[tokio::test]
async fn a_code_is_worth_nothing_elsewhere() {
    let Some((provider, office)) = together().await else {
        return;
    };
    let callback = |code: &str, question: &str| {
        let state = in_query(question, "state");
        format!("/sign-in/callback?code={code}&state={state}")
    };
    let (cookie, question) = office.depart("").await;
    let guessed = callback("guessed-code", &question);
    refused(&office.get(&guessed, &cookie).await, 502, "invalid_grant");
    // The code of one attempt in another one: the verifier is another one.
    let (_, first) = office.depart("").await;
    let stolen = in_query(&provider.sign_in("grace", &first).await, "code");
    let (cookie, second) = office.depart("").await;
    let injected = callback(&stolen, &second);
    refused(&office.get(&injected, &cookie).await, 502, "invalid_grant");
    // An answer that says to be of somebody else is not taken to the provider.
    let (cookie, question) = office.depart("").await;
    let back = provider.sign_in("grace", &question).await;
    let mixed = format!("{back}&iss=https%3A%2F%2Fevil.example");
    refused(
        &office.get(&mixed, &cookie).await,
        400,
        "identity provider answered than",
    );
    for (path, text) in office.written() {
        for code in ["guessed-code", &stolen] {
            assert!(!text.contains(code), "{} has a code", path.display());
        }
    }
}

/// A provider with `grace`, who is on the staff, and a server that knows it.
async fn together() -> Option<(Provider, Office)> {
    let program = bao::program()?;
    let port = free_port();
    let redirect = format!("http://127.0.0.1:{port}/sign-in/callback");
    let provider = Provider::start(program, &redirect).await;
    let grace = provider.person("grace").await;
    provider.group("staff", &[&grace]).await;
    let office = Office::open(port, &provider, &provider.client_secret);
    Some((provider, office))
}

#[tokio::test]
async fn a_wrong_secret_and_a_provider_that_is_gone_are_told_apart() {
    let Some(program) = bao::program() else {
        return;
    };
    let port = free_port();
    let redirect = format!("http://127.0.0.1:{port}/sign-in/callback");
    let provider = Provider::start(program, &redirect).await;
    let grace = provider.person("grace").await;
    provider.group("staff", &[&grace]).await;
    let office = Office::open(port, &provider, "planted-wrong-secret");
    let answer = office.enter(&provider, "grace").await;
    refused(&answer, 502, "invalid_client");
    let (cookie, question) = office.depart("").await;
    let back = provider.sign_in("grace", &question).await;
    drop(provider);
    let answer = office.get(&back, &cookie).await;
    refused(&answer, 503, "cannot be reached");
    for (path, text) in office.written() {
        assert!(!text.contains("planted-wrong-secret"), "{}", path.display());
    }
}

/// What the program says when it is started with these settings of the provider.
#[track_caller]
fn does_not_start(change: (&str, &str), words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let open = folder.path().join("open");
    std::fs::write(&open, "planted-secret").expect("written");
    let mut settings = vec![
        ("SERVER__PUBLIC_URL", "https://forgehold.example.com"),
        ("SERVER__OIDC__ISSUER", "https://id.example.com"),
        ("SERVER__OIDC__CLIENT_ID", "forgehold"),
        ("SERVER__OIDC__ROLES", "staff=viewer"),
    ];
    settings.push(change);
    let mut command = command(folder.path(), &[]);
    for (name, value) in settings {
        let value = value.replace("OPEN", &open.display().to_string());
        command.env(format!("FORGEHOLD_{name}"), value);
    }
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for word in words {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains("planted-secret"), "{said}");
}

#[test]
fn mistakes_are_told_at_the_start_with_the_name_of_the_setting() {
    does_not_start(
        ("SERVER__OIDC__ISSUER", "http://id.example.com"),
        &["`server.oidc.issuer`", "must be an https address"],
    );
    does_not_start(
        ("SERVER__OIDC__CLIENT_SECRET_FILE", "/nowhere/secret"),
        &["/nowhere/secret", "server.oidc.client_secret_file"],
    );
    // Everybody may read it.
    does_not_start(
        ("SERVER__OIDC__CLIENT_SECRET_FILE", "OPEN"),
        &["server.oidc.client_secret_file", "chmod 600"],
    );
    does_not_start(
        ("SERVER__OIDC__ROLES", ""),
        &["`server.oidc.roles`", "nobody gets in"],
    );
}
