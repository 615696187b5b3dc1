//! How far a connection is, step by step, as it happens.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use org_core::use_cases::accounts::Caller;
use secrecy::ExposeSecret;
use serde::Deserialize;
use uuid::Uuid;

use super::add::{ReachStep, form_page, reach_step};
use super::groups::ChooseGroups;
use super::list::OrganizationsPage;
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::board::{Attempt, End, Purpose, StepState};
use crate::console::frame::{Frame, Section, go, render};
use crate::console::urls;
use crate::console::view::{Icon, sentence};
use crate::jobs::Waits;
use crate::state::AppState;

/// The steps, which are brought again until there is an end.
#[derive(Template)]
#[template(path = "attempt_steps.html")]
pub(in crate::console) struct Steps {
    pub(in crate::console) csrf: String,
    pub(in crate::console) url: String,
    /// Where a sign-in is given up.
    pub(in crate::console) cancel: String,
    pub(in crate::console) all: Vec<StepView>,
    pub(in crate::console) ended: bool,
    pub(in crate::console) failed: Option<Failed>,
    pub(in crate::console) done: Option<Done>,
    /// The page of the host where a person has to sign in.
    pub(in crate::console) sign_in: Option<String>,
    /// What a person has to choose.
    pub(in crate::console) choice: Option<ChooseGroups>,
}

/// One step.
pub(in crate::console) struct StepView {
    pub(in crate::console) title: &'static str,
    pub(in crate::console) icon: Icon,
    pub(in crate::console) word: &'static str,
    pub(in crate::console) pending: bool,
    pub(in crate::console) detail: String,
    pub(in crate::console) took: Option<String>,
    pub(in crate::console) probes: Vec<ReachStep>,
}

/// It came to nothing.
pub(in crate::console) struct Failed {
    pub(in crate::console) detail: String,
    pub(in crate::console) hint: Option<String>,
    pub(in crate::console) retry: String,
}

/// The organization stands.
pub(in crate::console) struct Done {
    pub(in crate::console) list: String,
    pub(in crate::console) organization: String,
    /// Whether the first list is still being read.
    pub(in crate::console) listing: bool,
}

/// The aside around the steps.
#[derive(Template)]
#[template(path = "attempt.html")]
pub(in crate::console) struct AttemptAside {
    pub(in crate::console) title: String,
    pub(in crate::console) label: String,
    pub(in crate::console) steps: Steps,
}

impl Steps {
    pub(in crate::console) fn of(
        attempt: &Attempt,
        csrf: &Csrf,
        choice: Option<ChooseGroups>,
    ) -> Self {
        let course = attempt.course();
        let asked = attempt.waits();
        let waiting = asked.as_ref().and_then(Waiting::of);
        let steps = course.steps.iter().map(|step| {
            let (icon, word) = match step.state {
                StepState::Pending => (Icon::with("circle-dashed", "large muted"), "to do"),
                StepState::Running => (Icon::with("loader-circle", "large spin"), "under way"),
                StepState::Done => (Icon::with("circle-check", "large good-text"), "done"),
                StepState::Failed => (Icon::with("circle-x", "large bad-text"), "failed"),
            };
            StepView {
                title: step.title,
                icon,
                word,
                pending: step.state == StepState::Pending,
                detail: step.detail.clone(),
                // Nobody is timed.
                took: step
                    .took()
                    .filter(|_| waiting.is_none() || step.state != StepState::Running),
                probes: step.probes.iter().map(reach_step).collect(),
            }
        });
        let failed = match &course.end {
            Some(End::Failed(problem)) => Some(Failed {
                detail: sentence(&problem.body.detail),
                hint: problem.body.hint.as_deref().map(sentence),
                retry: urls::attempt_part(attempt.id(), "edit"),
            }),
            _ => None,
        };
        let done = course.organization.map(|organization| Done {
            list: format!("{}?added={organization}", urls::ORGANIZATIONS),
            organization: urls::organization(organization),
            listing: course.end.is_none(),
        });
        Self {
            csrf: csrf.token().to_owned(),
            cancel: urls::attempt_part(attempt.id(), "cancel"),
            url: urls::attempt_part(
                attempt.id(),
                match waiting {
                    Some(Waiting::SignIn) => "steps?waiting=sign_in",
                    Some(Waiting::Choice) => "steps?waiting=choice",
                    None => "steps",
                },
            ),
            all: steps.collect(),
            ended: course.end.is_some(),
            failed,
            done,
            sign_in: match &asked {
                Some(Waits::Page(page)) => Some(page.url.expose_secret().to_owned()),
                _ => None,
            },
            choice: choice.filter(|_| waiting == Some(Waiting::Choice)),
        }
    }
}

/// An attempt of whoever asks: what is under way for another one is theirs to go on with.
pub(super) fn find(state: &AppState, caller: &Caller, id: &str) -> Result<Arc<Attempt>, Problem> {
    let found = id
        .parse::<Uuid>()
        .ok()
        .and_then(|id| state.console().find(id, caller.user.id));
    found.ok_or_else(|| {
        let message = "this attempt is forgotten, somebody else's, or there never was one";
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
            .hinted("the history tells what became of it; begin again with \"Add organization\"")
    })
}

pub(super) async fn page(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let attempt = find(&state, &caller, &id)?;
    let choice = ChooseGroups::of(&attempt, &csrf);
    let page = aside(&state, (&caller, &csrf), &attempt, Some(choice)).await?;
    Ok(super::sso::with_pop_up(render(&page)))
}

/// The steps in their aside, with what a person has to choose if they are at that.
pub(super) async fn aside(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    attempt: &Attempt,
    choice: Option<ChooseGroups>,
) -> Result<OrganizationsPage, Problem> {
    let frame = Frame::new(Section::DevOps, "DevOps", caller, csrf);
    let aside = AttemptAside {
        title: match attempt.purpose {
            Purpose::Connect => "Connecting".to_owned(),
            Purpose::Reconnect(_) => "Reconnecting".to_owned(),
        },
        label: attempt.label.clone(),
        steps: Steps::of(attempt, csrf, choice),
    };
    OrganizationsPage::under(state, frame, &aside).await
}

/// What an attempt waits for a person to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Waiting {
    SignIn,
    Choice,
}

impl Waiting {
    const fn of(waits: &Waits) -> Option<Self> {
        match waits {
            Waits::Page(_) => Some(Self::SignIn),
            Waits::Choice(_) => Some(Self::Choice),
            // The console asks for no code.
            Waits::Code(_) => None,
        }
    }
}

/// What the page shows already.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    waiting: Option<Waiting>,
}

pub(super) async fn steps(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Problem> {
    let attempt = find(&state, &caller, &id)?;
    // While a person is at the host, or chooses, nothing changes, and the page keeps what has the focus and what was typed.
    if shown.waiting.is_some() && shown.waiting == attempt.waits().as_ref().and_then(Waiting::of) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let choice = ChooseGroups::of(&attempt, &csrf);
    Ok(render(&Steps::of(&attempt, &csrf, Some(choice))))
}

/// The form again as it was filled in, but for the token, with what the attempt found wrong at its fields.
pub(super) async fn edit(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let attempt = find(&state, &caller, &id)?;
    if let Purpose::Reconnect(organization) = attempt.purpose {
        return Ok(go(&urls::organization_part(organization, "reconnect")));
    }
    let form = match attempt.course().end {
        Some(End::Failed(problem)) => attempt.form.clone().refused(&problem),
        _ => attempt.form.clone(),
    };
    let page = form_page(&state, (&caller, &csrf), form, None).await?;
    Ok(super::sso::with_pop_up(render(&page)))
}
