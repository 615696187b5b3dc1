//! Ending a run without applying anything.

use chrono::TimeDelta;

use super::{ask_for_one_more, end, failed, fenced, get, held, stale};
use crate::license::pool::Seats;
use crate::listing::MissingPart;
use crate::organization::{ActionReason, Status};
use crate::ports::{Applied, RunEnd, Stale};
use crate::sync::run::{Counts, RunOutcome, RunState, SyncRun};
use crate::testing::build::event;
use crate::testing::contract::scene::{
    add, change, claim, inventory, kinds, licensing, pool, projects, record, snapshot, start_of,
    sync,
};
use crate::testing::contract::{Stores, assert_matches};

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
