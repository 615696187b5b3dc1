//! `forgehold org resume`.

use org_core::use_cases::{manage, overview};

use super::{Target, note_due};
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::organization::Organization;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let organization = manage::resume(session.ports(), organization, &session.actor).await?;
    let overview = overview::of(session.ports(), organization).await?;
    app.output.one(&Organization::from(&overview))?;
    note_due(&app.output, &overview);
    Ok(Exit::Ok)
}
