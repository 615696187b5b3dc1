//! Slows down whoever guesses passwords: each failure beyond the first few makes the next attempt wait longer.
//!
//! Failures count for the account and for the address that they come from, so that neither many guesses at one account nor one guess at each of
//! many accounts is quick. What is counted is bounded: when there is no room, the oldest is forgotten.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// So many failures cost nothing: people mistype.
const FREE: u32 = 5;

/// The wait after the first failure that costs; it doubles with each further one.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(1);

/// The longest wait of an account. It is short, since anybody can make an account wait by failing on purpose.
const ACCOUNT_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// The longest wait of an address.
const ADDRESS_LIMIT: TimeDelta = TimeDelta::minutes(15);

/// Failures older than this are forgotten.
const MEMORY: TimeDelta = TimeDelta::hours(1);

/// How many accounts and addresses are remembered.
const ROOM: usize = 10_000;

/// What failures count for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Counted {
    Account(String),
    Address(String),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: DateTime<Utc>,
}

/// Remembers who failed.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    failures: HashMap<Counted, Failures>,
}

impl Throttle {
    /// Nobody has failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether somebody at `address` may try to sign in as `account` now, or how long they have to wait.
    pub fn admit(&self, account: &str, address: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        let wait = counted(account, address)
            .iter()
            .filter_map(|counted| {
                let failures = self.failures.get(counted)?;
                Some(failures.last + pause(counted, failures.count) - now)
            })
            .max()
            .and_then(|wait| wait.to_std().ok())
            .filter(|wait| !wait.is_zero());
        wait.map_or(Ok(()), Err)
    }

    /// Counts an attempt as failed. Called before the password is looked at, and taken back by [`Throttle::succeeded`], so that many attempts at
    /// once are counted like many attempts in a row.
    pub fn failed(&mut self, account: &str, address: &str, now: DateTime<Utc>) {
        for counted in counted(account, address) {
            self.make_room(&counted, now);
            let failures = self.failures.entry(counted).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now - failures.last > MEMORY {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
    }

    /// The attempt was right: the account begins anew, and this failure of the address is taken back.
    pub fn succeeded(&mut self, account: &str, address: &str) {
        let [account, address] = counted(account, address);
        self.failures.remove(&account);
        if let Some(failures) = self.failures.get_mut(&address) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn make_room(&mut self, counted: &Counted, now: DateTime<Utc>) {
        if self.failures.len() < ROOM || self.failures.contains_key(counted) {
            return;
        }
        self.failures
            .retain(|_, failures| now - failures.last <= MEMORY);
        while self.failures.len() >= ROOM {
            let oldest = self
                .failures
                .iter()
                .min_by_key(|(counted, failures)| (failures.last, (*counted).clone()))
                .map(|(counted, _)| counted.clone());
            match oldest {
                Some(oldest) => self.failures.remove(&oldest),
                None => return,
            };
        }
    }
}

fn counted(account: &str, address: &str) -> [Counted; 2] {
    [
        Counted::Account(account.to_owned()),
        Counted::Address(address.to_owned()),
    ]
}

fn pause(counted: &Counted, failures: u32) -> TimeDelta {
    let Some(beyond) = failures.checked_sub(FREE).filter(|&beyond| beyond > 0) else {
        return TimeDelta::zero();
    };
    let limit = match counted {
        Counted::Account(_) => ACCOUNT_LIMIT,
        Counted::Address(_) => ADDRESS_LIMIT,
    };
    // Twelve doublings are beyond every limit.
    let doubled = FIRST_WAIT * (1 << (beyond - 1).min(12));
    doubled.min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).expect("in range")
    }

    /// How long one waits after so many failures in a row, all of them at one moment.
    fn wait(account: &str, address: &str, failures: u32) -> u64 {
        let mut throttle = Throttle::new();
        for _ in 0..failures {
            throttle.failed("ada", "192.0.2.1", at(0));
        }
        match throttle.admit(account, address, at(0)) {
            Ok(()) => 0,
            Err(wait) => wait.as_secs(),
        }
    }

    #[test]
    fn each_failure_beyond_the_first_few_doubles_the_wait_up_to_a_limit() {
        let of_account: Vec<u64> = [0, 5, 6, 7, 8, 11, 12, 50, 5000]
            .into_iter()
            .map(|failures| wait("ada", "192.0.2.9", failures))
            .collect();
        assert_eq!(of_account, [0, 0, 1, 2, 4, 32, 60, 60, 60]);
        let of_address: Vec<u64> = [5, 6, 12, 15, 16, 5000]
            .into_iter()
            .map(|failures| wait("grace", "192.0.2.1", failures))
            .collect();
        assert_eq!(of_address, [0, 1, 64, 512, 900, 900]);
        assert_eq!(wait("grace", "192.0.2.9", 5000), 0);
    }

    #[test]
    fn a_right_password_frees_the_account_and_not_the_address() {
        let mut throttle = Throttle::new();
        for _ in 0..8 {
            throttle.failed("ada", "192.0.2.1", at(0));
        }
        throttle.failed("ada", "192.0.2.1", at(60));
        throttle.succeeded("ada", "192.0.2.1");
        assert_eq!(throttle.admit("ada", "192.0.2.2", at(60)), Ok(()));
        assert_eq!(
            throttle.admit("ada", "192.0.2.1", at(60)),
            Err(Duration::from_secs(4))
        );
    }

    #[test]
    fn what_is_old_is_forgotten_and_what_is_remembered_is_bounded() {
        let mut throttle = Throttle::new();
        for _ in 0..9 {
            throttle.failed("ada", "192.0.2.1", at(0));
        }
        throttle.failed("ada", "192.0.2.1", at(3601));
        assert_eq!(throttle.admit("ada", "192.0.2.1", at(3601)), Ok(()));
        for number in 0..ROOM {
            throttle.failed(&format!("user-{number}"), "192.0.2.1", at(4000));
        }
        assert!(throttle.failures.len() <= ROOM);
        assert!(throttle.admit("ada", "192.0.2.1", at(4000)).is_err());
    }
}
