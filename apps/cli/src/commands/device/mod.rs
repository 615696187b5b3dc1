//! `forgehold device`.

pub(crate) mod list;

use clap::Subcommand;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the machines that talk to hosts, and what they work for
    List(list::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::List(args) => list::run(args, app).await,
    }
}
