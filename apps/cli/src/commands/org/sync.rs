//! `forgehold org sync`.

use org_core::sync::run::Trigger;

use super::Target;
use crate::app::{App, exit_of};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::sync::{SyncRun, Synced};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let runs = session.synchronize(&organization, Trigger::Manual).await?;
    let name = organization.name.as_str();
    app.output.one(&Synced {
        syncs: runs.iter().map(|run| SyncRun::new(run, name)).collect(),
    })?;
    let exit = exit_of(&runs);
    if exit == Exit::SyncHeld {
        app.output.note(format_args!(
            "look at what is missing and decide: `forgehold org approve {name:?}` or `forgehold org reject {name:?}`"
        ));
    }
    Ok(exit)
}
