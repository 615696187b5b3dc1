//! When each organization is due.

use chrono::TimeDelta;

use super::{due, next_due, plan_at};
use crate::license::pool::Seats;
use crate::organization::{ActionReason, Status};
use crate::testing::build::{noon, noon_plus, organization, organization_id};
use crate::testing::contract::scene::{
    LEASE, add, claim, licensing, prepare, projects, record, start_of,
};
use crate::testing::contract::{Stores, assert_matches};

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
    let prepared =
        crate::testing::contract::scene::plan(&stores, run, projects([1]), Seats::Unlimited).await;
    prepared.apply(&stores).await.expect("it is current");
    assert_eq!(due(&stores, start + 1).await, [1], "the run has ended");
}

/// A sync that was asked for while another one ran is due when that one has ended, without any schedule.
pub async fn due_has_what_was_asked_for_during_a_sync(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    let start = (start_of(1) - noon()).num_seconds();
    let mut again = crate::testing::contract::scene::request(1, 2);
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
