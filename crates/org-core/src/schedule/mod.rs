//! When syncs happen.
//!
//! A [`Schedule`] is one of four things: an [`Interval`], [`DailyTimes`] in a time zone, a
//! [`CronSchedule`], or manual. Each is parsed once, where a person or a program hands it in, and is
//! valid ever after. Nothing here reads a clock: every question brings its `now`.
//!
//! # The next run
//!
//! ```
//! use chrono::{DateTime, Utc};
//! use org_core::ids::OrganizationId;
//! use org_core::schedule::Schedule;
//!
//! let organization: OrganizationId = "0192f0c1-2345-7000-8000-000000000001".parse()?;
//! let schedule: Schedule = "at 06:00,18:00 Europe/Warsaw mon-fri".parse()?;
//! assert_eq!(schedule.to_string(), "at 06:00 and 18:00 Europe/Warsaw, Monday to Friday");
//!
//! let friday_evening: DateTime<Utc> = "2027-03-05T20:00:00Z".parse()?;
//! let monday_morning: DateTime<Utc> = "2027-03-08T05:00:00Z".parse()?;
//! assert_eq!(schedule.next_after(organization, friday_evening), Some(monday_morning));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Schedule::next_after`] is strictly later than the moment it is asked about, so a loop that
//! sleeps until the answer and asks again always moves on. [`Schedule::plan_next`] is the rule for a
//! scheduler that keeps the next run of each organization in a store: one run makes up for all that
//! were missed.
//!
//! # Spread
//!
//! An interval does not start when it is saved. Each organization has a fixed place in it, computed
//! from its id ([`Interval::offset_of`]) and counted from the Unix epoch; a thousand organizations on
//! the same interval are spread evenly over it, and neither a restart nor a late run moves them.
//!
//! # Clock changes
//!
//! An interval has no time zone and does not notice. Times of day and cron expressions follow the
//! wall clock of their zone:
//!
//! - A time that the clocks skip in spring runs at the first moment after the gap. Two that fall into
//!   the same gap, or one in it and one at its end, run once.
//! - A time that the clocks show twice in autumn runs once, the first time.
//! - A cron expression whose hour is `*` runs in both passes of the repeated hour and skips the
//!   missing one, so that it keeps its distance.
//!
//! [`Schedule::preview`] lists the coming runs and says at which of them this happens.
//!
//! # Texts
//!
//! `Display` is for people. [`Schedule::to_text`] is one line for a store. With the feature `serde`,
//! JSON has one of these shapes, in which no unknown field is allowed and `weekdays` may be absent
//! for every day:
//!
//! ```json
//! {"kind": "every", "seconds": 21600}
//! {"kind": "at", "times": ["06:00", "18:00"], "zone": "Europe/Warsaw", "weekdays": ["mon", "tue"]}
//! {"kind": "cron", "expression": "0 6 * * 1", "zone": "UTC"}
//! {"kind": "manual"}
//! ```

mod calendar;
mod cron;
mod daily;
mod due;
mod interval;
#[cfg(feature = "serde")]
mod json;
mod preview;
#[cfg(test)]
mod tests;
mod text;
mod weekdays;
mod zone;

use std::fmt;

use chrono::{DateTime, Utc};

use self::calendar::{ClockChange, Firing, next_firing};
pub use self::cron::{CronError, CronField, CronSchedule};
pub use self::daily::{DailyTimes, DailyTimesError, TimeOfDay, TimeOfDayError};
pub use self::due::{Due, DueRun};
pub use self::interval::{Interval, IntervalError};
pub use self::preview::{Preview, Run, RunNote};
pub use self::text::ScheduleError;
pub use self::weekdays::{Weekdays, WeekdaysError};
pub use self::zone::{Zone, ZoneError};
use crate::ids::OrganizationId;

/// When the syncs of an organization happen by themselves.
///
/// See the [module](self) for what each kind does at a clock change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Again and again after an interval, each organization at its own place in it.
    Every(Interval),
    /// At times of day in a time zone.
    At(DailyTimes),
    /// By a cron expression in a time zone.
    Cron(CronSchedule),
    /// Only when a person asks for it.
    Manual,
}

impl Schedule {
    /// The first run strictly later than `now`.
    ///
    /// `None` for a manual schedule, and at the end of what a date can hold. The organization
    /// matters to [`Schedule::Every`] alone, which gives each its own place in the interval.
    pub fn next_after(
        &self,
        organization: OrganizationId,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        self.next_firing(organization, now).map(|firing| firing.at)
    }

    /// The runs strictly later than `after`, in their order and with the clock changes explained.
    ///
    /// ```
    /// use chrono::{DateTime, Utc};
    /// use org_core::ids::OrganizationId;
    /// use org_core::schedule::Schedule;
    ///
    /// let organization: OrganizationId = "0192f0c1-2345-7000-8000-000000000001".parse()?;
    /// let schedule: Schedule = "at 02:30 Europe/Warsaw".parse()?;
    /// let now: DateTime<Utc> = "2027-03-27T12:00:00Z".parse()?;
    ///
    /// let run = schedule.preview(organization, now).next().expect("it is not manual");
    ///
    /// assert_eq!(run.local.to_string(), "2027-03-28 03:00:00 CEST");
    /// assert_eq!(
    ///     run.note.map(|note| note.to_string()).as_deref(),
    ///     Some("moved from 02:30 past the clock change")
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn preview(&self, organization: OrganizationId, after: DateTime<Utc>) -> Preview<'_> {
        Preview::new(self, organization, after)
    }

    /// The zone in which to show the runs: the schedule's own, else UTC.
    pub const fn zone(&self) -> Zone {
        match self {
            Self::At(daily) => daily.zone(),
            Self::Cron(cron) => cron.zone(),
            Self::Every(_) | Self::Manual => Zone::UTC,
        }
    }

    fn next_firing(&self, organization: OrganizationId, now: DateTime<Utc>) -> Option<Firing> {
        match self {
            Self::Every(interval) => interval
                .next_after(organization, now)
                .map(|at| Firing { at, note: None }),
            Self::At(daily) => next_firing(
                daily.calendar(),
                daily.zone(),
                ClockChange::OncePerSlot,
                now,
            ),
            Self::Cron(cron) => next_firing(cron.calendar(), cron.zone(), cron.change(), now),
            Self::Manual => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => {
                let length = interval.to_string();
                // "every day" rather than "every 1 day", but "every 1 day 6 hours".
                match length.strip_prefix("1 ") {
                    Some(unit) if !unit.contains(' ') => write!(f, "every {unit}"),
                    _ => write!(f, "every {length}"),
                }
            }
            Self::At(daily) => daily.fmt(f),
            Self::Cron(cron) => cron.fmt(f),
            Self::Manual => f.write_str("only when asked for"),
        }
    }
}

/// `a, b and c`.
fn list_in_words<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let mut words: Vec<String> = items.map(|item| item.to_string()).collect();
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// What somebody wrote, between quotes in an error: on one line, without control characters and
/// cut where it is no longer of use.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        let shown: String = self.0.chars().take(SHOWN).collect();
        let cut = if shown.len() < self.0.len() {
            "..."
        } else {
            ""
        };
        write!(f, "\"{}{cut}\"", shown.escape_debug())
    }
}
