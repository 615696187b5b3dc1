//! `forgehold org remove`.

use org_core::organization::Organization;
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
    target: Target,

    /// Confirm with the name of the organization, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

fn consequences(organization: &Organization) -> &'static str {
    if organization.auth.is_sso() {
        "frees its licenses, revokes its sign-in at the host and deletes its secrets"
    } else {
        "frees its licenses and deletes its secrets"
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let typed = match args.confirm {
        Some(typed) => typed,
        None if prompt::is_possible() => {
            let question = format!(
                "Removing `{}` {}. Type its name to confirm:",
                organization.name,
                consequences(&organization)
            );
            prompt::text(&question, "", "", |_| Ok(()))?
        }
        None => {
            return Err(CliError::unconfirmed(
                format_args!(
                    "removing `{}` {}",
                    organization.name,
                    consequences(&organization)
                ),
                "repeat with --confirm and its name",
            )
            .into());
        }
    };
    let removal = manage::remove(session.ports(), organization, &typed, &session.actor).await?;
    app.output.one(&Removal::from(&removal))?;
    Ok(Exit::Ok)
}
