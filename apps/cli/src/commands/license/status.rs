//! `forgehold license status`.

use org_core::use_cases::licenses;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::license::Pool;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let status = licenses::status(session.ports()).await?;
    app.output.one(&Pool::from(&status))?;
    Ok(Exit::Ok)
}
