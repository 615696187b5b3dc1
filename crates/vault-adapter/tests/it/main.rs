//! The embedded vault, from outside.

mod concurrency;
mod files;
mod kill;
mod port;
mod properties;
mod rotation;
mod support;
mod tamper;
mod unreadable;
