//! What the use cases of accounts need, in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::{ManualClock, MemoryStore, SequentialIds};
use crate::accounts::PasswordHash;
use crate::ports::{AccountPorts, Entropy, EntropyError, PasswordError, PasswordHasher};

/// A hasher that hashes nothing: what it keeps is the password with a word before it. For tests alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError> {
        Ok(PasswordHash::new(format!(
            "plain {}",
            password.expose_secret()
        )))
    }

    async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let expected = format!("plain {}", password.expose_secret());
        Ok(hash.is_some_and(|hash| hash.as_str() == expected))
    }
}

/// Bytes that are new each time, and the same in every run. For tests alone.
#[derive(Debug, Default)]
pub struct CountedBytes(AtomicU64);

impl Entropy for CountedBytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        for (byte, digit) in bytes.iter_mut().zip(count) {
            *byte = digit;
        }
        Ok(())
    }
}

/// The ports of accounts over a store and a clock of the test.
pub fn account_ports(store: &Arc<MemoryStore>, clock: &Arc<ManualClock>) -> AccountPorts {
    AccountPorts {
        accounts: store.clone(),
        answers: store.clone(),
        passwords: Arc::new(PlainHasher),
        entropy: Arc::new(CountedBytes::default()),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::new()),
    }
}
