//! The list of organizations.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use org_core::ids::UserId;
use org_core::organization::{ActionReason, Organization, Status};
use org_core::sync::run::RunState;
use org_core::use_cases::overview::{self, Overview, Which};
use serde::Deserialize;

use super::device::DeviceNames;
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser};
use crate::console::board::{self, Attempt};
use crate::console::frame::{Frame, Noticed, Section, render};
use crate::console::urls;
use crate::console::view::{Badge, Stamp, sentence, thousands};
use crate::jobs::Waits;
use crate::state::AppState;

/// One organization in the list.
pub(in crate::console) struct OrganizationRow {
    pub(in crate::console) url: String,
    pub(in crate::console) name: String,
    pub(in crate::console) host: String,
    pub(in crate::console) method: &'static str,
    pub(in crate::console) badge: Badge,
    pub(in crate::console) trouble: Option<Trouble>,
    pub(in crate::console) repositories: String,
    pub(in crate::console) groups: String,
    pub(in crate::console) licensed: String,
    pub(in crate::console) waiting: u64,
    pub(in crate::console) last: Option<(Stamp, Badge)>,
    pub(in crate::console) progress: Option<String>,
    pub(in crate::console) next: Option<Stamp>,
    pub(in crate::console) schedule: String,
    pub(in crate::console) device: String,
    pub(in crate::console) fresh: bool,
}

/// What is wrong, and what to do next.
#[derive(Debug, Clone)]
pub(in crate::console) struct Trouble {
    pub(in crate::console) reason: String,
    pub(in crate::console) step: String,
    pub(in crate::console) url: String,
    pub(in crate::console) action: &'static str,
}

/// What is wrong with an organization, and where the next step is done.
pub(in crate::console) fn next_step(organization: &Organization) -> Option<Trouble> {
    let Status::ActionRequired(reason) = &organization.status else {
        return None;
    };
    let part = |part| urls::organization_part(organization.id, part);
    let (url, action) = match reason {
        ActionReason::SyncHeld { .. } => (part("held"), "Review"),
        ActionReason::HostUnreachable { .. } | ActionReason::AccessDenied { .. } => {
            (urls::organization(organization.id), "Look")
        }
        ActionReason::DeviceOffline => (part("settings"), "Settings"),
        _ => (part("reconnect"), "Reconnect"),
    };
    Some(Trouble {
        reason: sentence(&reason.explain()),
        step: sentence(reason.next_step()),
        url,
        action,
    })
}

/// What people read for a method of authentication.
pub(in crate::console) fn method(organization: &Organization) -> &'static str {
    match organization.auth.as_str() {
        "sso" => "SSO",
        _ => "Login and token",
    }
}

impl OrganizationRow {
    pub(in crate::console) async fn of(
        state: &AppState,
        overview: Overview,
        (fresh, devices): (Option<&str>, &DeviceNames),
    ) -> Result<Self, Problem> {
        let Overview {
            organization,
            counts,
            next_run,
            ..
        } = overview;
        let runs = state
            .ports()
            .syncs
            .list(Some(organization.id), None, 2)
            .await?;
        let running = runs.items.iter().any(|run| run.state == RunState::Running);
        let last = runs.items.iter().find_map(|run| match &run.state {
            RunState::Running => None,
            RunState::Ended { at, .. } => Some((Stamp(*at), Badge::run(run))),
        });
        let progress = state
            .jobs()
            .progress(organization.id)
            .map(|event| board::line(&event));
        let progress = match progress {
            None if running => Some("Under way".to_owned()),
            progress => progress,
        };
        let settings = &organization.settings;
        Ok(Self {
            url: urls::organization(organization.id),
            host: organization.host.to_string(),
            method: method(&organization),
            badge: Badge::status(&organization.status),
            trouble: next_step(&organization),
            repositories: thousands(counts.repositories),
            groups: thousands(counts.groups),
            licensed: thousands(counts.licensed),
            waiting: counts.waiting,
            last,
            progress,
            next: next_run.map(Stamp),
            schedule: sentence(&settings.schedule.to_string()),
            device: devices.of(settings.default_device),
            fresh: fresh == Some(&*organization.id.to_string()),
            name: organization.name.to_string(),
        })
    }
}

/// The rows of the list, which are brought again while something moves.
#[derive(Template)]
#[template(path = "organizations_rows.html")]
pub(in crate::console) struct Rows {
    pub(in crate::console) rows: Vec<OrganizationRow>,
    pub(in crate::console) moves: bool,
}

impl Rows {
    pub(in crate::console) async fn read(
        state: &AppState,
        fresh: Option<&str>,
    ) -> Result<Self, Problem> {
        let devices = DeviceNames::read(state).await?;
        let mut rows = Vec::new();
        for overview in overview::all(state.ports(), Which::Present).await? {
            rows.push(OrganizationRow::of(state, overview, (fresh, &devices)).await?);
        }
        let moves = rows.iter().any(|row| row.progress.is_some());
        Ok(Self { rows, moves })
    }
}

/// An attempt that somebody began and left.
pub(in crate::console) struct WaitingAttempt {
    pub(in crate::console) label: String,
    pub(in crate::console) what: &'static str,
    pub(in crate::console) url: String,
}

impl WaitingAttempt {
    fn all(state: &AppState, owner: UserId) -> Vec<Self> {
        let attempts = state.console().under_way(owner).into_iter();
        let view = |attempt: Arc<Attempt>| Self {
            label: attempt.label.clone(),
            what: match attempt.waits() {
                Some(Waits::Page(_) | Waits::Code(_)) => "waits for you to sign in at the host",
                Some(Waits::Choice(_)) => "waits for you to choose the groups",
                None => "is under way",
            },
            url: urls::attempt(attempt.id()),
        };
        attempts.map(view).collect()
    }
}

/// The page, with or without an aside over it.
#[derive(Template)]
#[template(path = "organizations.html")]
pub(in crate::console) struct OrganizationsPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) rows: Rows,
    /// What the person who looks has begun and left.
    pub(in crate::console) waiting: Vec<WaitingAttempt>,
    /// The aside, drawn already; empty where there is none.
    pub(in crate::console) aside: String,
}

impl OrganizationsPage {
    /// The list under an aside.
    pub(in crate::console) async fn under(
        state: &AppState,
        frame: Frame,
        aside: &impl Template,
    ) -> Result<Self, Problem> {
        let aside = aside.render().map_err(|error| {
            let message = format!("the page cannot be drawn: {error}");
            Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                message,
            )
        })?;
        Ok(Self {
            frame,
            rows: Rows::read(state, None).await?,
            waiting: Vec::new(),
            aside,
        })
    }
}

/// Which organization was added just now.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fresh {
    added: Option<String>,
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Query(noticed): Query<Noticed>,
    Query(fresh): Query<Fresh>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = Frame::new(Section::DevOps, "DevOps", &caller, &csrf).with_notice(&noticed);
    let rows = Rows::read(&state, fresh.added.as_deref()).await?;
    Ok(render(&OrganizationsPage {
        waiting: WaitingAttempt::all(&state, caller.user.id),
        aside: String::new(),
        frame,
        rows,
    }))
}

pub(super) async fn rows(
    State(state): State<AppState>,
    _: CurrentUser,
) -> Result<Response, Problem> {
    Ok(render(&Rows::read(&state, None).await?))
}
