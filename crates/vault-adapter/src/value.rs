//! What every vault here takes for a value.

use org_core::ports::VaultError;
use secrecy::{ExposeSecret, SecretString};

/// The longest value in bytes. Credentials are far shorter; files do not belong into a vault.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Why a value is not taken; the source of [`VaultError::Other`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueRefused {
    /// An empty value protects nothing and is most often an accident of a script.
    #[error("the value is empty")]
    Empty,
    /// A vault keeps credentials, not files.
    #[error("the value has {bytes} bytes; the vault takes up to {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// No further version can be counted.
    #[error("the secret has as many versions as can be counted; delete it and make it anew")]
    TooManyVersions,
}

/// Whether the vault takes a value.
pub(crate) fn check_value(value: &SecretString) -> Result<(), VaultError> {
    let bytes = value.expose_secret().len();
    let refused = if bytes == 0 {
        ValueRefused::Empty
    } else if bytes > MAX_VALUE_BYTES {
        ValueRefused::TooLong {
            bytes,
            limit: MAX_VALUE_BYTES,
        }
    } else {
        return Ok(());
    };
    Err(VaultError::Other {
        step: "checking the value",
        source: Box::new(refused),
    })
}
