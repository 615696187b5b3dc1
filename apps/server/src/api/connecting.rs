//! Giving an organization its credential: connecting, reconnecting, and having its token replaced.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::draft::{Field, FieldError, Method, OrganizationDraft, parse_token};
use org_core::event::Actor;
use org_core::host::HostUrl;
use org_core::organization::Organization as CoreOrganization;
use org_core::sync::run::Trigger;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::sign_in::ReturnTo;
use org_core::use_cases::{NoProgress, UseCaseError, connect, reconnect, rotate};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::check::{Check, Coverage};
use super::body::group::FoundGroups;
use super::body::job::Job;
use super::body::organization::Organization;
use super::body::request::{
    ConnectForm, GroupSearchForm, ReconnectForm, RotateTokenForm, plain_http,
};
use super::etag::tagged;
use super::extract::{Json, Path, Query};
use super::organizations::{Waiting, accepted, find};
use super::problem::Problem;
use crate::auth::{Manager, Writer};
use crate::group_search;
use crate::jobs::{
    Cover, Job as RunningJob, Kind, Outcome, SignIn, Wanted, Way, initiator, sync_in_turn,
};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(try_out))
        .routes(routes!(reconnected))
        .routes(routes!(rotate_token))
        .routes(routes!(find_groups))
        .routes(routes!(find_groups_of))
}

/// Until when a connecting job goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Until {
    /// Until the organization stands; its sync is a job of its own.
    #[default]
    Connected,
    /// Until the sync that follows has ended too. Then the answer is always the job.
    Synced,
}

#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Goal {
    /// Until when the job goes on: until the organization stands, or until its sync has ended too; then the answer is 202 with the job
    /// even where it has ended by then.
    #[serde(default)]
    #[param(inline, required = false)]
    until: Until,
}

/// Connect an organization, with an access token or by a sign-in
///
/// Its first sync starts at once. Every mistake of the form is told, each at its field, before anything goes on the network. The job of a sign-in
/// tells what a person has to do: type the code of `sign_in`, or open the page of `authorization`.
#[utoipa::path(post, path = "/organizations", tag = "organizations", params(Waiting, Goal), request_body = ConnectForm,
    responses((status = 201, body = Organization, headers(("ETag" = String), ("Location" = String))), (status = 202, body = Job)))]
async fn add(
    caller: Manager,
    State(state): State<AppState>,
    Query(waiting): Query<Waiting>,
    Query(Goal { until }): Query<Goal>,
    Json(form): Json<ConnectForm>,
) -> Result<Response, Problem> {
    let wait = waiting.duration()?;
    let (way, cover) = (way(&caller.0, form.loopback_port), form.cover());
    let draft = form.draft()?;
    let about = (Kind::Connect, name_of(&draft)?);
    let (shared, actor, owner) = (state.clone(), caller.actor(), caller.0.user.id);
    let next = (Trigger::Connect, until);
    let job = if draft.method == Method::Sso {
        let work = |job: Arc<RunningJob>| async move {
            let wanted = Wanted::Connect(draft);
            let sign_in = signing_in(&shared, &job, &actor);
            let connected = sign_in.organization(&wanted, way, cover).await;
            followed(&shared, connected, next, &job).await
        };
        state.jobs().begin_sign_in(&state, about, owner, work).await
    } else {
        let work = |job: Arc<RunningJob>| async move {
            let connected = connect::connect(shared.ports(), &draft, &actor, &*job).await;
            followed(&shared, connected, next, &job).await
        };
        state.jobs().begin(&state, about, owner, work).await
    };
    let job = job?;
    stands(&state, &job, wait, until, StatusCode::CREATED).await
}

/// How a person signs in: on the page of the host, if the program waits for their browser, and otherwise by a code.
fn way(caller: &Caller, loopback_port: Option<NonZeroU16>) -> Way {
    match loopback_port {
        Some(port) => Way::Page(ReturnTo::Loopback(port.get()), initiator(caller)),
        None => Way::Code,
    }
}

fn signing_in<'a>(state: &'a AppState, job: &'a RunningJob, actor: &'a Actor) -> SignIn<'a> {
    SignIn {
        state,
        job,
        actor,
        watch: job,
    }
}

/// What a good form is called until its organization has a name; every mistake of another one.
fn name_of(draft: &OrganizationDraft) -> Result<String, UseCaseError> {
    let valid = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let name = valid.name.as_ref().map(ToString::to_string);
    Ok(name.unwrap_or_else(|| valid.host.to_string()))
}

/// What follows once an organization stands, or has its new credential: the sync that is due now, as a part of the job or as one of its own.
/// Whatever becomes of it, the organization stands; what is left undone the scheduler does.
async fn followed(
    state: &AppState,
    connected: Result<CoreOrganization, UseCaseError>,
    (trigger, until): (Trigger, Until),
    job: &RunningJob,
) -> Outcome {
    let organization = match connected {
        Ok(organization) => organization,
        Err(error) => return Outcome::Failed(error.into()),
    };
    let id = organization.id;
    job.stands(id);
    let synced = match until {
        Until::Connected => {
            let (jobs, owner) = (state.jobs(), job.owner);
            let begun = jobs.synchronize(state, organization, trigger, owner);
            begun.await.map(|_| Vec::new())
        }
        Until::Synced => sync_in_turn(state, job, &organization, trigger, job)
            .await
            .map_err(Problem::from),
    };
    let (syncs, unsynced) = match synced {
        Ok(syncs) => (syncs, None),
        Err(problem) => {
            let why = &problem.body.detail;
            tracing::warn!(%why, "the first sync is left to the scheduler");
            (Vec::new(), Some(problem))
        }
    };
    Outcome::Stands {
        organization: id,
        syncs,
        unsynced,
    }
}

/// Answers with the organization once it stands, if that is soon enough, and with the job otherwise.
async fn stands(
    state: &AppState,
    job: &RunningJob,
    wait: Duration,
    until: Until,
    status: StatusCode,
) -> Result<Response, Problem> {
    match job.wait_or_ask(wait).await {
        Some(Outcome::Failed(problem)) => Err(problem),
        _ if until == Until::Synced => Ok(accepted(job)),
        None | Some(Outcome::Synced(_) | Outcome::Checked(_)) => Ok(accepted(job)),
        Some(Outcome::Stands {
            organization: id, ..
        }) => {
            let organization = find(state, &id.to_string()).await?;
            let mut response = tagged(state.ports(), organization, status).await?;
            if status == StatusCode::CREATED {
                let location = HeaderValue::from_str(&format!("/api/v1/organizations/{id}"))
                    .expect("a UUID is plain");
                response.headers_mut().insert(LOCATION, location);
            }
            Ok(response)
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Depth {
    /// Whether the list is read to see what would be covered; with a token that can be left out.
    #[param(default = true)]
    coverage: Option<bool>,
}

/// Try everything short of connecting: reach the host, authenticate, look at what would be covered
///
/// Of a sign-in the grant is given back at once; its job has the result in `check`.
#[utoipa::path(post, path = "/organizations/check", tag = "organizations", params(Waiting, Depth), request_body = ConnectForm,
    responses((status = 200, body = Check), (status = 202, body = Job)))]
async fn try_out(
    caller: Manager,
    State(state): State<AppState>,
    Query(waiting): Query<Waiting>,
    Query(Depth { coverage }): Query<Depth>,
    Json(form): Json<ConnectForm>,
) -> Result<Response, Problem> {
    let wait = waiting.duration()?;
    let way = way(&caller.0, form.loopback_port);
    let draft = form.draft()?;
    if draft.method == Method::AccessToken && coverage == Some(false) {
        let (draft, identity) = connect::identify(state.ports(), &draft, &NoProgress).await?;
        let now = state.ports().clock.now();
        return Ok(axum::Json(Check::new(&draft, &identity, None, now)).into_response());
    }
    if draft.method == Method::AccessToken {
        let checked = connect::check(state.ports(), &draft, &NoProgress).await?;
        let (coverage, now) = (Coverage::from(&checked.coverage), state.ports().clock.now());
        let check = Check::new(&checked.draft, &checked.identity, Some(coverage), now);
        return Ok(axum::Json(check).into_response());
    }
    let about = (Kind::Check, name_of(&draft)?);
    let (shared, actor, owner) = (state.clone(), caller.actor(), caller.0.user.id);
    let work = |job: Arc<RunningJob>| async move {
        match signing_in(&shared, &job, &actor).check(draft, way).await {
            Ok(check) => Outcome::Checked(Box::new(check)),
            Err(error) => Outcome::Failed(error.into()),
        }
    };
    let job = state.jobs().begin_sign_in(&state, about, owner, work);
    let job = job.await?;
    match job.wait_or_ask(wait).await {
        Some(Outcome::Failed(problem)) => Err(problem),
        Some(Outcome::Checked(check)) => Ok(axum::Json(check).into_response()),
        _ => Ok(accepted(&job)),
    }
}

/// Find groups that an access token sees by a part of their path, before anything is connected
#[utoipa::path(post, path = "/host-groups", tag = "organizations", request_body = GroupSearchForm,
    responses((status = 200, body = FoundGroups)))]
async fn find_groups(
    _: Manager,
    State(state): State<AppState>,
    Json(form): Json<GroupSearchForm>,
) -> Result<axum::Json<FoundGroups>, Problem> {
    let invalid = |errors| Problem::from(UseCaseError::Invalid { errors });
    let host = HostUrl::parse(&form.host, plain_http(form.allow_plain_http))
        .map_err(|error| invalid(vec![FieldError::new(Field::Host, error)]))?;
    let token = parse_token(&form.token.draft()?).map_err(|error| invalid(vec![error]))?;
    let found = group_search::by_token(&state, (&host, &token), &form.text);
    Ok(axum::Json(found.await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchedGroups {
    /// A part of the path; upper and lower case are the same.
    pub(super) text: String,
}

/// Find groups that the credential of an organization sees by a part of their path, chosen ones and others
#[utoipa::path(get, path = "/organizations/{organization}/host-groups", tag = "organizations",
    params(("organization" = String, Path, description = "its name or id"), SearchedGroups),
    responses((status = 200, body = FoundGroups)))]
async fn find_groups_of(
    _: Writer,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(searched): Query<SearchedGroups>,
) -> Result<axum::Json<FoundGroups>, Problem> {
    let organization = find(&state, &name).await?;
    let found = group_search::by_organization(&state, organization, &searched.text);
    Ok(axum::Json(found.await?.into()))
}

/// Give an organization another credential; identity, inventory, history and licenses stay
#[utoipa::path(post, path = "/organizations/{organization}/reconnect", tag = "organizations", request_body = ReconnectForm,
    params(("organization" = String, Path, description = "its name or id"), Waiting, Goal),
    responses((status = 200, body = Organization, headers(("ETag" = String))), (status = 202, body = Job)))]
async fn reconnected(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(waiting): Query<Waiting>,
    Query(Goal { until }): Query<Goal>,
    Json(form): Json<ReconnectForm>,
) -> Result<Response, Problem> {
    let (wait, sso, access) = (waiting.duration()?, form.sso.is_some(), form.access()?);
    let way = way(&caller.0, form.loopback_port);
    let draft = form.draft()?;
    let organization = find(&state, &name).await?;
    let about = (Kind::Reconnect, organization.name.to_string());
    let (shared, actor, owner) = (state.clone(), caller.actor(), caller.0.user.id);
    let next = (Trigger::Reconnect, until);
    let job = if sso {
        let work = |job: Arc<RunningJob>| async move {
            let wanted = Wanted::Reconnect(organization, access, draft.blind);
            let sign_in = signing_in(&shared, &job, &actor);
            let reconnected = sign_in.organization(&wanted, way, Cover::AsSaid).await;
            followed(&shared, reconnected, next, &job).await
        };
        state.jobs().begin_sign_in(&state, about, owner, work).await
    } else {
        let work = |job: Arc<RunningJob>| async move {
            let (ports, draft) = (shared.ports(), &draft);
            let reconnected = reconnect::reconnect(ports, organization, draft, &actor, &*job).await;
            followed(&shared, reconnected, next, &job).await
        };
        state.jobs().begin(&state, about, owner, work).await
    };
    let job = job?;
    stands(&state, &job, wait, until, StatusCode::OK).await
}

/// Have the host replace the access token of an organization by a new one; the old one stops working
#[utoipa::path(post, path = "/organizations/{organization}/rotate-token", tag = "organizations", request_body = RotateTokenForm,
    params(("organization" = String, Path, description = "its name or id")),
    responses((status = 200, body = Organization, headers(("ETag" = String)))))]
async fn rotate_token(
    caller: Manager,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(form): Json<RotateTokenForm>,
) -> Result<Response, Problem> {
    let organization = find(&state, &name).await?;
    let (shared, actor) = (state.clone(), caller.actor());
    let rotated = state.jobs().to_the_end(&state, async move {
        rotate::rotate(shared.ports(), organization, form.days, &actor, &NoProgress).await
    });
    tagged(state.ports(), rotated.await??, StatusCode::OK).await
}
