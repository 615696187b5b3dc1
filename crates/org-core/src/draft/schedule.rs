//! When to synchronize, as a person typed it.

use super::{Field, FieldError};
use crate::schedule::{
    CronSchedule, DailyTimes, Interval, Schedule, TimeOfDay, Weekdays, WeekdaysError, Zone,
};

/// When to synchronize, as typed. Fields that belong to another kind than the chosen one are a mistake, so that nothing is silently ignored.
#[derive(Debug, Clone, Default)]
pub struct ScheduleDraft {
    /// The interval, such as `6h`.
    pub every: Option<String>,
    /// The times of day, such as `06:00,18:00`.
    pub at: Option<String>,
    /// The cron expression.
    pub cron: Option<String>,
    /// Only when a person asks.
    pub manual: bool,
    /// The time zone of times and cron.
    pub zone: Option<String>,
    /// The days of the week for times.
    pub weekdays: Option<String>,
}

/// What happens when nobody says when to synchronize.
pub const DEFAULT_INTERVAL: &str = "6h";

impl ScheduleDraft {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        let Self {
            every,
            at,
            cron,
            manual,
            zone,
            weekdays,
        } = self;
        !manual
            && [every, at, cron, zone, weekdays]
                .iter()
                .all(|text| text.is_none())
    }

    /// The schedule, or every mistake.
    pub fn parse(&self) -> Result<Schedule, Vec<FieldError>> {
        let mut errors = Vec::new();
        let chosen: Vec<Field> = [
            (self.every.is_some(), Field::Every),
            (self.at.is_some(), Field::At),
            (self.cron.is_some(), Field::Cron),
            (self.manual, Field::Schedule),
        ]
        .into_iter()
        .filter_map(|(chosen, field)| chosen.then_some(field))
        .collect();
        if chosen.len() > 1 {
            let message = "choose one of an interval, times of day, a cron expression and manual";
            errors.push(FieldError::new(Field::Schedule, message));
        }
        let timed = self.at.is_some() || self.cron.is_some();
        let zone = self.zone.as_deref().map(str::parse::<Zone>);
        match &zone {
            Some(Err(error)) => errors.push(FieldError::new(Field::Zone, error)),
            Some(Ok(_)) if !timed => {
                let message = "a time zone goes with times of day or a cron expression only";
                errors.push(FieldError::new(Field::Zone, message));
            }
            _ => {}
        }
        let zone = zone.and_then(Result::ok).unwrap_or(Zone::UTC);
        let weekdays = self.weekdays.as_deref().map(str::parse::<Weekdays>);
        if let Some(Err(error)) = &weekdays {
            errors.push(FieldError::new(Field::Weekdays, error));
        } else if weekdays.is_some() && self.at.is_none() {
            let message = "days of the week go with times of day only";
            errors.push(FieldError::new(Field::Weekdays, message));
        }
        let weekdays = weekdays
            .and_then(Result::<_, WeekdaysError>::ok)
            .unwrap_or(Weekdays::ALL);
        let mut keep = |field, result: Result<Schedule, String>| match result {
            Ok(schedule) => Some(schedule),
            Err(message) => {
                errors.push(FieldError { field, message });
                None
            }
        };
        let at = self.at.as_deref().map(|at| parse_times(at, zone, weekdays));
        let at = at.map(|parsed| keep(Field::At, parsed));
        let cron = self.cron.as_deref().map(|cron| {
            let parsed = CronSchedule::parse(cron, zone).map(Schedule::Cron);
            keep(Field::Cron, parsed.map_err(|error| error.to_string()))
        });
        let every = match (&self.every, chosen.is_empty()) {
            (Some(every), _) => Some(every.as_str()),
            (None, true) => Some(DEFAULT_INTERVAL),
            (None, false) => None,
        };
        let every = every.map(|every| {
            let parsed = Interval::parse(every).map(Schedule::Every);
            keep(Field::Every, parsed.map_err(|error| error.to_string()))
        });
        let schedule = at.or(cron).or(every).unwrap_or(Some(Schedule::Manual));
        match schedule {
            Some(schedule) if errors.is_empty() => Ok(schedule),
            _ => Err(errors),
        }
    }
}

fn parse_times(text: &str, zone: Zone, weekdays: Weekdays) -> Result<Schedule, String> {
    let times = text
        .split(',')
        .map(|time| time.trim().parse::<TimeOfDay>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    DailyTimes::new(times, zone, weekdays)
        .map(Schedule::At)
        .map_err(|error| error.to_string())
}
