//! The password manager.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::text::SecretName;

/// Why a vault did not do as asked. No message ever holds a value.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Another secret has the name.
    #[error("there is already a secret `{name}`; choose another name, or rotate that one")]
    NameTaken {
        /// The name.
        name: SecretName,
    },
    /// Somebody changed the secret meanwhile.
    #[error(
        "the secret `{name}` was changed meanwhile: expected version {expected}, found {found}; look at it and try again"
    )]
    VersionConflict {
        /// The secret.
        name: SecretName,
        /// The version that the caller knew.
        expected: SecretVersion,
        /// The version that there is.
        found: SecretVersion,
    },
    /// There is no such secret to change.
    #[error("there is no secret {reference} in the vault")]
    NotFound {
        /// Which one was meant.
        reference: SecretRef,
    },
    /// The vault cannot be opened without a key.
    #[error("the vault is locked: {detail}")]
    Locked {
        /// Which key is missing and where it belongs.
        detail: String,
    },
    /// The key does not open this vault.
    #[error("the key does not open this vault: {detail}")]
    WrongKey {
        /// Which key, and what to do.
        detail: String,
    },
    /// A record was altered or is damaged.
    #[error("the secret {reference} in the vault was altered or is damaged: {detail}")]
    Tampered {
        /// Which one.
        reference: SecretRef,
        /// What does not fit.
        detail: String,
    },
    /// The vault denies access.
    #[error("the vault denies access: {detail}")]
    Denied {
        /// What it said.
        detail: String,
    },
    /// The vault cannot be reached or is busy; trying again later may help.
    #[error("the vault cannot be reached: {detail}")]
    Unavailable {
        /// What went wrong.
        detail: String,
    },
    /// Anything else.
    #[error("the vault failed while {step}")]
    Other {
        /// What it was doing.
        step: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How a vault is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultHealth {
    /// What kind of vault it is and where its key comes from, in words.
    pub description: String,
    /// How many secrets it has.
    pub secrets: u64,
}

/// Keeps secrets.
///
/// Values come in and go out as [`SecretString`] alone. Names are unique. Each change of a value makes a new version, and earlier versions
/// stay readable until they are forgotten or the secret is deleted. Safe with several programs at once: of two changes made on the same version one is refused.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SecretVault: Send + Sync {
    /// Makes a secret under an id that the caller chose; [`VaultError::NameTaken`] if another one has the name. Doing it again with the same id
    /// and name is a conflict too.
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError>;

    /// The newest value and its version; `None` if there is no such secret.
    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError>;

    /// An earlier value; `None` if there is no such secret or version.
    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError>;

    /// Adds a version to what the caller knows as `expected`; [`VaultError::VersionConflict`] if that is not the newest, and
    /// [`VaultError::NotFound`] if there is no such secret.
    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError>;

    /// Says whose secret it is from now on; [`VaultError::NotFound`] if there is none.
    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError>;

    /// What is known of a secret; `None` if there is none of that name.
    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError>;

    /// What is known of every secret, in the order of their names.
    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError>;

    /// Deletes for good every version older than `version`, and answers how many that were. The newest one stays whatever is asked, and keeps
    /// its number. [`VaultError::NotFound`] if there is no such secret. Doing it again, or for versions that are gone already, is no error.
    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError>;

    /// Deletes a secret with all its versions; `false` if there was none.
    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError>;

    /// Opens the vault for a look, without touching a secret.
    async fn health(&self) -> Result<VaultHealth, VaultError>;
}
