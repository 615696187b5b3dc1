//! `forgehold sync`.

mod list;
mod show;

use clap::Subcommand;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List syncs, the newest first
    List(list::Args),
    /// Show a sync
    Show(show::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::List(args) => list::run(args, app).await,
        Command::Show(args) => show::run(args, app).await,
    }
}
