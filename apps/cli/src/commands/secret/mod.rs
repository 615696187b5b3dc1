//! `forgehold secret`.
//!
//! A value comes from a question without echo or from standard input, never from an argument, and never goes out again.

mod add;
pub(crate) mod history;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod relocate;
mod remove;
mod rotate;
mod show;
pub(crate) mod test;

use clap::Subcommand;
use org_core::draft::Field;
use org_core::use_cases::UseCaseError;

use crate::app::App;
use crate::error::{CliError, Failure, Result};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a secret; its value is asked for, or read from standard input
    Add(add::Args),
    /// List the secrets, without their values
    List(list::Args),
    /// Show what is known of a secret; its value never comes out again
    Show(show::Args),
    /// Give a secret another value; whatever uses it uses the new one from then on
    Rotate(rotate::Args),
    /// Point at a secret that others keep in the company's vault; it is read there each time
    Link(link::Args),
    /// Move a secret to another vault; it is read back before it is deleted where it was
    Move(relocate::Args),
    /// Ask the hosts that a secret is used at whether they take it
    Test(test::Args),
    /// Show who read a secret, the newest first; changes are in `forgehold events`
    History(history::Args),
    /// Remove a secret that nothing uses
    Remove(remove::Args),
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::Add(args) => add::run(args, app).await,
        Command::List(args) => list::run(args, app).await,
        Command::Show(args) => show::run(args, app).await,
        Command::Rotate(args) => rotate::run(args, app).await,
        Command::Link(args) => link::run(args, app).await,
        Command::Move(args) => relocate::run(args, app).await,
        Command::Test(args) => test::run(args, app).await,
        Command::History(args) => history::run(args, app).await,
        Command::Remove(args) => remove::run(args, app).await,
    }
}

/// The error with the fields as these commands take them.
fn named(error: UseCaseError) -> Failure {
    CliError::from(error)
        .with_flags(&[(Field::Name, "NAME"), (Field::Token, "the value")])
        .into()
}
