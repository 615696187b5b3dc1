//! A real `OpenBao` as a provider of `OpenID` Connect, with people and groups in it.
//!
//! The program is named by the environment variable `FORGEHOLD_BAO`. It ends with the process that started it, however that ends.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use url::Url;

use crate::support::client;

const VARIABLE: &str = "FORGEHOLD_BAO";
const ROOT: &str = "root-token-of-the-test";
const PASSWORD: &str = "a password at the provider";
/// How long the program may take for anything.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(30);

/// The program; without it a test says that it did not run, and fails under CI.
pub(crate) fn program() -> Option<PathBuf> {
    let program = std::env::var_os(VARIABLE).map(PathBuf::from);
    assert!(
        program.is_some() || std::env::var("CI").as_deref() != Ok("true"),
        "{VARIABLE} must be set in CI"
    );
    if program.is_none() {
        say();
    }
    program
}

#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
fn say() {
    println!("a test did not run: {VARIABLE} names no program");
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A provider. Dropping it ends it.
pub(crate) struct Provider {
    child: Child,
    address: String,
    http: reqwest::Client,
    accessor: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    _folder: TempDir,
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Provider {
    /// Starts one that knows an application with this redirect URI.
    #[expect(
        clippy::disallowed_methods,
        reason = "the provider under test is started here"
    )]
    pub(crate) async fn start(program: PathBuf, redirect: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = format!("127.0.0.1:{}", free_port());
        // A shell waits for the end of its input, which comes with the end of this process, and ends the program then.
        let script = "\"$1\" server -dev -dev-no-store-token -dev-root-token-id=\"$2\" -dev-listen-address=\"$3\" >log 2>&1 </dev/null & \
                      pid=$!; read -r _; kill -9 $pid; wait $pid";
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .args([ROOT, &listen])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut provider = Self {
            child,
            address: format!("http://{listen}"),
            http: client(),
            accessor: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
            _folder: folder,
        };
        provider.wait().await;
        provider.set_up(redirect).await;
        provider
    }

    async fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let health = self.http.get(format!("{}/v1/sys/health", self.address));
            if health
                .send()
                .await
                .is_ok_and(|answer| answer.status() == StatusCode::OK)
            {
                return;
            }
            assert!(Instant::now() < deadline, "the provider does not start");
        }
    }

    async fn set_up(&mut self, redirect: &str) {
        self.put("sys/auth/userpass", json!({"type": "userpass"}))
            .await;
        let methods = self.ask(Method::GET, "sys/auth", ROOT, None).await;
        self.accessor = text(&methods["data"]["userpass/"]["accessor"]);
        let key = json!({"allowed_client_ids": "*", "verification_ttl": "1h", "rotation_period": "1h", "algorithm": "ES256"});
        self.put("identity/oidc/key/forgehold", key).await;
        let client = json!({"key": "forgehold", "redirect_uris": [redirect], "assignments": ["allow_all"], "client_type": "confidential", "id_token_ttl": "10m", "access_token_ttl": "10m"});
        self.put("identity/oidc/client/forgehold", client).await;
        let client = self
            .ask(Method::GET, "identity/oidc/client/forgehold", ROOT, None)
            .await;
        self.client_id = text(&client["data"]["client_id"]);
        self.client_secret = text(&client["data"]["client_secret"]);
        let groups = json!({"template": r#"{"groups": {{identity.entity.groups.names}}}"#});
        self.put("identity/oidc/scope/groups", groups).await;
        let profile = json!({"template": r#"{"preferred_username": {{identity.entity.name}}}"#});
        self.put("identity/oidc/scope/profile", profile).await;
        let provider = json!({"allowed_client_ids": [self.client_id], "scopes_supported": ["groups", "profile"]});
        self.put("identity/oidc/provider/company", provider).await;
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/v1/identity/oidc/provider/company", self.address)
    }

    /// Adds a person; answers who they are for groups.
    pub(crate) async fn person(&self, name: &str) -> String {
        let user = json!({"password": PASSWORD, "token_ttl": "1h"});
        self.put(&format!("auth/userpass/users/{name}"), user).await;
        let entity = self.put("identity/entity", json!({"name": name})).await;
        let id = text(&entity["data"]["id"]);
        let alias = json!({"name": name, "canonical_id": id, "mount_accessor": self.accessor});
        self.put("identity/entity-alias", alias).await;
        id
    }

    /// Has these people, and no others, be in a group.
    pub(crate) async fn group(&self, name: &str, people: &[&str]) {
        let group = json!({"member_entity_ids": people});
        self.put(&format!("identity/group/name/{name}"), group)
            .await;
    }

    /// Does what the page of the provider does when somebody signs in there and agrees: answers the address that the browser is sent back to.
    pub(crate) async fn sign_in(&self, name: &str, question: &str) -> String {
        let login = format!("auth/userpass/login/{name}");
        let login = self
            .ask(
                Method::POST,
                &login,
                "",
                Some(json!({"password": PASSWORD})),
            )
            .await;
        let token = text(&login["auth"]["client_token"]);
        let question = Url::parse(question).expect("an address");
        let query = question.query().expect("a question");
        let path = format!("identity/oidc/provider/company/authorize?{query}");
        let answer = self.ask(Method::GET, &path, &token, None).await;
        let find = |wanted: &str| {
            let mut pairs = question.query_pairs();
            let found = pairs.find(|(name, _)| name == wanted);
            found.expect("it is asked for").1.into_owned()
        };
        let mut back = Url::parse(&find("redirect_uri")).expect("an address");
        back.query_pairs_mut()
            .append_pair("code", &text(&answer["code"]))
            .append_pair("state", &text(&answer["state"]));
        back.into()
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, ROOT, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Value {
        let url = format!("{}/v1/{path}", self.address);
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.header("x-vault-token", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the provider answers");
        let status = answer.status();
        let text = answer.text().await.expect("a whole answer");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
