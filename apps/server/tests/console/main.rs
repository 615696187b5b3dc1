//! The console in a real Chromium, against a real server with a real database and a simulated GitLab.
//!
//! A test waits for what must come, with a deadline, and never for a while.

#[path = "../it/bao.rs"]
mod bao;
mod browser;
mod connect;
mod driver;
mod enter;
mod follow;
mod manage;
mod people;
mod pictures;
mod place;
mod sso;
mod vault;

pub(crate) use browser::Browser;
