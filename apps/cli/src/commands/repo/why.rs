//! `forgehold repo why`.

use org_core::use_cases::licenses;

use super::Target;
use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::repository::Explanation;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let row = args.target.find(&session).await?;
    let explanation = licenses::why(session.ports(), &row).await?;
    app.output.one(&Explanation::new(&row, &explanation))?;
    Ok(Exit::Ok)
}
