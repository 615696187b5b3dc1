//! Time, waiting and new ids.

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
