//! The server: an HTTP edge over the use cases of `org-core`. It parses, asks who is there, calls one use case and renders.
//!
//! `api` answers programs and `console` answers people; both stand on `auth`, which knows who asks, and on `http`, which refuses what no handler
//! should ever see. `workers` follows what is due. No rule and no SQL is here.

pub mod api;
pub mod auth;
pub mod console;
mod feed;
pub mod http;
mod metrics;
mod serve;
mod state;
mod workers;

pub use serve::{ServeError, Server, run};
pub use state::AppState;
