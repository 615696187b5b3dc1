//! Schedules and their next runs.

use chrono::{DateTime, Utc};
use org_core::ids::OrganizationId;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// A schedule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Schedule {
    /// `every`, `at`, `cron` or `manual`.
    pub kind: &'static str,
    /// With `every`: the interval in seconds.
    pub seconds: Option<u32>,
    /// With `at`: the times of day, such as `06:00`.
    pub times: Option<Vec<String>>,
    /// With `at`: the days of the week, such as `mon`.
    pub weekdays: Option<Vec<String>>,
    /// With `cron`: the expression.
    pub expression: Option<String>,
    /// With `at` and `cron`: the time zone.
    pub zone: Option<String>,
    /// The same in words.
    pub description: String,
}

impl From<&org_core::schedule::Schedule> for Schedule {
    fn from(schedule: &org_core::schedule::Schedule) -> Self {
        let mut body = Self {
            kind: "manual",
            seconds: None,
            times: None,
            weekdays: None,
            expression: None,
            zone: None,
            description: schedule.to_string(),
        };
        match schedule {
            org_core::schedule::Schedule::Every(interval) => {
                body.kind = "every";
                body.seconds = Some(interval.seconds());
            }
            org_core::schedule::Schedule::At(daily) => {
                body.kind = "at";
                body.times = Some(daily.times().iter().map(ToString::to_string).collect());
                let days = daily.weekdays().to_text();
                body.weekdays = Some(days.split(',').map(str::to_owned).collect());
                body.zone = Some(daily.zone().to_string());
            }
            org_core::schedule::Schedule::Cron(cron) => {
                body.kind = "cron";
                body.expression = Some(cron.expression().to_owned());
                body.zone = Some(cron.zone().to_string());
            }
            org_core::schedule::Schedule::Manual => {}
        }
        body
    }
}

/// A schedule and its next runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// The schedule.
    pub schedule: Schedule,
    /// The next runs; empty for a manual schedule.
    pub runs: Vec<Run>,
    /// What should be known about these times.
    pub note: Option<&'static str>,
}

/// A run that a schedule will make.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Run {
    /// The moment, in UTC.
    pub at: String,
    /// The same on the clocks of the schedule's zone.
    pub local: String,
    /// What a clock change does to it.
    pub note: Option<String>,
}

/// Said where an interval belongs to no organization yet.
const NO_PLACE_YET: &str = "an organization gets its own place in the interval when it is connected, so the minutes will differ; \
     its first sync starts at once";

/// The id that stands for an organization that is not there yet.
const NOBODY: u128 = 0;

impl Preview {
    /// The next `count` runs after `now`, of an organization or of one that is not there yet.
    pub fn new(
        schedule: &org_core::schedule::Schedule,
        organization: Option<OrganizationId>,
        now: DateTime<Utc>,
        count: usize,
    ) -> Self {
        let every = matches!(schedule, org_core::schedule::Schedule::Every(_));
        let note = match organization {
            None if every => Some(NO_PLACE_YET),
            _ => None,
        };
        let id = organization
            .unwrap_or_else(|| OrganizationId::from_uuid(uuid::Uuid::from_u128(NOBODY)));
        let run = |run: org_core::schedule::Run| Run {
            at: time::stamp(run.at),
            local: run.local.format("%a %Y-%m-%d %H:%M %Z").to_string(),
            note: run.note.map(|note| note.to_string()),
        };
        Self {
            schedule: schedule.into(),
            runs: schedule.preview(id, now).take(count).map(run).collect(),
            note,
        }
    }
}
