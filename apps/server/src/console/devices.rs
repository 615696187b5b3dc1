//! Devices: the machines that talk to hosts.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use org_core::host::{HostUrl, PlainHttp};
use org_core::ports::Probe;
use org_core::use_cases::devices::{self, DeviceRow};

use super::form::Form;
use super::frame::{Frame, Section, render};
use super::organizations::{DeviceChoice, Reach};
use super::urls;
use super::view::sentence;
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser, Operator};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::DEVICES, get(page).post(reach_page))
        .route("/devices/reach", post(reach))
}

/// A machine, and the names and pages of the organizations that it works for.
pub(super) struct DeviceView {
    pub(super) device: DeviceChoice,
    pub(super) organizations: Vec<(String, String)>,
}

impl DeviceView {
    fn of(row: &DeviceRow) -> Self {
        let organizations = row.organizations.iter();
        Self {
            device: DeviceChoice::of(&row.device),
            organizations: organizations
                .map(|(id, name)| (name.to_string(), urls::organization(*id)))
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
pub(super) struct DevicesPage {
    pub(super) frame: Frame,
    pub(super) devices: Vec<DeviceView>,
    pub(super) form: Form,
    pub(super) reach: Option<Reach>,
}

async fn draw(
    state: &AppState,
    frame: Frame,
    form: Form,
    reach: Option<Reach>,
) -> Result<DevicesPage, Problem> {
    let rows = devices::list(state.ports()).await?;
    Ok(DevicesPage {
        frame,
        devices: rows.iter().map(DeviceView::of).collect(),
        form,
        reach,
    })
}

async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = Frame::new(Section::Devices, "Devices", &caller, &csrf);
    let form = Form::with(&[("host", HostUrl::GITLAB_COM)]);
    Ok(render(&draw(&state, frame, form, None).await?))
}

async fn tried(state: &AppState, form: &Form) -> Reach {
    match HostUrl::parse(form.value("host"), PlainHttp::LoopbackOnly) {
        Ok(host) => {
            let probe = Probe {
                host: host.clone(),
                credential: None,
            };
            Reach::of(&host, &state.ports().host.probe(&probe).await)
        }
        Err(error) => Reach {
            host: String::new(),
            steps: Vec::new(),
            error: Some(sentence(&error.to_string())),
        },
    }
}

async fn reach(State(state): State<AppState>, _: Operator, form: Form) -> Response {
    render(&tried(&state, &form).await)
}

async fn reach_page(
    State(state): State<AppState>,
    operator: Operator,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let reach = tried(&state, &form).await;
    let frame = Frame::new(Section::Devices, "Devices", &operator.0, &csrf);
    Ok(render(&draw(&state, frame, form, Some(reach)).await?))
}
