//! `forgehold vault list`.

use org_core::use_cases::vaults;

use crate::app::App;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::vault::Vault;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let rows = vaults::list(session.ports()).await;
    let healthy = rows.iter().all(|row| row.health.is_ok());
    let mut list = app.output.list();
    for row in &rows {
        list.push(Vault::from(row));
    }
    list.finish(&app.output, ("--after", None))?;
    Ok(if healthy {
        Exit::Ok
    } else {
        Exit::ProblemFound
    })
}
