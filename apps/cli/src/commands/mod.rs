//! The commands: one folder per noun, one file per verb, each with its `Args` and its `run`. With `--server` the
//! same commands are done by a server; `remote` has those.

mod completions;
mod device;
mod doctor;
mod events;
mod group;
mod license;
mod man;
mod org;
mod paging;
mod remote;
mod repo;
mod run;
mod schedule;
pub(crate) mod secret;
mod sync;
mod vault;

use clap::Subcommand;

use crate::app::App;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect, look at and change organizations
    #[command(subcommand)]
    Org(org::Command),
    /// Look at repositories and their licenses
    #[command(subcommand)]
    Repo(repo::Command),
    /// Look at groups
    #[command(subcommand)]
    Group(group::Command),
    /// Look at the license pool and set its rules
    #[command(subcommand)]
    License(license::Command),
    /// Keep secrets in the password manager
    #[command(subcommand)]
    Secret(secret::Command),
    /// Look after the password managers that secrets are kept in
    #[command(subcommand)]
    Vault(vault::Command),
    /// Look at the machines that talk to hosts
    #[command(subcommand)]
    Device(device::Command),
    /// Try schedules
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Look at past syncs
    #[command(subcommand)]
    Sync(sync::Command),
    /// Show the history
    Events(events::Args),
    /// Synchronize what is due, in the foreground, until stopped
    Run(run::Args),
    /// Find out what is wrong with this installation
    Doctor(doctor::Args),
    /// Write the completions for a shell
    Completions(completions::Args),
    /// Write the manual pages
    Man(man::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match app.remote()? {
        Some(remote) => remote::run(command, app, &remote).await,
        None => here(command, app).await,
    }
}

/// Runs a command on the installation of this machine.
pub(crate) async fn here(command: Command, app: &App) -> Result {
    match command {
        Command::Org(command) => org::run(command, app).await,
        Command::Repo(command) => repo::run(command, app).await,
        Command::Group(command) => group::run(command, app).await,
        Command::License(command) => license::run(command, app).await,
        Command::Secret(command) => secret::run(command, app).await,
        Command::Vault(command) => vault::run(command, app).await,
        Command::Device(command) => device::run(command, app).await,
        Command::Schedule(command) => schedule::run(command, app).await,
        Command::Sync(command) => sync::run(command, app).await,
        Command::Events(args) => events::run(args, app).await,
        Command::Run(args) => run::run(args, app).await,
        Command::Doctor(args) => doctor::run(args, app).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
