//! Stores that fail when a test wants them to.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::attempt::ConnectionAttempt;
use crate::event::{Event, StoredEvent};
use crate::ids::{AttemptId, GroupId, OrganizationId, ProcessId, RepositoryId, SyncId};
use crate::inventory::{Inventory, KnownGroup};
use crate::license::policy::LicensePolicy;
use crate::license::pool::{PoolSnapshot, SeatKey, SeatPlan, Seats};
use crate::license::{LicenseRecord, LicenseState};
use crate::oauth::{SignIn, StateHash};
use crate::organization::Organization;
use crate::ports::{
    Applied, AttemptStore, Claim, ClaimRequest, EventFilter, EventStore, InventoryCounts,
    InventoryStore, LicenseStore, OrganizationChange, OrganizationStore, Page, PoolSummary,
    Renewal, RenewalClaim, RenewalState, RenewalStore, RepositoryFilter, RepositoryRow, Roster,
    RunEnd, SeatHolder, SignInStore, Stale, StoreError, SyncStore,
};
use crate::secret::SecretRef;
use crate::sync::plan::SyncPlan;
use crate::sync::run::{HeldDecision, SyncRun};
use crate::text::OrganizationName;

/// How a call of a [`FlakyStore`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing was done: the database cannot be reached.
    Unavailable,
    /// Nothing was done: this changed meanwhile.
    Stale(Stale),
    /// Everything was done, but the answer is lost: the caller hears that the database cannot be reached.
    AnswerLost,
}

/// A store in front of another one, with faults at the calls that a test chooses.
///
/// Calls are counted from 1, over all ports together, and so a test can try a fault at each call of a use case in turn:
///
/// ```
/// use std::sync::Arc;
///
/// use org_core::ports::{OrganizationStore as _, StoreError};
/// use org_core::testing::{FlakyStore, MemoryStore, StoreFault};
///
/// let store = FlakyStore::new(Arc::new(MemoryStore::new()));
/// store.fail_at(2, StoreFault::Unavailable);
/// futures_executor::block_on(async {
///     assert!(store.roster().await.is_ok());
///     assert!(matches!(store.roster().await, Err(StoreError::Unavailable { .. })));
///     assert!(store.roster().await.is_ok());
/// });
/// assert_eq!(store.calls(), 3);
/// ```
#[derive(Debug)]
pub struct FlakyStore<S> {
    inner: Arc<S>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    faults: Vec<(u64, StoreFault)>,
}

impl<S> FlakyStore<S> {
    /// A store that does what `inner` does.
    pub fn new(inner: Arc<S>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
        }
    }

    /// Has the call of this number fail, counted from 1.
    pub fn fail_at(&self, call: u64, fault: StoreFault) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.faults.push((call, fault));
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls
    }

    fn next_fault(&self) -> Option<StoreFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        let this = state.calls;
        let mut faults = state.faults.iter();
        faults
            .find(|(call, _)| *call == this)
            .map(|(_, fault)| *fault)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let unavailable = || StoreError::Unavailable {
            detail: "the test said so".to_owned(),
        };
        match self.next_fault() {
            None => call.await,
            Some(StoreFault::Unavailable) => Err(unavailable()),
            Some(StoreFault::Stale(what)) => Err(StoreError::Stale { what }),
            Some(StoreFault::AnswerLost) => {
                call.await?;
                Err(unavailable())
            }
        }
    }
}

/// Every method of a port, handed on.
macro_rules! hand_on {
    ($($port:ident { $(fn $method:ident($($name:ident: $type:ty),* $(,)?) -> $answer:ty;)* })*) => {$(
        #[async_trait]
        impl<S: $port> $port for FlakyStore<S> {
            $(
                async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                    self.call($port::$method(&*self.inner, $($name),*)).await
                }
            )*
        }
    )*};
}

hand_on! {
    OrganizationStore {
        fn roster() -> Roster;
        fn get(id: OrganizationId) -> Option<Organization>;
        fn find(name: &OrganizationName) -> Option<Organization>;
        fn insert(change: &OrganizationChange<'_>) -> ();
        fn update(change: &OrganizationChange<'_>) -> u64;
        fn next_run(id: OrganizationId) -> Option<DateTime<Utc>>;
        fn set_next_run(id: OrganizationId, at: Option<DateTime<Utc>>) -> ();
        fn due(now: DateTime<Utc>, limit: u32) -> Vec<OrganizationId>;
        fn next_due() -> Option<DateTime<Utc>>;
    }
    AttemptStore {
        fn save(attempt: &ConnectionAttempt, events: &[Event]) -> ();
        fn get(id: AttemptId) -> Option<ConnectionAttempt>;
        fn list(limit: u32) -> Vec<ConnectionAttempt>;
    }
    SignInStore {
        fn put(sign_in: &SignIn) -> ();
        fn take(state: &StateHash) -> Option<SignIn>;
        fn take_expired(now: DateTime<Utc>, limit: u32) -> Vec<SignIn>;
    }
    RenewalStore {
        fn claim(secret: SecretRef, holder: ProcessId, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> RenewalClaim;
        fn put_down(renewal: &Renewal, state: RenewalState) -> ();
        fn release(renewal: &Renewal, state: RenewalState) -> ();
        fn state(secret: SecretRef) -> RenewalState;
        fn forget(secret: SecretRef) -> ();
    }
    InventoryStore {
        fn inventory(organization: OrganizationId) -> Inventory;
        fn repositories(filter: &RepositoryFilter, after: Option<&str>, limit: u32) -> Page<RepositoryRow>;
        fn repository(key: SeatKey) -> Option<RepositoryRow>;
        fn paths(organization: OrganizationId, repositories: &[RepositoryId]) -> Vec<(RepositoryId, Box<str>)>;
        fn groups(organization: OrganizationId, after: Option<&str>, limit: u32) -> Page<KnownGroup>;
        fn group(organization: OrganizationId, id: GroupId) -> Option<KnownGroup>;
        fn counts(organization: OrganizationId) -> InventoryCounts;
    }
    SyncStore {
        fn claim(request: &ClaimRequest) -> Claim;
        fn renew(run: &SyncRun, lease_until: DateTime<Utc>) -> ();
        fn apply(plan: &SyncPlan, seats: &SeatPlan, end: &RunEnd<'_>) -> Applied;
        fn end(end: &RunEnd<'_>) -> Applied;
        fn get(sync: SyncId) -> Option<SyncRun>;
        fn list(organization: Option<OrganizationId>, after: Option<&str>, limit: u32) -> Page<SyncRun>;
        fn held(organization: OrganizationId, decision: HeldDecision) -> Option<(SyncRun, Vec<RepositoryId>)>;
        fn decide(sync: SyncId, decision: HeldDecision, organization: &Organization, events: &[Event]) -> ();
    }
    LicenseStore {
        fn pool() -> PoolSnapshot;
        fn summary() -> PoolSummary;
        fn holders(state: LicenseState, after: Option<&str>, limit: u32) -> Page<SeatHolder>;
        fn apply(plan: &SeatPlan, now: DateTime<Utc>, events: &[Event]) -> ();
        fn note(key: SeatKey, license: &LicenseRecord, events: &[Event]) -> ();
        fn configured_seats() -> Seats;
        fn configure_seats(seats: Seats, plan: &SeatPlan, now: DateTime<Utc>, events: &[Event]) -> ();
        fn policy() -> LicensePolicy;
        fn set_policy(before: &LicensePolicy, policy: &LicensePolicy, events: &[Event]) -> ();
    }
    EventStore {
        fn append(events: &[Event]) -> ();
        fn newest(filter: &EventFilter, limit: u32) -> Vec<StoredEvent>;
        fn oldest(filter: &EventFilter, limit: u32) -> Vec<StoredEvent>;
    }
}
