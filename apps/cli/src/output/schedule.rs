//! Schedules and their next runs.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use org_core::ids::OrganizationId;
use serde::{Deserialize, Serialize};

use super::{Describe, Row, Text, time};

/// A schedule.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Schedule {
    /// `every`, `at`, `cron` or `manual`.
    kind: Cow<'static, str>,
    /// With `every`: the interval in seconds.
    seconds: Option<u32>,
    /// With `at`: the times of day, such as `06:00`.
    times: Option<Vec<String>>,
    /// With `at`: the days of the week, such as `mon`.
    weekdays: Option<Vec<String>>,
    /// With `cron`: the expression.
    expression: Option<String>,
    /// With `at` and `cron`: the time zone.
    zone: Option<String>,
    /// The same in words.
    pub(super) description: String,
}

impl From<&org_core::schedule::Schedule> for Schedule {
    fn from(schedule: &org_core::schedule::Schedule) -> Self {
        let mut body = Self {
            kind: Cow::Borrowed("manual"),
            seconds: None,
            times: None,
            weekdays: None,
            expression: None,
            zone: None,
            description: schedule.to_string(),
        };
        match schedule {
            org_core::schedule::Schedule::Every(interval) => {
                body.kind = Cow::Borrowed("every");
                body.seconds = Some(interval.seconds());
            }
            org_core::schedule::Schedule::At(daily) => {
                body.kind = Cow::Borrowed("at");
                body.times = Some(daily.times().iter().map(ToString::to_string).collect());
                let days = daily.weekdays().to_text();
                body.weekdays = Some(days.split(',').map(str::to_owned).collect());
                body.zone = Some(daily.zone().to_string());
            }
            org_core::schedule::Schedule::Cron(cron) => {
                body.kind = Cow::Borrowed("cron");
                body.expression = Some(cron.expression().to_owned());
                body.zone = Some(cron.zone().to_string());
            }
            org_core::schedule::Schedule::Manual => {}
        }
        body
    }
}

impl Schedule {
    /// The schedule itself; nothing where this version knows no such kind.
    pub(crate) fn parse(&self) -> Option<org_core::schedule::Schedule> {
        let (zone, words) = (self.zone.as_deref(), |words: &Option<Vec<String>>| {
            words.as_ref().map(|words| words.join(","))
        });
        let text = match &*self.kind {
            "every" => format!("every {}s", self.seconds?),
            "at" => format!(
                "at {} {} {}",
                words(&self.times)?,
                zone?,
                words(&self.weekdays)?
            ),
            "cron" => format!("cron {} @ {}", self.expression.as_ref()?, zone?),
            "manual" => "manual".to_owned(),
            _ => return None,
        };
        text.parse().ok()
    }
}

/// A schedule and its next runs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Preview {
    /// The schedule.
    schedule: Schedule,
    /// The next runs; empty for a manual schedule.
    runs: Vec<Run>,
    /// What should be known about these times.
    note: Option<Cow<'static, str>>,
}

/// A run that a schedule will make.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Run {
    /// The moment, in UTC.
    at: String,
    /// The same on the clocks of the schedule's zone.
    local: String,
    /// What a clock change does to it.
    note: Option<String>,
}

/// Said where an interval belongs to no organization yet.
const NO_PLACE_YET: &str = "an organization gets its own place in the interval when it is connected, so the minutes will differ; \
     its first sync starts at once";

/// The id that stands for an organization that is not there yet.
const NOBODY: u128 = 0;

impl Preview {
    /// The next `count` runs after `now`, of an organization or of one that is not there yet.
    pub(crate) fn new(
        schedule: &org_core::schedule::Schedule,
        organization: Option<OrganizationId>,
        now: DateTime<Utc>,
        count: usize,
    ) -> Self {
        let every = matches!(schedule, org_core::schedule::Schedule::Every(_));
        let note = match organization {
            None if every => Some(Cow::Borrowed(NO_PLACE_YET)),
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

impl Row for Run {
    const HEADER: &'static [&'static str] = &["Next runs", "UTC", "Clock change"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.local.clone(),
            self.at.clone(),
            self.note.clone().unwrap_or_default(),
        ]
    }
}

impl Describe for Preview {
    fn describe(&self, text: &mut Text) {
        text.field("Schedule", &self.schedule.description);
        text.table(&self.runs);
        if let Some(note) = &self.note {
            text.line(note);
        }
    }
}
