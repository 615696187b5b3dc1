//! Sign-ins that wait for the browser to come back.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::oauth::{SignIn, StateHash};

/// Remembers sign-ins until their answer comes.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SignInStore: Send + Sync {
    /// Adds one. A state that is there already is an error: it was to be unguessable.
    async fn put(&self, sign_in: &SignIn) -> Result<(), StoreError>;

    /// Takes the one of this state away and answers it; `None` if there is none. Of two programs that ask for the same one, one gets it:
    /// that is what makes a state work once.
    async fn take(&self, state: &StateHash) -> Result<Option<SignIn>, StoreError>;

    /// Takes away and answers those whose time is over at `now`, at most `limit` of them, the oldest first.
    async fn take_expired(&self, now: DateTime<Utc>, limit: u32)
    -> Result<Vec<SignIn>, StoreError>;
}
