//! `forgehold secret show`.

use org_core::use_cases::secrets;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let row = secrets::show(session.ports(), &args.name).await?;
    app.output.one(&Secret::from(&row))?;
    Ok(Exit::Ok)
}
