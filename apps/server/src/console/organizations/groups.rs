//! Choosing groups: found as a person types, with whatever credential is known by then, and chosen after a sign-in where it was not known before.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use org_core::draft::{Field, FieldError};
use org_core::event::Actor;
use org_core::host::HostUrl;
use org_core::sync::run::Trigger;
use org_core::use_cases::ErrorKind;
use org_core::use_cases::group_search::{self, FoundGroups};
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, SignInError};

use super::add::first_list;
use super::{Named, attempt, draft};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, Operator};
use crate::console::board::Attempt;
use crate::console::form::Form;
use crate::console::frame::{go, render, render_with};
use crate::console::urls;
use crate::console::view::sentence;
use crate::jobs::{Both, Job, Kind, Outcome};
use crate::state::AppState;

/// For how long a person may choose what a sign-in shall cover: well within the hour after which an open attempt counts as given up.
pub(super) const PATIENCE: TimeDelta = TimeDelta::minutes(45);

/// How many groups a search answers.
const MOST: usize = 50;

/// The groups that a search found.
#[derive(Template)]
#[template(path = "group_results.html")]
pub(in crate::console) struct GroupResults {
    pub(in crate::console) chosen: Vec<String>,
    pub(in crate::console) found: Vec<String>,
    pub(in crate::console) more: bool,
    pub(in crate::console) error: Option<String>,
    pub(in crate::console) searched: String,
}

impl GroupResults {
    fn of(form: &Form, found: Result<FoundGroups, Problem>) -> Self {
        let chosen: Vec<String> = form.all("group").map(str::to_owned).collect();
        let searched = searched(form).to_owned();
        let (found, more, error) = match found {
            Ok(found) => (found.paths, found.more, None),
            Err(problem) => (Vec::new(), false, Some(sentence(&problem.body.detail))),
        };
        let fresh = |path: &String| !chosen.contains(path);
        Self {
            found: found.into_iter().filter(fresh).collect(),
            chosen,
            more,
            error,
            searched,
        }
    }
}

fn searched(form: &Form) -> &str {
    form.value("group_search").trim()
}

/// With the token of the form, before there is anything else.
pub(super) async fn by_token(State(state): State<AppState>, _: Admin, form: Form) -> Response {
    let search = async {
        let host =
            HostUrl::parse(form.value("host"), draft::plain_http(&form)).map_err(|error| {
                let error = FieldError::new(Field::Host, error);
                Problem::invalid("host", error.message)
            })?;
        let source = org_core::draft::parse_token(&draft::token(&form)).map_err(|_| {
            Problem::invalid(
                "token",
                "give the token first; then groups are found as you type",
            )
        })?;
        let found = group_search::by_token(state.ports(), &host, &source, searched(&form), MOST);
        Ok(found.await?)
    };
    let found = search.await;
    render(&GroupResults::of(&form, found))
}

/// With the credential of an organization, which may be renewed for it.
pub(super) async fn by_organization(
    State(state): State<AppState>,
    _: Operator,
    Named(organization): Named,
    form: Form,
) -> Response {
    let (ports, text) = (state.ports().clone(), searched(&form).to_owned());
    let search =
        async move { group_search::by_organization(&ports, &organization, &text, MOST).await };
    let found = match state.jobs().to_the_end(&state, search).await {
        Ok(found) => found.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    render(&GroupResults::of(&form, found))
}

/// With what a sign-in has just brought.
pub(super) async fn by_sign_in(
    State(state): State<AppState>,
    _: Admin,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &id)?;
    let received = attempt.received().await;
    let found = match &*received {
        Some(received) => sign_in::groups(state.ports(), received, searched(&form), MOST)
            .await
            .map_err(Problem::from),
        None => Err(over(SignInError::Over)),
    };
    Ok(render(&GroupResults::of(&form, found)))
}

fn over(error: SignInError) -> Problem {
    org_core::use_cases::UseCaseError::from(error).into()
}

/// What a sign-in shall cover, asked once the account can be looked at.
#[derive(Template)]
#[template(path = "attempt_groups.html")]
pub(in crate::console) struct ChooseGroups {
    pub(in crate::console) csrf: String,
    pub(in crate::console) url: String,
    pub(in crate::console) groups_url: String,
    pub(in crate::console) form: Form,
}

impl ChooseGroups {
    pub(in crate::console) fn new(attempt: &Attempt, csrf: &Csrf, form: Form) -> Self {
        Self {
            csrf: csrf.token().to_owned(),
            url: urls::attempt(attempt.id),
            groups_url: urls::attempt_part(attempt.id, "groups"),
            form,
        }
    }

    /// The form as it was chosen last, or before anybody touches it: what was said of the scope when the sign-in began.
    pub(in crate::console) fn of(attempt: &Attempt, csrf: &Csrf) -> Self {
        if let Some(form) = attempt.choice() {
            return Self::new(attempt, csrf, form);
        }
        let mut form = Form::with(&[("scope", "chosen")]);
        if attempt.form.is_on("personal") {
            form.push("personal", "on");
        }
        Self::new(attempt, csrf, form)
    }
}

/// Takes the choice, and goes on to the organization and its first list.
pub(super) async fn choose(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &id)?;
    attempt.expire(state.ports().clock.now());
    let refused = {
        let received = attempt.received().await;
        let Some(received) = &*received else {
            return Ok(go(&urls::attempt(attempt.id)));
        };
        match draft::settings(&form).parse_scope() {
            Ok(scope) => sign_in::choose(state.ports(), received, scope)
                .await
                .err()
                .map(Problem::from),
            Err(errors) => Some(org_core::use_cases::UseCaseError::Invalid { errors }.into()),
        }
    };
    if let Some(problem) = refused {
        let choice = ChooseGroups::new(&attempt, &csrf, form.refused(&problem));
        let page = attempt::aside(&state, (&admin.0, &csrf), &attempt, Some(choice)).await?;
        return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    attempt.remember_choice(form);
    let (about, actor) = ((Kind::Connect, attempt.label.clone()), admin.actor());
    let url = urls::attempt(attempt.id);
    state
        .jobs()
        .begin(&state, about, admin.0.user.id, |job| {
            accepted(state.clone(), attempt, actor, job)
        })
        .await?;
    Ok(go(&url))
}

async fn accepted(state: AppState, attempt: Arc<Attempt>, actor: Actor, job: Arc<Job>) -> Outcome {
    let Some(received) = attempt.chosen().await else {
        return Outcome::Failed(over(SignInError::Over));
    };
    let (ports, watch) = (state.ports(), Both(&*job, &*attempt));
    let blind = BlindReconnect::Refused;
    match sign_in::accept(ports, &received, blind, &actor, &watch).await {
        Ok(organization) => {
            attempt.stands(organization.id);
            let syncs = first_list(&state, &attempt, &organization, Trigger::Connect, &job).await;
            Outcome::Stands {
                organization: organization.id,
                syncs,
            }
        }
        // Another choice may do: nobody has to sign in again for that.
        Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict) => {
            let problem = Problem::from(error);
            let form = attempt.choice().unwrap_or_default();
            attempt.remember_choice(form.refused(&problem));
            let until = state.ports().clock.now() + PATIENCE;
            attempt.chooses(received, until).await;
            Outcome::Failed(problem)
        }
        Err(error) => {
            sign_in::decline(ports, received, &error, &actor).await;
            let problem = Problem::from(error);
            attempt.failed(problem.clone());
            Outcome::Failed(problem)
        }
    }
}

/// Gives the grant back, since nobody wants an organization of it.
pub(super) async fn cancel(
    State(state): State<AppState>,
    admin: Admin,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &id)?;
    let (ports, actor) = (state.ports().clone(), admin.actor());
    // Taken only where it is sure to be given back.
    let give_back = async move {
        if let Some(received) = attempt.chosen().await {
            let why = SignInError::Canceled;
            sign_in::decline(&ports, received, &why.clone().into(), &actor).await;
            attempt.failed(over(why));
        }
    };
    state.jobs().to_the_end(&state, give_back).await?;
    Ok(go(urls::ORGANIZATIONS))
}
