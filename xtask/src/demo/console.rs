//! The same data in the web console: the server as a program of its own, looked at through its pages.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::path::Path;
use std::process::{Child, ChildStdout};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::browser::Browser;
use super::simulator::{PASSWORD, Simulator};
use crate::command::Cmd;
use crate::ui;

/// The first administrator of this data directory.
const ADMINISTRATOR: &str = "demo";

/// The id of the server's application at the simulator.
const CLIENT: &str = "forgehold-console";

/// A server that runs until this value is dropped.
#[derive(Debug)]
pub(super) struct Console {
    child: Child,
    /// Kept, because what the server says later must find somebody who listens.
    _output: BufReader<ChildStdout>,
    url: String,
}

impl Console {
    /// Adds an administrator to the data directory and serves it on a free port of this machine, as an application of the host.
    pub(super) fn start(program: &Path, data: &Path, simulator: &Simulator) -> Result<Self> {
        let root = program.parent().unwrap_or(Path::new("."));
        let command = || {
            Cmd::new(program, root)
                .without_env("FORGEHOLD_")
                .env("FORGEHOLD_DATA_DIR", data)
        };
        ui::say(format_args!(
            "\n$ forgehold-server add-administrator {ADMINISTRATOR}"
        ));
        let add = command().args(["add-administrator", ADMINISTRATOR]);
        ensure!(add.input(PASSWORD).run()?, "there is no administrator");

        let client = format!("{} {CLIENT}", simulator.url());
        ui::say(format_args!("\n$ forgehold-server"));
        let mut child = command()
            .env("FORGEHOLD_SERVER__LISTEN", "127.0.0.1:0")
            .env("FORGEHOLD_OAUTH__CLIENTS", client)
            .start()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        let mut output = BufReader::new(stdout);
        output.read_line(&mut line)?;
        ui::say(line.trim_end());
        let Some((_, url)) = line.trim_end().split_once("reached at ") else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the server did not say where it is: {line:?}");
        };
        Ok(Self {
            child,
            _output: output,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Registers the server at the host: the path of the redirect URI is that of the terminal, the rest is where it is.
    pub(super) fn register(&self, simulator: &Simulator, at_terminal: &str) -> Result<()> {
        let path = at_terminal.split_once("/callback/");
        let (_, host) = path.context("a redirect URI without a path")?;
        let redirect = format!("{}/callback/{host}", self.url);
        simulator.change(&json!({"do": "add_application", "application": {
            "name": "Forgehold", "client_id": CLIENT, "redirect_uris": [redirect],
            "scopes": ["read_api", "read_user", "read_repository"],
        }}))
    }

    /// Signs in through the form, as a person would, and looks whether `organization` is there.
    pub(super) fn visit(&self, organization: &str) -> Result<()> {
        let mut browser = Browser::default();
        let fields = [("name", ADMINISTRATOR), ("password", PASSWORD)];
        let first = browser.send(&format!("{}/sign-in", self.url), &fields)?;
        ui::say(format_args!(
            "  signed in as {ADMINISTRATOR}, the browser shows: {first}"
        ));
        let page = browser.open(&format!("{}/organizations", self.url))?;
        ensure!(
            page.contains(&format!(">{organization}<")),
            "{organization} is not in the console's list"
        );
        ui::say(format_args!("  DevOps lists: {organization}"));
        Ok(())
    }

    /// Leaves it to a person at the terminal, if there is one, until they have seen enough.
    pub(super) fn stay(self, simulator: &Simulator) -> Result<()> {
        let Self { url, .. } = &self;
        ui::heading("Yours to look at");
        ui::say(format_args!("  console    {url}"));
        ui::say(format_args!("  user name  {ADMINISTRATOR}"));
        ui::say(format_args!("  password   {PASSWORD}"));
        ui::say(format_args!(
            "  to connect another organization: host {}, by SSO as {} with the same password",
            simulator.url(),
            simulator.login
        ));
        if io::stdin().is_terminal() {
            ui::say("\nPress Enter to end it.");
            io::stdin().read_line(&mut String::new())?;
        } else {
            ui::say("\nNobody is at a terminal to look at it, so it ends here.");
        }
        self.end()
    }

    /// Tells the server to stop, and waits until it has.
    fn end(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Cmd::new("kill", Path::new("/")).arg(&pid).read()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It has ended in order if all went well; both are fine here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
