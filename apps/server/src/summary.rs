//! How the whole installation does: how much is covered, what needs a person, and what was synchronized lately.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use org_core::ids::OrganizationId;
use org_core::license::pool::Seats;
use org_core::organization::{Organization, Status};
use org_core::ports::VaultError;
use org_core::sync::run::{RunOutcome, SyncRun};
use org_core::text::VaultName;
use org_core::use_cases::licenses::{self, PoolStatus};
use org_core::use_cases::overview::{self, Overview, Which};
use org_core::use_cases::vaults;

use crate::api::problem::Problem;
use crate::console::{ENDING, counted, sentence};
use crate::state::AppState;

/// How many days of syncs are looked at.
pub(crate) const DAYS: u32 = 14;

/// How many runs are read for them at most.
const RUNS: usize = 2000;

/// How long a vault may take to say how it does.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the whole installation does.
pub(crate) struct Summary {
    pub(crate) now: DateTime<Utc>,
    pub(crate) overviews: Vec<Overview>,
    pub(crate) pool: PoolStatus,
    /// The syncs of the last days, the newest first.
    pub(crate) runs: Vec<SyncRun>,
    away: Vec<(VaultName, VaultError)>,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) about: About,
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) step: String,
}

/// What a need is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// A vault that does not answer.
    Vault,
    /// An organization that asks for action.
    Organization(OrganizationId),
    /// A token of an organization that ends in so many days.
    Token(OrganizationId, i64),
    /// Repositories that wait for a license.
    Seats,
}

/// How the syncs of a day ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) date: NaiveDate,
    pub(crate) complete: u64,
    pub(crate) partial: u64,
    pub(crate) failed: u64,
}

impl Summary {
    /// As it is now.
    pub(crate) async fn read(state: &AppState) -> Result<Self, Problem> {
        // A vault that does not answer keeps nobody waiting for longer than a person would.
        let (overviews, away) = tokio::join!(
            overview::all(state.ports(), Which::Present),
            vaults::away(state.ports(), PATIENCE),
        );
        let now = state.ports().clock.now();
        Ok(Self {
            now,
            overviews: overviews?,
            pool: licenses::status(state.ports()).await?,
            runs: runs(state, now - chrono::TimeDelta::days(DAYS.into())).await?,
            away,
        })
    }

    /// How many organizations are as they should be.
    pub(crate) fn connected(&self) -> usize {
        let connected = |overview: &&Overview| overview.organization.status == Status::Connected;
        self.overviews.iter().filter(connected).count()
    }

    /// A number of all organizations together.
    pub(crate) fn sum(&self, count: fn(&Overview) -> u64) -> u64 {
        self.overviews.iter().map(count).sum()
    }

    /// What needs a person.
    pub(crate) fn needs(&self) -> Vec<Need> {
        needs(
            &self.overviews,
            (self.pool.seats, self.pool.summary.waiting),
            &self.away,
        )
    }

    /// How the syncs of each of the last days ended, the oldest day first.
    pub(crate) fn activity(&self) -> Vec<Day> {
        activity(&self.runs, self.now.date_naive())
    }
}

/// What is wrong with an organization, and what to do next.
fn trouble(organization: &Organization) -> Option<Need> {
    let Status::ActionRequired(reason) = &organization.status else {
        return None;
    };
    Some(Need {
        about: About::Organization(organization.id),
        subject: organization.name.to_string(),
        what: sentence(&reason.explain()),
        step: sentence(reason.next_step()),
    })
}

/// A vault that does not answer: what uses its secrets stands still until somebody looks after it.
fn vault_away((name, error): &(VaultName, VaultError)) -> Need {
    Need {
        about: About::Vault,
        subject: format!("Vault {name}"),
        what: sentence(&error.to_string()),
        step: "Its secrets are out of reach until then; what waits for them goes on by itself"
            .to_owned(),
    }
}

fn needs(
    overviews: &[Overview],
    (seats, waiting): (Seats, u64),
    away: &[(VaultName, VaultError)],
) -> Vec<Need> {
    let mut needs: Vec<Need> = away.iter().map(vault_away).collect();
    for overview in overviews {
        let organization = &overview.organization;
        needs.extend(trouble(organization));
        if let Some(days) = overview
            .token_days_left
            .filter(|days| (1..=ENDING).contains(days))
            && organization.status != Status::Paused
        {
            needs.push(Need {
                about: About::Token(organization.id, days),
                subject: organization.name.to_string(),
                what: format!(
                    "The access token expires in {}",
                    counted(days.unsigned_abs(), "day", "days")
                ),
                step: "Rotate it, or make a new token at the host and reconnect the organization with it"
                    .to_owned(),
            });
        }
    }
    if waiting > 0 {
        needs.push(Need {
            about: About::Seats,
            subject: "Licenses".to_owned(),
            what: format!(
                "{} wait for a seat, {seats} are there",
                counted(waiting, "repository", "repositories")
            ),
            step: "Raise the number of seats, or release licenses that are not needed".to_owned(),
        });
    }
    needs
}

/// The runs since `since`, the newest first.
async fn runs(state: &AppState, since: DateTime<Utc>) -> Result<Vec<SyncRun>, Problem> {
    let mut runs = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = state
            .ports()
            .syncs
            .list(None, after.as_deref(), 500)
            .await?;
        let old = page.items.iter().any(|run| run.started_at < since);
        runs.extend(page.items.into_iter().filter(|run| run.started_at >= since));
        after = page.next;
        if old || after.is_none() || runs.len() >= RUNS {
            return Ok(runs);
        }
    }
}

fn activity(runs: &[SyncRun], today: NaiveDate) -> Vec<Day> {
    let first = today
        .checked_sub_days(Days::new(u64::from(DAYS) - 1))
        .unwrap_or(today);
    let day = |(date, _)| Day {
        date,
        complete: 0,
        partial: 0,
        failed: 0,
    };
    let mut days: Vec<Day> = first.iter_days().zip(0..DAYS).map(day).collect();
    for run in runs {
        let at = (run.started_at.date_naive() - first).num_days();
        let Some(day) = usize::try_from(at).ok().and_then(|at| days.get_mut(at)) else {
            continue;
        };
        match run.outcome() {
            Some(RunOutcome::Complete) => day.complete += 1,
            Some(RunOutcome::Partial { .. } | RunOutcome::Held { .. }) => day.partial += 1,
            Some(RunOutcome::Failed { .. }) => day.failed += 1,
            _ => {}
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use org_core::ports::InventoryCounts;
    use org_core::testing::build;

    use super::*;

    fn overview(days_left: i64) -> Overview {
        Overview {
            organization: build::organization(1, "acme").build(),
            counts: InventoryCounts::default(),
            next_run: None,
            token_days_left: Some(days_left),
        }
    }

    #[test]
    fn a_token_that_ends_soon_needs_somebody() {
        let seats = (Seats::Unlimited, 0);
        for days in [31, 0] {
            assert!(needs(&[overview(days)], seats, &[]).is_empty(), "{days}");
        }
        let all = needs(&[overview(30)], seats, &[]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].what, "The access token expires in 30 days");
        assert!(matches!(all[0].about, About::Token(_, 30)));
    }

    #[test]
    fn a_vault_that_is_away_needs_somebody() {
        let error = VaultError::Unavailable {
            detail: "no answer".to_owned(),
        };
        let unreachable = vault_away(&("openbao".parse().expect("a name"), error));
        assert_eq!(unreachable.subject, "Vault openbao");
        assert_eq!(unreachable.what, "The vault cannot be reached: no answer");
        assert!(unreachable.step.starts_with("Its secrets are out of reach"));
    }

    #[test]
    fn each_of_the_last_days_is_there() {
        let today = build::noon().date_naive();
        let days = activity(&[], today);
        assert_eq!(days.len(), 14);
        assert_eq!(days.last().map(|day| day.date), Some(today));
    }
}
