//! Files on the disk: the vault's own before it is opened, and key files. Everything here blocks.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::crypto::{KEY_LEN, Key};
use super::error::VaultFileError;
use super::{APPLICATION_ID, FORMAT};

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;
/// A key is 64 digits; more than this is no key file.
const MAX_KEY_FILE: usize = 1024;

/// Why a key file gives no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFileError {
    #[error(
        "the key file {} is missing; put it back from the backup: without it nobody can read the secrets", .path.display()
    )]
    Missing { path: PathBuf },
    #[error("{} is no plain file; name the file that holds the key", .path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "the key file {} may be used by others (mode {mode:04o}); make it yours alone: chmod 600 {}", .path.display(), .path.display()
    )]
    TooOpen { path: PathBuf, mode: u32 },
    #[error(
        "{} holds no key; 64 hexadecimal digits are expected, as `openssl rand -hex 32` writes them", .path.display()
    )]
    NotAKey { path: PathBuf },
    #[error("the passphrase in {} is not text in UTF-8; write it anew", .path.display())]
    NotText { path: PathBuf },
    #[error("the key file {} cannot be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
}

/// What stands at the vault's path, judged without opening it as a database.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// An empty file, or a database that does not say whose it is: perhaps a vault that was cut off while it was being made.
    Unmarked,
    Vault,
}

/// Looks at the first bytes, so that a foreign file is refused before anything writes to it.
pub(super) fn inspect(path: &Path) -> Result<Found, VaultFileError> {
    let unusable = |source| VaultFileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = parent(path);
            if directory.is_dir() {
                return Ok(Found::Nothing);
            }
            return Err(VaultFileError::NoDirectory {
                directory: directory.to_owned(),
            });
        }
        Err(error) => return Err(unusable(error)),
    };
    let foreign = || VaultFileError::NotAVault {
        path: path.to_owned(),
    };
    if !file.metadata().map_err(unusable)?.is_file() {
        return Err(foreign());
    }
    let mut start = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut start).map_err(unusable)?;
    if start.is_empty() {
        return Ok(Found::Unmarked);
    }
    // The header of an SQLite file (sqlite.org/fileformat2.html): magic, user version at 60, application id at 68.
    if start.len() < 100 || !start.starts_with(b"SQLite format 3\0") {
        return Err(foreign());
    }
    let number = |at: usize| {
        start[at..at + 4]
            .iter()
            .fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
    };
    match (number(68), number(60)) {
        (APPLICATION_ID, found) if found > FORMAT => Err(VaultFileError::NewerFormat {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }),
        (APPLICATION_ID, _) => Ok(Found::Vault),
        (0, _) => Ok(Found::Unmarked),
        _ => Err(foreign()),
    }
}

/// Makes an empty file for the vault; one that another program made meanwhile is as good.
pub(super) fn create_empty(path: &Path) -> Result<(), VaultFileError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)
        .and_then(|file| file.sync_all())
        .and_then(|()| sync_directory(path));
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(VaultFileError::Io {
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Takes the vault's file away from everybody but its owner; the database gives its side files the same mode.
pub(super) fn tighten(path: &Path) -> Result<(), VaultFileError> {
    let tightened = fs::metadata(path).and_then(|metadata| {
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & OTHERS == 0 {
            return Ok(());
        }
        tracing::warn!(path = %path.display(), mode = format!("{mode:04o}"), "the vault was open to others and is closed now");
        fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))
    });
    tightened.map_err(|source| VaultFileError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Reads a key file that must be for its owner alone.
pub(super) fn read_key(path: &Path) -> Result<Key, KeyFileError> {
    let named = || path.to_owned();
    parse_key(&read_private(path)?).ok_or_else(|| KeyFileError::NotAKey { path: named() })
}

/// Reads a passphrase from a file that must be for its owner alone; the end of its line is no part of it.
pub(super) fn read_passphrase(path: &Path) -> Result<SecretString, KeyFileError> {
    let bytes = read_private(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyFileError::NotText {
        path: path.to_owned(),
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

/// Reads the first bytes of a file that must be for its owner alone.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let named = || path.to_owned();
    let unreadable = |reason: io::Error| match reason.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing { path: named() },
        _ => KeyFileError::Unreadable {
            path: named(),
            reason,
        },
    };
    // Asked before opening, since opening a pipe would wait; asked again of the open file, since that is the one that is read.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(KeyFileError::NotAFile { path: named() });
    }
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path: named() });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeyFileError::TooOpen {
            path: named(),
            mode,
        });
    }
    // A buffer that never grows leaves no copy of the digits in freed memory.
    let mut text = Zeroizing::new(vec![0; MAX_KEY_FILE]);
    let mut length = 0;
    let mut file = file;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    text.truncate(length);
    Ok(text)
}

/// Writes a new key beside the one at `path`, on the disk for good when this returns.
pub(super) fn write_next_key(path: &Path, key: &Key) -> io::Result<()> {
    let next = next_to(path);
    remove_if_there(&next)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(&next)?;
    file.write_all(&format_key(key))?;
    file.sync_all()?;
    sync_directory(&next)
}

/// Puts the key written by [`write_next_key`] into the place of the one at `path`.
pub(super) fn promote_next_key(path: &Path) -> io::Result<()> {
    fs::rename(next_to(path), path)?;
    sync_directory(path)
}

/// Removes a file that may be gone already.
pub(super) fn remove_durably(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    sync_directory(path)
}

/// Where the key stands that is about to replace the one at `path`.
pub(super) fn next_to(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".next");
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new or removed name is on the disk only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn format_key(key: &Key) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(Vec::with_capacity(2 * KEY_LEN + 1));
    for byte in key.expose() {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text.push(b'\n');
    text
}

fn parse_key(text: &[u8]) -> Option<Key> {
    let digits = text.trim_ascii();
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Key::filled(|bytes| {
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).ok_or(())? << 4 | digit(pair[1]).ok_or(())?;
        }
        Ok::<_, ()>(())
    })
    .ok()
}
