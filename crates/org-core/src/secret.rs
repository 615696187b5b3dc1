//! What is known of a secret without its value. The value is in the vault alone.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::text::SecretName;

/// Points at a secret: everything but the vault holds only this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct SecretRef(pub SecretId);

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which value of a secret: counted from 1, one more for each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct SecretVersion(pub u32);

impl SecretVersion {
    /// The version of a secret that was just made.
    pub const FIRST: Self = Self(1);

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whose secret it is: that decides when it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretOwner {
    /// A person made it, and a person deletes it.
    Person,
    /// A connection attempt that has not ended; an attempt that failed takes it away.
    Attempt(AttemptId),
    /// Made for one organization, and deleted with it.
    Organization(OrganizationId),
}

/// What is known of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFacts {
    /// What points at it.
    pub reference: SecretRef,
    /// Its name, unique in its vault.
    pub name: SecretName,
    /// Its newest version.
    pub version: SecretVersion,
    /// Whose it is.
    pub owner: SecretOwner,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its newest version was made.
    pub updated_at: DateTime<Utc>,
}
