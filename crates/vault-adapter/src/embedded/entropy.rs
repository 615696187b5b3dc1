//! Randomness, taken through a trait so that a test can repeat it.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct EntropyError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// A source of random bytes for keys, salts and nonces.
///
/// Whoever implements it for anything but a test must answer bytes that nobody can foresee, from a generator made for cryptography:
/// a repeated nonce gives away what it protects.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills all of `bytes`, or says why it cannot.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        SysRng
            .try_fill_bytes(bytes)
            .map_err(|error| EntropyError(Box::new(error)))
    }
}
