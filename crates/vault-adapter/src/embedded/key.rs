//! Where the vault's key comes from.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use org_core::ports::VaultError;
use secrecy::{ExposeSecret, SecretString};

use super::crypto::Key;
use super::error::other;
use super::recovery::RecoveryKey;
use crate::openbao::TransitKey;

/// Where the key of the vault comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum KeySource {
    /// A passphrase, taken as it is: whoever reads it from a file drops the line end. Stretched by Argon2id.
    Passphrase(SecretString),
    /// A passphrase on the first line of a file, read anew whenever the vault's key changed. Like every key file it must be readable for its
    /// owner alone, and like a [`KeySource::KeyFile`] it may have its successor beside it.
    PassphraseFile(PathBuf),
    /// A file with 64 hexadecimal digits (`openssl rand -hex 32`) that somebody else provides. It is never written or removed here. Like
    /// every key file it must be readable for its owner alone. A key that shall replace it is put beside it, into a file with `.next` at its
    /// end, before the vault's key is rotated: programs that run read both.
    KeyFile(PathBuf),
    /// A key file that this program makes at the first start, replaces when the key is rotated, and removes when another key takes its
    /// place. Beside it may stand, for moments or after a crash, a file with `.next` at its end: the key that is about to replace it.
    GeneratedKeyFile(PathBuf),
    /// A key that never leaves a server of `OpenBao` or `HashiCorp` Vault: it wraps the vault's own.
    Transit(TransitKey),
    /// The key that was shown once for the day when no other is left; it opens a vault, and nothing is ever put under it.
    Recovery(RecoveryKey),
}

impl KeySource {
    /// A key file that is made at the first start.
    pub fn generated_file(path: impl Into<PathBuf>) -> Self {
        Self::GeneratedKeyFile(path.into())
    }

    /// A key file that somebody else provides.
    pub fn key_file(path: impl Into<PathBuf>) -> Self {
        Self::KeyFile(path.into())
    }

    /// A passphrase.
    pub fn passphrase(passphrase: impl Into<SecretString>) -> Self {
        Self::Passphrase(passphrase.into())
    }

    /// A passphrase in a file.
    pub fn passphrase_file(path: impl Into<PathBuf>) -> Self {
        Self::PassphraseFile(path.into())
    }

    /// In words, without anything secret.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Passphrase(_) => "a passphrase".to_owned(),
            Self::PassphraseFile(path) => format!("the passphrase in {}", path.display()),
            Self::Transit(key) => key.describe(),
            Self::Recovery(_) => "the recovery key".to_owned(),
            Self::KeyFile(path) | Self::GeneratedKeyFile(path) => {
                format!("the key file {}", path.display())
            }
        }
    }

    /// The file that this program makes, replaces and removes.
    pub(super) fn generated_path(&self) -> Option<&Path> {
        match self {
            Self::GeneratedKeyFile(path) => Some(path),
            Self::Passphrase(_)
            | Self::PassphraseFile(_)
            | Self::KeyFile(_)
            | Self::Transit(_)
            | Self::Recovery(_) => None,
        }
    }
}

/// What kind of key the vault's file says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Passphrase,
    File,
    Transit,
}

impl KeyKind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::File => "key-file",
            Self::Transit => "transit",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Passphrase, Self::File, Self::Transit]
            .into_iter()
            .find(|kind| kind.word() == word)
    }

    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Passphrase => "a passphrase",
            Self::File => "a key file",
            Self::Transit => "a key on a server (transit)",
        }
    }
}

/// The cost is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a passphrase cost of {memory_kib} KiB, {passes} passes and {lanes} lanes is out of bounds: 8 KiB per lane to 4 GiB, 1 to 64 passes, 1 to 16 lanes"
)]
pub struct PassphraseCostError {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What it costs to try one passphrase, by Argon2id: memory, passes over it, and lanes. It is kept in the vault's file, so that a change of
/// the default never locks a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseCost {
    /// 64 MiB, three passes, one lane: about a tenth of a second.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// Another cost. The bounds keep a damaged or hostile file from demanding all of the machine's memory.
    pub const fn new(
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, PassphraseCostError> {
        let fits = matches!(lanes, 1..=16)
            && matches!(passes, 1..=64)
            && memory_kib >= 8 * lanes
            && memory_kib <= 4 * 1024 * 1024;
        if fits {
            Ok(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(PassphraseCostError {
                memory_kib,
                passes,
                lanes,
            })
        }
    }

    pub(super) const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    pub(super) const fn passes(self) -> u32 {
        self.passes
    }

    pub(super) const fn lanes(self) -> u32 {
        self.lanes
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Turns a passphrase into a key. Takes long on purpose: call it where blocking is allowed.
pub(super) fn stretch(
    passphrase: &SecretString,
    salt: &[u8],
    cost: PassphraseCost,
) -> Result<Key, VaultError> {
    let text = passphrase.expose_secret();
    if text.is_empty() {
        return Err(VaultError::Locked {
            detail: "the passphrase is empty; give the one of this vault".to_owned(),
        });
    }
    let failed = |error: argon2::Error| other("stretching the passphrase", error);
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Key::filled(|bytes| argon2.hash_password_into(text.as_bytes(), salt, bytes)).map_err(failed)
}
