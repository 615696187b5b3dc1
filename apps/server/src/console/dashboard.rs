//! The dashboard: how much is covered, what needs action, and what happened lately.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Days, NaiveDate, Utc};
use org_core::license::pool::Seats;
use org_core::organization::Status;
use org_core::ports::{EventFilter, VaultError};
use org_core::sync::run::{RunOutcome, SyncRun};
use org_core::text::VaultName;
use org_core::use_cases::overview::{self, Overview, Which};
use org_core::use_cases::{licenses, vaults};

use super::frame::{Frame, Noticed, Section, render};
use super::history::{EventView, Names};
use super::organizations::next_step;
use super::secrets::PATIENCE;
use super::urls;
use super::view::{Badge, Bar, Chart, ENDING, Meter, Stamp, Tone, counted, sentence, thousands};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new().route(urls::DASHBOARD, get(page))
}

/// How many days the drawing has.
const DAYS: u32 = 14;

/// How many runs are read for it at most.
const RUNS: usize = 2000;

/// Something that needs a person.
pub(super) struct Todo {
    pub(super) icon: &'static str,
    pub(super) tone: Tone,
    pub(super) subject: String,
    pub(super) what: String,
    pub(super) step: String,
    pub(super) url: String,
    pub(super) action: &'static str,
}

/// A sync that ended lately.
pub(super) struct Latest {
    pub(super) organization: String,
    pub(super) url: String,
    pub(super) badge: Badge,
    pub(super) at: Stamp,
    pub(super) changes: u64,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
pub(super) struct DashboardPage {
    pub(super) frame: Frame,
    pub(super) organizations: usize,
    pub(super) healthy: usize,
    pub(super) repositories: String,
    pub(super) groups: String,
    pub(super) licensed: String,
    pub(super) share: String,
    pub(super) coverage: Meter,
    pub(super) seats: String,
    pub(super) waiting: u64,
    pub(super) todos: Vec<Todo>,
    pub(super) chart: Chart,
    pub(super) latest: Vec<Latest>,
    pub(super) events: Vec<EventView>,
}

/// A vault that does not answer: what uses its secrets stands still until somebody looks after it.
fn vault_away((name, error): &(VaultName, VaultError)) -> Todo {
    Todo {
        icon: "vault",
        tone: Tone::Bad,
        subject: format!("Vault {name}"),
        what: sentence(&error.to_string()),
        step: "Its secrets are out of reach until then; what waits for them goes on by itself"
            .to_owned(),
        url: urls::SECRETS.to_owned(),
        action: "Password manager",
    }
}

fn todos(
    overviews: &[Overview],
    (seats, waiting): (Seats, u64),
    away: &[(VaultName, VaultError)],
) -> Vec<Todo> {
    let mut todos: Vec<Todo> = away.iter().map(vault_away).collect();
    for overview in overviews {
        let organization = &overview.organization;
        let name = organization.name.to_string();
        if let Some(trouble) = next_step(organization) {
            todos.push(Todo {
                icon: "triangle-alert",
                tone: Tone::Warn,
                subject: name.clone(),
                what: trouble.reason,
                step: trouble.step,
                url: trouble.url,
                action: trouble.action,
            });
        }
        if let Some(days) = overview
            .token_days_left
            .filter(|days| (1..=ENDING).contains(days))
            && organization.status != Status::Paused
        {
            todos.push(Todo {
                icon: "clock",
                tone: Tone::of_days_left(days),
                subject: name,
                what: format!(
                    "The access token expires in {}",
                    counted(days.unsigned_abs(), "day", "days")
                ),
                step: "Rotate it, or make a new token at the host and reconnect the organization with it"
                    .to_owned(),
                url: urls::organization_part(organization.id, "rotate-token"),
                action: "Rotate",
            });
        }
    }
    if waiting > 0 {
        todos.push(Todo {
            icon: "badge-check",
            tone: Tone::Warn,
            subject: "Licenses".to_owned(),
            what: format!(
                "{} wait for a seat, {seats} are there",
                counted(waiting, "repository", "repositories")
            ),
            step: "Raise the number of seats, or release licenses that are not needed".to_owned(),
            url: urls::LICENSES.to_owned(),
            action: "Licenses",
        });
    }
    todos
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

fn chart(runs: &[SyncRun], today: NaiveDate) -> Chart {
    let first = today
        .checked_sub_days(Days::new(u64::from(DAYS) - 1))
        .unwrap_or(today);
    let mut bars: Vec<Bar> = first
        .iter_days()
        .zip(0..DAYS)
        .map(|(day, _)| day)
        .map(|day| Bar {
            label: day.format("%-d %b").to_string(),
            ..Bar::default()
        })
        .collect();
    for run in runs {
        let day = (run.started_at.date_naive() - first).num_days();
        let Some(bar) = usize::try_from(day).ok().and_then(|day| bars.get_mut(day)) else {
            continue;
        };
        match run.outcome() {
            Some(RunOutcome::Complete) => bar.complete += 1,
            Some(RunOutcome::Partial { .. } | RunOutcome::Held { .. }) => bar.partial += 1,
            Some(RunOutcome::Failed { .. }) => bar.failed += 1,
            _ => {}
        }
    }
    let total: u64 = bars
        .iter()
        .map(|bar| bar.complete + bar.partial + bar.failed)
        .sum();
    let failed: u64 = bars.iter().map(|bar| bar.failed).sum();
    Chart {
        title: format!(
            "{} in the last {DAYS} days, {failed} of them failed",
            counted(total, "sync", "syncs")
        ),
        bars,
    }
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    // A vault that does not answer keeps no page waiting for longer than a person would.
    let (overviews, away) = tokio::join!(
        overview::all(state.ports(), Which::Present),
        vaults::away(state.ports(), PATIENCE),
    );
    let overviews = overviews?;
    let pool = licenses::status(state.ports()).await?;
    let now = state.ports().clock.now();
    let runs = runs(&state, now - chrono::TimeDelta::days(DAYS.into())).await?;
    let mut names = Names::read(&state).await?;
    let events = state
        .ports()
        .events
        .newest(&EventFilter::default(), 8)
        .await?;
    names.learn(&state, &events).await?;
    let sum = |count: fn(&Overview) -> u64| overviews.iter().map(count).sum::<u64>();
    let repositories = sum(|overview| overview.counts.repositories);
    let licensed = sum(|overview| overview.counts.licensed);
    let waiting = pool.summary.waiting;
    let share = match repositories {
        0 => "0".to_owned(),
        whole => (licensed * 100 / whole).to_string(),
    };
    let latest = runs.iter().take(6).map(|run| Latest {
        organization: names.of(run.organization),
        url: urls::sync(run.organization, run.id),
        badge: Badge::run(run),
        at: Stamp(run.started_at),
        changes: run.counts.changes(),
    });
    Ok(render(&DashboardPage {
        frame: Frame::new(Section::Dashboard, "Dashboard", &caller, &csrf).with_notice(&noticed),
        organizations: overviews.len(),
        healthy: overviews
            .iter()
            .filter(|overview| overview.organization.status == Status::Connected)
            .count(),
        repositories: thousands(repositories),
        groups: thousands(sum(|overview| overview.counts.groups)),
        licensed: thousands(licensed),
        coverage: Meter {
            part: licensed,
            whole: repositories,
            label: format!("{share} percent of the repositories have a license"),
            tone: Tone::Plain,
        },
        share,
        seats: match pool.seats {
            Seats::Unlimited => "Seats are not limited".to_owned(),
            Seats::Limited(seats) => format!(
                "{} of {} seats taken",
                thousands(pool.summary.held),
                thousands(seats.into())
            ),
        },
        waiting,
        todos: todos(&overviews, (pool.seats, waiting), &away),
        chart: chart(&runs, now.date_naive()),
        latest: latest.collect(),
        events: events
            .iter()
            .map(|stored| EventView::of(stored, Some(&names)))
            .collect(),
    }))
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
    fn a_token_that_ends_soon_leads_to_its_rotation() {
        let seats = (Seats::Unlimited, 0);
        for days in [31, 0] {
            assert!(todos(&[overview(days)], seats, &[]).is_empty(), "{days}");
        }
        let all = todos(&[overview(30)], seats, &[]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].what, "The access token expires in 30 days");
        assert!(all[0].url.ends_with("/rotate-token"), "{}", all[0].url);
        assert_eq!(all[0].action, "Rotate");
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
}
