//! Who may use an installation: people with a name and a role, their sessions, and the API tokens of their programs.
//!
//! Nothing here holds a password or a token: of a password there is the hash that a [`PasswordHasher`](crate::ports::PasswordHasher) made,
//! and of what a browser or a program shows there is a digest, so that whoever reads the database can sign in as nobody.

mod identity;
mod name;
pub mod throttle;
mod token;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{ApiTokenId, UserId};
use crate::words::word_enum;

pub use identity::{
    ARRIVAL_LIFETIME, Arrival, ExternalId, GroupRole, IdentityPolicy, VerifiedIdentity,
};
pub use name::{TokenName, UserName};
pub use token::{API_TOKEN_PREFIX, SecretDigest, SecretToken};

word_enum! {
    /// What a person is here for.
    Role: "role" {
        /// Looks at everything, and changes nothing.
        Viewer = "viewer",
        /// Runs the daily business: syncs, decisions, settings, licenses.
        Operator = "operator",
        /// Does everything: organizations, secrets, people, the pool and its rules.
        Administrator = "administrator",
    }
}

word_enum! {
    /// How much is allowed; each level includes the ones before it.
    Level: "scope" {
        /// Looking.
        Read = "read",
        /// The daily business.
        Write = "write",
        /// Everything.
        Admin = "admin",
    }
}

impl Role {
    /// The most that a person of this role may do.
    pub const fn level(self) -> Level {
        match self {
            Self::Viewer => Level::Read,
            Self::Operator => Level::Write,
            Self::Administrator => Level::Admin,
        }
    }
}

/// What is kept of a password: the text that a hasher made, with its algorithm, costs and salt. It has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps what a hasher made or a store kept.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// What is kept of whoever has no password, since an identity provider vouches for them. No hasher makes it.
    pub const fn absent() -> Self {
        Self(String::new())
    }

    /// The hash, if there is a password.
    pub fn present(&self) -> Option<&Self> {
        (!self.0.is_empty()).then_some(self)
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their identity, for ever.
    pub id: UserId,
    /// The name that they sign in with.
    pub name: UserName,
    /// What they are here for.
    pub role: Role,
    /// What is kept of their password.
    pub password: PasswordHash,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// Since when the account is closed; `None` while it is open.
    pub disabled_since: Option<DateTime<Utc>>,
    /// When they last signed in.
    pub last_sign_in: Option<DateTime<Utc>>,
}

impl User {
    /// Whether they may sign in.
    pub const fn is_open(&self) -> bool {
        self.disabled_since.is_none()
    }

    /// Whether they can manage the accounts with nobody's help: an administrator who may sign in, and can with a password.
    pub fn is_local_administrator(&self) -> bool {
        self.role == Role::Administrator && self.is_open() && self.password.present().is_some()
    }
}

/// A browser that somebody signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The digest of what the browser shows.
    pub digest: SecretDigest,
    /// Who signed in.
    pub user: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute or so.
    pub last_used_at: DateTime<Utc>,
    /// When it ends whatever happens.
    pub expires_at: DateTime<Utc>,
    /// Where from, as the server saw it.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// How long one lasts that is not used.
    pub idle: TimeDelta,
    /// How long one lasts at most.
    pub absolute: TimeDelta,
}

impl Session {
    /// Whether it still counts.
    pub fn is_alive(&self, now: DateTime<Utc>, lifetimes: SessionLifetimes) -> bool {
        now < self.expires_at && now < self.last_used_at + lifetimes.idle
    }
}

/// What a program shows to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its identity.
    pub id: ApiTokenId,
    /// Whose it is; it never allows more than its owner may do.
    pub user: UserId,
    /// What its owner calls it.
    pub name: TokenName,
    /// The most that it allows.
    pub scope: Level,
    /// The digest of the token.
    pub digest: SecretDigest,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working; `None` if never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiToken {
    /// Whether it still works.
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// How fine the time of last use is kept: a row is not written for each request.
pub const USE_GRAIN: TimeDelta = TimeDelta::minutes(1);

#[cfg(test)]
mod tests;
