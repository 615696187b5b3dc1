//! The next runs of a schedule, for people to look at before they save it.

use std::fmt;
use std::iter::FusedIterator;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

use super::Schedule;
use crate::ids::OrganizationId;

/// One run that a schedule will make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The same moment in the zone of the schedule; UTC for an interval, which has none.
    pub local: DateTime<Tz>,
    /// What a clock change does to this run.
    pub note: Option<RunNote>,
}

/// What a clock change does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunNote {
    /// The clocks skip the time, so the run comes at the first moment after the gap.
    Moved {
        /// The time that the clocks skip; the first, where they skip several.
        from: NaiveDateTime,
    },
    /// The clocks show the time twice, and the run comes the first time only.
    FirstOfTwo,
    /// The clocks show the time twice, and an hourly schedule runs both times.
    BothOfTwo,
}

impl fmt::Display for RunNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { from } => {
                write!(
                    f,
                    "moved from {} past the clock change",
                    from.format("%H:%M")
                )
            }
            Self::FirstOfTwo => f.write_str("happens twice that day; runs the first time"),
            Self::BothOfTwo => f.write_str("happens twice that day; runs both times"),
        }
    }
}

/// The runs of a schedule in their order; see [`Schedule::preview`].
///
/// It ends only for a schedule that is manual and at the end of the calendar, so take what you need.
#[derive(Debug, Clone)]
pub struct Preview<'a> {
    schedule: &'a Schedule,
    organization: OrganizationId,
    after: Option<DateTime<Utc>>,
}

impl<'a> Preview<'a> {
    pub(super) const fn new(
        schedule: &'a Schedule,
        organization: OrganizationId,
        after: DateTime<Utc>,
    ) -> Self {
        Self {
            schedule,
            organization,
            after: Some(after),
        }
    }
}

impl Iterator for Preview<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let firing = self
            .after
            .and_then(|after| self.schedule.next_firing(self.organization, after));
        self.after = firing.map(|firing| firing.at);
        firing.map(|firing| Run {
            at: firing.at,
            local: firing.at.with_timezone(&self.schedule.zone().tz()),
            note: firing.note,
        })
    }
}

impl FusedIterator for Preview<'_> {}
