//! The password manager: what there is, how old it is and what uses it. Values go in and never come out.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use org_core::ports::VaultError;
use org_core::secret::{SecretOwner, SecretPlace};
use org_core::text::VaultName;
use org_core::token::days_until;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::secrets::{self, SecretRow};
use org_core::use_cases::{UseCaseError, vaults};

pub(super) mod link;
pub(super) mod show;

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use super::urls;
use super::view::{Stamp, Tone, counted};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::SECRETS, get(page))
        .route(urls::SECRETS_ADD, get(add_page).post(add))
        .route(urls::SECRETS_LINK, get(link::page).post(link::link))
        .route("/secrets/{name}/show", get(show::page))
        .route("/secrets/{name}/test", post(show::test))
        .route("/secrets/{name}/move", post(show::relocate))
        .route("/secrets/{name}/rotate", get(rotate_page).post(rotate))
        .route("/secrets/{name}/remove", get(remove_page).post(remove))
}

/// One secret in the list.
pub(super) struct SecretView {
    pub(super) name: String,
    pub(super) owner: &'static str,
    pub(super) used_by: Vec<String>,
    pub(super) version: String,
    pub(super) age: (String, Tone),
    pub(super) updated: Stamp,
    pub(super) expiry: Option<(String, Tone)>,
    pub(super) last_used: Option<Stamp>,
    pub(super) vault: String,
    /// Where it stands among the secrets of others, if it only points there.
    pub(super) place: Option<String>,
    pub(super) show: String,
    /// Where it gets another value; `None` for what belongs to others, and for what renews itself.
    pub(super) rotate: Option<String>,
    /// Where it is removed; `None` while something uses it, or when it goes with what it was made for.
    pub(super) remove: Option<String>,
}

/// How long a page waits for a vault to say how it does.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The days after which a secret is called old.
const OLD: i64 = 180;

/// When the host no longer takes it, in words.
fn expiry(at: DateTime<Utc>, now: DateTime<Utc>) -> (String, Tone) {
    let days = days_until(at, now);
    let words = match days {
        0 => "Expired".to_owned(),
        days => format!("In {}", counted(days.unsigned_abs(), "day", "days")),
    };
    (words, Tone::of_days_left(days))
}

impl SecretView {
    fn of(row: &SecretRow, now: DateTime<Utc>) -> Self {
        let facts = &row.facts;
        let name = facts.name.to_string();
        let own = facts.owner == SecretOwner::Person;
        let days = (now - facts.updated_at).num_days();
        let age = match days {
            ..=0 => "Today".to_owned(),
            days => counted(days.unsigned_abs(), "day", "days"),
        };
        Self {
            owner: match facts.owner {
                _ if row.is_of_sign_in() => "Kept by a sign-in, renews itself",
                SecretOwner::Person => "Made by a person",
                SecretOwner::Attempt(_) => "Of an attempt under way",
                SecretOwner::Organization(_) => "Goes with its organization",
            },
            used_by: row.used_by.iter().map(ToString::to_string).collect(),
            version: facts.version.to_string(),
            age: (age, if days > OLD { Tone::Warn } else { Tone::Plain }),
            updated: Stamp(facts.updated_at),
            expiry: row.expires_at.map(|at| expiry(at, now)),
            last_used: row.last_used_at.map(Stamp),
            vault: facts.vault.to_string(),
            place: match &facts.place {
                SecretPlace::Kept => None,
                SecretPlace::External(target) => Some(target.to_string()),
            },
            show: urls::secret(&name, "show"),
            rotate: row.takes_values().then(|| urls::secret(&name, "rotate")),
            remove: (own && row.used_by.is_empty()).then(|| urls::secret(&name, "remove")),
            name,
        }
    }
}

#[derive(Template)]
#[template(path = "secrets.html")]
pub(super) struct SecretsPage {
    pub(super) frame: Frame,
    pub(super) secrets: Vec<SecretView>,
    pub(super) vault: String,
    /// The vaults whose secrets are not in the list.
    pub(super) silent: Vec<SilentVault>,
    /// Whether a vault can point at secrets of others.
    pub(super) links: bool,
}

/// A vault that does not answer.
pub(super) struct SilentVault {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

impl SilentVault {
    fn of((name, error): (VaultName, VaultError)) -> Self {
        let error = UseCaseError::from(error);
        Self {
            name: name.to_string(),
            why: super::view::sentence(&error.to_string()),
            hint: error.hint().as_deref().map(super::view::sentence),
        }
    }
}

/// The page of a secret that nobody can look up while a vault is away.
#[derive(Template)]
#[template(path = "secret_away.html")]
pub(super) struct SecretAwayPage {
    pub(super) frame: Frame,
    pub(super) silent: Vec<SilentVault>,
    /// The same page again.
    pub(super) again: String,
}

/// The secret, or the page that says which vault is away and has it, or may have it.
async fn look_up(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    (name, part): (&str, &str),
) -> Result<Result<SecretRow, Response>, Problem> {
    let error = match secrets::show(state.ports(), name).await {
        Ok(row) => return Ok(Ok(row)),
        Err(error) => error,
    };
    if !matches!(error, UseCaseError::Vault(_)) {
        return Err(error.into());
    }
    let silent = vaults::away(state.ports(), PATIENCE).await;
    if silent.is_empty() {
        return Err(error.into());
    }
    let problem = Problem::from(error);
    let page = SecretAwayPage {
        frame: Frame::new(Section::Secrets, name, caller, csrf),
        silent: silent.into_iter().map(SilentVault::of).collect(),
        again: urls::secret(name, part),
    };
    Ok(Err(problem.onto(render_with(problem.status, &page))))
}

#[derive(Template)]
#[template(path = "secret_form.html")]
pub(super) struct SecretForm {
    pub(super) frame: Frame,
    pub(super) form: Form,
    pub(super) action: String,
    pub(super) task: SecretTask,
}

/// What is done with a secret.
pub(super) enum SecretTask {
    Add,
    Rotate { name: String, used_by: Vec<String> },
    Remove { name: String },
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let (rows, silent) = secrets::list_what_answers(state.ports()).await?;
    let now = state.ports().clock.now();
    let vault = match state.ports().vault.health().await {
        Ok(health) => health.description,
        Err(error) => error.to_string(),
    };
    Ok(render(&SecretsPage {
        frame: Frame::new(Section::Secrets, "Password manager", &caller, &csrf)
            .with_notice(&noticed),
        secrets: rows
            .iter()
            // What a sign-in under way needs is gone in minutes, and nobody can do anything with it.
            .filter(|row| !row.is_passing())
            .map(|row| SecretView::of(row, now))
            .collect(),
        vault: super::view::sentence(&vault),
        silent: silent.into_iter().map(SilentVault::of).collect(),
        links: link::vaults(&state).next().is_some(),
    }))
}

fn form_page(
    admin: &Admin,
    csrf: &Csrf,
    title: &str,
    action: String,
    task: SecretTask,
    form: Form,
) -> SecretForm {
    SecretForm {
        frame: Frame::new(Section::Secrets, title, &admin.0, csrf),
        form,
        action,
        task,
    }
}

fn adding(admin: &Admin, csrf: &Csrf, form: Form) -> SecretForm {
    let action = urls::SECRETS_ADD.to_owned();
    form_page(admin, csrf, "Add a secret", action, SecretTask::Add, form)
}

async fn add_page(admin: Admin, csrf: Csrf) -> Response {
    render(&adding(&admin, &csrf, Form::default()))
}

async fn add(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let value = form.secret("token");
    match secrets::add(state.ports(), form.value("name"), value, &admin.actor()).await {
        Ok(_) => Ok(go_with(urls::SECRETS, Notice::SecretAdded)),
        Err(error) => {
            let form = form.without(&["token"]).refused(&error.into());
            let page = adding(&admin, &csrf, form);
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

fn rotating(admin: &Admin, csrf: &Csrf, row: &SecretRow, form: Form) -> SecretForm {
    let name = row.facts.name.to_string();
    let task = SecretTask::Rotate {
        used_by: row.used_by.iter().map(ToString::to_string).collect(),
        name: name.clone(),
    };
    form_page(
        admin,
        csrf,
        "Rotate a secret",
        urls::secret(&name, "rotate"),
        task,
        form,
    )
}

async fn rotate_page(
    State(state): State<AppState>,
    admin: Admin,
    Path(name): Path<String>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let row = match look_up(&state, (&admin.0, &csrf), (&name, "rotate")).await? {
        Ok(row) => row,
        Err(page) => return Ok(page),
    };
    Ok(render(&rotating(&admin, &csrf, &row, Form::default())))
}

async fn rotate(
    State(state): State<AppState>,
    admin: Admin,
    Path(name): Path<String>,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let row = secrets::show(state.ports(), &name).await?;
    let value = form.secret("token");
    match secrets::rotate(state.ports(), &name, value, &admin.actor()).await {
        Ok(_) => Ok(go_with(urls::SECRETS, Notice::SecretRotated)),
        Err(error) => {
            let form = form.without(&["token"]).refused(&error.into());
            let page = rotating(&admin, &csrf, &row, form);
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn remove_page(
    State(state): State<AppState>,
    admin: Admin,
    Path(name): Path<String>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let row = match look_up(&state, (&admin.0, &csrf), (&name, "remove")).await? {
        Ok(row) => row,
        Err(page) => return Ok(page),
    };
    let name = row.facts.name.to_string();
    let action = urls::secret(&name, "remove");
    let task = SecretTask::Remove { name };
    Ok(render(&form_page(
        &admin,
        &csrf,
        "Remove a secret",
        action,
        task,
        Form::default(),
    )))
}

async fn remove(
    State(state): State<AppState>,
    admin: Admin,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    secrets::remove(state.ports(), &name, &admin.actor()).await?;
    Ok(go_with(urls::SECRETS, Notice::SecretRemoved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_secret_is_counted_down() {
        let now: DateTime<Utc> = "2026-11-27T12:00:00Z".parse().expect("a time");
        for (at, words, tone) in [
            ("2026-11-27T12:00:00Z", "Expired", Tone::Bad),
            ("2026-11-27T12:00:01Z", "In 1 day", Tone::Bad),
            ("2026-12-04T12:00:00Z", "In 7 days", Tone::Bad),
            ("2026-12-04T12:00:01Z", "In 8 days", Tone::Warn),
            ("2026-12-27T12:00:00Z", "In 30 days", Tone::Warn),
            ("2027-11-27T00:00:00Z", "In 365 days", Tone::Plain),
        ] {
            let at = at.parse().expect("a time");
            assert_eq!(expiry(at, now), (words.to_owned(), tone));
        }
    }
}
