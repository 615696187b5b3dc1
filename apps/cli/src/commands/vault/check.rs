//! `forgehold vault check`.

use org_core::use_cases::vaults;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::vault::Checked;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let report = session.runtime().check_vault().await?;
    let vaults = vaults::list(session.ports()).await;
    show(&Checked::new(&report, &vaults), app)
}

/// Shows what a check found.
pub(crate) fn show(checked: &Checked, app: &App) -> Result {
    app.output.one(checked)?;
    Ok(if checked.is_sound() {
        Exit::Ok
    } else {
        Exit::ProblemFound
    })
}
