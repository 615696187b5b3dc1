//! What can be wrong with the vault's file, its key and its values, and how the database's errors are sorted.

use std::io;
use std::path::{Path, PathBuf};

use org_core::ports::VaultError;

use super::entropy::EntropyError;

/// What is wrong with the vault's file; the source of [`VaultError::Other`].
#[derive(Debug, thiserror::Error)]
pub enum VaultFileError {
    /// There is no file, and making one was not allowed.
    #[error(
        "there is no vault at {}; put it back from the backup, together with its key", .path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The directory of the file does not exist.
    #[error("the directory {} does not exist; make it first, for this user alone", .directory.display())]
    NoDirectory {
        /// Which one.
        directory: PathBuf,
    },
    /// The file is something else. It was not touched.
    #[error(
        "{} is not a Forgehold vault; name the right file, or move this one away", .path.display()
    )]
    NotAVault {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later release.
    #[error(
        "{} has the format {found} of a newer Forgehold, and this one reads up to {known}; use the newer program", .path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this release reads.
        known: i64,
    },
    /// The file is damaged in a place that belongs to no single secret.
    #[error("{} is damaged: {detail}; put it back from the backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// The system does not let the file or its directory be used.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The key was changed, and a file of the change could not be put into its place.
    #[error(
        "the vault already has its new key, but the key file {} could not be put in order; it is done at the next start", .path.display()
    )]
    KeyFileUnsettled {
        /// The key file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

pub(super) fn other(
    step: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> VaultError {
    VaultError::Other {
        step,
        source: Box::new(source),
    }
}

pub(super) fn no_entropy(error: EntropyError) -> VaultError {
    other("asking the system for randomness", error)
}

pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> VaultError {
    other(
        "reading the vault",
        VaultFileError::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        },
    )
}

/// Sorts what the database says by what the caller can do about it.
pub(super) fn database(path: &Path, step: &'static str, error: sqlx::Error) -> VaultError {
    let shown = path.display();
    match primary_code(&error) {
        Some(5 | 6) => VaultError::Unavailable {
            detail: format!("another program has been writing to {shown} for too long; try again"),
        },
        Some(13) => VaultError::Unavailable {
            detail: format!("the disk of {shown} is full; make room and try again"),
        },
        Some(8) => VaultError::Denied {
            detail: format!(
                "{shown} cannot be written; give this user the right to write it and its directory"
            ),
        },
        Some(14) => VaultError::Unavailable {
            detail: format!(
                "{shown} cannot be opened; see that it and its directory are there and belong to this user"
            ),
        },
        Some(11) => damaged(path, error.to_string()),
        Some(26) => other(
            step,
            VaultFileError::NotAVault {
                path: path.to_owned(),
            },
        ),
        _ if matches!(error, sqlx::Error::PoolTimedOut) => VaultError::Unavailable {
            detail: format!("too much is waiting for {shown}; try again"),
        },
        _ => other(step, error),
    }
}

/// Whether another connection was in the way.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(5 | 6))
}

/// `SQLite`'s result code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
