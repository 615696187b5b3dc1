//! What is remembered: organizations, attempts, inventory, syncs, licenses and the history.
//!
//! Every method that changes something takes the events of that change, and stores both in one transaction or neither. Optimistic numbers
//! (versions, generations, fences) are checked inside that transaction: rules stay in the planners, and a plan made on an older state is
//! refused with [`StoreError::Stale`]. Times are kept to the microsecond.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::accounts::UserName;
use crate::attempt::ConnectionAttempt;
use crate::event::{Event, StoredEvent, Subject};
use crate::ids::{AttemptId, GroupId, OrganizationId, ProcessId, RepositoryId, SyncId};
use crate::inventory::{Inventory, KnownGroup, KnownRepository, Lifecycle, Visibility};
use crate::license::policy::LicensePolicy;
use crate::license::pool::{PoolSnapshot, SeatKey, SeatPlan, Seats};
use crate::license::{LicenseRecord, LicenseState};
use crate::organization::Organization;
use crate::ports::RepositoryOrder;
use crate::secret::SecretRef;
use crate::sync::plan::SyncPlan;
use crate::sync::run::{Counts, HeldDecision, RunOutcome, SyncRun, Trigger};
use crate::text::OrganizationName;

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody changed it meanwhile: read it again, decide again, try again.
    #[error("{what} changed meanwhile")]
    Stale {
        /// What changed.
        what: Stale,
    },
    /// Another organization has the name.
    #[error("there is already an organization `{name}`")]
    NameTaken {
        /// The name.
        name: OrganizationName,
    },
    /// The run was taken over by another program, or has ended: whatever this one found out is void.
    #[error("the sync {sync} belongs to another program by now, or has ended")]
    Fenced {
        /// Which run.
        sync: SyncId,
    },
    /// Another person has the name.
    #[error("there is already a user `{name}`")]
    UserExists {
        /// The name.
        name: UserName,
    },
    /// Another program claimed the renewal of this secret meanwhile.
    #[error("the renewal of the secret {secret} belongs to another program by now")]
    RenewalFenced {
        /// Which secret.
        secret: SecretRef,
    },
    /// There is nothing of that id to change.
    #[error("there is no {what}")]
    NotFound {
        /// What was meant, with its id.
        what: String,
    },
    /// The database was made by a newer version of this program.
    #[error(
        "the database is of version {found}, newer than this program's {known}; use a program at least as new as the one that wrote it"
    )]
    NewerVersion {
        /// The version of the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The place of the database denies access.
    #[error("the database cannot be used: {detail}")]
    Denied {
        /// Which path, and why.
        detail: String,
    },
    /// The database is busy or cannot be reached; trying again later may help.
    #[error("the database cannot be reached: {detail}")]
    Unavailable {
        /// What went wrong.
        detail: String,
    },
    /// A row holds what no version of this program wrote.
    #[error("the table {table} holds something unreadable in column {column} of row {row}")]
    Inconsistent {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row.
        row: String,
        /// Why it cannot be read.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else.
    #[error("the database failed while {step}")]
    Other {
        /// What it was doing.
        step: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a plan was made on, and changed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// The organization's own record.
    Organization,
    /// Which organizations there are, and what they cover.
    Roster,
    /// The inventory of the organization.
    Inventory,
    /// The license pool.
    Pool,
    /// The rules of the license policy.
    Policy,
    /// Who has an account.
    Accounts,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Organization => "the organization",
            Self::Roster => "the list of organizations",
            Self::Inventory => "the inventory",
            Self::Pool => "the license pool",
            Self::Policy => "the license policy",
            Self::Accounts => "the list of accounts",
        })
    }
}

/// Some rows, and how to get more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; `None` at the end. Only the store that made it can read it.
    pub next: Option<String>,
}

/// Which organizations there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Counts the changes of names and scopes, and what comes and goes.
    pub generation: u64,
    /// All of them, the removed ones included, in the order of their creation.
    pub organizations: Vec<Organization>,
}

/// A change of one organization's record, with what must be stored together with it.
#[derive(Debug, Clone)]
pub struct OrganizationChange<'a> {
    /// The record as it shall be. Its `version` is the one that was read; the store keeps one more.
    pub organization: &'a Organization,
    /// The generation of the roster that a rule was checked against; needed where name, scope or account change.
    pub roster: Option<u64>,
    /// When the schedule fires next; `None` leaves what is stored.
    pub next_run: Option<Option<DateTime<Utc>>>,
    /// What changes in the license pool, at the time of the first of the events; its own events ([`SeatPlan::events`]) come before them.
    pub seats: Option<&'a SeatPlan>,
    /// The attempt that ends with it.
    pub attempt: Option<&'a ConnectionAttempt>,
    /// The events.
    pub events: &'a [Event],
}

impl<'a> OrganizationChange<'a> {
    /// A change of the record alone.
    pub const fn new(organization: &'a Organization, events: &'a [Event]) -> Self {
        Self {
            organization,
            roster: None,
            next_run: None,
            seats: None,
            attempt: None,
            events,
        }
    }
}

/// Remembers organizations, and when each is due.
#[async_trait]
pub trait OrganizationStore: Send + Sync {
    /// All of them.
    async fn roster(&self) -> Result<Roster, StoreError>;

    /// One of them, removed or not; `None` if there never was.
    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError>;

    /// The one of that name, without regard to case and never a removed one; `None` if there is none.
    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError>;

    /// Adds one. [`StoreError::NameTaken`] if a present one has the name; [`Stale::Roster`] if the roster changed. The stored version is 1,
    /// whatever the record says.
    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError>;

    /// Changes one; answers the new version. [`Stale::Organization`] if its version is another one; [`Stale::Roster`] and [`Stale::Pool`]
    /// likewise for what the change names; [`StoreError::NameTaken`] as in [`OrganizationStore::insert`].
    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError>;

    /// When the schedule of `id` fires next; `None` if never.
    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Says when the schedule of `id` fires next.
    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError>;

    /// Which organizations shall be synchronized now, at most `limit` of them, those that waited longest first: their time has come or a sync
    /// was asked for, they are neither paused nor removed, and nobody is at it under a lease that still holds.
    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError>;

    /// The earliest moment at which [`OrganizationStore::due`] may have an answer again; `None` if nothing is planned.
    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError>;
}

/// Remembers connection attempts.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Adds an attempt, or replaces the one of its id.
    async fn save(&self, attempt: &ConnectionAttempt, events: &[Event]) -> Result<(), StoreError>;

    /// One of them; `None` if there never was.
    async fn get(&self, id: AttemptId) -> Result<Option<ConnectionAttempt>, StoreError>;

    /// The newest ones, newest first.
    async fn list(&self, limit: u32) -> Result<Vec<ConnectionAttempt>, StoreError>;
}

/// Which repositories a person wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryFilter {
    /// Only those of this organization.
    pub organization: Option<OrganizationId>,
    /// Only those whose path has this text in it, without regard to case.
    pub text: Option<String>,
    /// Only those in this state of the license.
    pub license: Option<LicenseState>,
    /// Only those of this lifecycle.
    pub lifecycle: Option<Lifecycle>,
    /// Only those of this visibility.
    pub visibility: Option<Visibility>,
    /// Which presence.
    pub presence: PresenceFilter,
    /// In which order.
    pub order: RepositoryOrder,
}

/// Whether what is gone is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PresenceFilter {
    /// Only what is there.
    #[default]
    Present,
    /// Only what is gone.
    Gone,
    /// Both.
    Any,
}

/// A repository with the organization it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRow {
    /// Which organization.
    pub organization: OrganizationId,
    /// The name of the organization.
    pub organization_name: OrganizationName,
    /// The repository.
    pub known: KnownRepository,
}

/// How many repositories an organization has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InventoryCounts {
    /// Repositories that are there.
    pub repositories: u64,
    /// Groups that are there.
    pub groups: u64,
    /// Repositories with a license.
    pub licensed: u64,
    /// Repositories that wait for one.
    pub waiting: u64,
    /// Repositories that are gone.
    pub gone: u64,
}

/// Remembers groups and repositories. Only [`SyncStore::apply`] changes them.
#[async_trait]
pub trait InventoryStore: Send + Sync {
    /// The whole inventory of an organization, to plan on: one consistent moment, in the order of ids.
    async fn inventory(&self, organization: OrganizationId) -> Result<Inventory, StoreError>;

    /// A page of repositories in the order that the filter asks for, at most `limit` of them.
    /// A cursor that this store did not make, or made for another order, is [`StoreError::NotFound`].
    async fn repositories(
        &self,
        filter: &RepositoryFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<RepositoryRow>, StoreError>;

    /// One repository; `None` if it was never seen.
    async fn repository(&self, key: SeatKey) -> Result<Option<RepositoryRow>, StoreError>;

    /// What these repositories of an organization are called by their paths, the gone ones included, in the order of ids; those that were never
    /// seen are left out. For as many as a page shows: hundreds, and not a whole inventory.
    async fn paths(
        &self,
        organization: OrganizationId,
        repositories: &[RepositoryId],
    ) -> Result<Vec<(RepositoryId, Box<str>)>, StoreError>;

    /// A page of groups, in the order of their paths without regard to case, then ids; the gone ones last.
    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<KnownGroup>, StoreError>;

    /// One group; `None` if it was never seen.
    async fn group(
        &self,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<KnownGroup>, StoreError>;

    /// How many there are.
    async fn counts(&self, organization: OrganizationId) -> Result<InventoryCounts, StoreError>;
}

/// Somebody wants to start a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The id that the run will have.
    pub sync: SyncId,
    /// The organization.
    pub organization: OrganizationId,
    /// Why.
    pub trigger: Trigger,
    /// The program that asks.
    pub holder: ProcessId,
    /// The present time.
    pub now: DateTime<Utc>,
    /// Until when the run is this program's, unless it is renewed.
    pub lease_until: DateTime<Utc>,
}

/// Whether a sync may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is this program's, until the lease ends. Whatever was asked for before is served by it.
    Started(SyncRun),
    /// Somebody is at it; one more was asked for, to start when this one has ended.
    Busy {
        /// Who is at it.
        run: SyncRun,
        /// Until when, unless it is renewed.
        lease_until: DateTime<Utc>,
    },
}

/// How a run ends.
#[derive(Debug, Clone)]
pub struct RunEnd<'a> {
    /// The run, with the fence of its claim.
    pub run: &'a SyncRun,
    /// When it ends.
    pub at: DateTime<Utc>,
    /// How.
    pub outcome: RunOutcome,
    /// What it saw and changed.
    pub counts: Counts,
    /// How many requests were sent to the host.
    pub requests: u64,
    /// The organization's record as it shall be; its version is the one that was read.
    pub organization: &'a Organization,
    /// The known repositories that a held run would let vanish.
    pub vanishing: &'a [RepositoryId],
    /// Events beside those of the plan.
    pub events: &'a [Event],
}

/// What applying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Whether another sync was asked for meanwhile.
    pub follow_up: bool,
}

/// Remembers syncs, and applies what they plan.
///
/// An organization never has two runs under a lease. A claim after the lease ended makes the older run
/// [`Abandoned`](RunOutcome::Abandoned) and gets a greater fence; whatever the older one writes then is [`StoreError::Fenced`].
#[async_trait]
pub trait SyncStore: Send + Sync {
    /// Starts a run, or asks for one more after the one that is under way. [`StoreError::NotFound`] for an unknown organization.
    ///
    /// The schedule never asks: its wish stays in the next run until somebody starts one, so that of two programs that see the same tick the
    /// slower one has nothing left to do.
    async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError>;

    /// Holds a run for longer. [`StoreError::Fenced`] once it is somebody else's or has ended.
    async fn renew(&self, run: &SyncRun, lease_until: DateTime<Utc>) -> Result<(), StoreError>;

    /// Applies a plan and ends its run: inventory, licenses, events, the organization's record, in one transaction.
    ///
    /// Refused as a whole with [`StoreError::Fenced`] when the run is somebody else's, and with [`StoreError::Stale`] when the
    /// organization, the inventory, or (if `seats` changes something) the pool is not what the plan was made on. Idempotent by the run: if it was
    /// applied before under this fence, nothing changes and that is no error. The events are those of [`SyncPlan::events`], then those of
    /// [`SeatPlan::events`], then those of `end`. A plan that changes nothing writes no inventory row, and leaves the generation.
    async fn apply(
        &self,
        plan: &SyncPlan,
        seats: &SeatPlan,
        end: &RunEnd<'_>,
    ) -> Result<Applied, StoreError>;

    /// Ends a run without applying anything. Refused and idempotent as [`SyncStore::apply`].
    async fn end(&self, end: &RunEnd<'_>) -> Result<Applied, StoreError>;

    /// One run; `None` if there never was.
    async fn get(&self, sync: SyncId) -> Result<Option<SyncRun>, StoreError>;

    /// The newest runs, newest first; of all organizations if none is named.
    async fn list(
        &self,
        organization: Option<OrganizationId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SyncRun>, StoreError>;

    /// The newest held run of an organization with that decision, and which repositories it would let vanish; `None` if there is none.
    async fn held(
        &self,
        organization: OrganizationId,
        decision: HeldDecision,
    ) -> Result<Option<(SyncRun, Vec<RepositoryId>)>, StoreError>;

    /// Puts down what a person decided about a held run that is still open; [`StoreError::NotFound`] if there is no such run or it was
    /// decided before.
    async fn decide(
        &self,
        sync: SyncId,
        decision: HeldDecision,
        organization: &Organization,
        events: &[Event],
    ) -> Result<(), StoreError>;
}

/// The pool in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSummary {
    /// How many seats are held.
    pub held: u64,
    /// How many repositories wait.
    pub waiting: u64,
    /// The same for each organization that has any, in the order of names.
    pub organizations: Vec<(OrganizationName, u64, u64)>,
}

/// A repository with a seat or a place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatHolder {
    /// Which one.
    pub key: SeatKey,
    /// The name of its organization.
    pub organization_name: OrganizationName,
    /// Its path.
    pub full_path: String,
    /// When it was made at the host.
    pub created_at: DateTime<Utc>,
    /// Where it stands.
    pub license: LicenseRecord,
}

/// Remembers the license pool and the policy.
#[async_trait]
pub trait LicenseStore: Send + Sync {
    /// The pool, to plan on: one consistent moment.
    async fn pool(&self) -> Result<PoolSnapshot, StoreError>;

    /// The pool in numbers.
    async fn summary(&self) -> Result<PoolSummary, StoreError>;

    /// A page of those with a seat ([`LicenseState::Licensed`]) or in the queue ([`LicenseState::Waiting`]), in the order of the queue.
    async fn holders(
        &self,
        state: LicenseState,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SeatHolder>, StoreError>;

    /// Applies a plan made for a person's decision at `now`, with its own events ([`SeatPlan::events`]) and these. [`Stale::Pool`] if the pool is
    /// not what it was made on. The generation grows unless the plan is empty.
    async fn apply(
        &self,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError>;

    /// Gives repositories that have neither a seat nor a place another reason, and nothing else.
    async fn note(
        &self,
        key: SeatKey,
        license: &LicenseRecord,
        events: &[Event],
    ) -> Result<(), StoreError>;

    /// The number of seats that a person configured; [`Seats::Unlimited`] until then.
    async fn configured_seats(&self) -> Result<Seats, StoreError>;

    /// Configures the number of seats, together with what follows from it; [`Stale::Pool`] as in [`LicenseStore::apply`], and the generation
    /// always grows.
    async fn configure_seats(
        &self,
        seats: Seats,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError>;

    /// The policy; the default one until a person sets another.
    async fn policy(&self) -> Result<LicensePolicy, StoreError>;

    /// Sets the policy in the place of `before`; [`Stale::Policy`] if it is another one by now.
    async fn set_policy(
        &self,
        before: &LicensePolicy,
        policy: &LicensePolicy,
        events: &[Event],
    ) -> Result<(), StoreError>;
}

/// Which events a person wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those of this organization.
    pub organization: Option<OrganizationId>,
    /// Only those on this subject.
    pub subject: Option<Subject>,
    /// Only those whose kind begins with this text, such as `repository.`.
    pub kind: Option<String>,
    /// Only those after this place in the history.
    pub after: Option<u64>,
    /// Only those before this place in the history.
    pub before: Option<u64>,
}

/// Remembers the history.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Adds events that belong to no other stored change.
    async fn append(&self, events: &[Event]) -> Result<(), StoreError>;

    /// The newest events that fit, newest first; at most `limit` of them.
    async fn newest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError>;

    /// The oldest events that fit, oldest first; at most `limit` of them. With [`EventFilter::after`] this follows the history.
    async fn oldest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError>;
}
