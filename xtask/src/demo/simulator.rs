//! The simulator as a program of its own, and the way to change its world while it runs.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::Cmd;
use crate::ui;

/// What the world looks like: the same in every run.
const WORLD: &str = "--seed 7 --roots 2 --groups 40 --depth 4 --projects 300 --personal 4 --shared-in 3 --foreign 6";

/// The password of the person who signs in; it opens this simulator and nothing else.
pub(super) const PASSWORD: &str = "correct-horse-battery";

/// A simulator that runs until this value is dropped.
#[derive(Debug)]
pub(super) struct Simulator {
    child: Child,
    url: String,
    /// `127.0.0.1:PORT`.
    control: String,
    groups: u64,
    projects: u64,
    pub(super) login: String,
    pub(super) token: String,
}

impl Simulator {
    /// Starts `program` on free ports. When it is ready it prints a line of JSON that tells where it listens.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self> {
        let token_file = folder.join("token");
        let mut child = Cmd::new(program, folder)
            .words(WORLD)
            // With its standard input this program holds the simulator: however one ends, so does the other.
            .words("--control-port 0 --stop-with-stdin --token-for alice --scope read_api --scope self_rotate --token-file")
            .arg(&token_file)
            .args(["--user", &format!("alice:{PASSWORD}")])
            .start()?;
        let stdout = child
            .stdout
            .take()
            .context("the simulator has no standard output")?;
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)
            .with_context(|| format!("the simulator did not say where it listens: {line:?}"))?;
        let text = |field: &Value, name: &str| {
            let text = field.as_str().map(str::to_owned);
            text.with_context(|| format!("the simulator did not tell its {name}"))
        };
        let control = text(&ready["control"], "control address")?;
        let token = fs::read_to_string(&token_file).context("the simulator wrote no token")?;
        let simulator = Self {
            child,
            url: text(&ready["url"], "address")?,
            control: control.trim_start_matches("http://").to_owned(),
            groups: ready["groups"].as_u64().unwrap_or_default(),
            projects: ready["projects"].as_u64().unwrap_or_default(),
            login: text(&ready["token"]["user"], "user")?,
            token: token.trim_end().to_owned(),
        };
        ui::say(format_args!("{simulator}"));
        Ok(simulator)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Changes the world, as somebody at the host would.
    pub(super) fn change(&self, mutation: &Value) -> Result<()> {
        let answer = self.post("/control/mutate", mutation)?;
        match answer.split_whitespace().nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => bail!("the simulator refused {mutation}: {answer}"),
        }
    }

    /// How often the host ended a grant because it was asked to.
    pub(super) fn revocations(&self) -> Result<u64> {
        let answer = self.get("/control/oauth")?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
        let told: Value = serde_json::from_str(body).context("no JSON")?;
        let count = told["stats"]["revocations"].as_u64();
        count.context("the simulator does not count revocations")
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.control).context("the simulator is gone")?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.control
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn post(&self, path: &str, body: &Value) -> Result<String> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.control).context("the simulator is gone")?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.control,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl fmt::Display for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            groups,
            projects,
            ..
        } = self;
        write!(
            f,
            "{url} answers as GitLab would, with {projects} projects in {groups} groups"
        )
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It is gone already if it failed; both are fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
