//! What a sync changes: pure, total, and with nothing left to decide for whoever applies it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::{OrganizationId, RepositoryId, SyncId};
use crate::inventory::{
    ChangeKind, Group, Inventory, KnownRepository, Ownership, Presence, Repository, group_changes,
    repository_changes,
};
use crate::license::policy::{Action, LicensePolicy};
use crate::license::pool::{Held, Released, SeatKey, SeatRequest, SeatWishes};
use crate::license::{LicenseRecord, LicenseState, Reason};
use crate::listing::{Listing, MissingPart};
use crate::organization::{AutoLicense, ExistingRepositories, GroupProtection, Settings};
use crate::sync::run::Counts;

/// How long a repository that is gone keeps its license.
pub const LICENSE_GRACE: TimeDelta = TimeDelta::days(30);

/// What happens to one repository of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryChange {
    /// It is new.
    Added {
        /// The facts.
        repository: Repository,
        /// Where it starts with its license; one that asks for a seat starts without.
        license: LicenseRecord,
    },
    /// Some facts changed.
    Updated {
        /// The facts as known.
        before: Box<Repository>,
        /// The facts as listed, completed by what was known.
        after: Box<Repository>,
    },
    /// It was gone and is there again.
    Returned {
        /// The facts as known.
        before: Box<Repository>,
        /// The facts as listed, completed by what was known.
        after: Box<Repository>,
    },
    /// The host confirmed that it is gone, or it left the scope ([`SyncPlan::left_scope`]).
    Vanished {
        /// The facts as last known.
        repository: Repository,
    },
}

/// What happens to one group of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// It is new.
    Added(Group),
    /// Some facts changed.
    Updated {
        /// The facts as known.
        before: Group,
        /// The facts as listed.
        after: Group,
    },
    /// It was gone and is there again.
    Returned(Group),
    /// A complete listing does not have it.
    Vanished(Group),
}

/// Everything that a sync changes in the inventory, and what it wishes from the license pool.
///
/// Applied whole or not at all, and only on the generation of the inventory that it was made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPlan {
    /// The run that it belongs to.
    pub sync: SyncId,
    /// The organization.
    pub organization: OrganizationId,
    /// When it was made: the time of every change in it.
    pub at: DateTime<Utc>,
    /// The generation of the inventory that it was made on.
    pub generation: u64,
    /// What happens to repositories, in the order of their ids.
    pub repositories: Vec<RepositoryChange>,
    /// Of those that vanish, the ones that are still at the host and only left the scope of the organization.
    pub left_scope: BTreeSet<RepositoryId>,
    /// What happens to groups, in the order of their ids.
    pub groups: Vec<GroupChange>,
    /// What it wishes from the license pool; who gets a seat is decided apart, on one moment of the pool.
    pub seats: SeatWishes,
    /// What the listing lacks, and what the host would not confirm.
    pub missing: Vec<MissingPart>,
    /// What it sees and changes; without the licenses, which the pool decides.
    pub counts: Counts,
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The run that it belongs to.
    pub sync: SyncId,
    /// The organization.
    pub organization: OrganizationId,
    /// Whether this is the connecting sync, or a later one.
    pub phase: Phase,
    /// What the person chose.
    pub settings: &'a Settings,
    /// Which repositories a rule may license.
    pub policy: &'a LicensePolicy,
    /// The repositories that the host confirmed, one by one, to be gone, and those that left the scope.
    pub confirmed_gone: &'a BTreeSet<RepositoryId>,
    /// When it is made.
    pub now: DateTime<Utc>,
}

/// Whether a sync is the one that connects an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is: what it finds are the existing repositories.
    Connecting,
    /// The connecting sync could not see everything, and neither could those after it: what was made at the host after the first of them is
    /// new, and everything else is existing.
    Completing {
        /// When the first of them was planned.
        since: DateTime<Utc>,
    },
    /// It is a later one: what it finds for the first time is new.
    Following,
}

/// The known repositories that a listing does not have: the host must confirm each one before it counts as gone.
///
/// Empty for a partial listing, since absence from it means nothing.
pub fn missing_repositories(known: &Inventory, listing: &Listing) -> Vec<RepositoryId> {
    if !listing.is_complete() {
        return Vec::new();
    }
    let mut listed = listing
        .repositories
        .iter()
        .map(|repository| repository.id)
        .peekable();
    known
        .repositories
        .iter()
        .filter(|known| known.presence.is_present())
        .map(|known| known.repository.id)
        .filter(|&id| {
            while listed.next_if(|&listed| listed < id).is_some() {}
            listed.peek() != Some(&id)
        })
        .collect()
}

/// Plans a sync.
///
/// Takes the inventory and the listing in the order of their ids, as [`Inventory`] and [`Listing`] promise, and walks both once. Planning
/// again after applying gives an empty plan.
pub fn plan_sync(input: &PlanInput<'_>, known: Inventory, listing: Listing) -> SyncPlan {
    let complete = listing.is_complete();
    let mut plan = SyncPlan {
        sync: input.sync,
        organization: input.organization,
        at: input.now,
        generation: known.generation,
        repositories: Vec::new(),
        left_scope: BTreeSet::new(),
        groups: Vec::new(),
        seats: SeatWishes::default(),
        missing: listing.missing,
        counts: Counts {
            seen: listing.repositories.len() as u64,
            ..Counts::default()
        },
    };
    let key = |known: &KnownRepository| known.repository.id;
    for pair in merge(known.repositories, key, listing.repositories, |listed| {
        listed.id
    }) {
        match pair {
            Pair::Right(listed) => plan.add(input, listed),
            Pair::Both(known, listed) => plan.compare(input, known, listed),
            Pair::Left(known) => plan.miss(input, known),
        }
    }
    if input.settings.protect_groups == GroupProtection::On {
        plan.counts.groups_seen = listing.groups.len() as u64;
        for pair in merge(
            known.groups,
            |known| known.group.id,
            listing.groups,
            |group| group.id,
        ) {
            plan.groups.extend(match pair {
                Pair::Right(group) => Some(GroupChange::Added(group)),
                Pair::Both(known, group) if !known.presence.is_present() => {
                    Some(GroupChange::Returned(group))
                }
                Pair::Both(known, group) => {
                    (known.group != group).then_some(GroupChange::Updated {
                        before: known.group,
                        after: group,
                    })
                }
                Pair::Left(known) => (complete && known.presence.is_present())
                    .then_some(GroupChange::Vanished(known.group)),
            });
        }
        plan.counts.groups_changed = plan.groups.len() as u64;
    }
    plan
}

impl SyncPlan {
    /// Whether applying it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty() && self.groups.is_empty() && self.seats.is_empty()
    }

    fn key(&self, repository: RepositoryId) -> SeatKey {
        SeatKey {
            organization: self.organization,
            repository,
        }
    }

    fn add(&mut self, input: &PlanInput<'_>, repository: Repository) {
        self.counts.added += 1;
        let decision = first_decision(input, &repository);
        let license = match decision {
            Decision::Ask(reason) => {
                self.seats.request.push(SeatRequest {
                    key: self.key(repository.id),
                    created_at: repository.created_at,
                    reason: reason.clone(),
                });
                LicenseRecord::new(LicenseState::Unlicensed, reason, input.now)
            }
            Decision::Leave(reason) => {
                LicenseRecord::new(LicenseState::Unlicensed, reason, input.now)
            }
        };
        self.repositories.push(RepositoryChange::Added {
            repository,
            license,
        });
    }

    fn compare(&mut self, input: &PlanInput<'_>, known: KnownRepository, listed: Repository) {
        let before = known.repository;
        let after = listed.or_known(&before);
        if known.presence.is_present() && before == after {
            return;
        }
        // A rule let it join the queue; as it is now, a rule may keep it out before it ever got a seat.
        if known.license.state == LicenseState::Waiting && known.license.reason.is_by_rule() {
            let reason = if after.ownership == Ownership::SharedIn {
                Some(Reason::SharedIn)
            } else if known.license.reason == Reason::ExistingAll {
                None
            } else {
                match input.policy.verdict(&after) {
                    (Action::Include, _) => None,
                    (Action::Exclude, rule) => Some(Reason::Excluded {
                        rule: rule.to_string(),
                    }),
                }
            };
            self.seats.release.extend(reason.map(|reason| Released {
                key: SeatKey {
                    organization: input.organization,
                    repository: after.id,
                },
                from: Held::Place,
                reason,
            }));
        }
        let (before, after) = (Box::new(before), Box::new(after));
        if known.presence.is_present() {
            self.count(&before, &after);
            self.repositories
                .push(RepositoryChange::Updated { before, after });
        } else {
            self.counts.returned += 1;
            self.repositories
                .push(RepositoryChange::Returned { before, after });
        }
    }

    fn count(&mut self, before: &Repository, after: &Repository) {
        let kinds: BTreeSet<ChangeKind> = repository_changes(before, after)
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        // Each repository counts once, by the change that a person would name first.
        let slot = if kinds.contains(&ChangeKind::MarkedForDeletion) {
            &mut self.counts.marked
        } else if kinds.contains(&ChangeKind::Moved) {
            &mut self.counts.moved
        } else if kinds.contains(&ChangeKind::Renamed) {
            &mut self.counts.renamed
        } else if kinds.contains(&ChangeKind::Archived) {
            &mut self.counts.archived
        } else {
            &mut self.counts.updated
        };
        *slot += 1;
    }

    fn miss(&mut self, input: &PlanInput<'_>, known: KnownRepository) {
        let id = known.repository.id;
        let held = match known.license.state {
            LicenseState::Licensed => Some(Held::Seat),
            LicenseState::Waiting => Some(Held::Place),
            LicenseState::Unlicensed => None,
        };
        let release = |from| Released {
            key: self.key(id),
            from,
            reason: Reason::Gone,
        };
        match known.presence {
            Presence::Gone { since } => {
                let over = input.now >= since + LICENSE_GRACE;
                let released = held
                    .filter(|held| over || *held == Held::Place)
                    .map(release);
                self.seats.release.extend(released);
            }
            Presence::Present if input.confirmed_gone.contains(&id) => {
                // A place in the queue is of no use to what is gone; a seat is kept for the time of grace.
                let released = held.filter(|held| *held == Held::Place).map(release);
                self.seats.release.extend(released);
                self.counts.vanished += 1;
                self.repositories.push(RepositoryChange::Vanished {
                    repository: known.repository,
                });
            }
            Presence::Present => {}
        }
    }

    /// The events that the inventory's part of the plan stands for, in its order.
    ///
    /// An iterator, since the first sync of a large organization has as many as there are repositories.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let event = |subject, kind: &str| {
            Event::new(self.at, Actor::System, subject, kind).of(self.organization)
        };
        let repositories = self.repositories.iter().flat_map(move |change| {
            let (id, path) = match change {
                RepositoryChange::Added { repository, .. }
                | RepositoryChange::Vanished { repository } => {
                    (repository.id, &repository.full_path)
                }
                RepositoryChange::Updated { after, .. }
                | RepositoryChange::Returned { after, .. } => (after.id, &after.full_path),
            };
            let event = move |kind: &str| {
                event(Subject::Repository(id), &format!("repository.{kind}")).with_message(&**path)
            };
            match change {
                RepositoryChange::Added { .. } => {
                    vec![event("added").with_change(FieldChange::new("full_path", "", path))]
                }
                RepositoryChange::Vanished { .. } if self.left_scope.contains(&id) => {
                    vec![event("left_scope")]
                }
                RepositoryChange::Vanished { .. } => {
                    vec![event("vanished").with_change(FieldChange::new("full_path", path, ""))]
                }
                RepositoryChange::Updated { before, after } => {
                    update_events(repository_changes(before, after), event)
                }
                RepositoryChange::Returned { before, after } => {
                    let mut events = vec![event("returned")];
                    events.extend(update_events(repository_changes(before, after), event));
                    events
                }
            }
        });
        let groups = self.groups.iter().flat_map(move |change| {
            let group = match change {
                GroupChange::Added(group)
                | GroupChange::Returned(group)
                | GroupChange::Vanished(group)
                | GroupChange::Updated { after: group, .. } => group,
            };
            let event = move |kind: &str| {
                event(Subject::Group(group.id), &format!("group.{kind}"))
                    .with_message(&*group.full_path)
            };
            match change {
                GroupChange::Added(_) => vec![event("added")],
                GroupChange::Returned(_) => vec![event("returned")],
                GroupChange::Vanished(_) => vec![event("vanished")],
                GroupChange::Updated { before, after } => {
                    update_events(group_changes(before, after), event)
                }
            }
        });
        repositories.chain(groups)
    }
}

fn update_events(
    changes: Vec<(ChangeKind, FieldChange)>,
    event: impl Fn(&str) -> Event,
) -> Vec<Event> {
    changes
        .into_iter()
        .filter(|(kind, _)| kind.is_event())
        .map(|(kind, change)| event(kind.as_str()).with_change(change))
        .collect()
}

enum Decision {
    Ask(Reason),
    Leave(Reason),
}

/// What becomes of a repository that no sync has seen before.
fn first_decision(input: &PlanInput<'_>, repository: &Repository) -> Decision {
    if repository.ownership == Ownership::SharedIn {
        return Decision::Leave(Reason::SharedIn);
    }
    let by_policy = |include: fn(String) -> Reason| match input.policy.verdict(repository) {
        (Action::Include, rule) => Decision::Ask(include(rule.to_string())),
        (Action::Exclude, rule) => Decision::Leave(Reason::Excluded {
            rule: rule.to_string(),
        }),
    };
    let phase = match input.phase {
        Phase::Completing { since } if repository.created_at > since => Phase::Following,
        Phase::Completing { .. } => Phase::Connecting,
        phase => phase,
    };
    match (
        phase,
        input.settings.license_existing,
        input.settings.auto_license,
    ) {
        (Phase::Following, _, AutoLicense::Off) => Decision::Leave(Reason::AutomaticOff),
        (Phase::Following, _, AutoLicense::On) => by_policy(|rule| Reason::Automatic { rule }),
        (_, ExistingRepositories::None, _) => Decision::Leave(Reason::ExistingNone),
        (_, ExistingRepositories::All, _) => Decision::Ask(Reason::ExistingAll),
        (_, ExistingRepositories::Matching, _) => {
            by_policy(|rule| Reason::ExistingMatching { rule })
        }
    }
}

enum Pair<L, R> {
    Left(L),
    Right(R),
    Both(L, R),
}

/// Walks two lists, each in the strict order of its keys, side by side.
fn merge<L, R, K: Ord>(
    left: Vec<L>,
    left_key: impl Fn(&L) -> K,
    right: Vec<R>,
    right_key: impl Fn(&R) -> K,
) -> impl Iterator<Item = Pair<L, R>> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return None,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(l), Some(r)) => left_key(l).cmp(&right_key(r)),
        };
        Some(match order {
            std::cmp::Ordering::Less => Pair::Left(left.next().expect("just peeked")),
            std::cmp::Ordering::Greater => Pair::Right(right.next().expect("just peeked")),
            std::cmp::Ordering::Equal => Pair::Both(
                left.next().expect("just peeked"),
                right.next().expect("just peeked"),
            ),
        })
    })
}

#[cfg(test)]
mod tests;
