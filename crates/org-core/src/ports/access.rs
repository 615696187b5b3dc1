//! Who read which secret, and when.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::ports::StoreError;
use crate::secret::SecretRef;

/// How long accesses are kept.
pub const ACCESS_KEPT: TimeDelta = TimeDelta::days(90);

/// What was read by one reader within one hour of the clock, in UTC.
///
/// A sync reads its secret each time, so a row for each access would grow without end and tell little. The number and the times of the first
/// and the last access of an hour say as much, and at most 24 rows a day and reader are kept for each secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretAccess {
    /// The secret.
    pub secret: SecretRef,
    /// Who read it: a program, and a person where one is known.
    pub by: String,
    /// The first time in that hour.
    pub first_at: DateTime<Utc>,
    /// The last time in that hour.
    pub last_at: DateTime<Utc>,
    /// How often in that hour.
    pub count: u64,
}

/// Keeps who read which secret. The value is nobody's business here.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// Puts down that `by` read a secret at `at`: a new row, or one more in the row of that hour. Rows older than [`ACCESS_KEPT`] before `at`
    /// may be dropped with it.
    async fn record(
        &self,
        secret: SecretRef,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// When each secret was read last; those that never were are left out.
    async fn last_uses(&self) -> Result<BTreeMap<SecretRef, DateTime<Utc>>, StoreError>;

    /// The newest rows of one secret, the newest first.
    async fn history(&self, secret: SecretRef, limit: u32)
    -> Result<Vec<SecretAccess>, StoreError>;
}

/// The hour of the clock in which `at` lies, counted from 1970.
pub fn hour_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(3600)
}
