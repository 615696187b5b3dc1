//! Who asks, as an argument of a handler: a handler that takes one of these cannot forget to ask.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use org_core::accounts::Level;
use org_core::event::Actor;
use org_core::use_cases::accounts::{self, Caller};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::cookie::Cookie;
use crate::api::problem::Problem;
use crate::state::AppState;

/// Whoever is signed in with this browser. A page that takes it sends others to sign in.
#[derive(Debug, Clone)]
pub struct CurrentUser(pub Caller);

/// Whoever is signed in with this browser, if anybody.
#[derive(Debug, Clone)]
pub struct MaybeUser(pub Option<Caller>);

/// Somebody signed in who may do the daily business. Others are told that they may not.
#[derive(Debug, Clone)]
pub struct Operator(pub Caller);

/// Somebody signed in who may do everything.
#[derive(Debug, Clone)]
pub struct Admin(pub Caller);

/// A program that may look.
#[derive(Debug, Clone)]
pub struct Reader(pub Caller);

/// A program that may do the daily business.
#[derive(Debug, Clone)]
pub struct Writer(pub Caller);

/// A program that may do everything.
#[derive(Debug, Clone)]
pub struct Manager(pub Caller);

macro_rules! who {
    ($($name:ident),+) => {$(
        impl $name {
            /// The name that the history gets.
            pub fn actor(&self) -> Actor {
                self.0.actor()
            }
        }
    )+};
}

who!(CurrentUser, Operator, Admin, Reader, Writer, Manager);

/// Where somebody signs in.
pub const SIGN_IN: &str = "/sign-in";

async fn session(state: &AppState, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let Some(shown) = Cookie::Session.read(state.place(), headers) else {
        return Ok(None);
    };
    Ok(accounts::by_session(state.accounts(), &shown, state.session_lifetimes()).await?)
}

/// Sends a person to sign in, and afterwards back to the page that they wanted.
fn to_sign_in(parts: &Parts) -> Response {
    let original = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |uri| &uri.0);
    let wanted = original.path_and_query().map_or("/", |path| path.as_str());
    let next = utf8_percent_encode(wanted, NON_ALPHANUMERIC);
    let target = if parts.method == axum::http::Method::GET {
        format!("{SIGN_IN}?next={next}")
    } else {
        SIGN_IN.to_owned()
    };
    let location = HeaderValue::from_str(&target).expect("an encoded path is plain");
    // A part of a page that is fetched by a script would show the sign-in page inside of it; the script follows this header instead.
    if parts.headers.contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", location)]).into_response();
    }
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

impl FromRequestParts<AppState> for MaybeUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let found = session(state, &parts.headers).await;
        found.map(Self).map_err(IntoResponse::into_response)
    }
}

impl FromRequestParts<AppState> for CurrentUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        match session(state, &parts.headers).await {
            Ok(Some(caller)) => Ok(Self(caller)),
            Ok(None) => Err(to_sign_in(parts)),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

macro_rules! signed_in {
    ($name:ident, $level:expr) => {
        impl FromRequestParts<AppState> for $name {
            type Rejection = Response;

            async fn from_request_parts(
                parts: &mut Parts,
                state: &AppState,
            ) -> Result<Self, Response> {
                let CurrentUser(caller) = CurrentUser::from_request_parts(parts, state).await?;
                match caller.require($level) {
                    Ok(()) => Ok(Self(caller)),
                    Err(error) => Err(Problem::from(error).into_response()),
                }
            }
        }
    };
}

signed_in!(Operator, Level::Write);
signed_in!(Admin, Level::Admin);

/// The token of the header `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SecretString::from(token.trim().to_owned()))
}

/// The program that shows an API token, or why it is refused.
pub(crate) async fn program(
    state: &AppState,
    headers: &HeaderMap,
    needed: Level,
) -> Result<Caller, Problem> {
    let unauthorized = |code, message: &str| {
        Problem::new(StatusCode::UNAUTHORIZED, code, message).with_header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"forgehold\""),
        )
    };
    let Some(shown) = bearer(headers) else {
        let problem = unauthorized("unauthenticated", "the request has no API token");
        return Err(problem.hinted("send the header `Authorization: Bearer TOKEN`"));
    };
    let Some(caller) = accounts::by_token(state.accounts(), &shown).await? else {
        let problem = unauthorized(
            "token_refused",
            "the API token is unknown, has expired, or its owner is closed out",
        );
        return Err(problem.hinted("make a new API token in the console"));
    };
    caller.require(needed)?;
    Ok(caller)
}

macro_rules! programs {
    ($name:ident, $level:expr) => {
        impl FromRequestParts<AppState> for $name {
            type Rejection = Problem;

            async fn from_request_parts(
                parts: &mut Parts,
                state: &AppState,
            ) -> Result<Self, Problem> {
                program(state, &parts.headers, $level).await.map(Self)
            }
        }
    };
}

programs!(Reader, Level::Read);
programs!(Writer, Level::Write);
programs!(Manager, Level::Admin);
