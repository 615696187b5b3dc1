//! All stores in memory, with exactly the promises of the ports and no more.

mod accounts;
mod identities;
mod inventory;
mod licenses;
mod organizations;
mod paging;
mod renewals;
mod rows;
mod sign_ins;
mod syncs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::renewals::RenewalRow;
use self::rows::Kept;
use crate::accounts::{Arrival, ExternalId};
use crate::attempt::ConnectionAttempt;
use crate::event::{ChainHash, Event, StoredEvent};
use crate::ids::{AttemptId, OrganizationId, RepositoryId, SyncId, UserId};
use crate::inventory::Inventory;
use crate::license::policy::LicensePolicy;
use crate::license::pool::Seats;
use crate::oauth::SignIn;
use crate::organization::Organization;
use crate::ports::{AttemptStore, EventFilter, EventStore, StoreError};
use crate::secret::SecretRef;
use crate::sync::run::SyncRun;

/// All stores in memory, the strictest implementation of their ports.
///
/// Each change works on a copy of the state that replaces it only when everything went well, so nothing is ever half stored. Beyond the
/// promises of the ports it refuses with [`StoreError::Other`] what a planner or use case must never ask for: a plan that does not fit
/// the inventory it claims to be made on, a new name, scope or account without the generation of the roster, a second run of the same id.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    history: Vec<StoredEvent>,
}

/// Everything but the history, which only grows and therefore needs no copy.
#[derive(Debug, Clone)]
struct State {
    roster_generation: u64,
    /// In the order of their creation.
    organizations: Vec<OrganizationRow>,
    /// In the order in which they were saved first.
    attempts: Vec<ConnectionAttempt>,
    /// In the order in which they were added.
    sign_ins: Vec<SignIn>,
    renewals: BTreeMap<SecretRef, RenewalRow>,
    /// In the order of their claims.
    runs: Vec<RunRow>,
    pool_generation: u64,
    seats: Seats,
    policy: LicensePolicy,
    accounts: accounts::AccountRows,
    /// In the order of their making.
    arrivals: Vec<Arrival>,
    identities: BTreeMap<ExternalId, UserId>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            roster_generation: 0,
            organizations: Vec::new(),
            attempts: Vec::new(),
            sign_ins: Vec::new(),
            renewals: BTreeMap::new(),
            runs: Vec::new(),
            pool_generation: 0,
            seats: Seats::Unlimited,
            policy: LicensePolicy::default(),
            accounts: accounts::AccountRows::default(),
            arrivals: Vec::new(),
            identities: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone)]
struct OrganizationRow {
    record: Organization,
    next_run: Option<DateTime<Utc>>,
    /// Since when a sync was asked for while another one ran.
    requested: Option<DateTime<Utc>>,
    lease: Option<Lease>,
    /// The greatest fence given so far.
    fence: u64,
    inventory: Arc<Inventory>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    sync: SyncId,
    until: DateTime<Utc>,
}

#[derive(Debug, Clone)]
struct RunRow {
    run: SyncRun,
    ending: Option<Ending>,
    vanishing: Vec<RepositoryId>,
}

/// Which of the two methods ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Applied,
    Ended,
}

/// A change under way: a copy of the state, and the events of the change.
struct Draft {
    state: State,
    events: Vec<Event>,
}

impl MemoryStore {
    /// A store without anything in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A draft replaces the state in one assignment, so a panic of a test elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// One transaction: all of `change`, or nothing.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Draft) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut inner = self.lock();
        let mut draft = Draft {
            state: inner.state.clone(),
            events: Vec::new(),
        };
        let answer = change(&mut draft)?;
        inner.state = draft.state;
        for event in draft.events {
            let event = event.kept();
            let (sequence, hash) = inner
                .history
                .last()
                .map_or((0, ChainHash::GENESIS), |last| (last.sequence, last.hash));
            let hash = hash.next(&event);
            inner.history.push(StoredEvent {
                sequence: sequence + 1,
                event,
                hash,
            });
        }
        Ok(answer)
    }

    /// The whole history, oldest first.
    pub fn history(&self) -> Vec<StoredEvent> {
        self.lock().history.clone()
    }

    /// The kinds of the whole history, oldest first: what most tests want to see of it.
    pub fn event_kinds(&self) -> Vec<String> {
        let kind = |stored: &StoredEvent| stored.event.kind.clone();
        self.lock().history.iter().map(kind).collect()
    }
}

impl State {
    fn row(&self, id: OrganizationId) -> Option<&OrganizationRow> {
        self.organizations.iter().find(|row| row.record.id == id)
    }

    fn row_mut(&mut self, id: OrganizationId) -> Result<&mut OrganizationRow, StoreError> {
        self.organizations
            .iter_mut()
            .find(|row| row.record.id == id)
            .ok_or_else(|| StoreError::NotFound {
                what: format!("organization {id}"),
            })
    }

    /// The organizations by id, to join them with other rows.
    fn by_id(&self) -> BTreeMap<OrganizationId, &OrganizationRow> {
        self.organizations
            .iter()
            .map(|row| (row.record.id, row))
            .collect()
    }

    fn save_attempt(&mut self, attempt: &ConnectionAttempt) {
        let attempt = attempt.clone().kept();
        match self
            .attempts
            .iter_mut()
            .find(|known| known.id == attempt.id)
        {
            Some(known) => *known = attempt,
            None => self.attempts.push(attempt),
        }
    }
}

/// A demand that no planner or use case of ours may make.
fn misuse(step: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Other {
        step,
        source: detail.into().into(),
    }
}

#[async_trait]
impl AttemptStore for MemoryStore {
    async fn save(&self, attempt: &ConnectionAttempt, events: &[Event]) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.state.save_attempt(attempt);
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn get(&self, id: AttemptId) -> Result<Option<ConnectionAttempt>, StoreError> {
        Ok(self.read(|state| {
            state
                .attempts
                .iter()
                .find(|attempt| attempt.id == id)
                .cloned()
        }))
    }

    async fn list(&self, limit: u32) -> Result<Vec<ConnectionAttempt>, StoreError> {
        let mut attempts = self.read(|state| state.attempts.clone());
        attempts.reverse();
        attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.created_at));
        attempts.truncate(limit as usize);
        Ok(attempts)
    }
}

fn fits(filter: &EventFilter, stored: &StoredEvent) -> bool {
    let event = &stored.event;
    filter
        .organization
        .is_none_or(|id| event.organization == Some(id))
        && filter
            .subject
            .as_ref()
            .is_none_or(|subject| event.subject == *subject)
        && filter
            .kind
            .as_ref()
            .is_none_or(|kind| event.kind.starts_with(kind))
        && filter.after.is_none_or(|after| stored.sequence > after)
        && filter.before.is_none_or(|before| stored.sequence < before)
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn newest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let inner = self.lock();
        let fitting = inner
            .history
            .iter()
            .rev()
            .filter(|stored| fits(filter, stored));
        Ok(fitting.take(limit as usize).cloned().collect())
    }

    async fn oldest(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let inner = self.lock();
        let fitting = inner.history.iter().filter(|stored| fits(filter, stored));
        Ok(fitting.take(limit as usize).cloned().collect())
    }
}
