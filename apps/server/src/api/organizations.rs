//! Organizations: looking, changing, synchronizing, removing.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::ids::SyncId;
use org_core::license::pool::SeatKey;
use org_core::organization::Organization as CoreOrganization;
use org_core::sync::run::Trigger;
use org_core::use_cases::overview::{self, Which};
use org_core::use_cases::review::{self, Verdict};
use org_core::use_cases::{lookup, manage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::job::Job;
use super::body::organization::{Organization, Permission, Removal, permissions};
use super::body::request::{DecisionForm, EditForm};
use super::body::schedule::Preview;
use super::body::sync::{HeldSync, SyncRun, Vanishing};
use super::etag::{checked, guarded, not_modified, tagged};
use super::extract::{Json, Path, Query};
use super::idempotency::KeptAs;
use super::problem::Problem;
use crate::auth::{Manager, Reader, Writer};
use crate::jobs::{Job as RunningJob, Outcome};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, edit, remove))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(sync))
        .routes(routes!(held))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(permission_table))
        .routes(routes!(preview))
}

/// The organization of that name, or with that id.
pub(crate) async fn find(state: &AppState, name: &str) -> Result<CoreOrganization, Problem> {
    Ok(lookup::organization(state.ports(), name).await?)
}

/// How long an answer may wait for work to end.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// How many seconds to wait for the end; if it does not come by then, the answer is 202 with the job.
    #[param(minimum = 0, maximum = 60, default = 30)]
    pub(crate) wait: Option<u8>,
}

/// How long one waits when nobody says, and at most.
const USUAL_WAIT: u8 = 30;
const LONGEST_WAIT: u8 = 60;

impl Waiting {
    pub(crate) fn duration(self) -> Result<Duration, Problem> {
        match self.wait.unwrap_or(USUAL_WAIT) {
            seconds @ 0..=LONGEST_WAIT => Ok(Duration::from_secs(seconds.into())),
            _ => Err(Problem::invalid(
                "wait",
                format!("it is not from 0 to {LONGEST_WAIT}"),
            )),
        }
    }
}

/// The answer to whoever does not wait longer: the job, and where to look.
pub(crate) fn accepted(job: &RunningJob) -> Response {
    let location =
        HeaderValue::from_str(&format!("/api/v1/jobs/{}", job.id)).expect("a UUID is plain");
    let mut response = to_owner(StatusCode::ACCEPTED, job);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// A job as whoever began it sees it, with what a sign-in waits for. Of that nothing is kept for a request that is sent again: it is asked of the
/// job then.
pub(crate) fn to_owner(status: StatusCode, job: &RunningJob) -> Response {
    let mut response = (status, axum::Json(job.body_for_owner())).into_response();
    response.extensions_mut().insert(KeptAs::of(&job.body()));
    response
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Whether the removed ones are answered too.
    #[serde(default)]
    #[param(required = false)]
    all: bool,
}

/// List the organizations, in the order of their connecting
#[utoipa::path(get, path = "/organizations", tag = "organizations", params(ListQuery),
    responses((status = 200, body = Page<Organization>)))]
async fn list(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Organization>>, Problem> {
    let which = if query.all {
        Which::All
    } else {
        Which::Present
    };
    let overviews = overview::all(state.ports(), which).await?;
    Ok(axum::Json(Page::whole(
        overviews.iter().map(Organization::from).collect(),
    )))
}

/// How many runs a person sees before saving.
const PREVIEWED_RUNS: usize = 5;

/// Show an organization
#[utoipa::path(get, path = "/organizations/{organization}", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id")),
    responses((status = 200, body = Organization, headers(("ETag" = String))), (status = 304, description = "`If-None-Match` names its version")))]
async fn show(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organization = find(&state, &name).await?;
    if let Some(answer) = not_modified(&headers, &organization) {
        return Ok(answer);
    }
    tagged(state.ports(), organization, StatusCode::OK).await
}

/// Change the settings of an organization
///
/// With the header `If-Match` only if it is still of that version.
#[utoipa::path(patch, path = "/organizations/{organization}", tag = "organizations", request_body = EditForm,
    params(("organization" = String, Path, description = "its name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Organization, headers(("ETag" = String)))))]
async fn edit(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(form): Json<EditForm>,
) -> Result<Response, Problem> {
    let organization = find(&state, &name).await?;
    let (ports, expecting) = guarded(state.ports(), &headers, &organization)?;
    // A new scope is looked at with the credential, which may be renewed for it: that must not be dropped half way.
    let (patch, actor) = (form.into(), caller.actor());
    let edit = async move { manage::edit(&ports, organization, &patch, &actor).await };
    let edited = state.jobs().to_the_end(&state, edit).await?;
    tagged(
        state.ports(),
        checked(edited, expecting.as_ref())?,
        StatusCode::OK,
    )
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Confirmation {
    /// The name of the organization, to confirm.
    confirm: String,
}

/// Remove an organization: its licenses are free, the secrets that were made for it are deleted, the history stays
#[utoipa::path(delete, path = "/organizations/{organization}", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen"), Confirmation),
    responses((status = 200, body = Removal)))]
async fn remove(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(confirmation): Query<Confirmation>,
    headers: HeaderMap,
) -> Result<axum::Json<Removal>, Problem> {
    let organization = find(&state, &name).await?;
    let (ports, expecting) = guarded(state.ports(), &headers, &organization)?;
    let removed =
        manage::remove(&ports, organization, &confirmation.confirm, &caller.actor()).await;
    let removal = checked(removed, expecting.as_ref())?;
    Ok(axum::Json(Removal::from(&removal)))
}

/// Stop following an organization; its licenses stay
#[utoipa::path(post, path = "/organizations/{organization}/pause", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Organization, headers(("ETag" = String)))))]
async fn pause(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organization = find(&state, &name).await?;
    let (ports, expecting) = guarded(state.ports(), &headers, &organization)?;
    let paused = manage::pause(&ports, organization, &caller.actor()).await;
    tagged(
        state.ports(),
        checked(paused, expecting.as_ref())?,
        StatusCode::OK,
    )
    .await
}

/// Follow a paused organization again
#[utoipa::path(post, path = "/organizations/{organization}/resume", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), ("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")),
    responses((status = 200, body = Organization, headers(("ETag" = String)))))]
async fn resume(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organization = find(&state, &name).await?;
    let (ports, expecting) = guarded(state.ports(), &headers, &organization)?;
    let resumed = manage::resume(&ports, organization, &caller.actor()).await;
    tagged(
        state.ports(),
        checked(resumed, expecting.as_ref())?,
        StatusCode::OK,
    )
    .await
}

/// Synchronize an organization now
#[utoipa::path(post, path = "/organizations/{organization}/sync", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), Waiting),
    responses((status = 200, body = Job, description = "it has ended"), (status = 202, body = Job, description = "it is under way")))]
async fn sync(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(waiting): Query<Waiting>,
) -> Result<Response, Problem> {
    let wait = waiting.duration()?;
    let organization = find(&state, &name).await?;
    let owner = caller.0.user.id;
    let job = state
        .jobs()
        .synchronize(&state, organization, Trigger::Manual, owner)
        .await?;
    synced(&job, wait).await
}

async fn synced(job: &RunningJob, wait: Duration) -> Result<Response, Problem> {
    match job.wait(wait).await {
        None => Ok(accepted(job)),
        Some(Outcome::Failed(problem)) => Err(problem),
        Some(_) => Ok(axum::Json(job.body()).into_response()),
    }
}

/// How many repositories are shown by their paths.
const SHOWN: usize = 100;

/// Show the held sync that waits for a decision, and what it would let vanish
#[utoipa::path(get, path = "/organizations/{organization}/held", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id")),
    responses((status = 200, body = HeldSync)))]
async fn held(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<axum::Json<HeldSync>, Problem> {
    let organization = find(&state, &name).await?;
    Ok(axum::Json(look(&state, &organization).await?))
}

async fn look(state: &AppState, organization: &CoreOrganization) -> Result<HeldSync, Problem> {
    let (run, ids) = review::held(state.ports(), organization).await?;
    let mut vanishing = Vec::new();
    for &repository in ids.iter().take(SHOWN) {
        let key = SeatKey {
            organization: organization.id,
            repository,
        };
        if let Some(row) = state.ports().inventory.repository(key).await? {
            vanishing.push(Vanishing {
                id: repository.get(),
                path: row.known.repository.full_path.to_string(),
                license: row.known.license.state.to_string(),
            });
        }
    }
    Ok(HeldSync {
        sync: SyncRun::new(&run, organization.name.as_str()),
        vanishing,
        total: ids.len() as u64,
    })
}

/// What was decided about a held sync.
#[derive(Debug, Serialize, ToSchema)]
struct Decided {
    /// `approved` or `rejected`.
    decision: String,
    /// The held sync as it was.
    held: HeldSync,
    /// The sync that lets them vanish, or not; null after a rejection.
    job: Option<Job>,
}

/// Approve a held sync: the repositories that are missing are really gone. The sync that lets them vanish starts at once
#[utoipa::path(post, path = "/organizations/{organization}/approve", tag = "organizations", request_body = DecisionForm,
    params(("organization" = String, Path, description = "its name or id"), Waiting),
    responses((status = 200, body = Decided)))]
async fn approve(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(waiting): Query<Waiting>,
    Json(form): Json<DecisionForm>,
) -> Result<axum::Json<Decided>, Problem> {
    let wait = waiting.duration()?;
    let organization = find(&state, &name).await?;
    let held = decide(&state, &organization, &form, Verdict::Approve, &caller).await?;
    let owner = caller.0.user.id;
    let job = state
        .jobs()
        .synchronize(&state, organization, Trigger::Approval, owner)
        .await?;
    job.wait(wait).await;
    Ok(axum::Json(Decided {
        decision: "approved".to_owned(),
        held,
        job: Some(job.body()),
    }))
}

/// Reject a held sync: everything stays as it is, and the next sync looks again
#[utoipa::path(post, path = "/organizations/{organization}/reject", tag = "organizations", request_body = DecisionForm,
    params(("organization" = String, Path, description = "its name or id")),
    responses((status = 200, body = Decided)))]
async fn reject(
    caller: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(form): Json<DecisionForm>,
) -> Result<axum::Json<Decided>, Problem> {
    let organization = find(&state, &name).await?;
    let held = decide(&state, &organization, &form, Verdict::Reject, &caller).await?;
    Ok(axum::Json(Decided {
        decision: "rejected".to_owned(),
        held,
        job: None,
    }))
}

async fn decide(
    state: &AppState,
    organization: &CoreOrganization,
    form: &DecisionForm,
    verdict: Verdict,
    caller: &Writer,
) -> Result<HeldSync, Problem> {
    let sync: SyncId = form
        .sync
        .parse()
        .map_err(|error| Problem::invalid("sync", format!("{error}")))?;
    let held = look(state, organization).await?;
    review::decide_about(
        state.ports(),
        organization.clone(),
        sync,
        verdict,
        &caller.actor(),
    )
    .await?;
    Ok(held)
}

/// Show what the credential of an organization allows
#[utoipa::path(get, path = "/organizations/{organization}/permissions", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id")),
    responses((status = 200, body = Page<Permission>)))]
async fn permission_table(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<axum::Json<Page<Permission>>, Problem> {
    let organization = find(&state, &name).await?;
    Ok(axum::Json(Page::whole(permissions(
        &organization.capabilities,
    ))))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Runs {
    /// How many runs to show.
    #[param(minimum = 1, maximum = 100, default = 5)]
    count: Option<u8>,
}

impl Runs {
    pub(crate) fn count(&self) -> Result<usize, Problem> {
        match self.count {
            None => Ok(PREVIEWED_RUNS),
            Some(count @ 1..=100) => Ok(count.into()),
            Some(_) => Err(Problem::invalid("count", "it is not from 1 to 100")),
        }
    }
}

/// Show the next runs of an organization's schedule
#[utoipa::path(get, path = "/organizations/{organization}/schedule", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), Runs),
    responses((status = 200, body = Preview)))]
async fn preview(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(runs): Query<Runs>,
) -> Result<axum::Json<Preview>, Problem> {
    let count = runs.count()?;
    let organization = find(&state, &name).await?;
    let now = state.ports().clock.now();
    let schedule = &organization.settings.schedule;
    Ok(axum::Json(Preview::new(
        schedule,
        Some(organization.id),
        now,
        count,
    )))
}
