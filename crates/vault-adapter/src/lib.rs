//! The password manager: adapters of the port [`SecretVault`](org_core::ports::SecretVault).
//!
//! Two backends. The [`EmbeddedVault`] keeps secrets in an encrypted file in the data directory, for an installation that has no password
//! manager of its own; the [`OpenBaoVault`] keeps them on the company's server of `OpenBao` or `HashiCorp` Vault. The crate reads no environment
//! and no clock of its own: whoever wires it says where the file and the key are, where the server is, and what time it is.
//!
//! ```no_run
//! use org_core::ports::SecretVault;
//! use vault_adapter::{EmbeddedVault, EmbeddedVaultOptions, KeySource};
//!
//! # async fn wire() -> Result<(), org_core::ports::VaultError> {
//! let key = KeySource::generated_file("/var/lib/forgehold/vault.key");
//! let vault =
//!     EmbeddedVault::open(EmbeddedVaultOptions::new("/var/lib/forgehold/vault.sqlite", key)).await?;
//! println!("{}", vault.health().await?.description);
//! # Ok(())
//! # }
//! ```
//!
//! The file is described byte by byte in `docs/vault-format.md`, and the entries on a server in `docs/vault-openbao.md`, so that a person with
//! the key or the right can read them without this program. Files and
//! modes are those of Unix; other systems are not supported.

mod embedded;
mod openbao;
mod transfer;
mod value;

pub use embedded::{
    CheckReport, Damage, EmbeddedVault, EmbeddedVaultOptions, Entropy, EntropyError, KeySource,
    OsEntropy, PassphraseCost, PassphraseCostError, RecoveryKey, RecoveryKeyError, VaultFileError,
    WhenMissing,
};
pub use openbao::{
    Credential, OpenBaoAuth, OpenBaoOptions, OpenBaoOptionsError, OpenBaoVault, TransitKey,
};
pub use value::{MAX_VALUE_BYTES, ValueRefused};
