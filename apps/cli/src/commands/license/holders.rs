//! `forgehold license holders` and `forgehold license waiting`.

use org_core::license::LicenseState;

use crate::app::App;
use crate::commands::paging::{self, Paging};
use crate::error::Result;
use crate::output::license::Holder;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) paging: Paging,
}

pub(crate) async fn run(args: Args, state: LicenseState, app: &App) -> Result {
    let session = app.open().await?;
    let licenses = &session.ports().licenses;
    let read = |after: Option<String>, limit| async move {
        licenses.holders(state, after.as_deref(), limit).await
    };
    paging::stream(&app.output, &args.paging, read, |holder| {
        Holder::from(&holder)
    })
    .await
}
