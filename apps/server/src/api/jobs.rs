//! Jobs, attempts, devices, reaching hosts, trying schedules.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use org_core::attempt::ConnectionAttempt;
use org_core::draft::{Field, FieldError, ScheduleDraft};
use org_core::host::HostUrl;
use org_core::ports::Probe;
use org_core::use_cases::{UseCaseError, devices};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::body::Page;
use super::body::attempt::Attempt;
use super::body::job::{Device, Job, Reachability, Step};
use super::body::request::{ProbeForm, ScheduleForm, plain_http};
use super::body::schedule::Preview;
use super::extract::{Json, Path, Query, limit};
use super::organizations::{Runs, Waiting};
use super::problem::Problem;
use crate::auth::{Reader, Writer};
use crate::jobs::Job as RunningJob;
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(job, super::sign_ins::give_up))
        .routes(routes!(attempts))
        .routes(routes!(list_devices))
        .routes(routes!(probe))
        .routes(routes!(preview))
}

/// Show how far a job is, or wait for its end
#[utoipa::path(get, path = "/jobs/{job}", tag = "jobs",
    params(("job" = String, Path, description = "its id"), Waiting),
    responses((status = 200, body = Job)))]
async fn job(
    caller: Reader,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(waiting): Query<Waiting>,
) -> Result<axum::Json<Job>, Problem> {
    let wait = waiting.duration()?;
    let job = find(&state, &id)?;
    job.wait(wait).await;
    Ok(axum::Json(job.body_for(&caller.0)))
}

pub(super) fn find(state: &AppState, id: &str) -> Result<Arc<RunningJob>, Problem> {
    let found = id.parse::<Uuid>().ok().and_then(|id| state.jobs().find(id));
    found.ok_or_else(|| {
        let message = format!("there is no job {id}, or it is forgotten");
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Newest {
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// List attempts to connect an organization, the newest first
#[utoipa::path(get, path = "/attempts", tag = "organizations", params(Newest),
    responses((status = 200, body = Page<Attempt>)))]
async fn attempts(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<Newest>,
) -> Result<axum::Json<Page<Attempt>>, Problem> {
    let attempts = state.ports().attempts.list(limit(query.limit)?).await?;
    let now = state.ports().clock.now();
    let attempt = |attempt: &ConnectionAttempt| Attempt::new(attempt, now);
    Ok(axum::Json(Page::whole(
        attempts.iter().map(attempt).collect(),
    )))
}

/// List the machines that talk to hosts
#[utoipa::path(get, path = "/devices", tag = "devices", responses((status = 200, body = Page<Device>)))]
async fn list_devices(
    _: Reader,
    State(state): State<AppState>,
) -> Result<axum::Json<Page<Device>>, Problem> {
    let rows = devices::list(state.ports()).await?;
    Ok(axum::Json(Page::whole(
        rows.iter().map(Device::from).collect(),
    )))
}

/// Try to reach a host from this server, step by step
#[utoipa::path(post, path = "/probe", tag = "devices", request_body = ProbeForm,
    responses((status = 200, body = Reachability)))]
async fn probe(
    _: Writer,
    State(state): State<AppState>,
    Json(form): Json<ProbeForm>,
) -> Result<axum::Json<Reachability>, Problem> {
    let host = HostUrl::parse(&form.host, plain_http(form.allow_plain_http)).map_err(|error| {
        UseCaseError::Invalid {
            errors: vec![FieldError::new(Field::Host, error)],
        }
    })?;
    let probe = Probe {
        host: host.clone(),
        credential: None,
    };
    let report = state.ports().host.probe(&probe).await;
    Ok(axum::Json(Reachability {
        host: host.to_string(),
        reachable: report.failure().is_none(),
        steps: report.steps.iter().map(Step::from).collect(),
    }))
}

/// Show the next runs of a schedule that belongs to no organization yet
#[utoipa::path(post, path = "/schedule/preview", tag = "organizations", params(Runs), request_body = ScheduleForm,
    responses((status = 200, body = Preview)))]
async fn preview(
    _: Reader,
    State(state): State<AppState>,
    Query(runs): Query<Runs>,
    Json(form): Json<ScheduleForm>,
) -> Result<axum::Json<Preview>, Problem> {
    let count = runs.count()?;
    let schedule = ScheduleDraft::from(form)
        .parse()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let now = state.ports().clock.now();
    Ok(axum::Json(Preview::new(&schedule, None, now, count)))
}
