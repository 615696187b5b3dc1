//! What browsers and programs show: 32 random bytes, of which only a digest is kept.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What API tokens begin with, so that scanners for leaked secrets find them.
pub const API_TOKEN_PREFIX: &str = "fgh_";

/// The digest of a token. The token has 256 random bits, so one round of SHA-256 hides it as well as any slow hash would.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of what somebody shows, for that purpose alone: a digest of one kind is never one of another kind.
    pub fn of(purpose: &str, shown: &SecretString) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"forgehold ");
        hasher.update(purpose.as_bytes());
        hasher.update([0]);
        hasher.update(shown.expose_secret().as_bytes());
        Self(hasher.finalize().into())
    }

    /// Wraps what a store kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest as 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest")
    }
}

/// A fresh token: shown once, and kept as its digest.
pub struct SecretToken {
    /// What is handed to the browser or the program.
    pub shown: SecretString,
    /// What is kept.
    pub digest: SecretDigest,
}

impl SecretToken {
    /// What a browser shows.
    pub const SESSION: &'static str = "session";

    /// What a program shows.
    pub const API: &'static str = "api token";

    /// A token made of random bytes.
    pub fn session(random: &[u8; 32]) -> Self {
        Self::new("", Self::SESSION, random)
    }

    /// The token of a program.
    pub fn api(random: &[u8; 32]) -> Self {
        Self::new(API_TOKEN_PREFIX, Self::API, random)
    }

    fn new(prefix: &str, purpose: &str, random: &[u8; 32]) -> Self {
        let shown = SecretString::from(format!("{prefix}{}", hex(random)));
        Self {
            digest: SecretDigest::of(purpose, &shown),
            shown,
        }
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken")
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes any text");
        text
    })
}
