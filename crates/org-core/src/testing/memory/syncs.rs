//! Syncs: leases and fences, and applying a plan as one unit.

use std::cmp::Reverse;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::paging::{CursorKey, page};
use super::rows::Kept;
use super::{Draft, Ending, Lease, MemoryStore, RunRow, State, misuse};
use crate::event::Event;
use crate::ids::{OrganizationId, RepositoryId, SyncId};
use crate::license::pool::SeatPlan;
use crate::organization::Organization;
use crate::ports::{Applied, Claim, ClaimRequest, Page, RunEnd, StoreError, SyncStore};
use crate::sync::plan::SyncPlan;
use crate::sync::run::{Counts, HeldDecision, RunOutcome, RunState, SyncRun, Trigger};

const STEP: &str = "ending a sync";

impl State {
    fn run_mut(&mut self, sync: SyncId) -> Option<&mut RunRow> {
        self.runs.iter_mut().find(|row| row.run.id == sync)
    }

    /// The run if it may still write; `None` if it has written all of this before.
    fn writable(
        &mut self,
        run: &SyncRun,
        ending: Ending,
    ) -> Result<Option<&mut RunRow>, StoreError> {
        let fenced = StoreError::Fenced { sync: run.id };
        match self.run_mut(run.id) {
            Some(row) if row.run.fence != run.fence => Err(fenced),
            Some(row) if row.run.state == RunState::Running => Ok(Some(row)),
            Some(row) if row.ending == Some(ending) => Ok(None),
            _ => Err(fenced),
        }
    }
}

impl Draft {
    fn follow_up(&self, organization: OrganizationId) -> Applied {
        let row = self.state.row(organization);
        Applied {
            follow_up: row.is_some_and(|row| row.requested.is_some()),
        }
    }

    fn end_run(&mut self, end: &RunEnd<'_>, ending: Ending) -> Result<(), StoreError> {
        if end.organization.id != end.run.organization {
            return Err(misuse(STEP, "the record is one of another organization"));
        }
        self.state.put_record(end.organization)?;
        if let Some(row) = self.state.run_mut(end.run.id) {
            row.run.state = RunState::Ended {
                at: end.at.kept(),
                outcome: end.outcome.clone(),
            };
            row.run.counts = end.counts;
            row.run.requests = end.requests;
            row.ending = Some(ending);
            row.vanishing = end.vanishing.to_vec();
        }
        self.state.row_mut(end.run.organization)?.lease = None;
        Ok(())
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RunPlace(Reverse<DateTime<Utc>>, Reverse<usize>);

impl CursorKey for RunPlace {
    const LIST: &'static str = "syncs";

    fn to_text(&self) -> String {
        format!("{} {}", self.0.0.timestamp_micros(), self.1.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (started_at, index) = text.split_once(' ')?;
        let started_at = DateTime::from_timestamp_micros(started_at.parse().ok()?)?;
        Some(Self(Reverse(started_at), Reverse(index.parse().ok()?)))
    }
}

#[async_trait]
impl SyncStore for MemoryStore {
    async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        self.write(|draft| {
            let row = draft.state.row_mut(request.organization)?;
            if let Some(lease) = row.lease {
                if lease.until > request.now {
                    if request.trigger != Trigger::Schedule {
                        row.requested.get_or_insert(request.now.kept());
                    }
                    let run = draft.state.run_mut(lease.sync);
                    let run = run.ok_or_else(|| misuse("claiming", "a lease without a run"))?;
                    return Ok(Claim::Busy {
                        run: run.run.clone(),
                        lease_until: lease.until,
                    });
                }
                if let Some(lost) = draft.state.run_mut(lease.sync) {
                    lost.run.state = RunState::Ended {
                        at: request.now.kept(),
                        outcome: RunOutcome::Abandoned,
                    };
                }
            }
            if draft.state.run_mut(request.sync).is_some() {
                return Err(misuse("claiming", format!("{:?} ran before", request.sync)));
            }
            let row = draft.state.row_mut(request.organization)?;
            row.requested = None;
            row.fence += 1;
            row.lease = Some(Lease {
                sync: request.sync,
                until: request.lease_until.kept(),
            });
            let run = SyncRun {
                id: request.sync,
                organization: request.organization,
                trigger: request.trigger,
                holder: request.holder,
                fence: row.fence,
                started_at: request.now.kept(),
                state: RunState::Running,
                counts: Counts::default(),
                requests: 0,
            };
            draft.state.runs.push(RunRow {
                run: run.clone(),
                ending: None,
                vanishing: Vec::new(),
            });
            Ok(Claim::Started(run))
        })
    }

    async fn renew(&self, run: &SyncRun, lease_until: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(|draft| {
            let fenced = StoreError::Fenced { sync: run.id };
            match draft.state.run_mut(run.id) {
                Some(row) if row.run.fence == run.fence && row.ending.is_none() => {}
                _ => return Err(fenced),
            }
            let row = draft.state.row_mut(run.organization)?;
            match &mut row.lease {
                Some(lease) if lease.sync == run.id => lease.until = lease_until.kept(),
                _ => return Err(fenced),
            }
            Ok(())
        })
    }

    async fn apply(
        &self,
        plan: &SyncPlan,
        seats: &SeatPlan,
        end: &RunEnd<'_>,
    ) -> Result<Applied, StoreError> {
        self.write(|draft| {
            if plan.sync != end.run.id || plan.organization != end.run.organization {
                return Err(misuse(STEP, "the plan is one of another run"));
            }
            if draft.state.writable(end.run, Ending::Applied)?.is_some() {
                draft.apply_inventory(plan)?;
                draft.apply_seats(seats, end.at)?;
                draft.end_run(end, Ending::Applied)?;
                draft.events.extend_from_slice(end.events);
            }
            Ok(draft.follow_up(end.run.organization))
        })
    }

    async fn end(&self, end: &RunEnd<'_>) -> Result<Applied, StoreError> {
        self.write(|draft| {
            if draft.state.writable(end.run, Ending::Ended)?.is_some() {
                draft.end_run(end, Ending::Ended)?;
                draft.events.extend_from_slice(end.events);
            }
            Ok(draft.follow_up(end.run.organization))
        })
    }

    async fn get(&self, sync: SyncId) -> Result<Option<SyncRun>, StoreError> {
        Ok(self.read(|state| {
            let row = state.runs.iter().find(|row| row.run.id == sync);
            row.map(|row| row.run.clone())
        }))
    }

    async fn list(
        &self,
        organization: Option<OrganizationId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SyncRun>, StoreError> {
        let rows = self.read(|state| {
            let rows = state.runs.iter().enumerate();
            rows.filter(|(_, row)| organization.is_none_or(|id| row.run.organization == id))
                .map(|(index, row)| {
                    let place = RunPlace(Reverse(row.run.started_at), Reverse(index));
                    (place, row.run.clone())
                })
                .collect()
        });
        page(rows, after, limit)
    }

    async fn held(
        &self,
        organization: OrganizationId,
        wanted: HeldDecision,
    ) -> Result<Option<(SyncRun, Vec<RepositoryId>)>, StoreError> {
        Ok(self.read(|state| {
            let fits = |row: &&RunRow| {
                row.run.organization == organization
                    && matches!(row.run.outcome(), Some(RunOutcome::Held { decision, .. }) if *decision == wanted)
            };
            let newest = state.runs.iter().filter(fits).max_by_key(|row| row.run.fence);
            newest.map(|row| (row.run.clone(), row.vanishing.clone()))
        }))
    }

    async fn decide(
        &self,
        sync: SyncId,
        decision: HeldDecision,
        organization: &Organization,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let decided = match draft.state.run_mut(sync) {
                Some(RunRow {
                    run:
                        SyncRun {
                            state:
                                RunState::Ended {
                                    outcome: RunOutcome::Held { decision, .. },
                                    ..
                                },
                            ..
                        },
                    ..
                }) if *decision == HeldDecision::Open => decision,
                _ => {
                    return Err(StoreError::NotFound {
                        what: format!("held sync {sync} that waits for a decision"),
                    });
                }
            };
            *decided = decision;
            draft.state.put_record(organization)?;
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }
}
