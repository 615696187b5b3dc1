//! Groups and repositories: reading them, and writing what a sync planned.

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::paging::{CursorKey, decode, page};
use super::rows::Kept;
use super::{Draft, MemoryStore, OrganizationRow, misuse};
use crate::ids::{GroupId, OrganizationId, RepositoryId};
use crate::inventory::{Group, Inventory, KnownGroup, KnownRepository, Presence, Repository};
use crate::license::pool::SeatKey;
use crate::license::{LicenseRecord, LicenseState};
use crate::ports::{
    InventoryCounts, InventoryStore, Page, PresenceFilter, RepositoryFilter, RepositoryKey,
    RepositoryOrder, RepositoryRow, Stale, StoreError,
};
use crate::sync::plan::{GroupChange, RepositoryChange, SyncPlan};

const STEP: &str = "applying a sync";

impl Draft {
    /// Writes what a plan changes in the inventory.
    pub(super) fn apply_inventory(&mut self, plan: &SyncPlan) -> Result<(), StoreError> {
        let row = self.state.row_mut(plan.organization)?;
        if row.inventory.generation != plan.generation {
            return Err(StoreError::Stale {
                what: Stale::Inventory,
            });
        }
        if !(plan.repositories.is_empty() && plan.groups.is_empty()) {
            let inventory = Arc::make_mut(&mut row.inventory);
            let at = plan.at.kept();
            for change in &plan.repositories {
                inventory.change_repository(change, at)?;
            }
            for change in &plan.groups {
                inventory.change_group(change, at)?;
            }
            inventory.generation += 1;
        }
        self.events.extend(plan.events());
        Ok(())
    }

    /// Where a repository stands with its license, to be changed.
    pub(super) fn license_mut(&mut self, key: SeatKey) -> Result<&mut LicenseRecord, StoreError> {
        let absent = || StoreError::NotFound {
            what: format!(
                "repository {} of organization {}",
                key.repository, key.organization
            ),
        };
        let row = self.state.row_mut(key.organization).map_err(|_| absent())?;
        let place = row.inventory.place(key.repository).map_err(|_| absent())?;
        Ok(&mut Arc::make_mut(&mut row.inventory).repositories[place].license)
    }
}

/// The plan says of something that it is there, or not, and is wrong.
fn misfit(what: &str, id: impl std::fmt::Display) -> StoreError {
    misuse(
        STEP,
        format!("the plan does not fit what is known of {what} {id}"),
    )
}

impl Inventory {
    fn place(&self, id: RepositoryId) -> Result<usize, usize> {
        self.repositories
            .binary_search_by_key(&id, |known| known.repository.id)
    }

    fn present_mut(
        &mut self,
        expected: &Repository,
        presence: fn(Presence) -> bool,
    ) -> Result<&mut KnownRepository, StoreError> {
        let id = expected.id;
        let place = self.place(id).map_err(|_| misfit("repository", id))?;
        let known = &mut self.repositories[place];
        let fits = known.repository == expected.clone().kept() && presence(known.presence);
        if fits {
            Ok(known)
        } else {
            Err(misfit("repository", id))
        }
    }

    fn change_repository(
        &mut self,
        change: &RepositoryChange,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        match change {
            RepositoryChange::Added {
                repository,
                license,
            } => {
                let Err(place) = self.place(repository.id) else {
                    return Err(misfit("repository", repository.id));
                };
                self.repositories.insert(
                    place,
                    KnownRepository {
                        repository: repository.clone().kept(),
                        presence: Presence::Present,
                        first_seen: at,
                        license: license.clone().kept(),
                    },
                );
            }
            RepositoryChange::Updated { before, after } => {
                let known = self.present_mut(before, Presence::is_present)?;
                known.repository = after.clone().kept();
            }
            RepositoryChange::Returned { before, after } => {
                let known = self.present_mut(before, |presence| !presence.is_present())?;
                known.repository = after.clone().kept();
                known.presence = Presence::Present;
            }
            RepositoryChange::Vanished { repository } => {
                let known = self.present_mut(repository, Presence::is_present)?;
                known.presence = Presence::Gone { since: at };
            }
        }
        Ok(())
    }

    fn change_group(&mut self, change: &GroupChange, at: DateTime<Utc>) -> Result<(), StoreError> {
        let place = |inventory: &Self, group: &Group| {
            inventory
                .groups
                .binary_search_by_key(&group.id, |known| known.group.id)
        };
        let (group, wanted, presence) = match change {
            GroupChange::Added(group) => {
                let Err(place) = place(self, group) else {
                    return Err(misfit("group", group.id));
                };
                self.groups.insert(
                    place,
                    KnownGroup {
                        group: group.clone(),
                        presence: Presence::Present,
                        first_seen: at,
                    },
                );
                return Ok(());
            }
            GroupChange::Updated { after, .. } => (after, true, Presence::Present),
            GroupChange::Returned(group) => (group, false, Presence::Present),
            GroupChange::Vanished(group) => (group, true, Presence::Gone { since: at }),
        };
        let place = place(self, group).map_err(|_| misfit("group", group.id))?;
        let known = &mut self.groups[place];
        if known.presence.is_present() != wanted {
            return Err(misfit("group", group.id));
        }
        known.group = group.clone();
        known.presence = presence;
        Ok(())
    }
}

fn fits(filter: &RepositoryFilter, known: &KnownRepository) -> bool {
    let repository = &known.repository;
    let presence = match filter.presence {
        PresenceFilter::Present => known.presence.is_present(),
        PresenceFilter::Gone => !known.presence.is_present(),
        PresenceFilter::Any => true,
    };
    presence
        && filter.text.as_ref().is_none_or(|text| {
            let path = repository.full_path.to_lowercase();
            path.contains(&text.to_lowercase())
        })
        && filter
            .license
            .is_none_or(|state| known.license.state == state)
        && filter
            .lifecycle
            .is_none_or(|lifecycle| repository.lifecycle == lifecycle)
        && filter
            .visibility
            .is_none_or(|visibility| repository.visibility == visibility)
}

/// What repositories are compared by first: texts with texts and numbers with numbers, since a list has one order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum RepositoryKeyValue {
    Text(String),
    Number(i64),
}

#[derive(PartialEq, Eq)]
struct RepositoryPlace {
    order: RepositoryOrder,
    key: RepositoryKeyValue,
    organization: OrganizationId,
    id: RepositoryId,
}

impl RepositoryPlace {
    fn of(order: RepositoryOrder, organization: OrganizationId, known: &KnownRepository) -> Self {
        let repository = &known.repository;
        let key = match order.by {
            RepositoryKey::Path => RepositoryKeyValue::Text(repository.full_path.to_lowercase()),
            RepositoryKey::Activity => RepositoryKeyValue::Number(
                repository
                    .last_activity_at
                    .map_or(0, |at| at.timestamp_micros()),
            ),
            RepositoryKey::FirstSeen => {
                RepositoryKeyValue::Number(known.first_seen.timestamp_micros())
            }
        };
        Self {
            order,
            key,
            organization,
            id: repository.id,
        }
    }
}

impl Ord for RepositoryPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |place: &Self| (place.organization, place.id);
        let ascending = self
            .key
            .cmp(&other.key)
            .then_with(|| parts(self).cmp(&parts(other)));
        if self.order.descending {
            ascending.reverse()
        } else {
            ascending
        }
    }
}

impl PartialOrd for RepositoryPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl CursorKey for RepositoryPlace {
    const LIST: &'static str = "repositories";

    fn to_text(&self) -> String {
        let Self {
            order,
            key,
            organization,
            id,
        } = self;
        match key {
            RepositoryKeyValue::Text(key) => format!("{order} {organization} {id} {key}"),
            RepositoryKeyValue::Number(key) => format!("{order} {organization} {id} {key}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ' ');
        let order: RepositoryOrder = parts.next()?.parse().ok()?;
        let (organization, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let key = parts.next()?;
        Some(Self {
            order,
            key: match order.by {
                RepositoryKey::Path => RepositoryKeyValue::Text(key.to_owned()),
                RepositoryKey::Activity | RepositoryKey::FirstSeen => {
                    RepositoryKeyValue::Number(key.parse().ok()?)
                }
            },
            organization,
            id,
        })
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct GroupPlace(bool, String, GroupId);

impl CursorKey for GroupPlace {
    const LIST: &'static str = "groups";

    fn to_text(&self) -> String {
        format!("{} {} {}", self.0, self.2, self.1)
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let (gone, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self(gone, parts.next()?.to_owned(), id))
    }
}

impl OrganizationRow {
    fn repository_row(&self, known: &KnownRepository) -> RepositoryRow {
        RepositoryRow {
            organization: self.record.id,
            organization_name: self.record.name.clone(),
            known: known.clone(),
        }
    }
}

#[async_trait]
impl InventoryStore for MemoryStore {
    async fn inventory(&self, organization: OrganizationId) -> Result<Inventory, StoreError> {
        Ok(self.read(|state| {
            state
                .row(organization)
                .map(|row| Inventory::clone(&row.inventory))
                .unwrap_or_default()
        }))
    }

    async fn repositories(
        &self,
        filter: &RepositoryFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<RepositoryRow>, StoreError> {
        let of_another = |cursor: &&str| {
            decode::<RepositoryPlace>(cursor).is_some_and(|place| place.order != filter.order)
        };
        if after.as_ref().is_some_and(of_another) {
            return Err(StoreError::NotFound {
                what: format!("place in the list of repositories by {}", filter.order),
            });
        }
        let rows = self.read(|state| {
            let wanted =
                |row: &&OrganizationRow| filter.organization.is_none_or(|id| row.record.id == id);
            let rows = state.organizations.iter().filter(wanted);
            rows.flat_map(|row| {
                let known = row.inventory.repositories.iter();
                known.filter(|known| fits(filter, known)).map(|known| {
                    let place = RepositoryPlace::of(filter.order, row.record.id, known);
                    (place, row.repository_row(known))
                })
            })
            .collect()
        });
        page(rows, after, limit)
    }

    async fn repository(&self, key: SeatKey) -> Result<Option<RepositoryRow>, StoreError> {
        Ok(self.read(|state| {
            let row = state.row(key.organization)?;
            let place = row.inventory.place(key.repository).ok()?;
            Some(row.repository_row(&row.inventory.repositories[place]))
        }))
    }

    async fn paths(
        &self,
        organization: OrganizationId,
        repositories: &[RepositoryId],
    ) -> Result<Vec<(RepositoryId, Box<str>)>, StoreError> {
        Ok(self.read(|state| {
            let known = state
                .row(organization)
                .map(|row| &row.inventory.repositories);
            let wanted = known.into_iter().flatten().filter_map(|known| {
                let repository = &known.repository;
                repositories
                    .contains(&repository.id)
                    .then(|| (repository.id, repository.full_path.clone()))
            });
            wanted.collect()
        }))
    }

    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<KnownGroup>, StoreError> {
        let inventory = self.inventory(organization).await?;
        let rows = inventory.groups.into_iter().map(|known| {
            let path = known.group.full_path.to_lowercase();
            let place = GroupPlace(!known.presence.is_present(), path, known.group.id);
            (place, known)
        });
        page(rows.collect(), after, limit)
    }

    async fn group(
        &self,
        organization: OrganizationId,
        id: GroupId,
    ) -> Result<Option<KnownGroup>, StoreError> {
        let inventory = self.inventory(organization).await?;
        let known = inventory.groups.into_iter();
        Ok(known.into_iter().find(|known| known.group.id == id))
    }

    async fn counts(&self, organization: OrganizationId) -> Result<InventoryCounts, StoreError> {
        let inventory = self.inventory(organization).await?;
        let count = |wanted: &dyn Fn(&KnownRepository) -> bool| {
            let known = inventory.repositories.iter();
            known.filter(|known| wanted(known)).count() as u64
        };
        let groups = inventory.groups.iter();
        Ok(InventoryCounts {
            repositories: count(&|known| known.presence.is_present()),
            groups: groups.filter(|known| known.presence.is_present()).count() as u64,
            licensed: count(&|known| known.license.state == LicenseState::Licensed),
            waiting: count(&|known| known.license.state == LicenseState::Waiting),
            gone: count(&|known| !known.presence.is_present()),
        })
    }
}
