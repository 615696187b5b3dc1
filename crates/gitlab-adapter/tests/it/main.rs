//! The adapter against a simulated GitLab, and against bare sockets where a simulator is too polite.

mod confirm;
mod contract;
mod device;
mod faults;
mod harness;
mod identity;
mod large;
mod listing;
mod moving;
mod oauth;
mod oauth_faults;
mod politeness;
mod probe;
mod renewal;
mod rotation;
mod secrets;
mod signing;
