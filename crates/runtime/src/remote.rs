//! Requests to the API of a server, for an app that has a server do its work.

use std::fmt;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How long an answer may take; the server itself waits at most a minute for its work.
const PATIENCE: Duration = Duration::from_secs(100);

/// How long a connection may take to open.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer: a page of 500 rows is about a megabyte.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Look.
    Get,
    /// Do.
    Post,
    /// Set.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
}

impl Verb {
    const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it was done.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is none of a server.
    #[error("`{address}` {reason}")]
    Address {
        /// As it was given; never with a user or a password in it.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Requests cannot be made at all.
    #[error("requests cannot be made")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No connection to the server comes about, so that nothing was asked of it.
    #[error("the server at {address} cannot be reached")]
    Unreachable {
        /// Which one.
        address: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer did not come, or not to its end; what was asked for may have been done.
    #[error("the answer of the server got lost on the way")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is larger than any that makes sense.
    #[error("the answer of the server is too large")]
    TooLarge,
}

/// A server, and the API token to be let in.
pub struct Remote {
    base: Url,
    token: SecretString,
    client: Client,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// The server at that address. Beyond this machine the token travels over https alone.
    pub fn new(address: &str, token: SecretString) -> Result<Self, RemoteError> {
        let wrong = |reason| RemoteError::Address {
            address: address.to_owned(),
            reason,
        };
        let base = Url::parse(address).map_err(|_| wrong("is no address"))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong("is no http or https address"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(RemoteError::Address {
                address: base.host_str().unwrap_or_default().to_owned(),
                reason: "was given with a user or a password, which does not belong into it",
            });
        }
        let local = base
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if base.scheme() == "http" && !local {
            return Err(wrong(
                "is not https, so that the API token would travel in the clear",
            ));
        }
        let client = Client::builder()
            .user_agent(concat!("forgehold/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(PATIENCE)
            // The token goes to the server that was named, and nowhere else.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| RemoteError::Setup(Box::new(error)))?;
        Ok(Self {
            base,
            token,
            client,
        })
    }

    /// The address of the server.
    pub fn address(&self) -> &str {
        self.base.as_str()
    }

    /// Asks the API. The parts of the path and of the query are encoded here; `json` is the body.
    pub async fn send(
        &self,
        verb: Verb,
        path: &[&str],
        query: &[(&str, String)],
        json: Option<Vec<u8>>,
    ) -> Result<Answer, RemoteError> {
        self.send_keyed(None, verb, path, query, json).await
    }

    /// The same under a key: a write that is sent again with it because its answer was lost is answered, and not done twice.
    pub async fn send_keyed(
        &self,
        key: Option<&str>,
        verb: Verb,
        path: &[&str],
        query: &[(&str, String)],
        json: Option<Vec<u8>>,
    ) -> Result<Answer, RemoteError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client
            .request(verb.method(), url)
            .bearer_auth(self.token.expose_secret());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(json) = json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let mut response = request.send().await.map_err(|error| {
            let reached = !error.is_connect();
            // The query may hold what a person looked for.
            let source = Box::new(error.without_url());
            if reached {
                RemoteError::BrokenOff(source)
            } else {
                let address = self.base.to_string();
                RemoteError::Unreachable { address, source }
            }
        })?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let broken = |error: reqwest::Error| RemoteError::BrokenOff(Box::new(error.without_url()));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(RemoteError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(address: &str, expected: &str) {
        let token = SecretString::from("fgh_planted");
        let error = Remote::new(address, token).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_token_goes_to_a_server_alone() {
        refused("forgehold", "`forgehold` is no address");
        refused("ftp://x", "`ftp://x` is no http or https address");
        refused(
            "http://forgehold.example.com",
            "`http://forgehold.example.com` is not https, so that the API token would travel in the clear",
        );
        refused(
            "https://ada:secret@example.com",
            "`example.com` was given with a user or a password, which does not belong into it",
        );
        for good in ["https://x", "http://localhost:8080/", "http://[::1]:1"] {
            let remote = Remote::new(good, SecretString::from("fgh_planted")).expect("good");
            assert!(!format!("{remote:?}").contains("planted"));
        }
    }
}
