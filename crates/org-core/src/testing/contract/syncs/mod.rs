//! The promises of the port [`SyncStore`](crate::ports::SyncStore).

mod applying;
mod claims;
mod ending;
mod holding;
mod reading;

use chrono::TimeDelta;

use super::scene::{LEASE, Prepared, claim, request, snapshot};
use super::{Stores, assert_matches};
use crate::ids::RepositoryId;
use crate::ports::{Applied, Claim, RunEnd, Stale, StoreError};
use crate::sync::run::{Counts, HeldDecision, RunOutcome, SyncRun};
use crate::testing::build::{event, organization_id, repository_id, sync_id};

pub use self::applying::*;
pub use self::claims::*;
pub use self::ending::*;
pub use self::holding::*;
pub use self::reading::*;

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
            Some(next) => {
                assert_ne!(Some(&next), after.as_ref(), "a cursor leads on");
                after = Some(next);
            }
        }
    }
}
