//! `forgehold vault recover`.

use secrecy::ExposeSecret;

use crate::app::App;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::vault::Rotated;
use crate::prompt;

/// The recovery key is asked for, or read from standard input. The configured key must be there; one that Forgehold makes by itself is made anew.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let config = app.config()?;
    runtime::logging::init(&config.log, app.verbosity());
    let text = prompt::secret_input("Recovery key")?;
    let key = runtime::vaults::parse_recovery_key(text.expose_secret())
        .map_err(|error| Failure::from(CliError::usage(error)))?;
    let generation = runtime::vaults::recover(&config, key).await?;
    app.output.one(&Rotated::to(generation))?;
    Ok(Exit::Ok)
}
