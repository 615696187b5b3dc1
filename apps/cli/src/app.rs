//! What every command has at hand: the output, the configuration, and the wired use cases once they are needed.

use chrono::{DateTime, Utc};
use org_core::event::Actor;
use org_core::organization::Organization;
use org_core::ports::Ports;
use org_core::sync::run::{SyncRun, Trigger};
use org_core::use_cases::follow::Stop;
use org_core::use_cases::lookup;
use runtime::Runtime;
use runtime::config::{Config, ConfigSources};

use crate::actor;
use crate::args::Globals;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::sync::Names;
use crate::progress::Line;
use crate::prompt;
use crate::remote::Remote;

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) output: Output,
    globals: Globals,
}

impl App {
    pub(crate) fn new(output: Output, globals: Globals) -> Self {
        prompt::dress(&output);
        Self { output, globals }
    }

    /// The configuration from its file, the environment and the command line; every mistake at once.
    pub(crate) fn config(&self) -> Result<Config> {
        let sources = ConfigSources {
            data_dir: self.globals.data_dir.clone(),
            file: self.globals.config.clone(),
            ..ConfigSources::from_process()
        };
        Ok(Config::load(&sources)?)
    }

    /// How much more than usual is logged.
    pub(crate) const fn verbosity(&self) -> u8 {
        self.globals.verbose
    }

    /// The server that does the work, where one is named.
    pub(crate) fn remote(&self) -> Result<Option<Remote>> {
        let Some(server) = &self.globals.server else {
            return Ok(None);
        };
        Remote::new(server, self.globals.api_token_file.as_deref()).map(Some)
    }

    /// The use cases, wired to the data directory.
    pub(crate) async fn open(&self) -> Result<Session> {
        let config = self.config()?;
        runtime::logging::init(&config.log, self.globals.verbose);
        Ok(Session {
            runtime: Runtime::open(&config).await?,
            actor: actor::current(),
            output: self.output.clone(),
        })
    }
}

/// The wired use cases, and who uses them.
#[derive(Debug)]
pub(crate) struct Session {
    runtime: Runtime,
    pub(crate) actor: Actor,
    output: Output,
}

impl Session {
    pub(crate) fn ports(&self) -> &Ports {
        self.runtime.ports()
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) const fn output(&self) -> &Output {
        &self.output
    }

    /// The organization that a person names.
    pub(crate) async fn organization(&self, name: &str) -> Result<Organization> {
        Ok(lookup::organization(self.ports(), name).await?)
    }

    /// A line that tells how far long work has come.
    pub(crate) fn progress(&self) -> Line {
        Line::new(&self.output)
    }

    /// Synchronizes until nothing more is asked for; a signal ends it cleanly.
    pub(crate) async fn synchronize(
        &self,
        organization: &Organization,
        trigger: Trigger,
    ) -> Result<Vec<SyncRun>> {
        let (progress, options) = (self.progress(), self.runtime.sync_options());
        let (ports, id) = (self.ports(), organization.id);
        let runs = runtime::sync::until_done(ports, &options, id, trigger, stop()?, &progress);
        Ok(runs.await?)
    }

    /// The names of all organizations, the removed ones included.
    pub(crate) async fn names(&self) -> Result<Names> {
        let roster = self.ports().organizations.roster().await?;
        Ok(roster
            .organizations
            .into_iter()
            .map(|organization| (organization.id, organization.name.to_string()))
            .collect())
    }
}

/// Comes when a person presses Ctrl-C; a second time ends the program at once.
pub(crate) fn stop() -> Result<Stop> {
    runtime::stop::on_signal().map_err(|error| {
        Failure::from(
            CliError::new(Exit::Internal, "signals cannot be waited for").caused_by(&error),
        )
    })
}

/// The present time, for what is shown before any use case is wired.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program: previews and notes need no clock port"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// How a command ends after these runs; none at all means that it was stopped while it waited.
pub(crate) fn exit_of(runs: &[SyncRun]) -> Exit {
    runs.last().map_or(Exit::Canceled, Exit::of_run)
}
