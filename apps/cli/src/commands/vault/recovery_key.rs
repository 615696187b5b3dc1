//! `forgehold vault recovery-key`.

use secrecy::{ExposeSecret, SecretString};

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

impl Args {
    /// Whether an earlier recovery key may be replaced without a question.
    pub(crate) const fn agrees(&self) -> bool {
        self.yes
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let earlier = session.runtime().recovery_key_made_at().await?;
    let earlier = earlier.map(crate::output::time::stamp);
    confirm(earlier.as_deref().filter(|_| !args.yes))?;
    let key = session.runtime().make_recovery_key(&session.actor).await?;
    show(&key, app)
}

/// Has a person agree that the key made then is replaced, if there is one.
pub(crate) fn confirm(made_at: Option<&str>) -> Result<()> {
    let Some(made_at) = made_at else {
        return Ok(());
    };
    let message = format!(
        "there is a recovery key of {made_at}, which opens nothing once another one is made"
    );
    if !prompt::is_possible() {
        return Err(CliError::unconfirmed(message, "repeat with --yes").into());
    }
    match prompt::yes("Replace it?", &message, Answer::No)? {
        Answer::Yes => Ok(()),
        Answer::No => Err(Failure::Canceled),
    }
}

/// Shows the key to the one person that it is for.
pub(crate) fn show(key: &SecretString, app: &App) -> Result {
    app.output
        .note("write this down and lock it away, apart from this machine; it is not shown again:");
    // The one place at which a secret goes out, since it is for the person alone.
    Output::raw(&format!("{}\n", key.expose_secret()))?;
    Ok(Exit::Ok)
}
