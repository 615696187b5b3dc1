//! What a scheduler does with the stored next run of an organization.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::Schedule;
use crate::ids::OrganizationId;

/// What to do with an organization now, and what to store for later; see [`Schedule::plan_next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The run to start at once, if any.
    pub run: Option<DueRun>,
    /// The next run to store in the same step, always later than now; `None` when the schedule
    /// has no further run.
    pub next_run: Option<DateTime<Utc>>,
}

/// A run whose time has come, together with all that were missed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// When it was to start.
    pub planned: DateTime<Utc>,
    /// How long ago that was.
    pub late_by: TimeDelta,
    /// How many later runs were missed and are made up by this one; counting stops at
    /// [`DueRun::MOST_COUNTED`], since more say nothing more.
    pub also_missed: u32,
}

impl DueRun {
    /// Where the counting of missed runs stops.
    pub const MOST_COUNTED: u32 = 100;
}

impl fmt::Display for DueRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "planned for {}",
            self.planned.to_rfc3339_opts(SecondsFormat::Secs, true)
        )?;
        match self.also_missed {
            0 => Ok(()),
            1 => f.write_str("; makes up for one more missed run"),
            Self::MOST_COUNTED => {
                write!(
                    f,
                    "; makes up for {} or more missed runs",
                    Self::MOST_COUNTED
                )
            }
            missed => write!(f, "; makes up for {missed} more missed runs"),
        }
    }
}

impl Schedule {
    /// Decides over an organization whose stored next run is `next_run`.
    ///
    /// The run is due when the stored moment has come. Whatever was missed since then, because the
    /// server was down or the organization busy, is made up by that one run. Nothing is due without
    /// a stored moment, nor by a manual schedule.
    ///
    /// The answer's next run is counted from `now` and not from the stored moment, which for a
    /// stored moment in the future is the same. It differs after the clock was set back or the
    /// schedule was changed behind the store's back, and then it is the right one; so it can be stored
    /// whenever it differs.
    ///
    /// ```
    /// use chrono::{DateTime, Utc};
    /// use org_core::ids::OrganizationId;
    /// use org_core::schedule::Schedule;
    ///
    /// let organization: OrganizationId = "0192f0c1-2345-7000-8000-000000000001".parse()?;
    /// let schedule: Schedule = "at 06:00 UTC".parse()?;
    /// let stored: DateTime<Utc> = "2027-03-01T06:00:00Z".parse()?;
    /// let after_an_outage: DateTime<Utc> = "2027-03-04T09:30:00Z".parse()?;
    ///
    /// let due = schedule.plan_next(organization, Some(stored), after_an_outage);
    ///
    /// let run = due.run.expect("its time has passed");
    /// assert_eq!(
    ///     run.to_string(),
    ///     "planned for 2027-03-01T06:00:00Z; makes up for 3 more missed runs"
    /// );
    /// assert_eq!(due.next_run, Some("2027-03-05T06:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan_next(
        &self,
        organization: OrganizationId,
        next_run: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Due {
        let has_come = next_run.filter(|planned| *planned <= now && *self != Self::Manual);
        Due {
            run: has_come.map(|planned| DueRun {
                planned,
                late_by: now - planned,
                also_missed: self.count_between(organization, planned, now),
            }),
            next_run: self.next_after(organization, now),
        }
    }

    /// The number of runs after `planned` and up to `now`, as far as it is counted.
    fn count_between(
        &self,
        organization: OrganizationId,
        planned: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> u32 {
        let missed = self
            .preview(organization, planned)
            .take_while(|run| run.at <= now);
        (0..DueRun::MOST_COUNTED)
            .zip(missed)
            .map(|(index, _)| index + 1)
            .last()
            .unwrap_or(0)
    }
}
