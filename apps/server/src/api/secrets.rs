//! The password manager: values go in, and never come out again.

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::host::HostUrl;
use org_core::secret::{ExternalSecret, SecretFacts};
use org_core::use_cases::{secrets, vaults};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::request::{MoveForm, RotateForm, SecretForm, TestForm};
use super::body::secret::{Access, Checked, Relocation, Secret, Secrets, Tested, Vault};
use super::etag::{expected, unless_changed, with_tag};
use super::extract::{Json, Path, Query, limit};
use super::problem::Problem;
use crate::auth::{Manager, Reader};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, remove))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(relocate))
        .routes(routes!(accesses))
        .routes(routes!(vaults_of))
        .routes(routes!(check_vault))
}

/// List the secrets, without their values
///
/// Those of the vaults that answer; `unanswered` names the others. When none answers, the request fails.
#[utoipa::path(get, path = "/secrets", tag = "secrets", responses((status = 200, body = Secrets)))]
async fn list(_: Reader, State(state): State<AppState>) -> Result<axum::Json<Secrets>, Problem> {
    let answered = secrets::list_if_any_answers(state.ports()).await?;
    Ok(axum::Json(Secrets::from(&answered)))
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
    let facts = match (form.value, form.target) {
        (Some(value), None) => secrets::add_in(ports, &form.name, value.0, vault, &actor).await?,
        (None, Some(target)) => {
            let target = ExternalSecret::new(&target.mount, &target.path, &target.key)
                .map_err(|error| Problem::invalid("target", error.to_string()))?;
            let vault = match vault {
                Some(vault) => vault,
                None => vaults::named(ports, None)?,
            };
            vaults::link(ports, &form.name, &target, vault, &actor).await?
        }
        _ => {
            let message = "give either a value, or the target that it stands at";
            return Err(Problem::invalid("value", message));
        }
    };
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
    responses((status = 200, body = Secret, headers(("ETag" = String)))))]
async fn show(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let row = secrets::show(state.ports(), &name).await?;
    Ok(with_tag(&row.facts, Secret::from(&row)))
}

/// Give a secret another value; whatever uses it uses the new one from then on
///
/// With the header `If-Match` only if it is still of the version that was seen.
#[utoipa::path(post, path = "/secrets/{secret}/rotate", tag = "secrets", request_body = RotateForm,
    params(("secret" = String, Path, description = "its name"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Secret, headers(("ETag" = String)))))]
async fn rotate(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(form): Json<RotateForm>,
) -> Result<Response, Problem> {
    let (ports, actor) = (state.ports(), caller.actor());
    let row = secrets::show(ports, &name).await?;
    let is_expected = expected(&headers, &row.facts)?;
    let rotated = secrets::rotate_seen(ports, row, form.value.0, &actor).await;
    let row = if is_expected {
        unless_changed::<SecretFacts, _>(rotated)?
    } else {
        rotated?
    };
    Ok(with_tag(&row.facts, Secret::from(&row)))
}

/// Ask the hosts whether they take a secret; nothing is changed
#[utoipa::path(post, path = "/secrets/{secret}/test", tag = "secrets", request_body = TestForm,
    params(("secret" = String, Path, description = "its name")), responses((status = 200, body = Tested)))]
async fn test(
    _: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(form): Json<TestForm>,
) -> Result<axum::Json<Tested>, Problem> {
    let host = match form.host.as_deref().map(str::parse::<HostUrl>) {
        None => None,
        Some(Ok(host)) => Some(host),
        Some(Err(error)) => return Err(Problem::invalid("host", error.to_string())),
    };
    let shared = state.clone();
    let tested = state.jobs().to_the_end(&state, async move {
        vaults::test(shared.ports(), &name, host).await
    });
    let (facts, rows) = tested.await??;
    let now = state.ports().clock.now();
    Ok(axum::Json(Tested::new(&facts, &rows, now)))
}

/// Move a secret to another vault; it is read back before it is deleted where it was
///
/// With the header `If-Match` only if it is still of the version that was seen.
#[utoipa::path(post, path = "/secrets/{secret}/move", tag = "secrets", request_body = MoveForm,
    params(("secret" = String, Path, description = "its name"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Relocation)))]
async fn relocate(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(form): Json<MoveForm>,
) -> Result<axum::Json<Relocation>, Problem> {
    let (shared, actor) = (state.clone(), caller.actor());
    let row = secrets::show(state.ports(), &name).await?;
    let is_expected = expected(&headers, &row.facts)?;
    let moved = state.jobs().to_the_end(&state, async move {
        let to = vaults::named(shared.ports(), Some(&form.vault))?;
        if is_expected {
            vaults::move_seen(shared.ports(), &row.facts, to, &actor).await
        } else {
            vaults::move_one(shared.ports(), &name, to, &actor).await
        }
    });
    let moved = moved.await?;
    let moved = if is_expected {
        unless_changed::<SecretFacts, _>(moved)?
    } else {
        moved?
    };
    Ok(axum::Json(Relocation::from(&moved)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Newest {
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// List who read a secret within each hour, the newest first
#[utoipa::path(get, path = "/secrets/{secret}/accesses", tag = "secrets",
    params(("secret" = String, Path, description = "its name"), Newest), responses((status = 200, body = Page<Access>)))]
async fn accesses(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<Newest>,
) -> Result<axum::Json<Page<Access>>, Problem> {
    let rows = vaults::accesses(state.ports(), &name, limit(query.limit)?).await?;
    Ok(axum::Json(Page::whole(
        rows.iter().map(Access::from).collect(),
    )))
}

/// List the vaults, the one that new secrets go to first
#[utoipa::path(get, path = "/vaults", tag = "secrets", responses((status = 200, body = Page<Vault>)))]
async fn vaults_of(
    _: Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<Vault>>, Problem> {
    let rows = vaults::list(state.ports()).await;
    Ok(axum::Json(Page::whole(
        rows.iter().map(Vault::from).collect(),
    )))
}

/// Read every record of the embedded vault, and name what is damaged; of the others, whether they answer
#[utoipa::path(post, path = "/vaults/check", tag = "secrets", responses((status = 200, body = Checked)))]
async fn check_vault(
    _: Manager,
    State(state): State<AppState>,
) -> Result<axum::Json<Checked>, Problem> {
    let report = state.runtime().check_vault().await;
    let report = report.map_err(org_core::use_cases::UseCaseError::from)?;
    let vaults = vaults::list(state.ports()).await;
    Ok(axum::Json(Checked::new(&report, &vaults)))
}

/// Remove a secret that nothing uses
///
/// With the header `If-Match` only if it is still of the version that was seen.
#[utoipa::path(delete, path = "/secrets/{secret}", tag = "secrets",
    params(("secret" = String, Path, description = "its name"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Secret)))]
async fn remove(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<Secret>, Problem> {
    let (ports, actor) = (state.ports(), caller.actor());
    let row = secrets::show(ports, &name).await?;
    let facts = if expected(&headers, &row.facts)? {
        unless_changed::<SecretFacts, _>(secrets::remove_seen(ports, row, &actor).await)?
    } else {
        secrets::remove(ports, &name, &actor).await?
    };
    Ok(axum::Json(Secret::from(&facts)))
}
