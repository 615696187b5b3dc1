//! Adding an organization.

use futures_util::future::join;

use super::{stale, variety};
use crate::attempt::AttemptState;
use crate::ports::{OrganizationChange, Stale, StoreError};
use crate::testing::build::{self, attempt_id, noon, noon_plus, organization};
use crate::testing::contract::scene::{add, insert, kinds, record, roster, snapshot};
use crate::testing::contract::{Stores, assert_matches};

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
