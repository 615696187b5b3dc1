//! Applying: whole or not at all, once, on what it was planned on, and nothing when nothing changed.

use std::task::Poll;

use chrono::TimeDelta;
use org_core::license::LicenseState;
use org_core::license::pool::Seats;
use org_core::ports::{
    Claim, EventFilter, EventStore, InventoryStore, LicenseStore, OrganizationStore, Stale,
    StoreError, SyncStore,
};
use org_core::sync::RunOutcome;
use org_core::testing::build;

use crate::support::{
    Scratch, connect, get, plan, repositories, request, started, sync, watch, writes,
};

#[tokio::test]
async fn a_sync_that_changes_nothing_writes_no_row_of_the_inventory() {
    let scratch = Scratch::new().await;
    let organization = connect(&scratch.store, 1).await;
    sync(&scratch.store, organization, 10, repositories(1, 900)).await;
    let before = scratch
        .store
        .inventory(organization)
        .await
        .expect("the inventory");
    let mut beside = scratch.beside().await;
    watch(&mut beside).await;

    sync(&scratch.store, organization, 11, repositories(1, 900)).await;
    assert_eq!(writes(&mut beside).await, []);
    let after = scratch
        .store
        .inventory(organization)
        .await
        .expect("the inventory");
    assert_eq!(after, before);

    // The triggers do notice a change.
    let mut renamed = repositories(1, 901);
    renamed[4].name = "Other".into();
    sync(&scratch.store, organization, 12, renamed).await;
    let expected = [
        ("INSERT repositories".to_owned(), 1),
        ("UPDATE repositories".to_owned(), 2),
    ];
    assert_eq!(
        writes(&mut beside).await,
        expected,
        "one new, one renamed, one licensed"
    );
}

#[tokio::test]
async fn what_was_planned_is_what_is_known() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let listing = vec![
        build::repository(1, "acme/a")
            .in_group(2)
            .topics(&["x", "y, z"])
            .build(),
        build::repository(2, "me/b")
            .shared_in()
            .fork()
            .active_at(build::noon_plus(-5))
            .build(),
        build::repository(u64::from(u32::MAX) * 9, "acme/C")
            .visibility(org_core::inventory::Visibility::Public)
            .build(),
    ];
    sync(store, organization, 10, listing.clone()).await;
    let known = store.inventory(organization).await.expect("the inventory");
    let facts: Vec<_> = known
        .repositories
        .iter()
        .map(|known| known.repository.clone())
        .collect();
    assert_eq!((facts, known.generation), (listing, 1));
    // Planning again finds nothing left to do.
    let run = started(store, &request(organization, 11, build::noon_plus(90_000))).await;
    let listing = known
        .repositories
        .iter()
        .map(|known| known.repository.clone())
        .collect();
    let again = plan(store, run, listing, Vec::new(), Seats::Unlimited).await;
    assert!(
        again.plan.is_empty() && again.seats.is_empty(),
        "{:?}",
        again.plan
    );
}

#[tokio::test]
async fn applying_twice_is_applying_once() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let planned = sync(store, organization, 10, repositories(1, 40)).await;
    let before = (
        store.inventory(organization).await.expect("the inventory"),
        store
            .newest(&EventFilter::default(), 500)
            .await
            .expect("the history"),
        get(store, organization).await,
    );
    planned.apply(store).await.expect("it is no error");
    let after = (
        store.inventory(organization).await.expect("the inventory"),
        store
            .newest(&EventFilter::default(), 500)
            .await
            .expect("the history"),
        get(store, organization).await,
    );
    assert_eq!(after, before);
    let ended = store.end(&planned.end()).await;
    assert!(matches!(ended, Err(StoreError::Fenced { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_plan_that_is_stale_in_any_way_changes_nothing() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    sync(store, organization, 10, repositories(1, 5)).await;
    let later = build::noon_plus(100_000);
    let run = started(store, &request(organization, 11, later)).await;
    let good = plan(
        store,
        run,
        repositories(1, 8),
        Vec::new(),
        Seats::Limited(7),
    )
    .await;
    assert_eq!(good.seats.grant.len(), 2);
    let before = store.check().await.expect("a report");

    let mut stale = good.plan.clone();
    stale.generation -= 1;
    let answer = SyncStore::apply(store, &stale, &good.seats, &good.end()).await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Stale {
                what: Stale::Inventory
            })
        ),
        "{answer:?}"
    );

    let mut stale = good.seats.clone();
    stale.generation += 1;
    let answer = SyncStore::apply(store, &good.plan, &stale, &good.end()).await;
    assert!(
        matches!(answer, Err(StoreError::Stale { what: Stale::Pool })),
        "{answer:?}"
    );

    let mut newer = good.organization.clone();
    newer.version += 1;
    let mut end = good.end();
    end.organization = &newer;
    let answer = SyncStore::apply(store, &good.plan, &good.seats, &end).await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Stale {
                what: Stale::Organization
            })
        ),
        "{answer:?}"
    );

    assert_eq!(store.check().await.expect("a report"), before);
    good.apply(store).await.expect("the plan itself is good");
    let pool = store.pool().await.expect("the pool");
    assert_eq!((pool.held, pool.waiting.len()), (7, 1));
}

/// A seat that a person took away between the reading of the inventory and of the pool must not be freed once more.
#[tokio::test]
async fn a_seat_is_never_given_up_twice() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let run = started(store, &request(organization, 10, build::noon())).await;
    let first = plan(
        store,
        run,
        repositories(1, 3),
        Vec::new(),
        Seats::Limited(2),
    )
    .await;
    first.apply(store).await.expect("applied");
    let pool = store.pool().await.expect("the pool");
    let holders = store
        .holders(LicenseState::Licensed, None, 5)
        .await
        .expect("holders");
    let key = holders.items[0].key;
    let released = |generation| org_core::license::pool::SeatPlan {
        generation,
        release: vec![org_core::license::pool::Released {
            key,
            from: org_core::license::pool::Held::Seat,
            reason: org_core::license::Reason::Gone,
        }],
        ..Default::default()
    };
    LicenseStore::apply(store, &released(pool.generation), build::noon(), &[])
        .await
        .expect("it has a seat");
    let again =
        LicenseStore::apply(store, &released(pool.generation + 1), build::noon(), &[]).await;
    assert!(
        matches!(again, Err(StoreError::Stale { what: Stale::Pool })),
        "{again:?}"
    );
    assert_eq!(
        store.pool().await.expect("the pool").generation,
        pool.generation + 1
    );
}

#[tokio::test]
async fn whoever_lost_the_lease_writes_nothing_more() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let slow = started(store, &request(organization, 10, build::noon())).await;
    let planned = plan(
        store,
        slow.clone(),
        repositories(1, 5),
        Vec::new(),
        Seats::Unlimited,
    )
    .await;

    let busy = store
        .claim(&request(organization, 11, build::noon_plus(119)))
        .await
        .expect("an answer");
    assert!(
        matches!(busy, Claim::Busy { ref run, .. } if *run == slow),
        "{busy:?}"
    );
    let quick = started(store, &request(organization, 12, build::noon_plus(120))).await;
    assert!(quick.fence > slow.fence);

    for answer in [
        store.renew(&slow, build::noon_plus(999)).await,
        planned.apply(store).await.map(drop),
        store.end(&planned.end()).await.map(drop),
    ] {
        assert!(
            matches!(answer, Err(StoreError::Fenced { .. })),
            "{answer:?}"
        );
    }
    let lost = SyncStore::get(store, slow.id)
        .await
        .expect("an answer")
        .expect("a run");
    assert_eq!(lost.outcome(), Some(&RunOutcome::Abandoned));
    let events = store
        .newest(&EventFilter::default(), 10)
        .await
        .expect("the history");
    let kinds: Vec<_> = events
        .iter()
        .map(|stored| stored.event.kind.as_str())
        .collect();
    assert_eq!(kinds, ["sync.abandoned"]);

    // What was asked for while the slow one ran is served by the quick one.
    let planned = plan(
        store,
        quick,
        repositories(1, 5),
        Vec::new(),
        Seats::Unlimited,
    )
    .await;
    assert!(!planned.apply(store).await.expect("applied").follow_up);
}

#[tokio::test]
async fn a_sync_that_is_asked_for_meanwhile_is_due_afterwards() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    assert_eq!(store.next_due().await.expect("an answer"), None);
    let run = started(store, &request(organization, 10, build::noon())).await;
    store
        .claim(&request(organization, 11, build::noon_plus(30)))
        .await
        .expect("busy");
    let now = build::noon_plus(60);
    assert_eq!(store.due(now, 5).await.expect("an answer"), []);
    assert_eq!(
        store.next_due().await.expect("an answer"),
        Some(build::noon_plus(120))
    );
    store
        .renew(&run, build::noon_plus(600))
        .await
        .expect("it is still ours");
    assert_eq!(
        store.next_due().await.expect("an answer"),
        Some(build::noon_plus(600))
    );
    let planned = plan(store, run, repositories(1, 5), Vec::new(), Seats::Unlimited).await;
    assert!(planned.apply(store).await.expect("applied").follow_up);
    assert_eq!(store.due(now, 5).await.expect("an answer"), [organization]);
    started(store, &request(organization, 12, now)).await;
    assert_eq!(
        store
            .due(now + TimeDelta::days(1), 5)
            .await
            .expect("an answer"),
        []
    );
}

/// A person who gives up in the middle: the future is dropped wherever it stands.
#[tokio::test]
async fn giving_up_leaves_a_state_before_or_after() {
    let scratch = Scratch::new().await;
    let store = &scratch.store;
    let organization = connect(store, 1).await;
    let (mut given_up, mut known) = (0, 0);
    for number in 1..40_u64 {
        let now = build::noon_plus(i64::try_from(number).expect("small") * 1_000);
        let run = started(store, &request(organization, number, now)).await;
        let listing = repositories(1, known + 100);
        let planned = plan(store, run, listing, Vec::new(), Seats::Unlimited).await;
        {
            // Each time that it has to wait counts; every eighth one may take as long as it likes.
            let mut patience = if number % 8 == 0 { u64::MAX } else { number };
            let mut apply = std::pin::pin!(planned.apply(store));
            let finished = std::future::poll_fn(|context| {
                if let Poll::Ready(applied) = apply.as_mut().poll(context) {
                    return Poll::Ready(Some(applied));
                }
                if patience == 0 {
                    return Poll::Ready(None);
                }
                patience -= 1;
                Poll::Pending
            });
            match finished.await {
                Some(applied) => drop(applied.expect("nothing else is under way")),
                None => given_up += 1,
            }
        }
        // A commit that was already on its way comes before the next one who writes.
        store.append(&[]).await.expect("its turn comes");
        let inventory = store.inventory(organization).await.expect("the inventory");
        let report = store.check().await.expect("a report");
        assert!(report.is_sound(), "{report:?}");
        known = inventory.repositories.len() as u64;
        let events = report.events;
        let counts = store.counts(organization).await.expect("counts");
        assert_eq!((known % 100, counts.licensed), (0, known));
        assert_eq!(inventory.generation * 100, known);
        // Each repository was added and licensed; the rest are runs that were let go.
        assert!(
            events >= known * 2 && events < known * 2 + number,
            "{events} events"
        );
    }
    assert!(
        given_up > 0 && known > 0,
        "{given_up} given up, {known} known"
    );
}
