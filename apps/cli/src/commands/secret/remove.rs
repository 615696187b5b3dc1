//! `forgehold secret remove`.

use org_core::use_cases::secrets;

use crate::app::App;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::secret::Secret;
use crate::prompt::{self, Answer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let row = secrets::show(session.ports(), &args.name).await?;
    if !args.yes {
        if !prompt::is_possible() {
            return Err(CliError::unconfirmed(
                format_args!("removing the secret `{}` cannot be undone", row.facts.name),
                "repeat with --yes",
            )
            .into());
        }
        let question = format!(
            "Remove the secret `{}` with all its versions?",
            row.facts.name
        );
        if prompt::yes(&question, "", Answer::No)? == Answer::No {
            return Err(Failure::Canceled);
        }
    }
    let facts = secrets::remove(session.ports(), &args.name, &session.actor).await?;
    app.output.one(&Secret::from(&facts))?;
    Ok(Exit::Ok)
}
