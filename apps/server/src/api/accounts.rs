//! People and API tokens.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::accounts::User as CoreUser;
use org_core::ids::ApiTokenId;
use org_core::use_cases::accounts::{self, Account, TokenDraft, UserDraft};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::account::{ApiToken, NewApiToken, User};
use super::body::request::{ApiTokenForm, UserChangeForm, UserForm};
use super::etag::{expected, unless_changed, with_tag};
use super::extract::{Json, Path};
use super::idempotency::NotKept;
use super::problem::Problem;
use crate::auth::{Manager, Reader, Writer};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(users, add_user))
        .routes(routes!(user, change_user, remove_user))
        .routes(routes!(tokens, issue))
        .routes(routes!(revoke))
}

/// List the people, in the order of their names
#[utoipa::path(get, path = "/users", tag = "accounts", responses((status = 200, body = Page<User>)))]
async fn users(
    _: Manager,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<User>>, Problem> {
    let users = accounts::users(state.accounts()).await?;
    Ok(axum::Json(Page::whole(
        users.iter().map(User::from).collect(),
    )))
}

/// Add a person
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = UserForm, responses((status = 201, body = User)))]
async fn add_user(
    caller: Manager,
    State(state): State<AppState>,
    Json(form): Json<UserForm>,
) -> Result<Response, Problem> {
    let draft = UserDraft {
        name: form.name,
        password: form.password.0,
        role: form.role,
    };
    let user = accounts::add_user(state.accounts(), &draft, &caller.actor()).await?;
    Ok((StatusCode::CREATED, axum::Json(User::from(&user))).into_response())
}

/// Show a person
#[utoipa::path(get, path = "/users/{user}", tag = "accounts", params(("user" = String, Path, description = "their name or id")),
    responses((status = 200, body = User, headers(("ETag" = String)))))]
async fn user(
    _: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let user = accounts::user(state.accounts(), &name).await?;
    Ok(with_tag(&user, User::from(&user)))
}

/// The account of that name, as it is seen now if the request asks for that.
async fn named(state: &AppState, name: &str, headers: &HeaderMap) -> Result<Account, Problem> {
    let user = accounts::user(state.accounts(), name).await?;
    Ok(if expected(headers, &user)? {
        Account::as_seen(user)
    } else {
        user.id.into()
    })
}

/// Give a person another role or password, or close or open their account
///
/// With the header `If-Match` only if the account is still as it was seen.
#[utoipa::path(patch, path = "/users/{user}", tag = "accounts", request_body = UserChangeForm,
    params(("user" = String, Path, description = "their name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = User, headers(("ETag" = String)))))]
async fn change_user(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(form): Json<UserChangeForm>,
) -> Result<Response, Problem> {
    let (ports, actor) = (state.accounts(), caller.actor());
    let account = named(&state, &name, &headers).await?;
    let changed = match form {
        UserChangeForm {
            role: Some(role),
            disabled: None,
            password: None,
        } => accounts::change_role(ports, account, &role, &actor).await,
        UserChangeForm {
            role: None,
            disabled: Some(true),
            password: None,
        } => accounts::close(ports, account, &actor).await,
        UserChangeForm {
            role: None,
            disabled: Some(false),
            password: None,
        } => accounts::reopen(ports, account, &actor).await,
        UserChangeForm {
            role: None,
            disabled: None,
            password: Some(password),
        } => accounts::reset_password(ports, account, &password.0, &actor).await,
        _ => {
            let message = "give exactly one of role, disabled and password";
            return Err(Problem::invalid("role", message));
        }
    };
    let user = unless_changed::<CoreUser, _>(changed)?;
    Ok(with_tag(&user, User::from(&user)))
}

/// Remove a person with their sessions and API tokens; the history stays
///
/// With the header `If-Match` only if the account is still as it was seen.
#[utoipa::path(delete, path = "/users/{user}", tag = "accounts",
    params(("user" = String, Path, description = "their name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = User)))]
async fn remove_user(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<User>, Problem> {
    let account = named(&state, &name, &headers).await?;
    let removed = accounts::remove_user(state.accounts(), account, &caller.actor()).await;
    let user = unless_changed::<CoreUser, _>(removed)?;
    Ok(axum::Json(User::from(&user)))
}

/// List one's own API tokens, or everybody's as an administrator
#[utoipa::path(get, path = "/tokens", tag = "accounts", responses((status = 200, body = Page<ApiToken>)))]
async fn tokens(
    Reader(caller): Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<ApiToken>>, Problem> {
    let tokens = accounts::tokens(state.accounts(), &caller).await?;
    let body = tokens
        .iter()
        .map(|(token, user)| ApiToken::new(token, user));
    Ok(axum::Json(Page::whole(body.collect())))
}

/// Make an API token of one's own; its value is in this answer and never again
#[utoipa::path(post, path = "/tokens", tag = "accounts", request_body = ApiTokenForm, responses((status = 201, body = NewApiToken)))]
async fn issue(
    Writer(caller): Writer,
    State(state): State<AppState>,
    Json(form): Json<ApiTokenForm>,
) -> Result<Response, Problem> {
    let draft = TokenDraft {
        name: form.name,
        scope: form.scope,
        expires_in_days: form.expires_in_days,
    };
    let issued = accounts::issue_token(state.accounts(), &caller, &draft).await?;
    let body = axum::Json(NewApiToken::new(&issued, &caller.user));
    let mut response = (StatusCode::CREATED, body).into_response();
    response.extensions_mut().insert(NotKept);
    Ok(response)
}

/// Revoke an API token: one's own, or anybody's as an administrator
#[utoipa::path(delete, path = "/tokens/{token}", tag = "accounts", params(("token" = String, Path, description = "its id")),
    responses((status = 204, description = "it works no longer")))]
async fn revoke(
    Writer(caller): Writer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let Ok(id) = id.parse::<ApiTokenId>() else {
        let message = format!("there is no API token `{id}`");
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    accounts::revoke_token(state.accounts(), &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
