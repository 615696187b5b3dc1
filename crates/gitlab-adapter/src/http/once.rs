//! Requests that change something: sent at most once, whatever comes of it.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use tokio::time::Instant;

use super::api::{Answer, Api};
use super::backoff::{Verdict, verdict};
use super::gate::Load;
use super::words::{chain, hint};
use super::{Trouble, body};
use crate::failure::Failure;

/// The answers to such requests are short.
const MOST_BYTES: usize = 64 * 1024;

/// A form for a path below the host's address.
pub(crate) struct Post {
    pub(crate) path: &'static str,
    /// Encoded; it may hold secrets, and is shown nowhere.
    pub(crate) form: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// There is no token to send it with.
    NoToken(Failure),
    /// It did not leave this machine, or got no connection.
    NotSent(String),
    /// The host may have done it.
    Lost(String),
    /// It answered more than anybody can mean.
    TooLarge { status: u16 },
}

impl Api {
    /// Sends a form once. No redirect is followed, and nothing is repeated: neither here nor by the client below, which only takes another
    /// connection of its pool where it can prove that not a byte was sent on the first.
    pub(crate) async fn post_once(&self, post: Post) -> Result<Answer, Unanswered> {
        let token = self.token().await.map_err(Unanswered::NoToken)?;
        let pass = self.gate.enter().await;
        self.count();
        let path = post.path;
        let mut request = self
            .transport
            .client
            .post(self.below(path))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(post.form);
        if let Some(token) = &token {
            request = request.header(AUTHORIZATION, token.header());
        }
        let limit = self.transport.config.request_timeout;
        let started = Instant::now();
        let answered = tokio::time::timeout(limit, receive(request, self.max_bytes()))
            .await
            .unwrap_or_else(|_| {
                Err(Unanswered::Lost(format!(
                    "no full answer within {}",
                    Seconds(limit)
                )))
            });
        let took = started.elapsed();
        pass.report(match &answered {
            Ok(answer) => match verdict(answer.status) {
                Verdict::Broken | Verdict::RateLimited => Load::TooMuch,
                Verdict::Answer | Verdict::Refused => Load::Fine(took),
            },
            Err(Unanswered::TooLarge { .. }) => Load::Fine(took),
            Err(_) => Load::TooMuch,
        });
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match &answered {
            Ok(answer) => {
                tracing::debug!(
                    host = self.label(),
                    path,
                    status = answer.status,
                    millis,
                    bytes = answer.body.len(),
                    "answered"
                );
            }
            Err(why) => {
                tracing::debug!(host = self.label(), path, ?why, millis, "not answered");
            }
        }
        answered
    }

    fn max_bytes(&self) -> usize {
        self.transport.config.max_body.min(MOST_BYTES)
    }
}

async fn receive(request: reqwest::RequestBuilder, most: usize) -> Result<Answer, Unanswered> {
    let response = request.send().await.map_err(|error| {
        let is_unsent = error.is_connect() || error.is_builder();
        let hint = hint(&error).map(|hint| format!("; {hint}"));
        let error = chain(&error.without_url());
        let words = format!("{error}{}", hint.unwrap_or_default());
        if is_unsent {
            Unanswered::NotSent(words)
        } else {
            Unanswered::Lost(words)
        }
    })?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = body::read(response, most)
        .await
        .map_err(|trouble| match trouble {
            Trouble::TooLarge => Unanswered::TooLarge { status },
            Trouble::Lost(why) => Unanswered::Lost(why),
            other => Unanswered::Lost(format!("{other:?}")),
        })?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// How long, as people write it.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.0.as_secs_f32())
    }
}
