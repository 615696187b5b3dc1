//! `forgehold schedule`.

pub(crate) mod preview;

use clap::Subcommand;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the next runs of a schedule; nothing is changed
    Preview(preview::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::Preview(args) => preview::run(args, app).await,
    }
}
