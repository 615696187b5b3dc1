//! `Idempotency-Key`: a write that is sent again because its answer was lost is answered, and not done twice.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use http_body_util::BodyExt;
use org_core::accounts::{Level, SecretDigest};
use org_core::ports::{Begun, KeptAnswer, KeyedRequest};
use secrecy::SecretString;
use serde::Serialize;

use super::problem::Problem;
use crate::auth::extract::program;
use crate::state::AppState;

/// The header with the key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key.
const LONGEST: usize = 255;

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// How many answers are kept for each person.
const MOST: u32 = 1000;

/// How long a request that gives no sign of life counts as under way: no answer takes as long.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(3);

/// The largest body that is kept.
const BODY_LIMIT: usize = 256 * 1024;

/// The headers that are kept with a body.
const HEADERS: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// Says on an answer that it holds something that is shown once, so that it must not be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotKept;

/// Says on an answer what is kept of it, where it holds something that is for whoever asked first alone.
#[derive(Debug, Clone)]
pub(crate) struct KeptAs(Vec<u8>);

impl KeptAs {
    /// This, as JSON.
    pub(crate) fn of(body: &impl Serialize) -> Self {
        Self(serde_json::to_vec(body).expect("texts and numbers always serialize"))
    }
}

/// Answers a write that was done before under its key.
pub(crate) async fn keyed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let writes = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    );
    if !writes || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match attempt(&state, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn attempt(state: &AppState, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(&request)?;
    let caller = program(state, request.headers(), Level::Read).await?;
    let (request, fingerprint) = fingerprint(request).await?;
    let keyed = KeyedRequest {
        owner: caller.user.id,
        key,
        fingerprint,
    };
    let (answers, now) = (&state.accounts().answers, state.ports().clock.now());
    match answers.begin(&keyed, now, now + UNDER_WAY, MOST).await? {
        Begun::New => {}
        Begun::Answered(kept) => return Ok(again(kept)),
        Begun::UnderWay => {
            let message = "the same request is being done at this moment";
            let problem = Problem::new(StatusCode::CONFLICT, "request_under_way", message);
            return Err(problem
                .hinted("send it again for its answer")
                .retry_after(1));
        }
        Begun::AnotherRequest => {
            let message = "another request was sent under this key";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", message);
            return Err(problem.hinted("choose a new key for each request"));
        }
    }
    let response = next.run(request).await;
    let until = state.ports().clock.now() + KEPT;
    if !is_final(response.status()) {
        answers.give_up(&keyed).await?;
        return Ok(response);
    }
    if response.extensions().get::<NotKept>().is_some() {
        let message = "this was done before, and its answer held something that is shown once";
        let told = Problem::new(StatusCode::CONFLICT, "answer_not_kept", message);
        let kept = KeptAnswer {
            status: told.status.as_u16(),
            headers: vec![(
                CONTENT_TYPE.to_string(),
                super::problem::MEDIA_TYPE.to_owned(),
            )],
            body: serde_json::to_vec(&told.body).expect("texts and numbers always serialize"),
        };
        answers.answer(&keyed, &kept, until).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // Our own answers are in memory, so none breaks off.
        Err(_) => {
            return Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the answer broke off",
            ));
        }
    };
    let kept = match parts.extensions.get::<KeptAs>() {
        Some(KeptAs(kept)) => kept.clone(),
        None => bytes.to_vec(),
    };
    if kept.len() <= BODY_LIMIT {
        let headers = HEADERS.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        let kept = KeptAnswer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: kept,
        };
        answers.answer(&keyed, &kept, until).await?;
    } else {
        answers.give_up(&keyed).await?;
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Whether the same request would be answered the same: what may pass by itself is to be tried again.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::UNAUTHORIZED
        )
}

fn key(request: &Request) -> Result<String, Problem> {
    let mut values = request.headers().get_all(KEY).iter();
    let key = values
        .next()
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let good =
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if good && values.next().is_none() {
        return Ok(key.to_owned());
    }
    let message = format!("it must be one text of 1 to {LONGEST} visible characters of ASCII");
    Err(Problem::invalid("Idempotency-Key", message))
}

/// What is asked, as a digest. The token of the sender goes into it too: the body may hold a password, and a digest that anybody could make would
/// let a reader of the database try passwords.
async fn fingerprint(request: Request) -> Result<(Request, SecretDigest), Problem> {
    let (parts, body) = request.into_parts();
    let broken = |_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "body_incomplete",
            "the body of the request broke off",
        )
    };
    let bytes = body.collect().await.map_err(broken)?.to_bytes();
    let mut text = String::new();
    let authority = parts.headers.get(axum::http::header::AUTHORIZATION);
    let kind = parts.headers.get(CONTENT_TYPE);
    let version = parts.headers.get(axum::http::header::IF_MATCH);
    for part in [
        authority.map(HeaderValue::as_bytes),
        kind.map(HeaderValue::as_bytes),
        version.map(HeaderValue::as_bytes),
        Some(parts.method.as_str().as_bytes()),
        Some(parts.uri.to_string().as_bytes()),
        Some(&bytes[..]),
    ] {
        // Each with its length before it, so that no two requests look the same.
        let part = part.unwrap_or_default();
        text.push_str(&part.len().to_string());
        text.push(':');
        text.extend(part.iter().map(|&byte| char::from(byte)));
    }
    let digest = SecretDigest::of("request", &SecretString::from(text));
    Ok((Request::from_parts(parts, Body::from(bytes)), digest))
}

fn again(kept: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
