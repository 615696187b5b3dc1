//! The JSON shape of schedules, behind the feature `serde`. It is described in the documentation of
//! the parent module; every value goes through its parser on the way in.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::weekdays::short_name;
use super::{CronSchedule, DailyTimes, Interval, Schedule, TimeOfDay, Weekdays, Zone};

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum ScheduleShape {
    Every {
        seconds: Interval,
    },
    At {
        times: Vec<TimeOfDay>,
        zone: Zone,
        #[serde(default)]
        weekdays: Weekdays,
    },
    Cron {
        expression: String,
        zone: Zone,
    },
    Manual {},
}

impl From<&Schedule> for ScheduleShape {
    fn from(schedule: &Schedule) -> Self {
        match schedule {
            Schedule::Every(interval) => Self::Every { seconds: *interval },
            Schedule::At(daily) => Self::At {
                times: daily.times().to_vec(),
                zone: daily.zone(),
                weekdays: daily.weekdays(),
            },
            Schedule::Cron(cron) => Self::Cron {
                expression: cron.expression().to_owned(),
                zone: cron.zone(),
            },
            Schedule::Manual => Self::Manual {},
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ScheduleShape::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ScheduleShape::deserialize(deserializer)? {
            ScheduleShape::Every { seconds } => Ok(Self::Every(seconds)),
            ScheduleShape::At {
                times,
                zone,
                weekdays,
            } => DailyTimes::new(times, zone, weekdays)
                .map(Self::At)
                .map_err(de::Error::custom),
            ScheduleShape::Cron { expression, zone } => CronSchedule::parse(&expression, zone)
                .map(Self::Cron)
                .map_err(de::Error::custom),
            ScheduleShape::Manual {} => Ok(Self::Manual),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.seconds())
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_seconds(u64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Types whose JSON is the string that they display and parse.
macro_rules! as_string {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_string!(TimeOfDay, Zone);

impl Serialize for Weekdays {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(short_name))
    }
}

impl<'de> Deserialize<'de> for Weekdays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .join(",")
            .parse()
            .map_err(de::Error::custom)
    }
}
