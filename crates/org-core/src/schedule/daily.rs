//! Times of day in a time zone.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveTime;

use super::calendar::{Calendar, Days};
use super::{Quoted, Weekdays, Zone};

/// A time of day to the minute, from 00:00 to 23:59.
///
/// ```
/// use org_core::schedule::TimeOfDay;
///
/// let time: TimeOfDay = "6:05".parse()?;
/// assert_eq!(time.to_string(), "06:05");
///
/// let error = "25:00".parse::<TimeOfDay>().unwrap_err();
/// assert_eq!(error.to_string(), r#"the hour of "25:00" is out of range; hours go from 00 to 23"#);
/// # Ok::<(), org_core::schedule::TimeOfDayError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// Since midnight, less than a day.
    minutes: u16,
}

/// Why a text is not a [`TimeOfDay`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeOfDayError {
    /// Not two numbers with a colon between them.
    #[error("{} is not a time of day; write it as HH:MM, such as 06:00 or 18:30", Quoted(.text))]
    Malformed {
        /// The refused text.
        text: String,
    },
    /// Seconds were given.
    #[error("{} has seconds; write hours and minutes alone, such as 06:00", Quoted(.text))]
    Seconds {
        /// The refused text.
        text: String,
    },
    /// 24 or more.
    #[error("the hour of {} is out of range; hours go from 00 to 23", Quoted(.text))]
    Hour {
        /// The refused text.
        text: String,
    },
    /// 60 or more.
    #[error("the minute of {} is out of range; minutes go from 00 to 59", Quoted(.text))]
    Minute {
        /// The refused text.
        text: String,
    },
}

impl TimeOfDay {
    /// Takes an hour below 24 and a minute below 60.
    pub const fn new(hour: u8, minute: u8) -> Option<Self> {
        if hour < 24 && minute < 60 {
            Some(Self {
                minutes: hour as u16 * 60 + minute as u16,
            })
        } else {
            None
        }
    }

    /// The hour, 0 to 23.
    pub const fn hour(self) -> u16 {
        self.minutes / 60
    }

    /// The minute, 0 to 59.
    pub const fn minute(self) -> u16 {
        self.minutes % 60
    }

    pub(super) const fn since_midnight(self) -> u16 {
        self.minutes
    }

    pub(super) fn naive(self) -> NaiveTime {
        NaiveTime::from_num_seconds_from_midnight_opt(u32::from(self.minutes) * 60, 0)
            .expect("a time of day is less than a day after midnight")
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let malformed = || TimeOfDayError::Malformed {
            text: text.to_owned(),
        };
        let (hour, minute) = text.split_once(':').ok_or_else(malformed)?;
        if let Some((minute, second)) = minute.split_once(':')
            && two_digits(minute).is_some()
            && two_digits(second).is_some()
        {
            return Err(TimeOfDayError::Seconds {
                text: text.to_owned(),
            });
        }
        let hour = match hour.len() {
            1 => two_digits(&format!("0{hour}")),
            _ => two_digits(hour),
        }
        .ok_or_else(malformed)?;
        let minute = two_digits(minute).ok_or_else(malformed)?;
        if hour >= 24 {
            return Err(TimeOfDayError::Hour {
                text: text.to_owned(),
            });
        }
        Self::new(hour, minute).ok_or_else(|| TimeOfDayError::Minute {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// One to 24 distinct times of day on some days of the week, in a time zone.
///
/// ```
/// use org_core::schedule::{DailyTimes, Weekdays, Zone};
///
/// let times = DailyTimes::new(
///     ["18:00".parse()?, "06:00".parse()?],
///     "Europe/Warsaw".parse()?,
///     Weekdays::WEEKDAYS,
/// )?;
/// assert_eq!(times.to_string(), "at 06:00 and 18:00 Europe/Warsaw, Monday to Friday");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyTimes {
    calendar: Calendar,
    zone: Zone,
}

/// Why times do not make [`DailyTimes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DailyTimesError {
    /// No time was given.
    #[error("no time of day was given; write at least one, such as 06:00")]
    Empty,
    /// More than [`DailyTimes::MAX_TIMES`].
    #[error(
        "more than {} times of day were given; leave some out, or choose an interval or a cron expression",
        DailyTimes::MAX_TIMES
    )]
    TooMany,
    /// The same time twice.
    #[error("the time {time} was given twice; leave one of them out")]
    Repeated {
        /// The time.
        time: TimeOfDay,
    },
}

impl DailyTimes {
    /// The greatest number of times in a day.
    pub const MAX_TIMES: usize = 24;

    /// Takes the times in any order.
    pub fn new(
        times: impl IntoIterator<Item = TimeOfDay>,
        zone: Zone,
        weekdays: Weekdays,
    ) -> Result<Self, DailyTimesError> {
        let mut times: Vec<TimeOfDay> = times.into_iter().take(Self::MAX_TIMES + 1).collect();
        if times.is_empty() {
            return Err(DailyTimesError::Empty);
        }
        if times.len() > Self::MAX_TIMES {
            return Err(DailyTimesError::TooMany);
        }
        times.sort_unstable();
        if let Some(pair) = times.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DailyTimesError::Repeated { time: pair[0] });
        }
        Ok(Self {
            calendar: Calendar::new(times, Days::on(weekdays)),
            zone,
        })
    }

    /// The times, the earliest first.
    pub fn times(&self) -> &[TimeOfDay] {
        self.calendar.times()
    }

    /// The time zone in which the times are meant.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The days on which the times count.
    pub const fn weekdays(&self) -> Weekdays {
        self.calendar.days().weekdays()
    }

    pub(super) const fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

impl fmt::Display for DailyTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = super::list_in_words(self.times().iter());
        write!(f, "at {times} {}, {}", self.zone, self.weekdays())
    }
}
