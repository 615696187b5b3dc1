//! The promises of the port [`LicenseStore`](crate::ports::LicenseStore).

mod policy;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;

use super::scene::{
    add, history, inventory, kinds, license, licensing, listed, pool, projects, snapshot, sync,
    unlicensed,
};
use super::{Stores, assert_matches};
use crate::license::pool::{
    Held, PoolNotice, Released, SeatKey, SeatPlan, SeatRequest, SeatWishes, Seats, plan_seats,
};
use crate::license::{LicenseRecord, LicenseState, Reason};
use crate::ports::{PoolSummary, RepositoryRow, SeatHolder, Stale, StoreError};
use crate::testing::build::{
    event, noon, noon_plus, organization_id, parsed, repository, seat_key,
};

pub use policy::*;

/// Runs the suite of the license pool; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! license_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { licenses, $run, $make, [
            a_new_pool_is_empty,
            the_pool_counts_seats_across_organizations,
            the_pool_knows_who_waits_and_why,
            the_summary_is_in_the_order_of_names,
            holders_are_in_the_order_of_the_queue,
            holders_are_told_with_their_organization,
            pages_have_each_holder_once,
            a_foreign_cursor_is_not_found,
            apply_releases_grants_and_queues,
            apply_stores_its_events_before_the_others,
            apply_refuses_a_stale_pool,
            apply_counts_each_change,
            apply_of_an_empty_plan_leaves_the_generation,
            a_refused_plan_leaves_nothing,
            syncs_and_decisions_share_one_generation,
            seats_are_never_given_twice,
            note_changes_the_reason_and_nothing_else,
            note_never_touches_a_seat_or_a_place,
            seats_are_unlimited_until_configured,
            configuring_seats_brings_its_plan_along,
            configuring_seats_always_counts,
            configuring_seats_refuses_a_stale_pool,
            the_policy_is_the_default_until_set,
            the_policy_comes_back_as_it_was_set,
            a_policy_is_set_in_the_place_of_the_one_that_was_seen,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
        ] }
    };
}

fn assigned() -> Reason {
    Reason::AssignedBy {
        who: "jane: łódź".to_owned(),
    }
}

fn taken() -> Reason {
    Reason::ReleasedBy {
        who: "joe".to_owned(),
    }
}

async fn row(stores: &Stores, key: SeatKey) -> RepositoryRow {
    let row = stores.inventory.repository(key).await.expect("a store");
    row.expect("a sync saw it")
}

async fn ask(stores: &Stores, key: SeatKey) -> SeatRequest {
    SeatRequest {
        key,
        created_at: row(stores, key).await.known.repository.created_at,
        reason: assigned(),
    }
}

fn give_up(key: SeatKey, from: Held) -> Released {
    Released {
        key,
        from,
        reason: taken(),
    }
}

async fn plan(
    stores: &Stores,
    seats: Seats,
    request: &[SeatKey],
    release: Vec<Released>,
) -> SeatPlan {
    let mut wishes = SeatWishes {
        release,
        request: Vec::new(),
    };
    for &key in request {
        wishes.request.push(ask(stores, key).await);
    }
    plan_seats(&pool(stores).await, seats, wishes)
}

async fn apply(stores: &Stores, plan: &SeatPlan) -> Result<(), StoreError> {
    stores.licenses.apply(plan, noon(), &[]).await
}

async fn holders(stores: &Stores, state: LicenseState, limit: u32) -> Vec<SeatHolder> {
    let mut holders = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = stores
            .licenses
            .holders(state, after.as_deref(), limit)
            .await
            .expect("a store");
        assert!(page.items.len() <= limit as usize, "no more than asked for");
        holders.extend(page.items);
        match page.next {
            None => return holders,
            Some(next) => {
                assert_ne!(Some(&next), after.as_ref(), "a cursor leads on");
                after = Some(next);
            }
        }
    }
}

fn ids(holders: &[SeatHolder]) -> Vec<u64> {
    let ids = holders.iter().map(|holder| holder.key.repository.get());
    ids.collect()
}

/// An organization without licenses, with repositories of these numbers.
async fn with_projects(stores: &Stores, numbers: impl IntoIterator<Item = u64>) {
    add(stores, &[unlicensed(1, "Acme")]).await;
    sync(stores, 1, 1, projects(numbers), Seats::Unlimited).await;
}

/// Nobody has a seat, and nobody waits.
pub async fn a_new_pool_is_empty(stores: Stores) {
    let pool = pool(&stores).await;
    assert_eq!((pool.held, pool.waiting), (0, Vec::new()));
    let empty = PoolSummary {
        held: 0,
        waiting: 0,
        organizations: Vec::new(),
    };
    assert_matches!(stores.licenses.summary().await, Ok(summary) if summary == empty);
    for state in [LicenseState::Licensed, LicenseState::Waiting] {
        assert!(holders(&stores, state, 10).await.is_empty());
    }
}

/// There is one pool, whichever organization a repository is of.
pub async fn the_pool_counts_seats_across_organizations(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Limited(4)).await;
    sync(&stores, 2, 2, projects(1..=3), Seats::Limited(4)).await;
    let pool = pool(&stores).await;
    assert_eq!((pool.held, pool.waiting.len()), (4, 2));
}

/// Who waits, since which creation, and by which decision.
pub async fn the_pool_knows_who_waits_and_why(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let mut request = ask(&stores, seat_key(1, 2)).await;
    for reason in [
        assigned(),
        Reason::Automatic {
            rule: "include all".to_owned(),
        },
    ] {
        request.reason = reason;
        let wishes = SeatWishes {
            release: Vec::new(),
            request: vec![request.clone()],
        };
        let queue = plan_seats(&pool(&stores).await, Seats::Limited(0), wishes);
        apply(&stores, &queue).await.expect("it is current");
        assert_eq!(pool(&stores).await.waiting, [request.clone()]);
        let leave = vec![give_up(request.key, Held::Place)];
        let leave = plan(&stores, Seats::Limited(0), &[], leave).await;
        apply(&stores, &leave).await.expect("it is current");
    }
}

/// Each organization that has any, and no other.
pub async fn the_summary_is_in_the_order_of_names(stores: Stores) {
    add(
        &stores,
        &[
            licensing(1, "Zebra"),
            licensing(2, "Apple"),
            unlicensed(3, "Mango"),
        ],
    )
    .await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Limited(4)).await;
    sync(&stores, 2, 2, projects(4..=6), Seats::Limited(4)).await;
    sync(&stores, 3, 3, projects(1..=3), Seats::Limited(4)).await;
    let expected = PoolSummary {
        held: 4,
        waiting: 2,
        organizations: vec![(parsed("Apple"), 1, 2), (parsed("Zebra"), 3, 0)],
    };
    assert_eq!(stores.licenses.summary().await.expect("a store"), expected);
}

/// Oldest created first, then by the host's id, then by organization.
pub async fn holders_are_in_the_order_of_the_queue(stores: Stores) {
    add(&stores, &[licensing(2, "Globex"), licensing(1, "Acme")]).await;
    let at = |id, seconds| {
        let path = format!("acme/{id}");
        repository(id, &path).created_at(noon_plus(seconds)).build()
    };
    let one = listed(vec![at(1, 30), at(2, 10), at(3, 20), at(40, 20)]);
    let two = listed(vec![at(3, 20), at(4, 5)]);
    for (seats, state) in [
        (Seats::Limited(0), LicenseState::Waiting),
        (Seats::Unlimited, LicenseState::Licensed),
    ] {
        if seats == Seats::Limited(0) {
            sync(&stores, 2, 1, two.clone(), seats).await;
            sync(&stores, 1, 2, one.clone(), seats).await;
        } else {
            let grant = plan(&stores, seats, &[], Vec::new()).await;
            apply(&stores, &grant).await.expect("it is current");
        }
        for limit in [1, 2, 100] {
            let holders = holders(&stores, state, limit).await;
            assert_eq!(ids(&holders), [4, 2, 3, 3, 40, 1], "{state}");
            let organizations: Vec<_> = holders[2..4].iter().map(|h| h.key.organization).collect();
            assert_eq!(organizations, [organization_id(1), organization_id(2)]);
        }
    }
}

/// A row says what a person needs to read.
pub async fn holders_are_told_with_their_organization(stores: Stores) {
    with_projects(&stores, 1..=1).await;
    let key = seat_key(1, 1);
    let grant = plan(&stores, Seats::Unlimited, &[key], Vec::new()).await;
    apply(&stores, &grant).await.expect("it is current");
    let known = row(&stores, key).await.known;
    let expected = SeatHolder {
        key,
        organization_name: parsed("Acme"),
        full_path: "acme/project-1".to_owned(),
        created_at: known.repository.created_at,
        license: LicenseRecord::new(LicenseState::Licensed, assigned(), noon()),
    };
    assert_eq!(
        holders(&stores, LicenseState::Licensed, 10).await,
        [expected]
    );
}

/// Reading page by page is reading all, whatever the size of a page.
pub async fn pages_have_each_holder_once(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=11), Seats::Limited(7)).await;
    sync(&stores, 2, 2, projects(1..=9), Seats::Limited(7)).await;
    for (state, count) in [(LicenseState::Licensed, 7), (LicenseState::Waiting, 13)] {
        let whole = holders(&stores, state, 100).await;
        assert_eq!(whole.len(), count);
        for limit in [1, 2, 7, 12, 13] {
            assert_eq!(holders(&stores, state, limit).await, whole);
        }
    }
}

/// Whatever a person put into a URL, it is told and not read.
pub async fn a_foreign_cursor_is_not_found(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    for cursor in ["", "nonsense", "1 2 3"] {
        let page = stores
            .licenses
            .holders(LicenseState::Licensed, Some(cursor), 5);
        assert_matches!(page.await, Err(StoreError::NotFound { .. }));
    }
}

/// One plan may do all three, and each record says so with its reason and time.
pub async fn apply_releases_grants_and_queues(stores: Stores) {
    with_projects(&stores, 1..=4).await;
    let keys = [1, 2].map(|id| seat_key(1, id));
    let first = plan(&stores, Seats::Limited(1), &keys, Vec::new()).await;
    apply(&stores, &first).await.expect("it is current");
    assert_eq!(license(&stores, 1, 1).await, "licensed");
    assert_eq!(license(&stores, 1, 2).await, "waiting");

    let release = vec![give_up(seat_key(1, 1), Held::Seat)];
    let keys = [3, 4].map(|id| seat_key(1, id));
    let second = plan(&stores, Seats::Limited(2), &keys, release).await;
    stores
        .licenses
        .apply(&second, noon_plus(9), &[])
        .await
        .expect("it is current");
    let expected = [
        (1, LicenseState::Unlicensed, taken()),
        (2, LicenseState::Licensed, assigned()),
        (3, LicenseState::Licensed, assigned()),
        (4, LicenseState::Waiting, assigned()),
    ];
    for (id, state, reason) in expected {
        let record = LicenseRecord::new(state, reason, noon_plus(9));
        let found = row(&stores, seat_key(1, id)).await.known.license;
        assert_eq!(found, record, "{id}");
    }
    let pool = pool(&stores).await;
    assert_eq!((pool.held, pool.waiting.len()), (2, 1));
}

/// First what the plan stands for, then what the person did.
pub async fn apply_stores_its_events_before_the_others(stores: Stores) {
    with_projects(&stores, 1..=3).await;
    let known = history(&stores).await.len();
    let keys = [1, 2].map(|id| seat_key(1, id));
    let plan = plan(&stores, Seats::Limited(1), &keys, Vec::new()).await;
    assert_eq!(
        plan.notice,
        Some(PoolNotice::Full {
            seats: 1,
            waiting: 1
        })
    );
    let events = [event("license.asked"), event("license.done")];
    stores
        .licenses
        .apply(&plan, noon(), &events)
        .await
        .expect("it is current");
    let found = history(&stores).await.split_off(known).into_iter();
    let found: Vec<_> = found.map(|kept| kept.event).collect();
    let expected: Vec<_> = plan.events(noon()).chain(events).collect();
    assert_eq!(found, expected);
}

/// Two plans made on one moment cannot both be applied.
pub async fn apply_refuses_a_stale_pool(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let first = plan(&stores, Seats::Limited(1), &[seat_key(1, 1)], Vec::new()).await;
    let second = plan(&stores, Seats::Limited(1), &[seat_key(1, 2)], Vec::new()).await;
    apply(&stores, &first).await.expect("it is current");
    let refused = apply(&stores, &second).await;
    assert_matches!(refused, Err(StoreError::Stale { what: Stale::Pool }));
    assert_eq!(pool(&stores).await.held, 1);
}

/// The generation grows with each plan that changes something.
pub async fn apply_counts_each_change(stores: Stores) {
    with_projects(&stores, 1..=3).await;
    let mut last = pool(&stores).await.generation;
    for id in 1..=3 {
        let plan = plan(&stores, Seats::Limited(2), &[seat_key(1, id)], Vec::new()).await;
        apply(&stores, &plan).await.expect("it is current");
        let now = pool(&stores).await.generation;
        assert!(now > last, "{now} after {last}");
        last = now;
    }
}

/// What changes nothing makes nobody plan again.
pub async fn apply_of_an_empty_plan_leaves_the_generation(stores: Stores) {
    with_projects(&stores, 1..=1).await;
    let before = pool(&stores).await;
    let empty = plan(&stores, Seats::Unlimited, &[], Vec::new()).await;
    assert!(empty.is_empty());
    stores
        .licenses
        .apply(&empty, noon(), &[event("license.asked")])
        .await
        .expect("it is current");
    assert_eq!(pool(&stores).await, before);
    assert_eq!(
        kinds(&stores).await.last().map(String::as_str),
        Some("license.asked")
    );
}

/// Neither records nor events of a refused plan are stored.
pub async fn a_refused_plan_leaves_nothing(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let mut stale = plan(&stores, Seats::Unlimited, &[seat_key(1, 1)], Vec::new()).await;
    stale.generation += 1;
    let mut stranger = plan(&stores, Seats::Unlimited, &[seat_key(1, 1)], Vec::new()).await;
    let mut unknown = stranger.grant[0].clone();
    unknown.key = seat_key(1, 99);
    stranger.grant.push(unknown);
    let before = snapshot(&stores).await;
    for refused in [stale, stranger] {
        let answer = stores
            .licenses
            .apply(&refused, noon(), &[event("license.asked")])
            .await;
        assert!(answer.is_err(), "{refused:?}");
        assert_eq!(snapshot(&stores).await, before);
    }
}

/// A plan for a person's decision notices the sync that came before it.
pub async fn syncs_and_decisions_share_one_generation(stores: Stores) {
    add(&stores, &[unlicensed(1, "Acme"), licensing(2, "Globex")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Limited(2)).await;
    let decision = plan(&stores, Seats::Limited(2), &[seat_key(1, 1)], Vec::new()).await;
    sync(&stores, 2, 2, projects(1..=2), Seats::Limited(2)).await;
    let refused = apply(&stores, &decision).await;
    assert_matches!(refused, Err(StoreError::Stale { what: Stale::Pool }));
    assert_eq!(pool(&stores).await.held, 2);
}

/// Two programs plan on one moment and apply at once: one gets through, and there is no seat too many.
pub async fn seats_are_never_given_twice(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let second = stores.second();
    let a = plan(&stores, Seats::Limited(1), &[seat_key(1, 1)], Vec::new()).await;
    let b = plan(second, Seats::Limited(1), &[seat_key(1, 2)], Vec::new()).await;
    let answers = join(
        stores.licenses.apply(&a, noon(), &[]),
        second.licenses.apply(&b, noon(), &[]),
    );
    assert_matches!(
        answers.await,
        (Ok(()), Err(StoreError::Stale { what: Stale::Pool }))
            | (Err(StoreError::Stale { what: Stale::Pool }), Ok(()))
    );
    assert_eq!(pool(&stores).await.held, 1);
}

/// Another reason for having no license is neither a change of the pool nor of the inventory's facts.
pub async fn note_changes_the_reason_and_nothing_else(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let before = inventory(&stores, 1).await;
    let pool_before = pool(&stores).await;
    let note = LicenseRecord::new(LicenseState::Unlicensed, taken(), noon_plus(3));
    stores
        .licenses
        .note(seat_key(1, 1), &note, &[event("license.noted")])
        .await
        .expect("it has neither a seat nor a place");
    let mut expected = before;
    expected.repositories[0].license = note;
    assert_eq!(
        inventory(&stores, 1).await.repositories,
        expected.repositories
    );
    assert_eq!(pool(&stores).await, pool_before);
    assert_eq!(
        kinds(&stores).await.last().map(String::as_str),
        Some("license.noted")
    );
}

/// Whatever is answered: who has a seat or waits keeps it.
pub async fn note_never_touches_a_seat_or_a_place(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let keys = [1, 2].map(|id| seat_key(1, id));
    let plan = plan(&stores, Seats::Limited(1), &keys, Vec::new()).await;
    apply(&stores, &plan).await.expect("it is current");
    let before = inventory(&stores, 1).await;
    let note = LicenseRecord::new(LicenseState::Unlicensed, taken(), noon_plus(3));
    for key in keys {
        let _refused_or_not = stores.licenses.note(key, &note, &[]).await;
    }
    assert_eq!(inventory(&stores, 1).await, before);
    assert_eq!(pool(&stores).await.held, 1);
}

/// Nobody has to configure anything.
pub async fn seats_are_unlimited_until_configured(stores: Stores) {
    assert_matches!(
        stores.licenses.configured_seats().await,
        Ok(Seats::Unlimited)
    );
}

/// More seats and who gets them are one step.
pub async fn configuring_seats_brings_its_plan_along(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=3), Seats::Limited(1)).await;
    assert_eq!(license(&stores, 1, 2).await, "waiting");
    let plan = plan(&stores, Seats::Limited(2), &[], Vec::new()).await;
    stores
        .licenses
        .configure_seats(
            Seats::Limited(2),
            &plan,
            noon(),
            &[event("license_pool.configured")],
        )
        .await
        .expect("it is current");
    assert_matches!(
        stores.licenses.configured_seats().await,
        Ok(Seats::Limited(2))
    );
    assert_eq!(license(&stores, 1, 2).await, "licensed");
    assert_eq!(license(&stores, 1, 3).await, "waiting");
    let kinds = kinds(&stores).await;
    let last: Vec<&str> = kinds.iter().rev().take(3).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "license_pool.configured",
            "license_pool.full",
            "license.assigned"
        ]
    );
}

/// A plan that was made on fewer seats is stale, even when nobody waited.
pub async fn configuring_seats_always_counts(stores: Stores) {
    for seats in [Seats::Limited(5), Seats::Limited(0), Seats::Unlimited] {
        let before = pool(&stores).await.generation;
        let plan = plan(&stores, seats, &[], Vec::new()).await;
        assert!(plan.is_empty());
        stores
            .licenses
            .configure_seats(seats, &plan, noon(), &[])
            .await
            .expect("it is current");
        assert!(pool(&stores).await.generation > before);
        assert_matches!(stores.licenses.configured_seats().await, Ok(found) if found == seats);
    }
}

/// Neither the number nor the plan is stored when the pool changed meanwhile.
pub async fn configuring_seats_refuses_a_stale_pool(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let stale = plan(&stores, Seats::Limited(5), &[], Vec::new()).await;
    let other = plan(&stores, Seats::Unlimited, &[seat_key(1, 1)], Vec::new()).await;
    apply(&stores, &other).await.expect("it is current");
    let before = snapshot(&stores).await;
    let refused = stores
        .licenses
        .configure_seats(Seats::Limited(5), &stale, noon(), &[event("refused")])
        .await;
    assert_matches!(refused, Err(StoreError::Stale { what: Stale::Pool }));
    assert_matches!(
        stores.licenses.configured_seats().await,
        Ok(Seats::Unlimited)
    );
    assert_eq!(snapshot(&stores).await, before);
}

/// Nanoseconds are cut off, wherever a time stands.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    with_projects(&stores, 1..=2).await;
    let nanoseconds = |count| -> DateTime<Utc> { noon() + TimeDelta::nanoseconds(count) };
    let (fine, coarse) = (nanoseconds(123_456_789), nanoseconds(123_456_000));
    let plan = plan(&stores, Seats::Unlimited, &[seat_key(1, 1)], Vec::new()).await;
    stores
        .licenses
        .apply(&plan, fine, &[])
        .await
        .expect("it is current");
    let note = LicenseRecord::new(LicenseState::Unlicensed, taken(), fine);
    stores
        .licenses
        .note(seat_key(1, 2), &note, &[])
        .await
        .expect("it has neither a seat nor a place");
    for known in inventory(&stores, 1).await.repositories {
        assert_eq!(known.license.since, coarse);
    }
}

/// What one program stored, another one reads.
pub async fn a_second_program_sees_the_same(stores: Stores) {
    with_projects(&stores, 1..=3).await;
    let keys = [1, 2].map(|id| seat_key(1, id));
    let plan = plan(&stores, Seats::Limited(1), &keys, Vec::new()).await;
    apply(&stores, &plan).await.expect("it is current");
    let second = stores.second();
    assert_eq!(pool(&stores).await, pool(second).await);
    for state in [LicenseState::Licensed, LicenseState::Waiting] {
        assert_eq!(
            holders(&stores, state, 9).await,
            holders(second, state, 9).await
        );
    }
}
