//! API tokens: shown once, and revoked at any time.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use org_core::accounts::{ApiToken, Level, User};
use org_core::ids::ApiTokenId;
use org_core::use_cases::accounts::{self, Caller, TokenDraft};
use secrecy::ExposeSecret;

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use super::once::{self, Worth};
use super::urls;
use super::view::{Badge, Stamp, Tone};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::TOKENS, get(page))
        .route(urls::TOKENS_ADD, get(add_page).post(add))
        .route("/tokens/{token}/revoke", get(revoke_page).post(revoke))
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
    /// The ticket that makes the form good once.
    pub(super) once: String,
    pub(super) scopes: Vec<(&'static str, &'static str, &'static str)>,
}

/// The answer to a form that made its token already.
#[derive(Template)]
#[template(path = "token_made.html")]
pub(super) struct TokenMadePage {
    pub(super) frame: Frame,
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
pub(super) struct TokenRevokePage {
    pub(super) frame: Frame,
    pub(super) token: TokenView,
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

fn adding(caller: &Caller, csrf: &Csrf, once: String, form: Form) -> TokenAddPage {
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
        once,
        scopes: all
            .into_iter()
            .filter(|(level, _)| *level <= caller.level)
            .map(|(level, about)| (level.as_str(), scope(level), about))
            .collect(),
    }
}

/// A ticket for another form.
fn ticket(state: &AppState, csrf: &Csrf) -> String {
    let ticket = state.ports().ids.next_id().to_string();
    state.once().give(csrf, ticket.clone());
    ticket
}

async fn add_page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    csrf: Csrf,
) -> Response {
    let form = Form::with(&[("scope", Level::Read.as_str()), ("expires_in_days", "90")]);
    render(&adding(&caller, &csrf, ticket(&state, &csrf), form))
}

/// What was typed, or the form with what is wrong with it.
fn draft(form: Form) -> Result<(TokenDraft, Form), Form> {
    let days = match form.text("expires_in_days") {
        None => Ok(None),
        Some(days) => days.parse::<u32>().map(Some),
    };
    let Ok(expires_in_days) = days else {
        return Err(form.at(
            "expires_in_days",
            "this is not a number of days; leave it empty for a token that never expires",
        ));
    };
    let draft = TokenDraft {
        name: form.value("name").to_owned(),
        scope: form.value("scope").to_owned(),
        expires_in_days,
    };
    Ok((draft, form))
}

async fn add(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let once = form.value(once::FIELD).to_owned();
    let form = form.without(&[once::FIELD]);
    match state.once().spend(&csrf, &once) {
        Worth::Good => {}
        Worth::Spent => {
            let frame = Frame::new(Section::Tokens, "New API token", &caller, &csrf);
            return Ok(render_with(StatusCode::CONFLICT, &TokenMadePage { frame }));
        }
        Worth::Unknown => {
            let problem = Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                "this form is too old to be used; no API token was made",
            )
            .hinted("look whether the list has it already, and send the form again if not");
            let page = adding(
                &caller,
                &csrf,
                ticket(&state, &csrf),
                form.refused(&problem),
            );
            return Ok(render_with(StatusCode::CONFLICT, &page));
        }
    }
    // Nothing was made until here, so the same form can be mended and sent again.
    let refused = |form: Form| {
        state.once().give_back(&csrf, &once);
        let page = adding(&caller, &csrf, once.clone(), form);
        Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let (draft, form) = match draft(form) {
        Ok(found) => found,
        Err(form) => return refused(form),
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
        Err(error) => refused(form.refused(&error.into())),
    }
}

fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such API token",
    )
}

/// Asks before a token goes: whatever uses it stops working at once, and the same value never comes back.
async fn revoke_page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Path(id): Path<String>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let id: ApiTokenId = id.parse().map_err(|_| not_found())?;
    let tokens = accounts::tokens(state.accounts(), &caller).await?;
    let found = tokens.iter().find(|(token, _)| token.id == id);
    let (token, owner) = found.ok_or_else(not_found)?;
    let title = format!("Revoke {}", token.name);
    Ok(render(&TokenRevokePage {
        frame: Frame::new(Section::Tokens, title, &caller, &csrf),
        token: TokenView::of(token, owner, state.ports().clock.now()),
    }))
}

async fn revoke(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: ApiTokenId = id.parse().map_err(|_| not_found())?;
    accounts::revoke_token(state.accounts(), &caller, id).await?;
    Ok(go_with(urls::TOKENS, Notice::TokenRevoked))
}
