//! The installation itself: how it does, what is wrong with it, and the keys of its own vault.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use org_core::use_cases::UseCaseError;
use secrecy::ExposeSecret;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::dashboard::Dashboard;
use super::body::doctor::Examination;
use super::body::request::RecoveryKeyForm;
use super::body::secret::{NewRecoveryKey, RecoveryKey, Rotated};
use super::body::time::stamp;
use super::extract::Json;
use super::idempotency::NotKept;
use super::problem::Problem;
use crate::auth::{Manager, Reader};
use crate::state::AppState;
use crate::summary::Summary;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(examine))
        .routes(routes!(rotate_key))
        .routes(routes!(recovery_key, make_recovery_key))
}

/// Show how the whole installation does
#[utoipa::path(get, path = "/dashboard", tag = "installation", responses((status = 200, body = Dashboard)))]
async fn dashboard(
    _: Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Dashboard>, Problem> {
    Ok(axum::Json(Dashboard::from(&Summary::read(&state).await?)))
}

/// Find out what is wrong with this installation: its directory, its database, its vaults, and how every host is reached
#[utoipa::path(post, path = "/doctor", tag = "installation", responses((status = 200, body = Examination)))]
async fn examine(
    _: Manager,
    State(state): State<AppState>,
) -> Result<axum::Json<Examination>, Problem> {
    // It reads the whole database and asks every host, so that one at a time is enough.
    let _place = state.gates().examinations.enter().await?;
    let findings = runtime::doctor::examine_running(state.config(), state.runtime()).await;
    Ok(axum::Json(Examination::from(findings.as_slice())))
}

/// Give the embedded vault a new key, while it is used
///
/// A key that Forgehold made is replaced by another one. A key file or passphrase file is replaced by the one beside it whose name ends with `.next`,
/// which has to be there first.
#[utoipa::path(post, path = "/vaults/rotate-key", tag = "installation", responses((status = 200, body = Rotated)))]
async fn rotate_key(
    caller: Manager,
    State(state): State<AppState>,
) -> Result<axum::Json<Rotated>, Problem> {
    let (shared, actor) = (state.clone(), caller.actor());
    let rotated = state.jobs().to_the_end(&state, async move {
        let runtime = shared.runtime();
        runtime.rotate_vault_key(shared.config(), &actor).await
    });
    let generation = rotated.await?.map_err(Problem::from)?;
    Ok(axum::Json(Rotated { generation }))
}

/// Show whether the embedded vault has a recovery key
#[utoipa::path(get, path = "/vaults/recovery-key", tag = "installation", responses((status = 200, body = RecoveryKey)))]
async fn recovery_key(
    _: Manager,
    State(state): State<AppState>,
) -> Result<axum::Json<RecoveryKey>, Problem> {
    let made_at = state.runtime().recovery_key_made_at().await;
    let made_at = made_at.map_err(UseCaseError::from)?.map(stamp);
    Ok(axum::Json(RecoveryKey { made_at }))
}

/// Make a recovery key for the embedded vault; its value is in this answer and never again
///
/// It opens the vault when its key is lost. An earlier one is replaced only with `replace`.
#[utoipa::path(post, path = "/vaults/recovery-key", tag = "installation", request_body = RecoveryKeyForm,
    responses((status = 201, body = NewRecoveryKey)))]
async fn make_recovery_key(
    caller: Manager,
    State(state): State<AppState>,
    Json(form): Json<RecoveryKeyForm>,
) -> Result<Response, Problem> {
    let runtime = state.runtime();
    let earlier = runtime.recovery_key_made_at().await;
    if let Some(made_at) = earlier.map_err(UseCaseError::from)?
        && !form.replace
    {
        let message = format!(
            "there is a recovery key of {}, which opens nothing once another one is made",
            stamp(made_at)
        );
        let problem = Problem::new(StatusCode::CONFLICT, "needs_confirmation", message);
        return Err(problem.hinted("repeat with `replace`"));
    }
    let (shared, actor) = (state.clone(), caller.actor());
    let made = state.jobs().to_the_end(&state, async move {
        shared.runtime().make_recovery_key(&actor).await
    });
    let key = made.await?.map_err(Problem::from)?;
    let body = NewRecoveryKey {
        value: key.expose_secret().to_owned(),
    };
    let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
    response.extensions_mut().insert(NotKept);
    Ok(response)
}
