//! Organizations, and when each is due.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::rows::Kept;
use super::{Draft, MemoryStore, OrganizationRow, State, misuse};
use crate::ids::OrganizationId;
use crate::inventory::Inventory;
use crate::organization::{Organization, Status};
use crate::ports::{OrganizationChange, OrganizationStore, Roster, Stale, StoreError};
use crate::text::OrganizationName;

const fn is_removed(organization: &Organization) -> bool {
    matches!(organization.status, Status::Removed { .. })
}

/// Whether a rule about who covers what was checked for this change, or should have been.
fn needs_roster(before: &Organization, after: &Organization) -> bool {
    before.name != after.name
        || before.settings.scope != after.settings.scope
        || before.account != after.account
        || before.host != after.host
}

impl OrganizationRow {
    /// Since when the organization waits for a sync, or will: by its schedule, or because somebody asked for one.
    fn wanted_at(&self) -> Option<DateTime<Utc>> {
        if !self.record.status.is_scheduled() {
            return None;
        }
        match (self.next_run, self.requested) {
            (Some(planned), Some(requested)) => Some(planned.min(requested)),
            (planned, requested) => planned.or(requested),
        }
    }
}

impl State {
    fn refuse_taken_name(&self, organization: &Organization) -> Result<(), StoreError> {
        let taken = !is_removed(organization)
            && self.organizations.iter().any(|row| {
                row.record.id != organization.id
                    && !is_removed(&row.record)
                    && row.record.name.key() == organization.name.key()
            });
        if taken {
            return Err(StoreError::NameTaken {
                name: organization.name.clone(),
            });
        }
        Ok(())
    }

    fn check_roster(&self, generation: u64) -> Result<(), StoreError> {
        if generation == self.roster_generation {
            Ok(())
        } else {
            Err(StoreError::Stale {
                what: Stale::Roster,
            })
        }
    }

    /// Replaces the record of an organization; answers the new version.
    pub(super) fn put_record(&mut self, organization: &Organization) -> Result<u64, StoreError> {
        let before = &self.row_mut(organization.id)?.record;
        if before.version != organization.version {
            return Err(StoreError::Stale {
                what: Stale::Organization,
            });
        }
        let changes_roster =
            needs_roster(before, organization) || is_removed(before) != is_removed(organization);
        self.refuse_taken_name(organization)?;
        if changes_roster {
            self.roster_generation += 1;
        }
        let row = self.row_mut(organization.id)?;
        row.record = organization.clone().kept();
        row.record.version += 1;
        Ok(row.record.version)
    }
}

impl Draft {
    /// What a change of a record brings with it.
    fn accompany(&mut self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        if let Some(next_run) = change.next_run {
            self.state.row_mut(change.organization.id)?.next_run = next_run.map(Kept::kept);
        }
        if let Some(attempt) = change.attempt {
            self.state.save_attempt(attempt);
        }
        if let Some(plan) = change.seats {
            let now = change
                .events
                .first()
                .map_or(change.organization.created_at, |event| event.at);
            self.apply_seats(plan, now)?;
        }
        self.events.extend_from_slice(change.events);
        Ok(())
    }
}

#[async_trait]
impl OrganizationStore for MemoryStore {
    async fn roster(&self) -> Result<Roster, StoreError> {
        Ok(self.read(|state| Roster {
            generation: state.roster_generation,
            organizations: state
                .organizations
                .iter()
                .map(|row| row.record.clone())
                .collect(),
        }))
    }

    async fn get(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        Ok(self.read(|state| state.row(id).map(|row| row.record.clone())))
    }

    async fn find(&self, name: &OrganizationName) -> Result<Option<Organization>, StoreError> {
        Ok(self.read(|state| {
            state
                .organizations
                .iter()
                .map(|row| &row.record)
                .find(|record| !is_removed(record) && record.name.key() == name.key())
                .cloned()
        }))
    }

    async fn insert(&self, change: &OrganizationChange<'_>) -> Result<(), StoreError> {
        const STEP: &str = "adding an organization";
        self.write(|draft| {
            let organization = change.organization;
            let generation = change
                .roster
                .ok_or_else(|| misuse(STEP, "no generation of the roster was given"))?;
            draft.state.check_roster(generation)?;
            draft.state.refuse_taken_name(organization)?;
            if draft.state.row(organization.id).is_some() {
                return Err(misuse(STEP, format!("{} is there", organization.id)));
            }
            draft.state.organizations.push(OrganizationRow {
                record: Organization {
                    version: 1,
                    ..organization.clone().kept()
                },
                next_run: None,
                requested: None,
                lease: None,
                fence: 0,
                inventory: Arc::new(Inventory::default()),
            });
            draft.state.roster_generation += 1;
            draft.accompany(change)
        })
    }

    async fn update(&self, change: &OrganizationChange<'_>) -> Result<u64, StoreError> {
        self.write(|draft| {
            let organization = change.organization;
            let before = &draft.state.row_mut(organization.id)?.record;
            let is_current = before.version == organization.version;
            if is_current && needs_roster(before, organization) && change.roster.is_none() {
                return Err(misuse(
                    "changing an organization",
                    "no generation of the roster was given for a new name, scope or account",
                ));
            }
            if let Some(generation) = change.roster {
                draft.state.check_roster(generation)?;
            }
            let version = draft.state.put_record(organization)?;
            draft.accompany(change)?;
            Ok(version)
        })
    }

    async fn next_run(&self, id: OrganizationId) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.read(|state| state.row(id).and_then(|row| row.next_run)))
    }

    async fn set_next_run(
        &self,
        id: OrganizationId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.state.row_mut(id)?.next_run = at.map(Kept::kept);
            Ok(())
        })
    }

    async fn due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<OrganizationId>, StoreError> {
        Ok(self.read(|state| {
            let mut due: Vec<_> = state
                .organizations
                .iter()
                .filter(|row| row.lease.is_none_or(|lease| lease.until <= now))
                .filter_map(|row| Some((row.wanted_at()?, row.record.id)))
                .filter(|(wanted_at, _)| *wanted_at <= now)
                .collect();
            due.sort_unstable();
            due.truncate(limit as usize);
            due.into_iter().map(|(_, id)| id).collect()
        }))
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.read(|state| {
            let moment = |row: &OrganizationRow| {
                let wanted_at = row.wanted_at()?;
                Some(
                    row.lease
                        .map_or(wanted_at, |lease| wanted_at.max(lease.until)),
                )
            };
            state.organizations.iter().filter_map(moment).min()
        }))
    }
}
