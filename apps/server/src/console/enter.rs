//! The first run, signing in and signing out.

use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use org_core::use_cases::accounts::{AccountError, Returned};
use secrecy::SecretString;
use serde::Deserialize;

use super::assets::Assets;
use super::form::Form;
use super::frame::{Notice, go, render, render_with};
use super::urls;
use crate::api::problem::Problem;
use crate::auth::cookie::Cookie;
use crate::auth::{Csrf, CurrentUser, MaybeUser, enter};
use crate::http::client::Client;
use crate::state::AppState;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(urls::FIRST_RUN, get(first_run).post(set_up))
        .route(urls::SIGN_IN, get(sign_in).post(signed_in))
        .route(urls::SIGN_IN_PROVIDER, get(depart))
        .route(urls::SIGN_IN_CALLBACK, get(arrive))
        .route(urls::SIGN_OUT, post(sign_out))
}

#[derive(Template)]
#[template(path = "first_run.html")]
pub(super) struct FirstRunPage {
    pub(super) title: &'static str,
    pub(super) csrf: String,
    pub(super) form: Form,
    pub(super) assets: Assets,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage {
    pub(super) title: &'static str,
    pub(super) csrf: String,
    pub(super) form: Form,
    pub(super) provider: Option<Provider>,
    pub(super) assets: Assets,
}

/// The company's provider, where people may sign in instead.
pub(super) struct Provider {
    pub(super) label: String,
    /// A link and no form: the policy of content lets no form lead to another host, not even by a redirect.
    pub(super) href: String,
}

impl FirstRunPage {
    pub(super) fn new(csrf: &Csrf, form: Form) -> Self {
        Self {
            title: "Set up",
            csrf: csrf.token().to_owned(),
            form,
            assets: Assets,
        }
    }
}

impl SignInPage {
    pub(super) fn new(state: &AppState, csrf: &Csrf, form: Form) -> Self {
        let provider = state.identity().map(|(_, settings)| Provider {
            label: settings.label.clone(),
            href: match form.value("next") {
                "" => urls::SIGN_IN_PROVIDER.to_owned(),
                next => format!("{}?next={}", urls::SIGN_IN_PROVIDER, urls::encoded(next)),
            },
        });
        Self {
            provider,
            title: "Sign in",
            csrf: csrf.token().to_owned(),
            form,
            assets: Assets,
        }
    }
}

async fn first_run(State(state): State<AppState>, csrf: Csrf) -> Response {
    if !state.setup().is_open() {
        return go(urls::SIGN_IN);
    }
    render(&FirstRunPage::new(&csrf, Form::default()))
}

async fn set_up(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    csrf: Csrf,
    form: Form,
) -> Response {
    let again = form.secret("again");
    let password = form.secret("password");
    let (code, name) = (form.secret("code"), form.value("name"));
    let done = enter::set_up(&state, &client, &code, name, (&password, &again)).await;
    match done {
        Ok(signed_in) => {
            let next = urls::with_notice(urls::DASHBOARD, Notice::Welcome);
            enter::entered(&state, &signed_in, Some(&next))
        }
        Err(problem) if problem.body.code == "conflict" => go(urls::SIGN_IN),
        Err(problem) => {
            let page = FirstRunPage::new(&csrf, form.refused(&problem));
            render_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(state): State<AppState>,
    MaybeUser(user): MaybeUser,
    Query(Next { next }): Query<Next>,
    csrf: Csrf,
) -> Response {
    if state.setup().is_open() {
        return go(urls::FIRST_RUN);
    }
    if user.is_some() {
        return go(crate::auth::redirect::local_path(Some(&next)));
    }
    render(&SignInPage::new(
        &state,
        &csrf,
        Form::with(&[("next", &next)]),
    ))
}

async fn signed_in(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    csrf: Csrf,
    form: Form,
) -> Response {
    let password = form.secret("password");
    match enter::sign_in(&state, &client, form.value("name"), &password).await {
        Ok(signed_in) => enter::entered(&state, &signed_in, form.text("next").as_deref()),
        Err(error @ AccountError::Store(_)) => Problem::from(error).into_response(),
        Err(error) => {
            let problem = Problem::from(error);
            let status = problem.status;
            let page = render_with(
                status,
                &SignInPage::new(&state, &csrf, form.refused(&problem)),
            );
            problem.onto(page)
        }
    }
}

async fn depart(
    State(state): State<AppState>,
    MaybeUser(user): MaybeUser,
    Query(Next { next }): Query<Next>,
    csrf: Csrf,
) -> Response {
    if user.is_some() {
        return go(crate::auth::redirect::local_path(Some(&next)));
    }
    let departed = enter::depart(&state, &next).await;
    departed.unwrap_or_else(|problem| not_in(&state, &csrf, &next, problem))
}

/// What stands in the address when the provider sends a browser back. Anything may stand there.
#[derive(Default, Deserialize)]
struct CallbackQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

async fn arrive(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
    csrf: Csrf,
) -> Response {
    // One that names a parameter twice is no answer of a provider.
    let Query(query) = query.unwrap_or_default();
    let returned = Returned {
        state: query.state.map(SecretString::from),
        code: query.code.map(SecretString::from),
        error: query.error,
        error_description: query.error_description,
        issuer: query.iss,
        browser: Cookie::Arrival.read(state.place(), &headers),
    };
    let arrived = enter::arrive(&state, &client, &returned).await;
    arrived.unwrap_or_else(|problem| not_in(&state, &csrf, "", problem))
}

/// The page where one signs in, with why that did not work at the provider.
fn not_in(state: &AppState, csrf: &Csrf, next: &str, problem: Problem) -> Response {
    if problem.status == StatusCode::NOT_FOUND {
        return problem.into_response();
    }
    let form = Form::with(&[("next", next)]).refused(&problem);
    let page = render_with(problem.status, &SignInPage::new(state, csrf, form));
    problem.onto(page)
}

async fn sign_out(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
) -> Result<Response, Problem> {
    Ok(enter::leave(&state, &caller).await?)
}
