//! Requests that change something come from a page of ours: the browser says so, and the page shows a token that only it can know.
//!
//! The token is made from what the cookie holds, so it needs no place of its own, changes at each sign-in, and says nothing about the cookie.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use org_core::accounts::{SecretDigest, SecretToken};
use org_core::use_cases::accounts::AccountError;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::cookie::Cookie;
use crate::api::problem::Problem;
use crate::state::AppState;

/// The name of the field of a form that carries the token.
pub const FIELD: &str = "csrf";

/// The header that carries it where there is no form.
pub const HEADER: &str = "x-csrf-token";

/// The token for the forms of this answer.
#[derive(Debug, Clone)]
pub struct Csrf(String);

impl Csrf {
    /// What goes into the hidden field `csrf`, or into the header `x-csrf-token`.
    pub fn token(&self) -> &str {
        &self.0
    }

    fn of(cookie: &SecretString) -> Self {
        Self(SecretDigest::of("csrf", cookie).to_hex())
    }

    #[cfg(test)]
    pub(crate) fn sample(cookie: &str) -> Self {
        Self::of(&SecretString::from(cookie))
    }
}

impl<S: Sync> FromRequestParts<S> for Csrf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            let message = "this page is not behind the check of forms";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
        })
    }
}

/// Refuses what does not come from a page of ours, and gives pages their token. Around the whole console.
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let shown = Cookie::Session
        .read(state.place(), request.headers())
        .or_else(|| Cookie::Visitor.read(state.place(), request.headers()));
    if is_safe(request.method()) {
        let (cookie, fresh) = if let Some(cookie) = shown {
            (cookie, None)
        } else {
            let random = match state.accounts().random() {
                Ok(random) => random,
                Err(error) => return Problem::from(AccountError::from(error)).into_response(),
            };
            let visitor = SecretToken::session(&random).shown;
            (visitor.clone(), Some(visitor))
        };
        request.extensions_mut().insert(Csrf::of(&cookie));
        let mut response = next.run(request).await;
        if let Some(visitor) = fresh {
            let header = Cookie::Visitor.set(state.place(), &visitor);
            response.headers_mut().append(SET_COOKIE, header);
        }
        return response;
    }
    if !same_origin(&state, request.headers()) {
        return refused("the request comes from another site");
    }
    let Some(cookie) = shown else {
        return refused("the browser sent no cookie of ours");
    };
    let expected = Csrf::of(&cookie);
    let (request, given) = match token_of(request).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    match given {
        Some(given) if bool::from(given.as_bytes().ct_eq(expected.0.as_bytes())) => {
            let mut request = request;
            request.extensions_mut().insert(expected);
            next.run(request).await
        }
        _ => refused("the form is from before somebody signed in or out, or not from here"),
    }
}

const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the browser says that a page of ours made the request. One that says nothing is left to the token.
fn same_origin(state: &AppState, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    match text(ORIGIN.as_str()) {
        None => true,
        Some(origin) => url::Url::parse(origin).is_ok_and(|origin| {
            let host = origin.host_str().unwrap_or_default();
            let host = match origin.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            };
            state.place().knows(&host)
        }),
    }
}

/// The token that a request shows, in its header or its form. The body has been read already, so this waits for nobody.
async fn token_of(request: Request) -> Result<(Request, Option<String>), Response> {
    let header = request
        .headers()
        .get(HEADER)
        .and_then(|value| value.to_str().ok());
    if let Some(header) = header.map(str::to_owned) {
        return Ok((request, Some(header)));
    }
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Err(refused("the form broke off")),
    };
    let field = url::form_urlencoded::parse(&bytes)
        .find(|(name, _)| name == FIELD)
        .map(|(_, value)| value.into_owned());
    Ok((Request::from_parts(parts, Body::from(bytes)), field))
}

fn refused(why: &str) -> Response {
    Problem::new(StatusCode::FORBIDDEN, "csrf", why)
        .hinted("load the page again and repeat")
        .into_response()
}
