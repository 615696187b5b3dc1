//! What the use cases need of the outside world: small object-safe traits, one per capability.
//!
//! The comment on each trait is the contract that an implementer must keep; the suites in `testing::contract` hold it to that. Errors are
//! sorted by what the caller can do; something that is absent is `Ok(None)` and no error.

mod access;
mod accounts;
mod answers;
mod credential;
mod devices;
mod environment;
mod host;
mod identity;
mod licensing;
#[cfg(feature = "mock")]
pub mod mock;
mod oauth;
mod order;
mod renewals;
mod sign_ins;
mod stores;
mod vault;

use std::fmt;
use std::sync::Arc;

use crate::vaults::Vaults;

pub use access::{ACCESS_KEPT, AccessStore, SecretAccess, hour_of};
pub use accounts::{
    AccountChange, AccountPorts, AccountStore, Accounts, EndedSessions, PasswordError,
    PasswordHasher,
};
pub use answers::{AnswerStore, Begun, KeptAnswer, KeyedRequest};
pub use credential::{AccessTokens, Credential, HostAccess};
pub use devices::{DeviceRegistry, OnlyEmbedded};
pub use environment::{Clock, Entropy, EntropyError, IdSource, Timer};
pub use host::{
    Confirmation, HostError, Identity, ListingStream, Probe, ProbeReport, ProbeStep, ProbeStepKind,
    VcsHost, VcsIdentity, VcsListing, VcsProbe,
};
pub use identity::{
    IdentityAnswer, IdentityError, IdentityPorts, IdentityProvider, IdentityQuestion, IdentityStore,
};
pub use licensing::{EntitlementError, Entitlements};
pub use oauth::{
    AuthorizationRequest, CodeExchange, DevicePoll, DeviceStart, Grant, OauthError, RotateError,
    RotatedToken, VcsOauth, VcsRotation,
};
pub use order::{RepositoryKey, RepositoryOrder, UnknownOrder};
pub use renewals::{Renewal, RenewalClaim, RenewalState, RenewalStore};
pub use sign_ins::SignInStore;
pub use stores::{
    Applied, AttemptStore, Claim, ClaimRequest, EventFilter, EventStore, InventoryCounts,
    InventoryStore, LicenseStore, OrganizationChange, OrganizationStore, Page, PoolSummary,
    PresenceFilter, RepositoryFilter, RepositoryRow, Roster, RunEnd, SeatHolder, Stale, StoreError,
    SyncStore,
};
pub use vault::{SecretLinks, SecretVault, VaultError, VaultHealth, VaultTransfer};

/// Every port, wired. Cloning shares them.
#[derive(Clone)]
pub struct Ports {
    /// The hosts of the one service that this release knows.
    pub host: Arc<dyn VcsHost>,
    /// The password manager: one vault, or [`Vaults`] behind one front.
    pub vault: Arc<dyn SecretVault>,
    /// The vaults one by one, for what is about a certain one.
    pub vaults: Vaults,
    /// Organizations.
    pub organizations: Arc<dyn OrganizationStore>,
    /// Connection attempts.
    pub attempts: Arc<dyn AttemptStore>,
    /// Sign-ins that wait for their answer.
    pub sign_ins: Arc<dyn SignInStore>,
    /// Who renews which credential.
    pub renewals: Arc<dyn RenewalStore>,
    /// Groups and repositories.
    pub inventory: Arc<dyn InventoryStore>,
    /// Syncs.
    pub syncs: Arc<dyn SyncStore>,
    /// The license pool.
    pub licenses: Arc<dyn LicenseStore>,
    /// How many seats there are.
    pub entitlements: Arc<dyn Entitlements>,
    /// Which devices there are.
    pub devices: Arc<dyn DeviceRegistry>,
    /// The history.
    pub events: Arc<dyn EventStore>,
    /// Who read which secret.
    pub access: Arc<dyn AccessStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Waiting.
    pub timer: Arc<dyn Timer>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Numbers that nobody can guess.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
