//! The embedded vault, from outside.

mod concurrency;
mod contract;
mod files;
mod kill;
mod port;
mod properties;
mod rotation;
mod support;
mod tamper;
mod unreadable;
mod upgrade;
