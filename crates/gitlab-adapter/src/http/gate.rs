//! How many requests one host has to answer at a time: as many as allowed while it copes, fewer when it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// A host that answers this much slower than it used to is overloaded, unless it is still quick.
const SLOWER: u32 = 6;
/// Faster than this is never called slow.
const QUICK: Duration = Duration::from_secs(3);

/// How a request went, for the purpose of finding out what the host can bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// An answer, whatever it says.
    Fine(Duration),
    /// Too many requests, an error of the host, or no answer in time.
    TooMuch,
}

/// Additive increase, multiplicative decrease, between 1 and the allowed number.
#[derive(Debug)]
struct Aimd {
    most: f64,
    limit: f64,
    /// Counts the decreases: the failures of requests that were already under way belong to the same overload.
    epoch: u64,
    usual: Option<Duration>,
}

impl Aimd {
    fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        Self {
            most,
            limit: most,
            epoch: 0,
            usual: None,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the limit is between 1 and an u32"
    )]
    fn allowed(&self) -> usize {
        self.limit as usize
    }

    fn feed(&mut self, load: Load, epoch: u64) {
        match load {
            Load::TooMuch => self.shrink(0.5, epoch),
            Load::Fine(took) => {
                let usual = self.usual.map_or(took, |usual| (usual * 7 + took) / 8);
                if took > QUICK && self.usual.is_some_and(|usual| took > usual * SLOWER) {
                    self.shrink(0.75, epoch);
                } else {
                    // One more after as many good answers as there are requests at a time.
                    self.limit = (self.limit + 1.0 / self.limit).min(self.most);
                }
                self.usual = Some(usual);
            }
        }
    }

    fn shrink(&mut self, factor: f64, epoch: u64) {
        if epoch == self.epoch {
            self.limit = (self.limit * factor).max(1.0);
            self.epoch += 1;
        }
    }
}

/// The door in front of one host.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    aimd: Aimd,
    inside: usize,
}

/// One request inside; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    epoch: u64,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            state: Mutex::new(State {
                aimd: Aimd::new(most),
                inside: 0,
            }),
            freed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more request may be under way.
    pub(crate) async fn enter(self: &Arc<Self>) -> Pass {
        loop {
            // In the queue before looking, so that no one who leaves in between is missed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            {
                let mut state = self.state();
                if state.inside < state.aimd.allowed() {
                    state.inside += 1;
                    return Pass {
                        gate: Arc::clone(self),
                        epoch: state.aimd.epoch,
                    };
                }
            }
            freed.await;
        }
    }
}

impl Pass {
    /// Tells how the request went.
    pub(crate) fn report(&self, load: Load) {
        self.gate.state().aimd.feed(load, self.epoch);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let free = {
            let mut state = self.gate.state();
            state.inside = state.inside.saturating_sub(1);
            state.aimd.allowed().saturating_sub(state.inside)
        };
        // More than one place is free after an increase.
        for _ in 0..free.min(2) {
            self.gate.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAST: Load = Load::Fine(Duration::from_millis(50));

    #[test]
    fn one_overload_halves_once_and_recovery_is_slow() {
        let mut aimd = Aimd::new(8);
        for _ in 0..8 {
            aimd.feed(Load::TooMuch, 0);
        }
        assert_eq!(aimd.allowed(), 4, "eight failures of one burst");
        aimd.feed(Load::TooMuch, 1);
        assert_eq!(aimd.allowed(), 2);
        for _ in 0..3 {
            aimd.feed(FAST, 2);
        }
        assert_eq!(aimd.allowed(), 3);
        for _ in 0..100 {
            aimd.feed(FAST, 2);
        }
        assert_eq!(aimd.allowed(), 8, "never above the allowed number");
    }

    #[test]
    fn a_host_that_gets_slow_is_spared() {
        let mut aimd = Aimd::new(8);
        for _ in 0..10 {
            aimd.feed(FAST, 0);
        }
        aimd.feed(Load::Fine(Duration::from_secs(4)), 0);
        assert_eq!(aimd.allowed(), 6);
    }

    proptest! {
        #[test]
        fn the_limit_stays_in_its_bounds(
            most in 1_usize..50,
            loads in prop::collection::vec((any::<bool>(), 0_u64..20_000, any::<bool>()), 0..200),
        ) {
            let mut aimd = Aimd::new(most);
            for (fine, millis, current) in loads {
                let load = if fine { Load::Fine(Duration::from_millis(millis)) } else { Load::TooMuch };
                let epoch = if current { aimd.epoch } else { aimd.epoch.saturating_sub(1) };
                aimd.feed(load, epoch);
                prop_assert!((1..=most).contains(&aimd.allowed()));
            }
        }
    }

    #[tokio::test]
    async fn no_more_than_allowed_are_inside() {
        let gate = Arc::new(Gate::new(2));
        let (first, _second) = (gate.enter().await, gate.enter().await);
        let third = gate.enter();
        tokio::pin!(third);
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(first);
        assert!(futures_util::poll!(&mut third).is_ready());
    }
}
