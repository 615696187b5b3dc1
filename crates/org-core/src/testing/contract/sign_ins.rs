//! The promises of the port [`SignInStore`](crate::ports::SignInStore).

use chrono::TimeDelta;
use futures_util::future::join;

use super::{Stores, assert_matches};
use crate::oauth::{Access, Purpose, RedirectUri, SIGN_IN_LIFETIME};
use crate::testing::build::{noon, organization_id, parsed, sign_in};
use crate::use_cases::reconnect::BlindReconnect;

/// Runs the suite of the store of sign-ins; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! sign_in_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { sign_ins, $run, $make, [
            what_was_never_put_is_none,
            take_gives_every_field_back,
            take_works_once,
            of_two_that_take_one_gets_it,
            the_same_state_twice_is_refused,
            take_does_not_judge_the_time,
            take_expired_takes_the_oldest_first,
            take_expired_leaves_what_waits,
        ] }
    };
}

/// Absence is `None` and no error.
pub async fn what_was_never_put_is_none(stores: Stores) {
    assert_matches!(stores.sign_ins.take(&sign_in(1).state).await, Ok(None));
    assert_matches!(stores.sign_ins.take_expired(noon(), 10).await, Ok(none) if none.is_empty());
}

/// What is taken is what was put.
pub async fn take_gives_every_field_back(stores: Stores) {
    let mut connecting = sign_in(1);
    connecting.purpose = Purpose::Connect {
        attempt: crate::testing::build::attempt_id(7),
        organization: organization_id(8),
        name: Some(parsed("Ünïque name")),
    };
    let mut reconnecting = sign_in(2);
    reconnecting.purpose = Purpose::Reconnect {
        organization: organization_id(9),
        blind: BlindReconnect::Confirmed,
    };
    reconnecting.access = Access::Restore;
    reconnecting.host = parsed("http://git.example.com:8080/gitlab");
    reconnecting.redirect = RedirectUri::registered_loopback(&reconnecting.host);
    let mut careful = sign_in(3);
    careful.purpose = Purpose::Reconnect {
        organization: organization_id(9),
        blind: BlindReconnect::Refused,
    };
    for sign_in in [connecting, reconnecting, careful, sign_in(4)] {
        stores.sign_ins.put(&sign_in).await.expect("a store");
        let taken = stores.sign_ins.take(&sign_in.state).await.expect("a store");
        assert_eq!(taken, Some(sign_in));
    }
}

/// A state is good once, also for another program.
pub async fn take_works_once(stores: Stores) {
    stores.sign_ins.put(&sign_in(1)).await.expect("a store");
    stores.sign_ins.put(&sign_in(2)).await.expect("a store");
    let state = sign_in(1).state;
    assert_matches!(stores.second().sign_ins.take(&state).await, Ok(Some(_)));
    assert_matches!(stores.sign_ins.take(&state).await, Ok(None));
    assert_matches!(stores.second().sign_ins.take(&state).await, Ok(None));
    assert_matches!(stores.sign_ins.take(&sign_in(2).state).await, Ok(Some(_)));
}

/// However many programs ask for one state at once, one of them gets it.
pub async fn of_two_that_take_one_gets_it(stores: Stores) {
    for number in 1..=20 {
        let sign_in = sign_in(number);
        stores.sign_ins.put(&sign_in).await.expect("a store");
        let (one, other) = join(
            stores.sign_ins.take(&sign_in.state),
            stores.second().sign_ins.take(&sign_in.state),
        )
        .await;
        let got = [one, other].map(|taken| taken.expect("a store").is_some());
        assert_eq!(got.iter().filter(|got| **got).count(), 1, "{got:?}");
    }
}

/// A state that comes twice was guessed, or is not random at all.
pub async fn the_same_state_twice_is_refused(stores: Stores) {
    stores.sign_ins.put(&sign_in(1)).await.expect("a store");
    let mut other = sign_in(2);
    other.state = sign_in(1).state;
    assert!(stores.sign_ins.put(&other).await.is_err());
    assert_matches!(stores.sign_ins.take(&other.state).await, Ok(Some(first)) if first == sign_in(1));
}

/// Whether it is too late is a rule's business: who comes too late is told so.
pub async fn take_does_not_judge_the_time(stores: Stores) {
    let mut old = sign_in(1);
    old.expires_at = noon() - TimeDelta::days(400);
    stores.sign_ins.put(&old).await.expect("a store");
    assert_matches!(stores.sign_ins.take(&old.state).await, Ok(Some(taken)) if taken == old);
}

/// Those that waited longest go first, and each once.
pub async fn take_expired_takes_the_oldest_first(stores: Stores) {
    for (number, minutes) in [(1, 3), (2, 1), (3, 2)] {
        let mut sign_in = sign_in(number);
        sign_in.expires_at = noon() + TimeDelta::minutes(minutes);
        stores.sign_ins.put(&sign_in).await.expect("a store");
    }
    let late = noon() + TimeDelta::minutes(3);
    let mut taken = Vec::new();
    for limit in [2, 2, 2] {
        let some = stores.sign_ins.take_expired(late, limit).await;
        taken.push(
            some.expect("a store")
                .into_iter()
                .map(|one| one.state)
                .collect::<Vec<_>>(),
        );
    }
    let state = |number| sign_in(number).state;
    assert_eq!(taken, [vec![state(2), state(3)], vec![state(1)], vec![]]);
}

/// What may still be answered stays.
pub async fn take_expired_leaves_what_waits(stores: Stores) {
    stores.sign_ins.put(&sign_in(1)).await.expect("a store");
    let end = noon() + SIGN_IN_LIFETIME;
    let early = end - TimeDelta::microseconds(1);
    assert_matches!(stores.sign_ins.take_expired(early, 10).await, Ok(none) if none.is_empty());
    assert_matches!(stores.sign_ins.take_expired(end, 10).await, Ok(one) if one == [sign_in(1)]);
    assert_matches!(stores.sign_ins.take(&sign_in(1).state).await, Ok(None));
}
