//! A database in a folder of its own, and the way of a sync through it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use org_core::ids::{OrganizationId, ProcessId, SyncId};
use org_core::inventory::{Group, Repository};
use org_core::license::policy::LicensePolicy;
use org_core::license::pool::{SeatPlan, Seats, plan_seats};
use org_core::listing::ListingBuilder;
use org_core::organization::{
    AutoLicense, ExistingRepositories, GroupProtection, Organization, Settings,
};
use org_core::ports::{
    Applied, Claim, ClaimRequest, InventoryStore, LicenseStore, OrganizationChange,
    OrganizationStore, RunEnd, StoreError, SyncStore,
};
use org_core::sync::plan::{Phase, PlanInput, plan_sync};
use org_core::sync::{Counts, RunOutcome, SyncPlan, SyncRun, Trigger};
use org_core::testing::build;
use sqlx::{Connection, SqliteConnection};
use store_adapter::{Store, StoreOptions};

/// A database that goes away with its folder.
pub(crate) struct Scratch {
    pub(crate) store: Store,
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&file(folder.path())).await;
        Self { store, folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        file(self.folder.path())
    }

    /// A connection beside the store, to look at the tables and to spoil them.
    pub(crate) async fn beside(&self) -> SqliteConnection {
        beside(&self.path()).await
    }
}

pub(crate) async fn beside(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("a connection to the file")
}

pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("forgehold.db")
}

pub(crate) async fn open(path: &Path) -> Store {
    Store::open(StoreOptions::new(path))
        .await
        .expect("the database opens")
}

/// Settings in which groups are inventory, and every repository asks for a seat.
pub(crate) fn settings() -> Settings {
    Settings {
        protect_groups: GroupProtection::On,
        auto_license: AutoLicense::On,
        license_existing: ExistingRepositories::All,
        ..build::settings()
    }
}

/// Adds an organization of that number.
pub(crate) async fn connect(store: &Store, number: u64) -> OrganizationId {
    let organization = build::organization(number, &format!("Organization {number}"))
        .settings(settings())
        .build();
    let roster = store.roster().await.expect("the roster").generation;
    let change = OrganizationChange {
        roster: Some(roster),
        ..OrganizationChange::new(&organization, &[])
    };
    store
        .insert(&change)
        .await
        .expect("the organization is added");
    organization.id
}

pub(crate) async fn get(store: &Store, id: OrganizationId) -> Organization {
    OrganizationStore::get(store, id)
        .await
        .expect("it can be read")
        .expect("it is there")
}

pub(crate) fn request(organization: OrganizationId, sync: u64, now: DateTime<Utc>) -> ClaimRequest {
    ClaimRequest {
        sync: SyncId::from_uuid(build::uuid(sync)),
        organization,
        trigger: Trigger::Manual,
        holder: ProcessId::from_uuid(build::uuid(7)),
        now,
        lease_until: now + TimeDelta::minutes(2),
    }
}

pub(crate) async fn started(store: &Store, request: &ClaimRequest) -> SyncRun {
    match store.claim(request).await.expect("the claim is answered") {
        Claim::Started(run) => run,
        Claim::Busy { run, .. } => panic!("{} is at it", run.id),
    }
}

/// A sync that was planned and waits to be applied.
pub(crate) struct Planned {
    pub(crate) run: SyncRun,
    pub(crate) plan: SyncPlan,
    pub(crate) seats: SeatPlan,
    pub(crate) organization: Organization,
    pub(crate) counts: Counts,
}

impl Planned {
    pub(crate) fn end(&self) -> RunEnd<'_> {
        RunEnd {
            run: &self.run,
            at: self.plan.at,
            outcome: RunOutcome::Complete,
            counts: self.counts,
            requests: 3,
            organization: &self.organization,
            vanishing: &[],
            events: &[],
        }
    }

    pub(crate) async fn apply(&self, store: &Store) -> Result<Applied, StoreError> {
        SyncStore::apply(store, &self.plan, &self.seats, &self.end()).await
    }
}

/// Plans what a run does with a complete listing; what is known and not listed is confirmed to be gone.
pub(crate) async fn plan(
    store: &Store,
    run: SyncRun,
    repositories: Vec<Repository>,
    groups: Vec<Group>,
    seats: Seats,
) -> Planned {
    let organization = get(store, run.organization).await;
    // The pool first: whatever changes a license after this makes the plan stale.
    let pool = store.pool().await.expect("the pool");
    let known = store
        .inventory(run.organization)
        .await
        .expect("the inventory");
    let mut listing = ListingBuilder::default();
    listing.add_repositories(repositories);
    listing.add_groups(groups);
    let confirmed: BTreeSet<_> = known
        .repositories
        .iter()
        .map(|known| known.repository.id)
        .collect();
    let policy = LicensePolicy::default();
    let mut plan = plan_sync(
        &PlanInput {
            sync: run.id,
            organization: run.organization,
            phase: Phase::Connecting,
            settings: &organization.settings,
            policy: &policy,
            confirmed_gone: &confirmed,
            now: run.started_at,
        },
        known,
        listing.finish(Vec::new()),
    );
    let wishes = std::mem::take(&mut plan.seats);
    let counts = plan.counts;
    let seats = plan_seats(&pool, seats, wishes);
    Planned {
        run,
        plan,
        seats,
        organization,
        counts,
    }
}

/// A whole sync with unlimited seats.
pub(crate) async fn sync(
    store: &Store,
    organization: OrganizationId,
    number: u64,
    repositories: Vec<Repository>,
) -> Planned {
    let now = build::noon() + TimeDelta::hours(i64::try_from(number % 100_000).unwrap_or_default());
    let run = started(store, &request(organization, number, now)).await;
    let planned = plan(store, run, repositories, Vec::new(), Seats::Unlimited).await;
    planned.apply(store).await.expect("the sync is applied");
    planned
}

/// `count` repositories of one group, from the id `first` on.
pub(crate) fn repositories(first: u64, count: u64) -> Vec<Repository> {
    (first..first + count)
        .map(|id| {
            build::repository(id, &format!("acme/app-{id:06}"))
                .in_group(3)
                .build()
        })
        .collect()
}

/// How often each table was written so far; see [`watch`].
pub(crate) async fn writes(connection: &mut SqliteConnection) -> Vec<(String, i64)> {
    sqlx::query_as("SELECT what, count(*) FROM written GROUP BY what ORDER BY what")
        .fetch_all(connection)
        .await
        .expect("the notes of the triggers")
}

/// Notes each row that is written in the tables of the inventory.
pub(crate) async fn watch(connection: &mut SqliteConnection) {
    let mut script = "CREATE TABLE written (what TEXT NOT NULL);".to_owned();
    for table in ["repositories", "groups"] {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            write!(
                script,
                "CREATE TRIGGER {table}_{change} AFTER {change} ON {table} \
                 BEGIN INSERT INTO written (what) VALUES ('{change} {table}'); END;"
            )
            .expect("a text takes any text");
        }
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(connection)
        .await
        .expect("the triggers are made");
}
