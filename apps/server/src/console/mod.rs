//! The web console: pages for people.
//!
//! A page takes who asks as an argument: [`CurrentUser`](crate::auth::CurrentUser) for whoever is signed in,
//! [`Operator`](crate::auth::Operator) and [`Admin`](crate::auth::Admin) for those who may do more, and [`Csrf`](crate::auth::Csrf) for the token
//! of its forms. Requests that change something are refused before they come here unless their form has the field `csrf`.
//!
//! Each page is a file with its handlers and one typed context, and a template of the same name in `templates/`. `view` has what templates are made
//! of, `urls` every address. A page works without a script; htmx brings parts of pages where something is live.

mod account;
pub(crate) mod assets;
mod board;
mod dashboard;
mod devices;
mod enter;
mod errors;
mod form;
mod frame;
mod history;
mod licenses;
mod once;
mod organizations;
mod secrets;
mod tokens;
mod urls;
mod users;
mod view;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::middleware;

use crate::state::AppState;

pub(crate) use board::Board;
pub(crate) use once::Once;
pub(crate) use view::{ENDING, counted, sentence};

/// What is mounted at `/`. Everything in it is behind the check of forms.
pub fn router() -> Router<AppState> {
    Router::new()
        .merge(assets::router())
        .merge(enter::router())
        .merge(account::router())
        .merge(dashboard::router())
        .merge(organizations::router())
        .merge(licenses::router())
        .merge(secrets::router())
        .merge(devices::router())
        .merge(history::router())
        .merge(users::router())
        .merge(tokens::router())
        .fallback(errors::no_such_page)
}

/// Shows problems as pages. Around the console and around what guards it, so that a refused form is a page too.
pub fn with_error_pages(router: Router<AppState>) -> Router<AppState> {
    router.layer(middleware::from_fn(errors::as_pages))
}
