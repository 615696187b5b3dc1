//! The simulator as a program of its own, and the way to change its world while it runs.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::command::Cmd;
use crate::ui;

/// Where the control interface takes changes of the world.
const MUTATE: &str = "/_sim/mutate";

/// A simulator that runs until this value is dropped.
#[derive(Debug)]
pub(super) struct Simulator {
    child: Child,
    /// `127.0.0.1:PORT`.
    address: String,
    pub(super) login: String,
    pub(super) token: String,
}

impl Simulator {
    /// Starts `program` on a free port. Its first line tells where it listens.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut child = Cmd::new(program, folder)
            .words("--listen 127.0.0.1:0 --json")
            .start()?;
        let stdout = child
            .stdout
            .take()
            .context("the simulator has no standard output")?;
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        // Nobody reads the rest, but a full pipe would stop the program.
        thread::spawn(move || {
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        let ready: Value = serde_json::from_str(&line)
            .with_context(|| format!("the simulator did not say where it listens: {line:?}"))?;
        let text = |field: &str| {
            let text = ready[field].as_str().map(str::to_owned);
            text.with_context(|| format!("the simulator did not tell its {field}"))
        };
        let address = text("url")?
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let simulator = Self {
            child,
            address,
            login: text("login")?,
            token: text("token")?,
        };
        ui::say(format_args!("{simulator}"));
        Ok(simulator)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the world, as somebody at the host would.
    pub(super) fn change(&self, mutation: &Value) -> Result<()> {
        let answer = self.post(MUTATE, &json!([mutation]))?;
        match answer.split_whitespace().nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => bail!("the simulator refused {mutation}: {answer}"),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Result<String> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).context("the simulator is gone")?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl fmt::Display for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers as GitLab would", self.url())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It is gone already if it failed; both are fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
