//! Counts that are kept in memory for as long as they hold.
//!
//! Counting a large inventory takes some milliseconds, and pages and programs ask for it all the time. Whatever changes a count also raises a generation
//! in the database, in the same transaction; so a count is right as long as its generations are, whichever program made the change.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use org_core::ids::OrganizationId;
use org_core::ports::{InventoryCounts, PoolSummary};

/// Two generations that a count depends on.
pub(crate) type Generations = (i64, i64);

#[derive(Debug, Default)]
struct Kept {
    counts: HashMap<OrganizationId, (Generations, InventoryCounts)>,
    summary: Option<(Generations, PoolSummary)>,
}

/// Counts that are kept for as long as they hold; at most one for each organization.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Kept>);

impl Remembered {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts of an organization at these generations.
    pub(crate) fn counts(
        &self,
        organization: OrganizationId,
        now: Generations,
    ) -> Option<InventoryCounts> {
        let kept = self.lock();
        let (then, counts) = kept.counts.get(&organization)?;
        (*then == now).then_some(*counts)
    }

    pub(crate) fn keep_counts(
        &self,
        organization: OrganizationId,
        now: Generations,
        counts: InventoryCounts,
    ) {
        self.lock().counts.insert(organization, (now, counts));
    }

    /// The pool in numbers at these generations.
    pub(crate) fn summary(&self, now: Generations) -> Option<PoolSummary> {
        let kept = self.lock();
        let (then, summary) = kept.summary.as_ref()?;
        (*then == now).then(|| summary.clone())
    }

    pub(crate) fn keep_summary(&self, now: Generations, summary: PoolSummary) {
        self.lock().summary = Some((now, summary));
    }
}
