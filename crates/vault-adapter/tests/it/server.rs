//! A real `OpenBao` server as an administrator sets it up: raft storage, TLS with an authority of its own, initialized and unsealed here.
//!
//! The program is named by the environment variable `FORGEHOLD_BAO`. It ends with the process that started it, however that ends.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

const VARIABLE: &str = "FORGEHOLD_BAO";
/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(30);

/// The documented policy, in which the tests put their own prefix.
const POLICY: &str = include_str!("../../../../docs/vault-policy.hcl");

/// The program; without it a test says that it did not run, and fails under CI.
pub(crate) fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PROGRAM.get_or_init(|| {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from);
        assert!(
            program.is_some() || std::env::var("CI").as_deref() != Ok("true"),
            "{VARIABLE} must be set in CI"
        );
        program
    });
    if found.is_none() {
        say();
    }
    found.as_deref()
}

#[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
fn say() {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test of a real server");
    println!("{test} did not run: {VARIABLE} names no program");
}

/// A server. Dropping it ends it.
pub(crate) struct Server {
    folder: TempDir,
    ports: (u16, u16),
    pub(crate) ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
    http: Client,
    unseal_key: String,
    root_token: String,
    running: Option<Running>,
}

/// A shell that waits for the end of its input, which comes with the end of this process, and ends the server then.
struct Running(Child);

impl Running {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server under test is started here"
    )]
    fn start(program: &Path, folder: &Path) -> Self {
        let script = "\"$1\" server -config=\"$2/config.hcl\" >>\"$2/log\" 2>&1 </dev/null & pid=$!; read -r _; kill -9 $pid; wait $pid";
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .arg(folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A part of a server for one test: a prefix, and a role that may do there what the documented policy says.
pub(crate) struct Part {
    pub(crate) prefix: String,
    pub(crate) role_id: String,
    pub(crate) secret_id: String,
    pub(crate) policy: String,
}

impl Server {
    /// The server that all tests of this process share; it is sealed and stopped by none of them.
    pub(crate) async fn shared(program: &Path) -> &'static Self {
        static SHARED: tokio::sync::OnceCell<Server> = tokio::sync::OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                let server = Self::start(program).await;
                server.set_up().await;
                server
            })
            .await
    }

    /// A server of one's own, initialized and unsealed, with nothing in it.
    pub(crate) async fn start(program: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("forgehold-openbao-")
            .tempdir()
            .expect("a folder");
        let (issuer, ca_pem) = authority();
        let ports = (free_port(), free_port());
        write_server_files(folder.path(), &issuer, ports);
        let certificate = Certificate::from_pem(ca_pem.as_bytes()).expect("a certificate");
        let http = Client::builder()
            .tls_certs_only([certificate])
            .no_proxy()
            .timeout(Duration::from_secs(30))
            // A connection belongs to the runtime of the test that opened it.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        let running = Some(Running::start(program, folder.path()));
        let mut server = Self {
            folder,
            ports,
            ca_pem,
            issuer,
            http,
            unseal_key: String::new(),
            root_token: String::new(),
            running,
        };
        server.wait_for("it answers", |status| status != 0).await;
        let (_, init) = server
            .ask(
                Method::PUT,
                "sys/init",
                Some(json!({"secret_shares": 1, "secret_threshold": 1})),
            )
            .await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        server.unseal_key = text(&init["keys_base64"][0]);
        server.root_token = text(&init["root_token"]);
        server.unseal().await;
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.0)
    }

    pub(crate) fn root_token(&self) -> &str {
        &self.root_token
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Unseals and waits until the server is the active one.
    pub(crate) async fn unseal(&self) {
        let key = json!({"key": self.unseal_key});
        self.ask(Method::PUT, "sys/unseal", Some(key)).await;
        self.wait_for("it is active", |status| status == 200).await;
    }

    pub(crate) async fn seal(&self) {
        self.admin(Method::PUT, "sys/seal", None).await;
        self.wait_for("it is sealed", |status| status == 503).await;
    }

    /// Ends the program as a crash does.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Starts the program again on what it kept; it is sealed then.
    pub(crate) async fn start_again(&mut self, program: &Path) {
        self.running = Some(Running::start(program, self.folder.path()));
        self.wait_for("it answers again", |status| status == 503)
            .await;
    }

    /// Asks as the administrator; panics unless it is done.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!(
            (200..300).contains(&status),
            "{path} was answered with {status}: {answer}"
        );
        answer
    }

    /// Asks as the administrator.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.address());
        let mut request = self.http.request(method, url);
        if !self.root_token.is_empty() {
            request = request.header("x-vault-token", &self.root_token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        match request.send().await {
            Err(error) => (0, Value::String(error.to_string())),
            Ok(answer) => {
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap_or_default();
                (status, serde_json::from_str(&text).unwrap_or_default())
            }
        }
    }

    async fn wait_for(&self, what: &str, fits: impl Fn(u16) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let (status, _) = self.ask(Method::GET, "sys/health", None).await;
            if fits(status) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the server does not come to where {what} (status {status}):\n{}",
                fs::read_to_string(self.path("log")).unwrap_or_default()
            );
        }
    }

    /// The engines and methods that the tests use.
    pub(crate) async fn set_up(&self) {
        let kv = |version: &str| json!({"type": "kv", "options": {"version": version}});
        self.admin(Method::POST, "sys/mounts/secret", Some(kv("2")))
            .await;
        self.admin(Method::POST, "sys/mounts/old", Some(kv("1")))
            .await;
        self.admin(
            Method::POST,
            "sys/mounts/transit",
            Some(json!({"type": "transit"})),
        )
        .await;
        for method in ["approle", "kubernetes", "cert"] {
            self.admin(
                Method::POST,
                &format!("sys/auth/{method}"),
                Some(json!({"type": method})),
            )
            .await;
        }
        self.wait_until_kv_answers("secret").await;
    }

    /// An engine of version 2 needs a moment after it was mounted.
    pub(crate) async fn wait_until_kv_answers(&self, mount: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let (status, answer) = self
                .ask(Method::GET, &format!("{mount}/data/nothing"), None)
                .await;
            if status == 404 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{mount} does not answer: {answer}"
            );
        }
    }

    /// A part that no other test has.
    pub(crate) async fn part(&self) -> Part {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("part-{}-{number}", std::process::id());
        self.role(
            &prefix,
            &POLICY.replace("/forgehold/", &format!("/{prefix}/")),
        )
        .await
    }

    /// A role with a policy of its own.
    pub(crate) async fn role(&self, name: &str, policy: &str) -> Part {
        self.admin(
            Method::PUT,
            &format!("sys/policies/acl/{name}"),
            Some(json!({"policy": policy})),
        )
        .await;
        let role = format!("auth/approle/role/{name}");
        let body = json!({"token_policies": [name], "token_ttl": "1h", "token_max_ttl": "24h"});
        self.admin(Method::POST, &role, Some(body)).await;
        let id = self
            .admin(Method::GET, &format!("{role}/role-id"), None)
            .await;
        let secret = self
            .admin(Method::POST, &format!("{role}/secret-id"), None)
            .await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Part {
            prefix: name.to_owned(),
            role_id: text(&id["data"]["role_id"]),
            secret_id: text(&secret["data"]["secret_id"]),
            policy: name.to_owned(),
        }
    }

    /// A client certificate of the server's own authority, in two files.
    pub(crate) fn client_certificate(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let mut client = CertificateParams::new(Vec::new()).expect("parameters");
        client.distinguished_name.push(DnType::CommonName, name);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = client.signed_by(&key, &self.issuer).expect("a signature");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
            path
        };
        (
            write("client.pem", &certificate.pem()),
            write("client.key", &key.serialize_pem()),
        )
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.distinguished_name
        .push(DnType::CommonName, "an authority of a test");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let pem = ca.self_signed(&key).expect("a certificate").pem();
    (Issuer::new(ca, key), pem)
}

fn write_server_files(
    folder: &Path,
    issuer: &Issuer<'static, KeyPair>,
    (port, cluster): (u16, u16),
) {
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
        .expect("parameters")
        .signed_by(&key, issuer)
        .expect("a signature");
    let here = folder.display();
    fs::create_dir(folder.join("data")).expect("a folder");
    fs::write(folder.join("server.pem"), leaf.pem()).expect("a file");
    fs::write(folder.join("server.key"), key.serialize_pem()).expect("a file");
    let config = format!(
        r#"
ui = false
log_level = "warn"
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
storage "raft" {{
  path = "{here}/data"
  node_id = "one"
  performance_multiplier = "1"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file = "{here}/server.pem"
  tls_key_file = "{here}/server.key"
}}
"#
    );
    fs::write(folder.join("config.hcl"), config).expect("a file");
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
