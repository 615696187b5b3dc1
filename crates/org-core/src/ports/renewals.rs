//! Who renews which credential, and how far that came.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::ids::ProcessId;
use crate::secret::{SecretRef, SecretVersion};

/// How far the renewal of a secret came, as it was last put down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenewalState {
    /// The version that somebody was about to spend at the host. While it is the newest one in the vault, nobody knows whether the host did
    /// its part.
    pub spending: Option<SecretVersion>,
    /// The version that the host said is spent for good; asking again with it leads nowhere.
    pub dead: Option<SecretVersion>,
}

/// The right to renew a secret, until the lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Which secret.
    pub secret: SecretRef,
    /// Counts the claims of it; what is put down by an older one is refused.
    pub fence: u64,
    /// How far it came before.
    pub state: RenewalState,
}

/// What came of wanting to renew a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalClaim {
    /// It may be done.
    Granted(Renewal),
    /// Another program is at it.
    Busy {
        /// Until when, at most.
        until: DateTime<Utc>,
    },
}

/// Has each credential renewed in one place at a time, across all programs that share the store, and remembers what was about to happen, so
/// that whoever comes after a program that died knows what may have happened.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RenewalStore: Send + Sync {
    /// Claims the renewal of `secret` until `lease_until`. A lease that is over, at `now`, is no hindrance.
    async fn claim(
        &self,
        secret: SecretRef,
        holder: ProcessId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RenewalClaim, StoreError>;

    /// Puts down how far it came. [`StoreError::RenewalFenced`] if somebody else has claimed it since.
    async fn put_down(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError>;

    /// The same, and gives the claim back.
    async fn release(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError>;

    /// How far the renewal of `secret` came, without claiming it.
    async fn state(&self, secret: SecretRef) -> Result<RenewalState, StoreError>;

    /// Forgets a secret that is gone; whoever still holds a claim on it is fenced off.
    async fn forget(&self, secret: SecretRef) -> Result<(), StoreError>;
}
