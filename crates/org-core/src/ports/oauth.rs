//! The OAuth side of a host: signing in, renewing, taking back; and access tokens that replace themselves.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use secrecy::SecretString;

use super::{HostAccess, HostError};
use crate::host::HostUrl;
use crate::oauth::{Access, ClientId, RedirectUri, State, Verifier};

/// What the browser is sent to a host with.
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    /// Where the host shall send the browser back to.
    pub redirect: RedirectUri,
    /// What comes back with the answer.
    pub state: State,
    /// Of this only the S256 challenge is sent.
    pub verifier: Verifier,
    /// How much is asked for.
    pub access: Access,
}

/// A code that came back, with what proves that it is ours.
#[derive(Clone)]
pub struct CodeExchange {
    /// The very redirect URI of the request.
    pub redirect: RedirectUri,
    /// The code.
    pub code: SecretString,
    /// The verifier of the request.
    pub verifier: Verifier,
}

impl fmt::Debug for CodeExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeExchange")
            .field("redirect", &self.redirect)
            .finish_non_exhaustive()
    }
}

/// What a host gave. The tokens are visible ASCII without spaces, and so are the scopes; anything else is [`OauthError::Unexpected`].
#[derive(Clone)]
pub struct Grant {
    /// The access token.
    pub access_token: SecretString,
    /// What renews it, if anything does.
    pub refresh_token: Option<SecretString>,
    /// What was granted; what was asked for, where the host does not say (RFC 6749, section 5.1). Empty after a renewal where the host does
    /// not say: then it is what it was.
    pub scopes: BTreeSet<String>,
    /// For how long the access token works, if the host says so.
    pub lifetime: Option<Duration>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("scopes", &self.scopes)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A device sign-in that has begun (RFC 8628, section 3.2).
#[derive(Clone)]
pub struct DeviceStart {
    /// What the program polls with.
    pub device_code: SecretString,
    /// What the person types at the host.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// The same with the code in it, for a link or a QR code.
    pub verification_uri_complete: Option<String>,
    /// For how long the code is good.
    pub lifetime: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
}

impl fmt::Debug for DeviceStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceStart")
            .field("verification_uri", &self.verification_uri)
            .field("lifetime", &self.lifetime)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What a poll of a device sign-in came to.
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// The person agreed.
    Granted(Grant),
    /// The person has not decided.
    Pending,
    /// The same, and polls must come 5 seconds further apart from now on (RFC 8628, section 3.5).
    SlowDown,
}

/// Why a host did not do what OAuth asked of it. No message ever holds a code, a token or a client secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OauthError {
    /// The configuration has no application for this host.
    #[error("no application of {host} is configured for signing in")]
    NotRegistered {
        /// Which host.
        host: String,
    },
    /// The person, or a rule of the host, said no.
    #[error("{host} says that the sign-in was denied")]
    AccessDenied {
        /// Which host.
        host: String,
    },
    /// The person took too long (device sign-in).
    #[error("{host} says that the time to sign in is over")]
    Expired {
        /// Which host.
        host: String,
    },
    /// The code or the refresh token is not good (any more).
    #[error("{host} does not accept the grant: {detail}")]
    InvalidGrant {
        /// Which host.
        host: String,
        /// What it said.
        detail: String,
    },
    /// The host says no for a reason that lies in the configuration of the application or of the request.
    #[error("{host} refuses: {code}: {detail}")]
    Refused {
        /// Which host.
        host: String,
        /// The error code of RFC 6749 or RFC 8628, such as `invalid_client`.
        code: String,
        /// What it said.
        detail: String,
    },
    /// The host asks for patience; nothing was done.
    #[error("{host} limits the rate of requests; try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// Which host.
        host: String,
        /// How long.
        retry_after: Duration,
    },
    /// The request did not get to the host, so nothing was done and it may be sent again.
    #[error("{host} cannot be reached: {detail}")]
    NotSent {
        /// Which host.
        host: String,
        /// What went wrong.
        detail: String,
    },
    /// The answer is lost: whether the host did it is unknown.
    #[error("the answer of {host} is lost: {detail}")]
    Lost {
        /// Which host.
        host: String,
        /// What went wrong.
        detail: String,
    },
    /// The host does not offer this.
    #[error("{host} does not offer {what}")]
    Unsupported {
        /// Which host.
        host: String,
        /// What was wanted.
        what: String,
    },
    /// The answer makes no sense; perhaps it is no such host at all.
    #[error("{host} answered with something unexpected: {detail}")]
    Unexpected {
        /// Which host.
        host: String,
        /// What came instead.
        detail: String,
    },
}

/// Signing in at a host (RFC 6749 with RFC 7636 and RFC 8628), and what becomes of the tokens.
///
/// Codes and refresh tokens work once, so every method but [`VcsOauth::revoke`] sends its request at most once, follows no redirect, and
/// tells [`OauthError::NotSent`] from [`OauthError::Lost`]: only the first may be tried again. Client secrets stay inside.
///
/// A host that people cannot sign in at keeps the methods as they are here.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VcsOauth: Send + Sync {
    /// The application that is configured for a host; `None` if there is none.
    fn client(&self, host: &HostUrl) -> Option<ClientId> {
        let _ = host;
        None
    }

    /// The address that the browser opens. It is secret, since it holds the state.
    fn authorization_url(
        &self,
        host: &HostUrl,
        request: &AuthorizationRequest,
    ) -> Result<SecretString, OauthError> {
        let _ = request;
        Err(unsupported(host, "signing in"))
    }

    /// Turns a code into tokens.
    async fn exchange(
        &self,
        host: &HostUrl,
        exchange: &CodeExchange,
        access: Access,
    ) -> Result<Grant, OauthError> {
        let _ = (exchange, access);
        Err(unsupported(host, "signing in"))
    }

    /// Turns a refresh token into new tokens. The old pair is void from that moment on, even if the answer is lost. `redirect` is that of the
    /// sign-in, where it had one.
    async fn refresh(
        &self,
        host: &HostUrl,
        refresh_token: &SecretString,
        redirect: Option<RedirectUri>,
    ) -> Result<Grant, OauthError> {
        let _ = (refresh_token, redirect);
        Err(unsupported(host, "signing in"))
    }

    /// Begins a device sign-in.
    async fn start_device(
        &self,
        host: &HostUrl,
        access: Access,
    ) -> Result<DeviceStart, OauthError> {
        let _ = access;
        Err(unsupported(host, "signing in by a code"))
    }

    /// Asks once whether the person has decided. After [`DevicePoll::Granted`] the device code is void.
    async fn poll_device(
        &self,
        host: &HostUrl,
        device_code: &SecretString,
        access: Access,
    ) -> Result<DevicePoll, OauthError> {
        let _ = (device_code, access);
        Err(unsupported(host, "signing in by a code"))
    }

    /// Takes a pair back by its access or refresh token; the host ends both. One that is unknown counts as taken back (RFC 7009,
    /// section 2.2), so this may be repeated.
    async fn revoke(&self, host: &HostUrl, token: &SecretString) -> Result<(), OauthError> {
        let _ = token;
        Err(unsupported(host, "signing in"))
    }
}

fn unsupported(host: &HostUrl, what: &str) -> OauthError {
    OauthError::Unsupported {
        host: host.to_string(),
        what: what.to_owned(),
    }
}

/// An access token that took the place of another.
#[derive(Clone)]
pub struct RotatedToken {
    /// The new one; the host shows it this once.
    pub token: SecretString,
    /// The day at whose beginning, in UTC, it stops working; `None` if never.
    pub expires_on: Option<NaiveDate>,
}

impl fmt::Debug for RotatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedToken")
            .field("expires_on", &self.expires_on)
            .finish_non_exhaustive()
    }
}

/// Why an access token was not rotated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// The host said no, or was not reached: the old token is as it was.
    #[error(transparent)]
    Refused(#[from] HostError),
    /// The answer is lost: perhaps there is a new token that nobody knows. It must not be tried again with the old one, because a host may
    /// take that for a theft and end every token of the family (GitLab docs, personal access tokens, automatic reuse detection).
    #[error("the answer of {host} is lost: {detail}")]
    Lost {
        /// Which host.
        host: String,
        /// What went wrong.
        detail: String,
    },
}

/// Has access tokens replace themselves. A host that cannot keeps the method as it is here.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VcsRotation: Send + Sync {
    /// Replaces the access token of `access` by a new one of the same scopes that works until the beginning of `expires_on`. The request is
    /// sent once, and never again; the old token is void from that moment on.
    async fn rotate(
        &self,
        access: &HostAccess,
        expires_on: NaiveDate,
    ) -> Result<RotatedToken, RotateError> {
        let _ = expires_on;
        Err(RotateError::Refused(HostError::Unsupported {
            host: access.host.to_string(),
            action: "rotating access tokens".to_owned(),
            detail: "make a new one there, and reconnect with it".to_owned(),
        }))
    }
}
