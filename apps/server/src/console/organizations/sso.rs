//! Signing in at the host: a window that the page opens and follows, or the same tab.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use org_core::draft::OrganizationDraft;
use org_core::event::Actor;
use org_core::organization::Organization;
use org_core::sync::run::Trigger;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, BrowserAnswer, ReturnTo, SignInError};
use org_core::use_cases::{NoProgress, UseCaseError};

use super::add::{form_page, made};
use super::draft;
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::assets::Assets;
use crate::console::board::{Attempt, Purpose, SIGN_IN_STEPS};
use crate::console::form::Form;
use crate::console::frame::{go, render, render_with};
use crate::console::urls;
use crate::jobs::{Both, Cover, Job, Kind, Outcome, SignIn, Wanted, Way, initiator};
use crate::state::AppState;

/// For how long the page of the host is waited for before the steps are shown without it; they go on by themselves.
const BEGUN_WITHIN: Duration = Duration::from_secs(20);

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A page that opens a window and follows it; with the usual policy it would lose sight of it at the host's page.
pub(super) fn with_pop_up(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("same-origin-allow-popups");
    response.headers_mut().insert(OPENER_POLICY, policy);
    response
}

/// A page inside of that window.
fn in_pop_up(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("unsafe-none");
    response.headers_mut().insert(OPENER_POLICY, policy);
    response
}

#[derive(Template)]
#[template(path = "sso_opening.html")]
pub(in crate::console) struct OpeningPage {
    pub(in crate::console) title: &'static str,
    pub(in crate::console) assets: Assets,
}

/// What the window shows until the page of the host is known.
pub(super) async fn opening(_: Admin) -> Response {
    in_pop_up(render(&OpeningPage {
        title: "Opening the sign-in page",
        assets: Assets,
    }))
}

/// On the page of the host, from where only the same session brings the answer.
fn way(state: &AppState, caller: &Caller) -> Way {
    let back = ReturnTo::Server(state.place().base().clone());
    Way::Page(back, initiator(caller))
}

/// Begins a sign-in that connects an organization.
pub(super) async fn begin(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    form: Form,
    draft: OrganizationDraft,
) -> Result<Response, Problem> {
    let label = draft.host.trim().to_owned();
    let name = draft.name.clone().unwrap_or_else(|| label.clone());
    let cover = if draft::chooses_later(&form) {
        Cover::AsChosen
    } else {
        Cover::AsSaid
    };
    let about = (Purpose::Connect, label);
    let kept = form.clone().without(&["token"]);
    let wanted = (Wanted::Connect(draft), cover);
    let job = signing_in(state, caller, (Kind::Connect, name), (about, kept), wanted).await?;
    if let Some(Outcome::Failed(problem)) = job.wait_or_ask(BEGUN_WITHIN).await
        && problem.status == StatusCode::UNPROCESSABLE_ENTITY
    {
        let page = form_page(state, (caller, csrf), form.refused(&problem), None).await?;
        let page = render_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        return Ok(with_pop_up(page));
    }
    Ok(go(&urls::attempt(job.id)))
}

/// Begins a sign-in that gives an organization another credential.
pub(super) async fn begin_again(
    state: &AppState,
    caller: &Caller,
    organization: Organization,
    form: Form,
) -> Result<Response, Problem> {
    let blind = if form.is_on("blind") {
        BlindReconnect::Confirmed
    } else {
        BlindReconnect::Refused
    };
    let name = organization.name.to_string();
    let about = (Purpose::Reconnect(organization.id), name.clone());
    let wanted = Wanted::Reconnect(organization, draft::access(&form), blind);
    let (wanted, kept) = ((wanted, Cover::AsSaid), form.without(&["token"]));
    let job = signing_in(
        state,
        caller,
        (Kind::Reconnect, name),
        (about, kept),
        wanted,
    )
    .await?;
    job.wait_or_ask(BEGUN_WITHIN).await;
    Ok(go(&urls::attempt(job.id)))
}

/// Begins the job, and an attempt that shows it.
async fn signing_in(
    state: &AppState,
    caller: &Caller,
    about: (Kind, String),
    (shown, form): ((Purpose, String), Form),
    wanted: (Wanted, Cover),
) -> Result<Arc<Job>, Problem> {
    let (way, actor) = (way(state, caller), caller.actor());
    let work = |job: Arc<Job>| {
        let attempt = Arc::new(Attempt::new(job.clone(), shown, form, &SIGN_IN_STEPS));
        state.console().put(attempt.clone());
        signed_in(state.clone(), attempt, (wanted, way), actor)
    };
    let (jobs, owner) = (state.jobs(), caller.user.id);
    jobs.begin_sign_in(state, about, owner, work).await
}

async fn signed_in(
    state: AppState,
    attempt: Arc<Attempt>,
    ((wanted, cover), way): ((Wanted, Cover), Way),
    actor: Actor,
) -> Outcome {
    let job = attempt.job.clone();
    let watch = Both(&*job, &*attempt);
    let sign_in = SignIn {
        state: &state,
        job: &job,
        actor: &actor,
        watch: &watch,
    };
    let organization = sign_in.organization(&wanted, way, cover).await;
    let trigger = match wanted {
        Wanted::Connect(_) => Trigger::Connect,
        Wanted::Reconnect(..) => Trigger::Reconnect,
    };
    made(
        &state,
        &attempt,
        organization.map_err(Problem::from),
        trigger,
    )
    .await
}

/// The page that the browser comes back to: it closes its window, or goes on in this tab.
#[derive(Template)]
#[template(path = "sso_callback.html")]
pub(in crate::console) struct CallbackPage {
    pub(in crate::console) title: &'static str,
    pub(in crate::console) assets: Assets,
    pub(in crate::console) next: String,
}

pub(super) async fn callback(
    State(state): State<AppState>,
    admin: Admin,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let answer = BrowserAnswer::parse(uri.path(), uri.query().unwrap_or_default());
    let initiator = initiator(&admin.0);
    let Some(attempt) = state.console().asked_for(&answer) else {
        // Nobody here waits for it, such as after a restart: what it was to cover may have been left to a choice, so it is given back.
        let (shared, actor) = (state.clone(), admin.actor());
        let given_back = state.jobs().to_the_end(&state, async move {
            let ports = shared.ports();
            let received = sign_in::receive(ports, &answer, initiator, &actor, &NoProgress).await?;
            let over = UseCaseError::from(SignInError::Over);
            sign_in::decline(ports, &received, &over, &actor).await;
            Err::<Response, UseCaseError>(over)
        });
        return Ok(given_back.await??);
    };
    // What came too late, or a second time, changes nothing: the attempt itself tells why.
    let _ = attempt.job.answer(answer, initiator);
    Ok(in_pop_up(render(&CallbackPage {
        title: "Back from the host",
        assets: Assets,
        next: urls::attempt(attempt.id()),
    })))
}
