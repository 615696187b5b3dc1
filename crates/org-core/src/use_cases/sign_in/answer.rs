//! What the browser brought back, and whether it may be believed.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::SignInError;
use crate::oauth::{Initiator, SignIn, State};

/// The most characters of the host's words that are kept.
const MAX_WORDS: usize = 200;

/// What the browser brought back (RFC 6749, section 4.1.2; RFC 9207 for the issuer).
#[derive(Clone)]
pub struct BrowserAnswer {
    /// The path at which it arrived.
    pub path: String,
    /// `state`.
    pub state: Option<State>,
    /// `code`.
    pub code: Option<SecretString>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
}

impl BrowserAnswer {
    /// Reads the query of the request that the browser made. Of a parameter that comes twice nothing is believed (RFC 6749, section 3.1).
    pub fn parse(path: &str, query: &str) -> Self {
        let one = |name: &str| {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            let mut values = pairs.filter(|(key, value)| key == name && !value.is_empty());
            match (values.next(), values.next()) {
                (Some((_, value)), None) => Some(value.into_owned()),
                _ => None,
            }
        };
        Self {
            path: path.to_owned(),
            state: one("state").map(|state| State::received(&state)),
            code: one("code").map(SecretString::from),
            error: one("error"),
            error_description: one("error_description"),
            issuer: one("iss"),
        }
    }
}

impl fmt::Debug for BrowserAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserAnswer")
            .field("path", &self.path)
            .field("error", &self.error)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// A code that may be believed.
#[derive(Debug, Clone)]
pub struct Judged(pub(super) SecretString);

/// Whether an answer is the one that `sign_in` waits for; the state was compared by finding it.
pub(super) fn judge(
    sign_in: &SignIn,
    answer: &BrowserAnswer,
    initiator: Initiator,
    now: DateTime<Utc>,
) -> Result<Judged, SignInError> {
    if sign_in.initiator != initiator {
        return Err(SignInError::OtherInitiator);
    }
    if now >= sign_in.expires_at {
        return Err(SignInError::Expired);
    }
    if answer.path != sign_in.redirect.path() {
        return Err(SignInError::OtherRedirect {
            arrived: tame(&answer.path),
            expected: sign_in.redirect.path().to_owned(),
        });
    }
    let host = sign_in.host.to_string();
    if let Some(issuer) = &answer.issuer
        && issuer.trim_end_matches('/') != host
    {
        return Err(SignInError::OtherIssuer {
            issuer: tame(issuer),
            host,
        });
    }
    match (&answer.error, &answer.code) {
        (Some(code), _) => Err(SignInError::HostSaid {
            host,
            detail: words_of(code, answer.error_description.as_deref()),
            code: tame(code),
        }),
        (None, Some(code)) => Ok(Judged(code.clone())),
        (None, None) => Err(SignInError::Empty),
    }
}

/// In our words where the code is a known one (RFC 6749, section 4.1.2.1), and always with the host's own behind them.
fn words_of(code: &str, description: Option<&str>) -> String {
    let known = match code {
        "access_denied" => "the sign-in was denied",
        "unauthorized_client" => "the application may not sign people in this way",
        "invalid_scope" => "the application was not registered with the scopes that are asked for",
        "unsupported_response_type" | "invalid_request" => {
            "the application is not registered as this program expects"
        }
        "server_error" => "the host failed",
        "temporarily_unavailable" => "the host is overloaded or under maintenance",
        _ => "",
    };
    let said = description.map(tame).filter(|said| !said.is_empty());
    match (known, said) {
        ("", Some(said)) => said,
        ("", None) => tame(code),
        (known, Some(said)) => format!("{known} ({said})"),
        (known, None) => known.to_owned(),
    }
}

/// Somebody else's words, fit for a line: short, and without what steers a terminal.
fn tame(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_WORDS)
        .collect()
}
