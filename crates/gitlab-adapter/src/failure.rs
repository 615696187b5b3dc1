//! Why a host did not answer as asked, before the port's words are found for it.

use std::time::Duration;

use org_core::ports::HostError;

/// One failed request, after everything that may be tried was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The token's day has come.
    Expired,
    /// The token is unknown, revoked or unusable; in the host's words.
    Refused(String),
    /// The token is good, but one of these scopes is missing; the least powerful first.
    Scope(Vec<String>),
    /// The account may not, or something in front of the host forbids it.
    Denied(String),
    /// Not there, or hidden.
    Missing(String),
    /// GraphQL does not serve this token, this query or this instance.
    NoGraphql(String),
    /// The query is too expensive for the host.
    TooComplex(String),
    /// Another status that says no.
    Status {
        /// The status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// Too many requests, for longer than we may wait.
    RateLimited(Duration),
    /// Out of order or out of reach; smaller requests, or later ones, may work.
    Down(String),
    /// An answer that makes no sense.
    Strange(String),
    /// There is no token to ask with; whoever keeps the tokens of the sign-in says why.
    Host(HostError),
}

impl Failure {
    /// Whether nothing can be learned with this credential any more.
    pub(crate) fn ends_everything(&self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::Refused(_)
                | Self::Scope(_)
                | Self::RateLimited(_)
                | Self::Host(_)
        )
    }

    /// In words, without the name of the host.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Expired => "the access token has expired".to_owned(),
            Self::Refused(detail) => format!("the access token is refused: {detail}"),
            Self::Scope(any_of) => {
                format!(
                    "the access token lacks a scope: {} would do",
                    any_of.join(" or ")
                )
            }
            Self::Denied(detail)
            | Self::Missing(detail)
            | Self::NoGraphql(detail)
            | Self::TooComplex(detail)
            | Self::Down(detail)
            | Self::Strange(detail) => detail.clone(),
            Self::Status { status, said } => format!("status {status}: {said}"),
            Self::RateLimited(wait) => {
                format!(
                    "the host limits the rate of requests for another {} s",
                    wait.as_secs()
                )
            }
            Self::Host(error) => error.to_string(),
        }
    }

    /// As the port says it.
    pub(crate) fn into_host_error(self, host: &str, action: &str) -> HostError {
        let (host, action) = (host.to_owned(), action.to_owned());
        match self {
            Self::Host(error) => error,
            Self::Expired => HostError::TokenExpired { host },
            Self::Refused(detail) => HostError::TokenRefused { host, detail },
            Self::Scope(any_of) => HostError::ScopeMissing { action, any_of },
            Self::Denied(detail) => HostError::Denied {
                host,
                action,
                detail,
            },
            Self::RateLimited(retry_after) => HostError::RateLimited { host, retry_after },
            Self::Down(detail) => HostError::Unavailable {
                host,
                action,
                detail,
            },
            Self::NoGraphql(detail) | Self::TooComplex(detail) => HostError::Unsupported {
                host,
                action,
                detail,
            },
            Self::Missing(_) | Self::Status { .. } | Self::Strange(_) => HostError::Unexpected {
                host,
                action,
                detail: self.words(),
            },
        }
    }
}
