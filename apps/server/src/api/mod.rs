//! The JSON API, and what machines ask besides: health and metrics.

pub mod health;
pub mod problem;

use axum::Router;
use axum::http::StatusCode;

use self::problem::Problem;
use crate::state::AppState;

/// What is mounted at `/api/v1`.
pub fn router() -> Router<AppState> {
    Router::new().fallback(no_such_path)
}

async fn no_such_path() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this path",
    )
    .hinted("see /api/v1/openapi.json")
}
