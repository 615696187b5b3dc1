//! What is told of organizations.

use chrono::TimeDelta;

use super::{next_due, plan_at};
use crate::organization::{Organization, Status};
use crate::testing::build::{chosen_scope, noon, noon_plus, organization, organization_id, parsed};
use crate::testing::contract::scene::{add, change, record, roster};
use crate::testing::contract::{Stores, assert_matches};

/// Absence is `None` and no error.
pub async fn what_is_not_there_is_none(stores: Stores) {
    let id = organization_id(1);
    assert_matches!(stores.organizations.get(id).await, Ok(None));
    assert_matches!(stores.organizations.find(&parsed("Acme")).await, Ok(None));
    assert_matches!(stores.organizations.next_run(id).await, Ok(None));
    assert_eq!(next_due(&stores).await, None);
    assert!(roster(&stores).await.organizations.is_empty());
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
