//! What people do with Forgehold: each use case is a function over [`Ports`], and every entry point calls the same ones.
//!
//! A use case parses nothing and renders nothing. It reads, has a planner decide, has the stores apply the decision in one transaction with its
//! events, and answers with data. What takes long tells its [`Progress`].

pub mod accounts;
pub mod connect;
pub mod credential;
pub mod devices;
mod error;
pub mod expiry;
pub mod follow;
pub mod group_search;
pub mod licenses;
pub mod lookup;
pub mod manage;
pub mod overview;
pub mod policy_preview;
pub mod precondition;
pub mod preflight;
pub mod progress;
pub mod reconnect;
pub mod review;
pub mod rotate;
pub mod secrets;
pub mod sign_in;
pub mod vaults;

pub use error::{ErrorKind, UseCaseError};
pub use progress::{NoProgress, Progress, ProgressEvent};

#[cfg(doc)]
use crate::ports::Ports;

/// How often a use case reads, decides and applies again when others were faster, before it gives up.
///
/// Each refusal means that somebody else's change went through, so the system as a whole always gets on.
pub(crate) const STALE_RETRIES: usize = 64;

#[cfg(test)]
mod tests;
