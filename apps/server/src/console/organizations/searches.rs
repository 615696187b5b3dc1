//! The searches for groups, so many at a time. Whoever is turned away keeps what they chose.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::{Named, groups};
use crate::api::problem::Problem;
use crate::auth::{Admin, Operator};
use crate::console::form::Form;
use crate::console::frame::render_with;
use crate::console::view::sentence;
use crate::state::AppState;

/// With the token of the form.
pub(super) async fn by_token(state: State<AppState>, admin: Admin, form: Form) -> Response {
    let gates = state.0.clone();
    match gates.gates().searches.enter().await {
        Ok(_place) => groups::by_token(state, admin, form).await,
        Err(problem) => turned_away(&form, &problem),
    }
}

/// With the credential of an organization.
pub(super) async fn by_organization(
    state: State<AppState>,
    operator: Operator,
    organization: Named,
    form: Form,
) -> Response {
    let gates = state.0.clone();
    match gates.gates().searches.enter().await {
        Ok(_place) => groups::by_organization(state, operator, organization, form).await,
        Err(problem) => turned_away(&form, &problem),
    }
}

/// With what a sign-in has just brought.
pub(super) async fn by_sign_in(
    state: State<AppState>,
    admin: Admin,
    id: Path<String>,
    form: Form,
) -> Response {
    let gates = state.0.clone();
    match gates.gates().searches.enter().await {
        Ok(_place) => groups::by_sign_in(state, admin, id, form)
            .await
            .into_response(),
        Err(problem) => turned_away(&form, &problem),
    }
}

fn turned_away(form: &Form, problem: &Problem) -> Response {
    let results = groups::GroupResults {
        chosen: form.all("group").map(str::to_owned).collect(),
        found: Vec::new(),
        more: false,
        error: Some(sentence(&problem.body.detail)),
        searched: form.value("group_search").trim().to_owned(),
    };
    problem.onto(render_with(problem.status, &results))
}
