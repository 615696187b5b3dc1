//! Giving an organization another credential.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use org_core::event::Actor;
use org_core::organization::Organization;
use org_core::sync::run::Trigger;
use org_core::use_cases::UseCaseError;
use org_core::use_cases::reconnect::{self, BlindReconnect, ReconnectDraft};

use super::add::{made, usable_secrets};
use super::show::{Head, Tab, frame};
use super::{Named, draft};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::board::{Attempt, Purpose, TOKEN_STEPS};
use crate::console::form::Form;
use crate::console::frame::{Frame, go, render, render_with};
use crate::console::urls;
use crate::jobs::{Both, Kind, Outcome};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "organization_reconnect.html")]
pub(in crate::console) struct ReconnectPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) form: Form,
    pub(in crate::console) secrets: Vec<String>,
    pub(in crate::console) host: String,
}

async fn show(
    state: &AppState,
    frame: Frame,
    organization: &Organization,
    form: Form,
) -> Result<ReconnectPage, Problem> {
    Ok(ReconnectPage {
        head: Head::new(organization, Tab::Settings),
        frame,
        form,
        secrets: usable_secrets(state).await?,
        host: organization.host.to_string(),
    })
}

pub(super) async fn page(
    State(state): State<AppState>,
    Admin(caller): Admin,
    Named(organization): Named,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let login = organization.account.login.as_str();
    let mut form = Form::with(&[("login", login), ("token_kind", "new"), ("access", "read")]);
    if !organization.auth.is_sso() {
        form.push("with_token", "on");
    }
    let frame = frame(&organization, &caller, &csrf);
    let page = show(&state, frame, &organization, form).await?;
    Ok(super::sso::with_pop_up(render(&page)))
}

pub(super) async fn proceed(
    State(state): State<AppState>,
    admin: Admin,
    Named(organization): Named,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    if !draft::with_token(&form) {
        return super::sso::begin_again(&state, &admin.0, organization, form).await;
    }
    let reconnect = ReconnectDraft {
        login: form.text("login"),
        token: draft::token(&form),
        blind: if form.is_on("blind") {
            BlindReconnect::Confirmed
        } else {
            BlindReconnect::Refused
        },
    };
    if let Err(error) = org_core::draft::parse_token(&reconnect.token) {
        let form = form.mistaken(vec![error]);
        let frame = frame(&organization, &admin.0, &csrf);
        let page = show(&state, frame, &organization, form).await?;
        let page = render_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        return Ok(super::sso::with_pop_up(page));
    }
    let actor = admin.actor();
    let name = organization.name.to_string();
    let about = (Kind::Reconnect, name.clone());
    let begun = state
        .jobs()
        .begin(&state, about, admin.0.user.id, |job| {
            let about = (Purpose::Reconnect(organization.id), name);
            let kept = form.without(&["token"]);
            let attempt = Arc::new(Attempt::new(job.clone(), about, kept, &TOKEN_STEPS));
            state.console().put(attempt.clone());
            reconnected(state.clone(), attempt, (organization, reconnect), actor)
        })
        .await;
    match begun {
        Ok(job) => Ok(go(&urls::attempt(job.id))),
        Err(problem) => Ok(problem.into_response()),
    }
}

async fn reconnected(
    state: AppState,
    attempt: Arc<Attempt>,
    (organization, draft): (Organization, ReconnectDraft),
    actor: Actor,
) -> Outcome {
    let watch = Both(&*attempt.job, &*attempt);
    let done = reconnect::reconnect(state.ports(), organization, &draft, &actor, &watch).await;
    let done = done.map_err(|error| {
        let blind = matches!(error, UseCaseError::SeesNothingKnown { .. });
        let problem = Problem::from(error);
        if blind {
            problem.hinted(
                "use an account that sees the known repositories, or go back and agree that everything known may count as out of sight",
            )
        } else {
            problem
        }
    });
    made(&state, &attempt, done, Trigger::Reconnect).await
}
