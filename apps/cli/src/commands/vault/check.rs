//! `forgehold vault check`.

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::vault::Checked;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    show(&Checked::from(session.runtime().check_vault().await?), app)
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
