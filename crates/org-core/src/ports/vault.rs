//! The password manager.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretRef, SecretVersion, VersionFacts, VersionValue,
};
use crate::text::{SecretName, VaultName};

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
    /// The vault is there, and a person has to unseal it.
    #[error(
        "the vault at {place} is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself"
    )]
    Sealed {
        /// Where it is.
        place: String,
    },
    /// The server that was asked only stands by for another one.
    #[error("the vault at {place} only stands by: {detail}")]
    Standby {
        /// Where it is.
        place: String,
        /// What it said, and what to do.
        detail: String,
    },
    /// The engine or the namespace that the configuration names is not there, or is of another kind.
    #[error("the vault has no such place: {detail}")]
    WrongMount {
        /// What is wrong and what to do.
        detail: String,
    },
    /// The secret is known, and somebody deleted this version of its value in the vault itself.
    #[error("version {version} of the secret {reference} was deleted in the vault: {detail}")]
    VersionDeleted {
        /// The secret.
        reference: SecretRef,
        /// The version.
        version: SecretVersion,
        /// What to do.
        detail: String,
    },
    /// This kind of vault, or of secret, cannot do that.
    #[error("the vault cannot do that: {detail}")]
    Unsupported {
        /// What cannot be done, and what can.
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

impl VaultError {
    /// Whether it passes by itself, or once somebody mends the vault: doing the same again later may help, without any change here.
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Sealed { .. } | Self::Standby { .. }
        )
    }
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

    /// What is known of a secret; `None` if there is none under that reference.
    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError>;

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

/// Hands a secret from one vault to another, with its reference, its versions and their numbers.
///
/// A copy that arrives says so in its facts until [`VaultTransfer::settle`]; whoever has several vaults counts it only when the vault that it
/// comes from has the secret no longer. So there is no moment at which both count or none does, wherever a program dies.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VaultTransfer: Send + Sync {
    /// The versions whose values are there, the oldest first; none if there is no such secret.
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError>;

    /// Makes a copy of a secret that another vault, `from`, has: `facts` as they are there, and `versions` one after the other, up to the
    /// newest. [`VaultError::NameTaken`] if the name or the reference is there already, and [`VaultError::Unsupported`] for a secret that is
    /// not [`Kept`](crate::secret::SecretPlace::Kept) or for versions with a gap.
    ///
    /// One that ends with an error may have left a part of the copy, which says where it arrives from, like a whole one.
    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError>;

    /// Takes the mark of an arriving copy away; nothing if it has none, or if it is not there.
    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError>;

    /// Deletes a secret with all its versions if `expected` is still the newest; [`VaultError::VersionConflict`] otherwise, and `false` if
    /// there was none. Of this and a change at the same moment one is refused, so that no version is lost.
    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError>;
}

/// Points at secrets that somebody else keeps in the same vault.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SecretLinks: Send + Sync {
    /// Makes a secret whose value is read at `target` each time. What is there must be readable now, so that a mistake is told at once.
    /// [`VaultError::NameTaken`] as for a secret of one's own. Deleting it deletes the reference alone, and it takes no new version.
    async fn link(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        target: &ExternalSecret,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError>;
}
