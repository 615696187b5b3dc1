//! `forgehold vault`.

pub(crate) mod check;
mod list;
mod recover;
pub(crate) mod recovery_key;
mod rotate_key;

use clap::Subcommand;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the vaults and how they do
    List(list::Args),
    /// Read every record of the embedded vault, and name what is damaged
    Check(check::Args),
    /// Give the embedded vault a new key, while programs use it
    RotateKey(rotate_key::Args),
    /// Make a recovery key for the embedded vault, shown once
    RecoveryKey(recovery_key::Args),
    /// Open the embedded vault by its recovery key, and put it under the configured key again
    Recover(recover::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::List(args) => list::run(args, app).await,
        Command::Check(args) => check::run(args, app).await,
        Command::RotateKey(args) => rotate_key::run(args, app).await,
        Command::RecoveryKey(args) => recovery_key::run(args, app).await,
        Command::Recover(args) => recover::run(args, app).await,
    }
}
