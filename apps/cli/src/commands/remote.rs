//! The commands as a server does them: the same arguments, the same output.

use std::time::Duration;

use futures_util::future::{Either, select};
use org_core::ids::OrganizationId;
use org_core::license::LicenseState;
use org_core::listing::PersonalNamespace;
use org_core::organization::{AutoLicense, GroupProtection};
use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::group::list::Cursor;
use super::org::held::{Ask, Decision};
use super::paging::{self, Paging, next_page};
use super::{Command, events, group, here, license, org, repo, secret, sync};
use crate::app::{self, App};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::attempt::Attempt;
use crate::output::event::Event;
use crate::output::group::Group;
use crate::output::license::{Holder, Policy, Pool, Seats};
use crate::output::organization::{Organization, Removal};
use crate::output::repository::{
    Explanation, LicenseChange, Repository, RepositoryDetails, Verdict,
};
use crate::output::secret::Secret;
use crate::output::sync::{Decided, HeldSync, SyncRun, Synced};
use crate::output::{Format, Output};
use crate::prompt::{self, Answer};
use crate::remote::{Page, Remote};

/// How many rows are read at a time; the server gives no more.
const PAGE: u32 = 500;

/// How long one request waits for the end of a job.
const WAIT: &str = "50";

pub(crate) async fn run(command: Command, app: &App, remote: &Remote) -> Result {
    match command {
        Command::Org(command) => organizations(command, app, remote).await,
        Command::Repo(command) => repositories(command, app, remote).await,
        Command::Group(group::Command::List(args)) => groups(args, app, remote).await,
        Command::License(command) => licenses(command, app, remote).await,
        Command::Secret(command) => secrets(command, app, remote).await,
        Command::Sync(command) => syncs(command, app, remote).await,
        Command::Events(args) => history(args, app, remote).await,
        Command::Doctor(_) => Err(CliError::usage("this command does not go with --server")
            .hinted("run it on the machine of the installation")
            .into()),
        // What looks at no installation is the same everywhere; the rest says that it does not go.
        other @ (Command::Schedule(_)
        | Command::Run(_)
        | Command::Completions(_)
        | Command::Man(_)) => here(other, app).await,
    }
}

fn optional(name: &'static str, value: Option<String>) -> Option<(&'static str, String)> {
    value.map(|value| (name, value))
}

/// Shows a list that the server answers whole.
async fn whole<T>(
    output: &Output,
    remote: &Remote,
    path: &[&str],
    query: &[(&str, String)],
) -> Result
where
    T: serde::de::DeserializeOwned + serde::Serialize + crate::output::Row,
{
    let page: Page<T> = remote.get(path, query).await?;
    let mut list = output.list();
    for item in page.items {
        list.push(item);
    }
    list.finish(output, ("--after", None))
}

/// Shows a list page by page.
async fn pages<T>(
    app: &App,
    remote: &Remote,
    path: &[&str],
    query: &[(&'static str, String)],
    paging: &Paging,
) -> Result
where
    T: serde::de::DeserializeOwned + serde::Serialize + crate::output::Row,
{
    let read = |after: Option<String>, limit: u32| {
        let mut query = query.to_vec();
        query.push(("limit", limit.to_string()));
        query.extend(optional("after", after));
        async move {
            let page: Page<T> = remote.get(path, &query).await?;
            Ok(page.into())
        }
    };
    paging::stream_bodies(&app.output, paging, read).await
}

async fn organizations(command: org::Command, app: &App, remote: &Remote) -> Result {
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
            let schedule = patch.schedule.map(|schedule| {
                json!({
                    "every": schedule.every,
                    "at": schedule.at,
                    "cron": schedule.cron,
                    "manual": schedule.manual,
                    "zone": schedule.zone,
                    "weekdays": schedule.weekdays,
                })
            });
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
            let wait = if args.no_sync { "0" } else { WAIT };
            let decided = decide(
                &args.target.organization,
                org::approve::APPROVE,
                ask,
                ("approve", wait),
                app,
                remote,
            );
            let (held, job) = decided.await?;
            let runs = match job {
                Some(job) if !args.no_sync => ended(job, remote).await?,
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
                ("reject", "0"),
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
        command @ (org::Command::Add(_) | org::Command::Reconnect(_)) => {
            here(Command::Org(command), app).await
        }
    }
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

/// A job of the server, as far as it is of use here.
#[derive(Debug, Deserialize)]
struct Job {
    id: String,
    state: String,
    #[serde(default)]
    syncs: Vec<SyncRun>,
    problem: Option<Value>,
}

/// Waits for the end of a job: the syncs that ran.
async fn ended(mut job: Job, remote: &Remote) -> Result<Vec<SyncRun>> {
    let mut stop = app::stop()?;
    while job.state == "running" {
        let id = job.id.clone();
        let query = [("wait", WAIT.to_owned())];
        let path = ["jobs", id.as_str()];
        let next = Box::pin(remote.get::<Job>(&path, &query));
        let answered = match select(&mut stop, next).await {
            Either::Left(_) => {
                let error =
                    CliError::new(Exit::Canceled, "no longer waited for; the server goes on");
                return Err(error.into());
            }
            Either::Right((answered, _)) => answered?,
        };
        job = answered;
    }
    match job.problem {
        Some(problem) => Err(remote.problem(&problem).into()),
        None => Ok(job.syncs),
    }
}

/// How a command ends after these runs; none at all means that the server was stopped while it waited.
fn exit_of(runs: &[SyncRun]) -> Exit {
    runs.last().map_or(Exit::Canceled, SyncRun::exit)
}

async fn synchronize(name: &str, app: &App, remote: &Remote) -> Result {
    let query = [("wait", WAIT.to_owned())];
    let path = ["organizations", name, "sync"];
    let job: Job = remote.send(Verb::Post, &path, &query, None).await?;
    let syncs = ended(job, remote).await?;
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
    (verb, wait): (&str, &str),
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
    let query: &[(&str, String)] = &[("wait", wait.to_owned())];
    let path = ["organizations", name, verb];
    let answered: Answered = remote.send(Verb::Post, &path, query, Some(form)).await?;
    Ok((answered.held, answered.job))
}

/// Where a repository is in the API.
async fn found(target: repo::Target, remote: &Remote) -> Result<[String; 2]> {
    #[derive(Deserialize)]
    struct Found {
        id: u64,
        organization: String,
    }
    let mut query = vec![("repository", target.repository)];
    query.extend(optional("organization", target.organization));
    let found: Found = remote.get(&["repositories", "find"], &query).await?;
    Ok([found.organization, found.id.to_string()])
}

async fn repositories(command: repo::Command, app: &App, remote: &Remote) -> Result {
    let path = |[organization, id]: &[String; 2]| {
        [
            "organizations".to_owned(),
            organization.clone(),
            "repositories".to_owned(),
            id.clone(),
        ]
    };
    match command {
        repo::Command::List(args) => {
            let presence = args.presence.as_str().to_owned();
            let mut query = vec![("presence", presence)];
            query.extend(optional("organization", args.organization));
            query.extend(optional("text", args.path));
            query.extend(optional(
                "license",
                args.license.map(|word| word.to_string()),
            ));
            query.extend(optional(
                "lifecycle",
                args.lifecycle.map(|word| word.to_string()),
            ));
            query.extend(optional(
                "visibility",
                args.visibility.map(|word| word.to_string()),
            ));
            pages::<Repository>(app, remote, &["repositories"], &query, &args.paging).await
        }
        repo::Command::Show(args) => {
            let path = path(&found(args.target, remote).await?);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let details: RepositoryDetails = remote.get(&path, &[]).await?;
            app.output.one(&details)?;
            Ok(Exit::Ok)
        }
        repo::Command::Why(args) => {
            let path = path(&found(args.target, remote).await?);
            let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
            path.push("why");
            let explanation: Explanation = remote.get(&path, &[]).await?;
            app.output.one(&explanation)?;
            Ok(Exit::Ok)
        }
        repo::Command::Assign(args) => {
            let path = path(&found(args.target, remote).await?);
            licensed(&path, Verb::Put, app, remote).await
        }
        repo::Command::Release(args) => {
            let path = path(&found(args.target, remote).await?);
            licensed(&path, Verb::Delete, app, remote).await
        }
    }
}

async fn licensed(path: &[String], verb: Verb, app: &App, remote: &Remote) -> Result {
    let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
    path.push("license");
    let change: LicenseChange = remote.send(verb, &path, &[], None).await?;
    app.output.one(&change)?;
    Ok(Exit::Ok)
}

async fn groups(args: group::list::Args, app: &App, remote: &Remote) -> Result {
    #[derive(Deserialize)]
    struct Known {
        id: OrganizationId,
    }
    let mut organizations: Vec<OrganizationId> = if let Some(name) = &args.organization {
        vec![remote.get::<Known>(&["organizations", name], &[]).await?.id]
    } else {
        let page: Page<Known> = remote.get(&["organizations"], &[]).await?;
        page.items.into_iter().map(|known| known.id).collect()
    };
    let cursor = args
        .paging
        .after
        .as_deref()
        .map(Cursor::parse)
        .transpose()?;
    let mut after = None;
    if let Some(cursor) = cursor {
        let known = organizations
            .iter()
            .position(|id| *id == cursor.organization);
        organizations.drain(..known.unwrap_or(organizations.len()));
        after = cursor.after;
    }
    let mut list = app.output.list();
    for (index, organization) in organizations.iter().enumerate() {
        let id = organization.to_string();
        loop {
            let limit = next_page(args.paging.limit, list.len());
            let mut query = vec![("limit", limit.to_string())];
            query.extend(optional("after", after));
            let page: Page<Group> = remote
                .get(&["organizations", &id, "groups"], &query)
                .await?;
            for group in page.items {
                list.push(group);
            }
            list.flush()?;
            after = page.next;
            if args.paging.limit.is_some_and(|limit| list.len() >= limit) {
                let next = match &after {
                    Some(after) => Some(Cursor::format(*organization, Some(after))),
                    None => organizations
                        .get(index + 1)
                        .map(|following| Cursor::format(*following, None)),
                };
                return list.finish(&app.output, ("--after", next));
            }
            if after.is_none() {
                break;
            }
        }
    }
    list.finish(&app.output, ("--after", None))
}

async fn licenses(command: license::Command, app: &App, remote: &Remote) -> Result {
    use license::policy::Command as PolicyCommand;

    match command {
        license::Command::Status(_) => {
            let pool: Pool = remote.get(&["licenses"], &[]).await?;
            app.output.one(&pool)?;
            Ok(Exit::Ok)
        }
        license::Command::Seats(args) => {
            let path = ["licenses", "seats"];
            let seats: Seats = match args.seats {
                None => remote.get(&path, &[]).await?,
                Some(seats) => {
                    let form = json!({"seats": crate::output::license::limit(seats)});
                    remote.send(Verb::Put, &path, &[], Some(form)).await?
                }
            };
            app.output.one(&seats)?;
            Ok(Exit::Ok)
        }
        license::Command::Waiting(args) => {
            holders(&args.paging, LicenseState::Waiting, app, remote).await
        }
        license::Command::Holders(args) => {
            holders(&args.paging, LicenseState::Licensed, app, remote).await
        }
        license::Command::Policy(PolicyCommand::Show(_)) => {
            let policy: Policy = remote.get(&["licenses", "policy"], &[]).await?;
            app.output.one(&policy)?;
            Ok(Exit::Ok)
        }
        license::Command::Policy(PolicyCommand::Set(args)) => {
            let form = rules(&license::policy::read(&args.file)?);
            let policy: Policy = remote
                .send(Verb::Put, &["licenses", "policy"], &[], Some(form))
                .await?;
            app.output.one(&policy)?;
            Ok(Exit::Ok)
        }
        license::Command::Policy(PolicyCommand::Test(args)) => {
            let form = match &args.file {
                Some(file) => rules(&license::policy::read(file)?),
                None => remote.get::<Value>(&["licenses", "policy"], &[]).await?,
            };
            let read = |after: Option<String>, limit: u32| {
                let mut query = vec![("limit", limit.to_string())];
                query.extend(optional("after", after));
                query.extend(optional("organization", args.organization.clone()));
                let form = form.clone();
                async move {
                    let path = ["licenses", "policy", "preview"];
                    let page: Page<Verdict> =
                        remote.send(Verb::Post, &path, &query, Some(form)).await?;
                    Ok(page.into())
                }
            };
            paging::stream_bodies(&app.output, &args.paging, read).await
        }
    }
}

fn rules(policy: &org_core::license::policy::LicensePolicy) -> Value {
    let rules: Vec<String> = policy.rules().iter().map(ToString::to_string).collect();
    json!({ "rules": rules })
}

async fn holders(paging: &Paging, state: LicenseState, app: &App, remote: &Remote) -> Result {
    let query = [("state", state.to_string())];
    pages::<Holder>(app, remote, &["licenses", "holders"], &query, paging).await
}

async fn secrets(command: secret::Command, app: &App, remote: &Remote) -> Result {
    let shown: Secret = match command {
        secret::Command::List(_) => {
            return whole::<Secret>(&app.output, remote, &["secrets"], &[]).await;
        }
        secret::Command::Show(args) => remote.get(&["secrets", &args.name], &[]).await?,
        secret::Command::Add(args) => {
            let value = prompt::secret_input("Value")?;
            let form = json!({"name": args.name, "value": value.expose_secret()});
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

async fn syncs(command: sync::Command, app: &App, remote: &Remote) -> Result {
    match command {
        sync::Command::List(args) => {
            let query: Vec<_> = optional("organization", args.organization)
                .into_iter()
                .collect();
            let paging = Paging {
                limit: Some(args.limit),
                after: args.after,
            };
            pages::<SyncRun>(app, remote, &["syncs"], &query, &paging).await
        }
        sync::Command::Show(args) => {
            let run: SyncRun = remote.get(&["syncs", &args.sync.to_string()], &[]).await?;
            app.output.one(&run)?;
            Ok(Exit::Ok)
        }
    }
}

/// How often the history is looked at while it is followed.
const LOOK: Duration = Duration::from_secs(1);

async fn history(args: events::Args, app: &App, remote: &Remote) -> Result {
    let (mut organization, mut subject) = (
        args.organization,
        args.subject.map(|subject| subject.to_string()),
    );
    if let Some(repository) = args.repository {
        let target = repo::Target {
            repository,
            organization,
        };
        let [found_in, id] = found(target, remote).await?;
        (organization, subject) = (Some(found_in), Some(format!("repository:{id}")));
    }
    let mut query = Vec::new();
    query.extend(optional("organization", organization));
    query.extend(optional("subject", subject));
    query.extend(optional("kind", args.kind));
    if args.follow {
        return follow(query, (args.after, args.limit), app, remote).await;
    }
    query.extend(optional("after", args.after.map(|after| after.to_string())));
    let mut list = app.output.list();
    let mut before = args.before.map(|before| before.to_string());
    loop {
        let left = args.limit.saturating_sub(list.len());
        if left == 0 {
            break;
        }
        let limit = u32::try_from(left).map_or(PAGE, |left| left.min(PAGE));
        let mut query = query.clone();
        query.push(("limit", limit.to_string()));
        query.extend(optional("before", before));
        let page: Page<Event> = remote.get(&["events"], &query).await?;
        for event in page.items {
            list.push(event);
        }
        list.flush()?;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    list.finish(&app.output, ("--before", before))
}

async fn follow(
    query: Vec<(&'static str, String)>,
    (mut after, limit): (Option<u64>, u64),
    app: &App,
    remote: &Remote,
) -> Result {
    let mut stop = app::stop()?;
    let limit = u32::try_from(limit).unwrap_or(PAGE).min(PAGE);
    let ask = |order: &str, limit: u32, after: Option<u64>| {
        let mut query = query.clone();
        query.push(("order", order.to_owned()));
        query.push(("limit", limit.to_string()));
        query.extend(optional("after", after.map(|after| after.to_string())));
        query
    };
    let newest = ask("newest", limit, after);
    let mut events: Vec<Event> = remote.get::<Page<Event>>(&["events"], &newest).await?.items;
    events.reverse();
    loop {
        for event in events {
            after = Some(event.sequence());
            app.output.line(&event, &event.line())?;
        }
        let wait = Box::pin(tokio::time::sleep(LOOK));
        events = match select(&mut stop, wait).await {
            Either::Left(_) => return Ok(Exit::Canceled),
            Either::Right(_) => {
                let oldest = ask("oldest", PAGE, after);
                remote.get::<Page<Event>>(&["events"], &oldest).await?.items
            }
        };
    }
}
