//! The budget of requests that a host advertises, kept before it runs out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;

use super::retry_after::http_date;

/// A window is never believed to be longer: GitLab's own are a minute, its longest endpoint limits ten.
const LONGEST_WINDOW: Duration = Duration::from_hours(1);

/// What one answer said about the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advertised {
    /// Requests left in the window.
    remaining: u64,
    /// The host's own name of the window: the second at which it ends, by the host's clock.
    window: i64,
    /// When it ends, by our clock.
    ends: DateTime<Utc>,
}

impl Advertised {
    /// Reads `RateLimit-Remaining` and `RateLimit-Reset`, which newer versions send with every answer.
    pub(crate) fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let remaining = text("ratelimit-remaining")?.trim().parse().ok()?;
        let window: i64 = text("ratelimit-reset")?.trim().parse().ok()?;
        // The host's clock may be off ours, and a cache in front of it off both: the nearest end that has not passed is believed.
        let presents = [text("date").and_then(http_date), Some(now)];
        let left = presents
            .into_iter()
            .flatten()
            .map(|present| window.saturating_sub(present.timestamp()))
            .filter(|&left| left >= 0)
            .min()
            .unwrap_or(0)
            .min(i64::try_from(LONGEST_WINDOW.as_secs()).unwrap_or(3600));
        let ends = now.checked_add_signed(TimeDelta::seconds(left))?;
        Some(Self {
            remaining,
            window,
            ends,
        })
    }
}

/// Counts down what is left of the window. Shared by all requests with one credential.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    current: Option<Advertised>,
    /// Sent, and not yet counted by any answer.
    in_flight: u64,
    /// Nothing is sent before this moment, since the host said so.
    closed_until: Option<DateTime<Utc>>,
}

impl Budget {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock was held leaves at worst a stale count.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request from the budget, or says how long to wait for it.
    pub(crate) fn take(&self, now: DateTime<Utc>) -> Result<(), Duration> {
        let mut state = self.state();
        if let Some(until) = state.closed_until {
            if let Some(wait) = positive(until - now) {
                return Err(wait);
            }
            state.closed_until = None;
        }
        if let Some(current) = &mut state.current {
            match positive(current.ends - now) {
                None => state.current = None,
                Some(wait) if current.remaining == 0 => return Err(wait),
                Some(_) => current.remaining -= 1,
            }
        }
        state.in_flight += 1;
        Ok(())
    }

    /// Takes note that a request has ended, and of what its answer said.
    pub(crate) fn settle(&self, advertised: Option<Advertised>) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        let Some(mut told) = advertised else { return };
        match &state.current {
            Some(current) if current.window > told.window => return,
            // Within a window only the least is true: answers overtake each other.
            Some(current) if current.window == told.window => {
                told.remaining = told.remaining.min(current.remaining);
                told.ends = told.ends.min(current.ends);
            }
            _ => told.remaining = told.remaining.saturating_sub(state.in_flight),
        }
        state.current = Some(told);
    }

    /// Sends nothing before `until`.
    pub(crate) fn close(&self, until: DateTime<Utc>) {
        let mut state = self.state();
        state.closed_until = state.closed_until.max(Some(until));
    }
}

fn positive(left: TimeDelta) -> Option<Duration> {
    left.to_std().ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a time")
    }

    fn told(remaining: u64, ends: i64) -> Advertised {
        Advertised {
            remaining,
            window: 1_800_000_000 + ends,
            ends: at(ends),
        }
    }

    #[test]
    fn nothing_is_sent_beyond_what_is_left() {
        let budget = Budget::default();
        assert_eq!(budget.take(at(0)), Ok(()));
        budget.settle(Some(told(2, 60)));
        assert_eq!(budget.take(at(1)), Ok(()));
        assert_eq!(budget.take(at(1)), Ok(()));
        assert_eq!(budget.take(at(1)), Err(Duration::from_secs(59)));
        assert_eq!(budget.take(at(60)), Ok(()), "a new window has begun");
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_give_requests_back() {
        let budget = Budget::default();
        for _ in 0..3 {
            assert_eq!(budget.take(at(0)), Ok(()));
        }
        budget.settle(Some(told(1, 60)));
        budget.settle(Some(told(9, 60)));
        budget.settle(Some(told(5, 0)));
        // Two were under way when the first answer was made; they may already have taken the last one.
        assert_eq!(budget.take(at(1)), Err(Duration::from_secs(59)));
    }

    #[test]
    fn a_refusal_closes_for_everybody() {
        let budget = Budget::default();
        budget.close(at(30));
        budget.close(at(10));
        assert_eq!(budget.take(at(0)), Err(Duration::from_secs(30)));
        assert_eq!(budget.take(at(30)), Ok(()));
    }

    #[test]
    fn the_clock_of_the_host_may_be_off() {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            headers.insert(name, value.parse().expect("a header"));
        };
        let host_now = at(7200);
        set("ratelimit-remaining", "5".into());
        set("ratelimit-reset", (host_now.timestamp() + 40).to_string());
        set("date", host_now.to_rfc2822());
        let read = Advertised::read(&headers, at(0)).expect("all headers are there");
        assert_eq!((read.remaining, read.ends), (5, at(40)));
    }

    proptest! {
        /// Against a host that counts exactly, in windows of 60 s: it never has to refuse.
        #[test]
        fn a_host_that_counts_never_has_to_refuse(
            limit in 1_u64..20,
            steps in prop::collection::vec((0_i64..3, any::<bool>()), 1..200),
        ) {
            let budget = Budget::default();
            let (mut now, mut window, mut used) = (0_i64, 60_i64, 0_u64);
            let mut waiting_answers: Vec<Advertised> = Vec::new();
            // The first answer tells the limit; until then nobody can know.
            prop_assert_eq!(budget.take(at(now)), Ok(()));
            used += 1;
            budget.settle(Some(told(limit - used, window)));
            for (pass, answer_first) in steps {
                now += pass;
                if answer_first && !waiting_answers.is_empty() {
                    budget.settle(Some(waiting_answers.remove(0)));
                }
                if budget.take(at(now)).is_ok() {
                    if now >= window {
                        window = now - now.rem_euclid(60) + 60;
                        used = 0;
                        // A window of which nothing is known yet: its first answer comes before more is asked.
                        used += 1;
                        for late in waiting_answers.drain(..) {
                            budget.settle(Some(late));
                        }
                        budget.settle(Some(told(limit - used, window)));
                    } else {
                        used += 1;
                        prop_assert!(used <= limit, "the host would have refused");
                        waiting_answers.push(told(limit - used, window));
                    }
                }
            }
        }
    }
}
