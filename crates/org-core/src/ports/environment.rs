//! Time, waiting, new ids and randomness.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What time it is.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present time. It may go backwards when somebody sets the clock; no use case relies on the contrary.
    fn now(&self) -> DateTime<Utc>;
}

/// Waiting.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Timer: Send + Sync {
    /// Answers once `duration` has passed, never earlier. Dropping the future ends the wait.
    async fn sleep(&self, duration: Duration);
}

/// New ids.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdSource: Send + Sync {
    /// A UUID that was never answered before, by any program.
    fn next_id(&self) -> Uuid;
}

/// There is no randomness to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the machine gives no randomness: {detail}")]
pub struct EntropyError {
    /// What went wrong.
    pub detail: String,
}

/// Randomness for what nobody may guess.
///
/// Whoever implements it for anything but a test must answer bytes from a generator made for cryptography, such as the operating system's.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Entropy: Send + Sync {
    /// Fills all of `bytes`, or says why it cannot.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}
