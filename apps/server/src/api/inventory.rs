//! Repositories, groups and syncs.

use axum::extract::State;
use axum::http::StatusCode;
use org_core::event::Subject;
use org_core::ids::{OrganizationId, SyncId};
use org_core::ports::{EventFilter, PresenceFilter, RepositoryFilter, RepositoryRow};
use org_core::use_cases::{licenses, lookup};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Page;
use super::body::event::Event;
use super::body::group::Group;
use super::body::repository::{Explanation, LicenseChange, Repository, RepositoryDetails};
use super::body::sync::{Names, SyncRun};
use super::extract::{Paging, Path, Query, cursor_refused, limit, word};
use super::organizations::find;
use super::problem::Problem;
use crate::auth::{Reader, Writer};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(repositories))
        .routes(routes!(find_repository))
        .routes(routes!(repository))
        .routes(routes!(why))
        .routes(routes!(assign, release))
        .routes(routes!(groups))
        .routes(routes!(syncs))
        .routes(routes!(sync))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RepositoryQuery {
    /// Only those of this organization: its name or id.
    organization: Option<String>,
    /// Only those whose path has this text in it, without regard to case.
    text: Option<String>,
    /// Only those in this state: `licensed`, `waiting` or `unlicensed`.
    license: Option<String>,
    /// Only those of this lifecycle: `active`, `archived` or `pending_deletion`.
    lifecycle: Option<String>,
    /// Only those of this visibility: `private`, `internal` or `public`.
    visibility: Option<String>,
    /// `present` (without a word), `gone` or `any`.
    presence: Option<String>,
    /// `path` (without a word), `activity` or `first_seen`; a `-` before it for the other direction.
    sort: Option<String>,
    /// Go on where an earlier page ended: its `next`, with the same `sort`.
    after: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// List repositories
#[utoipa::path(get, path = "/repositories", tag = "repositories", params(RepositoryQuery),
    responses((status = 200, body = Page<Repository>)))]
async fn repositories(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<RepositoryQuery>,
) -> Result<axum::Json<Page<Repository>>, Problem> {
    let presence = match query.presence.as_deref() {
        None | Some("present") => PresenceFilter::Present,
        Some("gone") => PresenceFilter::Gone,
        Some("any") => PresenceFilter::Any,
        Some(_) => {
            return Err(Problem::invalid(
                "presence",
                "it is none of present, gone and any",
            ));
        }
    };
    let filter = RepositoryFilter {
        organization: id_of(&state, query.organization.as_deref()).await?,
        text: query.text,
        license: word("license", query.license.as_deref())?,
        lifecycle: word("lifecycle", query.lifecycle.as_deref())?,
        visibility: word("visibility", query.visibility.as_deref())?,
        presence,
        order: word("sort", query.sort.as_deref())?.unwrap_or_default(),
    };
    let (after, limit) = (query.after.as_deref(), limit(query.limit)?);
    let page = state
        .ports()
        .inventory
        .repositories(&filter, after, limit)
        .await;
    let page = page.map_err(|error| cursor_refused(error, after))?;
    Ok(axum::Json(Page::from_rows(&page)))
}

/// The id of an organization that a query may name.
pub(crate) async fn id_of(
    state: &AppState,
    name: Option<&str>,
) -> Result<Option<OrganizationId>, Problem> {
    match name {
        Some(name) => Ok(Some(find(state, name).await?.id)),
        None => Ok(None),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FindQuery {
    /// The path at the host, or the host's id.
    repository: String,
    /// The organization that it is in: its name or id.
    organization: Option<String>,
}

/// Find the repository of a path or an id, in one organization or in any
#[utoipa::path(get, path = "/repositories/find", tag = "repositories", params(FindQuery),
    responses((status = 200, body = Repository)))]
async fn find_repository(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<FindQuery>,
) -> Result<axum::Json<Repository>, Problem> {
    let organization = id_of(&state, query.organization.as_deref()).await?;
    let row = lookup::repository(state.ports(), &query.repository, organization).await?;
    Ok(axum::Json(Repository::from(&row)))
}

async fn row(
    state: &AppState,
    (organization, repository): &(String, String),
) -> Result<RepositoryRow, Problem> {
    let organization = find(state, organization).await?;
    Ok(lookup::repository(state.ports(), repository, Some(organization.id)).await?)
}

/// How much of the timeline is shown.
const TIMELINE: u32 = 100;

/// Show a repository with its timeline
#[utoipa::path(get, path = "/organizations/{organization}/repositories/{repository}", tag = "repositories",
    params(("organization" = String, Path, description = "its name or id"), ("repository" = String, Path, description = "its path, encoded, or the host's id")),
    responses((status = 200, body = RepositoryDetails)))]
async fn repository(
    _: Reader,
    State(state): State<AppState>,
    Path(target): Path<(String, String)>,
) -> Result<axum::Json<RepositoryDetails>, Problem> {
    let row = row(&state, &target).await?;
    let explanation = licenses::why(state.ports(), &row).await?;
    let filter = EventFilter {
        organization: Some(row.organization),
        subject: Some(Subject::Repository(row.known.repository.id)),
        ..EventFilter::default()
    };
    let timeline = state.ports().events.newest(&filter, TIMELINE).await?;
    Ok(axum::Json(RepositoryDetails {
        repository: (&row).into(),
        license: Explanation::new(&row, &explanation),
        timeline: timeline.iter().map(Event::from).collect(),
    }))
}

/// Say why a repository is, or is not, licensed
#[utoipa::path(get, path = "/organizations/{organization}/repositories/{repository}/why", tag = "licenses",
    params(("organization" = String, Path, description = "its name or id"), ("repository" = String, Path, description = "its path, encoded, or the host's id")),
    responses((status = 200, body = Explanation)))]
async fn why(
    _: Reader,
    State(state): State<AppState>,
    Path(target): Path<(String, String)>,
) -> Result<axum::Json<Explanation>, Problem> {
    let row = row(&state, &target).await?;
    let explanation = licenses::why(state.ports(), &row).await?;
    Ok(axum::Json(Explanation::new(&row, &explanation)))
}

/// Give a repository a license, or a place in the queue when no seat is free
#[utoipa::path(put, path = "/organizations/{organization}/repositories/{repository}/license", tag = "licenses",
    params(("organization" = String, Path, description = "its name or id"), ("repository" = String, Path, description = "its path, encoded, or the host's id")),
    responses((status = 200, body = LicenseChange)))]
async fn assign(
    caller: Writer,
    State(state): State<AppState>,
    Path(target): Path<(String, String)>,
) -> Result<axum::Json<LicenseChange>, Problem> {
    let row = row(&state, &target).await?;
    let outcome = licenses::assign(state.ports(), &row, &caller.actor()).await?;
    Ok(axum::Json(LicenseChange::new(&row, outcome)))
}

/// Take the license of a repository away, or its place in the queue
#[utoipa::path(delete, path = "/organizations/{organization}/repositories/{repository}/license", tag = "licenses",
    params(("organization" = String, Path, description = "its name or id"), ("repository" = String, Path, description = "its path, encoded, or the host's id")),
    responses((status = 200, body = LicenseChange)))]
async fn release(
    caller: Writer,
    State(state): State<AppState>,
    Path(target): Path<(String, String)>,
) -> Result<axum::Json<LicenseChange>, Problem> {
    let row = row(&state, &target).await?;
    let outcome = licenses::release(state.ports(), &row, &caller.actor()).await?;
    Ok(axum::Json(LicenseChange::new(&row, outcome)))
}

/// List the groups of an organization, in the order of their paths, the gone ones last
#[utoipa::path(get, path = "/organizations/{organization}/groups", tag = "repositories",
    params(("organization" = String, Path, description = "its name or id"), Paging),
    responses((status = 200, body = Page<Group>)))]
async fn groups(
    _: Reader,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Group>>, Problem> {
    let limit = paging.limit()?;
    let organization = find(&state, &name).await?;
    let page = state
        .ports()
        .inventory
        .groups(organization.id, paging.after(), limit)
        .await;
    let page = page.map_err(|error| cursor_refused(error, paging.after()))?;
    Ok(axum::Json(Page::of(page, |known| {
        Group::new(&organization, known)
    })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SyncQuery {
    /// Only those of this organization: its name or id.
    organization: Option<String>,
    /// Go on where an earlier page ended: its `next`.
    after: Option<String>,
    /// The most that is answered.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

async fn names(state: &AppState) -> Result<Names, Problem> {
    let roster = state.ports().organizations.roster().await?;
    let named = roster.organizations.into_iter();
    Ok(named
        .map(|organization| (organization.id, organization.name.to_string()))
        .collect())
}

/// List syncs, the newest first
#[utoipa::path(get, path = "/syncs", tag = "syncs", params(SyncQuery), responses((status = 200, body = Page<SyncRun>)))]
async fn syncs(
    _: Reader,
    State(state): State<AppState>,
    Query(query): Query<SyncQuery>,
) -> Result<axum::Json<Page<SyncRun>>, Problem> {
    let limit = limit(query.limit)?;
    let organization = id_of(&state, query.organization.as_deref()).await?;
    let after = query.after.as_deref();
    let page = state.ports().syncs.list(organization, after, limit).await;
    let page = page.map_err(|error| cursor_refused(error, after))?;
    let names = names(&state).await?;
    Ok(axum::Json(Page::of(page, |run| {
        SyncRun::named(run, &names)
    })))
}

/// Show a sync
#[utoipa::path(get, path = "/syncs/{sync}", tag = "syncs", params(("sync" = String, Path, description = "its id")),
    responses((status = 200, body = SyncRun)))]
async fn sync(
    _: Reader,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<axum::Json<SyncRun>, Problem> {
    let run = match id.parse::<SyncId>() {
        Ok(id) => state.ports().syncs.get(id).await?,
        Err(_) => None,
    };
    let Some(run) = run else {
        let message = format!("there is no sync `{id}`");
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    let names = names(&state).await?;
    Ok(axum::Json(SyncRun::named(&run, &names)))
}
