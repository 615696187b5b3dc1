//! What every answer carries, so that a browser does with it nothing that we did not mean.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Request as HttpRequest};
use axum::middleware::Next;
use axum::response::Response;

use super::client::Client;

/// Nothing inline, nothing from elsewhere, nobody frames us, and forms go to us alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'";

const ALWAYS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Other hosts learn nothing. Ours must: without a referrer browsers send `Origin: null` with our own forms, which is refused.
    (REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// A year, as the preload list asks.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Puts the headers onto an answer. A handler that sets one of them itself is taken at its word.
pub async fn secure(request: HttpRequest<axum::body::Body>, next: Next) -> Response {
    let https = is_https(&request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    // What is not said to be cacheable is for the one who asked, now.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if https {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
    response
}

fn is_https(request: &Request) -> bool {
    request
        .extensions()
        .get::<Client>()
        .is_some_and(|client| client.https)
}
