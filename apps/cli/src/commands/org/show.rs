//! `forgehold org show`.

use org_core::use_cases::overview;

use super::Target;
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
    let overview = overview::of(session.ports(), organization).await?;
    app.output.one(&Organization::from(&overview))?;
    Ok(Exit::Ok)
}
