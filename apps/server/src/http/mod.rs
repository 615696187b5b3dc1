//! What stands before every handler: who speaks, to which name, how much and how fast; and what every answer carries.
//!
//! The layers, the outermost first: the request gets an id and is logged; who speaks is found out, and whether a proxy may be believed; requests
//! to a name that is not ours are refused; the body is read whole, within its limits of size and time; security headers are put onto the answer.

pub mod body;
pub mod client;
pub mod headers;
pub mod limits;
pub mod place;
pub mod tls;
pub mod trace;

use axum::Router;
use axum::middleware;

use crate::state::AppState;

/// Puts the layers around a router.
pub fn layered(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    router
        .layer(middleware::from_fn_with_state(state.clone(), body::bounded))
        .layer(middleware::from_fn_with_state(state.clone(), place::check))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            client::identify,
        ))
        .layer(middleware::from_fn_with_state(state.clone(), trace::log))
}
