//! `forgehold org list`.

use org_core::use_cases::overview::{self, Which};

use crate::app::App;
use crate::error::Result;
use crate::output::organization::Organization;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show the removed ones too
    #[arg(long)]
    pub(crate) all: bool,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let which = if args.all { Which::All } else { Which::Present };
    let mut list = app.output.list();
    for overview in &overview::all(session.ports(), which).await? {
        list.push(Organization::from(overview));
    }
    list.finish(&app.output, ("--after", None))
}
