//! Pointing at a secret that the company keeps in its own vault already, instead of copying it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use org_core::secret::{ExternalSecret, ExternalSecretError};
use org_core::use_cases::vaults;
use org_core::vaults::VaultHandle;

use crate::api::problem::Problem;
use crate::auth::{Admin, Csrf};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, Section, go_with, render, render_with};
use crate::console::urls;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "secret_link.html")]
pub(in crate::console) struct LinkPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) form: Form,
    /// The vaults that can point at secrets of others.
    pub(in crate::console) vaults: Vec<String>,
}

pub(super) fn vaults(state: &AppState) -> impl Iterator<Item = &VaultHandle> {
    let all = state.ports().vaults.all().iter();
    all.filter(|vault| vault.links.is_some())
}

fn linking(state: &AppState, admin: &Admin, csrf: &Csrf, form: Form) -> LinkPage {
    LinkPage {
        frame: Frame::new(Section::Secrets, "Link a secret", &admin.0, csrf),
        form,
        vaults: vaults(state).map(|vault| vault.name.to_string()).collect(),
    }
}

pub(super) async fn page(State(state): State<AppState>, admin: Admin, csrf: Csrf) -> Response {
    let form = Form::with(&[("mount", "secret")]);
    render(&linking(&state, &admin, &csrf, form))
}

/// The field that a mistake in the place of a secret belongs to.
fn field(error: &ExternalSecretError) -> &'static str {
    let part = match error {
        ExternalSecretError::Empty { part }
        | ExternalSecretError::TooLong { part, .. }
        | ExternalSecretError::NotAPath { part, .. } => part,
    };
    match *part {
        "mount" => "mount",
        "key" => "key",
        _ => "path",
    }
}

pub(super) async fn link(
    State(state): State<AppState>,
    admin: Admin,
    csrf: Csrf,
    form: Form,
) -> Result<Response, Problem> {
    let refused = |form: Form| {
        let page = linking(&state, &admin, &csrf, form);
        Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let [mount, path, key] = ["mount", "path", "key"].map(|name| form.value(name));
    let target = match ExternalSecret::new(mount, path, key) {
        Ok(target) => target,
        Err(error) => {
            let (field, message) = (field(&error), error.to_string());
            return refused(form.at(field, message));
        }
    };
    let ports = state.ports();
    let vault = match vaults::named(ports, form.text("vault").as_deref()) {
        Ok(vault) => vault,
        Err(error) => return refused(form.at("vault", error.to_string())),
    };
    match vaults::link(ports, form.value("name"), &target, vault, &admin.actor()).await {
        Ok(_) => Ok(go_with(urls::SECRETS, Notice::SecretLinked)),
        Err(error) => refused(form.refused(&error.into())),
    }
}
