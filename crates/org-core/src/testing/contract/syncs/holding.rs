//! Held runs, and what a person decides about them.

use super::{get, hold, stale};
use crate::license::pool::Seats;
use crate::organization::{ActionReason, Status};
use crate::ports::{Stale, StoreError};
use crate::sync::run::{HeldDecision, RunOutcome, RunState};
use crate::testing::build::{event, organization_id, repository_id, sync_id};
use crate::testing::contract::scene::{
    add, change, claim, kinds, licensing, projects, record, snapshot, sync,
};
use crate::testing::contract::{Stores, assert_matches};

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
