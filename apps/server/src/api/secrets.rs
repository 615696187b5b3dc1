//! The password manager: values go in, and never come out again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use org_core::use_cases::{secrets, vaults};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::request::{RotateForm, SecretForm};
use super::body::secret::Secret;
use super::extract::{Json, Path};
use super::problem::Problem;
use crate::auth::{Manager, Reader};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, remove))
        .routes(routes!(rotate))
}

/// List the secrets, without their values
#[utoipa::path(get, path = "/secrets", tag = "secrets", responses((status = 200, body = Page<Secret>)))]
async fn list(
    _: Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<Secret>>, Problem> {
    let rows = secrets::list(state.ports()).await?;
    Ok(axum::Json(Page::whole(
        rows.iter().map(Secret::from).collect(),
    )))
}

/// Add a secret
#[utoipa::path(post, path = "/secrets", tag = "secrets", request_body = SecretForm,
    responses((status = 201, body = Secret, headers(("Location" = String)))))]
async fn add(
    caller: Manager,
    State(state): State<AppState>,
    Json(form): Json<SecretForm>,
) -> Result<Response, Problem> {
    let ports = state.ports();
    let vault = match &form.vault {
        Some(name) => Some(vaults::named(ports, Some(name))?),
        None => None,
    };
    let actor = caller.actor();
    let facts = secrets::add_in(ports, &form.name, form.value.0, vault, &actor).await?;
    let name = utf8_percent_encode(facts.name.as_str(), NON_ALPHANUMERIC);
    let location = format!("/api/v1/secrets/{name}");
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        axum::Json(Secret::from(&facts)),
    )
        .into_response())
}

/// Show a secret, without its value
#[utoipa::path(get, path = "/secrets/{secret}", tag = "secrets", params(("secret" = String, Path, description = "its name")),
    responses((status = 200, body = Secret)))]
async fn show(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<axum::Json<Secret>, Problem> {
    Ok(axum::Json(Secret::from(
        &secrets::show(state.ports(), &name).await?,
    )))
}

/// Give a secret another value; whatever uses it uses the new one from then on
#[utoipa::path(post, path = "/secrets/{secret}/rotate", tag = "secrets", request_body = RotateForm,
    params(("secret" = String, Path, description = "its name")), responses((status = 200, body = Secret)))]
async fn rotate(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(form): Json<RotateForm>,
) -> Result<axum::Json<Secret>, Problem> {
    let row = secrets::rotate(state.ports(), &name, form.value.0, &caller.actor()).await?;
    Ok(axum::Json(Secret::from(&row)))
}

/// Remove a secret that nothing uses
#[utoipa::path(delete, path = "/secrets/{secret}", tag = "secrets", params(("secret" = String, Path, description = "its name")),
    responses((status = 200, body = Secret)))]
async fn remove(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<axum::Json<Secret>, Problem> {
    let facts = secrets::remove(state.ports(), &name, &caller.actor()).await?;
    Ok(axum::Json(Secret::from(&facts)))
}
