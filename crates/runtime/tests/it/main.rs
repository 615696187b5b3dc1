//! The whole installation: real database, real vault, the real adapter against a simulated GitLab, several processes.

mod doctor;
mod faults;
mod kill;
mod leftovers;
mod main_job;
mod processes;
mod renewing;
mod scheduler;
mod secrets;
#[path = "../../../vault-adapter/tests/it/server.rs"]
#[expect(dead_code, reason = "the tests of the vault use more of it")]
mod server;
mod support;
mod vaults;
mod worker;
