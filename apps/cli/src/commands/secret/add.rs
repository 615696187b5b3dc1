//! `forgehold secret add`.

use org_core::use_cases::secrets;

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
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let value = prompt::secret_input("Value")?;
    let facts = secrets::add(session.ports(), &args.name, value, &session.actor)
        .await
        .map_err(named)?;
    app.output.one(&Secret::from(&facts))?;
    Ok(Exit::Ok)
}
