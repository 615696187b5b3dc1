//! One request to an OAuth endpoint, and what its answer means.

use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth2::http::{Response, header::CONTENT_TYPE};
use oauth2::{AsyncHttpClient, ErrorResponse, HttpRequest, HttpResponse, RequestTokenError};
use org_core::ports::{Grant, OauthError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Answered;
use super::tokens::{Tokens, no_tokens};
use crate::http::words::tame;
use crate::http::{Answer, Api, Post, Unanswered};
use crate::refusal;

/// How long to wait after a refusal for too many requests that does not say it: the throttles in front count by the minute.
const UNSPOKEN_PAUSE: Duration = Duration::from_mins(1);

/// An error of RFC 6749, section 5.2.
#[derive(Debug, Deserialize)]
struct Said {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

/// One request, and the secrets in it, which no message may repeat.
pub(super) struct Asking<'a> {
    api: &'a Api,
    path: &'static str,
    secrets: Vec<&'a SecretString>,
}

impl<'c> AsyncHttpClient<'c> for Asking<'_> {
    type Error = OauthError;
    type Future = BoxFuture<'c, Result<HttpResponse, OauthError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request.into_body()))
    }
}

impl<'a> Asking<'a> {
    pub(super) fn new(api: &'a Api, path: &'static str, secrets: Vec<&'a SecretString>) -> Self {
        Self { api, path, secrets }
    }

    /// Sends the form to our own path at the host, whatever the library may think, and lets through only what can be read.
    pub(super) async fn send(&self, form: Vec<u8>) -> Result<HttpResponse, OauthError> {
        let post = Post {
            path: self.path,
            form,
        };
        let answer = match self.api.post_once(post).await {
            Ok(answer) => answer,
            Err(Unanswered::NotSent(why)) => return Err(self.not_sent(&why)),
            Err(Unanswered::Lost(why)) => return Err(self.lost(&why)),
            Err(Unanswered::NoToken(failure)) => return Err(self.not_sent(&failure.words())),
            Err(Unanswered::TooLarge { status }) => {
                let words = format!("an answer without end, with status {status}");
                return Err(match status {
                    500.. => self.lost(&words),
                    _ => self.unexpected(&words),
                });
            }
        };
        match answer.status {
            200 if answer.is_html() => Err(self.html(&answer)),
            200 if answer.body.is_empty() && self.path != super::REVOKE => {
                Err(self.lost("status 200 and nothing more"))
            }
            200 => Ok(readable(answer)),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// What an answer without tokens means: above all, whether the host did something.
    fn refusal(&self, answer: &Answer) -> OauthError {
        let said = serde_json::from_slice::<Said>(&answer.body).ok();
        // The API of GitLab has an `error` too, with words in it.
        let said = said.filter(|said| is_code(&said.error));
        let status = answer.status;
        match (status, said) {
            (429, _) => OauthError::RateLimited {
                host: self.host(),
                retry_after: self.api.asked_pause(answer).unwrap_or(UNSPOKEN_PAUSE),
            },
            (300..=399, _) => self.unexpected(&format!(
                "a redirect with status {status}, which is not followed, since it would take secrets along; check the host's address"
            )),
            // In so many words that it did nothing (RFC 6749, section 4.1.2.1).
            (_, Some(said)) if said.error == "temporarily_unavailable" => {
                self.not_sent("it says that it is overloaded or under maintenance")
            }
            (408 | 500.., said) => {
                let words = said.map_or_else(
                    || refusal::broken_words(answer),
                    |said| format!("status {status}: {}", self.words(&said)),
                );
                self.lost(&words)
            }
            (_, Some(said)) => self.said(&said),
            (404, None) => OauthError::Unsupported {
                host: self.host(),
                what: format!("{}; check the host's address and its path prefix", self.path),
            },
            (_, None) if answer.is_html() => self.html(answer),
            (_, None) => self.unexpected(&refusal::broken_words(answer)),
        }
    }

    fn said(&self, said: &Said) -> OauthError {
        let (host, detail) = (self.host(), self.words(said));
        match said.error.as_str() {
            "invalid_grant" => OauthError::InvalidGrant { host, detail },
            "access_denied" => OauthError::AccessDenied { host },
            "expired_token" => OauthError::Expired { host },
            // It failed in the middle of what it was asked for.
            "server_error" => self.lost(&detail),
            code => OauthError::Refused {
                host,
                code: code.to_owned(),
                detail,
            },
        }
    }

    fn words(&self, said: &Said) -> String {
        let description = said.error_description.as_deref().unwrap_or_default();
        let words = self.clean(description);
        if words.is_empty() {
            "it does not say more".to_owned()
        } else {
            words
        }
    }

    fn html(&self, answer: &Answer) -> OauthError {
        let page = refusal::html_title(&answer.body);
        let status = answer.status;
        self.unexpected(&match status {
            403 => format!(
                "an HTML page{page} with status 403: something in front of GitLab, such as Cloudflare or a firewall, turns this machine's address away"
            ),
            _ => format!(
                "an HTML page{page} with status {status} instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of it"
            ),
        })
    }

    /// What became of a request for tokens.
    pub(super) fn grant(
        &self,
        answered: Answered<Tokens>,
        unless_said: &[&str],
    ) -> Result<Grant, OauthError> {
        let tokens = answered.map_err(|error| self.failed(error))?;
        self.checked(tokens, unless_said)
    }

    /// The tokens, if they can be any.
    pub(super) fn checked(
        &self,
        tokens: Tokens,
        unless_said: &[&str],
    ) -> Result<Grant, OauthError> {
        tokens
            .into_grant(unless_said)
            .map_err(|why| self.unexpected(&why))
    }

    /// What the library made of an answer that [`Asking::send`] let through.
    pub(super) fn failed<E: ErrorResponse>(
        &self,
        error: RequestTokenError<OauthError, E>,
    ) -> OauthError {
        match error {
            RequestTokenError::Request(error) => error,
            // The error quotes the answer, which may hold tokens: only its place is told.
            RequestTokenError::Parse(error, _) if error.inner().is_eof() => self.cut_short(),
            RequestTokenError::Parse(error, _) => {
                self.unexpected(&no_tokens(&error.path().to_string()))
            }
            RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
                self.unexpected("an answer that is no JSON")
            }
        }
    }

    pub(super) fn cut_short(&self) -> OauthError {
        self.lost("it ends in the middle")
    }

    pub(super) fn unexpected(&self, detail: &str) -> OauthError {
        OauthError::Unexpected {
            host: self.host(),
            detail: self.clean(detail),
        }
    }

    fn not_sent(&self, detail: &str) -> OauthError {
        OauthError::NotSent {
            host: self.host(),
            detail: self.clean(detail),
        }
    }

    fn lost(&self, detail: &str) -> OauthError {
        OauthError::Lost {
            host: self.host(),
            detail: self.clean(detail),
        }
    }

    fn host(&self) -> String {
        self.api.label().to_owned()
    }

    /// Words of the host, fit for a message: a host may repeat what it was sent.
    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let secret = secret.expose_secret();
            if !secret.is_empty() {
                text = text.replace(secret, "[REDACTED]");
            }
        }
        tame(&text)
    }
}

fn readable(answer: Answer) -> HttpResponse {
    let kind = answer.headers.get(CONTENT_TYPE).cloned();
    let mut response = Response::new(answer.body);
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// Whether it can be an error code of RFC 6749.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-')
}
