//! `forgehold doctor`.

use crate::app::App;
use crate::error::Result;
use crate::output::doctor::Examination;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let config = app.config()?;
    let findings = runtime::doctor::examine(&config).await;
    let examination = Examination::from(findings.as_slice());
    app.output.one(&examination)?;
    Ok(examination.exit())
}
