//! The domain of Forgehold.
pub mod attempt;
pub mod draft;
pub mod event;
pub mod host;
pub mod ids;
pub mod inventory;
pub mod license;
pub mod listing;
pub mod organization;
pub mod ports;
pub mod schedule;
pub mod secret;
pub mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod token;
pub mod use_cases;
pub mod words;
