//! The exit codes: documented constants that scripts may rely on.

use std::fmt::Write;

use org_core::sync::run::{RunOutcome, RunState, SyncRun};
use org_core::use_cases::ErrorKind;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Exit {
    Ok,
    Internal,
    Usage,
    NotFound,
    Conflict,
    Denied,
    Unavailable,
    NeedsConfirmation,
    ProblemFound,
    SyncPartial,
    SyncHeld,
    SyncFailed,
    Canceled,
}

impl Exit {
    pub(crate) const ALL: [Self; 13] = [
        Self::Ok,
        Self::Internal,
        Self::Usage,
        Self::NotFound,
        Self::Conflict,
        Self::Denied,
        Self::Unavailable,
        Self::NeedsConfirmation,
        Self::ProblemFound,
        Self::SyncPartial,
        Self::SyncHeld,
        Self::SyncFailed,
        Self::Canceled,
    ];

    /// The number that the shell sees. A number never changes its meaning.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Denied => 5,
            Self::Unavailable => 6,
            Self::NeedsConfirmation => 7,
            Self::ProblemFound => 8,
            Self::SyncPartial => 10,
            Self::SyncHeld => 11,
            Self::SyncFailed => 12,
            Self::Canceled => 130,
        }
    }

    /// The word that errors in JSON have as their kind.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Internal => "internal",
            Self::Usage => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::NeedsConfirmation => "needs_confirmation",
            Self::ProblemFound => "problem_found",
            Self::SyncPartial => "sync_partial",
            Self::SyncHeld => "sync_held",
            Self::SyncFailed => "sync_failed",
            Self::Canceled => "canceled",
        }
    }

    /// What it means, in words.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Internal => "something is broken on the side of Forgehold",
            Self::Usage => "the command line or a value is wrong; nothing was changed",
            Self::NotFound => "there is no such thing",
            Self::Conflict => "it clashes with something that is there",
            Self::Denied => "the host, the password manager or the data directory denies it",
            Self::Unavailable => "somebody or something is not there right now; try again later",
            Self::NeedsConfirmation => "a person must confirm it first",
            Self::ProblemFound => {
                "`doctor`, `secret test`, `vault list` or `vault check` found a problem"
            }
            Self::SyncPartial => {
                "the sync could not see everything; what it saw was stored, nothing vanished"
            }
            Self::SyncHeld => "the sync waits for a decision of a person; nothing was changed",
            Self::SyncFailed => "the sync failed; nothing was changed",
            Self::Canceled => "a person stopped it",
        }
    }

    /// How a program ends whose last act was `run`.
    pub(crate) const fn of_run(run: &SyncRun) -> Self {
        match &run.state {
            // Somebody else is at it, so nothing can be told of its end.
            RunState::Running => Self::Unavailable,
            RunState::Ended { outcome, .. } => match outcome {
                RunOutcome::Complete => Self::Ok,
                RunOutcome::Partial { .. } => Self::SyncPartial,
                RunOutcome::Held { .. } => Self::SyncHeld,
                RunOutcome::Failed { .. } | RunOutcome::Abandoned => Self::SyncFailed,
                RunOutcome::Canceled => Self::Canceled,
            },
        }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Usage,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::NeedsConfirmation => Self::NeedsConfirmation,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

/// The section of the help and of the manual page.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

/// The page `docs/cli/exit-codes.md`.
#[cfg(test)]
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Exit codes of `forgehold`\n\n\
         A number never changes its meaning. The kind is the word that an error has with `--output json`.\n\n\
         | code | kind | meaning |\n| ---: | --- | --- |\n",
    );
    for exit in Exit::ALL {
        let _ = writeln!(
            text,
            "| {} | `{}` | {} |",
            exit.code(),
            exit.kind(),
            exit.meaning()
        );
    }
    text.push_str(
        "\nA sync that ended `partial` or `held` is not a success, so that a script notices. \
         When a reader closes the pipe early, as `head` does, the program ends silently with 0.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_ways_to_end_share_a_number_or_a_word() {
        let codes: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        let kinds: BTreeSet<&str> = Exit::ALL.iter().map(|exit| exit.kind()).collect();
        assert_eq!(
            (codes.len(), kinds.len()),
            (Exit::ALL.len(), Exit::ALL.len())
        );
    }

    #[test]
    fn the_page_is_up_to_date() {
        crate::docs::check("exit-codes.md", &page());
    }
}
