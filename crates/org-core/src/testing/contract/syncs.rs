//! The promises of [`SyncStore`](crate::ports::SyncStore).

use chrono::TimeDelta;
use futures_util::future::join;

use super::scene::{
    LEASE, Listed, Prepared, add, change, claim, history, inventory, kinds, license, licensing,
    listed, pool, prepare, projects, record, request, snapshot, start_of, sync, unlicensed,
};
use super::{Stores, assert_matches};
use crate::event::Event;
use crate::ids::RepositoryId;
use crate::inventory::Presence;
use crate::license::pool::{SeatPlan, Seats};
use crate::listing::MissingPart;
use crate::organization::{ActionReason, Status};
use crate::ports::{Applied, Claim, RunEnd, Stale, StoreError};
use crate::sync::run::{Counts, HeldDecision, RunOutcome, RunState, SyncRun, Trigger};
use crate::testing::build::{
    event, group, noon, organization_id, process_id, repository, repository_id, sync_id,
};

/// Runs the suite of the store of syncs; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! sync_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { syncs, $run, $make, [
            claim_starts_a_run,
            claim_of_an_unknown_organization_is_not_found,
            claim_of_a_busy_organization_asks_for_one_more,
            a_claim_serves_what_was_asked_for,
            organizations_do_not_wait_for_each_other,
            a_claim_after_the_lease_takes_over,
            fences_grow,
            renew_holds_a_run_for_longer,
            renew_of_a_late_run_is_good_until_somebody_takes_over,
            renew_after_a_takeover_is_fenced,
            renew_after_the_end_is_fenced,
            of_two_claims_one_starts,
            apply_stores_everything,
            apply_follows_repositories_and_groups,
            apply_of_a_late_run_is_good_until_somebody_takes_over,
            apply_stores_events_in_their_order,
            apply_tells_that_one_more_was_asked_for,
            apply_after_a_takeover_is_fenced,
            apply_after_an_end_is_fenced,
            apply_on_a_stale_organization_leaves_nothing,
            apply_on_a_stale_inventory_leaves_nothing,
            apply_on_a_stale_pool_leaves_nothing,
            apply_without_seats_does_not_mind_the_pool,
            applying_again_changes_nothing,
            applying_again_still_tells_what_was_asked_for,
            an_empty_plan_leaves_the_generation,
            a_changing_plan_counts_in_the_generation,
            end_leaves_inventory_and_pool,
            end_after_a_takeover_is_fenced,
            end_on_a_stale_organization_leaves_nothing,
            ending_again_changes_nothing,
            end_tells_that_one_more_was_asked_for,
            every_outcome_comes_back,
            every_trigger_comes_back,
            an_ended_run_makes_room,
            get_of_nothing_is_none,
            list_begins_with_the_newest,
            list_of_one_organization,
            pages_have_each_run_once,
            a_foreign_cursor_is_not_found,
            held_is_the_newest_with_that_decision,
            held_of_nothing_is_none,
            decide_is_possible_once,
            decide_stores_what_comes_with_it,
            decide_on_what_is_not_held_is_not_found,
            decide_on_a_stale_organization_leaves_nothing,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
        ] }
    };
}

async fn get(stores: &Stores, sync: u64) -> SyncRun {
    let run = stores.syncs.get(sync_id(sync)).await.expect("a store");
    run.expect("it was claimed")
}

/// Ends a run without applying anything.
async fn end(
    stores: &Stores,
    run: &SyncRun,
    outcome: RunOutcome,
    vanishing: &[RepositoryId],
) -> Result<Applied, StoreError> {
    let organization = stores
        .organizations
        .get(run.organization)
        .await
        .expect("a store")
        .expect("it was added");
    stores
        .syncs
        .end(&RunEnd {
            run,
            at: run.started_at + TimeDelta::seconds(5),
            outcome,
            counts: Counts {
                seen: 7,
                ..Counts::default()
            },
            requests: 3,
            organization: &organization,
            vanishing,
            events: &[event("sync.ended")],
        })
        .await
}

fn failed() -> RunOutcome {
    RunOutcome::Failed {
        reason: "the host said: \"no\", łódź".to_owned(),
    }
}

fn held() -> RunOutcome {
    RunOutcome::Held {
        decision: HeldDecision::Open,
        vanishing: 2,
        known: 3,
    }
}

/// Holds the sync of that number.
async fn hold(stores: &Stores, organization: u64, sync: u64, vanishing: &[u64]) {
    let run = claim(stores, organization, sync).await;
    let vanishing: Vec<_> = vanishing.iter().map(|&id| repository_id(id)).collect();
    end(stores, &run, held(), &vanishing)
        .await
        .expect("it is its own");
}

/// Somebody asks for a sync while one is under way.
async fn ask_for_one_more(stores: &Stores, organization: u64, under_way: &SyncRun) {
    let mut again = request(organization, 900);
    again.now = under_way.started_at + TimeDelta::seconds(1);
    again.lease_until = again.now + LEASE;
    assert_matches!(stores.syncs.claim(&again).await, Ok(Claim::Busy { .. }));
}

fn fenced<T>(answer: &Result<T, StoreError>, sync: u64) -> bool {
    matches!(answer, Err(StoreError::Fenced { sync: found }) if *found == sync_id(sync))
}

fn stale<T>(answer: &Result<T, StoreError>, what: Stale) -> bool {
    matches!(answer, Err(StoreError::Stale { what: found }) if *found == what)
}

/// Applying is refused, and everything is as before.
async fn check_refused(
    stores: &Stores,
    prepared: &Prepared,
    expected: impl Fn(&Result<Applied, StoreError>) -> bool,
) {
    let before = snapshot(stores).await;
    let answer = prepared.apply(stores).await;
    assert!(expected(&answer), "{answer:?}");
    assert_eq!(snapshot(stores).await, before);
}

/// A run that starts is what was asked for, and is found by its id.
pub async fn claim_starts_a_run(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    let expected = SyncRun {
        id: sync_id(1),
        organization: organization_id(1),
        trigger: Trigger::Manual,
        holder: process_id(1),
        fence: run.fence,
        started_at: start_of(1),
        state: RunState::Running,
        counts: Counts::default(),
        requests: 0,
    };
    assert_eq!(run, expected);
    assert_eq!(get(&stores, 1).await, expected);
}

/// There is nothing to synchronize.
pub async fn claim_of_an_unknown_organization_is_not_found(stores: Stores) {
    let refused = stores.syncs.claim(&request(1, 1)).await;
    assert_matches!(refused, Err(StoreError::NotFound { .. }));
    assert_matches!(stores.syncs.get(sync_id(1)).await, Ok(None));
}

/// Whoever comes second learns who is at it and until when, and there is no second run.
pub async fn claim_of_a_busy_organization_asks_for_one_more(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let first = claim(&stores, 1, 1).await;
    let mut again = request(1, 2);
    again.now = start_of(1) + TimeDelta::seconds(10);
    again.holder = process_id(2);
    let answer = stores.syncs.claim(&again).await.expect("a store");
    let expected = Claim::Busy {
        run: first,
        lease_until: start_of(1) + LEASE,
    };
    assert_eq!(answer, expected);
    assert_matches!(stores.syncs.get(sync_id(2)).await, Ok(None));
    let run = get(&stores, 1).await;
    assert!(
        end(&stores, &run, failed(), &[])
            .await
            .expect("its own")
            .follow_up
    );
}

/// However often it was asked for, one run serves it.
pub async fn a_claim_serves_what_was_asked_for(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let first = claim(&stores, 1, 1).await;
    ask_for_one_more(&stores, 1, &first).await;
    ask_for_one_more(&stores, 1, &first).await;
    end(&stores, &first, failed(), &[]).await.expect("its own");
    let second = claim(&stores, 1, 2).await;
    let applied = end(&stores, &second, failed(), &[]).await.expect("its own");
    assert_eq!(applied, Applied { follow_up: false });
}

/// A lease is of one organization.
pub async fn organizations_do_not_wait_for_each_other(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    let first = claim(&stores, 1, 1).await;
    let mut other = request(2, 2);
    other.now = start_of(1);
    let answer = stores.syncs.claim(&other).await;
    assert_matches!(answer, Ok(Claim::Started(_)));
    let applied = end(&stores, &first, failed(), &[]).await.expect("its own");
    assert!(!applied.follow_up, "nobody asked for this one");
}

/// A program that died does not hold an organization for ever; its run is abandoned.
pub async fn a_claim_after_the_lease_takes_over(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let lost = claim(&stores, 1, 1).await;
    let mut later = request(1, 2);
    later.now = start_of(1) + LEASE + TimeDelta::seconds(1);
    let answer = stores.syncs.claim(&later).await.expect("a store");
    assert_matches!(answer, Claim::Started(run) if run.fence > lost.fence && run.id == sync_id(2));
    assert_eq!(
        get(&stores, 1).await.state,
        RunState::Ended {
            at: later.now,
            outcome: RunOutcome::Abandoned,
        }
    );
}

/// Each claim of an organization has a greater number than the one before, whatever became of that one.
pub async fn fences_grow(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let mut last = None;
    for sync in 1..=4 {
        let run = claim(&stores, 1, sync).await;
        assert!(Some(run.fence) > last, "{last:?}, then {}", run.fence);
        last = Some(run.fence);
        if sync % 2 == 0 {
            end(&stores, &run, failed(), &[]).await.expect("its own");
        }
    }
}

/// While it is renewed, nobody takes a run over.
pub async fn renew_holds_a_run_for_longer(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    let until = start_of(1) + LEASE * 5;
    stores.syncs.renew(&run, until).await.expect("its own");
    let mut later = request(1, 2);
    later.now = start_of(1) + LEASE * 4;
    let answer = stores.syncs.claim(&later).await;
    assert_matches!(answer, Ok(Claim::Busy { lease_until, .. }) if lease_until == until);
}

/// A program that was asleep for too long may go on if nobody noticed.
pub async fn renew_of_a_late_run_is_good_until_somebody_takes_over(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    let until = start_of(1) + LEASE * 10;
    stores.syncs.renew(&run, until).await.expect("its own");
    assert_eq!(get(&stores, 1).await.state, RunState::Running);
}

/// A run that is somebody else's stays somebody else's.
pub async fn renew_after_a_takeover_is_fenced(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let lost = claim(&stores, 1, 1).await;
    claim(&stores, 1, 2).await;
    let refused = stores.syncs.renew(&lost, start_of(9)).await;
    assert!(fenced(&refused, 1), "{refused:?}");
    let mut third = request(1, 3);
    third.now = start_of(2) + LEASE + TimeDelta::seconds(1);
    let answer = stores.syncs.claim(&third).await;
    assert_matches!(answer, Ok(Claim::Started(_)));
}

/// A run that has ended does not come to life again.
pub async fn renew_after_the_end_is_fenced(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let ended = claim(&stores, 1, 1).await;
    end(&stores, &ended, failed(), &[]).await.expect("its own");
    let refused = stores.syncs.renew(&ended, start_of(9)).await;
    assert!(fenced(&refused, 1), "{refused:?}");
    let applied = sync(&stores, 1, 2, projects([1]), Seats::Unlimited).await;
    let refused = stores.syncs.renew(&applied.run, start_of(9)).await;
    assert!(fenced(&refused, 2), "{refused:?}");
}

/// Two programs start at once: one does, the other asked for one more.
pub async fn of_two_claims_one_starts(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let (a, mut b) = (request(1, 1), request(1, 2));
    (b.now, b.lease_until) = (a.now, a.lease_until);
    let second = stores.second();
    let answers = join(stores.syncs.claim(&a), second.syncs.claim(&b)).await;
    let started = match answers {
        (Ok(Claim::Started(run)), Ok(Claim::Busy { run: busy, .. }))
        | (Ok(Claim::Busy { run: busy, .. }), Ok(Claim::Started(run))) => {
            assert_eq!(busy, run);
            run
        }
        other => panic!("one of both must start: {other:?}"),
    };
    let applied = end(&stores, &started, failed(), &[]).await;
    assert!(applied.expect("its own").follow_up);
}

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
    let prepared = super::scene::plan(&stores, taken, projects([2]), Seats::Unlimited).await;
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
    let again = super::scene::plan(
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

/// A sync that failed leaves what is known; its run, the record and the events are stored.
pub async fn end_leaves_inventory_and_pool(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects(1..=2), Seats::Limited(1)).await;
    let (before, pool_before) = (inventory(&stores, 1).await, pool(&stores).await);
    let run = claim(&stores, 1, 2).await;
    let mut organization = record(&stores, 1).await;
    organization.status = Status::ActionRequired(ActionReason::TokenRevoked);
    let at = start_of(2) + TimeDelta::seconds(5);
    let counts = Counts {
        seen: 7,
        ..Counts::default()
    };
    let answer = stores
        .syncs
        .end(&RunEnd {
            run: &run,
            at,
            outcome: failed(),
            counts,
            requests: 3,
            organization: &organization,
            vanishing: &[],
            events: &[event("sync.failed")],
        })
        .await;
    assert_matches!(answer, Ok(Applied { follow_up: false }));
    assert_eq!(inventory(&stores, 1).await, before);
    assert_eq!(pool(&stores).await, pool_before);
    let expected = SyncRun {
        state: RunState::Ended {
            at,
            outcome: failed(),
        },
        counts,
        requests: 3,
        ..run
    };
    assert_eq!(get(&stores, 2).await, expected);
    organization.version += 1;
    assert_eq!(record(&stores, 1).await, organization);
    assert_eq!(
        kinds(&stores).await.last().map(String::as_str),
        Some("sync.failed")
    );
}

/// A program that lost its run does not end it.
pub async fn end_after_a_takeover_is_fenced(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let lost = claim(&stores, 1, 1).await;
    claim(&stores, 1, 2).await;
    let before = snapshot(&stores).await;
    let refused = end(&stores, &lost, failed(), &[]).await;
    assert!(fenced(&refused, 1), "{refused:?}");
    assert_eq!(snapshot(&stores).await, before);
}

/// A person changed the record meanwhile: what the run would write over is newer.
pub async fn end_on_a_stale_organization_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    let organization = record(&stores, 1).await;
    change(&stores, 1, |it| it).await.expect("it is current");
    let before = snapshot(&stores).await;
    let refused = stores
        .syncs
        .end(&RunEnd {
            run: &run,
            at: start_of(1),
            outcome: failed(),
            counts: Counts::default(),
            requests: 3,
            organization: &organization,
            vanishing: &[],
            events: &[event("sync.failed")],
        })
        .await;
    assert!(stale(&refused, Stale::Organization), "{refused:?}");
    assert_eq!(snapshot(&stores).await, before);
}

/// A program that did not hear the answer may ask again.
pub async fn ending_again_changes_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    end(&stores, &run, failed(), &[]).await.expect("its own");
    let before = snapshot(&stores).await;
    end(&stores, &run, failed(), &[])
        .await
        .expect("it was ended before");
    assert_eq!(snapshot(&stores).await, before);
}

/// Whoever ends learns that somebody waits for another sync.
pub async fn end_tells_that_one_more_was_asked_for(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let run = claim(&stores, 1, 1).await;
    ask_for_one_more(&stores, 1, &run).await;
    let answer = end(&stores, &run, RunOutcome::Canceled, &[]).await;
    assert_matches!(answer, Ok(Applied { follow_up: true }));
}

/// What is kept of a run says how it ended.
pub async fn every_outcome_comes_back(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let missing = vec![
        MissingPart {
            what: "projects of acme/łódź".to_owned(),
            why: "denied: \"403\"".to_owned(),
        },
        MissingPart {
            what: "b".to_owned(),
            why: String::new(),
        },
    ];
    let outcomes = [
        RunOutcome::Partial { missing },
        held(),
        failed(),
        RunOutcome::Canceled,
    ];
    for (number, outcome) in (1..).zip(outcomes) {
        let run = claim(&stores, 1, number).await;
        end(&stores, &run, outcome.clone(), &[])
            .await
            .expect("its own");
        assert_eq!(get(&stores, number).await.outcome(), Some(&outcome));
    }
    let mut partial = projects([1]);
    partial.missing = vec![MissingPart {
        what: "a".to_owned(),
        why: "b".to_owned(),
    }];
    let prepared = sync(&stores, 1, 9, partial, Seats::Unlimited).await;
    assert_eq!(get(&stores, 9).await.outcome(), Some(&prepared.outcome));
    assert_eq!(get(&stores, 9).await.state_word(), "partial");
}

/// What is kept of a run says why it started.
pub async fn every_trigger_comes_back(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    for (number, &trigger) in (1..).zip(Trigger::ALL) {
        let request = crate::ports::ClaimRequest {
            trigger,
            ..request(1, number)
        };
        let answer = stores.syncs.claim(&request).await;
        assert_matches!(answer, Ok(Claim::Started(run)) if run.trigger == trigger);
        assert_eq!(get(&stores, number).await.trigger, trigger);
    }
}

/// When a run has ended, the next one starts at once, without waiting for its lease.
pub async fn an_ended_run_makes_room(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let first = claim(&stores, 1, 1).await;
    end(&stores, &first, failed(), &[]).await.expect("its own");
    let mut next = request(1, 2);
    next.now = start_of(1) + TimeDelta::seconds(6);
    assert_matches!(stores.syncs.claim(&next).await, Ok(Claim::Started(_)));
    assert_eq!(get(&stores, 1).await.outcome(), Some(&failed()));
}

/// Absence is `None` and no error.
pub async fn get_of_nothing_is_none(stores: Stores) {
    assert_matches!(stores.syncs.get(sync_id(1)).await, Ok(None));
    let page = stores.syncs.list(None, None, 10).await;
    assert_matches!(page, Ok(page) if page.items.is_empty() && page.next.is_none());
}

async fn runs(stores: &Stores, organization: Option<u64>, limit: u32) -> Vec<u128> {
    let mut numbers = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = stores
            .syncs
            .list(organization.map(organization_id), after.as_deref(), limit)
            .await
            .expect("a store");
        assert!(page.items.len() <= limit as usize, "no more than asked for");
        let number = |run: &SyncRun| run.id.as_uuid().as_u128() & 0xFFFF;
        numbers.extend(page.items.iter().map(number));
        match page.next {
            None => return numbers,
            Some(next) => after = Some(next),
        }
    }
}

/// A person wants to see the last one first.
pub async fn list_begins_with_the_newest(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    // The numbers decide when a run starts, so these ids are neither in order nor in reverse order.
    for (organization, number) in [(2, 1), (1, 2), (2, 3), (1, 4)] {
        claim(&stores, organization, number).await;
    }
    assert_eq!(runs(&stores, None, 100).await, [4, 3, 2, 1]);
}

/// Only those of one organization.
pub async fn list_of_one_organization(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    for (organization, number) in [(2, 1), (1, 2), (2, 3), (1, 4)] {
        claim(&stores, organization, number).await;
    }
    assert_eq!(runs(&stores, Some(1), 100).await, [4, 2]);
    assert_eq!(runs(&stores, Some(2), 1).await, [3, 1]);
    assert!(runs(&stores, Some(3), 1).await.is_empty());
}

/// Reading page by page is reading all, also where several runs started at the same moment.
pub async fn pages_have_each_run_once(stores: Stores) {
    let organizations: Vec<_> = (1..=5)
        .map(|id| licensing(id, &format!("Name {id}")))
        .collect();
    add(&stores, &organizations).await;
    for id in 1..=5 {
        let mut request = request(id, id);
        request.now = start_of(1);
        stores.syncs.claim(&request).await.expect("a store");
        claim(&stores, id, 10 + id).await;
    }
    let whole = runs(&stores, None, 100).await;
    assert_eq!(whole.len(), 10);
    for limit in [1, 2, 3, 9, 10] {
        assert_eq!(runs(&stores, None, limit).await, whole, "pages of {limit}");
    }
}

/// Whatever a person put into a URL, it is told and not read.
pub async fn a_foreign_cursor_is_not_found(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    claim(&stores, 1, 1).await;
    for cursor in ["", "nonsense", "1"] {
        let page = stores.syncs.list(None, Some(cursor), 5).await;
        assert_matches!(page, Err(StoreError::NotFound { .. }));
    }
}

/// What was held is found again, with all that would vanish, for each decision on its own.
pub async fn held_is_the_newest_with_that_decision(stores: Stores) {
    add(&stores, &[licensing(1, "Acme"), licensing(2, "Globex")]).await;
    hold(&stores, 1, 1, &[1, 2]).await;
    hold(&stores, 1, 2, &[3, 1, 2]).await;
    hold(&stores, 2, 3, &[9]).await;
    let held = stores
        .syncs
        .held(organization_id(1), HeldDecision::Open)
        .await
        .expect("a store");
    let (run, mut vanishing) = held.expect("two are open");
    assert_eq!(run, get(&stores, 2).await);
    vanishing.sort_unstable();
    assert_eq!(vanishing, [1, 2, 3].map(repository_id));

    let organization = record(&stores, 1).await;
    stores
        .syncs
        .decide(sync_id(2), HeldDecision::Approved, &organization, &[])
        .await
        .expect("it is open");
    for (decision, number) in [(HeldDecision::Open, 1), (HeldDecision::Approved, 2)] {
        let held = stores.syncs.held(organization_id(1), decision).await;
        let expected = sync_id(number);
        assert_matches!(held, Ok(Some((run, _))) if run.id == expected);
    }
    let rejected = stores
        .syncs
        .held(organization_id(1), HeldDecision::Rejected)
        .await;
    assert_matches!(rejected, Ok(None));
}

/// Runs that ended in another way are not held.
pub async fn held_of_nothing_is_none(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    claim(&stores, 1, 2).await;
    for &decision in HeldDecision::ALL {
        let held = stores.syncs.held(organization_id(1), decision).await;
        assert_matches!(held, Ok(None));
        let held = stores.syncs.held(organization_id(9), decision).await;
        assert_matches!(held, Ok(None));
    }
}

/// The first decision counts.
pub async fn decide_is_possible_once(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let decisions = [
        HeldDecision::Approved,
        HeldDecision::Rejected,
        HeldDecision::Superseded,
    ];
    for (number, decision) in (1..).zip(decisions) {
        hold(&stores, 1, number, &[1]).await;
        let organization = record(&stores, 1).await;
        stores
            .syncs
            .decide(sync_id(number), decision, &organization, &[])
            .await
            .expect("it is open");
        let outcome = RunOutcome::Held {
            decision,
            vanishing: 2,
            known: 3,
        };
        assert_eq!(get(&stores, number).await.outcome(), Some(&outcome));
        let before = snapshot(&stores).await;
        let organization = record(&stores, 1).await;
        let refused = stores
            .syncs
            .decide(
                sync_id(number),
                HeldDecision::Rejected,
                &organization,
                &[event("refused")],
            )
            .await;
        assert_matches!(refused, Err(StoreError::NotFound { .. }));
        assert_eq!(snapshot(&stores).await, before);
    }
}

/// The record and the events are stored with the decision; the run ended when it ended.
pub async fn decide_stores_what_comes_with_it(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    hold(&stores, 1, 1, &[1]).await;
    let run = get(&stores, 1).await;
    let mut organization = record(&stores, 1).await;
    organization.status = Status::ActionRequired(ActionReason::DeviceOffline);
    stores
        .syncs
        .decide(
            sync_id(1),
            HeldDecision::Rejected,
            &organization,
            &[event("sync.rejected")],
        )
        .await
        .expect("it is open");
    organization.version += 1;
    assert_eq!(record(&stores, 1).await, organization);
    assert_eq!(
        kinds(&stores).await.last().map(String::as_str),
        Some("sync.rejected")
    );
    let RunState::Ended { at, .. } = run.state else {
        panic!("it has ended");
    };
    let state = get(&stores, 1).await.state;
    assert_matches!(state, RunState::Ended { at: found, .. } if found == at);
}

/// There is nothing to decide about what runs, has ended otherwise, or never was.
pub async fn decide_on_what_is_not_held_is_not_found(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    sync(&stores, 1, 1, projects([1]), Seats::Unlimited).await;
    claim(&stores, 1, 2).await;
    let before = snapshot(&stores).await;
    let organization = record(&stores, 1).await;
    for number in 1..=3 {
        let refused = stores
            .syncs
            .decide(
                sync_id(number),
                HeldDecision::Approved,
                &organization,
                &[event("refused")],
            )
            .await;
        assert_matches!(refused, Err(StoreError::NotFound { .. }));
    }
    assert_eq!(snapshot(&stores).await, before);
}

/// A person changed the record meanwhile: the decision is not stored either.
pub async fn decide_on_a_stale_organization_leaves_nothing(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    hold(&stores, 1, 1, &[1]).await;
    let organization = record(&stores, 1).await;
    change(&stores, 1, |it| it).await.expect("it is current");
    let before = snapshot(&stores).await;
    let refused = stores
        .syncs
        .decide(
            sync_id(1),
            HeldDecision::Approved,
            &organization,
            &[event("refused")],
        )
        .await;
    assert!(stale(&refused, Stale::Organization), "{refused:?}");
    assert_eq!(snapshot(&stores).await, before);
}

/// Nanoseconds are cut off, wherever a time stands, also in an answer.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let fine = noon() + TimeDelta::nanoseconds(123_456_789);
    let coarse = noon() + TimeDelta::nanoseconds(123_456_000);
    let mut first = request(1, 1);
    first.now = fine;
    first.lease_until = fine + LEASE;
    let answer = stores.syncs.claim(&first).await.expect("a store");
    let Claim::Started(run) = answer else {
        panic!("it should start: {answer:?}");
    };
    assert_eq!(run.started_at, coarse);
    let mut again = request(1, 2);
    again.now = fine;
    let busy = stores.syncs.claim(&again).await;
    assert_matches!(busy, Ok(Claim::Busy { lease_until, .. }) if lease_until == coarse + LEASE);
    let organization = record(&stores, 1).await;
    stores
        .syncs
        .end(&RunEnd {
            run: &run,
            at: fine,
            outcome: failed(),
            counts: Counts::default(),
            requests: 0,
            organization: &organization,
            vanishing: &[],
            events: &[],
        })
        .await
        .expect("its own");
    let expected = RunState::Ended {
        at: coarse,
        outcome: failed(),
    };
    assert_eq!(get(&stores, 1).await.state, expected);
}

/// What one program stored, another one reads, and one may end what the other started.
pub async fn a_second_program_sees_the_same(stores: Stores) {
    add(&stores, &[licensing(1, "Acme")]).await;
    let prepared = prepare(&stores, 1, 1, listed(Vec::new()), Seats::Unlimited).await;
    let second = stores.second();
    assert_eq!(get(second, 1).await, prepared.run);
    prepared.apply(second).await.expect("it is current");
    assert_eq!(snapshot(&stores).await, snapshot(second).await);
}
