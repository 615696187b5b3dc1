//! `forgehold license`.

mod holders;
pub(crate) mod policy;
mod seats;
mod status;

use clap::Subcommand;
use org_core::license::LicenseState;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the pool: seats, who holds them, who waits, and the policy
    Status(status::Args),
    /// Show or set the number of seats
    Seats(seats::Args),
    /// List the repositories that wait for a seat, in the order of the queue
    Waiting(holders::Args),
    /// List the repositories that have a seat
    Holders(holders::Args),
    /// Show, set or try the rules that license repositories by themselves
    #[command(subcommand)]
    Policy(policy::Command),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::Status(args) => status::run(args, app).await,
        Command::Seats(args) => seats::run(args, app).await,
        Command::Waiting(args) => holders::run(args, LicenseState::Waiting, app).await,
        Command::Holders(args) => holders::run(args, LicenseState::Licensed, app).await,
        Command::Policy(command) => policy::run(command, app).await,
    }
}
