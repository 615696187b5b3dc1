//! Signing in at a host, to connect an organization or to reconnect one.
//!
//! In a browser: [`begin`] answers the address to open, and [`complete`] takes what the browser brought back. Between the two stands a
//! [`SignIn`](crate::oauth::SignIn) that can be taken once, by its state, within ten minutes, by whoever began it. Without a browser on this
//! machine: [`by_device`] shows a code and waits.
//!
//! Each of these comes in two halves too, for who wants to show a person what was granted before anything is stored: [`receive`] and its like
//! answer a [`Received`], which is to be [accepted](accept) or [declined](decline).
//!
//! On failure nothing stays behind: no organization, no secret, and no grant at the host.

mod answer;
mod begin;
mod complete;
mod device;
mod error;
mod finish;

pub use answer::{BrowserAnswer, Judged};
pub use begin::{Begun, ReturnTo, begin, begin_again};
pub use complete::{cancel, clean_up, complete, receive};
pub use device::{by_device, by_device_again, receive_by_device, receive_by_device_again};
pub use error::SignInError;
pub use finish::{Received, accept, choose, coverage, decline, groups};

#[cfg(test)]
mod tests;
