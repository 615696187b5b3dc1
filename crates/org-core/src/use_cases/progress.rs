//! How far a long use case has come: a stream of events to whoever watches, never a question back.

use chrono::{DateTime, Utc};

use crate::listing::Wait;
use crate::ports::ProbeStep;

/// One step of a long use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent {
    /// A step begins, such as `authenticate`.
    Started {
        /// Its name, in words.
        step: &'static str,
    },
    /// A step of reaching the host is done.
    Reached(ProbeStep),
    /// So much was listed so far.
    Listed {
        /// Repositories, repeated ones included.
        repositories: u64,
        /// Groups, repeated ones included.
        groups: u64,
    },
    /// The host makes us wait.
    Waiting(Wait),
    /// A person must type a code at the host, in any browser.
    EnterCode {
        /// Where.
        uri: String,
        /// The same with the code in it.
        complete: Option<String>,
        /// The code; it is worth nothing to anybody who is not signed in there.
        code: String,
        /// Until when it is good.
        until: DateTime<Utc>,
    },
    /// The host was asked whether missing repositories are gone.
    Confirmed {
        /// So many so far.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// The plan is being stored.
    Applying {
        /// How many repositories change.
        changes: u64,
    },
}

/// Watches a long use case.
pub trait Progress: Send + Sync {
    /// Takes an event. It is called often and must not block.
    fn report(&self, event: ProgressEvent);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&self, _event: ProgressEvent) {}
}
