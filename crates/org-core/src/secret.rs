//! What is known of a secret without its value. The value is in the vault alone.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::text::{SecretName, VaultName};

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

/// Why a text does not point at a secret of another owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalSecretError {
    /// A part is missing.
    #[error(
        "the {part} is empty; name the mount, the path and the key, such as `secret`, `ci/gitlab` and `token`"
    )]
    Empty {
        /// Which part.
        part: &'static str,
    },
    /// A part is longer than any vault keeps.
    #[error("the {part} is longer than {limit} bytes")]
    TooLong {
        /// Which part.
        part: &'static str,
        /// The most bytes allowed.
        limit: usize,
    },
    /// A part would lead elsewhere than it reads.
    #[error(
        "the {part} `{text}` has an empty, `.` or `..` step, or a control character; write it as the vault lists it, without a slash at either end"
    )]
    NotAPath {
        /// Which part.
        part: &'static str,
        /// The refused text.
        text: String,
    },
}

/// Points at a secret that somebody else keeps in a vault: it is read there each time, and never copied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalSecret {
    mount: String,
    path: String,
    key: String,
}

impl ExternalSecret {
    /// The value under `key` of what stands at `path` of the engine that is mounted at `mount`.
    ///
    /// ```
    /// use org_core::secret::ExternalSecret;
    /// let target = ExternalSecret::new("secret", "ci/gitlab", "token")?;
    /// assert_eq!(target.to_string(), "secret/ci/gitlab#token");
    /// assert!(ExternalSecret::new("secret", "ci/../root", "token").is_err());
    /// # Ok::<(), org_core::secret::ExternalSecretError>(())
    /// ```
    pub fn new(mount: &str, path: &str, key: &str) -> Result<Self, ExternalSecretError> {
        // What a vault keeps beside a secret has at most 512 bytes each.
        const LIMIT: usize = 500;
        let slashes = |text: &str| text.trim().trim_matches('/').to_owned();
        let parts = [
            ("mount", slashes(mount)),
            ("path", slashes(path)),
            ("key", key.trim().to_owned()),
        ];
        for (part, text) in &parts {
            if text.is_empty() {
                return Err(ExternalSecretError::Empty { part });
            }
            if text.len() > LIMIT {
                return Err(ExternalSecretError::TooLong { part, limit: LIMIT });
            }
            let leads_elsewhere =
                *part != "key" && text.split('/').any(|step| matches!(step, "" | "." | ".."));
            if leads_elsewhere || text.chars().any(char::is_control) {
                return Err(ExternalSecretError::NotAPath {
                    part,
                    text: text.escape_default().to_string(),
                });
            }
        }
        let [(_, mount), (_, path), (_, key)] = parts;
        Ok(Self { mount, path, key })
    }

    /// Where the engine is mounted, without slashes at the ends.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The path within the engine, without slashes at the ends.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key of the value.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ExternalSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.mount, self.path, self.key)
    }
}

/// Where the value of a secret stands within its vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the part of the vault that is Forgehold's own.
    Kept,
    /// It belongs to somebody else and is only pointed at. Its versions are theirs: here it always has the first one.
    External(ExternalSecret),
}

/// One version of a secret that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionFacts {
    /// Its number.
    pub version: SecretVersion,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// One version with its value, on its way from one vault to another.
#[derive(Debug, Clone)]
pub struct VersionValue {
    /// Which one, and since when.
    pub facts: VersionFacts,
    /// The value.
    pub value: SecretString,
}

/// How a sign-in names a secret of its own. Nobody else makes such a name, since a reference is not known before its secret is made.
pub(crate) fn name_of_sign_in(reference: SecretRef) -> SecretName {
    format!("sign-in-{reference}")
        .parse()
        .expect("a UUID has only letters, digits and dashes")
}

impl SecretFacts {
    /// Whether a sign-in made it for itself: its verifier while it is under way, and its tokens afterwards.
    pub fn is_of_sign_in(&self) -> bool {
        self.name == name_of_sign_in(self.reference)
    }
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
    /// The vault that has it.
    pub vault: VaultName,
    /// Where in that vault.
    pub place: SecretPlace,
    /// The vault that it is being moved from. As long as that one has it too, this is a copy that does not count yet.
    pub arriving_from: Option<VaultName>,
}
