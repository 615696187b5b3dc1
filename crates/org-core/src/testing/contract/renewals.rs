//! The promises of the port [`RenewalStore`].

use chrono::TimeDelta;
use futures_util::future::join;

use super::{Stores, assert_matches};
use crate::ids::ProcessId;
use crate::ports::{Renewal, RenewalClaim, RenewalState, RenewalStore, StoreError};
use crate::secret::{SecretRef, SecretVersion};
use crate::testing::build::{noon, secret_ref};

/// Runs the suite of the store of renewals; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! renewal_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { renewals, $run, $make, [
            nothing_is_known_of_a_new_secret,
            one_claim_holds_at_a_time,
            of_two_that_claim_one_gets_it,
            secrets_do_not_hinder_each_other,
            a_lease_that_is_over_is_no_hindrance,
            what_was_put_down_outlives_the_program,
            release_gives_the_claim_back,
            a_late_program_is_fenced_off,
            forget_fences_off_and_forgets,
        ] }
    };
}

fn holder(number: u128) -> ProcessId {
    ProcessId::from_uuid(uuid::Uuid::from_u128(number))
}

const LEASE: TimeDelta = TimeDelta::minutes(4);

async fn claim(store: &dyn RenewalStore, secret: SecretRef, minutes: i64) -> RenewalClaim {
    let now = noon() + TimeDelta::minutes(minutes);
    let claim = store.claim(secret, holder(1), now, now + LEASE).await;
    claim.expect("a store")
}

#[track_caller]
fn granted(claim: RenewalClaim) -> Renewal {
    match claim {
        RenewalClaim::Granted(renewal) => renewal,
        RenewalClaim::Busy { until } => panic!("it is busy until {until}"),
    }
}

const SPENDING: RenewalState = RenewalState {
    spending: Some(SecretVersion(3)),
    dead: None,
};

const DEAD: RenewalState = RenewalState {
    spending: None,
    dead: Some(SecretVersion(4)),
};

/// Nothing was put down, and nothing hinders.
pub async fn nothing_is_known_of_a_new_secret(stores: Stores) {
    let secret = secret_ref(1);
    assert_matches!(stores.renewals.state(secret).await, Ok(state) if state == RenewalState::default());
    let renewal = granted(claim(&*stores.renewals, secret, 0).await);
    assert_eq!(renewal.secret, secret);
    assert_eq!(renewal.state, RenewalState::default());
}

/// While one program is at it, others hear until when.
pub async fn one_claim_holds_at_a_time(stores: Stores) {
    let secret = secret_ref(1);
    granted(claim(&*stores.renewals, secret, 0).await);
    let until = noon() + LEASE;
    for store in [&stores.second().renewals, &stores.renewals] {
        assert_eq!(
            claim(&**store, secret, 1).await,
            RenewalClaim::Busy { until }
        );
    }
}

/// However many programs claim at once, one of them gets it.
pub async fn of_two_that_claim_one_gets_it(stores: Stores) {
    for number in 1..=20 {
        let secret = secret_ref(number);
        let (one, other) = join(
            claim(&*stores.renewals, secret, 0),
            claim(&*stores.second().renewals, secret, 0),
        )
        .await;
        let got = [one, other].map(|claim| matches!(claim, RenewalClaim::Granted(_)));
        assert_eq!(got.iter().filter(|got| **got).count(), 1, "{got:?}");
    }
}

/// Each secret has its own claim and its own state.
pub async fn secrets_do_not_hinder_each_other(stores: Stores) {
    let one = granted(claim(&*stores.renewals, secret_ref(1), 0).await);
    stores
        .renewals
        .put_down(&one, SPENDING)
        .await
        .expect("a store");
    let other = granted(claim(&*stores.renewals, secret_ref(2), 0).await);
    assert_eq!(other.state, RenewalState::default());
}

/// A program that died holds nothing for ever.
pub async fn a_lease_that_is_over_is_no_hindrance(stores: Stores) {
    let secret = secret_ref(1);
    let first = granted(claim(&*stores.renewals, secret, 0).await);
    let second = granted(claim(&*stores.second().renewals, secret, 4).await);
    assert!(second.fence > first.fence, "{first:?} {second:?}");
}

/// Whoever comes after a program that died knows what it was about to do.
pub async fn what_was_put_down_outlives_the_program(stores: Stores) {
    let secret = secret_ref(1);
    let first = granted(claim(&*stores.renewals, secret, 0).await);
    stores
        .renewals
        .put_down(&first, SPENDING)
        .await
        .expect("a store");
    assert_matches!(stores.second().renewals.state(secret).await, Ok(state) if state == SPENDING);
    let second = granted(claim(&*stores.second().renewals, secret, 5).await);
    assert_eq!(second.state, SPENDING);
    stores
        .renewals
        .put_down(&second, DEAD)
        .await
        .expect("a store");
    assert_matches!(stores.renewals.state(secret).await, Ok(state) if state == DEAD);
}

/// After it, the next one need not wait.
pub async fn release_gives_the_claim_back(stores: Stores) {
    let secret = secret_ref(1);
    let first = granted(claim(&*stores.renewals, secret, 0).await);
    stores
        .renewals
        .release(&first, DEAD)
        .await
        .expect("a store");
    let second = granted(claim(&*stores.second().renewals, secret, 0).await);
    assert_eq!(second.state, DEAD);
    assert!(second.fence > first.fence, "{first:?} {second:?}");
}

/// A program that slept for too long changes nothing any more.
pub async fn a_late_program_is_fenced_off(stores: Stores) {
    let secret = secret_ref(1);
    let late = granted(claim(&*stores.renewals, secret, 0).await);
    let present = granted(claim(&*stores.second().renewals, secret, 5).await);
    let put = stores.renewals.put_down(&late, DEAD).await;
    assert_matches!(put, Err(StoreError::RenewalFenced { secret: found }) if found == secret);
    let released = stores.renewals.release(&late, DEAD).await;
    assert_matches!(released, Err(StoreError::RenewalFenced { secret: found }) if found == secret);
    let until = noon() + TimeDelta::minutes(5) + LEASE;
    assert_eq!(
        claim(&*stores.renewals, secret, 6).await,
        RenewalClaim::Busy { until }
    );
    stores
        .renewals
        .put_down(&present, SPENDING)
        .await
        .expect("a store");
    assert_matches!(stores.renewals.state(secret).await, Ok(state) if state == SPENDING);
}

/// What is gone leaves no trace, and nobody writes about it any more.
pub async fn forget_fences_off_and_forgets(stores: Stores) {
    let secret = secret_ref(1);
    let renewal = granted(claim(&*stores.renewals, secret, 0).await);
    stores
        .renewals
        .put_down(&renewal, DEAD)
        .await
        .expect("a store");
    stores
        .second()
        .renewals
        .forget(secret)
        .await
        .expect("a store");
    stores
        .renewals
        .forget(secret)
        .await
        .expect("forgetting twice is fine");
    assert_matches!(stores.renewals.state(secret).await, Ok(state) if state == RenewalState::default());
    assert_matches!(
        stores.renewals.put_down(&renewal, DEAD).await,
        Err(StoreError::RenewalFenced { .. })
    );
    granted(claim(&*stores.renewals, secret, 0).await);
}
