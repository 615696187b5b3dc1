//! The promises of the port [`AccessStore`](crate::ports::AccessStore).

use chrono::TimeDelta;

use super::{AccessUnderTest, assert_matches};
use crate::ports::{ACCESS_KEPT, SecretAccess};
use crate::testing::build::{noon, noon_plus, secret_ref};

/// Runs the suite of the store of accesses; `make` is an expression for a fresh [`AccessUnderTest`].
#[macro_export]
macro_rules! access_store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { access, $run, $make, [
            what_was_never_read_is_not_there,
            accesses_of_an_hour_are_one_row,
            each_reader_and_each_hour_has_its_row,
            the_newest_come_first_and_no_more_than_asked_for,
            the_last_use_is_that_of_the_last_reader,
            what_is_old_goes,
            a_clock_that_goes_back_loses_nothing,
            of_many_at_once_none_is_lost,
        ] }
    };
}

async fn record(test: &AccessUnderTest, number: u64, by: &str, second: i64) {
    test.access
        .record(secret_ref(number), by, noon_plus(second))
        .await
        .expect("a store");
}

async fn history(test: &AccessUnderTest, number: u64) -> Vec<SecretAccess> {
    let rows = test.access.history(secret_ref(number), 100).await;
    rows.expect("a store")
}

fn row(number: u64, by: &str, (first, last): (i64, i64), count: u64) -> SecretAccess {
    SecretAccess {
        secret: secret_ref(number),
        by: by.to_owned(),
        first_at: noon_plus(first),
        last_at: noon_plus(last),
        count,
    }
}

/// Absence is no error.
pub async fn what_was_never_read_is_not_there(test: AccessUnderTest) {
    assert_matches!(test.access.last_uses().await, Ok(last) if last.is_empty());
    assert_eq!(history(&test, 1).await, []);
}

/// The row counts, and knows the first and the last time.
pub async fn accesses_of_an_hour_are_one_row(test: AccessUnderTest) {
    for second in [0, 5, 3599] {
        record(&test, 1, "a", second).await;
    }
    assert_eq!(history(&test, 1).await, [row(1, "a", (0, 3599), 3)]);
}

/// Nothing is mixed up.
pub async fn each_reader_and_each_hour_has_its_row(test: AccessUnderTest) {
    record(&test, 1, "a", 0).await;
    record(&test, 1, "b", 1).await;
    record(&test, 1, "a", 3600).await;
    record(&test, 2, "a", 2).await;
    let expected = [
        row(1, "a", (3600, 3600), 1),
        row(1, "b", (1, 1), 1),
        row(1, "a", (0, 0), 1),
    ];
    assert_eq!(history(&test, 1).await, expected);
    assert_eq!(history(&test, 2).await, [row(2, "a", (2, 2), 1)]);
}

/// A limit is a limit.
pub async fn the_newest_come_first_and_no_more_than_asked_for(test: AccessUnderTest) {
    for hour in 0..5 {
        record(&test, 1, "a", hour * 3600).await;
    }
    let newest = test.access.history(secret_ref(1), 2).await;
    let newest: Vec<_> = newest
        .expect("a store")
        .iter()
        .map(|row| row.last_at)
        .collect();
    assert_eq!(newest, [noon_plus(4 * 3600), noon_plus(3 * 3600)]);
    assert_matches!(test.access.history(secret_ref(1), 0).await, Ok(rows) if rows.is_empty());
}

/// Whoever it was.
pub async fn the_last_use_is_that_of_the_last_reader(test: AccessUnderTest) {
    record(&test, 1, "a", 10).await;
    record(&test, 1, "b", 7200).await;
    record(&test, 1, "a", 20).await;
    record(&test, 2, "a", 30).await;
    let last = test.access.last_uses().await.expect("a store");
    let expected = [
        (secret_ref(1), noon_plus(7200)),
        (secret_ref(2), noon_plus(30)),
    ];
    assert_eq!(last.into_iter().collect::<Vec<_>>(), expected);
}

/// What is older than it is kept for does not fill the disk.
pub async fn what_is_old_goes(test: AccessUnderTest) {
    record(&test, 1, "a", 0).await;
    record(&test, 1, "b", 3600).await;
    let later = noon() + ACCESS_KEPT + TimeDelta::seconds(3000);
    test.access
        .record(secret_ref(2), "a", later)
        .await
        .expect("a store");
    assert_eq!(history(&test, 1).await, [row(1, "b", (3600, 3600), 1)]);
}

/// The times of a row are those of its first and last access, in whichever order they came.
pub async fn a_clock_that_goes_back_loses_nothing(test: AccessUnderTest) {
    for second in [20, 10, 15] {
        record(&test, 1, "a", second).await;
    }
    assert_eq!(history(&test, 1).await, [row(1, "a", (10, 20), 3)]);
}

/// Two programs read at the same time: both are counted.
pub async fn of_many_at_once_none_is_lost(test: AccessUnderTest) {
    let reads = (0..20).map(|number| {
        let access = if number % 2 == 0 {
            &test.access
        } else {
            &test.second
        };
        access.record(secret_ref(1), "a", noon())
    });
    for read in futures_util::future::join_all(reads).await {
        read.expect("a store");
    }
    assert_eq!(history(&test, 1).await, [row(1, "a", (0, 0), 20)]);
}
