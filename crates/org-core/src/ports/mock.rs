//! mockall mocks of every port, for those who embed the domain (feature `mock`).
//!
//! A mock says what one call answers; it knows nothing of the contract of its port. Where a test is about what happens rather than about which
//! call is made, take the fakes of `org_core::testing`.
//!
//! ```
//! use org_core::license::pool::Seats;
//! use org_core::ports::Entitlements as _;
//! use org_core::ports::mock::MockEntitlements;
//!
//! let mut entitlements = MockEntitlements::new();
//! entitlements.expect_seats().once().returning(|| Ok(Seats::Limited(5)));
//! assert_eq!(futures_executor::block_on(entitlements.seats()), Ok(Seats::Limited(5)));
//! ```
//!
//! A future of a mocked method answers at once. Values that are not `Clone`, such as errors, come from `returning` instead of `return_const`.

#![expect(
    clippy::ref_option_ref,
    reason = "mockall hands arguments to closures that way"
)]

// The mocks of these ports are written out: `automock` cannot read a lifetime that is left out inside another type.

mod accounts;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use mockall::mock;
use secrecy::SecretString;

pub use self::accounts::{MockAccountStore, MockPasswordHasher};
pub use super::access::MockAccessStore;
pub use super::answers::MockAnswerStore;
pub use super::credential::MockAccessTokens;
pub use super::environment::{MockClock, MockEntropy, MockIdSource, MockTimer};
pub use super::host::{MockVcsIdentity, MockVcsListing, MockVcsProbe};
pub use super::licensing::MockEntitlements;
pub use super::oauth::{MockVcsOauth, MockVcsRotation};
pub use super::renewals::MockRenewalStore;
pub use super::sign_ins::MockSignInStore;
pub use super::stores::{MockAttemptStore, MockEventStore};
pub use super::vault::{MockSecretLinks, MockSecretVault, MockVaultTransfer};
use super::{
    Applied, AuthorizationRequest, Claim, ClaimRequest, CodeExchange, Confirmation, DevicePoll,
    DeviceStart, Grant, HostAccess, HostError, Identity, InventoryCounts, InventoryStore,
    LicenseStore, ListingStream, OauthError, OrganizationChange, OrganizationStore, Page,
    PoolSummary, Probe, ProbeReport, RepositoryFilter, RepositoryRow, Roster, RotateError,
    RotatedToken, RunEnd, SeatHolder, StoreError, SyncStore, VcsIdentity, VcsListing, VcsOauth,
    VcsProbe, VcsRotation,
};
use crate::event::Event;
use crate::host::HostUrl;
use crate::ids::{GroupId, OrganizationId, RepositoryId, SyncId};
use crate::inventory::{Group, Inventory, KnownGroup};
use crate::license::policy::LicensePolicy;
use crate::license::pool::{PoolSnapshot, SeatKey, SeatPlan, Seats};
use crate::license::{LicenseRecord, LicenseState};
use crate::listing::Scope;
use crate::oauth::{Access, ClientId, RedirectUri};
use crate::organization::Organization;
use crate::sync::plan::SyncPlan;
use crate::sync::run::{HeldDecision, SyncRun};
use crate::text::{GroupPath, OrganizationName};

mock! {
    /// A mock of a whole host.
    #[derive(Debug)]
    pub VcsHost {}

    #[async_trait]
    impl VcsProbe for VcsHost {
        async fn probe(&self, probe: &Probe) -> ProbeReport;
    }

    #[async_trait]
    impl VcsIdentity for VcsHost {
        async fn identify(&self, access: &HostAccess) -> Result<Identity, HostError>;
        async fn find_group(&self, access: &HostAccess, path: &GroupPath) -> Result<Option<Group>, HostError>;
    }

    #[async_trait]
    impl VcsListing for VcsHost {
        fn list(&self, access: &HostAccess, scope: &Scope) -> ListingStream;
        async fn confirm(&self, access: &HostAccess, repositories: &[RepositoryId]) -> Result<BTreeMap<RepositoryId, Confirmation>, HostError>;
    }

    #[async_trait]
    impl VcsOauth for VcsHost {
        fn client(&self, host: &HostUrl) -> Option<ClientId>;
        fn authorization_url(&self, host: &HostUrl, request: &AuthorizationRequest) -> Result<SecretString, OauthError>;
        async fn exchange(&self, host: &HostUrl, exchange: &CodeExchange, access: Access) -> Result<Grant, OauthError>;
        async fn refresh(&self, host: &HostUrl, refresh_token: &SecretString, redirect: Option<RedirectUri>) -> Result<Grant, OauthError>;
        async fn start_device(&self, host: &HostUrl, access: Access) -> Result<DeviceStart, OauthError>;
        async fn poll_device(&self, host: &HostUrl, device_code: &SecretString, access: Access) -> Result<DevicePoll, OauthError>;
        async fn revoke(&self, host: &HostUrl, token: &SecretString) -> Result<(), OauthError>;
    }

    #[async_trait]
    impl VcsRotation for VcsHost {
        async fn rotate(&self, access: &HostAccess, expires_on: NaiveDate) -> Result<RotatedToken, RotateError>;
    }
}

mock! {
    /// A mock of [`OrganizationStore`].
    #[derive(Debug)]
    pub OrganizationStore {
        /// See [`OrganizationStore::roster`].
        pub fn roster(&self) -> Result<Roster, StoreError>;
        /// See [`OrganizationStore::get`].
        pub fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError>;
        /// See [`OrganizationStore::find`].
        pub fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError>;
        /// See [`OrganizationStore::insert`].
        pub fn insert<'a>(&self, change: &OrganizationChange<'a>) -> Result<(), StoreError>;
        /// See [`OrganizationStore::update`].
        pub fn update<'a>(&self, change: &OrganizationChange<'a>) -> Result<u64, StoreError>;
        /// See [`OrganizationStore::next_run`].
        pub fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError>;
        /// See [`OrganizationStore::set_next_run`].
        pub fn set_next_run(&self, id: OrganizationId, at: Option<DateTime<Utc>>) -> Result<(), StoreError>;
        /// See [`OrganizationStore::due`].
        pub fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError>;
        /// See [`OrganizationStore::next_due`].
        pub fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError>;
    }
}

#[async_trait]
impl OrganizationStore for MockOrganizationStore {
    async fn roster(&self) -> Result<Roster, StoreError> {
        Self::roster(self)
    }

    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        Self::get(self, id)
    }

    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError> {
        Self::find(self, name)
    }

    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        Self::insert(self, change)
    }

    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError> {
        Self::update(self, change)
    }

    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        Self::next_run(self, id)
    }

    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        Self::set_next_run(self, id, at)
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError> {
        Self::due(self, now, limit)
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Self::next_due(self)
    }
}

mock! {
    /// A mock of [`InventoryStore`].
    #[derive(Debug)]
    pub InventoryStore {
        /// See [`InventoryStore::inventory`].
        pub fn inventory(&self, organization: OrganizationId) -> Result<Inventory, StoreError>;
        /// See [`InventoryStore::repositories`].
        pub fn repositories<'a>(&self, filter: &RepositoryFilter, after: Option<&'a str>, limit: u32) -> Result<Page<RepositoryRow>, StoreError>;
        /// See [`InventoryStore::repository`].
        pub fn repository(&self, key: SeatKey) -> Result<Option<RepositoryRow>, StoreError>;
        /// See [`InventoryStore::paths`].
        pub fn paths(&self, organization: OrganizationId, repositories: &[RepositoryId]) -> Result<Vec<(RepositoryId, Box<str>)>, StoreError>;
        /// See [`InventoryStore::groups`].
        pub fn groups<'a>(&self, organization: OrganizationId, after: Option<&'a str>, limit: u32) -> Result<Page<KnownGroup>, StoreError>;
        /// See [`InventoryStore::group`].
        pub fn group(&self, organization: OrganizationId, id: GroupId) -> Result<Option<KnownGroup>, StoreError>;
        /// See [`InventoryStore::counts`].
        pub fn counts(&self, organization: OrganizationId) -> Result<InventoryCounts, StoreError>;
    }
}

#[async_trait]
impl InventoryStore for MockInventoryStore {
    async fn inventory(&self, organization: OrganizationId) -> Result<Inventory, StoreError> {
        Self::inventory(self, organization)
    }

    async fn repositories(
        &self,
        filter: &RepositoryFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<RepositoryRow>, StoreError> {
        Self::repositories(self, filter, after, limit)
    }

    async fn repository(&self, key: SeatKey) -> Result<Option<RepositoryRow>, StoreError> {
        Self::repository(self, key)
    }

    async fn paths(
        &self,
        organization: OrganizationId,
        repositories: &[RepositoryId],
    ) -> Result<Vec<(RepositoryId, Box<str>)>, StoreError> {
        Self::paths(self, organization, repositories)
    }

    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<KnownGroup>, StoreError> {
        Self::groups(self, organization, after, limit)
    }

    async fn group(
        &self,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<KnownGroup>, StoreError> {
        Self::group(self, organization, id)
    }

    async fn counts(&self, organization: OrganizationId) -> Result<InventoryCounts, StoreError> {
        Self::counts(self, organization)
    }
}

mock! {
    /// A mock of [`SyncStore`].
    #[derive(Debug)]
    pub SyncStore {
        /// See [`SyncStore::claim`].
        pub fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError>;
        /// See [`SyncStore::renew`].
        pub fn renew(&self, run: &SyncRun, lease_until: DateTime<Utc>) -> Result<(), StoreError>;
        /// See [`SyncStore::apply`].
        pub fn apply<'a>(&self, plan: &SyncPlan, seats: &SeatPlan, end: &RunEnd<'a>) -> Result<Applied, StoreError>;
        /// See [`SyncStore::end`].
        pub fn end<'a>(&self, end: &RunEnd<'a>) -> Result<Applied, StoreError>;
        /// See [`SyncStore::get`].
        pub fn get(&self, sync: SyncId) -> Result<Option<SyncRun>, StoreError>;
        /// See [`SyncStore::list`].
        pub fn list<'a>(&self, organization: Option<OrganizationId>, after: Option<&'a str>, limit: u32) -> Result<Page<SyncRun>, StoreError>;
        /// See [`SyncStore::held`].
        pub fn held(&self, organization: OrganizationId, decision: HeldDecision) -> Result<Option<(SyncRun, Vec<RepositoryId>)>, StoreError>;
        /// See [`SyncStore::decide`].
        pub fn decide(&self, sync: SyncId, decision: HeldDecision, organization: &Organization, events: &[Event]) -> Result<(), StoreError>;
    }
}

#[async_trait]
impl SyncStore for MockSyncStore {
    async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        Self::claim(self, request)
    }

    async fn renew(&self, run: &SyncRun, lease_until: DateTime<Utc>) -> Result<(), StoreError> {
        Self::renew(self, run, lease_until)
    }

    async fn apply(
        &self,
        plan: &SyncPlan,
        seats: &SeatPlan,
        end: &RunEnd<'_>,
    ) -> Result<Applied, StoreError> {
        Self::apply(self, plan, seats, end)
    }

    async fn end(&self, end: &RunEnd<'_>) -> Result<Applied, StoreError> {
        Self::end(self, end)
    }

    async fn get(&self, sync: SyncId) -> Result<Option<SyncRun>, StoreError> {
        Self::get(self, sync)
    }

    async fn list(
        &self,
        organization: Option<OrganizationId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SyncRun>, StoreError> {
        Self::list(self, organization, after, limit)
    }

    async fn held(
        &self,
        organization: OrganizationId,
        decision: HeldDecision,
    ) -> Result<Option<(SyncRun, Vec<RepositoryId>)>, StoreError> {
        Self::held(self, organization, decision)
    }

    async fn decide(
        &self,
        sync: SyncId,
        decision: HeldDecision,
        organization: &Organization,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::decide(self, sync, decision, organization, events)
    }
}

mock! {
    /// A mock of [`LicenseStore`].
    #[derive(Debug)]
    pub LicenseStore {
        /// See [`LicenseStore::pool`].
        pub fn pool(&self) -> Result<PoolSnapshot, StoreError>;
        /// See [`LicenseStore::summary`].
        pub fn summary(&self) -> Result<PoolSummary, StoreError>;
        /// See [`LicenseStore::holders`].
        pub fn holders<'a>(&self, state: LicenseState, after: Option<&'a str>, limit: u32) -> Result<Page<SeatHolder>, StoreError>;
        /// See [`LicenseStore::apply`].
        pub fn apply(&self, plan: &SeatPlan, now: DateTime<Utc>, events: &[Event]) -> Result<(), StoreError>;
        /// See [`LicenseStore::note`].
        pub fn note(&self, key: SeatKey, license: &LicenseRecord, events: &[Event]) -> Result<(), StoreError>;
        /// See [`LicenseStore::configured_seats`].
        pub fn configured_seats(&self) -> Result<Seats, StoreError>;
        /// See [`LicenseStore::configure_seats`].
        pub fn configure_seats(&self, seats: Seats, plan: &SeatPlan, now: DateTime<Utc>, events: &[Event]) -> Result<(), StoreError>;
        /// See [`LicenseStore::policy`].
        pub fn policy(&self) -> Result<LicensePolicy, StoreError>;
        /// See [`LicenseStore::set_policy`].
        pub fn set_policy(&self, before: &LicensePolicy, policy: &LicensePolicy, events: &[Event]) -> Result<(), StoreError>;
    }
}

#[async_trait]
impl LicenseStore for MockLicenseStore {
    async fn pool(&self) -> Result<PoolSnapshot, StoreError> {
        Self::pool(self)
    }

    async fn summary(&self) -> Result<PoolSummary, StoreError> {
        Self::summary(self)
    }

    async fn holders(
        &self,
        state: LicenseState,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SeatHolder>, StoreError> {
        Self::holders(self, state, after, limit)
    }

    async fn apply(
        &self,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::apply(self, plan, now, events)
    }

    async fn note(
        &self,
        key: SeatKey,
        license: &LicenseRecord,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::note(self, key, license, events)
    }

    async fn configured_seats(&self) -> Result<Seats, StoreError> {
        Self::configured_seats(self)
    }

    async fn configure_seats(
        &self,
        seats: Seats,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::configure_seats(self, seats, plan, now, events)
    }

    async fn policy(&self) -> Result<LicensePolicy, StoreError> {
        Self::policy(self)
    }

    async fn set_policy(
        &self,
        before: &LicensePolicy,
        policy: &LicensePolicy,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::set_policy(self, before, policy, events)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_executor::block_on;

    use super::*;
    use crate::ports::VcsHost;
    use crate::testing::build;

    #[test]
    fn a_mock_stands_in_for_its_port() {
        let mut store = MockOrganizationStore::new();
        store
            .expect_insert()
            .withf(|change| change.organization.name.as_str() == "Acme")
            .once()
            .returning(|_| Ok(()));
        let store: Arc<dyn OrganizationStore> = Arc::new(store);
        let acme = build::organization(1, "Acme").build();
        let change = OrganizationChange::new(&acme, &[]);
        assert!(block_on(store.insert(&change)).is_ok());
    }

    #[test]
    fn a_cursor_reaches_the_mock() {
        let mut store = MockInventoryStore::new();
        store
            .expect_groups()
            .withf(|_, after, limit| *after == Some("place") && *limit == 5)
            .returning(|_, _, _| {
                Ok(Page {
                    items: Vec::new(),
                    next: None,
                })
            });
        let id = build::organization_id(1);
        assert!(block_on(InventoryStore::groups(&store, id, Some("place"), 5)).is_ok());
    }

    #[test]
    fn a_mock_of_a_host_is_a_host() {
        let mut host = MockVcsHost::new();
        host.expect_find_group().returning(|_, _| Ok(None));
        let host: Arc<dyn VcsHost> = Arc::new(host);
        let access = HostAccess::by_token(build::host_url(), build::secret("token"));
        let found = block_on(host.find_group(&access, &build::parsed("acme")));
        assert_eq!(found, Ok(None));
    }
}
