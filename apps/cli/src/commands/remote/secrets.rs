//! The password manager.

use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{here, whole};
use crate::app::App;
use crate::commands::{Command, secret};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::secret::Secret;
use crate::prompt::{self, Answer};
use crate::remote::Remote;

pub(super) async fn run(command: secret::Command, app: &App, remote: &Remote) -> Result {
    let shown: Secret = match command {
        secret::Command::List(_) => {
            return whole::<Secret>(&app.output, remote, &["secrets"], &[]).await;
        }
        secret::Command::Show(args) => remote.get(&["secrets", &args.name], &[]).await?,
        secret::Command::Add(args) => {
            let value = prompt::secret_input("Value")?;
            let form =
                json!({"name": args.name, "value": value.expose_secret(), "vault": args.vault});
            remote
                .send(Verb::Post, &["secrets"], &[], Some(form))
                .await?
        }
        secret::Command::Rotate(args) => {
            // Before a person types a value for nothing.
            remote.get::<Value>(&["secrets", &args.name], &[]).await?;
            let value = prompt::secret_input("New value")?;
            let form = json!({"value": value.expose_secret()});
            let path = ["secrets", args.name.as_str(), "rotate"];
            remote.send(Verb::Post, &path, &[], Some(form)).await?
        }
        other @ (secret::Command::Link(_)
        | secret::Command::Move(_)
        | secret::Command::Test(_)
        | secret::Command::History(_)) => return here(Command::Secret(other), app).await,
        secret::Command::Remove(args) => {
            let path = ["secrets", args.name.as_str()];
            remote.get::<Value>(&path, &[]).await?;
            if !args.yes {
                confirm_removal(&args.name)?;
            }
            remote.send(Verb::Delete, &path, &[], None).await?
        }
    };
    app.output.one(&shown)?;
    Ok(Exit::Ok)
}

fn confirm_removal(name: &str) -> Result<()> {
    if !prompt::is_possible() {
        let message = format!("removing the secret `{name}` cannot be undone");
        return Err(CliError::unconfirmed(message, "repeat with --yes").into());
    }
    let question = format!("Remove the secret `{name}` with all its versions?");
    match prompt::yes(&question, "", Answer::No)? {
        Answer::Yes => Ok(()),
        Answer::No => Err(Failure::Canceled),
    }
}
