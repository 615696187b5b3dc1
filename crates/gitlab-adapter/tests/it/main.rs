//! The adapter against a simulated GitLab, and against bare sockets where a simulator is too polite.

mod confirm;
mod contract;
mod faults;
mod harness;
mod identity;
mod large;
mod listing;
mod moving;
mod politeness;
mod probe;
mod secrets;
