//! The promises of the port [`AttemptStore`](crate::ports::AttemptStore).

use chrono::TimeDelta;

use super::scene::{history, kinds};
use super::{Stores, assert_matches};
use crate::attempt::AttemptState;
use crate::testing::build::{
    attempt, attempt_id, chosen_scope, event, noon, noon_plus, organization_id, parsed, secret_ref,
};

/// Runs the suite of the store of connection attempts; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! attempt_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { attempts, $run, $make, [
            what_is_not_there_is_none,
            save_keeps_every_field,
            save_replaces_what_has_the_id,
            save_stores_the_events_with_it,
            list_begins_with_the_newest,
            times_are_kept_to_the_microsecond,
            a_second_program_sees_the_same,
        ] }
    };
}

/// Absence is `None` and no error.
pub async fn what_is_not_there_is_none(stores: Stores) {
    assert_matches!(stores.attempts.get(attempt_id(1)).await, Ok(None));
    assert_matches!(stores.attempts.list(10).await, Ok(list) if list.is_empty());
}

/// What is read is what was stored.
pub async fn save_keeps_every_field(stores: Stores) {
    let states = [
        AttemptState::Open,
        AttemptState::Failed {
            at: noon_plus(3),
            reason: "the host said: \"no\"\nand łódź".to_owned(),
        },
        AttemptState::Succeeded {
            at: noon_plus(4),
            organization: organization_id(5),
        },
    ];
    for (id, state) in (1..).zip(states) {
        let mut attempt = attempt(id, &format!("Ünïque {id}"));
        attempt.state = state;
        attempt.host = parsed("http://git.example.com:8080/gitlab");
        attempt.login = (id % 2 == 1).then(|| parsed("Robot"));
        attempt.secret = (id % 2 == 0).then(|| secret_ref(id));
        attempt.settings.scope = chosen_scope(&["acme", "globex/platform"]);
        attempt.settings.schedule = parsed("at 06:00,18:00 Europe/Warsaw mon-fri");
        stores.attempts.save(&attempt, &[]).await.expect("a store");
        let found = stores.attempts.get(attempt.id).await.expect("a store");
        assert_eq!(found, Some(attempt));
    }
}

/// There is one row for each id, and it is the last one.
pub async fn save_replaces_what_has_the_id(stores: Stores) {
    let mut attempt = attempt(1, "Acme");
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    attempt.name = parsed("Other");
    attempt.state = AttemptState::Failed {
        at: noon(),
        reason: "no".to_owned(),
    };
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    assert_matches!(stores.attempts.list(10).await, Ok(list) if list == [attempt]);
}

/// The events of a saved attempt are in the history, in their order.
pub async fn save_stores_the_events_with_it(stores: Stores) {
    let events = [event("attempt.started"), event("attempt.failed")];
    stores
        .attempts
        .save(&attempt(1, "Acme"), &events)
        .await
        .expect("a store");
    assert_eq!(kinds(&stores).await, ["attempt.started", "attempt.failed"]);
    assert_eq!(history(&stores).await[0].event, events[0]);
}

/// A list is newest first by the time of creation, and no longer than asked for.
pub async fn list_begins_with_the_newest(stores: Stores) {
    for (id, seconds) in [(1, 20), (2, 40), (3, 10), (4, 30)] {
        let mut attempt = attempt(id, "Acme");
        attempt.created_at = noon_plus(seconds);
        stores.attempts.save(&attempt, &[]).await.expect("a store");
    }
    let newest = stores.attempts.list(3).await.expect("a store");
    let ids: Vec<_> = newest.into_iter().map(|attempt| attempt.id).collect();
    assert_eq!(ids, [attempt_id(2), attempt_id(4), attempt_id(1)]);
}

/// Nanoseconds are cut off, wherever a time stands.
pub async fn times_are_kept_to_the_microsecond(stores: Stores) {
    let fine = noon() + TimeDelta::nanoseconds(123_456_789);
    let coarse = noon() + TimeDelta::nanoseconds(123_456_000);
    let mut attempt = attempt(1, "Acme");
    attempt.created_at = fine;
    attempt.expires_at = fine;
    attempt.state = AttemptState::Failed {
        at: fine,
        reason: "no".to_owned(),
    };
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    attempt.created_at = coarse;
    attempt.expires_at = coarse;
    attempt.state = AttemptState::Failed {
        at: coarse,
        reason: "no".to_owned(),
    };
    let found = stores.attempts.get(attempt.id).await.expect("a store");
    assert_eq!(found, Some(attempt));
}

/// What one program stored, another one reads.
pub async fn a_second_program_sees_the_same(stores: Stores) {
    let attempt = attempt(1, "Acme");
    stores.attempts.save(&attempt, &[]).await.expect("a store");
    let second = stores.second();
    let found = second.attempts.get(attempt.id).await.expect("a store");
    assert_eq!(found, Some(attempt));
}
