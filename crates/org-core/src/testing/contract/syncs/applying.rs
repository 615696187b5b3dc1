//! Applying a plan is one unit, and applying it twice is applying it once.

use super::{ask_for_one_more, check_refused, end, failed, fenced, get, stale};
use crate::event::Event;
use crate::inventory::Presence;
use crate::license::pool::{SeatPlan, Seats};
use crate::organization::{ActionReason, Status};
use crate::ports::{Applied, Stale};
use crate::sync::run::{RunOutcome, RunState, SyncRun};
use crate::testing::build::{event, group, repository};
use crate::testing::contract::Stores;
use crate::testing::contract::scene::{
    LEASE, Listed, add, change, claim, history, inventory, kinds, license, licensing, pool,
    prepare, projects, record, snapshot, start_of, sync, unlicensed,
};

/// The run, the inventory, the licenses, the record and the events are stored together.
pub async fn apply_stores_everything(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut prepared = prepare(&stores, 1, 1, projects(1..=3), Seats::Limited(2)).await;
    prepared.organization.status = Status::ActionRequired(ActionReason::TokenExpired);
    prepared.organization.followed_since = Some(start_of(1));
    let pool_before = pool(&stores).await;
    let applied = prepared.apply(&stores).await.expect("it is current");
    assert_eq!(applied, Applied { follow_up: false });

    let run = get(&stores, 1).await;
    let expected = SyncRun {
        state: RunState::Ended {
            at: prepared.plan.at,
            outcome: RunOutcome::Complete,
        },
        counts: prepared.plan.counts,
        requests: 12,
        ..prepared.run.clone()
    };
    assert_eq!(run, expected);

    assert_eq!(inventory(&stores, 1).await.repositories.len(), 3);
    assert_eq!(license(&stores, 1, 1).await, "licensed");
    assert_eq!(license(&stores, 1, 2).await, "licensed");
    assert_eq!(license(&stores, 1, 3).await, "waiting");
    let pool = pool(&stores).await;
    assert_eq!((pool.held, pool.waiting.len()), (2, 1));
    assert!(pool.generation > pool_before.generation);

    let mut expected = prepared.organization.clone();
    expected.version += 1;
    assert_eq!(record(&stores, 1).await, expected);
    assert!(!history(&stores).await.is_empty());
}

/// Added, changed, gone and back again, for repositories and groups; nothing else is touched.
pub async fn apply_follows_repositories_and_groups(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme")]).await;
    let at = |id, path: &str| repository(id, path).build();
    let group = |id, path: &str| group(id, path).build();
    let steps = [
        (
            vec![at(1, "a/one"), at(2, "a/two"), at(3, "a/three")],
            vec![group(1, "a"), group(2, "b")],
        ),
        (
            vec![at(1, "a/one"), at(2, "b/second"), at(4, "a/three")],
            vec![group(1, "c"), group(3, "d")],
        ),
        (
            vec![at(1, "a/one"), at(2, "b/second"), at(3, "a/back")],
            vec![group(1, "c"), group(2, "b")],
        ),
    ];
    let mut times = Vec::new();
    for (number, (repositories, groups)) in (1..).zip(steps) {
        let listed = Listed {
            repositories,
            groups,
            missing: Vec::new(),
        };
        let prepared = sync(&stores, 1, number, listed, Seats::Unlimited).await;
        times.push(prepared.plan.at);
    }
    let found = inventory(&stores, 1).await;
    let gone = |step: usize| Presence::Gone { since: times[step] };
    let repositories: Vec<_> = found
        .repositories
        .iter()
        .map(|known| {
            (
                &*known.repository.full_path,
                known.presence,
                known.first_seen,
            )
        })
        .collect();
    assert_eq!(
        repositories,
        [
            ("a/one", Presence::Present, times[0]),
            ("b/second", Presence::Present, times[0]),
            ("a/back", Presence::Present, times[0]),
            ("a/three", gone(2), times[1]),
        ]
    );
    let groups: Vec<_> = found
        .groups
        .iter()
        .map(|known| (&*known.group.full_path, known.presence, known.first_seen))
        .collect();
    assert_eq!(
        groups,
        [
            ("c", Presence::Present, times[0]),
            ("b", Presence::Present, times[0]),
            ("d", gone(2), times[1]),
        ]
    );
}

/// A lease that ran out is no reason to lose the work if nobody took over.
pub async fn apply_of_a_late_run_is_good_until_somebody_takes_over(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    prepared.plan.at = start_of(1) + LEASE * 10;
    prepared.apply(&stores).await.expect("it is its own");
    assert_eq!(inventory(&stores, 1).await.repositories.len(), 1);
}

/// First the inventory's events, then those of the seats, then the others.
pub async fn apply_stores_events_in_their_order(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut listed = projects(1..=2);
    listed.groups = vec![group(1, "acme").build()];
    let mut prepared = prepare(&stores, 1, 1, listed, Seats::Limited(1)).await;
    prepared.events = vec![event("sync.finished"), event("organization.connected")];
    prepared.apply(&stores).await.expect("it is current");
    let plan = prepared.plan.events();
    let seats = prepared.seats.events(prepared.plan.at);
    let expected: Vec<Event> = plan.chain(seats).chain(prepared.events.clone()).collect();
    let found = history(&stores).await.into_iter();
    let found: Vec<Event> = found.map(|stored| stored.event).collect();
    assert_eq!(found, expected);
    assert_eq!(
        kinds(&stores).await,
        [
            "repository.added",
            "repository.added",
            "group.added",
            "license.assigned",
            "license.waiting",
            "license_pool.full",
            "sync.finished",
            "organization.connected"
        ]
    );
}

/// Whoever applies learns that somebody waits for another sync.
pub async fn apply_tells_that_one_more_was_asked_for(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    ask_for_one_more(&stores, 1, &prepared.run).await;
    let applied = prepared.apply(&stores).await.expect("it is current");
    assert_eq!(applied, Applied { follow_up: true });
}

/// What a program found out after it lost the lease is void.
pub async fn apply_after_a_takeover_is_fenced(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let late = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    let taken = claim(&stores, 1, 2).await;
    check_refused(&stores, &late, |answer| fenced(answer, 1)).await;
    let prepared =
        crate::testing::contract::scene::plan(&stores, taken, projects([2]), Seats::Unlimited)
            .await;
    prepared.apply(&stores).await.expect("it is its own");
    check_refused(&stores, &late, |answer| fenced(answer, 1)).await;
}

/// A run that failed does not succeed afterwards.
pub async fn apply_after_an_end_is_fenced(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    end(&stores, &prepared.run, failed(), &[])
        .await
        .expect("its own");
    check_refused(&stores, &prepared, |answer| fenced(answer, 1)).await;
}

/// A person changed the settings meanwhile: the plan may be wrong.
pub async fn apply_on_a_stale_organization_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    change(&stores, 1, |it| it).await.expect("it is current");
    check_refused(&stores, &prepared, |answer| {
        stale(answer, Stale::Organization)
    })
    .await;
}

/// A plan made on an older inventory is refused.
pub async fn apply_on_a_stale_inventory_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    prepared.plan.generation += 1;
    check_refused(&stores, &prepared, |answer| stale(answer, Stale::Inventory)).await;
}

/// Somebody else got the seats meanwhile: neither seats nor inventory, events, run or record change.
pub async fn apply_on_a_stale_pool_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Limited(1)).await;
    sync(&stores, 2, 2, projects([1]), Seats::Limited(1)).await;
    check_refused(&stores, &prepared, |answer| stale(answer, Stale::Pool)).await;
    assert_eq!(pool(&stores).await.held, 1);
    let again = crate::testing::contract::scene::plan(
        &stores,
        prepared.run.clone(),
        projects([1]),
        Seats::Limited(1),
    );
    again.await.apply(&stores).await.expect("planned again");
    assert_eq!(license(&stores, 1, 1).await, "waiting");
}

/// What the pool does is nothing to a plan that asks for no seats.
pub async fn apply_without_seats_does_not_mind_the_pool(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme"), licensing(2, "Globex")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Limited(1)).await;
    assert!(prepared.seats.is_empty());
    sync(&stores, 2, 2, projects([1]), Seats::Limited(1)).await;
    let before = pool(&stores).await;
    prepared.apply(&stores).await.expect("it asks for no seats");
    assert_eq!(pool(&stores).await, before);
    let mut empty = prepare(&stores, 1, 3, projects([1]), Seats::Limited(1)).await;
    empty.seats = SeatPlan::default();
    empty.apply(&stores).await.expect("it asks for no seats");
}

/// A program that did not hear the answer may ask again.
pub async fn applying_again_changes_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut prepared = prepare(&stores, 1, 1, projects(1..=2), Seats::Limited(1)).await;
    prepared.events = vec![event("sync.finished")];
    prepared.apply(&stores).await.expect("it is current");
    let before = snapshot(&stores).await;
    for _ in 0..2 {
        prepared
            .apply(&stores)
            .await
            .expect("it was applied before");
        assert_eq!(snapshot(&stores).await, before);
    }
    // Even after a later sync changed everything it was made on.
    sync(&stores, 1, 2, projects([3]), Seats::Limited(1)).await;
    let before = snapshot(&stores).await;
    prepared
        .apply(&stores)
        .await
        .expect("it was applied before");
    assert_eq!(snapshot(&stores).await, before);
}

/// The second answer says the same as the first.
pub async fn applying_again_still_tells_what_was_asked_for(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    ask_for_one_more(&stores, 1, &prepared.run).await;
    for _ in 0..2 {
        let applied = prepared.apply(&stores).await.expect("it is its own");
        assert_eq!(applied, Applied { follow_up: true });
    }
}

/// A sync that found nothing new makes nobody plan again.
pub async fn an_empty_plan_leaves_the_generation(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Unlimited).await;
    let (before, pool_before) = (inventory(&stores, 1).await, pool(&stores).await);
    let events = history(&stores).await.len();
    let prepared = sync(&stores, 1, 2, projects(1..=3), Seats::Unlimited).await;
    assert!(prepared.plan.is_empty() && prepared.seats.is_empty());
    assert_eq!(inventory(&stores, 1).await, before);
    assert_eq!(pool(&stores).await, pool_before);
    assert_eq!(history(&stores).await.len(), events);
    assert_eq!(get(&stores, 2).await.state_word(), "complete");
}

/// Each plan that changes something grows the generation.
pub async fn a_changing_plan_counts_in_the_generation(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme")]).await;
    let mut last = inventory(&stores, 1).await.generation;
    let mut groups = projects(1..=2);
    groups.groups = vec![group(1, "acme").build()];
    for (number, listed) in (1..).zip([projects([1]), projects(1..=2), groups, projects([2])]) {
        sync(&stores, 1, number, listed, Seats::Unlimited).await;
        let now = inventory(&stores, 1).await.generation;
        assert!(now > last, "{last}, then {now}");
        last = now;
    }
}
