//! How many seats there are.

use async_trait::async_trait;

use crate::license::pool::Seats;

/// The entitlement cannot be told right now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the number of seats cannot be told: {detail}")]
pub struct EntitlementError {
    /// Why not.
    pub detail: String,
}

/// How many seats there are: an embedding product brings its own.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Entitlements: Send + Sync {
    /// The present number of seats. It may shrink at any time: then nobody loses a seat, and nobody gets one until enough are free.
    async fn seats(&self) -> Result<Seats, EntitlementError>;
}
