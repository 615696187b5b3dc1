//! Choosing groups: found as a person types, with whatever credential is known by then, and chosen after a sign-in where it was not known before.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use org_core::draft::{Field, FieldError};
use org_core::host::HostUrl;
use org_core::use_cases::UseCaseError;
use org_core::use_cases::group_search::FoundGroups;

use super::{Named, attempt, draft};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, Operator};
use crate::console::board::Attempt;
use crate::console::form::Form;
use crate::console::frame::{go, render, render_with};
use crate::console::urls;
use crate::console::view::sentence;
use crate::group_search;
use crate::jobs::{Outcome, Waits};
use crate::state::AppState;

/// For how long the end of a sign-in that was given up is waited for.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(10);

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
    fn of(form: &Form, found: Result<FoundGroups, &Problem>) -> Self {
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

/// What was found, or why nothing was; whoever is turned away for a moment keeps what they chose.
fn results(form: &Form, found: Result<FoundGroups, Problem>) -> Response {
    match found {
        Err(problem) if problem.status == StatusCode::TOO_MANY_REQUESTS => {
            let results = GroupResults::of(form, Err(&problem));
            problem.onto(render_with(problem.status, &results))
        }
        Err(problem) => render(&GroupResults::of(form, Err(&problem))),
        Ok(found) => render(&GroupResults::of(form, Ok(found))),
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
        group_search::by_token(&state, (&host, &source), searched(&form)).await
    };
    results(&form, search.await)
}

/// With the credential of an organization.
pub(super) async fn by_organization(
    State(state): State<AppState>,
    _: Operator,
    Named(organization): Named,
    form: Form,
) -> Response {
    let found = group_search::by_organization(&state, organization, searched(&form)).await;
    results(&form, found)
}

/// With what a sign-in has just brought.
pub(super) async fn by_sign_in(
    State(state): State<AppState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &caller, &id)?;
    let found = group_search::by_sign_in(&state, &attempt.job, searched(&form)).await;
    Ok(results(&form, found))
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
            url: urls::attempt(attempt.id()),
            groups_url: urls::attempt_part(attempt.id(), "groups"),
            form,
        }
    }

    /// The form as it was chosen last, or before anybody touches it: what was said of the scope when the sign-in began.
    pub(in crate::console) fn of(attempt: &Attempt, csrf: &Csrf) -> Self {
        if let Some(form) = attempt.choice() {
            let refused = match attempt.waits() {
                Some(Waits::Choice(choice)) => choice.refused,
                _ => None,
            };
            let form = match refused {
                Some(problem) => form.refused(&problem),
                None => form,
            };
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
    Admin(caller): Admin,
    csrf: Csrf,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &caller, &id)?;
    let chosen = match draft::settings(&form).parse_scope() {
        Ok(scope) => {
            // Whatever becomes of this request, what was chosen is seen again with what is wrong with it.
            attempt.remember_choice(form.clone());
            attempt.job.choose(scope).await
        }
        Err(errors) => Err(UseCaseError::Invalid { errors }.into()),
    };
    match chosen {
        // A sign-in that is over says so itself.
        Err(problem) if matches!(attempt.waits(), Some(Waits::Choice(_))) => {
            let choice = ChooseGroups::new(&attempt, &csrf, form.refused(&problem));
            let page = attempt::aside(&state, (&caller, &csrf), &attempt, Some(choice)).await?;
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        _ => Ok(go(&urls::attempt(attempt.id()))),
    }
}

/// Ends a sign-in, wherever it is: nobody wants an organization of it.
pub(super) async fn cancel(
    State(state): State<AppState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let attempt = attempt::find(&state, &caller, &id)?;
    attempt.job.give_up();
    match attempt.job.wait(GIVEN_UP_WITHIN).await {
        Some(Outcome::Failed(_)) => Ok(go(urls::ORGANIZATIONS)),
        // It was faster, or has something to end first; the steps tell.
        _ => Ok(go(&urls::attempt(attempt.id()))),
    }
}
