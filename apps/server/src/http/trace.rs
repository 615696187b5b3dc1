//! Each request has an id, which stands in its log line, in each line that is logged while it is answered, and in the answer.

use std::fmt;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument;

use super::client::Peer;
use crate::state::AppState;

/// The header that carries the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that a proxy may give.
const LONGEST: usize = 64;

/// The id of a request. Every request has one as an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives the request its id, logs it, and counts it. The query is not logged: a person may have searched for something of theirs.
pub async fn log(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = id(&state, &request);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", id = %id, %method, path = %path);
    request.extensions_mut().insert(id.clone());
    let start = Instant::now();
    async move {
        let mut response = next.run(request).await;
        let took = start.elapsed();
        let status = response.status().as_u16();
        let route = response
            .extensions_mut()
            .remove::<Route>()
            .map_or_else(|| "unknown".to_owned(), |route| route.0);
        state
            .metrics()
            .request(method.as_str(), &route, status, took);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if status >= 500 {
            tracing::error!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }
    .instrument(span)
    .await
}

/// The pattern of the path that answered, for counting: paths themselves are endless.
#[derive(Clone)]
struct Route(String);

/// Notes the pattern of the path on the answer. Must be put onto the routes themselves.
pub async fn note_route(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response
            .extensions_mut()
            .insert(Route(matched.as_str().to_owned()));
    }
    response
}

fn id(state: &AppState, request: &Request) -> RequestId {
    let peer = request.extensions().get::<Peer>();
    let trusted = peer.is_some_and(|peer| {
        let proxies = &state.config().server.trusted_proxies;
        proxies
            .iter()
            .any(|network| network.contains(peer.address.ip()))
    });
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let plain = |text: &&str| {
        (1..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match given.filter(plain) {
        Some(given) if trusted => RequestId(given.to_owned()),
        _ => RequestId(state.ports().ids.next_id().simple().to_string()),
    }
}
