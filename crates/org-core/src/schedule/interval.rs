//! How long to wait between two runs, and where in that time an organization has its place.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::Quoted;
use crate::ids::OrganizationId;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// The time between two runs: whole seconds, from 5 minutes to 31 days.
///
/// ```
/// use org_core::schedule::Interval;
///
/// let interval: Interval = "1h30m".parse()?;
/// assert_eq!(interval.seconds(), 5_400);
/// assert_eq!(interval.to_string(), "1 hour 30 minutes");
///
/// let error = "10s".parse::<Interval>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "an interval of 10 seconds is too short; choose one from 5 minutes to 31 days"
/// );
/// # Ok::<(), org_core::schedule::IntervalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    seconds: u32,
}

/// Why a text or a number is not an [`Interval`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Nothing was given.
    #[error("the interval is empty; write one such as 6h, 90m or 1h30m")]
    Empty,
    /// A number stands alone.
    #[error("the interval {} has no unit; write {number}m for minutes or {number}h for hours", Quoted(.number))]
    MissingUnit {
        /// The number without a unit.
        number: String,
    },
    /// A unit that is not one.
    #[error("{} is not a unit of time; use d, h, m or s, as in 2d, 6h, 90m or 300s", Quoted(.unit))]
    UnknownUnit {
        /// The refused unit.
        unit: String,
    },
    /// The same unit twice, or a smaller one before a larger one.
    #[error("the units of {} are out of order; write each once and the largest first, as in 1d6h or 1h30m", Quoted(.text))]
    UnitOrder {
        /// The refused text.
        text: String,
    },
    /// Anything else that is not numbers with units.
    #[error("{} is not an interval; write whole numbers with units, as in 6h, 90m or 1h30m", Quoted(.text))]
    Malformed {
        /// The refused text.
        text: String,
    },
    /// Shorter than [`Interval::MIN`].
    #[error("an interval of {} is too short; choose one from {} to {}", Words(*.seconds), Interval::MIN, Interval::MAX)]
    TooShort {
        /// The refused length.
        seconds: u64,
    },
    /// Longer than [`Interval::MAX`].
    #[error(
        "an interval of more than {} is too long; choose one from {} to {}",
        Interval::MAX,
        Interval::MIN,
        Interval::MAX
    )]
    TooLong,
}

impl Interval {
    /// The shortest interval: 5 minutes.
    pub const MIN: Self = Self { seconds: 300 };
    /// The longest interval: 31 days.
    pub const MAX: Self = Self {
        seconds: 31 * 24 * 60 * 60,
    };

    /// Parses numbers with units, the largest unit first: `6h`, `90m`, `1h30m`, `2d`, `300s`, `1w`.
    ///
    /// Spaces and the written-out units (`6 hours`) are understood as well.
    pub fn parse(text: &str) -> Result<Self, IntervalError> {
        let malformed = || IntervalError::Malformed {
            text: text.to_owned(),
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(IntervalError::Empty);
        }
        let mut total = 0_u64;
        let mut larger = u64::MAX;
        while !rest.is_empty() {
            let (digits, tail) = split_while(rest, |c| c.is_ascii_digit());
            let (unit, tail) = split_while(tail.trim_start(), |c| c.is_ascii_alphabetic());
            if digits.is_empty() || (unit.is_empty() && !tail.is_empty()) {
                return Err(malformed());
            }
            if unit.is_empty() {
                return Err(IntervalError::MissingUnit {
                    number: digits.to_owned(),
                });
            }
            let length = unit_seconds(unit).ok_or_else(|| IntervalError::UnknownUnit {
                unit: unit.to_owned(),
            })?;
            if length >= larger {
                return Err(IntervalError::UnitOrder {
                    text: text.to_owned(),
                });
            }
            larger = length;
            // A number that fits no integer is certainly above the upper bound.
            total = digits
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(length))
                .and_then(|seconds| total.checked_add(seconds))
                .ok_or(IntervalError::TooLong)?;
            rest = tail.trim_start();
        }
        Self::from_seconds(total)
    }

    /// Takes a number of seconds within the bounds.
    pub fn from_seconds(seconds: u64) -> Result<Self, IntervalError> {
        if seconds < u64::from(Self::MIN.seconds) {
            return Err(IntervalError::TooShort { seconds });
        }
        match u32::try_from(seconds) {
            Ok(seconds) if seconds <= Self::MAX.seconds => Ok(Self { seconds }),
            _ => Err(IntervalError::TooLong),
        }
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// The length as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.seconds as u64)
    }

    /// The place of an organization within the interval, in whole seconds from zero to one less
    /// than the interval.
    ///
    /// It is the first eight bytes, read as a big-endian number, of the SHA-256 of the 16 bytes of
    /// the organization's id, modulo the interval. Ids that were made one after the other thus land
    /// anywhere in the interval, and everybody who knows the id can compute its place.
    pub fn offset_of(self, organization: OrganizationId) -> u32 {
        let digest = Sha256::digest(organization.as_uuid().as_bytes());
        let number = digest
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        u32::try_from(number % u64::from(self.seconds)).expect("less than the interval")
    }

    /// The first moment strictly after `now` that lies at the organization's offset on a grid that
    /// starts at the Unix epoch. Counting from the epoch instead of from the last run keeps the
    /// grid where it is over restarts and late runs.
    pub(super) fn next_after(
        self,
        organization: OrganizationId,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let offset = i64::from(self.offset_of(organization));
        let length = i64::from(self.seconds);
        let now = now.timestamp();
        DateTime::from_timestamp(now - (now - offset).rem_euclid(length) + length, 0)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Words(u64::from(self.seconds)).fmt(f)
    }
}

/// A number of seconds in words, without the units that are zero.
struct Words(u64);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0 seconds");
        }
        let mut rest = self.0;
        let mut separator = "";
        for (length, unit) in [
            (DAY, "day"),
            (HOUR, "hour"),
            (MINUTE, "minute"),
            (1, "second"),
        ] {
            let count = rest / length;
            rest %= length;
            if count > 0 {
                let plural = if count == 1 { "" } else { "s" };
                write!(f, "{separator}{count} {unit}{plural}")?;
                separator = " ";
            }
        }
        Ok(())
    }
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn unit_seconds(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => WEEK,
        _ => return None,
    })
}
