//! Devices: the machines that talk to hosts.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use org_core::host::{HostUrl, PlainHttp};
use org_core::ids::DeviceId;
use org_core::ports::Probe;
use org_core::use_cases::overview::{self, Which};

use super::form::Form;
use super::frame::{Frame, Section, render};
use super::organizations::Reach;
use super::urls;
use super::view::{Badge, Tone, sentence};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser, Operator};
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::DEVICES, get(page).post(reach_page))
        .route("/devices/reach", post(reach))
}

/// A machine.
pub(super) struct DeviceView {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) badge: Badge,
    pub(super) id: String,
    pub(super) organizations: Vec<(String, String)>,
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
    let overviews = overview::all(state.ports(), Which::Present).await?;
    let here = overviews
        .iter()
        .filter(|overview| overview.organization.settings.default_device == DeviceId::EMBEDDED)
        .map(|overview| {
            let organization = &overview.organization;
            (
                organization.name.to_string(),
                urls::organization(organization.id),
            )
        });
    Ok(DevicesPage {
        frame,
        devices: vec![DeviceView {
            name: "This server",
            about: "The embedded device, there from the first start",
            badge: Badge::new(Tone::Good, "circle-check", "Online"),
            id: DeviceId::EMBEDDED.to_string(),
            organizations: here.collect(),
        }],
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
