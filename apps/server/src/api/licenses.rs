//! The license pool: seats, who holds them, who waits, and the policy.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use org_core::license::LicenseState;
use org_core::license::policy::LicensePolicy;
use org_core::license::pool::Seats as CoreSeats;
use org_core::ports::StoreError;
use org_core::use_cases::{UseCaseError, licenses};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::license::{Holder, Policy, Pool, Seats};
use super::body::repository::Verdict;
use super::body::request::{PolicyForm, SeatsForm};
use super::etag::{expected, unless_changed, with_tag};
use super::extract::{Json, Query, cursor_refused, limit};
use super::inventory::id_of;
use super::problem::Problem;
use crate::auth::{Manager, Reader};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(pool))
        .routes(routes!(seats, set_seats))
        .routes(routes!(holders))
        .routes(routes!(policy, set_policy))
        .routes(routes!(preview))
}

/// Show the pool: seats, who holds them, who waits, and the policy
#[utoipa::path(get, path = "/licenses", tag = "licenses", responses((status = 200, body = Pool)))]
async fn pool(_: Reader, State(state): State<AppState>) -> Result<axum::Json<Pool>, Problem> {
    Ok(axum::Json(Pool::from(
        &licenses::status(state.ports()).await?,
    )))
}

/// Show the number of seats
#[utoipa::path(get, path = "/licenses/seats", tag = "licenses", responses((status = 200, body = Seats, headers(("ETag" = String)))))]
async fn seats(_: Reader, State(state): State<AppState>) -> Result<Response, Problem> {
    let status = licenses::status(state.ports()).await?;
    let configured = state.ports().licenses.configured_seats().await?;
    Ok(with_tag(&configured, Seats::as_is(status.seats)))
}

/// Set the number of seats; those who wait get what becomes free
///
/// With the header `If-Match` only if it is still the number that was seen.
#[utoipa::path(put, path = "/licenses/seats", tag = "licenses", request_body = SeatsForm,
    params(("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")), responses((status = 200, body = Seats, headers(("ETag" = String)))))]
async fn set_seats(
    caller: Manager,
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(form): Json<SeatsForm>,
) -> Result<Response, Problem> {
    let seats = form.seats.map_or(CoreSeats::Unlimited, CoreSeats::Limited);
    let (ports, actor) = (state.ports(), caller.actor());
    let before = ports.licenses.configured_seats().await?;
    let plan = if expected(&headers, &before)? {
        let set = licenses::configure_seats_seen(ports, Some(before), seats, &actor).await;
        unless_changed::<CoreSeats, _>(set)?
    } else {
        licenses::configure_seats(ports, seats, &actor).await?
    };
    Ok(with_tag(&seats, Seats::changed(seats, &plan)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HolderQuery {
    /// `licensed` (without a word) or `waiting`.
    state: Option<String>,
    /// Go on where an earlier page ended: its `next`.
    after: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// List the repositories that have a seat or wait for one, in the order of the queue
#[utoipa::path(get, path = "/licenses/holders", tag = "licenses", params(HolderQuery), responses((status = 200, body = Page<Holder>)))]
async fn holders(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<HolderQuery>,
) -> Result<axum::Json<Page<Holder>>, Problem> {
    let wanted = match query.state.as_deref() {
        None | Some("licensed") => LicenseState::Licensed,
        Some("waiting") => LicenseState::Waiting,
        Some(_) => {
            return Err(Problem::invalid(
                "state",
                "it is neither licensed nor waiting",
            ));
        }
    };
    let (after, limit) = (query.after.as_deref(), limit(query.limit)?);
    let page = state.ports().licenses.holders(wanted, after, limit).await;
    let page = page.map_err(|error| cursor_refused(error, after))?;
    Ok(axum::Json(Page::from_rows(&page)))
}

/// Show the rules
#[utoipa::path(get, path = "/licenses/policy", tag = "licenses", responses((status = 200, body = Policy, headers(("ETag" = String)))))]
async fn policy(_: Reader, State(state): State<AppState>) -> Result<Response, Problem> {
    let policy = state.ports().licenses.policy().await?;
    Ok(with_tag(&policy, Policy::from(&policy)))
}

fn parse(form: &PolicyForm) -> Result<LicensePolicy, Problem> {
    // A line end inside a rule would smuggle in another one.
    if let Some(rule) = form.rules.iter().find(|rule| rule.contains(['\n', '\r'])) {
        return Err(Problem::invalid(
            "rules",
            format!("the rule {rule:?} has a line end in it"),
        ));
    }
    let text = form.rules.join("\n");
    text.parse::<LicensePolicy>().map_err(|mistakes| {
        let problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            format!("rules: {mistakes}"),
        );
        let all = mistakes.all().iter();
        all.fold(problem, |problem, mistake| {
            problem.at("rules", mistake.to_string())
        })
    })
}

/// Set the rules; they decide on what is found from now on, and who has a license keeps it
///
/// With the header `If-Match` only if they are still those that were seen.
#[utoipa::path(put, path = "/licenses/policy", tag = "licenses", request_body = PolicyForm,
    params(("If-Match" = Option<String>, Header, description = "the `ETag` that was seen")), responses((status = 200, body = Policy, headers(("ETag" = String)))))]
async fn set_policy(
    caller: Manager,
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(form): Json<PolicyForm>,
) -> Result<Response, Problem> {
    let policy = parse(&form)?;
    let (ports, actor) = (state.ports(), caller.actor());
    let before = ports.licenses.policy().await?;
    if expected(&headers, &before)? {
        let set = licenses::replace_policy(ports, &before, &policy, &actor).await;
        unless_changed::<LicensePolicy, _>(set)?;
    } else {
        licenses::set_policy(ports, &policy, &actor).await?;
    }
    Ok(with_tag(&policy, Policy::from(&policy)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    /// Only those of this organization: its name or id.
    organization: Option<String>,
    /// Go on where an earlier page ended: its `next`.
    after: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// Show which of the known repositories some rules would let in; nothing is changed
#[utoipa::path(post, path = "/licenses/policy/preview", tag = "licenses", params(PreviewQuery), request_body = PolicyForm,
    responses((status = 200, body = Page<Verdict>)))]
async fn preview(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<PreviewQuery>,
    Json(form): Json<PolicyForm>,
) -> Result<axum::Json<Page<Verdict>>, Problem> {
    let (policy, limit) = (parse(&form)?, limit(query.limit)?);
    let organization = id_of(&state, query.organization.as_deref()).await?;
    let after = query.after.as_deref();
    let page = licenses::try_policy(state.ports(), &policy, organization, after, limit).await;
    let page = page.map_err(|error| match error {
        UseCaseError::Store(error @ StoreError::NotFound { .. }) => cursor_refused(error, after),
        error => error.into(),
    })?;
    Ok(axum::Json(Page::from_rows(&page)))
}
