//! Connecting and reconnecting organizations, which a server does as jobs.

use org_core::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::host::PlainHttp;
use org_core::listing::PersonalNamespace;
use org_core::organization::{AutoLicense, GroupProtection};
use org_core::use_cases::UseCaseError;
use org_core::use_cases::reconnect::{BlindReconnect, ReconnectDraft};
use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::jobs::{Follower, GLANCE, Job};
use super::organizations::exit_of;
use super::signing_in::signed_in;
use crate::app::App;
use crate::commands::org::add::{Service, agrees, explained};
use crate::commands::org::reconnect::{self, UNSEEN_HINT};
use crate::commands::org::sso::Way;
use crate::commands::org::{Desk, form};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::check::Check;
use crate::output::organization::{Connected, Organization};
use crate::prompt::{self, Answer};
use crate::remote::Remote;

/// Where organizations are, at the server.
const ORGANIZATIONS: &[&str] = &["organizations"];

/// Where it is tried what connecting one would do.
const CHECK: &[&str] = &["organizations", "check"];

pub(super) async fn add(service: Service, app: &App, remote: &Remote) -> Result {
    let Service::Gitlab(args) = service;
    let (checks, no_sync, way) = (args.checks(), args.skips_sync(), args.way());
    let asks = args.is_empty() && prompt::is_possible();
    let draft = if asks {
        let desk = Desk::There(remote, &app.output);
        form::fill_in(desk, args.plain_http()).await?
    } else {
        args.draft()?
    };
    if let Err(errors) = draft.validate() {
        return Err(explained(UseCaseError::Invalid { errors }, &draft));
    }
    let with = (app, remote);
    match (draft.method, checks) {
        (Method::Sso, true) => {
            let signed_in = signed_in((CHECK, &[]), (form_of(&draft), &draft.host), way, with);
            let (follower, job) = signed_in.await?;
            let check = follower.ended(job).await?.check;
            let missing = || CliError::new(Exit::Unavailable, "the server answered no check");
            checked(&check.ok_or_else(missing)?, app)
        }
        (Method::AccessToken, true) => {
            let form = Some(form_of(&draft));
            checked(&remote.send(Verb::Post, CHECK, &[], form).await?, app)
        }
        (Method::Sso, false) => {
            let job = Box::pin(connected_by_sso(&draft, (way, no_sync), asks, with)).await?;
            show(job, no_sync, app, remote).await
        }
        (Method::AccessToken, false) => {
            let job = begun(ORGANIZATIONS, &form_of(&draft), no_sync, with).await?;
            show(job, no_sync, app, remote).await
        }
    }
}

fn checked(check: &Check, app: &App) -> Result {
    app.output.one(check)?;
    Ok(if check.is_complete() {
        Exit::Ok
    } else {
        Exit::SyncPartial
    })
}

/// Until when a job goes on.
fn until(no_sync: bool) -> [(&'static str, String); 1] {
    let until = if no_sync { "connected" } else { "synced" };
    [("until", until.to_owned())]
}

/// Begins a job that nobody has to sign in for, and waits for its end.
async fn begun(
    path: &[&str],
    form: &Value,
    no_sync: bool,
    (app, remote): (&App, &Remote),
) -> Result<Job> {
    let mut follower = Follower::new(app, remote)?;
    let job = follower.begin(path, &until(no_sync), Some(form)).await?;
    follower.ended(job).await
}

/// Connects by a sign-in. Who filled in the form sees what was granted before there is an organization.
async fn connected_by_sso(
    draft: &OrganizationDraft,
    (way, no_sync): (Way, bool),
    asks: bool,
    (app, remote): (&App, &Remote),
) -> Result<Job> {
    let mut form = form_of(draft);
    form["choose_groups"] = json!(asks);
    let begin = (ORGANIZATIONS, &until(no_sync)[..]);
    let (follower, mut job) = signed_in(begin, (form, &draft.host), way, (app, remote)).await?;
    let (
        SettingsDraft {
            groups, personal, ..
        },
        mut agreed,
    ) = (&draft.settings, false);
    let personal = personal.map(|personal| personal == PersonalNamespace::Included);
    while asks && job.is_running() && job.organization.is_none() {
        let id = job.id.clone();
        let Some(choice) = job.choice.take() else {
            job = follower.look(&id, GLANCE).await?;
            continue;
        };
        if let Some(problem) = &choice.problem {
            // The form is filled in anew; nothing of this sign-in shall stay.
            let _ = follower.give_up(&id).await;
            return Err(remote.problem(problem).into());
        }
        if !agreed {
            let line = &follower.line;
            match line.aside(|| agrees(&app.output, &choice.check)) {
                Ok(Answer::Yes) => agreed = true,
                Ok(Answer::No) => return Err(follower.give_up(&id).await),
                Err(failure) => {
                    let _ = follower.give_up(&id).await;
                    return Err(failure);
                }
            }
        }
        let path = ["jobs", id.as_str(), "choice"];
        let form = Some(json!({"groups": groups, "personal": personal}));
        let chosen = remote.send::<Job>(Verb::Post, &path, &[], form);
        job = match follower.unless_stopped(&id, chosen).await {
            Ok(chosen) => chosen,
            // It was refused, or the answer got lost on the way: the job tells.
            Err(Failure::Error(error)) if !matches!(error.exit, Exit::Canceled | Exit::Denied) => {
                follower.look(&id, GLANCE).await?
            }
            Err(failure) => return Err(failure),
        };
    }
    follower.ended(job).await
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
            let blind = blind == BlindReconnect::Confirmed;
            let form = json!({"sso": access.as_str(), "confirm_blind": blind});
            let (begin, form) = ((&path[..], &until(no_sync)[..]), (form, present.host()));
            let (follower, job) = signed_in(begin, form, way, (app, remote)).await?;
            let job = follower.ended(job).await.map_err(unseen)?;
            show(job, no_sync, app, remote).await
        }
        reconnect::Wanted::Token(mut draft) => loop {
            match begun(&path, &again(&draft), no_sync, (app, remote)).await {
                Ok(job) => return show(job, no_sync, app, remote).await,
                Err(failure) if accepts_unseen(&failure)? == Answer::Yes => {
                    draft.blind = BlindReconnect::Confirmed;
                }
                Err(failure) => return Err(unseen(failure)),
            }
        },
    }
}

async fn show(job: Job, no_sync: bool, app: &App, remote: &Remote) -> Result {
    let id = job.organization.unwrap_or_default();
    let organization: Organization = remote.get(&["organizations", &id], &[]).await?;
    let exit = if let Some(problem) = &job.sync_problem {
        let problem = remote.problem(problem);
        app.output.note(format_args!(
            "`{}` stands, but its sync could not be begun",
            organization.name()
        ));
        app.output.tell(&problem);
        problem.exit
    } else if no_sync {
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
fn accepts_unseen(failure: &Failure) -> Result<Answer> {
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

pub(crate) fn form_of(draft: &OrganizationDraft) -> Value {
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
