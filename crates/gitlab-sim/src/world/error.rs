//! Why the world refuses a change.

use super::{GroupId, Ref, TokenId};

/// Why a mutation was refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// No group is called that.
    #[error("no group `{0}`")]
    NoSuchGroup(Ref),
    /// No project is called that.
    #[error("no project `{0}`")]
    NoSuchProject(Ref),
    /// No user has that login.
    #[error("no user `{0}`")]
    NoSuchUser(String),
    /// No token has that number.
    #[error("no token {0}")]
    NoSuchToken(TokenId),
    /// Something else has that path.
    #[error("path `{0}` is taken")]
    PathTaken(String),
    /// The path is empty or has characters that GitLab refuses.
    #[error("path `{0}` is not a valid path segment")]
    InvalidPath(String),
    /// A group cannot go below itself.
    #[error("group {0} cannot be moved into itself or below itself")]
    Cycle(GroupId),
    /// No application has that client id.
    #[error("no application `{0}`")]
    NoSuchApplication(String),
    /// Another application has that client id.
    #[error("client id `{0}` is taken")]
    ApplicationTaken(String),
    /// The redirect URI is not absolute, has a fragment or a scheme that GitLab refuses.
    #[error("`{0}` is not a valid redirect URI")]
    InvalidRedirectUri(String),
    /// The scopes are unknown or not the application's.
    #[error("scope `{0}` is not valid here")]
    InvalidScope(String),
    /// No device waits with that user code.
    #[error("no device waits with that user code")]
    NoSuchDevice,
    /// Bots and service accounts do not sign in.
    #[error("user `{0}` is no person and has no password")]
    NoPassword(String),
}
