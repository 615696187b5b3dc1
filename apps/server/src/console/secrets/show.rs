//! One secret: where it lives, who reads it, whether its host still takes it, and where else it could live.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use org_core::host::HostUrl;
use org_core::ports::SecretAccess;
use org_core::secret::SecretPlace;
use org_core::use_cases::UseCaseError;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::secrets::{self, SecretRow};
use org_core::use_cases::vaults::{self, TestRow};
use org_core::vaults::Moved;

use super::{SecretView, look_up};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, CurrentUser};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use crate::console::urls;
use crate::console::view::{Badge, Stamp, Tone, sentence, thousands};
use crate::state::AppState;

/// How many rows of its history a page has: those of a day and more of its busiest reader.
const ACCESSES: u32 = 50;

/// Who read it within one hour.
pub(in crate::console) struct AccessView {
    pub(in crate::console) by: String,
    pub(in crate::console) count: String,
    pub(in crate::console) first: Stamp,
    pub(in crate::console) last: Stamp,
}

impl AccessView {
    fn of(access: &SecretAccess) -> Self {
        Self {
            by: access.by.clone(),
            count: thousands(access.count),
            first: Stamp(access.first_at),
            last: Stamp(access.last_at),
        }
    }
}

/// What a host says of it.
pub(in crate::console) struct TestedView {
    pub(in crate::console) host: String,
    pub(in crate::console) organization: String,
    pub(in crate::console) badge: Badge,
    pub(in crate::console) detail: String,
}

impl TestedView {
    fn of(row: &TestRow, now: DateTime<Utc>) -> Self {
        let (badge, detail) = match (&row.answer, row.problem(now)) {
            (Ok(identity), None) => (
                Badge::new(Tone::Good, "circle-check", "Good"),
                format!("It belongs to {}.", identity.account.login),
            ),
            (Ok(_), Some(problem)) => (
                Badge::new(Tone::Warn, "triangle-alert", "Not as it should be"),
                format!("{}.", sentence(&problem)),
            ),
            (Err(error), _) => (
                Badge::new(Tone::Bad, "circle-x", "Refused"),
                match error.hint() {
                    Some(hint) => format!("{}. {}.", sentence(&error.to_string()), sentence(&hint)),
                    None => format!("{}.", sentence(&error.to_string())),
                },
            ),
        };
        Self {
            host: row.host.to_string(),
            organization: row
                .organization
                .as_ref()
                .map(|(name, _)| name.to_string())
                .unwrap_or_default(),
            badge,
            detail,
        }
    }
}

#[derive(Template)]
#[template(path = "secret.html")]
pub(in crate::console) struct SecretPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) secret: SecretView,
    pub(in crate::console) url: String,
    pub(in crate::console) created: Stamp,
    pub(in crate::console) accesses: Vec<AccessView>,
    pub(in crate::console) tested: Vec<TestedView>,
    /// The vaults that it could move to.
    pub(in crate::console) others: Vec<String>,
    pub(in crate::console) form: Form,
}

async fn draw(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    row: &SecretRow,
    form: Form,
) -> Result<SecretPage, Problem> {
    let ports = state.ports();
    let name = row.facts.name.to_string();
    let accesses = vaults::accesses(ports, &name, ACCESSES).await?;
    let others = ports.vaults.all().iter().map(|vault| &vault.name);
    Ok(SecretPage {
        frame: Frame::new(Section::Secrets, name.clone(), caller, csrf),
        secret: SecretView::of(row, ports.clock.now()),
        url: format!("{}/{}", urls::SECRETS, urls::encoded(&name)),
        created: Stamp(row.facts.created_at),
        accesses: accesses.iter().map(AccessView::of).collect(),
        tested: Vec::new(),
        others: match row.facts.place {
            SecretPlace::Kept => others
                // A move that was cut off is ended by moving it again to where it was going.
                .filter(|vault| **vault != row.facts.vault || row.facts.arriving_from.is_some())
                .map(ToString::to_string)
                .collect(),
            // It stays where its owner has it.
            SecretPlace::External(_) => Vec::new(),
        },
        form,
    })
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Path(name): Path<String>,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let row = match look_up(&state, (&caller, &csrf), (&name, "show")).await? {
        Ok(row) => row,
        Err(page) => return Ok(page),
    };
    let mut page = draw(&state, (&caller, &csrf), &row, Form::default()).await?;
    page.frame = page.frame.with_notice(&noticed);
    Ok(render(&page))
}

/// Asks the hosts. It goes on to its end even if the person goes away, because a sign-in may have to be renewed for it.
pub(super) async fn test(
    State(state): State<AppState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let row = secrets::show(state.ports(), &name).await?;
    let host = match form.text("host").map(|host| host.parse::<HostUrl>()) {
        None => None,
        Some(Ok(host)) => Some(host),
        Some(Err(error)) => {
            let form = form.at("host", error.to_string());
            let page = draw(&state, (&caller, &csrf), &row, form).await?;
            return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    if host.is_none() && row.used_by.is_empty() {
        let form = form.at(
            "host",
            "name the host that it is for, since nothing uses it yet",
        );
        let page = draw(&state, (&caller, &csrf), &row, form).await?;
        return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let (shared, asked) = (state.clone(), name.clone());
    let tested = state
        .jobs()
        .to_the_end(&state, async move {
            vaults::test(shared.ports(), &asked, host).await
        })
        .await?;
    let rows = match tested {
        Ok((_, rows)) => rows,
        Err(error) => {
            let form = form.refused(&error.into());
            let page = draw(&state, (&caller, &csrf), &row, form).await?;
            return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    // It was read for that.
    let row = secrets::show(state.ports(), &name).await?;
    let mut page = draw(&state, (&caller, &csrf), &row, form).await?;
    let now = state.ports().clock.now();
    page.tested = rows.iter().map(|row| TestedView::of(row, now)).collect();
    Ok(render(&page))
}

pub(super) async fn relocate(
    State(state): State<AppState>,
    admin: Admin,
    Path(name): Path<String>,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let (shared, actor) = (state.clone(), admin.actor());
    let (secret, wanted) = (name.clone(), form.text("vault").unwrap_or_default());
    let moved = state
        .jobs()
        .to_the_end(&state, async move {
            let to = vaults::named(shared.ports(), Some(&wanted))?;
            vaults::move_one(shared.ports(), &secret, to, &actor).await
        })
        .await?;
    match moved {
        Ok(Moved::Done { .. }) => Ok(go_with(&urls::secret(&name, "show"), Notice::SecretMoved)),
        Ok(Moved::AlreadyThere(_)) => Ok(go_with(&urls::secret(&name, "show"), Notice::Unchanged)),
        Err(error) => {
            let row = secrets::show(state.ports(), &name).await?;
            let form = match error {
                UseCaseError::NotFound { .. } => form.at("vault", error.to_string()),
                other => form.refused(&other.into()),
            };
            let page = draw(&state, (&admin.0, &csrf), &row, form).await?;
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
