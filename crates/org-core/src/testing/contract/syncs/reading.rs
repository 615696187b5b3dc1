//! What is told of runs.

use chrono::TimeDelta;

use super::{failed, get, runs};
use crate::license::pool::Seats;
use crate::ports::{Claim, RunEnd, StoreError};
use crate::sync::run::{Counts, RunState};
use crate::testing::build::{noon, sync_id};
use crate::testing::contract::scene::{
    LEASE, add, claim, licensing, listed, prepare, record, request, snapshot, start_of,
};
use crate::testing::contract::{Stores, assert_matches};

/// Absence is `None` and no error.
pub async fn get_of_nothing_is_none(stores: Stores) {
    assert_matches!(stores.syncs.get(sync_id(1)).await, Ok(None));
    let page = stores.syncs.list(None, None, 10).await;
    assert_matches!(page, Ok(page) if page.items.is_empty() && page.next.is_none());
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
