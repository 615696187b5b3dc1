//! The JSON API, and what machines ask besides: health and metrics.
//!
//! One file per noun. A handler extracts, parses, calls one use case and renders; who asks is an argument of it, so that none can forget to ask.

#![expect(
    unused_qualifications,
    reason = "the macro that describes an operation names the types of its arguments anew"
)]

mod accounts;
pub mod body;
mod connecting;
pub(crate) mod etag;
mod events;
mod extract;
pub mod health;
mod idempotency;
mod installation;
mod inventory;
mod jobs;
mod licenses;
mod me;
mod openapi;
mod organizations;
pub mod problem;
mod query;
mod secrets;
mod sign_ins;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::problem::Problem;
use crate::state::AppState;

fn operations() -> (Router<AppState>, OpenApi) {
    let router = OpenApiRouter::new()
        .merge(organizations::router())
        .merge(connecting::router())
        .merge(installation::router())
        .merge(jobs::router())
        .merge(me::router())
        .merge(sign_ins::router())
        .merge(inventory::router())
        .merge(licenses::router())
        .merge(secrets::router())
        .merge(events::router())
        .merge(accounts::router());
    // What is said of the whole is taken from the outermost one alone.
    let root = OpenApiRouter::with_openapi(openapi::base()).nest("/api/v1", router);
    let (router, document) = root.split_for_parts();
    (router, openapi::finish(document))
}

/// The description of the API, as `OpenAPI` has it.
pub fn document() -> OpenApi {
    operations().1
}

/// Everything below `/api/v1`.
pub fn router(state: &AppState) -> Router<AppState> {
    let (router, document) = operations();
    let known = query::Known::of(&document);
    let json = document
        .to_json()
        .expect("the document is made of texts and numbers");
    let json: Arc<str> = json.into();
    let document = move || {
        let json = json.clone();
        async move { ([(CONTENT_TYPE, "application/json")], json.to_string()).into_response() }
    };
    router
        .route_layer(middleware::from_fn_with_state(known, query::refuse_unknown))
        .route("/api/v1/openapi.json", get(document))
        .route("/api/v1", axum::routing::any(no_such_path))
        .route("/api/v1/{*path}", axum::routing::any(no_such_path))
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::keyed,
        ))
}

async fn no_such_path() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this path",
    )
    .hinted("see /api/v1/openapi.json")
}

async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not know that method",
    )
    .hinted("see /api/v1/openapi.json")
}
