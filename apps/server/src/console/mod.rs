//! The web console: pages for people.
//!
//! A page takes who asks as an argument: [`CurrentUser`](crate::auth::CurrentUser) for whoever is signed in,
//! [`Operator`](crate::auth::Operator) and [`Admin`](crate::auth::Admin) for those who may do more, and [`Csrf`](crate::auth::Csrf) for the token
//! of its forms. Requests that change something are refused before they come here unless their form has the field `csrf`.

use axum::Router;

use crate::state::AppState;

/// What is mounted at `/`. Everything in it is behind the check of forms.
pub fn router() -> Router<AppState> {
    Router::new()
}
