//! All fakes, wired.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::host::{FakeHost, World};
use super::{
    FixedEntitlements, InstantTimer, ManualClock, ManualTimer, MemoryAccess, MemoryStore,
    MemoryVault, SeededEntropy, SequentialIds, build,
};
use crate::license::pool::Seats;
use crate::ports::{
    AttemptStore, Clock as _, EventStore, HostAccess, InventoryStore, LicenseStore, OnlyEmbedded,
    OrganizationStore, Ports, RenewalStore, SignInStore, SyncStore, Timer,
};
use crate::vaults::{VaultHandle, Vaults};

/// A whole installation in memory, with each fake at hand.
///
/// ```
/// use org_core::testing::{TestBench, World};
///
/// let bench = TestBench::new(World::seeded(1, 3, 20));
/// let ports = bench.ports();
/// bench.advance(chrono::TimeDelta::hours(6));
/// assert_eq!(ports.clock.now().to_string(), "2027-03-01 18:00:00 UTC");
/// ```
#[derive(Debug, Clone)]
pub struct TestBench {
    /// The stores.
    pub store: Arc<MemoryStore>,
    /// The vault.
    pub vault: Arc<MemoryVault>,
    /// The host.
    pub host: Arc<FakeHost>,
    /// How many seats there are; as many as there are repositories, unless a test says otherwise.
    pub entitlements: Arc<FixedEntitlements>,
    /// The clock, which stands at [`build::noon`].
    pub clock: Arc<ManualClock>,
    /// The ids.
    pub ids: Arc<SequentialIds>,
    /// The randomness.
    pub entropy: Arc<SeededEntropy>,
    ports: Ports,
}

impl TestBench {
    /// An installation that knows nothing yet, at a host with this world. Its timer is a [`ManualTimer`].
    pub fn new(world: World) -> Self {
        let store = Arc::new(MemoryStore::new());
        let vault = Arc::new(MemoryVault::new());
        let host = Arc::new(FakeHost::new(world));
        let entitlements = Arc::new(FixedEntitlements::default());
        let clock = Arc::new(ManualClock::default());
        let ids = Arc::new(SequentialIds::new());
        let entropy = Arc::new(SeededEntropy::default());
        let ports = Ports {
            host: host.clone(),
            vault: vault.clone(),
            vaults: Vaults::one(VaultHandle::new(
                build::parsed("memory"),
                "a vault in memory",
                vault.clone(),
            )),
            organizations: store.clone(),
            attempts: store.clone(),
            sign_ins: store.clone(),
            renewals: store.clone(),
            inventory: store.clone(),
            syncs: store.clone(),
            licenses: store.clone(),
            entitlements: entitlements.clone(),
            devices: Arc::new(OnlyEmbedded),
            events: store.clone(),
            access: Arc::new(MemoryAccess::default()),
            clock: clock.clone(),
            timer: Arc::new(ManualTimer::new(clock.clone())),
            ids: ids.clone(),
            entropy: entropy.clone(),
        };
        Self {
            store,
            vault,
            host,
            entitlements,
            clock,
            ids,
            entropy,
            ports,
        }
    }

    /// With an [`InstantTimer`].
    #[must_use]
    pub fn with_instant_timer(self) -> Self {
        let timer = Arc::new(InstantTimer::new(self.clock.clone()));
        self.with_timer(timer)
    }

    /// With this timer.
    #[must_use]
    pub fn with_timer(mut self, timer: Arc<dyn Timer>) -> Self {
        self.ports.timer = timer;
        self
    }

    /// With this many seats.
    #[must_use]
    pub fn with_seats(self, seats: u32) -> Self {
        self.entitlements.set(Seats::Limited(seats));
        self
    }

    /// With other stores in front of, or instead of, [`TestBench::store`]: a [`FlakyStore`](super::FlakyStore), for one.
    #[must_use]
    pub fn with_stores<S>(mut self, store: &Arc<S>) -> Self
    where
        S: OrganizationStore
            + AttemptStore
            + SignInStore
            + RenewalStore
            + InventoryStore
            + SyncStore
            + LicenseStore
            + EventStore
            + 'static,
    {
        self.ports.organizations = store.clone();
        self.ports.attempts = store.clone();
        self.ports.sign_ins = store.clone();
        self.ports.renewals = store.clone();
        self.ports.inventory = store.clone();
        self.ports.syncs = store.clone();
        self.ports.licenses = store.clone();
        self.ports.events = store.clone();
        self
    }

    /// The ports, wired to the fakes.
    pub fn ports(&self) -> Ports {
        self.ports.clone()
    }

    /// The present time of the clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// Access to the host by a token of its world.
    pub fn access(&self, token: &str) -> HostAccess {
        HostAccess::by_token(build::host_url(), SecretString::from(token))
    }
}
