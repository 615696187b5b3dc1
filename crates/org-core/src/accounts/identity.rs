//! People as an identity provider knows them, and what they may do here because of it.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Role, SecretDigest};
use crate::oauth::RedirectUri;

/// How long a person has to sign in at the provider.
pub const ARRIVAL_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Who somebody is at a provider, for ever: neither a name nor an address of mail, since those are given to others later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId {
    /// The provider, as it writes itself.
    pub issuer: String,
    /// The person there.
    pub subject: String,
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.subject, self.issuer)
    }
}

/// Somebody whom a provider vouches for. Made only by an [`IdentityProvider`](crate::ports::IdentityProvider) that checked everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdentity {
    /// Who.
    pub id: ExternalId,
    /// What they call themselves there.
    pub name: Option<String>,
    /// Their address of mail.
    pub email: Option<String>,
    /// Whether the provider made sure that the address is theirs.
    pub email_verified: bool,
    /// The groups that they are in.
    pub groups: Vec<String>,
}

/// What a group of the provider is here for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRole {
    /// The group, as the provider writes it.
    pub group: String,
    /// The role that whoever is in it gets.
    pub role: Role,
}

/// Who gets in, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// The roles of groups. Whoever is in none of these does not get in.
    pub roles: Vec<GroupRole>,
    /// Whether an account is made at the first sign-in.
    pub create: bool,
}

impl IdentityPolicy {
    /// The highest role of these groups; `None` if there is none.
    pub fn role(&self, groups: &[String]) -> Option<Role> {
        self.roles
            .iter()
            .filter(|known| groups.contains(&known.group))
            .map(|known| known.role)
            .max_by_key(|role| role.level())
    }
}

/// A sign-in at a provider that waits for the browser to come back. It has nothing that could stand in for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The digest of what its answer must prove to know.
    pub state: SecretDigest,
    /// The digest of what only the browser has that began.
    pub browser: SecretDigest,
    /// Where the answer must arrive.
    pub redirect: RedirectUri,
    /// The page that the person wanted; it is judged when they are sent there.
    pub next: String,
    /// When it is too late for an answer.
    pub expires_at: DateTime<Utc>,
}
