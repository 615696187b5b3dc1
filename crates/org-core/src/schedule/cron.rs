//! Cron expressions with the five fields that people know.
//!
//! The `cron` crate reads the fields. It is not asked for the next run: over a change to winter time
//! it goes back in time, and over one to summer time it forgets runs. Its fields become a
//! [`Calendar`], so that cron expressions and times of day share one engine and one behavior.

use std::fmt;
use std::str::FromStr;

use ::cron::TimeUnitSpec;
use chrono::{Days as DayCount, NaiveDate, Weekday};

use super::calendar::{Calendar, ClockChange, Days};
use super::weekdays::{parse_day, short_name};
use super::{Interval, Quoted, TimeOfDay, Weekdays, Zone};

/// A cron expression in a time zone.
///
/// The fields are minute, hour, day of month, month and day of week. Each is `*`, a number, a range
/// (`1-5`), a list (`1,15`) or a step (`*/15`, `0-30/10`); months and days of the week also have
/// their English names. Sunday is 0 or 7. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`
/// stand for whole expressions.
///
/// Not taken, because people expect different things of them: seconds and years, a day of month
/// together with a day of week, and the `L`, `W` and `#` of some implementations. Like every
/// schedule it may not run more often than [`Interval::MIN`]; the distance is counted on the wall
/// clock, so that a clock change may once bring two runs closer together.
///
/// At a clock change, an expression whose hour is `*` follows the clock: it runs in both passes of a
/// repeated hour and not at all in a missing one. Any other expression runs once per day and time,
/// as times of day do.
///
/// ```
/// use org_core::schedule::{CronSchedule, Zone};
///
/// let cron = CronSchedule::parse("30 6 * * mon-fri", Zone::UTC)?;
/// assert_eq!(cron.expression(), "30 6 * * mon-fri");
///
/// let error = CronSchedule::parse("61 6 * * *", Zone::UTC).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"the minute field "61" of the cron expression is not valid; use numbers from 0 to 59, ranges (0-30), lists (0,30), steps (*/15) or *"#
/// );
/// # Ok::<(), org_core::schedule::CronError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronSchedule {
    expression: String,
    zone: Zone,
    calendar: Calendar,
    change: ClockChange,
}

/// One field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CronField {
    /// The first field.
    Minute,
    /// The second field.
    Hour,
    /// The third field.
    DayOfMonth,
    /// The fourth field.
    Month,
    /// The fifth field.
    DayOfWeek,
}

/// Why a text is not a [`CronSchedule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Nothing was given.
    #[error("the cron expression is empty; write five fields, such as 0 6 * * mon-fri")]
    Empty,
    /// Longer than any expression that a person writes.
    #[error("the cron expression is longer than {MAX_LENGTH} characters; write a shorter one")]
    TooLong,
    /// An `@` word that is none of the known ones.
    #[error("{} is not a cron shortcut; use @hourly, @daily, @weekly, @monthly or @yearly", Quoted(.text))]
    UnknownShortcut {
        /// The refused word.
        text: String,
    },
    /// Fewer than five fields.
    #[error(
        "the cron expression has {found} of its five fields; write minute, hour, day of month, month and day of week, such as 0 6 * * *"
    )]
    TooFewFields {
        /// The number of fields.
        found: usize,
    },
    /// More than five fields.
    #[error(
        "the cron expression has {found} fields instead of five; leave out seconds and years: minute, hour, day of month, month, day of week"
    )]
    TooManyFields {
        /// The number of fields.
        found: usize,
    },
    /// A field that cannot be read.
    #[error("the {field} field {} of the cron expression is not valid; use {}", Quoted(.text), field.allowed())]
    Field {
        /// The field.
        field: CronField,
        /// What stands in it.
        text: String,
    },
    /// Both kinds of days are limited.
    #[error("the cron expression limits both the day of month ({}) and the day of week ({}); put * in one of the two", Quoted(.day_of_month), Quoted(.day_of_week))]
    BothDays {
        /// The third field.
        day_of_month: String,
        /// The fifth field.
        day_of_week: String,
    },
    /// Only dates that no year has.
    #[error("the cron expression {} never runs, because no year has such a date; choose a day that the month has", Quoted(.expression))]
    NeverRuns {
        /// The refused expression.
        expression: String,
    },
    /// More often than [`Interval::MIN`].
    #[error("the cron expression {} has runs only {minutes} minute{} apart; leave at least {} between them", Quoted(.expression), if *.minutes == 1 { "" } else { "s" }, Interval::MIN)]
    TooOften {
        /// The refused expression.
        expression: String,
        /// The shortest distance between two runs.
        minutes: u16,
    },
}

/// Lists of every other minute and the like fit well; garbage does not.
const MAX_LENGTH: usize = 256;
const DAY_MINUTES: u16 = 24 * 60;

impl CronSchedule {
    /// Parses a five-field expression, which is meant in the given time zone.
    pub fn parse(expression: &str, zone: Zone) -> Result<Self, CronError> {
        if expression.len() > MAX_LENGTH {
            return Err(CronError::TooLong);
        }
        let words: Vec<&str> = expression.split_whitespace().collect();
        let expression = words.join(" ");
        let [minute, hour, day_of_month, month, day_of_week] = five_fields(&words)?;
        if !is_star(day_of_month) && !is_star(day_of_week) {
            return Err(CronError::BothDays {
                day_of_month: day_of_month.to_owned(),
                day_of_week: day_of_week.to_owned(),
            });
        }
        let minutes = CronField::Minute.values(minute)?;
        let hours = CronField::Hour.values(hour)?;
        let days = days(
            &CronField::Month.values(month)?,
            &CronField::DayOfMonth.values(day_of_month)?,
            &CronField::DayOfWeek.values(day_of_week)?,
        );
        let times: Vec<TimeOfDay> = hours
            .iter()
            .flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute)))
            .filter_map(|(hour, minute)| {
                TimeOfDay::new(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?)
            })
            .collect();
        if days.on_or_after(NaiveDate::default()).is_none() {
            return Err(CronError::NeverRuns { expression });
        }
        match shortest_distance(&times, days) {
            Some(minutes) if u32::from(minutes) * 60 < Interval::MIN.seconds() => {
                return Err(CronError::TooOften {
                    expression,
                    minutes,
                });
            }
            _ => {}
        }
        let change = if hour == "*" {
            ClockChange::FollowTheClock
        } else {
            ClockChange::OncePerSlot
        };
        Ok(Self {
            expression,
            zone,
            calendar: Calendar::new(times, days),
            change,
        })
    }

    /// The expression as it was given, with single spaces.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The time zone in which the expression is meant.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    pub(super) const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(super) const fn change(&self) -> ClockChange {
        self.change
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by cron \"{}\", {}", self.expression, self.zone)
    }
}

impl CronField {
    const ALL: [Self; 5] = [
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    const fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "numbers from 0 to 59, ranges (0-30), lists (0,30), steps (*/15) or *",
            Self::Hour => "numbers from 0 to 23, ranges (8-18), lists (6,18), steps (*/6) or *",
            Self::DayOfMonth => {
                "numbers from 1 to 31, ranges (1-7), lists (1,15), steps (*/10) or *"
            }
            Self::Month => {
                "numbers from 1 to 12 or names (jan), ranges (jan-mar), lists (1,7), steps (*/3) or *"
            }
            Self::DayOfWeek => {
                "numbers from 0 (Sunday) to 6 or names (mon), ranges (mon-fri), lists (mon,thu) or *"
            }
        }
    }

    /// The values of a field, ascending. Days of the week are 1 for Sunday to 7 for Saturday, which
    /// is how the `cron` crate counts them.
    fn values(self, text: &str) -> Result<Vec<u32>, CronError> {
        self.read(text).ok_or_else(|| CronError::Field {
            field: self,
            text: text.to_owned(),
        })
    }

    fn read(self, text: &str) -> Option<Vec<u32>> {
        // The crate reads over borders that people see, as in `*5` for the two fields `*` and `5`,
        // so the shape of each item is settled here.
        let items = text
            .split(',')
            .map(Item::parse)
            .collect::<Option<Vec<_>>>()?;
        let text = if self == Self::DayOfWeek {
            items
                .iter()
                .map(Item::day_names)
                .collect::<Option<Vec<_>>>()?
                .join(",")
        } else {
            text.to_owned()
        };
        // The other fields are wild, so that a refusal is this field's.
        let columns = Self::ALL.map(|field| if field == self { text.as_str() } else { "*" });
        let schedule = ::cron::Schedule::from_str(&format!("0 {}", columns.join(" "))).ok()?;
        Some(match self {
            Self::Minute => schedule.minutes().iter().collect(),
            Self::Hour => schedule.hours().iter().collect(),
            Self::DayOfMonth => schedule.days_of_month().iter().collect(),
            Self::Month => schedule.months().iter().collect(),
            Self::DayOfWeek => schedule.days_of_week().iter().collect(),
        })
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

/// One item of the list in a field: `*`, `5`, `1-5`, `mon-fri`, `*/15`, `0-30/10`.
struct Item<'a> {
    first: &'a str,
    last: Option<&'a str>,
    step: Option<&'a str>,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (base, step) = match text.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (text, None),
        };
        let (first, last) = match base.split_once('-') {
            Some((first, last)) => (first, Some(last)),
            None => (base, None),
        };
        let is_atom = |atom: &str| is_number(atom) || is_name(atom);
        let well_formed = match last {
            Some(last) => is_atom(first) && is_atom(last),
            None => is_star(first) || is_atom(first),
        };
        (well_formed && step.is_none_or(is_number)).then_some(Self { first, last, step })
    }

    /// The days of the week of the item by name, since the `cron` crate numbers them differently.
    fn day_names(&self) -> Option<String> {
        let (first, last) = match self.last {
            _ if is_star(self.first) => (0, 6),
            Some(last) => {
                let first = day_number(self.first)?;
                // Sunday ends a week as well as it begins one.
                let last = match day_number(last)? {
                    0 if first > 0 => 7,
                    last => last,
                };
                (first, last)
            }
            // A step after one day goes to the end of the week.
            None if self.step.is_some() => (day_number(self.first)?, 6),
            None => (day_number(self.first)?, day_number(self.first)?),
        };
        let step: usize = self.step.unwrap_or("1").parse().ok()?;
        if first > last || step == 0 || step > 7 {
            return None;
        }
        let names = (first..=last)
            .step_by(step)
            .map(|number| short_name(days_after_sunday(number)));
        Some(names.collect::<Vec<_>>().join(","))
    }
}

/// The day that comes so many days after a Sunday.
fn days_after_sunday(days: u8) -> Weekday {
    (0..days).fold(Weekday::Sun, |day, _| day.succ())
}

fn five_fields<'a>(words: &[&'a str]) -> Result<[&'a str; 5], CronError> {
    match words {
        [] => Err(CronError::Empty),
        [word] if word.starts_with('@') => Ok(match word.to_ascii_lowercase().as_str() {
            "@hourly" => ["0", "*", "*", "*", "*"],
            "@daily" | "@midnight" => ["0", "0", "*", "*", "*"],
            "@weekly" => ["0", "0", "*", "*", "0"],
            "@monthly" => ["0", "0", "1", "*", "*"],
            "@yearly" | "@annually" => ["0", "0", "1", "1", "*"],
            _ => {
                return Err(CronError::UnknownShortcut {
                    text: (*word).to_owned(),
                });
            }
        }),
        _ => words.try_into().map_err(|_| match words.len() {
            found @ ..5 => CronError::TooFewFields { found },
            found => CronError::TooManyFields { found },
        }),
    }
}

fn days(months: &[u32], days_of_month: &[u32], days_of_week: &[u32]) -> Days {
    let months = months.iter().fold(0_u16, |bits, month| bits | 1 << month);
    let days_of_month = days_of_month
        .iter()
        .fold(0_u32, |bits, day| bits | 1 << day);
    let weekdays = days_of_week
        .iter()
        .filter_map(|number| u8::try_from(*number).ok()?.checked_sub(1))
        .map(days_after_sunday);
    Days::new(
        months,
        days_of_month,
        Weekdays::new(weekdays).unwrap_or_default(),
    )
}

/// The shortest distance between two runs in minutes; `None` when they are a day or more apart.
fn shortest_distance(times: &[TimeOfDay], days: Days) -> Option<u16> {
    let within = times
        .windows(2)
        .map(|pair| pair[1].since_midnight() - pair[0].since_midnight())
        .min();
    let (first, last) = (times.first()?, times.last()?);
    let over_midnight = DAY_MINUTES - last.since_midnight() + first.since_midnight();
    if within.is_some_and(|within| within <= over_midnight) || !has_neighbors(days) {
        return within;
    }
    Some(over_midnight)
}

/// Whether any two days in a row count. Four years have every neighborhood of dates, and those with
/// a limited day of week repeat every week.
fn has_neighbors(days: Days) -> bool {
    const FOUR_YEARS: usize = 4 * 365 + 1;
    NaiveDate::default()
        .iter_days()
        .take(FOUR_YEARS)
        .any(|day| {
            let next = day.checked_add_days(DayCount::new(1));
            days.include(day) && next.is_some_and(|next| days.include(next))
        })
}

fn day_number(text: &str) -> Option<u8> {
    if let Some(day) = parse_day(&text.to_ascii_lowercase()) {
        return u8::try_from(day.num_days_from_sunday()).ok();
    }
    text.parse().ok().filter(|number| *number <= 7)
}

fn is_star(text: &str) -> bool {
    matches!(text, "*" | "?")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}
