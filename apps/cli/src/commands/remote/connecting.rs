//! Connecting and reconnecting organizations, which a server does as jobs.

use std::io::IsTerminal;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use org_core::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::host::PlainHttp;
use org_core::listing::PersonalNamespace;
use org_core::organization::{AutoLicense, GroupProtection};
use org_core::use_cases::reconnect::{BlindReconnect, ReconnectDraft};
use org_core::use_cases::{Progress as _, ProgressEvent, UseCaseError};
use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::organizations::exit_of;
use crate::app::{self, App};
use crate::commands::org::add::{Service, explained};
use crate::commands::org::reconnect::{self, UNSEEN_HINT};
use crate::commands::org::sso::Way;
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::check::Check;
use crate::output::organization::{Connected, Organization};
use crate::output::sync::SyncRun;
use crate::progress::Line;
use crate::prompt::{self, Answer};
use crate::remote::Remote;

/// How long one request waits for the end of a job.
const WAIT: &str = "50";

/// The same while a person looks on, so that they see how far it is.
const GLANCE: &str = "1";

/// A job that connects or reconnects, as far as it is of use here.
#[derive(Debug, Deserialize)]
struct Job {
    id: String,
    state: String,
    #[serde(default)]
    steps: Vec<Step>,
    sign_in: Option<SignIn>,
    organization: Option<String>,
    #[serde(default)]
    syncs: Vec<SyncRun>,
    problem: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    detail: String,
}

/// The code that a person has to type at the host.
#[derive(Debug, Deserialize)]
struct SignIn {
    uri: String,
    complete_uri: Option<String>,
    code: String,
    until: DateTime<Utc>,
}

pub(super) async fn add(service: Service, app: &App, remote: &Remote) -> Result {
    let Service::Gitlab(args) = service;
    if args.is_empty() && prompt::is_possible() {
        return Err(
            CliError::usage("the questions of the form do not go with --server")
                .hinted("give the answers as flags, or use the console")
                .into(),
        );
    }
    let (checks, no_sync, way) = (args.checks(), args.skips_sync(), args.way());
    let draft = args.draft()?;
    if let Err(errors) = draft.validate() {
        return Err(explained(UseCaseError::Invalid { errors }, &draft));
    }
    if draft.method == Method::Sso {
        refuse_this_browser(way)?;
        if checks {
            return Err(
                CliError::usage("--check of a sign-in does not go with --server")
                    .hinted("run it on the machine of the installation, or check with a token")
                    .into(),
            );
        }
    }
    let form = form_of(&draft);
    if checks {
        let check: Check = remote
            .send(Verb::Post, &["organizations", "check"], &[], Some(form))
            .await?;
        app.output.one(&check)?;
        return Ok(if check.is_complete() {
            Exit::Ok
        } else {
            Exit::SyncPartial
        });
    }
    let began = begin(&["organizations"], form, no_sync, way, app, remote);
    show(began.await?, no_sync, app, remote).await
}

pub(super) async fn reconnect(args: reconnect::Args, app: &App, remote: &Remote) -> Result {
    let name = args.organization().to_owned();
    let present: Organization = remote.get(&["organizations", &name], &[]).await?;
    let asked = if present.is_sso() {
        Method::Sso
    } else {
        Method::AccessToken
    };
    let (no_sync, way) = (args.skips_sync(), args.way());
    let wanted = reconnect::wanted(args, asked, present.access(), present.login())?;
    let path = ["organizations", name.as_str(), "reconnect"];
    match wanted {
        reconnect::Wanted::SignIn { access, blind } => {
            refuse_this_browser(way)?;
            let blind = blind == BlindReconnect::Confirmed;
            let form = json!({"sso": access.as_str(), "confirm_blind": blind});
            let began = begin(&path, form, no_sync, way, app, remote).await;
            show(began.map_err(unseen)?, no_sync, app, remote).await
        }
        reconnect::Wanted::Token(mut draft) => loop {
            let began = begin(&path, again(&draft), no_sync, way, app, remote).await;
            match began {
                Ok(job) => return show(job, no_sync, app, remote).await,
                Err(failure) if agrees(&failure)? == Answer::Yes => {
                    draft.blind = BlindReconnect::Confirmed;
                }
                Err(failure) => return Err(unseen(failure)),
            }
        },
    }
}

/// A sign-in over a server is by a code: the answer of a browser on this machine would come to nobody.
fn refuse_this_browser(way: Way) -> Result<()> {
    match way {
        Way::Address => Err(CliError::usage("--no-browser does not go with --server")
            .hinted("leave it out: you get a code to type in any browser")
            .into()),
        Way::Browser | Way::Code | Way::CodeForWantOfABrowser => Ok(()),
    }
}

/// Begins a job and waits for its end, while a person does what only they can.
async fn begin(
    path: &[&str],
    form: Value,
    no_sync: bool,
    way: Way,
    app: &App,
    remote: &Remote,
) -> Result<Job> {
    let line = Line::new(&app.output);
    let until = if no_sync { "connected" } else { "synced" };
    let query = [("wait", "0".to_owned()), ("until", until.to_owned())];
    let wait = if std::io::stderr().is_terminal() {
        GLANCE
    } else {
        WAIT
    };
    let mut stop = app::stop()?;
    let signs_in = form.get("sso").is_some();
    let mut told = false;
    let mut job: Job = remote.send(Verb::Post, path, &query, Some(form)).await?;
    loop {
        if let Some(step) = job.steps.last() {
            line.set(format!("{} {}", step.name, step.detail).trim());
        }
        if let Some(sign_in) = job.sign_in.take().filter(|_| !told) {
            told = true;
            if way == Way::Browser {
                line.say("the server signs in by a code, which you type in any browser");
            }
            line.report(sign_in.event());
        }
        if job.state != "running" {
            break;
        }
        let id = job.id.clone();
        // Until there is a code, somebody may have to be told any moment.
        let wait = if told { wait } else { GLANCE };
        let query = [("wait", wait.to_owned())];
        let path = ["jobs", id.as_str()];
        let next = Box::pin(remote.get::<Job>(&path, &query));
        match select(&mut stop, next).await {
            Either::Left(_) => return Err(stopped(&id, signs_in, remote).await),
            Either::Right((answered, _)) => job = answered?,
        }
    }
    match &job.problem {
        Some(problem) => Err(remote.problem(problem).into()),
        None => Ok(job),
    }
}

impl SignIn {
    fn event(self) -> ProgressEvent {
        ProgressEvent::EnterCode {
            uri: self.uri,
            complete: self.complete_uri,
            code: self.code,
            until: self.until,
        }
    }
}

/// A person waits no longer: a sign-in is given up, and everything else goes on without them.
async fn stopped(id: &str, signs_in: bool, remote: &Remote) -> Failure {
    if signs_in {
        let path = ["jobs", id];
        let given_up: Result<Value> = remote.send(Verb::Delete, &path, &[], None).await;
        if given_up.is_ok() {
            return Failure::Canceled;
        }
    }
    CliError::new(Exit::Canceled, "no longer waited for; the server goes on").into()
}

async fn show(job: Job, no_sync: bool, app: &App, remote: &Remote) -> Result {
    let id = job.organization.unwrap_or_default();
    let organization: Organization = remote.get(&["organizations", &id], &[]).await?;
    let exit = if no_sync {
        app.output.note(format_args!(
            "the server synchronizes `{}` at once; this is not waited for",
            organization.name()
        ));
        Exit::Ok
    } else {
        exit_of(&job.syncs)
    };
    app.output.one(&Connected::of(organization, job.syncs))?;
    Ok(exit)
}

/// Whether a person agrees that the account sees nothing of what is known, where that is what is wrong and somebody is there.
fn agrees(failure: &Failure) -> Result<Answer> {
    match failure {
        Failure::Error(error) if error.exit == Exit::NeedsConfirmation && prompt::is_possible() => {
            reconnect::asks_about_unseen(&error.message)
        }
        _ => Ok(Answer::No),
    }
}

fn unseen(failure: Failure) -> Failure {
    match failure {
        Failure::Error(error) if error.exit == Exit::NeedsConfirmation => {
            error.hinted(UNSEEN_HINT).into()
        }
        other => other,
    }
}

fn token(token: &TokenDraft) -> Value {
    match token {
        TokenDraft::Missing => json!({}),
        TokenDraft::Secret(name) => json!({"secret": name}),
        TokenDraft::Value(value) => json!({"value": value.expose_secret()}),
    }
}

fn again(draft: &ReconnectDraft) -> Value {
    json!({
        "login": draft.login,
        "token": token(&draft.token),
        "confirm_blind": draft.blind == BlindReconnect::Confirmed,
    })
}

fn form_of(draft: &OrganizationDraft) -> Value {
    let SettingsDraft {
        groups,
        personal,
        protect_groups,
        auto_license,
        license_existing,
        schedule,
        device,
    } = &draft.settings;
    let mut form = json!({
        "name": draft.name,
        "service": draft.service,
        "host": draft.host,
        "allow_plain_http": draft.plain_http == PlainHttp::Allowed,
        "groups": groups,
        "personal": personal.map(|personal| personal == PersonalNamespace::Included),
        "protect_groups": *protect_groups == GroupProtection::On,
        "auto_license": *auto_license == AutoLicense::On,
        "license_existing": license_existing.as_str(),
        "schedule": super::schedule(schedule),
        "device": device,
    });
    if let Some(fields) = form.as_object_mut() {
        match draft.method {
            Method::Sso => {
                fields.insert("sso".to_owned(), json!(draft.access.as_str()));
            }
            Method::AccessToken => {
                fields.insert("login".to_owned(), json!(draft.login));
                fields.insert("token".to_owned(), token(&draft.token));
            }
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use org_core::oauth::Access;

    use super::*;

    #[test]
    fn a_form_says_what_was_typed() {
        let draft = OrganizationDraft {
            name: Some("Acme".to_owned()),
            method: Method::Sso,
            access: Access::Restore,
            ..OrganizationDraft::default()
        };
        insta::assert_snapshot!(form_of(&draft), @r#"{"allow_plain_http":false,"auto_license":false,"device":null,"groups":[],"host":"https://gitlab.com","license_existing":"none","name":"Acme","personal":null,"protect_groups":false,"schedule":{"at":null,"cron":null,"every":null,"manual":false,"weekdays":null,"zone":null},"service":"gitlab","sso":"restore"}"#);
    }
}
