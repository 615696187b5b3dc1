//! The dashboard: how much is covered, what needs action, and what happened lately.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use org_core::ids::OrganizationId;
use org_core::license::pool::Seats;
use org_core::organization::Organization;
use org_core::ports::EventFilter;

use super::frame::{Frame, Noticed, Section, render};
use super::history::{EventView, Names};
use super::organizations::next_step;
use super::urls;
use super::view::{Badge, Bar, Chart, Meter, Stamp, Tone, counted, thousands};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::state::AppState;
use crate::summary::{About, DAYS, Day, Need, Summary};

pub(super) fn router() -> Router<AppState> {
    Router::new().route(urls::DASHBOARD, get(page))
}

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

impl Todo {
    /// What needs a person, and where they do something about it.
    fn of(need: Need, organization: impl Fn(OrganizationId) -> Option<Organization>) -> Self {
        let (icon, tone, url, action) = match need.about {
            About::Vault => (
                "vault",
                Tone::Bad,
                urls::SECRETS.to_owned(),
                "Password manager",
            ),
            About::Organization(id) => {
                let step = organization(id).as_ref().and_then(next_step);
                let (url, action) = match step {
                    Some(step) => (step.url, step.action),
                    None => (urls::organization(id), "Look"),
                };
                ("triangle-alert", Tone::Warn, url, action)
            }
            About::Token(id, days) => {
                let url = urls::organization_part(id, "rotate-token");
                ("clock", Tone::of_days_left(days), url, "Rotate")
            }
            About::Seats => (
                "badge-check",
                Tone::Warn,
                urls::LICENSES.to_owned(),
                "Licenses",
            ),
        };
        Self {
            icon,
            tone,
            subject: need.subject,
            what: need.what,
            step: need.step,
            url,
            action,
        }
    }
}

fn chart(days: &[Day]) -> Chart {
    let bar = |day: &Day| Bar {
        label: day.date.format("%-d %b").to_string(),
        complete: day.complete,
        partial: day.partial,
        failed: day.failed,
    };
    let total: u64 = days
        .iter()
        .map(|day| day.complete + day.partial + day.failed)
        .sum();
    let failed: u64 = days.iter().map(|day| day.failed).sum();
    Chart {
        title: format!(
            "{} in the last {DAYS} days, {failed} of them failed",
            counted(total, "sync", "syncs")
        ),
        bars: days.iter().map(bar).collect(),
    }
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let summary = Summary::read(&state).await?;
    let mut names = Names::read(&state).await?;
    let events = state
        .ports()
        .events
        .newest(&EventFilter::default(), 8)
        .await?;
    names.learn(&state, &events).await?;
    let repositories = summary.sum(|overview| overview.counts.repositories);
    let licensed = summary.sum(|overview| overview.counts.licensed);
    let pool = &summary.pool;
    let share = match repositories {
        0 => "0".to_owned(),
        whole => (licensed * 100 / whole).to_string(),
    };
    let latest = summary.runs.iter().take(6).map(|run| Latest {
        organization: names.of(run.organization),
        url: urls::sync(run.organization, run.id),
        badge: Badge::run(run),
        at: Stamp(run.started_at),
        changes: run.counts.changes(),
    });
    let organization = |id| {
        let mut all = summary
            .overviews
            .iter()
            .map(|overview| &overview.organization);
        all.find(|organization| organization.id == id).cloned()
    };
    let needs = summary.needs().into_iter();
    let needs = needs.map(|need| Todo::of(need, organization));
    Ok(render(&DashboardPage {
        frame: Frame::new(Section::Dashboard, "Dashboard", &caller, &csrf).with_notice(&noticed),
        organizations: summary.overviews.len(),
        healthy: summary.connected(),
        repositories: thousands(repositories),
        groups: thousands(summary.sum(|overview| overview.counts.groups)),
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
        waiting: pool.summary.waiting,
        todos: needs.collect(),
        chart: chart(&summary.activity()),
        latest: latest.collect(),
        events: events
            .iter()
            .map(|stored| EventView::of(stored, Some(&names)))
            .collect(),
    }))
}

#[cfg(test)]
mod tests {
    use org_core::ids::OrganizationId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_that_ends_soon_leads_to_its_rotation() {
        let id = OrganizationId::from_uuid(Uuid::nil());
        let need = Need {
            about: About::Token(id, 30),
            subject: "acme".to_owned(),
            what: String::new(),
            step: String::new(),
        };
        let todo = Todo::of(need, |_| None);
        assert!(todo.url.ends_with("/rotate-token"), "{}", todo.url);
        assert_eq!(todo.action, "Rotate");
    }
}
