//! DevOps: the list of organizations, adding one, and the pages of one.

mod add;
mod attempt;
mod change;
mod device;
mod draft;
mod groups;
mod list;
mod reconnect;
mod repositories;
mod rotate;
mod show;
mod sso;
mod syncs;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use org_core::organization::Organization;
use org_core::use_cases::lookup;

use super::urls;
use crate::api::problem::Problem;
use crate::state::AppState;

pub(super) use add::{DAYS, Reach};
pub(super) use device::{DeviceChoice, DeviceNames};
pub(super) use list::next_step;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::ORGANIZATIONS, get(list::page))
        .route(urls::ORGANIZATIONS_ROWS, get(list::rows))
        .route(urls::ADD, get(add::page).post(add::proceed))
        .route(urls::ADD_PREVIEW, post(add::preview))
        .route(urls::ADD_REACH, post(add::reach))
        .route(urls::ADD_GROUPS, post(groups::by_token))
        .route(urls::SSO_OPENING, get(sso::opening))
        .route("/callback/{host}", get(sso::callback))
        .route("/organizations/attempts/{attempt}", get(attempt::page))
        .route(
            "/organizations/attempts/{attempt}/steps",
            get(attempt::steps),
        )
        .route("/organizations/attempts/{attempt}/edit", get(attempt::edit))
        .route(
            "/organizations/attempts/{attempt}/groups",
            post(groups::by_sign_in),
        )
        .route(
            "/organizations/attempts/{attempt}/scope",
            post(groups::choose),
        )
        .route(
            "/organizations/attempts/{attempt}/cancel",
            post(groups::cancel),
        )
        .route(
            "/organizations/{organization}/rotate-token",
            get(rotate::page).post(rotate::proceed),
        )
        .route("/organizations/{organization}", get(show::page))
        .route(
            "/organizations/{organization}/repositories",
            get(repositories::page),
        )
        .route(
            "/organizations/{organization}/repositories/{repository}",
            get(repositories::one),
        )
        .route(
            "/organizations/{organization}/repositories/{repository}/assign",
            post(repositories::assign),
        )
        .route(
            "/organizations/{organization}/repositories/{repository}/release",
            post(repositories::release),
        )
        .route(
            "/organizations/{organization}/groups",
            get(repositories::groups),
        )
        .route("/organizations/{organization}/syncs", get(syncs::page))
        .route(
            "/organizations/{organization}/syncs/{sync}",
            get(syncs::one),
        )
        .route(
            "/organizations/{organization}/permissions",
            get(show::permissions),
        )
        .route(
            "/organizations/{organization}/settings",
            get(change::page).post(change::save),
        )
        .route(
            "/organizations/{organization}/settings/preview",
            post(change::preview),
        )
        .route(
            "/organizations/{organization}/settings/groups",
            post(groups::by_organization),
        )
        .route(
            "/organizations/{organization}/sync",
            post(change::synchronize),
        )
        .route(
            "/organizations/{organization}/progress",
            get(show::progress),
        )
        .route("/organizations/{organization}/pause", post(change::pause))
        .route("/organizations/{organization}/resume", post(change::resume))
        .route(
            "/organizations/{organization}/held",
            get(syncs::held).post(syncs::decide),
        )
        .route(
            "/organizations/{organization}/remove",
            get(change::remove_page).post(change::remove),
        )
        .route(
            "/organizations/{organization}/reconnect",
            get(reconnect::page).post(reconnect::proceed),
        )
}

/// The organization that the path names.
pub(super) struct Named(pub(super) Organization);

#[derive(serde::Deserialize)]
struct NamedPath {
    organization: String,
}

impl FromRequestParts<AppState> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let Path(NamedPath { organization }) = Path::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let found = lookup::organization(state.ports(), &organization).await;
        found
            .map(Self)
            .map_err(|error| Problem::from(error).into_response())
    }
}
