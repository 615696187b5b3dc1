//! `forgehold secret list`.

use org_core::use_cases::secrets;

use crate::app::App;
use crate::error::Result;
use crate::output::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let mut list = app.output.list();
    for row in &secrets::list(session.ports()).await? {
        list.push(Secret::from(row));
    }
    list.finish(&app.output, ("--after", None))
}
