//! A clock that a test moves, timers that follow it, ids in a row, randomness that repeats itself, and a fixed number of seats.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::random::Random;
use crate::license::pool::Seats;
use crate::ports::{Clock, EntitlementError, Entitlements, Entropy, EntropyError, IdSource, Timer};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn as_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<ClockState>,
}

#[derive(Debug)]
struct ClockState {
    now: DateTime<Utc>,
    /// The sleeps under way, each with the number that it is known by.
    sleepers: Vec<(u64, DateTime<Utc>, Option<Waker>)>,
    next_sleeper: u64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: Mutex::new(ClockState {
                now,
                sleepers: Vec::new(),
                next_sleeper: 0,
            }),
        }
    }

    /// Moves the clock forward, and ends the sleeps whose time has come.
    pub fn advance(&self, by: TimeDelta) {
        let now = lock(&self.state).now;
        self.set(
            now.checked_add_signed(by)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        );
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: DateTime<Utc>) {
        let wakers: Vec<Waker> = {
            let mut state = lock(&self.state);
            state.now = now;
            let due = |(_, until, _): &&mut (u64, DateTime<Utc>, Option<Waker>)| *until <= now;
            let sleepers = state.sleepers.iter_mut();
            sleepers
                .filter(due)
                .filter_map(|(_, _, waker)| waker.take())
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// When each sleep of a [`ManualTimer`] that is under way ends, the earliest first.
    pub fn sleeps(&self) -> Vec<DateTime<Utc>> {
        let state = lock(&self.state);
        let mut sleeps: Vec<_> = state.sleepers.iter().map(|(_, until, _)| *until).collect();
        sleeps.sort_unstable();
        sleeps
    }
}

/// Noon of an ordinary day: 2027-03-01 12:00 UTC, a Monday.
impl Default for ManualClock {
    fn default() -> Self {
        Self::new(super::build::noon())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        lock(&self.state).now
    }
}

/// A timer whose sleeps last until the test moves the [`ManualClock`] past their end.
///
/// A sleep never ends by itself, so whoever waits for either a sleep or something else always gets the something else. Code that waits for
/// nothing but a sleep needs a test that moves the clock meanwhile, or an [`InstantTimer`].
#[derive(Debug, Clone)]
pub struct ManualTimer {
    clock: Arc<ManualClock>,
}

impl ManualTimer {
    /// A timer that follows `clock`.
    pub const fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Timer for ManualTimer {
    async fn sleep(&self, duration: Duration) {
        let (id, until) = {
            let mut state = lock(&self.clock.state);
            let id = state.next_sleeper;
            state.next_sleeper += 1;
            let until = state
                .now
                .checked_add_signed(as_delta(duration))
                .unwrap_or(DateTime::<Utc>::MAX_UTC);
            state.sleepers.push((id, until, None));
            (id, until)
        };
        Sleep {
            clock: &self.clock,
            id,
            until,
        }
        .await;
    }
}

struct Sleep<'a> {
    clock: &'a ManualClock,
    id: u64,
    until: DateTime<Utc>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.clock.state);
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let sleeper = state.sleepers.iter_mut().find(|(id, ..)| *id == self.id);
        if let Some((_, _, waker)) = sleeper {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        lock(&self.clock.state)
            .sleepers
            .retain(|(id, ..)| *id != self.id);
    }
}

/// A timer that never waits: each sleep moves the [`ManualClock`] to its end and answers at once.
///
/// For code that sleeps between attempts. Where a sleep races with something else it may win every time; take a [`ManualTimer`] there.
#[derive(Debug, Clone)]
pub struct InstantTimer {
    clock: Arc<ManualClock>,
}

impl InstantTimer {
    /// A timer that moves `clock`.
    pub const fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Timer for InstantTimer {
    async fn sleep(&self, duration: Duration) {
        self.clock.advance(as_delta(duration));
    }
}

/// Ids in a row, the same in every run of a test.
#[derive(Debug)]
pub struct SequentialIds {
    next: Mutex<u64>,
}

impl SequentialIds {
    /// Ids from the first one.
    pub const fn new() -> Self {
        Self::starting_at(1)
    }

    /// Ids from the given one, for a second program in the same test.
    pub const fn starting_at(number: u64) -> Self {
        Self {
            next: Mutex::new(number),
        }
    }
}

impl Default for SequentialIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for SequentialIds {
    fn next_id(&self) -> Uuid {
        let mut next = lock(&self.next);
        let id = super::build::uuid(0xF0_0000_0000 + *next);
        *next += 1;
        id
    }
}

/// Seats that a test sets.
#[derive(Debug)]
pub struct FixedEntitlements {
    seats: Mutex<Result<Seats, EntitlementError>>,
}

impl FixedEntitlements {
    /// This many.
    pub const fn new(seats: Seats) -> Self {
        Self {
            seats: Mutex::new(Ok(seats)),
        }
    }

    /// This many from now on.
    pub fn set(&self, seats: Seats) {
        *lock(&self.seats) = Ok(seats);
    }

    /// Nobody can tell from now on.
    pub fn fail(&self, detail: &str) {
        *lock(&self.seats) = Err(EntitlementError {
            detail: detail.to_owned(),
        });
    }
}

/// As many as there are.
impl Default for FixedEntitlements {
    fn default() -> Self {
        Self::new(Seats::Unlimited)
    }
}

#[async_trait]
impl Entitlements for FixedEntitlements {
    async fn seats(&self) -> Result<Seats, EntitlementError> {
        lock(&self.seats).clone()
    }
}

/// Randomness that is the same in every run; of no use for anything but a test.
#[derive(Debug)]
pub struct SeededEntropy {
    state: Mutex<(Random, bool)>,
}

impl SeededEntropy {
    /// The randomness of this seed.
    pub const fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new((Random::new(seed), true)),
        }
    }

    /// There is none any more.
    pub fn fail(&self) {
        lock(&self.state).1 = false;
    }
}

impl Default for SeededEntropy {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = lock(&self.state);
        if !state.1 {
            return Err(EntropyError {
                detail: "the test said so".to_owned(),
            });
        }
        for chunk in bytes.chunks_mut(8) {
            let random = state.0.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}
