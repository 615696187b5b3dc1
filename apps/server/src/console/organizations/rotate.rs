//! Having the host replace the access token of an organization by a new one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use org_core::organization::{Organization, Status};
use org_core::use_cases::NoProgress;
use org_core::use_cases::rotate::{DEFAULT_DAYS, rotate};

use super::Named;
use super::show::{Head, Tab, frame};
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, go, go_with, render, render_with};
use crate::console::urls;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "organization_rotate.html")]
pub(in crate::console) struct RotatePage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) form: Form,
    pub(in crate::console) host: String,
    /// The version of the organization that the form was made for, so that two tabs do not rotate twice.
    pub(in crate::console) seen: u64,
}

fn show(organization: &Organization, admin: &Admin, csrf: &Csrf, form: Form) -> RotatePage {
    RotatePage {
        frame: frame(organization, &admin.0, csrf),
        head: Head::new(organization, Tab::Settings),
        form,
        host: organization.host.to_string(),
        seen: organization.version,
    }
}

pub(super) async fn page(admin: Admin, Named(organization): Named, csrf: Csrf) -> Response {
    let is_removed = matches!(organization.status, Status::Removed { .. });
    if organization.auth.is_sso() || is_removed {
        // There is nothing to rotate, and no link leads here.
        return go(&urls::organization_part(organization.id, "settings"));
    }
    let form = Form::with(&[("days", &DEFAULT_DAYS.to_string())]);
    render(&show(&organization, &admin, &csrf, form))
}

/// The host is asked once, and what it answers is kept even if the person goes away meanwhile.
pub(super) async fn proceed(
    State(state): State<AppState>,
    admin: Admin,
    Named(organization): Named,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    if form.value("seen") != organization.version.to_string() {
        let message = "the organization was changed since this page was opened";
        let problem = Problem::new(StatusCode::CONFLICT, "version_changed", message)
            .hinted("look whether its token was rotated already; if not, rotate it now");
        let page = show(&organization, &admin, &csrf, form.refused(&problem));
        return Ok(render_with(StatusCode::CONFLICT, &page));
    }
    let days = match form.text("days").map(|days| days.parse::<u64>()) {
        None => None,
        Some(Ok(days)) => Some(days),
        Some(Err(_)) => {
            let form = form.at("days", "give a whole number of days, such as 90");
            let page = show(&organization, &admin, &csrf, form);
            return Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let (shared, actor, before) = (state.clone(), admin.actor(), organization.clone());
    let rotated = state
        .jobs()
        .to_the_end(&state, async move {
            rotate(shared.ports(), before, days, &actor, &NoProgress).await
        })
        .await?;
    match rotated {
        Ok(organization) => Ok(go_with(
            &urls::organization(organization.id),
            Notice::TokenRotated,
        )),
        Err(error) => {
            let form = form.refused(&error.into());
            let page = show(&organization, &admin, &csrf, form);
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
