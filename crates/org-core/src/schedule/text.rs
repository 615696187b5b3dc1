//! One line of text per schedule, for a column of a database or a configuration file.

use std::str::FromStr;

use super::{
    CronError, CronSchedule, DailyTimes, DailyTimesError, Interval, IntervalError, Quoted,
    Schedule, TimeOfDay, TimeOfDayError, Weekdays, WeekdaysError, Zone, ZoneError,
};

/// Why a text is not a [`Schedule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It begins with none of the four words.
    #[error("{} is not a schedule; write every 6h, at 06:00 Europe/Warsaw, cron 0 6 * * * @ UTC, or manual", Quoted(.text))]
    UnknownKind {
        /// The refused text.
        text: String,
    },
    /// `at` without its parts.
    #[error("{} lacks a part; write times, a time zone and, if need be, days: at 06:00,18:00 Europe/Warsaw mon,tue", Quoted(.text))]
    IncompleteTimes {
        /// The refused text.
        text: String,
    },
    /// `cron` without a zone.
    #[error("{} has no time zone; write it after an @ sign: cron 0 6 * * * @ Europe/Warsaw", Quoted(.text))]
    CronWithoutZone {
        /// The refused text.
        text: String,
    },
    /// The interval is refused.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// A time of day is refused.
    #[error(transparent)]
    Time(#[from] TimeOfDayError),
    /// The times together are refused.
    #[error(transparent)]
    Times(#[from] DailyTimesError),
    /// The time zone is refused.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// The days of the week are refused.
    #[error(transparent)]
    Weekdays(#[from] WeekdaysError),
    /// The cron expression is refused.
    #[error(transparent)]
    Cron(#[from] CronError),
}

impl Schedule {
    /// The canonical text, which [`FromStr`] reads again into an equal schedule:
    ///
    /// | schedule | text |
    /// |---|---|
    /// | every six hours | `every 21600s` |
    /// | at times, every day | `at 06:00,18:00 Europe/Warsaw` |
    /// | at times, on some days | `at 06:00,18:00 Europe/Warsaw mon,tue` |
    /// | a cron expression | `cron 0 6 * * 1 @ UTC` |
    /// | manual | `manual` |
    ///
    /// A store may keep it: later versions read what earlier ones wrote.
    pub fn to_text(&self) -> String {
        match self {
            Self::Every(interval) => format!("every {}s", interval.seconds()),
            Self::At(daily) => {
                let times: Vec<String> = daily.times().iter().map(ToString::to_string).collect();
                let weekdays = match daily.weekdays() {
                    Weekdays::ALL => String::new(),
                    some => format!(" {}", some.to_text()),
                };
                format!("at {} {}{weekdays}", times.join(","), daily.zone())
            }
            Self::Cron(cron) => format!("cron {} @ {}", cron.expression(), cron.zone()),
            Self::Manual => "manual".to_owned(),
        }
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Reads what [`Schedule::to_text`] writes, and what people write in its place: any interval
    /// that [`Interval`] understands, and any days that [`Weekdays`] understands.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match kind {
            "every" => Ok(Self::Every(Interval::parse(rest)?)),
            "at" => parse_at(text, rest).map(Self::At),
            "cron" => {
                let (expression, zone) =
                    rest.rsplit_once(" @ ")
                        .ok_or_else(|| ScheduleError::CronWithoutZone {
                            text: text.to_owned(),
                        })?;
                Ok(Self::Cron(CronSchedule::parse(expression, zone.parse()?)?))
            }
            "manual" if rest.is_empty() => Ok(Self::Manual),
            _ => Err(ScheduleError::UnknownKind {
                text: text.to_owned(),
            }),
        }
    }
}

fn parse_at(text: &str, rest: &str) -> Result<DailyTimes, ScheduleError> {
    let mut words = rest.split_whitespace();
    let (Some(times), Some(zone)) = (words.next(), words.next()) else {
        return Err(ScheduleError::IncompleteTimes {
            text: text.to_owned(),
        });
    };
    let times = times
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<TimeOfDay>, _>>()?;
    let zone: Zone = zone.parse()?;
    let weekdays: Vec<&str> = words.collect();
    let weekdays = if weekdays.is_empty() {
        Weekdays::ALL
    } else {
        weekdays.join(",").parse()?
    };
    Ok(DailyTimes::new(times, zone, weekdays)?)
}
