//! A set of days of the week.

use std::fmt;
use std::str::FromStr;

use chrono::Weekday;

use super::Quoted;

/// The days of the week on which times of day count; never empty.
///
/// ```
/// use org_core::schedule::Weekdays;
///
/// let days: Weekdays = "mon-fri".parse()?;
/// assert_eq!(days, "weekdays".parse()?);
/// assert_eq!(days.to_string(), "Monday to Friday");
/// assert_eq!(days.to_text(), "mon,tue,wed,thu,fri");
/// # Ok::<(), org_core::schedule::WeekdaysError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays {
    /// Bit 0 is Monday.
    bits: u8,
}

/// Why a text or a list is not a set of [`Weekdays`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeekdaysError {
    /// No day is left.
    #[error(
        "no day of the week was given; write days such as mon,wed or mon-fri, or leave them out for every day"
    )]
    Empty,
    /// A word that is no day.
    #[error("{} is not a day of the week; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays or weekends", Quoted(.text))]
    UnknownDay {
        /// The refused word.
        text: String,
    },
}

const WEEK: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self { bits: 0b111_1111 };
    /// Monday to Friday.
    pub const WEEKDAYS: Self = Self { bits: 0b001_1111 };
    /// Saturday and Sunday.
    pub const WEEKENDS: Self = Self { bits: 0b110_0000 };

    /// Takes the days, in any order; a repeated one counts once.
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Result<Self, WeekdaysError> {
        let bits = days.into_iter().fold(0, |bits, day| bits | bit(day));
        if bits == 0 {
            Err(WeekdaysError::Empty)
        } else {
            Ok(Self { bits })
        }
    }

    /// Whether the day is in the set.
    pub fn contains(self, day: Weekday) -> bool {
        self.bits & bit(day) != 0
    }

    /// The days, Monday first.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        WEEK.into_iter().filter(move |day| self.contains(*day))
    }

    /// The canonical short form, which [`FromStr`] reads again: `mon,tue`.
    pub fn to_text(self) -> String {
        self.iter().map(short_name).collect::<Vec<_>>().join(",")
    }
}

impl Default for Weekdays {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for Weekdays {
    type Err = WeekdaysError;

    /// Reads days and ranges of days, separated by commas or spaces and without regard to case.
    ///
    /// A range may go over the end of the week: `fri-mon` is Friday to Monday.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bits = 0;
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            bits |= parse_word(&word.to_ascii_lowercase())
                .ok_or_else(|| WeekdaysError::UnknownDay {
                    text: word.to_owned(),
                })?
                .bits;
        }
        if bits == 0 {
            Err(WeekdaysError::Empty)
        } else {
            Ok(Self { bits })
        }
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("every day");
        }
        let days: Vec<Weekday> = self.iter().collect();
        if let [first, .., last] = days.as_slice()
            && days.len() > 2
            && *self == range(*first, *last)
        {
            return write!(f, "{} to {}", full_name(*first), full_name(*last));
        }
        f.write_str(&super::list_in_words(days.into_iter().map(full_name)))
    }
}

/// One day by its English name, whole or short, in lower case.
pub(super) fn parse_day(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" | "monday" => Weekday::Mon,
        "tue" | "tues" | "tuesday" => Weekday::Tue,
        "wed" | "wednesday" => Weekday::Wed,
        "thu" | "thur" | "thurs" | "thursday" => Weekday::Thu,
        "fri" | "friday" => Weekday::Fri,
        "sat" | "saturday" => Weekday::Sat,
        "sun" | "sunday" => Weekday::Sun,
        _ => return None,
    })
}

pub(super) const fn short_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "mon",
        Weekday::Tue => "tue",
        Weekday::Wed => "wed",
        Weekday::Thu => "thu",
        Weekday::Fri => "fri",
        Weekday::Sat => "sat",
        Weekday::Sun => "sun",
    }
}

const fn full_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn parse_word(word: &str) -> Option<Weekdays> {
    match word {
        "all" | "daily" | "everyday" => Some(Weekdays::ALL),
        "weekday" | "weekdays" | "workdays" => Some(Weekdays::WEEKDAYS),
        "weekend" | "weekends" => Some(Weekdays::WEEKENDS),
        _ => match word.split_once('-') {
            Some((first, last)) => Some(range(parse_day(first)?, parse_day(last)?)),
            None => parse_day(word).map(|day| Weekdays { bits: bit(day) }),
        },
    }
}

/// From `first` to `last`, over the end of the week where need be.
fn range(first: Weekday, last: Weekday) -> Weekdays {
    let mut bits = bit(first);
    let mut day = first;
    while day != last {
        day = day.succ();
        bits |= bit(day);
    }
    Weekdays { bits }
}

const fn bit(day: Weekday) -> u8 {
    1 << day.num_days_from_monday()
}
