//! What opens a host, and how it stays good.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::HostError;
use crate::host::HostUrl;

/// Access tokens of a sign-in, which live for hours and are renewed behind this trait.
///
/// An adapter asks for the present one before each request, and once more when the host refuses the one that it sent: another program may
/// have renewed it in between, which ends the old one at once.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// The token to send now; one that is about to expire is renewed first.
    async fn current(&self) -> Result<SecretString, HostError>;

    /// Another one than `refused`, which the host has just said no to; `None` if there is none, and the refusal stands.
    async fn replacement(&self, refused: &SecretString) -> Result<Option<SecretString>, HostError>;
}

/// What opens a host.
#[derive(Clone)]
pub enum Credential {
    /// A personal, group, project or service-account access token.
    AccessToken(SecretString),
    /// The tokens of a sign-in.
    Oauth(Arc<dyn AccessTokens>),
}

impl Credential {
    /// The token of a sign-in that is not stored yet, so that nothing renews it.
    pub fn fresh(token: SecretString) -> Self {
        Self::Oauth(Arc::new(Fresh(token)))
    }

    /// The token to send now.
    pub async fn current(&self) -> Result<SecretString, HostError> {
        match self {
            Self::AccessToken(token) => Ok(token.clone()),
            Self::Oauth(tokens) => tokens.current().await,
        }
    }

    /// Another token than `refused`, which the host has just said no to; `None` if there is none.
    pub async fn replacement(
        &self,
        refused: &SecretString,
    ) -> Result<Option<SecretString>, HostError> {
        match self {
            Self::AccessToken(_) => Ok(None),
            Self::Oauth(tokens) => tokens.replacement(refused).await,
        }
    }

    /// Whether it comes from a sign-in; hosts describe such tokens elsewhere.
    pub const fn is_oauth(&self) -> bool {
        matches!(self, Self::Oauth(_))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken(_) => "AccessToken([REDACTED])",
            Self::Oauth(_) => "Oauth([REDACTED])",
        })
    }
}

struct Fresh(SecretString);

#[async_trait]
impl AccessTokens for Fresh {
    async fn current(&self) -> Result<SecretString, HostError> {
        Ok(self.0.clone())
    }

    async fn replacement(&self, _: &SecretString) -> Result<Option<SecretString>, HostError> {
        Ok(None)
    }
}

/// A host together with what opens it.
#[derive(Debug, Clone)]
pub struct HostAccess {
    /// Where.
    pub host: HostUrl,
    /// The credential; sent to that very host and to no other.
    pub credential: Credential,
}

impl HostAccess {
    /// By an access token.
    pub const fn by_token(host: HostUrl, token: SecretString) -> Self {
        Self {
            host,
            credential: Credential::AccessToken(token),
        }
    }
}
