//! The embedded vault, from outside.

mod concurrency;
mod contract;
mod files;
mod keys;
mod kill;
mod openbao;
mod port;
mod properties;
mod rotation;
mod server;
mod support;
mod tamper;
mod unreadable;
mod upgrade;
