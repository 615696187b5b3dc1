//! The promises of [`OrganizationStore`](crate::ports::OrganizationStore).

use chrono::TimeDelta;
use futures_util::future::join;

use super::scene::{
    LEASE, add, change, claim, history, insert, inventory, kinds, licensing, pool, prepare,
    projects, record, roster, snapshot, start_of, sync,
};
use super::{Stores, assert_matches};
use crate::attempt::AttemptState;
use crate::event::{Actor, Event, Subject};
use crate::license::Reason;
use crate::license::pool::{Held, Released, SeatWishes, Seats, plan_seats};
use crate::organization::{
    ActionReason, AuthMethod, AutoLicense, ExistingRepositories, GroupProtection, Organization,
    Status,
};
use crate::ports::{OrganizationChange, Stale, StoreError};
use crate::testing::build::{
    self, account, attempt_id, chosen_scope, noon, noon_plus, organization, organization_id,
    parsed, seat_key, sync_id, token_facts,
};

/// Runs the suite of the store of organizations; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! organization_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { organizations, $run, $make, [
            what_is_not_there_is_none,
            insert_keeps_every_field,
            insert_keeps_version_one,
            insert_refuses_a_taken_name_without_regard_to_case,
            insert_refuses_a_stale_roster,
            a_refused_insert_leaves_nothing,
            insert_stores_what_comes_with_it,
            find_ignores_case,
            find_never_answers_a_removed_one,
            a_removed_name_is_free_again,
            the_roster_has_all_in_the_order_of_creation,
            the_roster_counts_names_scopes_comings_and_goings,
            update_answers_the_new_version,
            update_keeps_every_field,
            update_of_nothing_is_not_found,
            update_refuses_another_version,
            update_refuses_a_stale_roster,
            update_refuses_a_taken_name,
            update_may_write_its_own_name_in_another_case,
            a_refused_update_leaves_nothing,
            update_stores_what_comes_with_it,
            update_frees_licenses_in_the_same_step,
            update_refuses_a_stale_pool,
            the_next_run_is_kept_apart_from_the_record,
            due_are_those_whose_time_has_come,
            due_begins_with_the_longest_wait,
            due_leaves_out_the_paused_and_the_removed,
            due_leaves_out_what_somebody_is_at,
            due_has_what_was_asked_for_during_a_sync,
            next_due_is_never_too_late,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
            of_two_with_one_name_one_is_refused,
            of_two_changes_on_one_version_one_is_refused,
        ] }
    };
}

fn stale<T>(answer: &Result<T, StoreError>, what: Stale) -> bool {
    matches!(answer, Err(StoreError::Stale { what: found }) if *found == what)
}

async fn due(stores: &Stores, seconds: i64) -> Vec<u128> {
    let due = stores.organizations.due(noon_plus(seconds), 10).await;
    let number = |id: crate::ids::OrganizationId| id.as_uuid().as_u128() & 0xFFFF;
    due.expect("a store").into_iter().map(number).collect()
}

async fn plan_at(stores: &Stores, id: u64, seconds: i64) {
    stores
        .organizations
        .set_next_run(organization_id(id), Some(noon_plus(seconds)))
        .await
        .expect("it is there");
}

async fn next_due(stores: &Stores) -> Option<i64> {
    let at = stores.organizations.next_due().await.expect("a store");
    at.map(|at| (at - noon()).num_seconds())
}

/// Absence is `None` and no error.
pub async fn what_is_not_there_is_none(stores: Stores) {
    let id = organization_id(1);
    assert_matches!(stores.organizations.get(id).await, Ok(None));
    assert_matches!(stores.organizations.find(&parsed("Acme")).await, Ok(None));
    assert_matches!(stores.organizations.next_run(id).await, Ok(None));
    assert_eq!(next_due(&stores).await, None);
    assert!(roster(&stores).await.organizations.is_empty());
}

fn pick<T: Copy>(all: &[T], index: usize) -> T {
    all[index % all.len()]
}

/// Organizations that differ in every field that can differ.
fn variety() -> Vec<Organization> {
    let statuses = [
        Status::Connected,
        Status::Paused,
        Status::Removed { at: noon_plus(7) },
        Status::ActionRequired(ActionReason::TokenExpired),
        Status::ActionRequired(ActionReason::ScopeMissing {
            scope: "read_api".to_owned(),
        }),
        Status::ActionRequired(ActionReason::HostUnreachable {
            detail: "no route: łódź, 100 %".to_owned(),
        }),
        Status::ActionRequired(ActionReason::SyncHeld { sync: sync_id(9) }),
    ];
    let schedules = [
        "manual",
        "every 6h",
        "at 06:00,18:00 Europe/Warsaw mon-fri",
        "cron 0 6 * * 1 @ UTC",
    ];
    let scopes = [
        build::whole_scope(),
        chosen_scope(&["acme", "Globex/platform"]),
    ];
    (1..)
        .zip(statuses)
        .map(|(id, status)| {
            let index = usize::try_from(id).expect("small numbers");
            let mut organization = organization(id, &format!("Ünïque \"{id}\" 'n%_"))
                .scope(scopes[index % scopes.len()].clone())
                .schedule(parsed(schedules[index % schedules.len()]))
                .account(account(id, &format!("robot-{id}")))
                .status(status)
                .created_at(noon_plus(index.try_into().expect("small numbers")))
                .build();
            organization.host = parsed("http://git.example.com:8080/gitlab");
            let settings = &mut organization.settings;
            settings.license_existing = pick(ExistingRepositories::ALL, index);
            settings.auto_license = pick(AutoLicense::ALL, index);
            settings.protect_groups = pick(GroupProtection::ALL, index);
            let mut token = token_facts(&["read_api", "read_repository"]);
            token.expires_on = (id % 2 == 0).then(|| noon().date_naive());
            token.fine_grained = id % 3 == 0;
            token.id = (id % 2 == 0).then_some(77);
            organization.auth = AuthMethod::AccessToken {
                login: parsed("Robot"),
                secret: build::secret_ref(id),
                token,
            };
            organization.expiry_notice = (id % 2 == 0).then_some(14);
            organization.followed_since = (id % 2 == 0).then(|| noon_plus(50));
            organization
        })
        .collect()
}

/// What is read is what was stored.
pub async fn insert_keeps_every_field(stores: Stores) {
    for organization in variety() {
        insert(&stores, &organization, &[])
            .await
            .expect("the name is free");
        let found = stores.organizations.get(organization.id).await;
        assert_eq!(found.expect("a store"), Some(organization));
    }
    assert_eq!(roster(&stores).await.organizations, variety());
}

/// A new record begins to count at 1.
pub async fn insert_keeps_version_one(stores: Stores) {
    let acme = organization(1, "Acme").version(41).build();
    insert(&stores, &acme, &[]).await.expect("the name is free");
    assert_eq!(record(&stores, 1).await.version, 1);
}

/// Two names that differ by case are the same name, in every alphabet.
pub async fn insert_refuses_a_taken_name_without_regard_to_case(stores: Stores) {
    add(
        &stores,
        &[
            organization(1, "Acme").build(),
            organization(2, "Łódź").build(),
        ],
    )
    .await;
    for name in ["Acme", "aCME", "łÓDŹ"] {
        let again = organization(3, name).build();
        let refused = insert(&stores, &again, &[]).await;
        assert_matches!(refused, Err(StoreError::NameTaken { name: taken }) if taken.as_str() == name);
    }
    assert_eq!(roster(&stores).await.organizations.len(), 2);
}

/// A rule that was checked on an older roster may not hold any more.
pub async fn insert_refuses_a_stale_roster(stores: Stores) {
    let before = roster(&stores).await.generation;
    add(&stores, &[organization(1, "Acme").build()]).await;
    let other = organization(2, "Globex").build();
    let change = OrganizationChange {
        roster: Some(before),
        ..OrganizationChange::new(&other, &[])
    };
    let refused = stores.organizations.insert(&change).await;
    assert!(stale(&refused, Stale::Roster), "{refused:?}");
    assert_eq!(roster(&stores).await.organizations.len(), 1);
}

/// Neither the attempt, the events nor the next run of a refused insert are stored.
pub async fn a_refused_insert_leaves_nothing(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    let attempt = build::attempt(1, "acme");
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    let before = snapshot(&stores).await;
    let again = organization(2, "acme").build();
    let mut ended = attempt.clone();
    ended.state = AttemptState::Succeeded {
        at: noon(),
        organization: again.id,
    };
    let refused = stores
        .organizations
        .insert(&OrganizationChange {
            roster: Some(roster(&stores).await.generation),
            next_run: Some(Some(noon())),
            attempt: Some(&ended),
            ..OrganizationChange::new(&again, &[build::event("organization.connected")])
        })
        .await;
    assert_matches!(refused, Err(StoreError::NameTaken { .. }));
    assert_eq!(snapshot(&stores).await, before);
    assert_matches!(stores.organizations.get(again.id).await, Ok(None));
}

/// The attempt that ends, the next run and the events are stored with the record.
pub async fn insert_stores_what_comes_with_it(stores: Stores) {
    let acme = organization(1, "Acme").build();
    let mut attempt = build::attempt(1, "Acme");
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    attempt.state = AttemptState::Succeeded {
        at: noon(),
        organization: acme.id,
    };
    stores
        .organizations
        .insert(&OrganizationChange {
            roster: Some(roster(&stores).await.generation),
            next_run: Some(Some(noon_plus(60))),
            attempt: Some(&attempt),
            ..OrganizationChange::new(&acme, &[build::event("organization.connected")])
        })
        .await
        .expect("the name is free");
    let found = stores.attempts.get(attempt_id(1)).await.expect("a store");
    assert_eq!(found, Some(attempt));
    assert_matches!(
        stores.organizations.next_run(acme.id).await,
        Ok(Some(at)) if at == noon_plus(60)
    );
    assert_eq!(kinds(&stores).await, ["organization.connected"]);
}

/// A person may type a name in any case.
pub async fn find_ignores_case(stores: Stores) {
    let acme = organization(1, "Acme Łódź").build();
    add(&stores, &[acme.clone(), organization(2, "Acme").build()]).await;
    for name in ["Acme Łódź", "ACME ŁÓDŹ", "acme łódź"] {
        let found = stores.organizations.find(&parsed(name)).await;
        assert_eq!(found.expect("a store"), Some(acme.clone()), "{name}");
    }
}

/// What was removed is found by its id alone.
pub async fn find_never_answers_a_removed_one(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    change(&stores, 1, |acme| acme.remove(noon()).expect("it is there"))
        .await
        .expect("it is current");
    assert_matches!(stores.organizations.find(&parsed("Acme")).await, Ok(None));
    assert_eq!(
        record(&stores, 1).await.status,
        Status::Removed { at: noon() }
    );
}

/// The name of a removed organization may be given to another.
pub async fn a_removed_name_is_free_again(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    change(&stores, 1, |acme| acme.remove(noon()).expect("it is there"))
        .await
        .expect("it is current");
    add(&stores, &[organization(2, "acme").build()]).await;
    let found = stores.organizations.find(&parsed("Acme")).await;
    assert_matches!(found, Ok(Some(found)) if found.id == organization_id(2));
}

/// The removed ones are in the roster too.
pub async fn the_roster_has_all_in_the_order_of_creation(stores: Stores) {
    for (id, name, seconds) in [(3, "C", 1), (1, "B", 2), (2, "A", 3)] {
        let one = organization(id, name).created_at(noon_plus(seconds));
        add(&stores, &[one.build()]).await;
    }
    change(&stores, 1, |it| it.remove(noon()).expect("it is there"))
        .await
        .expect("it is current");
    let names: Vec<String> = roster(&stores)
        .await
        .organizations
        .into_iter()
        .map(|organization| organization.name.to_string())
        .collect();
    assert_eq!(names, ["C", "B", "A"]);
}

/// The generation grows with what a rule about the roster looks at, and with nothing else.
pub async fn the_roster_counts_names_scopes_comings_and_goings(stores: Stores) {
    let mut last = roster(&stores).await.generation;
    let mut step = async |stores: &Stores, grows: bool, what: &str| {
        let now = roster(stores).await.generation;
        assert_eq!(now > last, grows, "{what}: {last} -> {now}");
        last = now;
    };
    add(&stores, &[organization(1, "Acme").build()]).await;
    step(&stores, true, "one comes").await;

    change(&stores, 1, |it| it.pause().expect("it is connected"))
        .await
        .expect("it is current");
    step(&stores, false, "its status changes").await;

    plan_at(&stores, 1, 5).await;
    step(&stores, false, "its next run changes").await;

    let rename = |mut it: Organization| {
        it.name = parsed("Other");
        it
    };
    change(&stores, 1, rename).await.expect("it is current");
    step(&stores, true, "its name changes").await;

    let rescope = |mut it: Organization| {
        it.settings.scope = chosen_scope(&["acme"]);
        it
    };
    change(&stores, 1, rescope).await.expect("it is current");
    step(&stores, true, "its scope changes").await;

    change(&stores, 1, |it| it.remove(noon()).expect("it is there"))
        .await
        .expect("it is current");
    step(&stores, true, "it goes").await;
}

/// Each change makes one more version, and the caller learns it.
pub async fn update_answers_the_new_version(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    for expected in 2..5 {
        let version = change(&stores, 1, |it| it).await.expect("it is current");
        assert_eq!(version, expected);
        assert_eq!(record(&stores, 1).await.version, expected);
    }
}

/// What is read is what was stored last.
pub async fn update_keeps_every_field(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    for mut after in variety() {
        let before = record(&stores, 1).await;
        after.id = before.id;
        after.version = before.version;
        after.created_at = before.created_at;
        change(&stores, 1, |_| after.clone())
            .await
            .expect("it is current");
        after.version += 1;
        assert_eq!(record(&stores, 1).await, after);
    }
}

/// There is nothing of that id to change.
pub async fn update_of_nothing_is_not_found(stores: Stores) {
    let acme = organization(1, "Acme").build();
    let change = OrganizationChange {
        roster: Some(roster(&stores).await.generation),
        ..OrganizationChange::new(&acme, &[])
    };
    let refused = stores.organizations.update(&change).await;
    assert_matches!(refused, Err(StoreError::NotFound { .. }));
}

/// A change of what was read before somebody else's change is refused.
pub async fn update_refuses_another_version(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    change(&stores, 1, |it| it).await.expect("it is current");
    for version in [1, 3] {
        let wrong = organization(1, "Acme").version(version).build();
        let refused = stores
            .organizations
            .update(&OrganizationChange::new(&wrong, &[]))
            .await;
        assert!(stale(&refused, Stale::Organization), "{refused:?}");
    }
    assert_eq!(record(&stores, 1).await.version, 2);
}

/// A rule that was checked on an older roster may not hold any more.
pub async fn update_refuses_a_stale_roster(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    let before = roster(&stores).await.generation;
    add(&stores, &[organization(2, "Globex").build()]).await;
    let after = organization(1, "Other").build();
    let refused = stores
        .organizations
        .update(&OrganizationChange {
            roster: Some(before),
            ..OrganizationChange::new(&after, &[])
        })
        .await;
    assert!(stale(&refused, Stale::Roster), "{refused:?}");
    assert_eq!(record(&stores, 1).await.name.as_str(), "Acme");
}

/// No change makes two organizations of one name.
pub async fn update_refuses_a_taken_name(stores: Stores) {
    add(
        &stores,
        &[
            organization(1, "Acme").build(),
            organization(2, "Łódź").build(),
        ],
    )
    .await;
    let rename = |mut it: Organization| {
        it.name = parsed("łódź");
        it
    };
    let refused = change(&stores, 1, rename).await;
    assert_matches!(refused, Err(StoreError::NameTaken { name }) if name.as_str() == "łódź");
    assert_eq!(record(&stores, 1).await.name.as_str(), "Acme");
}

/// An organization is not in its own way.
pub async fn update_may_write_its_own_name_in_another_case(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    let rename = |mut it: Organization| {
        it.name = parsed("ACME");
        it
    };
    change(&stores, 1, rename)
        .await
        .expect("the name is its own");
    assert_eq!(record(&stores, 1).await.name.as_str(), "ACME");
}

/// Neither the attempt, the events, the seats nor the next run of a refused change are stored.
pub async fn a_refused_update_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Unlimited).await;
    let seats = plan_seats(
        &pool(&stores).await,
        Seats::Unlimited,
        SeatWishes {
            release: vec![released(1)],
            request: Vec::new(),
        },
    );
    let before = snapshot(&stores).await;
    let wrong = organization(1, "Acme").version(99).build();
    let attempt = build::attempt(1, "acme");
    let refused = stores
        .organizations
        .update(&OrganizationChange {
            roster: None,
            next_run: Some(Some(noon())),
            seats: Some(&seats),
            attempt: Some(&attempt),
            organization: &wrong,
            events: &[build::event("organization.edited")],
        })
        .await;
    assert!(stale(&refused, Stale::Organization), "{refused:?}");
    assert_eq!(snapshot(&stores).await, before);
}

/// The attempt, the next run and the events are stored with the record.
pub async fn update_stores_what_comes_with_it(stores: Stores) {
    let acme = organization(1, "Acme").build();
    add(&stores, std::slice::from_ref(&acme)).await;
    plan_at(&stores, 1, 5).await;
    let attempt = build::attempt(1, "Acme");
    let events = [build::event("a"), build::event("b")];
    let first = OrganizationChange {
        attempt: Some(&attempt),
        ..OrganizationChange::new(&acme, &events)
    };
    stores
        .organizations
        .update(&first)
        .await
        .expect("it is current");
    let found = stores.attempts.get(attempt_id(1)).await.expect("a store");
    assert_eq!(found, Some(attempt));
    assert_eq!(kinds(&stores).await, ["a", "b"]);
    let next_run = stores.organizations.next_run(acme.id).await;
    assert_matches!(next_run, Ok(Some(at)) if at == noon_plus(5));

    let acme = record(&stores, 1).await;
    let second = OrganizationChange {
        next_run: Some(None),
        ..OrganizationChange::new(&acme, &[])
    };
    stores
        .organizations
        .update(&second)
        .await
        .expect("it is current");
    assert_matches!(stores.organizations.next_run(acme.id).await, Ok(None));
}

fn released(repository: u64) -> Released {
    Released {
        key: seat_key(1, repository),
        from: Held::Seat,
        reason: Reason::OrganizationRemoved,
    }
}

fn removal() -> Event {
    Event::new(
        start_of(2),
        Actor::Person("jane".to_owned()),
        Subject::Organization,
        "organization.removed",
    )
    .of(organization_id(1))
}

/// Seats that a removal frees are free in the same step, at the time of the first event, with the events of the plan before the others.
pub async fn update_frees_licenses_in_the_same_step(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Unlimited).await;
    let before = pool(&stores).await;
    assert_eq!(before.held, 2);
    let wishes = SeatWishes {
        release: vec![released(1), released(2)],
        request: Vec::new(),
    };
    let seats = plan_seats(&before, Seats::Unlimited, wishes);
    let after = record(&stores, 1).await;
    let after = after.remove(start_of(2)).expect("it is there");
    let known = history(&stores).await.len();
    stores
        .organizations
        .update(&OrganizationChange {
            roster: Some(roster(&stores).await.generation),
            seats: Some(&seats),
            ..OrganizationChange::new(&after, &[removal()])
        })
        .await
        .expect("it is current");
    let now = pool(&stores).await;
    assert_eq!(now.held, 0);
    assert!(now.generation > before.generation);
    for known in inventory(&stores, 1).await.repositories {
        assert_eq!(known.license.reason, Reason::OrganizationRemoved);
        assert_eq!(known.license.since, start_of(2));
    }
    assert_eq!(
        kinds(&stores).await[known..],
        [
            "license.released",
            "license.released",
            "organization.removed"
        ]
    );
}

/// A plan made on an older pool is refused together with the change of the record.
pub async fn update_refuses_a_stale_pool(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Unlimited).await;
    let wishes = |number| SeatWishes {
        release: vec![released(number)],
        request: Vec::new(),
    };
    let snapshot_of_pool = pool(&stores).await;
    let old = plan_seats(&snapshot_of_pool, Seats::Unlimited, wishes(1));
    let other = plan_seats(&snapshot_of_pool, Seats::Unlimited, wishes(2));
    stores
        .licenses
        .apply(&other, noon(), &[])
        .await
        .expect("it is current");
    let before = snapshot(&stores).await;
    let after = record(&stores, 1).await.pause().expect("it is connected");
    let refused = stores
        .organizations
        .update(&OrganizationChange {
            seats: Some(&old),
            ..OrganizationChange::new(&after, &[removal()])
        })
        .await;
    assert!(stale(&refused, Stale::Pool), "{refused:?}");
    assert_eq!(snapshot(&stores).await, before);
}

/// When a schedule fires next can be stored and taken back without a new version.
pub async fn the_next_run_is_kept_apart_from_the_record(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    let id = organization_id(1);
    assert_matches!(stores.organizations.next_run(id).await, Ok(None));
    for at in [Some(noon_plus(1)), None, Some(noon_plus(2))] {
        stores
            .organizations
            .set_next_run(id, at)
            .await
            .expect("it is there");
        let found = stores.organizations.next_run(id).await.expect("a store");
        assert_eq!(found, at);
    }
    assert_eq!(record(&stores, 1).await.version, 1);
}

/// Due is what was planned for now or before.
pub async fn due_are_those_whose_time_has_come(stores: Stores) {
    add(
        &stores,
        &[
            organization(1, "A").build(),
            organization(2, "B").build(),
            organization(3, "C").build(),
        ],
    )
    .await;
    plan_at(&stores, 1, 10).await;
    plan_at(&stores, 2, 20).await;
    assert!(due(&stores, 9).await.is_empty());
    assert_eq!(due(&stores, 10).await, [1]);
    assert_eq!(due(&stores, 30).await, [1, 2]);
}

/// Nobody starves: those that waited longest come first, and there are no more than asked for.
pub async fn due_begins_with_the_longest_wait(stores: Stores) {
    for (id, seconds) in [(1, 30), (2, 10), (3, 20)] {
        let one = organization(id, &format!("Name {id}")).build();
        add(&stores, &[one]).await;
        plan_at(&stores, id, seconds).await;
    }
    assert_eq!(due(&stores, 60).await, [2, 3, 1]);
    let two = stores.organizations.due(noon_plus(60), 2).await;
    let two = two.expect("a store");
    assert_eq!(two, [organization_id(2), organization_id(3)]);
}

/// A person stopped them; whatever is wrong with others may have passed.
pub async fn due_leaves_out_the_paused_and_the_removed(stores: Stores) {
    let statuses = [
        Status::Connected,
        Status::Paused,
        Status::Removed { at: noon() },
        Status::ActionRequired(ActionReason::TokenExpired),
    ];
    for (id, status) in (1..).zip(statuses) {
        let one = organization(id, &format!("Name {id}")).status(status);
        add(&stores, &[one.build()]).await;
    }
    plan_at(&stores, 2, 10).await;
    plan_at(&stores, 3, 10).await;
    assert!(due(&stores, 60).await.is_empty());
    assert_eq!(next_due(&stores).await, None);
    plan_at(&stores, 1, 20).await;
    plan_at(&stores, 4, 30).await;
    assert_eq!(due(&stores, 60).await, [1, 4]);
    assert_eq!(next_due(&stores).await, Some(20));
}

/// While a lease holds nobody else starts; when it ran out, or the run has ended, somebody may.
pub async fn due_leaves_out_what_somebody_is_at(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    plan_at(&stores, 1, 0).await;
    let start = (start_of(1) - noon()).num_seconds();
    let run = claim(&stores, 1, 1).await;
    assert!(due(&stores, start + 1).await.is_empty());
    assert!(
        due(&stores, start + LEASE.num_seconds() - 1)
            .await
            .is_empty()
    );
    assert_eq!(due(&stores, start + LEASE.num_seconds() + 1).await, [1]);
    stores
        .syncs
        .renew(&run, start_of(1) + LEASE * 3)
        .await
        .expect("it is its own");
    assert!(
        due(&stores, start + LEASE.num_seconds() + 1)
            .await
            .is_empty()
    );
    let prepared = super::scene::plan(&stores, run, projects([1]), Seats::Unlimited).await;
    prepared.apply(&stores).await.expect("it is current");
    assert_eq!(due(&stores, start + 1).await, [1], "the run has ended");
}

/// A sync that was asked for while another one ran is due when that one has ended, without any schedule.
pub async fn due_has_what_was_asked_for_during_a_sync(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    let start = (start_of(1) - noon()).num_seconds();
    let mut again = super::scene::request(1, 2);
    again.now = start_of(1) + TimeDelta::seconds(1);
    stores.syncs.claim(&again).await.expect("a store");
    assert!(
        due(&stores, start + 10).await.is_empty(),
        "somebody is at it"
    );
    prepared.apply(&stores).await.expect("it is current");
    assert_eq!(due(&stores, start + 60).await, [1]);
    assert!(next_due(&stores).await.is_some());

    claim(&stores, 1, 3).await;
    let later = (start_of(3) - noon()).num_seconds() + 2 * LEASE.num_seconds();
    assert!(due(&stores, later).await.is_empty(), "the claim served it");
}

/// Whoever sleeps until then misses nothing.
pub async fn next_due_is_never_too_late(stores: Stores) {
    assert_eq!(next_due(&stores).await, None);
    add(
        &stores,
        &[licensing(1, "Acme"), organization(2, "Globex").build()],
    )
    .await;
    assert_eq!(next_due(&stores).await, None, "nothing is planned");
    plan_at(&stores, 1, 500).await;
    plan_at(&stores, 2, 100).await;
    assert_eq!(next_due(&stores).await, Some(100));
    plan_at(&stores, 2, 100_000).await;
    assert_eq!(next_due(&stores).await, Some(500));

    claim(&stores, 1, 1).await;
    let lease_ends = (start_of(1) - noon()).num_seconds() + LEASE.num_seconds();
    let next = next_due(&stores).await.expect("something is planned");
    assert!(next <= lease_ends, "{next} is after {lease_ends}");
    assert_eq!(due(&stores, lease_ends + 1).await, [1]);
}

/// Nanoseconds are cut off, wherever a time stands.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    let fine = noon() + TimeDelta::nanoseconds(123_456_789);
    let coarse = noon() + TimeDelta::nanoseconds(123_456_000);
    let mut acme = organization(1, "Acme").created_at(fine).build();
    acme.followed_since = Some(fine);
    acme.status = Status::Removed { at: fine };
    add(&stores, &[acme.clone()]).await;
    stores
        .organizations
        .set_next_run(acme.id, Some(fine))
        .await
        .expect("it is there");
    acme.created_at = coarse;
    acme.followed_since = Some(coarse);
    acme.status = Status::Removed { at: coarse };
    assert_eq!(record(&stores, 1).await, acme);
    let next_run = stores.organizations.next_run(acme.id).await;
    assert_matches!(next_run, Ok(Some(at)) if at == coarse);
}

/// What one program stored, another one reads.
pub async fn a_second_program_sees_the_same(stores: Stores) {
    add(&stores, &[organization(1, "Acme").build()]).await;
    let second = stores.second();
    change(second, 1, |it| it.pause().expect("it is connected"))
        .await
        .expect("it is current");
    assert_eq!(record(&stores, 1).await.status, Status::Paused);
    assert_eq!(roster(&stores).await, roster(second).await);
}

/// Two programs add a name at once: one gets through, the other is told, however it is told.
pub async fn of_two_with_one_name_one_is_refused(stores: Stores) {
    let generation = Some(roster(&stores).await.generation);
    let (a, b) = (
        organization(1, "Acme").build(),
        organization(2, "acme").build(),
    );
    let (a, b) = (
        OrganizationChange {
            roster: generation,
            ..OrganizationChange::new(&a, &[])
        },
        OrganizationChange {
            roster: generation,
            ..OrganizationChange::new(&b, &[])
        },
    );
    let second = stores.second();
    let answers = join(
        stores.organizations.insert(&a),
        second.organizations.insert(&b),
    );
    assert_matches!(
        answers.await,
        (
            Ok(()),
            Err(StoreError::NameTaken { .. } | StoreError::Stale { .. })
        ) | (
            Err(StoreError::NameTaken { .. } | StoreError::Stale { .. }),
            Ok(())
        )
    );
    assert_eq!(roster(&stores).await.organizations.len(), 1);
}

/// Two programs change the same version at once: one gets through, the other is told.
pub async fn of_two_changes_on_one_version_one_is_refused(stores: Stores) {
    let acme = organization(1, "Acme").build();
    add(&stores, std::slice::from_ref(&acme)).await;
    let events = [build::event("organization.edited")];
    let change = OrganizationChange::new(&acme, &events);
    let second = stores.second();
    let answers = join(
        stores.organizations.update(&change),
        second.organizations.update(&change),
    );
    assert_matches!(
        answers.await,
        (Ok(2), Err(StoreError::Stale { .. })) | (Err(StoreError::Stale { .. }), Ok(2))
    );
    assert_eq!(kinds(&stores).await.len(), 1);
}
