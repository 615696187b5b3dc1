//! Syncs: how they ended, what they saw and changed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use org_core::ids::OrganizationId;
use org_core::sync::run::{RunOutcome, RunState};
use serde::{Deserialize, Serialize};

use super::{Describe, Row, Text, time};
use crate::exit::Exit;

/// A sync.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SyncRun {
    /// Its identity.
    id: String,
    /// The id of the organization.
    organization: String,
    /// The name of the organization.
    organization_name: String,
    /// Why it was started: `connect`, `reconnect`, `schedule`, `manual`, `approval` or `requested`.
    trigger: String,
    /// `running`, `complete`, `partial`, `held`, `failed`, `canceled` or `abandoned`.
    state: Cow<'static, str>,
    /// When it was started.
    started_at: String,
    /// When it ended; null while it runs.
    ended_at: Option<String>,
    /// How long it took, in seconds.
    seconds: Option<f64>,
    /// What it saw and changed.
    counts: Counts,
    /// How many requests were sent to the host.
    requests: u64,
    /// With `failed`: why, with what to do next.
    reason: Option<String>,
    /// With `partial`: what could not be seen.
    missing: Vec<Missing>,
    /// With `held`: what it is about.
    held: Option<Held>,
}

/// What a sync saw and changed.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SyncCounts"))]
pub(crate) struct Counts {
    /// Repositories in the listing.
    seen: u64,
    /// Repositories that were new.
    added: u64,
    /// Repositories with another name or path of their own.
    renamed: u64,
    /// Repositories that stand in another group.
    moved: u64,
    /// Repositories that became read-only.
    archived: u64,
    /// Repositories whose deletion was scheduled.
    marked: u64,
    /// Repositories that the host confirmed to be gone.
    vanished: u64,
    /// Repositories that were gone and are there again.
    returned: u64,
    /// Repositories with any other change.
    updated: u64,
    /// Licenses that were given.
    licensed: u64,
    /// Repositories that joined the queue for a license.
    waiting: u64,
    /// Groups in the listing.
    groups_seen: u64,
    /// Groups that were new, changed, gone or back.
    groups_changed: u64,
}

/// A part that could not be seen.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Missing {
    /// Which part.
    what: String,
    /// Why.
    why: String,
}

impl From<&org_core::listing::MissingPart> for Missing {
    fn from(part: &org_core::listing::MissingPart) -> Self {
        Self {
            what: part.what.clone(),
            why: part.why.clone(),
        }
    }
}

impl Row for Missing {
    const HEADER: &'static [&'static str] = &["Missing", "Why"];

    fn cells(&self) -> Vec<String> {
        vec![self.what.clone(), self.why.clone()]
    }
}

/// What a held sync is about.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Held {
    /// `open`, `approved`, `rejected` or `superseded`.
    decision: String,
    /// How many known repositories the listing does not have.
    vanishing: u64,
    /// How many repositories were known.
    known: u64,
}

/// The names of organizations by their ids.
pub(crate) type Names = BTreeMap<OrganizationId, String>;

impl SyncRun {
    pub(crate) fn new(run: &org_core::sync::run::SyncRun, name: &str) -> Self {
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
            state: Cow::Borrowed(run.state_word()),
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

    pub(crate) fn named(run: &org_core::sync::run::SyncRun, names: &Names) -> Self {
        let name = names.get(&run.organization).map(String::as_str);
        Self::new(run, name.unwrap_or_default())
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state != "running"
    }

    /// How a command ends whose last act it was.
    pub(crate) fn exit(&self) -> Exit {
        match &*self.state {
            "complete" => Exit::Ok,
            "partial" => Exit::SyncPartial,
            "held" => Exit::SyncHeld,
            "failed" | "abandoned" => Exit::SyncFailed,
            "canceled" => Exit::Canceled,
            _ => Exit::Unavailable,
        }
    }

    /// On one line, for a stream.
    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "{}  {}: {} ({}, {})",
            self.started_at,
            self.organization_name,
            self.state,
            self.counts.words(),
            self.took()
        );
        if let Some(reason) = &self.reason {
            line = format!("{line}: {reason}");
        }
        line
    }

    fn took(&self) -> String {
        self.seconds
            .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
            .map(time::took)
            .unwrap_or_default()
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

impl Counts {
    /// The same in words.
    fn words(&self) -> String {
        org_core::sync::run::Counts {
            seen: self.seen,
            added: self.added,
            renamed: self.renamed,
            moved: self.moved,
            archived: self.archived,
            marked: self.marked,
            vanished: self.vanished,
            returned: self.returned,
            updated: self.updated,
            licensed: self.licensed,
            waiting: self.waiting,
            groups_seen: self.groups_seen,
            groups_changed: self.groups_changed,
        }
        .to_string()
    }
}

impl Row for SyncRun {
    const HEADER: &'static [&'static str] = &[
        "Sync",
        "Organization",
        "Started",
        "Trigger",
        "State",
        "Took",
        "Result",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.organization_name.clone(),
            self.started_at.clone(),
            self.trigger.clone(),
            self.state.to_string(),
            self.took(),
            self.counts.words(),
        ]
    }
}

impl Describe for SyncRun {
    fn describe(&self, text: &mut Text) {
        text.field("Sync", &self.id);
        text.field("Organization", &self.organization_name);
        text.field("Trigger", &self.trigger);
        text.field("State", &self.state);
        text.field("Started", &self.started_at);
        if self.ended_at.is_some() {
            text.field("Took", self.took());
        }
        text.field("Repositories", self.counts.words());
        if self.counts.groups_seen > 0 {
            text.field(
                "Groups",
                format_args!(
                    "{} seen, {} changed",
                    self.counts.groups_seen, self.counts.groups_changed
                ),
            );
        }
        text.field("Requests", self.requests);
        if let Some(reason) = &self.reason {
            text.field("Reason", reason);
        }
        if let Some(held) = &self.held {
            text.field(
                "Held",
                format_args!(
                    "{} of {} known repositories are missing at once; the decision is {}",
                    held.vanishing, held.known, held.decision
                ),
            );
        }
        text.table(&self.missing);
    }
}

/// The syncs that a command ran.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Synced {
    /// In their order: one, and one more for each that was asked for meanwhile.
    pub(crate) syncs: Vec<SyncRun>,
}

impl Describe for Synced {
    fn describe(&self, text: &mut Text) {
        for (index, run) in self.syncs.iter().enumerate() {
            if index > 0 {
                text.heading("Asked for meanwhile");
            }
            run.describe(text);
        }
    }
}

/// What a person decides about: the repositories that a held sync would let vanish.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HeldSync {
    /// The sync that waits.
    pub(crate) sync: SyncRun,
    /// The repositories that it would let vanish, at most `shown` of them.
    pub(crate) vanishing: Vec<Vanishing>,
    /// How many there are altogether.
    pub(crate) total: u64,
}

/// A repository that would vanish.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Vanishing {
    /// The host's id.
    pub(crate) id: u64,
    /// The path as it is known.
    pub(crate) path: String,
    /// `licensed`, `waiting` or `unlicensed`.
    pub(crate) license: String,
}

impl Row for Vanishing {
    const HEADER: &'static [&'static str] = &["Would vanish", "Id", "License"];

    fn cells(&self) -> Vec<String> {
        vec![self.path.clone(), self.id.to_string(), self.license.clone()]
    }
}

impl Describe for HeldSync {
    fn describe(&self, text: &mut Text) {
        self.sync.describe(text);
        text.table(&self.vanishing);
        let rest = self.total.saturating_sub(self.vanishing.len() as u64);
        if rest > 0 {
            text.line(format_args!("and {rest} more"));
        }
    }
}

/// What was decided about a held sync.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Decided {
    /// `approved` or `rejected`.
    pub(crate) decision: Cow<'static, str>,
    /// The held sync as it was.
    pub(crate) held: HeldSync,
    /// The syncs that ran because of it.
    pub(crate) syncs: Vec<SyncRun>,
}

impl Describe for Decided {
    fn describe(&self, text: &mut Text) {
        text.line(format_args!(
            "{}: {} repositories of {}",
            self.decision, self.held.total, self.held.sync.organization_name
        ));
        for run in &self.syncs {
            text.heading("Sync");
            run.describe(text);
        }
    }
}
