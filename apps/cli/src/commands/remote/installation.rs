//! The installation of a server: what is wrong with it, its vaults and their keys, and what it synchronizes.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{Either, select};
use runtime::environment::Environment;
use runtime::remote::Verb;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::app::{self, App};
use crate::commands::vault::{self, recovery_key};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::doctor::Examination;
use crate::output::sync::SyncRun;
use crate::output::vault::{Checked, Rotated, Vault};
use crate::remote::{PAUSES, Page, Remote, secret_text};

/// How often a server is asked which syncs have ended.
const LOOK: Duration = Duration::from_secs(2);

/// How many of the newest syncs are looked at each time.
const NEWEST: u32 = 200;

pub(super) async fn doctor(app: &App, remote: &Remote) -> Result {
    let examination: Examination = remote.send(Verb::Post, &["doctor"], &[], None).await?;
    app.output.one(&examination)?;
    Ok(examination.exit())
}

pub(super) async fn vault(command: vault::Command, app: &App, remote: &Remote) -> Result {
    match command {
        vault::Command::List(_) => {
            let page: Page<Vault> = remote.get(&["vaults"], &[]).await?;
            let healthy = page.items.iter().all(Vault::is_healthy);
            let mut list = app.output.list();
            for vault in page.items {
                list.push(vault);
            }
            list.finish(&app.output, ("--after", None))?;
            Ok(if healthy {
                Exit::Ok
            } else {
                Exit::ProblemFound
            })
        }
        vault::Command::Check(_) => {
            let path = ["vaults", "check"];
            let checked: Checked = remote.send(Verb::Post, &path, &[], None).await?;
            vault::check::show(&checked, app)
        }
        vault::Command::RotateKey(_) => {
            let path = ["vaults", "rotate-key"];
            let rotated: Rotated = remote.send(Verb::Post, &path, &[], None).await?;
            app.output.one(&rotated)?;
            Ok(Exit::Ok)
        }
        vault::Command::RecoveryKey(args) => recovery_key(&args, app, remote).await,
        vault::Command::Recover(_) => {
            let message = "a vault is recovered while no server has it open";
            Err(CliError::usage(message)
                .hinted(
                    "run `forgehold vault recover` on the machine of the server, without --server",
                )
                .into())
        }
    }
}

async fn recovery_key(args: &recovery_key::Args, app: &App, remote: &Remote) -> Result {
    #[derive(Deserialize)]
    struct Known {
        made_at: Option<String>,
    }
    #[derive(Deserialize)]
    struct Made {
        #[serde(deserialize_with = "secret_text")]
        value: SecretString,
    }
    let path = ["vaults", "recovery-key"];
    let known: Known = remote.get(&path, &[]).await?;
    recovery_key::confirm(known.made_at.as_deref().filter(|_| !args.agrees()))?;
    let form = json!({"replace": known.made_at.is_some()});
    let made: Made = remote.send(Verb::Post, &path, &[], Some(form)).await?;
    recovery_key::show(&made.value, app)
}

/// Shows each sync that ends at the server, until stopped: what is due it synchronizes by itself.
pub(super) async fn run(app: &App, remote: &Remote) -> Result {
    let (stop, timer) = (app::stop()?, Environment::of_machine().timer);
    app.output
        .note("the server synchronizes what is due; stop looking with Ctrl-C");
    let newest = [("limit", NEWEST.to_string())];
    let mut seen: Option<HashSet<String>> = None;
    let mut pauses = PAUSES.into_iter();
    loop {
        let read = Box::pin(remote.get::<Page<SyncRun>>(&["syncs"], &newest));
        let pause = match select(stop.clone(), read).await {
            Either::Left(_) => break,
            Either::Right((Ok(page), _)) => {
                pauses = PAUSES.into_iter();
                let ended: Vec<SyncRun> =
                    page.items.into_iter().filter(SyncRun::has_ended).collect();
                let known = seen.take();
                // What had ended before is nobody's news.
                for run in known
                    .iter()
                    .flat_map(|known| ended.iter().rev().filter(|run| !known.contains(run.id())))
                {
                    app.output.line(run, &run.line())?;
                }
                seen = Some(ended.iter().map(|run| run.id().to_owned()).collect());
                LOOK
            }
            Either::Right((Err(Failure::Error(error)), _)) if error.exit == Exit::Unavailable => {
                match pauses.next() {
                    Some(pause) => pause,
                    None => return Err(Failure::Error(error)),
                }
            }
            Either::Right((Err(failure), _)) => return Err(failure),
        };
        if let Either::Left(_) = select(stop.clone(), timer.sleep(pause)).await {
            break;
        }
    }
    app.output.note("stopped");
    // Being stopped is the only way to end, so it is what was wanted.
    Ok(Exit::Ok)
}
