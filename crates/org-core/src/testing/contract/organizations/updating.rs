//! Changing an organization.

use futures_util::future::join;

use super::{plan_at, released, removal, stale, variety};
use crate::license::Reason;
use crate::license::pool::{SeatWishes, Seats, plan_seats};
use crate::organization::Organization;
use crate::ports::{OrganizationChange, Stale, StoreError};
use crate::testing::build::{self, attempt_id, noon, noon_plus, organization, parsed};
use crate::testing::contract::scene::{
    add, change, history, inventory, kinds, licensing, pool, projects, record, roster, snapshot,
    start_of, sync,
};
use crate::testing::contract::{Stores, assert_matches};

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
