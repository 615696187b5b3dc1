//! `forgehold vault recovery-key`.

use secrecy::ExposeSecret;

use crate::app::App;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::Output;
use crate::prompt::{self, Answer};

/// It opens the vault when its key is lost. It is shown this once and kept nowhere: write it down and lock it away, apart from this machine. An earlier
/// recovery key opens nothing any more; a rotation of the key leaves it valid.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not ask before an earlier recovery key is replaced
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let earlier = session.runtime().recovery_key_made_at().await?;
    if let Some(made_at) = earlier.filter(|_| !args.yes) {
        let message = format!(
            "there is a recovery key of {}, which opens nothing once another one is made",
            crate::output::time::stamp(made_at)
        );
        if !prompt::is_possible() {
            return Err(CliError::unconfirmed(message, "repeat with --yes").into());
        }
        if prompt::yes("Replace it?", &message, Answer::No)? == Answer::No {
            return Err(Failure::Canceled);
        }
    }
    let key = session.runtime().make_recovery_key(&session.actor).await?;
    app.output
        .note("write this down and lock it away, apart from this machine; it is not shown again:");
    // The one place at which a secret goes out, since it is for the person alone.
    Output::raw(&format!("{}\n", key.expose_secret()))?;
    Ok(Exit::Ok)
}
