//! The license pool and the policy.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::paging::{CursorKey, page};
use super::rows::Kept;
use super::{Draft, MemoryStore, State, misuse};
use crate::event::Event;
use crate::ids::{OrganizationId, RepositoryId};
use crate::inventory::KnownRepository;
use crate::license::policy::LicensePolicy;
use crate::license::pool::{Held, PoolSnapshot, SeatKey, SeatPlan, SeatRequest, Seats};
use crate::license::{LicenseRecord, LicenseState};
use crate::ports::{LicenseStore, Page, PoolSummary, SeatHolder, Stale, StoreError};

impl Draft {
    fn check_pool(&self, plan: &SeatPlan) -> Result<(), StoreError> {
        if plan.generation == self.state.pool_generation {
            Ok(())
        } else {
            Err(StoreError::Stale { what: Stale::Pool })
        }
    }

    /// Writes what a plan changes in the pool, if it changes something, with its events.
    pub(super) fn apply_seats(
        &mut self,
        plan: &SeatPlan,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if !plan.is_empty() {
            self.check_pool(plan)?;
            for released in &plan.release {
                let from = match released.from {
                    Held::Seat => LicenseState::Licensed,
                    Held::Place => LicenseState::Waiting,
                };
                let license =
                    LicenseRecord::new(LicenseState::Unlicensed, released.reason.clone(), now);
                self.relicense(released.key, &[from], license)?;
            }
            for seat in &plan.grant {
                let license = LicenseRecord::new(LicenseState::Licensed, seat.reason.clone(), now);
                let from = [LicenseState::Waiting, LicenseState::Unlicensed];
                self.relicense(seat.key, &from, license)?;
            }
            for seat in &plan.enqueue {
                let license = LicenseRecord::new(LicenseState::Waiting, seat.reason.clone(), now);
                self.relicense(seat.key, &[LicenseState::Unlicensed], license)?;
            }
            self.state.pool_generation += 1;
        }
        self.events.extend(plan.events(now));
        Ok(())
    }

    fn relicense(
        &mut self,
        key: SeatKey,
        from: &[LicenseState],
        license: LicenseRecord,
    ) -> Result<(), StoreError> {
        let known = self.license_mut(key)?;
        if !from.contains(&known.state) {
            return Err(misuse(
                "applying a plan of seats",
                format!(
                    "{key:?} is {} and cannot become {}",
                    known.state, license.state
                ),
            ));
        }
        *known = license.kept();
        Ok(())
    }
}

impl State {
    fn in_state(&self, wanted: LicenseState) -> Vec<(Place, SeatHolder)> {
        let holder = |organization: OrganizationId, name, known: &KnownRepository| {
            let created_at = known.repository.created_at;
            let place = Place(created_at, known.repository.id, organization);
            let holder = SeatHolder {
                key: SeatKey {
                    organization,
                    repository: known.repository.id,
                },
                organization_name: name,
                full_path: known.repository.full_path.to_string(),
                created_at,
                license: known.license.clone(),
            };
            (place, holder)
        };
        let rows = self.organizations.iter().flat_map(|row| {
            let known = row.inventory.repositories.iter();
            known
                .filter(|known| known.license.state == wanted)
                .map(|known| holder(row.record.id, row.record.name.clone(), known))
        });
        rows.collect()
    }
}

/// The place in the queue, as [`SeatRequest::rank`] says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place(DateTime<Utc>, RepositoryId, OrganizationId);

impl CursorKey for Place {
    const LIST: &'static str = "seats";

    fn to_text(&self) -> String {
        format!("{} {} {}", self.0.timestamp_micros(), self.1, self.2)
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let created_at = DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        let (repository, organization) = (parts.next()?, parts.next()?);
        Some(Self(
            created_at,
            repository.parse().ok()?,
            organization.parse().ok()?,
        ))
    }
}

#[async_trait]
impl LicenseStore for MemoryStore {
    async fn pool(&self) -> Result<PoolSnapshot, StoreError> {
        Ok(self.read(|state| {
            let waiting = state.in_state(LicenseState::Waiting).into_iter();
            PoolSnapshot {
                generation: state.pool_generation,
                held: state.in_state(LicenseState::Licensed).len() as u64,
                waiting: waiting
                    .map(|(_, holder)| SeatRequest {
                        key: holder.key,
                        created_at: holder.created_at,
                        reason: holder.license.reason,
                    })
                    .collect(),
            }
        }))
    }

    async fn summary(&self) -> Result<PoolSummary, StoreError> {
        Ok(self.read(|state| {
            let held = state.in_state(LicenseState::Licensed);
            let waiting = state.in_state(LicenseState::Waiting);
            let count = |holders: &[(Place, SeatHolder)], id| {
                let of = |(_, holder): &&(Place, SeatHolder)| holder.key.organization == id;
                holders.iter().filter(of).count() as u64
            };
            let mut organizations: Vec<_> = state
                .by_id()
                .into_iter()
                .map(|(id, row)| {
                    let name = row.record.name.clone();
                    (name, count(&held, id), count(&waiting, id))
                })
                .filter(|(_, held, waiting)| held + waiting > 0)
                .collect();
            organizations.sort_by_key(|(name, ..)| name.key());
            PoolSummary {
                held: held.len() as u64,
                waiting: waiting.len() as u64,
                organizations,
            }
        }))
    }

    async fn holders(
        &self,
        state: LicenseState,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SeatHolder>, StoreError> {
        if state == LicenseState::Unlicensed {
            return Err(misuse(
                "listing seats",
                "an unlicensed repository has neither a seat nor a place in the queue",
            ));
        }
        page(self.read(|rows| rows.in_state(state)), after, limit)
    }

    async fn apply(
        &self,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.check_pool(plan)?;
            draft.apply_seats(plan, now)?;
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn note(
        &self,
        key: SeatKey,
        license: &LicenseRecord,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let known = draft.license_mut(key)?;
            if known.state != LicenseState::Unlicensed {
                return Err(StoreError::Stale { what: Stale::Pool });
            }
            if license.state != LicenseState::Unlicensed {
                return Err(misuse(
                    "noting a reason",
                    format!("it cannot make a repository {}", license.state),
                ));
            }
            *known = license.clone().kept();
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn configured_seats(&self) -> Result<Seats, StoreError> {
        Ok(self.read(|state| state.seats))
    }

    async fn configure_seats(
        &self,
        seats: Seats,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.check_pool(plan)?;
            draft.apply_seats(plan, now)?;
            draft.state.seats = seats;
            if plan.is_empty() {
                draft.state.pool_generation += 1;
            }
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }

    async fn policy(&self) -> Result<LicensePolicy, StoreError> {
        Ok(self.read(|state| state.policy.clone()))
    }

    async fn set_policy(
        &self,
        before: &LicensePolicy,
        policy: &LicensePolicy,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            if draft.state.policy != *before {
                return Err(StoreError::Stale {
                    what: Stale::Policy,
                });
            }
            draft.state.policy = policy.clone();
            draft.events.extend_from_slice(events);
            Ok(())
        })
    }
}
