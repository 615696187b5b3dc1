//! The password manager.

use org_core::secret::ExternalSecret;
use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{PAGE, whole};
use crate::app::App;
use crate::commands::secret;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::secret::{Access, Relocation, Secret, Tested};
use crate::prompt::{self, Answer};
use crate::remote::Remote;

pub(super) async fn run(command: secret::Command, app: &App, remote: &Remote) -> Result {
    let shown: Secret = match command {
        secret::Command::List(_) => {
            let mut list = app.output.list();
            for secret in all::<Secret>(remote).await? {
                list.push(secret);
            }
            return list.finish(&app.output, ("--after", None));
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
        secret::Command::Link(args) => {
            ExternalSecret::new(&args.mount, &args.path, &args.key).map_err(CliError::usage)?;
            let target = json!({"mount": args.mount, "path": args.path, "key": args.key});
            let form = json!({"name": args.name, "target": target, "vault": args.vault});
            remote
                .send(Verb::Post, &["secrets"], &[], Some(form))
                .await?
        }
        secret::Command::Move(args) => return relocate(args, app, remote).await,
        secret::Command::Test(args) => {
            let path = ["secrets", args.name.as_str(), "test"];
            let form = json!({"host": args.host.map(|host| host.to_string())});
            let tested: Tested = remote.send(Verb::Post, &path, &[], Some(form)).await?;
            app.output.one(&tested)?;
            return Ok(if tested.is_good() {
                Exit::Ok
            } else {
                Exit::ProblemFound
            });
        }
        secret::Command::History(args) => {
            let path = ["secrets", args.name.as_str(), "accesses"];
            let query = [("limit", args.limit.min(PAGE).to_string())];
            return whole::<Access>(&app.output, remote, &path, &query).await;
        }
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

/// All secrets of a server as far as its vaults answer; of the others a person is warned.
pub(crate) async fn all<T: DeserializeOwned>(remote: &Remote) -> Result<Vec<T>> {
    #[derive(Deserialize)]
    struct Listed<T> {
        items: Vec<T>,
        unanswered: Vec<Unanswered>,
    }
    #[derive(Deserialize)]
    struct Unanswered {
        vault: String,
        detail: String,
    }
    let listed: Listed<T> = remote.get(&["secrets"], &[]).await?;
    for Unanswered { vault, detail } in listed.unanswered {
        secret::list::unanswered(&vault, &detail);
    }
    Ok(listed.items)
}

async fn relocate(args: secret::relocate::Args, app: &App, remote: &Remote) -> Result {
    let names = if let Some(name) = args.name {
        vec![name]
    } else {
        let all = all::<Secret>(remote).await?;
        all.into_iter()
            .filter(|secret| secret.could_move_to(&args.to))
            .map(Secret::into_name)
            .collect()
    };
    // One after the other, so that what was moved is told even when a later one fails.
    let (mut list, mut told) = (app.output.list(), 0);
    for name in names {
        let path = ["secrets", name.as_str(), "move"];
        let form = json!({"vault": args.to});
        let moved = remote.send::<Relocation>(Verb::Post, &path, &[], Some(form));
        match moved.await {
            Ok(moved) => {
                list.push(moved);
                told += 1;
            }
            Err(error) => {
                if told > 0 {
                    list.finish(&app.output, ("--after", None))?;
                }
                return Err(error);
            }
        }
    }
    list.finish(&app.output, ("--after", None))
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
