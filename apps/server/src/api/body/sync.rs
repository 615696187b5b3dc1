//! Syncs: how they ended, what they saw and changed.

use std::collections::BTreeMap;

use org_core::ids::OrganizationId;
use org_core::sync::run::{RunOutcome, RunState};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// A sync.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SyncRun {
    /// Its identity.
    pub id: String,
    /// The id of the organization.
    pub organization: String,
    /// The name of the organization.
    pub organization_name: String,
    /// Why it was started: `connect`, `reconnect`, `schedule`, `manual`, `approval` or `requested`.
    pub trigger: String,
    /// `running`, `complete`, `partial`, `held`, `failed`, `canceled` or `abandoned`.
    pub state: &'static str,
    /// When it was started.
    pub started_at: String,
    /// When it ended; null while it runs.
    pub ended_at: Option<String>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// What it saw and changed.
    pub counts: Counts,
    /// How many requests were sent to the host.
    pub requests: u64,
    /// With `failed`: why, with what to do next.
    pub reason: Option<String>,
    /// With `partial`: what could not be seen.
    pub missing: Vec<Missing>,
    /// With `held`: what it is about.
    pub held: Option<Held>,
}

/// What a sync saw and changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SyncCounts)]
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
    /// Repositories that the host confirmed to be gone.
    pub vanished: u64,
    /// Repositories that were gone and are there again.
    pub returned: u64,
    /// Repositories with any other change.
    pub updated: u64,
    /// Licenses that were given.
    pub licensed: u64,
    /// Repositories that joined the queue for a license.
    pub waiting: u64,
    /// Groups in the listing.
    pub groups_seen: u64,
    /// Groups that were new, changed, gone or back.
    pub groups_changed: u64,
}

/// A part that could not be seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Missing {
    /// Which part.
    pub what: String,
    /// Why.
    pub why: String,
}

impl From<&org_core::listing::MissingPart> for Missing {
    fn from(part: &org_core::listing::MissingPart) -> Self {
        Self {
            what: part.what.clone(),
            why: part.why.clone(),
        }
    }
}

/// What a held sync is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Held {
    /// `open`, `approved`, `rejected` or `superseded`.
    pub decision: String,
    /// How many known repositories the listing does not have.
    pub vanishing: u64,
    /// How many repositories were known.
    pub known: u64,
}

/// The names of organizations by their ids.
pub type Names = BTreeMap<OrganizationId, String>;

impl SyncRun {
    pub fn new(run: &org_core::sync::run::SyncRun, name: &str) -> Self {
        let ended = match &run.state {
            RunState::Running => None,
            RunState::Ended { at, .. } => Some(*at),
        };
        let (mut reason, mut missing, mut held) = (None, Vec::new(), None);
        match run.outcome() {
            Some(RunOutcome::Failed { reason: why }) => reason = Some(why.clone()),
            Some(RunOutcome::Partial { missing: parts }) => {
                missing = parts.iter().map(Missing::from).collect();
            }
            Some(RunOutcome::Held {
                decision,
                vanishing,
                known,
            }) => {
                held = Some(Held {
                    decision: decision.to_string(),
                    vanishing: *vanishing,
                    known: *known,
                });
            }
            Some(RunOutcome::Complete | RunOutcome::Canceled | RunOutcome::Abandoned) | None => {}
        }
        Self {
            id: run.id.to_string(),
            organization: run.organization.to_string(),
            organization_name: name.to_owned(),
            trigger: run.trigger.to_string(),
            state: run.state_word(),
            started_at: time::stamp(run.started_at),
            ended_at: ended.map(time::stamp),
            seconds: ended
                .and_then(|at| (at - run.started_at).to_std().ok())
                .map(|took| took.as_secs_f64()),
            counts: run.counts.into(),
            requests: run.requests,
            reason,
            missing,
            held,
        }
    }

    pub fn named(run: &org_core::sync::run::SyncRun, names: &Names) -> Self {
        let name = names.get(&run.organization).map(String::as_str);
        Self::new(run, name.unwrap_or_default())
    }
}

impl From<org_core::sync::run::Counts> for Counts {
    fn from(counts: org_core::sync::run::Counts) -> Self {
        let org_core::sync::run::Counts {
            seen,
            added,
            renamed,
            moved,
            archived,
            marked,
            vanished,
            returned,
            updated,
            licensed,
            waiting,
            groups_seen,
            groups_changed,
        } = counts;
        Self {
            seen,
            added,
            renamed,
            moved,
            archived,
            marked,
            vanished,
            returned,
            updated,
            licensed,
            waiting,
            groups_seen,
            groups_changed,
        }
    }
}

/// What a person decides about: the repositories that a held sync would let vanish.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeldSync {
    /// The sync that waits.
    pub sync: SyncRun,
    /// The repositories that it would let vanish, at most `shown` of them.
    pub vanishing: Vec<Vanishing>,
    /// How many there are altogether.
    pub total: u64,
}

/// A repository that would vanish.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Vanishing {
    /// The host's id.
    pub id: u64,
    /// The path as it is known.
    pub path: String,
    /// `licensed`, `waiting` or `unlicensed`.
    pub license: String,
}
