//! Configuration to wired use cases, the loop that follows what is due, and what both apps share.
//!
//! An app reads a [`Config`](config::Config), opens a [`Runtime`] and hands its ports to the use cases of `org-core`. This crate is the only one
//! that knows every adapter; it holds no rule of its own.

pub mod config;
pub mod doctor;
pub mod entitlements;
pub mod environment;
pub mod logging;
mod open;
pub mod passwords;
pub mod remote;
pub mod scheduler;
pub mod stop;
pub mod sync;
pub mod vaults;

pub use open::{OpenError, Runtime};
