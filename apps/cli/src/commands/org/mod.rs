//! `forgehold org`.

pub(crate) mod add;
pub(crate) mod approve;
mod attempts;
mod desk;
pub(crate) mod edit;
mod flags;
pub(crate) mod form;
pub(crate) mod held;
mod list;
mod pause;
pub(crate) mod reconnect;
pub(crate) mod reject;
pub(crate) mod remove;
mod resume;
pub(crate) mod rotate_token;
mod show;
pub(crate) mod sso;
mod sync;

use clap::Subcommand;
use org_core::organization::Organization as CoreOrganization;
use org_core::use_cases::overview::{self, Overview};

use crate::app::{self, App, Session};
use crate::error::Result;
use crate::output::Output;

pub(crate) use self::desk::Desk;
pub(crate) use self::flags::ScheduleArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect an organization
    #[command(subcommand)]
    Add(add::Service),
    /// List the organizations
    List(list::Args),
    /// Show an organization with its settings and permissions
    Show(show::Args),
    /// Change the settings of an organization
    Edit(edit::Args),
    /// Synchronize an organization now
    Sync(sync::Args),
    /// Give an organization another credential; identity, inventory, history and licenses stay
    Reconnect(reconnect::Args),
    /// Have the host replace the access token of an organization by a new one
    RotateToken(rotate_token::Args),
    /// Stop following an organization; its licenses stay
    Pause(pause::Args),
    /// Follow a paused organization again
    Resume(resume::Args),
    /// Remove an organization: its licenses are freed, its sign-in is revoked, its own secrets are deleted; the history stays
    Remove(remove::Args),
    /// Approve a held sync: the repositories that are missing are really gone
    Approve(approve::Args),
    /// Reject a held sync: everything stays as it is
    Reject(reject::Args),
    /// List attempts to connect, the newest first
    Attempts(attempts::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::Add(service) => add::run(service, app).await,
        Command::List(args) => list::run(args, app).await,
        Command::Show(args) => show::run(args, app).await,
        Command::Edit(args) => edit::run(args, app).await,
        Command::Sync(args) => sync::run(args, app).await,
        Command::Reconnect(args) => reconnect::run(args, app).await,
        Command::RotateToken(args) => rotate_token::run(args, app).await,
        Command::Pause(args) => pause::run(args, app).await,
        Command::Resume(args) => resume::run(args, app).await,
        Command::Remove(args) => remove::run(args, app).await,
        Command::Approve(args) => approve::run(args, app).await,
        Command::Reject(args) => reject::run(args, app).await,
        Command::Attempts(args) => attempts::run(args, app).await,
    }
}

/// Which organization is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The name of the organization, or its id
    #[arg(value_name = "NAME")]
    pub(crate) organization: String,
}

impl Target {
    async fn find(&self, session: &Session) -> Result<CoreOrganization> {
        session.organization(&self.organization).await
    }
}

/// How an organization is doing by now: a sync may have changed its record.
async fn by_now(session: &Session, organization: CoreOrganization) -> Result<Overview> {
    let ports = session.ports();
    let newest = ports.organizations.get(organization.id).await?;
    Ok(overview::of(ports, newest.unwrap_or(organization)).await?)
}

/// Says who does the sync that is due now.
fn note_due(output: &Output, overview: &Overview) {
    if overview.next_run.is_some_and(|next| next <= app::now()) {
        output.note(format_args!(
            "a sync is due now: `forgehold run` does it, or `forgehold org sync {:?}`",
            overview.organization.name.as_str()
        ));
    }
}
