//! What is kept of a sync: when it ran, how it ended, what it saw and changed.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::ids::{OrganizationId, ProcessId, SyncId};
use crate::listing::MissingPart;
use crate::words::word_enum;

word_enum! {
    /// Why a sync was started.
    Trigger: "trigger" {
        /// The organization was connected.
        Connect = "connect",
        /// The organization was reconnected.
        Reconnect = "reconnect",
        /// The schedule.
        Schedule = "schedule",
        /// A person.
        Manual = "manual",
        /// A person approved a held sync.
        Approval = "approval",
        /// Somebody asked for it while another one ran.
        Requested = "requested",
    }
}

/// What a sync saw and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Repositories in the listing.
    pub seen: u64,
    /// Repositories that were new.
    pub added: u64,
    /// Repositories with another name or path of their own.
    pub renamed: u64,
    /// Repositories that stand in another group.
    pub moved: u64,
    /// Repositories that became read-only.
    pub archived: u64,
    /// Repositories whose deletion was scheduled.
    pub marked: u64,
    /// Repositories that the host confirmed to be gone, or that left the scope.
    pub vanished: u64,
    /// Repositories that were gone and are there again.
    pub returned: u64,
    /// Repositories with any other change.
    pub updated: u64,
    /// Licenses that were given, to whichever organization.
    pub licensed: u64,
    /// Repositories that joined the queue for a license.
    pub waiting: u64,
    /// Groups in the listing; zero when groups are not protected.
    pub groups_seen: u64,
    /// Groups that were new, changed, gone or back.
    pub groups_changed: u64,
}

impl Counts {
    /// How many repositories changed in any way.
    pub const fn changes(&self) -> u64 {
        self.added
            + self.renamed
            + self.moved
            + self.archived
            + self.marked
            + self.vanished
            + self.returned
            + self.updated
    }
}

/// How a sync stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Somebody is at it, until the lease ends.
    Running,
    /// It ended.
    Ended {
        /// When.
        at: DateTime<Utc>,
        /// How.
        outcome: RunOutcome,
    },
}

/// How a sync ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Everything was seen and applied.
    Complete,
    /// What was seen was applied; this is missing, and nothing vanished because of it.
    Partial {
        /// What is missing.
        missing: Vec<MissingPart>,
    },
    /// Nothing was applied; a person must decide.
    Held {
        /// What the person decided, or that nobody did yet.
        decision: HeldDecision,
        /// How many of the known repositories the listing does not have.
        vanishing: u64,
        /// How many repositories were known.
        known: u64,
    },
    /// Nothing was applied.
    Failed {
        /// Why, with what to do next; never with a secret in it.
        reason: String,
    },
    /// A person stopped it, and nothing was applied.
    Canceled,
    /// The program that was at it died; another one found that out.
    Abandoned,
}

impl RunOutcome {
    /// The word that tables use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial { .. } => "partial",
            Self::Held { .. } => "held",
            Self::Failed { .. } => "failed",
            Self::Canceled => "canceled",
            Self::Abandoned => "abandoned",
        }
    }
}

word_enum! {
    /// What a person decided about a held sync.
    HeldDecision: "decision" {
        /// Nothing yet.
        Open = "open",
        /// The repositories are really gone.
        Approved = "approved",
        /// They are not.
        Rejected = "rejected",
        /// A later sync made the question pointless.
        Superseded = "superseded",
    }
}

/// A sync as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRun {
    /// Its identity; applying twice under one id is applying once.
    pub id: SyncId,
    /// The organization.
    pub organization: OrganizationId,
    /// Why it was started.
    pub trigger: Trigger,
    /// The program that is, or was, at it.
    pub holder: ProcessId,
    /// The number that each write of it carries; a later claim has a greater one.
    pub fence: u64,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// How it stands.
    pub state: RunState,
    /// What it saw and changed.
    pub counts: Counts,
    /// How many requests were sent to the host.
    pub requests: u64,
}

impl SyncRun {
    /// How it ended, if it did.
    pub const fn outcome(&self) -> Option<&RunOutcome> {
        match &self.state {
            RunState::Running => None,
            RunState::Ended { outcome, .. } => Some(outcome),
        }
    }

    /// The word that tables use.
    pub fn state_word(&self) -> &'static str {
        self.outcome().map_or("running", RunOutcome::as_str)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seen", self.seen)?;
        for (count, word) in [
            (self.added, "added"),
            (self.renamed, "renamed"),
            (self.moved, "moved"),
            (self.archived, "archived"),
            (self.marked, "marked for deletion"),
            (self.vanished, "vanished"),
            (self.returned, "returned"),
            (self.updated, "updated"),
            (self.licensed, "licensed"),
            (self.waiting, "waiting"),
        ] {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        Ok(())
    }
}
