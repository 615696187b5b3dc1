//! Which answers are worth another try, and when.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The first pause is at most this long.
const FIRST: Duration = Duration::from_millis(500);
/// No pause between two tries is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// What a status means for the request that got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer.
    Answer,
    /// The host limits the rate.
    RateLimited,
    /// The host, or what stands in front of it, is out of order for now.
    Broken,
    /// The answer is no, and asking again does not change it.
    Refused,
}

/// Sorts a status.
pub(crate) fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Answer,
        429 => Verdict::RateLimited,
        // 520 to 524 are Cloudflare's words for an origin that does not answer.
        408 | 500 | 502 | 503 | 504 | 520..=524 => Verdict::Broken,
        _ => Verdict::Refused,
    }
}

/// The pause before try number `attempt` (the first repetition is 1): exponential, with full jitter, so that clients that failed
/// together do not come back together.
pub(crate) fn pause(attempt: u32, rng: &mut impl Rng) -> Duration {
    let ceiling = FIRST
        .saturating_mul(
            1_u32
                .checked_shl(attempt.saturating_sub(1))
                .unwrap_or(u32::MAX),
        )
        .min(LONGEST);
    jitter(ceiling, rng)
}

/// Something between nothing and `most`.
pub(crate) fn jitter(most: Duration, rng: &mut impl Rng) -> Duration {
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.random_range(0..=millis))
}

/// How long to wait after a refusal for too many requests that does not say it: the limiters of single endpoints count by the minute
/// or by ten, the one in front by the minute (GitLab docs, rate limits).
pub(crate) fn unspoken_limit(attempt: u32, rng: &mut impl Rng) -> Duration {
    let base = match attempt {
        0 | 1 => Duration::from_secs(10),
        2 => Duration::from_secs(30),
        _ => Duration::from_mins(1),
    };
    base + jitter(base / 2, rng)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again: Vec<u16> = (100..600)
            .filter(|&status| verdict(status) == Verdict::Broken)
            .collect();
        assert_eq!(again, [408, 500, 502, 503, 504, 520, 521, 522, 523, 524]);
        assert_eq!(verdict(429), Verdict::RateLimited);
        for status in [301, 400, 401, 403, 404, 405, 409, 412, 422, 501] {
            assert_eq!(verdict(status), Verdict::Refused, "{status}");
        }
    }

    proptest! {
        #[test]
        fn pauses_grow_and_stay_bounded(attempt in 0_u32..1000, seed in any::<u64>()) {
            let mut rng = StdRng::seed_from_u64(seed);
            let ceiling = match attempt {
                0 | 1 => FIRST,
                n if n < 7 => FIRST * 2_u32.pow(n - 1),
                _ => LONGEST,
            };
            prop_assert!(pause(attempt, &mut rng) <= ceiling.min(LONGEST));
            prop_assert!(unspoken_limit(attempt, &mut rng) <= Duration::from_secs(90));
        }
    }
}
