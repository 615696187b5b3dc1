//! `forgehold secret link`.

use org_core::secret::ExternalSecret;
use org_core::use_cases::vaults;

use super::named;
use crate::app::App;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name that Forgehold knows it by: letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The path of the secret in its engine, such as `ci/gitlab`
    #[arg(long, value_name = "PATH")]
    pub(crate) path: String,

    /// The key of the value at that path, such as `token`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,

    /// Where the engine is mounted
    #[arg(long, value_name = "MOUNT", default_value = "secret")]
    pub(crate) mount: String,

    /// The vault that has it
    #[arg(long, value_name = "VAULT", default_value = "openbao")]
    pub(crate) vault: String,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let target = ExternalSecret::new(&args.mount, &args.path, &args.key)
        .map_err(|error| Failure::from(CliError::usage(error)))?;
    let vault = vaults::named(session.ports(), Some(&args.vault))?;
    let facts = vaults::link(session.ports(), &args.name, &target, vault, &session.actor)
        .await
        .map_err(named)?;
    app.output.one(&Secret::from(&facts))?;
    Ok(Exit::Ok)
}
