//! Whoever asks, and their own account.

use axum::Extension;
use axum::extract::State;
use org_core::accounts::Level;
use org_core::use_cases::accounts::{self, AccountError, Caller, Via};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::account::{BrowserSession, EndedSessions, Me, User};
use super::body::request::PasswordForm;
use super::extract::Json;
use super::problem::Problem;
use crate::auth::Reader;
use crate::http::client::Client;
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(sessions, sign_out))
}

/// Show who asks, and what they may do
#[utoipa::path(get, path = "/me", tag = "accounts", responses((status = 200, body = Me)))]
async fn me(Reader(caller): Reader) -> axum::Json<Me> {
    axum::Json(Me::from(&caller))
}

/// Whether the token was made to change something. Whoever may only look may change what is their own all the same.
fn own_to_change(caller: &Caller) -> Result<(), Problem> {
    match &caller.via {
        Via::Token(token) if token.scope < Level::Write => {
            let needed = Level::Write;
            Err(AccountError::NotAllowed { needed }.into())
        }
        _ => Ok(()),
    }
}

/// Give oneself another password; every browser is signed out
///
/// Guessing the present one is slowed as at the sign-in. The token needs the scope `write`, whatever its owner's role.
#[utoipa::path(put, path = "/me/password", tag = "accounts", request_body = PasswordForm, responses((status = 200, body = User)))]
async fn change_password(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Json(form): Json<PasswordForm>,
) -> Result<axum::Json<User>, Problem> {
    own_to_change(&caller)?;
    let from = client.for_history();
    let asked = (&caller, from.address.as_str());
    let passwords = (&form.old_password.0, &form.password.0);
    let (ports, throttle) = (state.accounts(), state.throttle());
    let user = accounts::change_own_password(ports, throttle, asked, passwords).await?;
    Ok(axum::Json(User::from(&user)))
}

/// List the browsers that one is signed in with, the newest first
#[utoipa::path(get, path = "/me/sessions", tag = "accounts", responses((status = 200, body = Page<BrowserSession>)))]
async fn sessions(
    Reader(caller): Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<BrowserSession>>, Problem> {
    let sessions = state.accounts().accounts.sessions(caller.user.id).await?;
    Ok(axum::Json(Page::whole(
        sessions.iter().map(BrowserSession::from).collect(),
    )))
}

/// Sign oneself out of every browser
///
/// The token needs the scope `write`, whatever its owner's role.
#[utoipa::path(delete, path = "/me/sessions", tag = "accounts", responses((status = 200, body = EndedSessions)))]
async fn sign_out(
    Reader(caller): Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<EndedSessions>, Problem> {
    own_to_change(&caller)?;
    let ended = accounts::sign_out_elsewhere(state.accounts(), &caller).await?;
    Ok(axum::Json(EndedSessions { ended }))
}
