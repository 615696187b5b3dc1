//! Whether the server lives, whether it can do its work, and its figures.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use org_core::accounts::Level;
use runtime::config::MetricsAccess;

use super::problem::Problem;
use crate::auth::extract::program;
use crate::state::AppState;

/// Beside the API: nobody has to show who they are, but for the figures.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// It answers, so it lives.
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether work can be done: the database answers, the vault is open, nobody told the server to stop.
async fn ready(State(state): State<AppState>) -> Result<&'static str, Problem> {
    let unready =
        |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
    if state.stop().now_or_never().is_some() {
        return Err(unready("the server is stopping".to_owned()));
    }
    let store = state.ports().organizations.next_due().await;
    store.map_err(|error| unready(format!("the database does not answer: {error}")))?;
    let vault = state.ports().vault.health().await;
    vault.map_err(|error| unready(format!("the vault does not answer: {error}")))?;
    Ok("ready\n")
}

async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    if state.config().server.metrics == MetricsAccess::Token {
        program(&state, &headers, Level::Read).await?;
    }
    let text = state.metrics().render(&state).await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
