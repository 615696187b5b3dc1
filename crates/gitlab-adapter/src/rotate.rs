//! An access token takes the place of another (GitLab docs, personal access tokens API, "Rotate").

use chrono::NaiveDate;
use org_core::ports::{HostError, RotateError, RotatedToken};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::http::{Answer, Api, Post, Unanswered};
use crate::refusal;

const ACTION: &str = "rotating the access token";

/// The scopes of which any one lets a token rotate itself.
const MAY_ROTATE: [&str; 2] = ["self_rotate", "api"];

/// No token of GitLab is longer.
const MOST_TOKEN: usize = 4096;

#[derive(Deserialize)]
struct Made {
    token: String,
    #[serde(default)]
    expires_at: Value,
}

/// Asks once.
///
/// The tokens of groups and projects are personal access tokens of their bots, and this road takes them too. Their own one asks besides
/// whether the bot may manage tokens, which most may not.
pub(crate) async fn rotate(api: &Api, expires_on: NaiveDate) -> Result<RotatedToken, RotateError> {
    let host = || api.label().to_owned();
    if api.is_signed_in() {
        return Err(RotateError::Refused(HostError::Unsupported {
            host: host(),
            action: ACTION.to_owned(),
            detail: "it is a token of a sign-in, which renews itself".to_owned(),
        }));
    }
    let post = Post {
        path: "/api/v4/personal_access_tokens/self/rotate",
        form: format!("expires_at={expires_on}").into_bytes(),
    };
    let lost = |detail: String| RotateError::Lost {
        host: host(),
        detail,
    };
    let answer = match api.post_once(post).await {
        Ok(answer) => answer,
        Err(Unanswered::NoToken(failure)) => {
            return Err(failure.into_host_error(api.label(), ACTION).into());
        }
        Err(Unanswered::NotSent(why)) => {
            return Err(Failure::Down(why)
                .into_host_error(api.label(), ACTION)
                .into());
        }
        Err(Unanswered::Lost(why)) => return Err(lost(why)),
        Err(Unanswered::TooLarge { status }) => {
            return Err(lost(format!("an answer without end, with status {status}")));
        }
    };
    match answer.status {
        200..=299 => made(&answer, expires_on).map_err(lost),
        300..=399 | 400..=407 | 409..=499 => Err(refused(api, &answer).into()),
        _ => Err(lost(refusal::broken_words(&answer))),
    }
}

/// The new token. Whatever cannot be read may have been one, so it is lost.
fn made(answer: &Answer, expires_on: NaiveDate) -> Result<RotatedToken, String> {
    // The error of the parser would quote what it read.
    let made: Made = serde_json::from_slice(&answer.body).map_err(|_| {
        format!(
            "status {} without a new token that can be read",
            answer.status
        )
    })?;
    let fits = (1..=MOST_TOKEN).contains(&made.token.len());
    if !fits || !made.token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("what came as the new token is none".to_owned());
    }
    let expires_on = match &made.expires_at {
        Value::Null => None,
        Value::String(day) => Some(day.parse().unwrap_or(expires_on)),
        _ => Some(expires_on),
    };
    Ok(RotatedToken {
        token: made.token.into(),
        expires_on,
    })
}

/// The host did nothing, and says why.
fn refused(api: &Api, answer: &Answer) -> HostError {
    let host = || api.label().to_owned();
    let unsupported = |detail: String| HostError::Unsupported {
        host: host(),
        action: ACTION.to_owned(),
        detail,
    };
    let denied = |detail: String| HostError::Denied {
        host: host(),
        action: ACTION.to_owned(),
        detail,
    };
    let failure = refusal::of_rest(answer);
    match (answer.status, failure) {
        (300..=399, _) => Failure::Strange(format!(
            "a redirect with status {}, which is not followed, since the credential belongs to this host only; check the host's address",
            answer.status
        ))
        .into_host_error(api.label(), ACTION),
        (429, _) => HostError::RateLimited {
            host: host(),
            retry_after: api.asked_pause(answer).unwrap_or(std::time::Duration::from_mins(1)),
        },
        (403, Failure::Scope(any_of)) => HostError::ScopeMissing {
            action: ACTION.to_owned(),
            any_of: if any_of.is_empty() {
                MAY_ROTATE.map(str::to_owned).to_vec()
            } else {
                any_of
            },
        },
        (404, failure) => unsupported(format!(
            "it is there from GitLab 16.10 on ({}); check the host's address and its version",
            failure.words()
        )),
        (405, failure) => unsupported(format!(
            "the host rotates only personal, group and project access tokens ({})",
            failure.words()
        )),
        (400 | 409 | 422, failure) => denied(failure.words()),
        (_, failure) => failure.into_host_error(api.label(), ACTION),
    }
}
