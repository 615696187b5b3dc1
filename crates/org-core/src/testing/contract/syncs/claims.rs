//! Leases and fences: of all who want to start, one does.

use chrono::TimeDelta;
use futures_util::future::join;

use super::{ask_for_one_more, end, failed, fenced, get};
use crate::license::pool::Seats;
use crate::ports::{Applied, Claim, StoreError};
use crate::sync::run::{Counts, RunOutcome, RunState, SyncRun, Trigger};
use crate::testing::build::{organization_id, process_id, sync_id};
use crate::testing::contract::scene::{
    LEASE, add, claim, licensing, projects, request, start_of, sync,
};
use crate::testing::contract::{Stores, assert_matches};

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
