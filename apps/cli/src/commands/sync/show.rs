//! `forgehold sync show`.

use org_core::ids::SyncId;
use org_core::use_cases::UseCaseError;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::sync::SyncRun;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of the sync
    #[arg(value_name = "SYNC")]
    pub(crate) sync: SyncId,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let run = session.ports().syncs.get(args.sync).await?;
    let run = run.ok_or_else(|| UseCaseError::NotFound {
        what: format!("sync {}", args.sync),
    })?;
    let names = session.names().await?;
    app.output.one(&SyncRun::named(&run, &names))?;
    Ok(Exit::Ok)
}
