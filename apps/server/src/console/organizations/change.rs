//! Changing an organization: its settings, pausing, resuming, synchronizing, removing.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use org_core::organization::Organization;
use org_core::ports::StoreError;
use org_core::sync::run::Trigger;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::manage::{self, SettingsPatch};
use org_core::use_cases::{UseCaseError, lookup, overview};

use super::add::Preview;
use super::device::DeviceChoice;
use super::show::{Head, Tab, frame};
use super::{Named, draft};
use crate::api::etag::digest;
use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf, CurrentUser, Operator};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, go_with, render, render_with};
use crate::console::urls;
use crate::console::view::thousands;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "organization_settings.html")]
pub(in crate::console) struct SettingsPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) form: Form,
    pub(in crate::console) zones: Vec<&'static str>,
    pub(in crate::console) preview: Preview,
    pub(in crate::console) preview_url: String,
    /// Where groups are found; empty where nobody may look for them.
    pub(in crate::console) groups_url: String,
    /// What stands for the settings that the form was made for.
    pub(in crate::console) seen: String,
    pub(in crate::console) devices: Vec<DeviceChoice>,
}

/// What stands for what the form of the settings changes.
fn seen(organization: &Organization) -> String {
    let settings = &organization.settings;
    digest(&format!(
        "{} {} {} {} {} {}",
        organization.name,
        settings.scope,
        settings.protect_groups,
        settings.auto_license,
        settings.schedule.to_text(),
        settings.default_device
    ))
}

impl SettingsPage {
    async fn new(
        state: &AppState,
        (caller, csrf): (&Caller, &Csrf),
        organization: &Organization,
        form: Form,
    ) -> Result<Self, Problem> {
        let (frame, head) = (
            frame(organization, caller, csrf),
            Head::new(organization, Tab::Settings),
        );
        let groups_url = if frame.can_write() && !head.removed {
            urls::organization_part(organization.id, "settings/groups")
        } else {
            String::new()
        };
        Ok(Self {
            preview: Preview::of(state, &form, Some(organization.id)),
            preview_url: urls::organization_part(organization.id, "settings/preview"),
            groups_url,
            seen: seen(organization),
            devices: DeviceChoice::all(state).await?,
            frame,
            head,
            form,
            zones: org_core::schedule::Zone::names(),
        })
    }
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let form = draft::of_settings(organization.name.as_str(), &organization.settings);
    let page = SettingsPage::new(&state, (&caller, &csrf), &organization, form).await?;
    Ok(render(&page))
}

pub(super) async fn preview(
    State(state): State<AppState>,
    _: CurrentUser,
    Named(organization): Named,
    form: Form,
) -> Response {
    render(&Preview::of(&state, &form, Some(organization.id)))
}

pub(super) async fn save(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    if form.value("seen") != seen(&organization) {
        return overtaken(&state, (&operator, &csrf), &organization, form).await;
    }
    let settings = draft::settings(&form);
    let patch = SettingsPatch {
        name: Some(form.value("name").to_owned()),
        groups: Some(settings.groups),
        personal: settings.personal,
        protect_groups: Some(settings.protect_groups),
        auto_license: Some(settings.auto_license),
        schedule: Some(settings.schedule),
        device: settings.device,
    };
    // A new scope is looked at with the credential, which may be renewed for it: that must not be dropped half way.
    let (ports, actor, before) = (
        state.ports().clone(),
        operator.actor(),
        organization.clone(),
    );
    let edit = async move { manage::edit_seen(&ports, before, &patch, &actor).await };
    match state.jobs().to_the_end(&state, edit).await? {
        Ok(_) => Ok(go_with(&urls::organization(organization.id), Notice::Saved)),
        Err(UseCaseError::Store(StoreError::Stale { .. })) => {
            let theirs = lookup::by_id(state.ports(), organization.id).await?;
            overtaken(&state, (&operator, &csrf), &theirs, form).await
        }
        Err(error) => {
            let form = form.refused(&error.into());
            let page = SettingsPage::new(&state, (&operator.0, &csrf), &organization, form).await?;
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// The form of somebody who did not see what another one changed; whoever saves it again has been told.
async fn overtaken(
    state: &AppState,
    (operator, csrf): (&Operator, &Csrf),
    theirs: &Organization,
    form: Form,
) -> Result<Response, Problem> {
    let message = "somebody else changed the settings while you did";
    let problem = Problem::new(StatusCode::CONFLICT, "version_changed", message).hinted(
        "open this page in another tab to see theirs, or save again to replace theirs with what stands here",
    );
    let form = form.refused(&problem);
    let page = SettingsPage::new(state, (&operator.0, csrf), theirs, form).await?;
    Ok(render_with(StatusCode::CONFLICT, &page))
}

pub(super) async fn synchronize(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
) -> Result<Response, Problem> {
    let url = urls::organization(organization.id);
    let owner = operator.0.user.id;
    let jobs = state.jobs();
    jobs.synchronize(&state, organization, Trigger::Manual, owner)
        .await?;
    Ok(go_with(&url, Notice::SyncStarted))
}

pub(super) async fn pause(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
) -> Result<Response, Problem> {
    let url = urls::organization(organization.id);
    manage::pause(state.ports(), organization, &operator.actor()).await?;
    Ok(go_with(&url, Notice::Paused))
}

pub(super) async fn resume(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
) -> Result<Response, Problem> {
    let url = urls::organization(organization.id);
    manage::resume(state.ports(), organization, &operator.actor()).await?;
    Ok(go_with(&url, Notice::Resumed))
}

#[derive(Template)]
#[template(path = "organization_remove.html")]
pub(in crate::console) struct RemovePage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) form: Form,
    pub(in crate::console) repositories: String,
    pub(in crate::console) licensed: String,
}

async fn removal(
    state: &AppState,
    frame: Frame,
    organization: Organization,
    form: Form,
) -> Result<RemovePage, Problem> {
    let head = Head::new(&organization, Tab::Settings);
    let counts = overview::of(state.ports(), organization).await?.counts;
    Ok(RemovePage {
        frame,
        head,
        form,
        repositories: thousands(counts.repositories),
        licensed: thousands(counts.licensed),
    })
}

pub(super) async fn remove_page(
    State(state): State<AppState>,
    Admin(caller): Admin,
    Named(organization): Named,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let frame = frame(&organization, &caller, &csrf);
    Ok(render(
        &removal(&state, frame, organization, Form::default()).await?,
    ))
}

pub(super) async fn remove(
    State(state): State<AppState>,
    admin: Admin,
    Named(organization): Named,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let typed = form.value("confirm").to_owned();
    let done = manage::remove(state.ports(), organization.clone(), &typed, &admin.actor()).await;
    match done {
        Ok(_) => Ok(go_with(urls::ORGANIZATIONS, Notice::Removed)),
        Err(error @ UseCaseError::NotConfirmed { .. }) => {
            let form = form.at("confirm", error.to_string());
            let frame = frame(&organization, &admin.0, &csrf);
            let page = removal(&state, frame, organization, form).await?;
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}
