//! From a key source to the data key, and the order of generated key files. Everything but [`unlock`] blocks.

use std::io;
use std::path::{Path, PathBuf};

use org_core::ports::VaultError;

use super::crypto::Key;
use super::error::{damaged, other};
use super::files::{self, KeyFileError, next_to};
use super::header::{Derivation, Header, Trial};
use super::key::{self, KeySource};

/// Runs what blocks where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| other(step, error))
}

/// The data key of the vault in the file `path`.
pub(super) async fn unlock(
    path: &Path,
    header: &Header,
    source: &KeySource,
) -> Result<Key, VaultError> {
    if let (KeySource::Transit(transit), Some(wrapped)) = (source, &header.transit_text) {
        let trial = match transit.unwrap(wrapped).await? {
            Some(bytes) => key_of(&bytes).map_or(Trial::WrongKey, |key| header.try_key(&key)),
            None => Trial::WrongKey,
        };
        return judged(path, header, source, trial);
    }
    let (path, header, source) = (path.to_owned(), header.clone(), source.clone());
    blocking("reading the vault's key", move || {
        unlock_now(&path, &header, &source)
    })
    .await?
}

fn key_of(bytes: &[u8]) -> Option<Key> {
    Key::filled(|key| {
        if bytes.len() != key.len() {
            return Err(());
        }
        key.copy_from_slice(bytes);
        Ok(())
    })
    .ok()
}

fn unlock_now(path: &Path, header: &Header, source: &KeySource) -> Result<Key, VaultError> {
    let trial = match (source, header.derivation) {
        (KeySource::Passphrase(passphrase), Derivation::Passphrase(cost)) => {
            header.try_key(&key::stretch(passphrase, &header.salt, cost)?)
        }
        (KeySource::PassphraseFile(file), Derivation::Passphrase(cost)) => {
            try_both(header, file, |place| {
                key::stretch(&files::read_passphrase(place)?, &header.salt, cost)
            })?
        }
        (KeySource::KeyFile(file) | KeySource::GeneratedKeyFile(file), Derivation::File) => {
            try_both(header, file, |place| Ok(files::read_key(place)?))?
        }
        _ => {
            return Err(VaultError::WrongKey {
                detail: format!(
                    "{} has {} for its key, and {} was given; name the right one in the configuration",
                    path.display(),
                    header.derivation.kind().in_words(),
                    source.describe(),
                ),
            });
        }
    };
    judged(path, header, source, trial)
}

fn judged(
    path: &Path,
    header: &Header,
    source: &KeySource,
    trial: Trial,
) -> Result<Key, VaultError> {
    match trial {
        Trial::Opened(key) => Ok(key),
        Trial::Altered => Err(damaged(path, "its header was altered")),
        Trial::WrongKey => Err(VaultError::WrongKey {
            detail: format!(
                "{} was given, and it is not the key of {} (key generation {}); give the one that was set last",
                source.describe(),
                path.display(),
                header.generation,
            ),
        }),
    }
}

/// The right key may be in the file beside: a rotation that was cut off after it was committed leaves a generated one there, and whoever
/// provides one puts its successor there. A rotation that is going on may move that file into its place between two looks, hence the third.
fn try_both(
    header: &Header,
    file: &Path,
    read: impl Fn(&Path) -> Result<Key, VaultError>,
) -> Result<Trial, VaultError> {
    for place in [file.to_owned(), next_to(file)] {
        if let Ok(key) = read(&place) {
            let trial = header.try_key(&key);
            if !matches!(trial, Trial::WrongKey) {
                return Ok(trial);
            }
        }
    }
    Ok(header.try_key(&read(file)?))
}

/// Brings a generated key file and the one beside it into order. To be called under the vault's write lock, with the header read under
/// it: only then is no rotation between its two files.
pub(super) fn settle(header: &Header, file: &Path) -> io::Result<()> {
    let next = next_to(file);
    if fits(header, file) {
        files::remove_durably(&next)
    } else if fits(header, &next) {
        files::promote_next_key(file)
    } else {
        // Neither is this vault's; they may be somebody else's only copy.
        Ok(())
    }
}

/// Removes the key file of a key that was replaced, unless it still is (or again is) the vault's key. Under the write lock, like
/// [`settle`].
pub(super) fn remove_replaced(header: &Header, file: &Path) -> io::Result<()> {
    if fits(header, file) {
        return Ok(());
    }
    files::remove_durably(file)
}

/// Whether the file holds the key of the vault.
pub(super) fn fits(header: &Header, file: &Path) -> bool {
    files::read_key(file).is_ok_and(|key| header.is_key(&key))
}

/// A file that must not be written over: it is there, and not with this vault's key.
pub(super) fn stranger_at(header: &Header, file: &Path) -> Option<PathBuf> {
    (file.symlink_metadata().is_ok() && !fits(header, file)).then(|| file.to_owned())
}

impl From<KeyFileError> for VaultError {
    fn from(error: KeyFileError) -> Self {
        Self::Locked {
            detail: error.to_string(),
        }
    }
}
