//! What the cases of the stores have in common: organizations that are synchronized by the real planners.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::Stores;
use crate::attempt::ConnectionAttempt;
use crate::event::{ChainHash, Event, StoredEvent, verify_chain};
use crate::ids::OrganizationId;
use crate::inventory::{Group, Inventory, Repository};
use crate::license::policy::LicensePolicy;
use crate::license::pool::{PoolSnapshot, SeatPlan, SeatRequest, Seats, plan_seats};
use crate::listing::{ListingBuilder, MissingPart};
use crate::organization::{ExistingRepositories, GroupProtection, Organization};
use crate::ports::{
    Applied, Claim, ClaimRequest, EventFilter, OrganizationChange, Roster, RunEnd, StoreError,
};
use crate::sync::plan::{Phase, PlanInput, SyncPlan, missing_repositories, plan_sync};
use crate::sync::run::{Counts, RunOutcome, SyncRun, Trigger};
use crate::testing::build::{self, noon_plus, organization_id, process_id, repository_id, sync_id};

/// How long a lease lasts here.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(60);

/// When the sync of that number starts: an hour after the one before.
pub(super) fn start_of(sync: u64) -> DateTime<Utc> {
    noon_plus(i64::try_from(sync).expect("small numbers") * 3600)
}

/// An organization that protects groups and licenses whatever its connecting sync finds.
pub(super) fn licensing(id: u64, name: &str) -> Organization {
    let mut settings = build::settings();
    settings.license_existing = ExistingRepositories::All;
    settings.protect_groups = GroupProtection::On;
    build::organization(id, name).settings(settings).build()
}

/// An organization that protects groups and licenses nothing by itself.
pub(super) fn unlicensed(id: u64, name: &str) -> Organization {
    let mut settings = build::settings();
    settings.protect_groups = GroupProtection::On;
    build::organization(id, name).settings(settings).build()
}

/// Adds organizations, each on the present roster.
pub(super) async fn add(stores: &Stores, organizations: &[Organization]) {
    for organization in organizations {
        insert(stores, organization, &[])
            .await
            .expect("the name is free");
    }
}

/// Adds an organization on the present roster.
pub(super) async fn insert(
    stores: &Stores,
    organization: &Organization,
    events: &[Event],
) -> Result<(), StoreError> {
    let roster = roster(stores).await.generation;
    let change = OrganizationChange {
        roster: Some(roster),
        ..OrganizationChange::new(organization, events)
    };
    stores.organizations.insert(&change).await
}

pub(super) async fn roster(stores: &Stores) -> Roster {
    stores.organizations.roster().await.expect("a store")
}

/// The present record of an organization.
pub(super) async fn record(stores: &Stores, id: u64) -> Organization {
    stores
        .organizations
        .get(organization_id(id))
        .await
        .expect("a store")
        .expect("it was added")
}

/// Changes the present record on the present roster; answers the new version.
pub(super) async fn change(
    stores: &Stores,
    id: u64,
    change: impl FnOnce(Organization) -> Organization,
) -> Result<u64, StoreError> {
    let after = change(record(stores, id).await);
    let roster = roster(stores).await.generation;
    stores
        .organizations
        .update(&OrganizationChange {
            roster: Some(roster),
            ..OrganizationChange::new(&after, &[])
        })
        .await
}

pub(super) async fn inventory(stores: &Stores, organization: u64) -> Inventory {
    stores
        .inventory
        .inventory(organization_id(organization))
        .await
        .expect("a store")
}

/// The pool with those who wait in the order of the queue, so that two of them compare.
pub(super) async fn pool(stores: &Stores) -> PoolSnapshot {
    let mut pool = stores.licenses.pool().await.expect("a store");
    pool.waiting.sort_by_key(SeatRequest::rank);
    pool
}

/// The whole history, and its chain holds.
pub(super) async fn history(stores: &Stores) -> Vec<StoredEvent> {
    let events = stores
        .events
        .oldest(&EventFilter::default(), 100_000)
        .await
        .expect("a store");
    verify_chain((0, ChainHash::GENESIS), &events).expect("the chain holds");
    events
}

/// The kinds of the whole history.
pub(super) async fn kinds(stores: &Stores) -> Vec<String> {
    let events = history(stores).await.into_iter();
    events.map(|stored| stored.event.kind).collect()
}

/// A request for the sync of that number, an hour after the one before.
pub(super) fn request(organization: u64, sync: u64) -> ClaimRequest {
    ClaimRequest {
        sync: sync_id(sync),
        organization: organization_id(organization),
        trigger: Trigger::Manual,
        holder: process_id(1),
        now: start_of(sync),
        lease_until: start_of(sync) + LEASE,
    }
}

/// Starts the sync of that number.
pub(super) async fn claim(stores: &Stores, organization: u64, sync: u64) -> SyncRun {
    match stores.syncs.claim(&request(organization, sync)).await {
        Ok(Claim::Started(run)) => run,
        other => panic!("the sync should start: {other:?}"),
    }
}

/// A sync that was planned and not applied yet.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) run: SyncRun,
    pub(super) plan: SyncPlan,
    pub(super) seats: SeatPlan,
    pub(super) organization: Organization,
    pub(super) outcome: RunOutcome,
    pub(super) events: Vec<Event>,
}

impl Prepared {
    pub(super) fn end(&self) -> RunEnd<'_> {
        RunEnd {
            run: &self.run,
            at: self.plan.at,
            outcome: self.outcome.clone(),
            counts: self.plan.counts,
            requests: 12,
            organization: &self.organization,
            vanishing: &[],
            events: &self.events,
        }
    }

    pub(super) async fn apply(&self, stores: &Stores) -> Result<Applied, StoreError> {
        stores
            .syncs
            .apply(&self.plan, &self.seats, &self.end())
            .await
    }
}

/// What a host lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) repositories: Vec<Repository>,
    pub(super) groups: Vec<Group>,
    pub(super) missing: Vec<MissingPart>,
}

/// Repositories of these numbers, each at `acme/project-<number>`.
pub(super) fn projects(numbers: impl IntoIterator<Item = u64>) -> Listed {
    let project = |id| build::repository(id, &format!("acme/project-{id}")).build();
    Listed {
        repositories: numbers.into_iter().map(project).collect(),
        ..Listed::default()
    }
}

/// These repositories and nothing else.
pub(super) fn listed(repositories: Vec<Repository>) -> Listed {
    Listed {
        repositories,
        ..Listed::default()
    }
}

/// Starts a sync and plans it on the present state; what is missing counts as confirmed gone.
pub(super) async fn prepare(
    stores: &Stores,
    organization: u64,
    sync: u64,
    listed: Listed,
    seats: Seats,
) -> Prepared {
    let run = claim(stores, organization, sync).await;
    plan(stores, run, listed, seats).await
}

/// Plans a sync that was started.
pub(super) async fn plan(stores: &Stores, run: SyncRun, listed: Listed, seats: Seats) -> Prepared {
    let organization = stores
        .organizations
        .get(run.organization)
        .await
        .expect("a store")
        .expect("it was added");
    let known = stores
        .inventory
        .inventory(run.organization)
        .await
        .expect("a store");
    let outcome = if listed.missing.is_empty() {
        RunOutcome::Complete
    } else {
        RunOutcome::Partial {
            missing: listed.missing.clone(),
        }
    };
    let mut builder = ListingBuilder::default();
    builder.add_repositories(listed.repositories);
    builder.add_groups(listed.groups);
    let listing = builder.finish(listed.missing);
    let confirmed_gone: BTreeSet<_> = missing_repositories(&known, &listing).into_iter().collect();
    let policy = LicensePolicy::default();
    let input = PlanInput {
        sync: run.id,
        organization: run.organization,
        phase: Phase::Connecting,
        settings: &organization.settings,
        policy: &policy,
        confirmed_gone: &confirmed_gone,
        now: run.started_at + TimeDelta::seconds(30),
    };
    let mut plan = plan_sync(&input, known, listing);
    let wishes = std::mem::take(&mut plan.seats);
    let pool = stores.licenses.pool().await.expect("a store");
    let seats = plan_seats(&pool, seats, wishes);
    plan.counts = Counts {
        licensed: seats.grant.len() as u64,
        waiting: seats.enqueue.len() as u64,
        ..plan.counts
    };
    Prepared {
        run,
        plan,
        seats,
        organization,
        outcome,
        events: Vec::new(),
    }
}

/// Plans and applies the sync of that number.
pub(super) async fn sync(
    stores: &Stores,
    organization: u64,
    sync: u64,
    listed: Listed,
    seats: Seats,
) -> Prepared {
    let prepared = prepare(stores, organization, sync, listed, seats).await;
    prepared
        .apply(stores)
        .await
        .expect("it was planned on the present state");
    prepared
}

/// Everything that a refused change must leave as it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    roster: Roster,
    inventories: Vec<Inventory>,
    pool: PoolSnapshot,
    runs: Vec<SyncRun>,
    attempts: Vec<ConnectionAttempt>,
    next_runs: Vec<Option<DateTime<Utc>>>,
    history: Vec<StoredEvent>,
}

pub(super) async fn snapshot(stores: &Stores) -> Snapshot {
    let roster = roster(stores).await;
    let ids: Vec<OrganizationId> = roster.organizations.iter().map(|o| o.id).collect();
    let mut inventories = Vec::new();
    let mut next_runs = Vec::new();
    for id in ids {
        inventories.push(stores.inventory.inventory(id).await.expect("a store"));
        next_runs.push(stores.organizations.next_run(id).await.expect("a store"));
    }
    Snapshot {
        roster,
        inventories,
        pool: pool(stores).await,
        runs: stores
            .syncs
            .list(None, None, 1000)
            .await
            .expect("a store")
            .items,
        attempts: stores.attempts.list(1000).await.expect("a store"),
        next_runs,
        history: history(stores).await,
    }
}

/// Where a repository stands with its license: the word of its state.
pub(super) async fn license(stores: &Stores, organization: u64, repository: u64) -> &'static str {
    let inventory = inventory(stores, organization).await;
    inventory
        .repositories
        .iter()
        .find(|known| known.repository.id == repository_id(repository))
        .map_or("unknown", |known| known.license.state.as_str())
}
