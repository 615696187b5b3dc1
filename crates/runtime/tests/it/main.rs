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
mod support;
mod worker;
