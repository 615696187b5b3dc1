//! The password manager: adapters of the port [`SecretVault`](org_core::ports::SecretVault).
//!
//! One backend so far, the [`EmbeddedVault`]: secrets in an encrypted file in the data directory, for an installation that has no
//! password manager of its own. The crate reads no environment and no clock: whoever wires it says where the file and the key are.
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
//! The file is described byte by byte in `docs/vault-format.md`, so that a person with the key can read it without this program. Files and
//! modes are those of Unix; other systems are not supported.

mod embedded;
mod transfer;

pub use embedded::{
    CheckReport, Damage, EmbeddedVault, EmbeddedVaultOptions, Entropy, EntropyError, KeySource,
    MAX_VALUE_BYTES, OsEntropy, PassphraseCost, PassphraseCostError, ValueRefused, VaultFileError,
    WhenMissing,
};
