//! The server: an HTTP edge over the use cases of `org-core`. It parses, asks who is there, calls one use case and renders.
//!
//! `api` answers programs and `console` answers people; both stand on `auth`, which knows who asks, and on `http`, which refuses what no handler
//! should ever see. `workers` follows what is due, and `jobs` does what a person asked for. No rule and no SQL is here.

pub mod api;
pub mod auth;
pub mod console;
pub mod feed;
mod gate;
mod group_search;
pub mod http;
pub mod jobs;
pub mod manage;
mod metrics;
mod serve;
mod state;
mod summary;
mod webhooks;
mod workers;

pub use serve::{ServeError, Server, run};
pub use state::AppState;
