//! Problems as pages: what happened, what to do next, and the id of the request for whoever reads the log.

use askama::Template;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::assets::Assets;
use super::frame::render_with;
use super::view::{Icon, sentence};
use crate::api::problem::Problem;
use crate::http::trace::RequestId;

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    pub(super) title: String,
    pub(super) status: u16,
    pub(super) icon: Icon,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
    pub(super) request: String,
    pub(super) assets: Assets,
}

#[derive(Template)]
#[template(path = "error_part.html")]
pub(super) struct ErrorPart {
    pub(super) detail: String,
    pub(super) hint: Option<String>,
    pub(super) request: String,
}

pub(super) async fn no_such_page() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no page at this address",
    )
    .hinted("check the address, or begin at the dashboard")
}

/// Turns a problem on its way out into a page, or into a part of one where a script asked for a part.
pub(super) async fn as_pages(request: Request, next: Next) -> Response {
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(ToString::to_string);
    let part = request.headers().contains_key("hx-request");
    let page_of_form = (request.method() == Method::GET).then(|| form_page(request.uri().path()));
    let response = next.run(request).await;
    // A refused form leaves its address in the address bar, and people reload it, or come back to it.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(page) = page_of_form
    {
        return Redirect::to(&page).into_response();
    }
    let Some(problem) = response.extensions().get::<Problem>().cloned() else {
        return response;
    };
    let page = page(&problem, &id.unwrap_or_default(), part);
    let (old, _) = response.into_parts();
    let (mut parts, body) = page.into_parts();
    parts.status = old.status;
    for (name, value) in &old.headers {
        if !parts.headers.contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            parts.headers.append(name.clone(), value.clone());
        }
    }
    (parts, body).into_response()
}

/// Where the form stands whose address is only for sending it.
fn form_page(path: &str) -> String {
    let page = path.rsplit_once('/').map_or("/", |(page, _)| page);
    let part = match page.split('/').nth(1) {
        Some("users") => "/edit",
        Some("secrets") => "/show",
        _ => "",
    };
    format!("{page}{part}")
}

fn page(problem: &Problem, request: &str, part: bool) -> Response {
    let detail = sentence(&problem.body.detail);
    let hint = problem.body.hint.as_deref().map(sentence);
    let request = request.to_owned();
    if part {
        return render_with(
            problem.status,
            &ErrorPart {
                detail,
                hint,
                request,
            },
        );
    }
    let (title, icon) = match problem.status {
        StatusCode::NOT_FOUND => ("Not found", "scan-search"),
        StatusCode::FORBIDDEN => ("Not allowed", "ban"),
        StatusCode::SERVICE_UNAVAILABLE => ("Not available right now", "plug"),
        status if status.is_server_error() => ("Something broke on our side", "triangle-alert"),
        _ => ("That did not work", "circle-alert"),
    };
    let page = ErrorPage {
        title: title.to_owned(),
        status: problem.status.as_u16(),
        icon: Icon::with(icon, "large"),
        detail,
        hint,
        request,
        assets: Assets,
    };
    render_with(problem.status, &page)
}
