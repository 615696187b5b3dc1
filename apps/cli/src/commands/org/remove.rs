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
    pub(crate) target: Target,

    /// Confirm with the name of the organization, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

/// What a removal does, where the way to authenticate is not known.
const CONSEQUENCES: &str = "frees its licenses and deletes its secrets";

fn consequences(organization: &Organization) -> &'static str {
    if organization.auth.is_sso() {
        "frees its licenses, revokes its sign-in at the host and deletes its secrets"
    } else {
        CONSEQUENCES
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let typed = confirmed_that(
        organization.name.as_str(),
        consequences(&organization),
        args.confirm,
    )?;
    let removal = manage::remove(session.ports(), organization, &typed, &session.actor).await?;
    app.output.one(&Removal::from(&removal))?;
    Ok(Exit::Ok)
}

/// The name that a person types to confirm, or gave with the command.
pub(crate) fn confirmed(name: &str, given: Option<String>) -> Result<String> {
    confirmed_that(name, CONSEQUENCES, given)
}

fn confirmed_that(name: &str, consequences: &str, given: Option<String>) -> Result<String> {
    match given {
        Some(typed) => Ok(typed),
        None if prompt::is_possible() => {
            let question = format!("Removing `{name}` {consequences}. Type its name to confirm:");
            prompt::text(&question, "", "", |_| Ok(()))
        }
        None => Err(CliError::unconfirmed(
            format_args!("removing `{name}` {consequences}"),
            "repeat with --confirm and its name",
        )
        .into()),
    }
}
