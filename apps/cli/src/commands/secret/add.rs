//! `forgehold secret add`.

use org_core::use_cases::{secrets, vaults};

use super::named;
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::secret::Secret;
use crate::prompt;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name: letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The vault to put it into, instead of the one that new secrets go to
    #[arg(long, value_name = "VAULT")]
    pub(crate) vault: Option<String>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let ports = session.ports();
    let vault = match &args.vault {
        None => None,
        Some(name) => Some(vaults::named(ports, Some(name))?),
    };
    let value = prompt::secret_input("Value")?;
    let facts = secrets::add_in(ports, &args.name, value, vault, &session.actor)
        .await
        .map_err(named)?;
    app.output.one(&Secret::from(&facts))?;
    Ok(Exit::Ok)
}
