//! One's own account: the password, and where one is signed in.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use org_core::use_cases::accounts::{self, Caller, Via};
use secrecy::ExposeSecret;

use super::form::Form;
use super::frame::{Frame, Notice, Noticed, Section, go_with, render, render_with};
use super::urls;
use super::view::Stamp;
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::http::client::Client;
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::ACCOUNT, get(show).post(change_password))
        .route(urls::SESSIONS, post(sign_out_elsewhere))
}

#[derive(Template)]
#[template(path = "account.html")]
pub(super) struct AccountPage {
    pub(super) frame: Frame,
    pub(super) form: Form,
    pub(super) sessions: Vec<SessionView>,
}

/// A browser that one is signed in with.
pub(super) struct SessionView {
    pub(super) agent: String,
    pub(super) address: String,
    pub(super) since: Stamp,
    pub(super) used: Stamp,
    pub(super) here: bool,
}

async fn page(
    state: &AppState,
    frame: Frame,
    caller: &Caller,
    form: Form,
) -> Result<AccountPage, Problem> {
    let sessions = state.accounts().accounts.sessions(caller.user.id).await?;
    let here = match &caller.via {
        Via::Session(session) => Some(session.digest),
        Via::Token(_) | Via::Machine => None,
    };
    let view = |session: org_core::accounts::Session| SessionView {
        here: Some(session.digest) == here,
        agent: browser(&session.agent),
        address: session.address,
        since: Stamp(session.created_at),
        used: Stamp(session.last_used_at),
    };
    Ok(AccountPage {
        frame,
        form,
        sessions: sessions.into_iter().map(view).collect(),
    })
}

/// The name of a browser, out of all that it says of itself.
fn browser(agent: &str) -> String {
    let known = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome or Chromium"),
        ("Safari/", "Safari"),
    ];
    let name = known.iter().find(|(mark, _)| agent.contains(mark));
    match name {
        Some((_, name)) => (*name).to_owned(),
        None if agent.is_empty() => "Unknown".to_owned(),
        None => agent.chars().take(40).collect(),
    }
}

async fn show(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame =
        Frame::new(Section::Elsewhere, "Your account", &caller, &csrf).with_notice(&noticed);
    Ok(render(
        &page(&state, frame, &caller, Form::default()).await?,
    ))
}

/// Ends the sessions of every other browser.
async fn sign_out_elsewhere(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    _: Csrf,
    _: Form,
) -> Result<Response, Problem> {
    accounts::sign_out_elsewhere(state.accounts(), &caller).await?;
    Ok(go_with(urls::ACCOUNT, Notice::SignedOutElsewhere))
}

async fn change_password(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Extension(client): Extension<Client>,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let (old, new) = (form.secret("old_password"), form.secret("password"));
    let form = if new.expose_secret() == form.secret("again").expose_secret() {
        let from = client.for_history();
        let (ports, throttle) = (state.accounts(), state.throttle());
        let asked = (&caller, from.address.as_str());
        match accounts::change_own_password(ports, throttle, asked, (&old, &new)).await {
            Ok(_) => return Ok(go_with(urls::ACCOUNT, Notice::PasswordChanged)),
            Err(error) => form.refused(&error.into()),
        }
    } else {
        form.at("again", "the two passwords differ")
    };
    let frame = Frame::new(Section::Elsewhere, "Your account", &caller, &csrf);
    let page = page(&state, frame, &caller, form).await?;
    Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}
