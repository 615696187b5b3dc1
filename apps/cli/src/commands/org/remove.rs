//! `forgehold org remove`.

use org_core::use_cases::manage;

use super::Target;
use crate::app::App;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::organization::Removal;
use crate::prompt;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Confirm with the name of the organization, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let typed = confirmed(organization.name.as_str(), args.confirm)?;
    let removal = manage::remove(session.ports(), organization, &typed, &session.actor).await?;
    app.output.one(&Removal::from(&removal))?;
    Ok(Exit::Ok)
}

/// The name that a person types to confirm, or gave with the command.
pub(crate) fn confirmed(name: &str, given: Option<String>) -> Result<String> {
    match given {
        Some(typed) => Ok(typed),
        None if prompt::is_possible() => {
            let question = format!(
                "Removing `{name}` frees its licenses and deletes its secrets. Type its name to confirm:"
            );
            prompt::text(&question, "", "", |_| Ok(()))
        }
        None => Err(CliError::unconfirmed(
            format_args!("removing `{name}` frees its licenses and deletes its secrets"),
            "repeat with --confirm and its name",
        )
        .into()),
    }
}
