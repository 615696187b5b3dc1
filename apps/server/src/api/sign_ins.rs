//! Sign-ins at a host, as programs go through them: the job of one says what a person has to do, and here it is told what they did.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use org_core::use_cases::accounts::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::group::FoundGroups;
use super::body::job::Job;
use super::body::request::{AnswerForm, ChoiceForm};
use super::connecting::SearchedGroups;
use super::extract::{Json, Path, Query};
use super::jobs::find;
use super::organizations::to_owner;
use super::problem::Problem;
use crate::auth::Manager;
use crate::group_search;
use crate::jobs::{Job as RunningJob, Outcome, initiator};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(answer))
        .routes(routes!(find_groups))
        .routes(routes!(choose))
}

/// For how long the end of what was given up is waited for: nothing of it takes long, unless a host is being reached.
const END: Duration = Duration::from_secs(10);

/// A job of whoever asks: how somebody signs in is nobody else's to decide.
fn own(state: &AppState, caller: &Caller, id: &str) -> Result<Arc<RunningJob>, Problem> {
    let job = find(state, id)?;
    if job.is_of(caller.user.id) {
        return Ok(job);
    }
    let message = format!("somebody else began the job {id}");
    let problem = Problem::new(StatusCode::FORBIDDEN, "denied", message);
    Err(problem.hinted("begin a sign-in of your own"))
}

/// Bring what the browser of whoever signs in came back with
///
/// The same API token that began must bring it. The answer comes once the host was asked about it; the job tells what came of it. Of an answer
/// that belongs to another sign-in nothing is taken.
#[utoipa::path(post, path = "/jobs/{job}/answer", tag = "jobs", request_body = AnswerForm,
    params(("job" = String, Path, description = "its id")), responses((status = 200, body = Job)))]
async fn answer(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Json(form): Json<AnswerForm>,
) -> Result<Response, Problem> {
    let job = own(&state, &caller, &id)?;
    job.answer(form.parse()?, initiator(&caller))?;
    job.looked_into().await;
    Ok(to_owner(StatusCode::OK, &job))
}

/// Find groups that whoever signed in sees by a part of their path
#[utoipa::path(get, path = "/jobs/{job}/host-groups", tag = "jobs",
    params(("job" = String, Path, description = "its id"), SearchedGroups), responses((status = 200, body = FoundGroups)))]
async fn find_groups(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(searched): Query<SearchedGroups>,
) -> Result<axum::Json<FoundGroups>, Problem> {
    let job = own(&state, &caller, &id)?;
    let found = group_search::by_sign_in(&state, &job, &searched.text);
    Ok(axum::Json(found.await?.into()))
}

/// Choose what a sign-in shall cover
///
/// A choice that cannot be is answered with why, and the job waits for another one.
#[utoipa::path(post, path = "/jobs/{job}/choice", tag = "jobs", request_body = ChoiceForm,
    params(("job" = String, Path, description = "its id")), responses((status = 200, body = Job)))]
async fn choose(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(id): Path<String>,
    Json(form): Json<ChoiceForm>,
) -> Result<Response, Problem> {
    let job = own(&state, &caller, &id)?;
    job.choose(form.scope()?).await?;
    Ok(to_owner(StatusCode::OK, &job))
}

/// Give up a sign-in
///
/// Nothing comes of it, whatever the host agrees to by then. With 202 it has something to end first, and the job tells once that is done; with 409
/// there is nothing to be given up any more.
#[utoipa::path(delete, path = "/jobs/{job}", tag = "jobs", params(("job" = String, Path, description = "its id")),
    responses((status = 200, body = Job), (status = 202, body = Job)))]
pub(super) async fn give_up(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = find(&state, &id)?;
    let conflict = |message: String, hint| {
        Problem::new(StatusCode::CONFLICT, "conflict", message).hinted(hint)
    };
    if job.now().outcome.is_none() {
        own(&state, &caller, &id)?;
    }
    if !job.give_up() {
        let message = format!("the job {id} is no sign-in that is under way");
        return Err(conflict(message, "what is under way goes on to its end"));
    }
    match job.wait(END).await {
        None => Ok(to_owner(StatusCode::ACCEPTED, &job)),
        Some(Outcome::Failed(_)) => Ok(to_owner(StatusCode::OK, &job)),
        Some(_) => {
            let message = "the sign-in was done before it could be given up".to_owned();
            Err(conflict(message, "the job tells what came of it"))
        }
    }
}
