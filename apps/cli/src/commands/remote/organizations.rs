//! Organizations, and the jobs that a server does for them.

use org_core::listing::PersonalNamespace;
use org_core::organization::{AutoLicense, GroupProtection};
use runtime::remote::Verb;
use serde::Deserialize;
use serde_json::json;

use super::jobs::{Follower, Job};
use super::{PAGE, connecting, whole};
use crate::app::App;
use crate::commands::org;
use crate::commands::org::held::{Ask, Decision};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::Format;
use crate::output::attempt::Attempt;
use crate::output::organization::{Organization, Removal};
use crate::output::sync::{Decided, HeldSync, SyncRun, Synced};
use crate::remote::Remote;

pub(super) async fn run(command: org::Command, app: &App, remote: &Remote) -> Result {
    match command {
        org::Command::List(args) => {
            let query = [("all", args.all.to_string())];
            whole::<Organization>(&app.output, remote, &["organizations"], &query).await
        }
        org::Command::Show(args) => {
            let name = args.target.organization;
            let shown: Organization = remote.get(&["organizations", &name], &[]).await?;
            app.output.one(&shown)?;
            Ok(Exit::Ok)
        }
        org::Command::Edit(args) => {
            let (target, patch) = org::edit::patch(args)?;
            let schedule = patch.schedule.as_ref().map(super::schedule);
            let form = json!({
                "name": patch.name,
                "groups": patch.groups,
                "personal": patch.personal.map(|personal| personal == PersonalNamespace::Included),
                "protect_groups": patch.protect_groups.map(|on| on == GroupProtection::On),
                "auto_license": patch.auto_license.map(|on| on == AutoLicense::On),
                "schedule": schedule,
                "device": patch.device,
            });
            let place = ["organizations", target.organization.as_str()];
            let edited: Organization = remote.send(Verb::Patch, &place, &[], Some(form)).await?;
            app.output.one(&edited)?;
            Ok(Exit::Ok)
        }
        org::Command::Sync(args) => synchronize(&args.target.organization, app, remote).await,
        org::Command::Pause(args) => changed(&args.target.organization, "pause", app, remote).await,
        org::Command::Resume(args) => {
            changed(&args.target.organization, "resume", app, remote).await
        }
        org::Command::Remove(args) => remove(args, app, remote).await,
        org::Command::Approve(args) => {
            let ask = if args.yes { Ask::No } else { Ask::Yes };
            let decided = decide(
                &args.target.organization,
                org::approve::APPROVE,
                ask,
                "approve",
                app,
                remote,
            );
            let (held, job) = decided.await?;
            let runs = match job {
                Some(job) if !args.no_sync => Follower::new(app, remote)?.ended(job).await?.syncs,
                _ => Vec::new(),
            };
            let exit = if args.no_sync {
                Exit::Ok
            } else {
                exit_of(&runs)
            };
            app.output.one(&Decided {
                decision: "approved".into(),
                held,
                syncs: runs,
            })?;
            Ok(exit)
        }
        org::Command::Reject(args) => {
            let ask = if args.yes { Ask::No } else { Ask::Yes };
            let decided = decide(
                &args.target.organization,
                org::reject::REJECT,
                ask,
                "reject",
                app,
                remote,
            );
            let (held, _) = decided.await?;
            app.output.one(&Decided {
                decision: "rejected".into(),
                held,
                syncs: Vec::new(),
            })?;
            Ok(Exit::Ok)
        }
        org::Command::Attempts(args) => {
            let query = [("limit", args.limit.min(PAGE).to_string())];
            whole::<Attempt>(&app.output, remote, &["attempts"], &query).await
        }
        org::Command::RotateToken(args) => rotate_token(args, app, remote).await,
        org::Command::Add(service) => Box::pin(connecting::add(service, app, remote)).await,
        org::Command::Reconnect(args) => Box::pin(connecting::reconnect(args, app, remote)).await,
    }
}

async fn rotate_token(args: org::rotate_token::Args, app: &App, remote: &Remote) -> Result {
    let name = args.target.organization;
    let path = ["organizations", name.as_str(), "rotate-token"];
    let form = json!({"days": args.days});
    let rotated: Organization = remote.send(Verb::Post, &path, &[], Some(form)).await?;
    app.output.note(format_args!(
        "the host has replaced the token of `{}`; the old one stopped working",
        rotated.name()
    ));
    app.output.one(&rotated)?;
    Ok(Exit::Ok)
}

async fn changed(name: &str, verb: &str, app: &App, remote: &Remote) -> Result {
    let path = ["organizations", name, verb];
    let organization: Organization = remote.send(Verb::Post, &path, &[], None).await?;
    app.output.one(&organization)?;
    Ok(Exit::Ok)
}

async fn remove(args: org::remove::Args, app: &App, remote: &Remote) -> Result {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let target = args.target.organization;
    let named: Named = remote.get(&["organizations", &target], &[]).await?;
    let typed = org::remove::confirmed(&named.name, args.confirm)?;
    let query = [("confirm", typed)];
    let removal: Removal = remote
        .send(Verb::Delete, &["organizations", &target], &query, None)
        .await?;
    app.output.one(&removal)?;
    Ok(Exit::Ok)
}

/// How a command ends after these runs; none at all means that the server was stopped while it waited.
pub(super) fn exit_of(runs: &[SyncRun]) -> Exit {
    runs.last().map_or(Exit::Canceled, SyncRun::exit)
}

async fn synchronize(name: &str, app: &App, remote: &Remote) -> Result {
    let path = ["organizations", name, "sync"];
    let mut follower = Follower::new(app, remote)?;
    let job = follower.begin(&path, &[], None).await?;
    let syncs = follower.ended(job).await?.syncs;
    let exit = exit_of(&syncs);
    app.output.one(&Synced { syncs })?;
    if exit == Exit::SyncHeld {
        app.output.note(format_args!(
            "look at what is missing and decide: `forgehold org approve {name:?}` or `forgehold org reject {name:?}`"
        ));
    }
    Ok(exit)
}

async fn decide(
    name: &str,
    decision: Decision,
    ask: Ask,
    verb: &str,
    app: &App,
    remote: &Remote,
) -> Result<(HeldSync, Option<Job>)> {
    #[derive(Deserialize)]
    struct Answered {
        held: HeldSync,
        job: Option<Job>,
    }
    let held: HeldSync = remote.get(&["organizations", name, "held"], &[]).await?;
    if app.output.format == Format::Table {
        app.output.show(&held);
    }
    org::held::confirm(decision, ask)?;
    let form = json!({"sync": held.sync.id()});
    let query: &[(&str, String)] = &[("wait", "0".to_owned())];
    let path = ["organizations", name, verb];
    let answered: Answered = remote.send(Verb::Post, &path, query, Some(form)).await?;
    Ok((answered.held, answered.job))
}
