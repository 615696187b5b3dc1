//! People and API tokens, without anything that lets somebody in.

use org_core::use_cases::accounts::{Caller, IssuedToken, Via};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::stamp;

/// A person with an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    /// Their id.
    pub id: String,
    /// The name that they sign in with.
    pub name: String,
    /// `viewer`, `operator` or `administrator`.
    pub role: String,
    /// When the account was made.
    pub created_at: String,
    /// Since when the account is closed; null while it is open.
    pub disabled_since: Option<String>,
    /// When they last signed in.
    pub last_sign_in: Option<String>,
}

impl From<&org_core::accounts::User> for User {
    fn from(user: &org_core::accounts::User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.to_string(),
            role: user.role.to_string(),
            created_at: stamp(user.created_at),
            disabled_since: user.disabled_since.map(stamp),
            last_sign_in: user.last_sign_in.map(stamp),
        }
    }
}

/// An API token. What is shown to be let in is told once, when it is made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiToken {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The name of its owner.
    pub user: String,
    /// `read`, `write` or `admin`: the most that it allows.
    pub scope: String,
    /// When it was made.
    pub created_at: String,
    /// When it stops working; null if never.
    pub expires_at: Option<String>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<String>,
}

impl ApiToken {
    /// A token and the name of its owner.
    pub fn new(token: &org_core::accounts::ApiToken, user: &org_core::accounts::User) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.to_string(),
            user: user.name.to_string(),
            scope: token.scope.to_string(),
            created_at: stamp(token.created_at),
            expires_at: token.expires_at.map(stamp),
            last_used_at: token.last_used_at.map(stamp),
        }
    }
}

/// A browser that somebody is signed in with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BrowserSession {
    /// What the browser says it is.
    pub agent: String,
    /// Where from, as the server saw it.
    pub address: String,
    /// When they signed in.
    pub created_at: String,
    /// When it was last used, to the minute or so.
    pub last_used_at: String,
    /// When it ends whatever happens.
    pub expires_at: String,
}

impl From<&org_core::accounts::Session> for BrowserSession {
    fn from(session: &org_core::accounts::Session) -> Self {
        Self {
            agent: session.agent.clone(),
            address: session.address.clone(),
            created_at: stamp(session.created_at),
            last_used_at: stamp(session.last_used_at),
            expires_at: stamp(session.expires_at),
        }
    }
}

/// Sessions that have ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct EndedSessions {
    /// How many.
    pub ended: u64,
}

/// A new API token, with what is shown now and never again.
#[derive(Clone, Serialize, ToSchema)]
pub struct NewApiToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// What a program shows: `Authorization: Bearer VALUE`.
    pub value: String,
}

impl NewApiToken {
    /// The one answer in which the value stands.
    pub fn new(issued: &IssuedToken, user: &org_core::accounts::User) -> Self {
        Self {
            token: ApiToken::new(&issued.token, user),
            value: issued.secret.shown.expose_secret().to_owned(),
        }
    }
}

/// Without the value.
impl std::fmt::Debug for NewApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApiToken")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The person.
    pub user: User,
    /// `read`, `write` or `admin`: the most that they may do here and now.
    pub level: String,
    /// The API token that was shown.
    pub token: Option<ApiToken>,
}

impl From<&Caller> for Me {
    fn from(caller: &Caller) -> Self {
        Self {
            user: (&caller.user).into(),
            level: caller.level.to_string(),
            token: match &caller.via {
                Via::Token(token) => Some(ApiToken::new(token, &caller.user)),
                Via::Session(_) | Via::Machine => None,
            },
        }
    }
}
