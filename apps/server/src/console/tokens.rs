//! API tokens: shown once, and revoked at any time.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use org_core::accounts::{ApiToken, Level, User};
use org_core::use_cases::accounts::{self, Caller, TokenDraft};
use secrecy::ExposeSecret;

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use super::urls;
use super::view::{Badge, Stamp, Tone};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::TOKENS, get(page))
        .route(urls::TOKENS_ADD, get(add_page).post(add))
        .route("/tokens/{token}/revoke", post(revoke))
}

/// One token in the list.
pub(super) struct TokenView {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) scope: &'static str,
    pub(super) badge: Badge,
    pub(super) created: Stamp,
    pub(super) expires: Option<Stamp>,
    pub(super) used: Option<Stamp>,
    pub(super) revoke: String,
}

/// What people read for a level.
pub(super) const fn scope(level: Level) -> &'static str {
    match level {
        Level::Read => "Look",
        Level::Write => "Daily business",
        Level::Admin => "Everything",
    }
}

impl TokenView {
    fn of(token: &ApiToken, owner: &User, now: chrono::DateTime<chrono::Utc>) -> Self {
        Self {
            name: token.name.to_string(),
            owner: owner.name.to_string(),
            scope: scope(token.scope),
            badge: if token.is_alive(now) {
                Badge::new(Tone::Good, "circle-check", "Works")
            } else {
                Badge::new(Tone::Plain, "ban", "Expired")
            },
            created: Stamp(token.created_at),
            expires: token.expires_at.map(Stamp),
            used: token.last_used_at.map(Stamp),
            revoke: urls::token(token.id, "revoke"),
        }
    }
}

#[derive(Template)]
#[template(path = "tokens.html")]
pub(super) struct TokensPage {
    pub(super) frame: Frame,
    pub(super) tokens: Vec<TokenView>,
    /// The token that was just made: the only page that ever shows it.
    pub(super) issued: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "token_add.html")]
pub(super) struct TokenAddPage {
    pub(super) frame: Frame,
    pub(super) form: Form,
    pub(super) scopes: Vec<(&'static str, &'static str, &'static str)>,
}

async fn draw(
    state: &AppState,
    frame: Frame,
    caller: &Caller,
    issued: Option<(String, String)>,
) -> Result<TokensPage, Problem> {
    let now = state.ports().clock.now();
    let tokens = accounts::tokens(state.accounts(), caller).await?;
    Ok(TokensPage {
        frame,
        tokens: tokens
            .iter()
            .map(|(token, owner)| TokenView::of(token, owner, now))
            .collect(),
        issued,
    })
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = Frame::new(Section::Tokens, "API tokens", &caller, &csrf).with_notice(&noticed);
    Ok(render(&draw(&state, frame, &caller, None).await?))
}

fn adding(caller: &Caller, csrf: &Csrf, form: Form) -> TokenAddPage {
    let all = [
        (Level::Read, "Looks at everything, and changes nothing"),
        (Level::Write, "Syncs, decisions, settings, licenses"),
        (
            Level::Admin,
            "Organizations, secrets, people, seats and the policy too",
        ),
    ];
    TokenAddPage {
        frame: Frame::new(Section::Tokens, "New API token", caller, csrf),
        form,
        scopes: all
            .into_iter()
            .filter(|(level, _)| *level <= caller.level)
            .map(|(level, about)| (level.as_str(), scope(level), about))
            .collect(),
    }
}

async fn add_page(CurrentUser(caller): CurrentUser, csrf: Csrf) -> Response {
    let form = Form::with(&[("scope", Level::Read.as_str()), ("expires_in_days", "90")]);
    render(&adding(&caller, &csrf, form))
}

async fn add(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let days = match form.text("expires_in_days") {
        None => Ok(None),
        Some(days) => days.parse::<u32>().map(Some),
    };
    let Ok(expires_in_days) = days else {
        let form = form.at(
            "expires_in_days",
            "this is not a number of days; leave it empty for a token that never expires",
        );
        let page = adding(&caller, &csrf, form);
        return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let draft = TokenDraft {
        name: form.value("name").to_owned(),
        scope: form.value("scope").to_owned(),
        expires_in_days,
    };
    match accounts::issue_token(state.accounts(), &caller, &draft).await {
        Ok(issued) => {
            let frame = Frame::new(Section::Tokens, "API tokens", &caller, &csrf);
            let shown = issued.secret.shown.expose_secret().to_owned();
            let name = issued.token.name.to_string();
            Ok(render(
                &draw(&state, frame, &caller, Some((name, shown))).await?,
            ))
        }
        Err(error) => {
            let page = adding(&caller, &csrf, form.refused(&error.into()));
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn revoke(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let not_found = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such API token",
        )
    };
    let id = id.parse().map_err(|_| not_found())?;
    accounts::revoke_token(state.accounts(), &caller, id).await?;
    Ok(go_with(urls::TOKENS, Notice::TokenRevoked))
}
