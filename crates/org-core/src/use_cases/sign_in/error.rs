//! Why a sign-in did not come about.

use crate::oauth::RedirectUri;
use crate::ports::{EntropyError, OauthError};
use crate::use_cases::ErrorKind;

/// Why a sign-in did not come about. No message holds a state, a code or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Nobody configured an application for the host.
    #[error("no application is configured for signing in at {host}")]
    NotRegistered {
        /// The host.
        host: String,
        /// What must be registered there.
        redirect: RedirectUri,
    },
    /// No sign-in waits for this answer.
    #[error(
        "no sign-in waits for this answer: it was answered before, took longer than ten minutes, or was not started here"
    )]
    UnknownState,
    /// The time is over.
    #[error("the sign-in took longer than ten minutes")]
    Expired,
    /// Another session than the one that began brought the answer.
    #[error("the answer came to another session than the one that began the sign-in")]
    OtherInitiator,
    /// The answer arrived elsewhere than it was to.
    #[error(
        "the answer arrived at `{arrived}` instead of `{expected}`; perhaps another host mixed itself in"
    )]
    OtherRedirect {
        /// Where it arrived.
        arrived: String,
        /// Where it was to.
        expected: String,
    },
    /// The answer names another host as its issuer.
    #[error(
        "the answer says that it comes from `{issuer}`, not from {host}; perhaps another host mixed itself in"
    )]
    OtherIssuer {
        /// Who it says it is.
        issuer: String,
        /// Who was asked.
        host: String,
    },
    /// The browser brought an error instead of a code.
    #[error("{host} did not let you in: {detail}")]
    HostSaid {
        /// The host.
        host: String,
        /// The error code, such as `access_denied`.
        code: String,
        /// What it means.
        detail: String,
    },
    /// The answer has neither a code nor an error.
    #[error("the answer of the browser has neither a code nor an error")]
    Empty,
    /// The attempt that it belongs to has ended by other means.
    #[error("what the sign-in was for has ended meanwhile")]
    Over,
    /// A person stopped it.
    #[error("the sign-in was stopped before anything was stored")]
    Canceled,
    /// Nobody wanted more than to look.
    #[error("the sign-in was only a check, so nothing was stored")]
    OnlyChecked,
    /// The host did not do its part.
    #[error(transparent)]
    Oauth(#[from] OauthError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl SignInError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotRegistered { .. } | Self::Empty => ErrorKind::Invalid,
            Self::UnknownState
            | Self::Expired
            | Self::Over
            | Self::Canceled
            | Self::OnlyChecked => ErrorKind::Conflict,
            Self::OtherInitiator
            | Self::OtherRedirect { .. }
            | Self::OtherIssuer { .. }
            | Self::HostSaid { .. } => ErrorKind::Denied,
            Self::Oauth(error) => match error {
                OauthError::AccessDenied { .. }
                | OauthError::InvalidGrant { .. }
                | OauthError::Refused { .. } => ErrorKind::Denied,
                OauthError::NotRegistered { .. } => ErrorKind::Invalid,
                OauthError::Expired { .. } => ErrorKind::Conflict,
                _ => ErrorKind::Unavailable,
            },
            Self::Entropy(_) => ErrorKind::Internal,
        }
    }

    /// What to do next, where the message itself does not say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotRegistered { host, redirect } => format!(
                "register an application at {host} (User settings, Applications; not confidential; scopes read_api, read_user, \
                 read_repository, and api for restoring) with exactly the redirect URI {redirect}, and add its client id to \
                 `oauth.clients` of the configuration; or register using login and token"
            ),
            Self::HostSaid { code, .. } if code == "access_denied" => {
                "sign in again and agree, or ask whoever runs the host to allow the application".to_owned()
            }
            Self::Oauth(OauthError::AccessDenied { .. }) => {
                "sign in again and agree, or ask whoever runs the host to allow the application".to_owned()
            }
            Self::HostSaid { .. } | Self::Oauth(OauthError::Refused { .. }) => {
                "check the application at the host (redirect URI, scopes, whether it is confidential) and its client id and secret in \
                 `oauth.clients`"
                    .to_owned()
            }
            Self::Oauth(OauthError::Unsupported { .. }) => {
                "sign in with a browser on this machine, or use an access token".to_owned()
            }
            Self::Oauth(OauthError::NotSent { .. } | OauthError::RateLimited { .. }) => {
                "try again later".to_owned()
            }
            Self::Oauth(_)
            | Self::UnknownState
            | Self::Expired
            | Self::OtherInitiator
            | Self::OtherRedirect { .. }
            | Self::OtherIssuer { .. }
            | Self::Empty
            | Self::Over => "start the sign-in again".to_owned(),
            Self::Canceled | Self::OnlyChecked | Self::Entropy(_) => return None,
        };
        Some(hint)
    }
}
