//! What proves that an answer belongs to a question: state, verifier, and who asked.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::ports::{Entropy, EntropyError};

/// How many random bytes each value has: 256 bits, as RFC 7636, section 7.1, recommends for the verifier.
const BYTES: usize = 32;

/// 43 characters of the alphabet that needs no encoding anywhere (RFC 4648, section 5).
fn random_text(entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0_u8; BYTES];
    entropy.fill(&mut bytes)?;
    let mut text = String::with_capacity(BYTES * 4 / 3 + 1);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, &byte| group << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = (group >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    Ok(SecretString::from(text))
}

/// The `state` of one authorization request: whoever brings it back has followed that very request.
#[derive(Clone)]
pub struct State(SecretString);

impl State {
    /// A new one, which nobody can guess.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random_text(entropy).map(Self)
    }

    /// The one that came back; anything may come.
    pub fn received(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The text, for the address that the browser opens.
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> StateHash {
        StateHash(Sha256::digest(self.0.expose_secret().as_bytes()).into())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State([REDACTED])")
    }
}

/// The SHA-256 of a [`State`]: a store keeps this, so that whoever reads the store cannot answer in the browser's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateHash([u8; 32]);

impl StateHash {
    /// From what [`StateHash::as_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The PKCE verifier: 43 characters that only the token request shows (RFC 7636, section 4.1).
#[derive(Clone)]
pub struct Verifier(SecretString);

impl Verifier {
    /// A new one, which nobody can guess.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random_text(entropy).map(Self)
    }

    /// The one that a vault kept.
    pub const fn kept(text: SecretString) -> Self {
        Self(text)
    }

    /// The text, for the vault and for the one token request.
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier([REDACTED])")
    }
}

/// Who started a sign-in: the SHA-256 of something that only they have, such as the id of a browser session, or a number that a program
/// drew for itself. Only the same one can finish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initiator([u8; 32]);

impl Initiator {
    /// Who has this secret.
    pub fn of_secret(secret: &SecretString) -> Self {
        Self(Sha256::digest(secret.expose_secret().as_bytes()).into())
    }

    /// Somebody new: a program that starts and finishes a sign-in by itself.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        random_text(entropy).map(|secret| Self::of_secret(&secret))
    }

    /// From what [`Initiator::as_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
