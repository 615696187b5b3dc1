//! `forgehold secret rotate`.

use org_core::use_cases::secrets;

use super::named;
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::secret::Secret;
use crate::prompt;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    // Before a person types a value for nothing.
    secrets::show(session.ports(), &args.name).await?;
    let value = prompt::secret_input("New value")?;
    let row = secrets::rotate(session.ports(), &args.name, value, &session.actor)
        .await
        .map_err(named)?;
    app.output.one(&Secret::from(&row))?;
    Ok(Exit::Ok)
}
