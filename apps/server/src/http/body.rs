//! Bodies: read whole before any handler sees the request, within a limit of size and one of time.
//!
//! Everything that is sent to us is small: forms, JSON, notices of a host. So no handler ever waits for a client that dawdles, and no client holds
//! more memory than the limit.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::api::problem::Problem;
use crate::state::AppState;

/// The largest body. The largest form is a policy of some thousand rules; a notice of a host may be about 25 KB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Reads the body, and passes the request on with all of it at hand.
pub async fn bounded(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_LIMIT as u64) {
        return too_large();
    }
    let read = tokio::time::timeout(
        state.limits().body,
        Limited::new(body, BODY_LIMIT).collect(),
    )
    .await;
    let bytes: Bytes = match read {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
        Ok(Err(_)) => {
            let message = "the body of the request broke off";
            return Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", message)
                .into_response();
        }
        Err(_) => {
            let message = "the body of the request took too long to arrive";
            return Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
                .into_response();
        }
    };
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

fn too_large() -> Response {
    let message = format!(
        "the body of the request is larger than {} KiB",
        BODY_LIMIT / 1024
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message).into_response()
}
