//! Coming in and going out in a browser. A page shows the form; this does what the form says.

use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use metrics::Label;
use org_core::accounts::Role;
use org_core::ports::IdentityError;
use org_core::use_cases::accounts::{
    self, AccountError, ArrivalError, Caller, Departure, Returned, SignedIn, UserDraft,
};
use secrecy::{ExposeSecret, SecretString};

use super::cookie::Cookie;
use super::redirect::local_path;
use super::setup::CodeAnswer;
use crate::api::problem::Problem;
use crate::http::client::Client;
use crate::state::AppState;

/// Signs somebody in with a name and a password. On success the answer of [`entered`] is what the page sends.
pub async fn sign_in(
    state: &AppState,
    client: &Client,
    name: &str,
    password: &SecretString,
) -> Result<SignedIn, AccountError> {
    let signed_in = accounts::sign_in(
        state.accounts(),
        state.throttle(),
        name,
        password,
        &client.for_history(),
        state.session_lifetimes(),
    )
    .await;
    let outcome = match &signed_in {
        Ok(_) => "in",
        Err(AccountError::WrongPassword) => "refused",
        Err(AccountError::TooManyAttempts { .. }) => "slowed",
        Err(_) => "failed",
    };
    count(state, outcome);
    signed_in
}

fn count(state: &AppState, outcome: &'static str) {
    let label = vec![Label::new("outcome", outcome)];
    state.metrics().count("forgehold_sign_ins_total", label, 1);
}

fn no_provider() -> Problem {
    let message = "people do not sign in at a provider here";
    Problem::new(StatusCode::NOT_FOUND, "not_found", message)
}

/// Sends a browser to the company's provider, with a cookie that only its answer's browser has.
pub async fn depart(state: &AppState, next: &str) -> Result<Response, Problem> {
    let (identity, settings) = state.identity().ok_or_else(no_provider)?;
    let departure = accounts::depart(state.accounts(), identity, &settings.redirect, next).await;
    let Departure { address, browser } = departure.map_err(|error| told(state, &error))?;
    let mut response = to(&address);
    let cookie = Cookie::Arrival.set(state.place(), &browser);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Signs in whoever comes back from the provider, and sends them to the page that they wanted.
pub async fn arrive(
    state: &AppState,
    client: &Client,
    returned: &Returned,
) -> Result<Response, Problem> {
    let (identity, _) = state.identity().ok_or_else(no_provider)?;
    let arrived = accounts::arrive(
        state.accounts(),
        identity,
        state.throttle(),
        returned,
        &client.for_history(),
        state.session_lifetimes(),
    )
    .await;
    let (signed_in, next) = arrived.map_err(|error| told(state, &error))?;
    count(state, "in");
    let mut response = entered(state, &signed_in, Some(&next));
    let cookie = Cookie::Arrival.clear(state.place());
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// What a sign-in at the provider came to, for the page and for whoever runs the server.
fn told(state: &AppState, error: &ArrivalError) -> Problem {
    let (status, outcome) = match error {
        ArrivalError::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "slowed"),
        ArrivalError::Identity(IdentityError::Unavailable { .. })
        | ArrivalError::Contention
        | ArrivalError::Entropy(_)
        | ArrivalError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        ArrivalError::Identity(_) | ArrivalError::Failed { .. } => {
            (StatusCode::BAD_GATEWAY, "failed")
        }
        ArrivalError::NoRole { .. }
        | ArrivalError::NoAccount { .. }
        | ArrivalError::NoName { .. }
        | ArrivalError::NameTaken { .. }
        | ArrivalError::Closed { .. }
        | ArrivalError::LastAdministrator { .. } => (StatusCode::FORBIDDEN, "refused"),
        _ => (StatusCode::BAD_REQUEST, "refused"),
    };
    count(state, outcome);
    if outcome == "failed" {
        tracing::warn!(code = error.code(), %error, "a sign-in at the identity provider failed");
    }
    let mut problem = Problem::new(status, error.code(), error.to_string());
    problem.body.hint = error.hint();
    match error {
        ArrivalError::TooManyAttempts { wait } => problem.retry_after(wait.as_secs()),
        _ => problem,
    }
}

/// Makes the first administrator, with the code that the server printed and a password that was typed twice. Every mistake is told at once. On success the answer of [`entered`] is what the page sends.
pub async fn set_up(
    state: &AppState,
    client: &Client,
    code: &SecretString,
    name: &str,
    (password, again): (&SecretString, &SecretString),
) -> Result<SignedIn, Problem> {
    let mut mistakes = Vec::new();
    match state.setup().check(code) {
        CodeAnswer::Right => {}
        CodeAnswer::Wrong => {
            let message = "this is not the code that the server printed at its start";
            mistakes.push(("code".to_owned(), message.to_owned()));
        }
        CodeAnswer::Closed => return Err(AccountError::SetUpAlready.into()),
    }
    let draft = UserDraft {
        name: name.to_owned(),
        password: password.clone(),
        role: Role::Administrator.to_string(),
    };
    if let Err(error) = draft.parse() {
        let errors = Problem::from(error).body.errors;
        mistakes.extend(errors.into_iter().map(|error| (error.field, error.message)));
    }
    if password.expose_secret() != again.expose_secret() {
        mistakes.push(("again".to_owned(), "the two passwords differ".to_owned()));
    }
    if !mistakes.is_empty() {
        let message = "the form has mistakes; nothing was made";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message);
        let all = mistakes.into_iter();
        return Err(all.fold(problem, |problem, (field, message)| {
            problem.at(&field, message)
        }));
    }
    let signed_in = accounts::set_up(
        state.accounts(),
        name,
        password,
        &client.for_history(),
        state.session_lifetimes(),
    )
    .await?;
    state.setup().close();
    Ok(signed_in)
}

/// Sends whoever has just signed in on, with the cookie of the new session. The cookie of before goes, so that nobody goes on with what they gave to
/// this browser.
pub fn entered(state: &AppState, signed_in: &SignedIn, next: Option<&str>) -> Response {
    let cookie = Cookie::Session.set(state.place(), &signed_in.token.shown);
    let visitor = Cookie::Visitor.clear(state.place());
    let mut response = to(local_path(next));
    response.headers_mut().append(SET_COOKIE, cookie);
    response.headers_mut().append(SET_COOKIE, visitor);
    response
}

/// Ends the session and sends to the page where one signs in.
pub async fn leave(state: &AppState, caller: &Caller) -> Result<Response, AccountError> {
    accounts::sign_out(state.accounts(), caller).await?;
    let mut response = to(super::extract::SIGN_IN);
    let cookie = Cookie::Session.clear(state.place());
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

fn to(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}
