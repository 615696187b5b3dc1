//! The clock, the timers and the ids.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_executor::block_on;
use futures_util::future::{Either, join, select};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::ports::{Clock as _, IdSource as _, Timer as _, VcsListing as _};
use crate::testing::{
    InstantTimer, ManualClock, ManualTimer, SequentialIds, TestBench, World, build,
};

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_sleep_lasts_until_the_clock_has_passed_its_end() {
    let clock = Arc::new(ManualClock::default());
    let timer = ManualTimer::new(clock.clone());
    let mut sleep = pin!(timer.sleep(MINUTE));
    assert_eq!(sleep.as_mut().now_or_never(), None);
    assert_eq!(clock.sleeps(), [build::noon_plus(60)]);
    clock.advance(TimeDelta::seconds(59));
    assert_eq!(sleep.as_mut().now_or_never(), None);
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(sleep.as_mut().now_or_never(), Some(()));
}

#[test]
fn advancing_the_clock_wakes_whoever_sleeps() {
    let clock = Arc::new(ManualClock::default());
    let timer = ManualTimer::new(clock.clone());
    // The executor parks after the first poll, so only the waker can end this test.
    block_on(join(timer.sleep(MINUTE), async {
        clock.advance(TimeDelta::minutes(1));
    }));
    assert!(clock.sleeps().is_empty());
}

#[test]
fn a_dropped_sleep_is_forgotten() {
    let clock = Arc::new(ManualClock::default());
    let timer = ManualTimer::new(clock.clone());
    assert_eq!(timer.sleep(MINUTE).now_or_never(), None);
    assert!(clock.sleeps().is_empty());
}

#[test]
fn a_stream_wins_against_a_manual_timer() {
    let bench = TestBench::new(World::seeded(1, 2, 100));
    let access = bench.access("token-of-robot");
    let mut stream = bench.host.list(&access, &build::whole_scope());
    let ports = bench.ports();
    block_on(async {
        loop {
            match select(ports.timer.sleep(MINUTE), stream.next()).await {
                Either::Left(_) => panic!("nobody moved the clock"),
                Either::Right((None, _)) => break,
                Either::Right((Some(event), _)) => assert!(event.is_ok(), "{event:?}"),
            }
        }
    });
}

#[test]
fn an_instant_timer_moves_the_clock() {
    let clock = Arc::new(ManualClock::default());
    let timer = InstantTimer::new(clock.clone());
    assert_eq!(timer.sleep(MINUTE).now_or_never(), Some(()));
    assert_eq!(clock.now(), build::noon_plus(60));
}

#[test]
fn ids_differ() {
    let (one, other) = (SequentialIds::new(), SequentialIds::starting_at(1_000));
    let ids: BTreeSet<_> = (0..100)
        .flat_map(|_| [one.next_id(), other.next_id()])
        .collect();
    assert_eq!(ids.len(), 200);
    assert_eq!(
        SequentialIds::new().next_id(),
        SequentialIds::new().next_id()
    );
}
