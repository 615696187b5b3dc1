//! `forgehold secret list`.

use org_core::use_cases::secrets;

use crate::app::App;
use crate::error::Result;
use crate::output::Output;
use crate::output::secret::Secret;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Warns that a list is not complete, whether it came from here or from a server.
pub(crate) fn unanswered(vault: &str, why: &str) {
    Output::warn(&format!(
        "the secrets of the vault `{vault}` are not in this list: {why}"
    ));
}

pub(crate) async fn run(_: Args, app: &App) -> Result {
    let session = app.open().await?;
    let mut list = app.output.list();
    let (rows, silent) = secrets::list_if_any_answers(session.ports()).await?;
    for row in &rows {
        list.push(Secret::from(row));
    }
    for (vault, error) in &silent {
        unanswered(vault.as_str(), &error.to_string());
    }
    list.finish(&app.output, ("--after", None))
}
