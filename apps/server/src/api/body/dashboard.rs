//! How the whole installation does.

use org_core::license::pool::Seats;
use serde::Serialize;
use utoipa::ToSchema;

use crate::summary::{Day, Need, Summary};

/// How the whole installation does: how much is covered, what needs a person, and what was synchronized lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Dashboard {
    /// Organizations, the removed ones not counted.
    pub organizations: usize,
    /// Organizations that are connected and ask for nothing.
    pub connected: usize,
    /// Repositories of all of them.
    pub repositories: u64,
    /// Groups of all of them.
    pub groups: u64,
    /// Repositories that have a license.
    pub licensed: u64,
    /// Repositories that wait for one.
    pub waiting: u64,
    /// How many seats there are; null while they are not limited.
    pub seats: Option<u32>,
    /// What needs a person.
    pub needs_action: Vec<NeededAction>,
    /// How the syncs of each of the last 14 days ended, in UTC, the oldest day first.
    pub activity: Vec<DayOfSyncs>,
}

/// Something that needs a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NeededAction {
    /// The organization, the vault, or `Licenses`.
    pub subject: String,
    /// What is so.
    pub what: String,
    /// What to do next.
    pub next_step: String,
}

/// How the syncs of a day ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DayOfSyncs {
    /// The day.
    pub day: String,
    /// Complete.
    pub complete: u64,
    /// Partial, or held.
    pub partial: u64,
    /// Failed.
    pub failed: u64,
}

impl From<&Summary> for Dashboard {
    fn from(summary: &Summary) -> Self {
        Self {
            organizations: summary.overviews.len(),
            connected: summary.connected(),
            repositories: summary.sum(|overview| overview.counts.repositories),
            groups: summary.sum(|overview| overview.counts.groups),
            licensed: summary.sum(|overview| overview.counts.licensed),
            waiting: summary.pool.summary.waiting,
            seats: match summary.pool.seats {
                Seats::Unlimited => None,
                Seats::Limited(seats) => Some(seats),
            },
            needs_action: summary
                .needs()
                .into_iter()
                .map(NeededAction::from)
                .collect(),
            activity: summary.activity().iter().map(DayOfSyncs::from).collect(),
        }
    }
}

impl From<Need> for NeededAction {
    fn from(need: Need) -> Self {
        Self {
            subject: need.subject,
            what: need.what,
            next_step: need.step,
        }
    }
}

impl From<&Day> for DayOfSyncs {
    fn from(day: &Day) -> Self {
        Self {
            day: day.date.to_string(),
            complete: day.complete,
            partial: day.partial,
            failed: day.failed,
        }
    }
}
