//! The aside "Authentication": adding an organization.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::Offset as _;
use org_core::draft::{Method, OrganizationDraft};
use org_core::event::Actor;
use org_core::host::HostUrl;
use org_core::ids::OrganizationId;
use org_core::organization::Organization;
use org_core::ports::{Credential, Probe, ProbeReport};
use org_core::schedule::Run;
use org_core::sync::run::{RunOutcome, SyncRun, Trigger};
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::{connect, preflight, secrets};

use super::device::DeviceChoice;
use super::list::OrganizationsPage;
use super::{draft, sso};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::board::{Attempt, Purpose, TOKEN_STEPS};
use crate::console::form::Form;
use crate::console::frame::{Frame, Section, go, render, render_with};
use crate::console::urls;
use crate::console::view::{duration, sentence};
use crate::jobs::{Both, Kind, Outcome, sync_in_turn};
use crate::state::AppState;

/// The form, in the aside.
#[derive(Template)]
#[template(path = "organization_add.html")]
pub(in crate::console) struct AddForm {
    pub(in crate::console) csrf: String,
    pub(in crate::console) form: Form,
    pub(in crate::console) secrets: Vec<String>,
    pub(in crate::console) zones: Vec<&'static str>,
    pub(in crate::console) preview: Preview,
    pub(in crate::console) devices: Vec<DeviceChoice>,
    pub(in crate::console) reach: Option<Reach>,
}

/// The days of the week, as the form names them.
pub(in crate::console) const DAYS: [(&str, &str, &str); 7] = [
    ("mon", "Mon", "Monday"),
    ("tue", "Tue", "Tuesday"),
    ("wed", "Wed", "Wednesday"),
    ("thu", "Thu", "Thursday"),
    ("fri", "Fri", "Friday"),
    ("sat", "Sat", "Saturday"),
    ("sun", "Sun", "Sunday"),
];

/// The next runs of what is typed.
#[derive(Template)]
#[template(path = "schedule_preview.html")]
pub(in crate::console) struct Preview {
    pub(in crate::console) runs: Vec<RunView>,
    pub(in crate::console) manual: bool,
    pub(in crate::console) errors: Vec<String>,
}

/// A run that a schedule will make.
pub(in crate::console) struct RunView {
    pub(in crate::console) local: String,
    pub(in crate::console) at: crate::console::view::Stamp,
    /// The minutes that the zone of `local` is ahead of UTC: to a reader who is as far ahead, `at` says nothing new.
    pub(in crate::console) offset: i32,
    pub(in crate::console) note: String,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            local: run.local.format("%a %-d %b %Y, %H:%M %Z").to_string(),
            at: crate::console::view::Stamp(run.at),
            offset: run.local.offset().fix().local_minus_utc() / 60,
            note: run.note.map(|note| note.to_string()).unwrap_or_default(),
        }
    }
}

/// How many runs are shown before anybody saves.
const RUNS: usize = 5;

impl Preview {
    pub(in crate::console) fn of(
        state: &AppState,
        form: &Form,
        organization: Option<OrganizationId>,
    ) -> Self {
        match draft::schedule(form).parse() {
            Ok(schedule) => {
                let id = organization
                    .or_else(|| form.value("id").parse().ok())
                    .unwrap_or_else(|| OrganizationId::from_uuid(uuid::Uuid::nil()));
                let now = state.ports().clock.now();
                let runs: Vec<RunView> = schedule
                    .preview(id, now)
                    .take(RUNS)
                    .map(RunView::from)
                    .collect();
                Self {
                    manual: runs.is_empty(),
                    runs,
                    errors: Vec::new(),
                }
            }
            Err(errors) => Self {
                runs: Vec::new(),
                manual: false,
                errors: errors
                    .iter()
                    .map(|error| sentence(&error.message))
                    .collect(),
            },
        }
    }
}

/// How reaching the host went.
#[derive(Template)]
#[template(path = "reach.html")]
pub(in crate::console) struct Reach {
    pub(in crate::console) host: String,
    pub(in crate::console) steps: Vec<ReachStep>,
    pub(in crate::console) error: Option<String>,
}

/// One step of reaching a host.
pub(in crate::console) struct ReachStep {
    pub(in crate::console) title: &'static str,
    pub(in crate::console) good: bool,
    pub(in crate::console) detail: String,
    pub(in crate::console) took: String,
}

impl Reach {
    pub(in crate::console) fn failed(&self) -> bool {
        self.error.is_some() || self.steps.iter().any(|step| !step.good)
    }

    pub(in crate::console) fn of(host: &HostUrl, report: &ProbeReport) -> Self {
        Self {
            host: host.to_string(),
            steps: report.steps.iter().map(reach_step).collect(),
            error: None,
        }
    }
}

pub(in crate::console) fn reach_step(step: &org_core::ports::ProbeStep) -> ReachStep {
    let (Ok(detail) | Err(detail)) = &step.result;
    ReachStep {
        title: match step.kind.as_str() {
            "version" => "GitLab version",
            other => other,
        },
        good: step.result.is_ok(),
        detail: sentence(detail),
        took: duration(step.took),
    }
}

fn frame(caller: &Caller, csrf: &Csrf) -> Frame {
    Frame::new(Section::DevOps, "DevOps", caller, csrf)
}

/// The secrets that a person may choose: their own, of those vaults that answer.
pub(super) async fn usable_secrets(state: &AppState) -> Result<Vec<String>, Problem> {
    let (rows, _) = secrets::list_what_answers(state.ports()).await?;
    let own = rows
        .into_iter()
        .filter(|row| row.facts.owner == org_core::secret::SecretOwner::Person);
    Ok(own.map(|row| row.facts.name.to_string()).collect())
}

/// The form over the list.
pub(super) async fn form_page(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    form: Form,
    reach: Option<Reach>,
) -> Result<OrganizationsPage, Problem> {
    let aside = AddForm {
        csrf: csrf.token().to_owned(),
        preview: Preview::of(state, &form, None),
        form,
        secrets: usable_secrets(state).await?,
        zones: org_core::schedule::Zone::names(),
        devices: DeviceChoice::all(state).await?,
        reach,
    };
    OrganizationsPage::under(state, frame(caller, csrf), &aside).await
}

pub(super) async fn page(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let id = state.ports().ids.next_id().to_string();
    let page = form_page(&state, (&caller, &csrf), draft::fresh(&id), None).await?;
    Ok(sso::with_pop_up(render(&page)))
}

pub(super) async fn preview(State(state): State<AppState>, _: Admin, form: Form) -> Response {
    render(&Preview::of(&state, &form, None))
}

pub(super) async fn reach(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let parsed = HostUrl::parse(form.value("host"), draft::plain_http(&form));
    let part = headers.contains_key("hx-request");
    let reach = match parsed {
        Ok(host) => {
            let token = token(&state, &form).await;
            let probe = Probe {
                host: host.clone(),
                credential: token.map(Credential::AccessToken),
            };
            Reach::of(&host, &state.ports().host.probe(&probe).await)
        }
        Err(error) => Reach {
            host: String::new(),
            steps: Vec::new(),
            error: Some(sentence(&error.to_string())),
        },
    };
    if part {
        return Ok(render(&reach));
    }
    let page = form_page(&state, (&caller, &csrf), form, Some(reach)).await?;
    Ok(sso::with_pop_up(render(&page)))
}

/// The token of the form, where there is a good one: hosts tell their version only to those who have one.
async fn token(state: &AppState, form: &Form) -> Option<secrecy::SecretString> {
    if !draft::with_token(form) {
        return None;
    }
    let source = org_core::draft::parse_token(&draft::token(form)).ok()?;
    let token = preflight::token(state.ports(), &source).await.ok()?;
    Some(token.value)
}

pub(super) async fn proceed(
    State(state): State<AppState>,
    Admin(caller): Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let draft = draft::organization(&form);
    if let Err(errors) = draft.validate() {
        let form = form.mistaken(errors);
        let page = form_page(&state, (&caller, &csrf), form, None).await?;
        let page = render_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        return Ok(sso::with_pop_up(page));
    }
    if draft.method == Method::Sso {
        return sso::begin(&state, (&caller, &csrf), form, draft).await;
    }
    let label = format!("{} at {}", draft.login.trim(), draft.host.trim());
    let name = draft.name.clone().unwrap_or_else(|| label.clone());
    let kept = form.without(&["token"]);
    let actor = caller.actor();
    let begun = state
        .jobs()
        .begin(&state, (Kind::Connect, name), caller.user.id, |job| {
            let about = (Purpose::Connect, label);
            let attempt = Arc::new(Attempt::new(job.clone(), about, kept, &TOKEN_STEPS));
            state.console().put(attempt.clone());
            connected(state.clone(), attempt, draft, actor)
        })
        .await;
    match begun {
        Ok(job) => Ok(go(&urls::attempt(job.id))),
        Err(problem) => Ok(problem.into_response()),
    }
}

/// Connects, and then makes the first sync, of which the browser sees the first list.
async fn connected(
    state: AppState,
    attempt: Arc<Attempt>,
    draft: OrganizationDraft,
    actor: Actor,
) -> Outcome {
    let watch = Both(&*attempt.job, &*attempt);
    let organization = connect::connect(state.ports(), &draft, &actor, &watch).await;
    let organization = organization.map_err(Problem::from);
    made(&state, &attempt, organization, Trigger::Connect).await
}

/// What comes of an attempt: the organization stands and its list is read, or it came to nothing.
pub(super) async fn made(
    state: &AppState,
    attempt: &Attempt,
    organization: Result<Organization, Problem>,
    trigger: Trigger,
) -> Outcome {
    let organization = match organization {
        Ok(organization) => organization,
        Err(problem) => {
            attempt.failed(problem.clone());
            return Outcome::Failed(problem);
        }
    };
    attempt.job.stands(organization.id);
    attempt.stands(organization.id);
    let (syncs, unsynced) = first_list(state, attempt, &organization, trigger).await;
    Outcome::Stands {
        organization: organization.id,
        syncs,
        unsynced,
    }
}

/// The sync after connecting or reconnecting. What goes wrong with it is the organization's own trouble: it stands.
async fn first_list(
    state: &AppState,
    attempt: &Attempt,
    organization: &Organization,
    trigger: Trigger,
) -> (Vec<SyncRun>, Option<Problem>) {
    let watch = Both(&*attempt.job, attempt);
    let runs = match sync_in_turn(state, &attempt.job, organization, trigger, &watch).await {
        Ok(runs) => runs,
        Err(error) => {
            attempt.done_but(sentence(&error.to_string()));
            return (Vec::new(), Some(error.into()));
        }
    };
    match runs.last() {
        Some(run) => match run.outcome() {
            Some(RunOutcome::Failed { reason }) => attempt.done_but(sentence(reason)),
            _ => attempt.done(sentence(&run.counts.to_string())),
        },
        None => attempt.done(String::new()),
    }
    (runs, None)
}
