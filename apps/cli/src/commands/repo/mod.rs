//! `forgehold repo`.

mod assign;
mod list;
mod release;
mod show;
mod why;

use clap::Subcommand;
use org_core::ports::RepositoryRow;
use org_core::use_cases::lookup;

use crate::app::{App, Session};
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List repositories, in the order of their paths
    List(list::Args),
    /// Show a repository with its timeline
    Show(show::Args),
    /// Give a repository a license, or a place in the queue
    Assign(assign::Args),
    /// Take the license of a repository away, or its place in the queue
    Release(release::Args),
    /// Tell why a repository is, or is not, licensed
    Why(why::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::List(args) => list::run(args, app).await,
        Command::Show(args) => show::run(args, app).await,
        Command::Assign(args) => assign::run(args, app).await,
        Command::Release(args) => release::run(args, app).await,
        Command::Why(args) => why::run(args, app).await,
    }
}

/// Which repository is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The path at the host, or the host's id
    #[arg(value_name = "REPOSITORY")]
    pub(crate) repository: String,

    /// Look in this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,
}

impl Target {
    async fn find(&self, session: &Session) -> Result<RepositoryRow> {
        let organization = match &self.organization {
            Some(name) => Some(session.organization(name).await?.id),
            None => None,
        };
        Ok(lookup::repository(session.ports(), &self.repository, organization).await?)
    }
}
