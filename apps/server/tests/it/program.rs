//! The program itself: its output, its logs, its signals.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::client;

/// A server of its own, killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of these tests that starts the program"
)]
pub(crate) fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forgehold-server"));
    command
        .env_clear()
        .env("FORGEHOLD_DATA_DIR", folder.join("data"))
        .env("FORGEHOLD_SERVER__LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Program {
    fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::of(command(folder, settings))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdout }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it speaks");
        line
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is there");
    }

    /// Waits for the end: the code, and what was logged.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut log).expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        (status.code(), log)
    }
}

#[tokio::test]
async fn it_says_where_it_is_answers_and_ends_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [
        ("FORGEHOLD_LOG__LEVEL", "info"),
        ("FORGEHOLD_LOG__FORMAT", "json"),
    ];
    let mut program = Program::start(folder.path(), &settings);
    let line = program.line();
    let base = line
        .split("reached at ")
        .nth(1)
        .expect("an address")
        .trim()
        .to_owned();
    let first = program.line();
    assert!(first.contains("/first-run and give the code "), "{first}");
    let code = first.rsplit(' ').next().expect("a code").trim().to_owned();
    let health = client()
        .get(format!("{base}healthz"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(health.status(), StatusCode::OK);
    let id = health.headers()["x-request-id"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    program.signal(Signal::TERM);
    let (code_of_exit, log) = program.end();
    assert_eq!(code_of_exit, Some(0), "{log}");
    let answered = log
        .lines()
        .find(|line| line.contains(&id))
        .expect("it was logged");
    assert!(
        answered.contains("\"status\":200") && answered.starts_with('{'),
        "{answered}"
    );
    assert!(
        !log.contains(&code),
        "the code is told on the standard output alone"
    );

    let mut again = Program::start(folder.path(), &settings);
    again.line();
    assert_ne!(again.line(), first, "each start has a code of its own");
    again.signal(Signal::INT);
    assert_eq!(again.end().0, Some(0));
}

#[tokio::test]
async fn accounts_are_set_up_and_rescued_at_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let manage = |args: &[&str], input: &str| {
        let password = folder.path().join("input");
        std::fs::write(&password, input).expect("written");
        let output = command(folder.path(), &[])
            .args(args)
            .stdin(std::fs::File::open(&password).expect("it is there"))
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let short = manage(&["add-administrator", "ada"], "short");
    assert_eq!(short.0, Some(1));
    assert!(
        short.2.contains("the password has 5 characters"),
        "{}",
        short.2
    );
    let password = "correct horse battery staple";
    assert_eq!(manage(&["add-administrator", "ada"], password).0, Some(0));
    let reset = manage(&["reset-password", "ada"], "another password of words");
    assert_eq!(reset.0, Some(0), "{}", reset.2);
    let nobody = manage(&["issue-token", "eve"], "");
    assert!(nobody.2.contains("there is no user `eve`"), "{}", nobody.2);
    let (code, token, _) = manage(
        &["issue-token", "ada", "--scope", "admin", "--days", "1"],
        "",
    );
    assert_eq!(code, Some(0));
    let mut program = Program::start(folder.path(), &[]);
    let line = program.line();
    let base = line.split("reached at ").nth(1).expect("an address").trim();
    let me = client().get(format!("{base}api/v1/me")).bearer_auth(token);
    let me = me
        .send()
        .await
        .expect("it answers")
        .text()
        .await
        .expect("text");
    assert!(
        me.contains("\"name\":\"ada\"") && me.contains("\"level\":\"admin\""),
        "{me}"
    );
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |settings: &[(&str, &str)], code: i32, expected: &str| {
        let output = command(folder.path(), settings).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    check(
        &[("FORGEHOLD_SERVER__LISTEN", "8080")],
        2,
        "`8080` is no address with a port",
    );
    check(
        &[("FORGEHOLD_SERVER__PUBLIC_URL", "https://x/y")],
        2,
        "has a path",
    );
    check(
        &[("FORGEHOLD_SERVER__TRUSTED_PROXIES", "10.0.0.0/33")],
        2,
        "neither an address nor a range",
    );
    check(
        &[("FORGEHOLD_SERVER__LISTEN", "0.0.0.0:0")],
        1,
        "passwords would travel in the clear",
    );
    check(
        &[("FORGEHOLD_SERVER__TLS_KEY", "/nowhere")],
        1,
        "set both or neither",
    );
    let tls = [
        ("FORGEHOLD_SERVER__TLS_KEY", "/nowhere/key"),
        ("FORGEHOLD_SERVER__TLS_CERTIFICATE", "/nowhere/cert"),
    ];
    check(&tls, 1, "/nowhere/cert cannot be used");
}
