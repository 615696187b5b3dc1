//! A real `OpenBao` in its development mode, which keeps everything in memory.
//!
//! The program is named by the environment variable `FORGEHOLD_BAO`. It ends with the process that started it, however that ends.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

const VARIABLE: &str = "FORGEHOLD_BAO";
/// The token that may do everything.
pub(crate) const ROOT: &str = "root-token-of-the-test";
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

/// A server. Dropping it ends it.
pub(crate) struct Bao {
    child: Child,
    pub(crate) address: String,
    http: reqwest::Client,
    _folder: TempDir,
}

impl Drop for Bao {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Bao {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server under test is started here"
    )]
    pub(crate) async fn start(program: PathBuf) -> Self {
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
        let bao = Self {
            child,
            address: format!("http://{listen}"),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .expect("a client"),
            _folder: folder,
        };
        bao.wait().await;
        bao
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
            assert!(Instant::now() < deadline, "the server does not start");
        }
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, ROOT, Some(body)).await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Value {
        let url = format!("{}/v1/{path}", self.address);
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.header("x-vault-token", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status();
        let text = answer.text().await.expect("a whole answer");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}
