//! What a plan promises, whatever the host lists.

use insta::assert_snapshot;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{DeviceId, GroupId};
use crate::inventory::{KnownGroup, Lifecycle, Visibility};
use crate::license::pool::{PoolSnapshot, Seats, plan_seats};
use crate::listing::{GroupScope, ListingBuilder, PersonalNamespace, Scope};
use crate::schedule::Schedule;
use crate::sync::check::check_plan;

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(day * 86_400, 0).expect("in range")
}

fn settings() -> Settings {
    Settings {
        scope: Scope {
            groups: GroupScope::All,
            personal: PersonalNamespace::Included,
        },
        protect_groups: GroupProtection::On,
        auto_license: AutoLicense::On,
        license_existing: ExistingRepositories::Matching,
        schedule: Schedule::Manual,
        default_device: DeviceId::EMBEDDED,
    }
}

fn repository(id: u64, path: &str, group: u64) -> Repository {
    Repository {
        id: RepositoryId::new(id).expect("not zero"),
        group: GroupId::new(group),
        full_path: path.into(),
        name: path.rsplit('/').next().expect("a last part").into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
        ownership: Ownership::Owned,
        fork: Some(false),
        default_branch: None,
        topics: Box::default(),
        created_at: at(id.cast_signed()),
        last_activity_at: None,
    }
}

fn listing(repositories: Vec<Repository>) -> Listing {
    let mut builder = ListingBuilder::default();
    builder.add_repositories(repositories);
    builder.finish(Vec::new())
}

/// The least that a store does: one inventory, one pool, plans applied whole.
#[derive(Debug, Clone)]
struct World {
    inventory: Inventory,
    settings: Settings,
    policy: LicensePolicy,
    seats: Seats,
    synced: bool,
    day: i64,
}

impl World {
    fn new(seats: Seats) -> Self {
        Self {
            inventory: Inventory::default(),
            settings: settings(),
            policy: LicensePolicy::default(),
            seats,
            synced: false,
            day: 1000,
        }
    }

    fn organization() -> OrganizationId {
        OrganizationId::from_uuid(Uuid::from_u128(1))
    }

    fn plan(&self, listing: Listing) -> SyncPlan {
        let confirmed_gone = missing_repositories(&self.inventory, &listing)
            .into_iter()
            .collect();
        let input = PlanInput {
            sync: SyncId::from_uuid(Uuid::from_u128(2)),
            organization: Self::organization(),
            phase: if self.synced {
                Phase::Following
            } else {
                Phase::Connecting
            },
            settings: &self.settings,
            policy: &self.policy,
            confirmed_gone: &confirmed_gone,
            now: at(self.day),
        };
        plan_sync(&input, self.inventory.clone(), listing)
    }

    fn pool(&self) -> PoolSnapshot {
        let key = |known: &KnownRepository| SeatKey {
            organization: Self::organization(),
            repository: known.repository.id,
        };
        let in_state = |state| {
            self.inventory
                .repositories
                .iter()
                .filter(move |known| known.license.state == state)
        };
        PoolSnapshot {
            generation: 0,
            held: in_state(LicenseState::Licensed).count() as u64,
            waiting: in_state(LicenseState::Waiting)
                .map(|known| SeatRequest {
                    key: key(known),
                    created_at: known.repository.created_at,
                    reason: known.license.reason.clone(),
                })
                .collect(),
        }
    }

    fn apply(&mut self, plan: SyncPlan) {
        assert_eq!(check_plan(&plan), Vec::<String>::new());
        let seats = plan_seats(&self.pool(), self.seats, plan.seats.clone());
        for change in plan.repositories {
            match change {
                RepositoryChange::Added {
                    repository,
                    license,
                } => {
                    self.inventory.repositories.push(KnownRepository {
                        repository,
                        presence: Presence::Present,
                        first_seen: plan.at,
                        license,
                    });
                }
                RepositoryChange::Updated { after, .. }
                | RepositoryChange::Returned { after, .. } => {
                    let known = self.known(after.id);
                    known.repository = *after;
                    known.presence = Presence::Present;
                }
                RepositoryChange::Vanished { repository } => {
                    self.known(repository.id).presence = Presence::Gone { since: plan.at };
                }
            }
        }
        self.inventory
            .repositories
            .sort_by_key(|known| known.repository.id);
        for change in plan.groups {
            match change {
                GroupChange::Added(group) => self.inventory.groups.push(KnownGroup {
                    group,
                    presence: Presence::Present,
                    first_seen: plan.at,
                }),
                GroupChange::Updated { after: group, .. } | GroupChange::Returned(group) => {
                    let known = self.known_group(group.id);
                    known.group = group;
                    known.presence = Presence::Present;
                }
                GroupChange::Vanished(group) => {
                    self.known_group(group.id).presence = Presence::Gone { since: plan.at };
                }
            }
        }
        self.inventory.groups.sort_by_key(|known| known.group.id);
        let mut put = |id, state, reason: Reason| {
            self.known(id).license = LicenseRecord::new(state, reason, plan.at);
        };
        for released in seats.release {
            put(
                released.key.repository,
                LicenseState::Unlicensed,
                released.reason,
            );
        }
        for granted in seats.grant {
            put(
                granted.key.repository,
                LicenseState::Licensed,
                granted.reason,
            );
        }
        for queued in seats.enqueue {
            put(queued.key.repository, LicenseState::Waiting, queued.reason);
        }
        self.synced = true;
    }

    fn known(&mut self, id: RepositoryId) -> &mut KnownRepository {
        let known = self.inventory.repositories.iter_mut();
        known
            .into_iter()
            .find(|known| known.repository.id == id)
            .expect("a known repository")
    }

    fn known_group(&mut self, id: GroupId) -> &mut KnownGroup {
        let known = self.inventory.groups.iter_mut();
        known
            .into_iter()
            .find(|known| known.group.id == id)
            .expect("a known group")
    }

    fn sync(&mut self, listing: Listing) -> String {
        let plan = self.plan(listing);
        let mut told: Vec<String> = plan
            .events()
            .map(|event| {
                let changes: Vec<_> = event.changes.iter().map(ToString::to_string).collect();
                format!("{} {} [{}]", event.subject, event.kind, changes.join("; "))
            })
            .collect();
        told.push(plan.counts.to_string());
        self.apply(plan);
        told.join("\n")
    }

    fn licenses(&self) -> String {
        let told = self.inventory.repositories.iter().map(|known| {
            let license = &known.license;
            format!(
                "{} {} {}",
                known.repository.full_path, license.state, license.reason
            )
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn rename_transfer_and_recreation_are_three_outcomes() {
    let mut world = World::new(Seats::Unlimited);
    world.sync(listing(vec![
        repository(1, "acme/renamed", 10),
        repository(2, "acme/moved", 10),
        repository(3, "acme/recreated", 10),
    ]));
    world.day += 1;
    let told = world.sync(listing(vec![
        repository(1, "acme/new-name", 10),
        repository(2, "globex/moved", 20),
        repository(4, "acme/recreated", 10),
    ]));
    assert_snapshot!(told, @r"
    repository:1 repository.renamed [full_path: acme/renamed -> acme/new-name]
    repository:1 repository.retitled [name: renamed -> new-name]
    repository:2 repository.moved [full_path: acme/moved -> globex/moved]
    repository:3 repository.vanished [full_path: acme/recreated -> (none)]
    repository:4 repository.added [full_path: acme/recreated]
    3 seen, 1 added, 1 renamed, 1 moved, 1 vanished
    ");
    assert_snapshot!(world.licenses(), @r"
    acme/new-name licensed existing-matching:include all
    globex/moved licensed existing-matching:include all
    acme/recreated licensed existing-matching:include all
    acme/recreated licensed automatic:include all
    ");
}

#[test]
fn a_license_outlives_its_repository_by_thirty_days() {
    let mut world = World::new(Seats::Limited(1));
    world.sync(listing(vec![
        repository(1, "acme/a", 10),
        repository(2, "acme/b", 10),
    ]));
    assert_snapshot!(world.licenses(), @r"
    acme/a licensed existing-matching:include all
    acme/b waiting existing-matching:include all
    ");
    world.sync(listing(vec![repository(2, "acme/b", 10)]));
    world.day += 29;
    assert!(
        world
            .plan(listing(vec![repository(2, "acme/b", 10)]))
            .is_empty()
    );
    world.day += 1;
    world.sync(listing(vec![repository(2, "acme/b", 10)]));
    assert_snapshot!(world.licenses(), @r"
    acme/a unlicensed gone
    acme/b licensed existing-matching:include all
    ");
    assert!(
        world
            .plan(listing(vec![repository(2, "acme/b", 10)]))
            .is_empty()
    );
}

#[test]
fn what_waits_leaves_the_queue_when_a_rule_turns_against_it() {
    let mut world = World::new(Seats::Limited(0));
    world.sync(listing(vec![
        repository(1, "acme/a", 10),
        repository(2, "acme/b", 10),
    ]));
    let archived = |id, path| Repository {
        lifecycle: Lifecycle::Archived,
        ..repository(id, path, 10)
    };
    world.sync(listing(vec![
        archived(1, "acme/a"),
        repository(2, "acme/b", 10),
    ]));
    assert_snapshot!(world.licenses(), @r"
    acme/a unlicensed excluded:exclude archived
    acme/b waiting existing-matching:include all
    ");
}

#[test]
fn what_is_shared_in_is_never_licensed_by_a_rule() {
    let mut world = World::new(Seats::Unlimited);
    world.settings.license_existing = ExistingRepositories::All;
    let foreign = Repository {
        ownership: Ownership::SharedIn,
        ..repository(2, "stranger/lib", 99)
    };
    world.sync(listing(vec![repository(1, "acme/a", 10), foreign]));
    assert_snapshot!(world.licenses(), @r"
    acme/a licensed existing-all
    stranger/lib unlicensed shared-in
    ");
}

#[test]
fn unconfirmed_absence_changes_nothing() {
    let mut world = World::new(Seats::Unlimited);
    world.sync(listing(vec![repository(1, "acme/a", 10)]));
    let input = PlanInput {
        sync: SyncId::from_uuid(Uuid::from_u128(3)),
        organization: World::organization(),
        phase: Phase::Following,
        settings: &world.settings,
        policy: &world.policy,
        confirmed_gone: &BTreeSet::new(),
        now: at(1001),
    };
    assert!(plan_sync(&input, world.inventory.clone(), listing(Vec::new())).is_empty());
}

#[test]
fn what_comes_back_keeps_its_license() {
    let mut world = World::new(Seats::Unlimited);
    world.sync(listing(vec![repository(1, "acme/a", 10)]));
    world.sync(listing(Vec::new()));
    let told = world.sync(listing(vec![repository(1, "acme/b", 10)]));
    assert_snapshot!(told, @r"
    repository:1 repository.returned []
    repository:1 repository.renamed [full_path: acme/a -> acme/b]
    repository:1 repository.retitled [name: a -> b]
    1 seen, 1 returned
    ");
    assert_snapshot!(world.licenses(), @"acme/b licensed existing-matching:include all");
}

fn any_repository() -> impl Strategy<Value = Repository> {
    (
        1u64..25,
        "[a-c]/[a-d]",
        1u64..4,
        0usize..3,
        0usize..3,
        any::<bool>(),
    )
        .prop_map(
            |(id, path, group, visibility, lifecycle, shared)| Repository {
                visibility: Visibility::ALL[visibility],
                lifecycle: Lifecycle::ALL[lifecycle],
                ownership: if shared && id % 5 == 0 {
                    Ownership::SharedIn
                } else {
                    Ownership::Owned
                },
                ..repository(id, &path, group)
            },
        )
}

fn any_group() -> impl Strategy<Value = Group> {
    (1u64..8, "[a-c](/[a-d])?").prop_map(|(id, path)| Group {
        id: GroupId::new(id).expect("not zero"),
        parent: None,
        full_path: path.as_str().into(),
        name: path.as_str().into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
    })
}

#[derive(Debug, Clone)]
struct Reading {
    repositories: Vec<Repository>,
    groups: Vec<Group>,
    partial: bool,
    days: i64,
}

impl Reading {
    fn listing(&self) -> Listing {
        let mut builder = ListingBuilder::default();
        builder.add_repositories(self.repositories.clone());
        builder.add_groups(self.groups.clone());
        let part = MissingPart {
            what: "a group".into(),
            why: "denied".into(),
        };
        builder.finish(if self.partial { vec![part] } else { Vec::new() })
    }
}

fn any_reading() -> impl Strategy<Value = Reading> {
    (
        prop::collection::vec(any_repository(), 0..20),
        prop::collection::vec(any_group(), 0..8),
        any::<bool>(),
        0i64..40,
    )
        .prop_map(|(repositories, groups, partial, days)| Reading {
            repositories,
            groups,
            partial,
            days,
        })
}

proptest! {
    #[test]
    fn planning_again_after_applying_gives_an_empty_plan(seats in 0u32..12, readings in prop::collection::vec(any_reading(), 1..6)) {
        let mut world = World::new(Seats::Limited(seats));
        for reading in readings {
            world.day += reading.days;
            let plan = world.plan(reading.listing());
            world.apply(plan);
            let again = world.plan(reading.listing());
            prop_assert!(again.is_empty(), "{again:?}");
            let held = world.pool().held;
            let waiting = world.pool().waiting.len();
            prop_assert!(held <= u64::from(seats));
            prop_assert!(waiting == 0 || held == u64::from(seats));
        }
    }

    #[test]
    fn the_order_of_pages_does_not_matter(reading in any_reading(), seed in any::<u64>()) {
        let world = World::new(Seats::Unlimited);
        let mut shuffled = reading.clone();
        let mut state = seed | 1;
        let mut next = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % bound
        };
        for index in (1..shuffled.repositories.len()).rev() {
            shuffled.repositories.swap(index, next(index + 1));
        }
        for index in (1..shuffled.groups.len()).rev() {
            shuffled.groups.swap(index, next(index + 1));
        }
        prop_assert_eq!(world.plan(reading.listing()), world.plan(shuffled.listing()));
    }

    #[test]
    fn a_partial_listing_makes_nothing_vanish(first in any_reading(), mut second in any_reading()) {
        second.partial = true;
        let mut world = World::new(Seats::Unlimited);
        let plan = world.plan(first.listing());
        world.apply(plan);
        let plan = world.plan(second.listing());
        prop_assert_eq!(plan.counts.vanished, 0);
        let nothing_vanishes = |change: &RepositoryChange| !matches!(change, RepositoryChange::Vanished { .. });
        prop_assert!(plan.repositories.iter().all(nothing_vanishes));
        prop_assert!(plan.groups.iter().all(|change| !matches!(change, GroupChange::Vanished(_))));
    }

    #[test]
    fn the_inventory_follows_a_complete_listing(readings in prop::collection::vec(any_reading(), 1..5)) {
        let mut world = World::new(Seats::Unlimited);
        for mut reading in readings {
            reading.partial = false;
            let plan = world.plan(reading.listing());
            world.apply(plan);
            let present: Vec<Repository> = world
                .inventory
                .repositories
                .iter()
                .filter(|known| known.presence.is_present())
                .map(|known| known.repository.clone())
                .collect();
            prop_assert_eq!(present, reading.listing().repositories);
        }
    }
}
