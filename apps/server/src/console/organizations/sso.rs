//! Signing in at the host: a window that the page opens and follows, or the same tab.

use std::sync::Arc;

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use org_core::draft::OrganizationDraft;
use org_core::event::Actor;
use org_core::oauth::Initiator;
use org_core::organization::Organization;
use org_core::sync::run::Trigger;
use org_core::use_cases::accounts::{Caller, Via};
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, Begun, BrowserAnswer, ReturnTo, SignInError};
use org_core::use_cases::{NoProgress, UseCaseError};
use secrecy::SecretString;

use super::add::{first_list, form_page};
use super::draft;
use super::groups::PATIENCE;
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::assets::Assets;
use crate::console::board::{Attempt, Purpose, SIGN_IN_STEPS};
use crate::console::form::Form;
use crate::console::frame::{go, render, render_with};
use crate::console::urls;
use crate::jobs::{Both, Job, Kind, Outcome};
use crate::state::AppState;

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

/// Who begins is the session: only the same one may bring the answer.
fn initiator(caller: &Caller) -> Initiator {
    let session = match &caller.via {
        Via::Session(session) => session.digest.to_hex(),
        Via::Token(token) => token.digest.to_hex(),
        // Nobody at the machine has a browser of ours.
        Via::Machine => String::new(),
    };
    Initiator::of_secret(&SecretString::from(session))
}

fn return_to(state: &AppState) -> ReturnTo {
    ReturnTo::Server(state.place().base().clone())
}

/// Begins a sign-in that connects an organization.
pub(super) async fn begin(
    state: &AppState,
    (caller, csrf): (&Caller, &Csrf),
    form: Form,
    draft: OrganizationDraft,
) -> Result<Response, Problem> {
    let label = draft.host.trim().to_owned();
    let id = state.ports().ids.next_id();
    let kept = form.clone().without(&["token"]);
    let attempt = Arc::new(Attempt::new(
        id,
        (Purpose::Connect, label),
        kept,
        &SIGN_IN_STEPS,
    ));
    let begun = sign_in::begin(
        state.ports(),
        &draft,
        &return_to(state),
        initiator(caller),
        &caller.actor(),
        &*attempt,
    )
    .await;
    if let Err(UseCaseError::Invalid { errors }) = begun {
        let page = form_page(state, (caller, csrf), form.mistaken(errors), None).await?;
        let page = render_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        return Ok(with_pop_up(page));
    }
    Ok(follow(state, attempt, begun))
}

/// Begins a sign-in that gives an organization another credential.
pub(super) async fn begin_again(
    state: &AppState,
    caller: &Caller,
    organization: &Organization,
    form: Form,
) -> Response {
    let id = state.ports().ids.next_id();
    let about = (
        Purpose::Reconnect(organization.id),
        organization.name.to_string(),
    );
    let access = draft::access(&form);
    let blind = if form.is_on("blind") {
        BlindReconnect::Confirmed
    } else {
        BlindReconnect::Refused
    };
    let attempt = Arc::new(Attempt::new(
        id,
        about,
        form.without(&["token"]),
        &SIGN_IN_STEPS,
    ));
    let begun = sign_in::begin_again(
        state.ports(),
        organization,
        (access, blind),
        &return_to(state),
        initiator(caller),
        &*attempt,
    )
    .await;
    follow(state, attempt, begun)
}

fn follow(state: &AppState, attempt: Arc<Attempt>, begun: Result<Begun, UseCaseError>) -> Response {
    match begun {
        Ok(begun) => attempt.asks(begun.url, begun.expires_at),
        Err(error) => attempt.failed(error.into()),
    }
    let url = urls::attempt(attempt.id);
    state.console().put(attempt);
    go(&url)
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
    let query = uri.query().unwrap_or_default();
    let answer = BrowserAnswer::parse(uri.path(), query);
    let shown = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "state")
        .map(|(_, value)| value.into_owned());
    let attempt = shown.and_then(|shown| state.console().waiting_for(&shown));
    let Some(attempt) = attempt else {
        // Nobody here waits for it, such as after a restart: what it was to cover may have been left to a choice, so it is given back.
        let (ports, initiator, actor) = (state.ports(), initiator(&admin.0), admin.actor());
        let received = sign_in::receive(ports, &answer, initiator, &actor, &NoProgress).await?;
        let over = UseCaseError::from(SignInError::Over);
        sign_in::decline(ports, received, &over, &actor).await;
        return Err(over.into());
    };
    attempt.answered();
    let (kind, trigger) = match attempt.purpose {
        Purpose::Connect => (Kind::Connect, Trigger::Connect),
        Purpose::Reconnect(_) => (Kind::Reconnect, Trigger::Reconnect),
    };
    let next = urls::attempt(attempt.id);
    let about = (kind, attempt.label.clone());
    let (initiator, actor) = (initiator(&admin.0), admin.actor());
    let waiting = attempt.clone();
    let begun = state
        .jobs()
        .begin(&state, about, admin.0.user.id, |job| {
            completed(
                state.clone(),
                attempt,
                (answer, initiator),
                (actor, trigger),
                job,
            )
        })
        .await;
    if let Err(problem) = begun {
        waiting.failed(problem.clone());
        return Err(problem);
    }
    Ok(in_pop_up(render(&CallbackPage {
        title: "Signed in",
        assets: Assets,
        next,
    })))
}

async fn completed(
    state: AppState,
    attempt: Arc<Attempt>,
    (answer, initiator): (BrowserAnswer, Initiator),
    (actor, trigger): (Actor, Trigger),
    job: Arc<Job>,
) -> Outcome {
    let watch = Both(&*job, &*attempt);
    if attempt.purpose == Purpose::Connect && draft::chooses_later(&attempt.form) {
        return match sign_in::receive(state.ports(), &answer, initiator, &actor, &watch).await {
            Ok(received) => {
                let until = state.ports().clock.now() + PATIENCE;
                attempt.chooses(received, until).await;
                Outcome::SignedIn
            }
            Err(error) => failed(&attempt, error),
        };
    }
    match sign_in::complete(state.ports(), &answer, initiator, &actor, &watch).await {
        Ok(organization) => {
            attempt.stands(organization.id);
            let syncs = first_list(&state, &attempt, &organization, trigger, &job).await;
            Outcome::Stands {
                organization: organization.id,
                syncs,
            }
        }
        Err(error) => failed(&attempt, error),
    }
}

fn failed(attempt: &Attempt, error: UseCaseError) -> Outcome {
    let problem = Problem::from(error);
    attempt.failed(problem.clone());
    Outcome::Failed(problem)
}
