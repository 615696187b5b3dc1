//! Repositories.

use std::borrow::Cow;

use org_core::ports::RepositoryRow;
use org_core::use_cases::licenses::{Outcome, Trial};
use serde::{Deserialize, Serialize};

use super::organization::gone_since;
use super::{Describe, Row, Text, time};

/// A repository.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Repository {
    /// The host's id; rename and transfer keep it.
    id: u64,
    /// The path at the host.
    path: String,
    /// The name that people gave it.
    name: String,
    /// The id of the organization.
    organization: String,
    /// The name of the organization.
    organization_name: String,
    /// The host's id of the group that it stands in; null in a personal namespace.
    group: Option<u64>,
    /// `private`, `internal` or `public`.
    visibility: String,
    /// `active`, `archived` or `pending_deletion`.
    lifecycle: String,
    /// `owned` or `shared_in`.
    ownership: String,
    /// Whether it is a fork; null where the host did not tell.
    fork: Option<bool>,
    /// The branch that a clone checks out; null where the host did not tell.
    default_branch: Option<String>,
    /// The topics.
    topics: Vec<String>,
    /// When it was made at the host.
    created_at: String,
    /// When the host last noticed activity.
    last_activity_at: Option<String>,
    /// When a sync first saw it.
    first_seen: String,
    /// When the host confirmed that it is gone; null while it is there.
    gone_since: Option<String>,
    /// Where it stands with its license.
    license: License,
}

/// Where a repository stands with its license.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct License {
    /// `licensed`, `waiting` or `unlicensed`.
    pub(super) state: String,
    /// By which decision: a word, and behind a colon what it is about.
    pub(super) reason: String,
    /// Since when.
    pub(super) since: String,
}

impl From<&org_core::license::LicenseRecord> for License {
    fn from(license: &org_core::license::LicenseRecord) -> Self {
        Self {
            state: license.state.to_string(),
            reason: license.reason.to_string(),
            since: time::stamp(license.since),
        }
    }
}

impl From<&RepositoryRow> for Repository {
    fn from(row: &RepositoryRow) -> Self {
        let known = &row.known;
        let repository = &known.repository;
        Self {
            id: repository.id.get(),
            path: repository.full_path.to_string(),
            name: repository.name.to_string(),
            organization: row.organization.to_string(),
            organization_name: row.organization_name.to_string(),
            group: repository.group.map(org_core::ids::GroupId::get),
            visibility: repository.visibility.to_string(),
            lifecycle: repository.lifecycle.to_string(),
            ownership: repository.ownership.to_string(),
            fork: repository.fork,
            default_branch: repository.default_branch.as_deref().map(str::to_owned),
            topics: repository.topics.iter().map(ToString::to_string).collect(),
            created_at: time::stamp(repository.created_at),
            last_activity_at: repository.last_activity_at.map(time::stamp),
            first_seen: time::stamp(known.first_seen),
            gone_since: gone_since(known.presence),
            license: (&known.license).into(),
        }
    }
}

impl Repository {
    fn state(&self) -> &str {
        match (&self.gone_since, self.ownership.as_str()) {
            (Some(_), _) => "gone",
            (None, "shared_in") => "shared in",
            (None, _) => &self.lifecycle,
        }
    }
}

impl Row for Repository {
    const HEADER: &'static [&'static str] = &[
        "Path",
        "Organization",
        "Id",
        "Visibility",
        "State",
        "License",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            self.organization_name.clone(),
            self.id.to_string(),
            self.visibility.clone(),
            self.state().to_owned(),
            self.license.state.clone(),
        ]
    }
}

impl Describe for Repository {
    fn describe(&self, text: &mut Text) {
        text.field("Path", &self.path);
        text.field("Name", &self.name);
        text.field("Id", self.id);
        text.field("Organization", &self.organization_name);
        text.field("State", self.state());
        text.field("Visibility", &self.visibility);
        text.field(
            "Default branch",
            self.default_branch.as_deref().unwrap_or("(not told)"),
        );
        let topics = match self.topics.as_slice() {
            [] => "(none)".to_owned(),
            topics => topics.join(", "),
        };
        text.field("Topics", topics);
        let fork = match self.fork {
            Some(true) => "yes",
            Some(false) => "no",
            None => "(not told)",
        };
        text.field("Fork", fork);
        text.field("Created", &self.created_at);
        if let Some(at) = &self.last_activity_at {
            text.field("Last activity", at);
        }
        text.field("First seen", &self.first_seen);
        if let Some(since) = &self.gone_since {
            text.field("Gone since", since);
        }
        text.field(
            "License",
            format_args!("{} since {}", self.license.state, self.license.since),
        );
        text.field("By", &self.license.reason);
    }
}

/// A repository with its timeline.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RepositoryDetails {
    /// The repository.
    pub(crate) repository: Repository,
    /// Why it is, or is not, licensed.
    pub(crate) license: Explanation,
    /// What happened to it, the newest first.
    pub(crate) timeline: Vec<super::event::Event>,
}

impl Describe for RepositoryDetails {
    fn describe(&self, text: &mut Text) {
        self.repository.describe(text);
        text.heading("License");
        self.license.describe(text);
        if !self.timeline.is_empty() {
            text.heading("Timeline");
            text.table(&self.timeline);
        }
    }
}

/// Why a repository is, or is not, licensed.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Explanation {
    /// The path at the host.
    path: String,
    /// `licensed`, `waiting` or `unlicensed`.
    state: String,
    /// Why, in one sentence.
    because: String,
    /// What can be done about it, if something can.
    next_step: Option<String>,
}

impl Explanation {
    pub(crate) fn new(
        row: &RepositoryRow,
        explanation: &org_core::license::explain::Explanation,
    ) -> Self {
        Self {
            path: row.known.repository.full_path.to_string(),
            state: explanation.state.to_string(),
            because: explanation.because.clone(),
            next_step: explanation.next_step.clone(),
        }
    }
}

impl Describe for Explanation {
    fn describe(&self, text: &mut Text) {
        text.line(format_args!("{}: {}", self.path, self.state));
        text.line(&self.because);
        if let Some(step) = &self.next_step {
            text.line(step);
        }
    }
}

/// What assigning or releasing a license came to.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LicenseChange {
    /// The path at the host.
    path: String,
    /// The host's id.
    id: u64,
    /// `assigned`, `waits`, `released`, `withdrawn` or `unchanged`.
    outcome: Cow<'static, str>,
}

impl LicenseChange {
    pub(crate) fn new(row: &RepositoryRow, outcome: Outcome) -> Self {
        Self {
            path: row.known.repository.full_path.to_string(),
            id: row.known.repository.id.get(),
            outcome: Cow::Borrowed(match outcome {
                Outcome::Assigned => "assigned",
                Outcome::Waits => "waits",
                Outcome::Released => "released",
                Outcome::Withdrawn => "withdrawn",
                Outcome::Unchanged => "unchanged",
            }),
        }
    }
}

impl Describe for LicenseChange {
    fn describe(&self, text: &mut Text) {
        let what = match &*self.outcome {
            "assigned" => "has a license now",
            "waits" => "waits for a free seat",
            "released" => "has no license any more; its seat is free",
            "withdrawn" => "waits no longer",
            _ => "stays as it is",
        };
        text.line(format_args!("{} {what}", self.path));
    }
}

/// What a policy says about a repository.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Verdict {
    /// The path at the host.
    path: String,
    /// The host's id.
    id: u64,
    /// The name of the organization.
    organization_name: String,
    /// `include` or `exclude`.
    action: String,
    /// The rule that decides.
    rule: String,
    /// Where it stands today: `licensed`, `waiting` or `unlicensed`.
    license: String,
}

impl From<&Trial> for Verdict {
    fn from(Trial { row, action, by }: &Trial) -> Self {
        Self {
            path: row.known.repository.full_path.to_string(),
            id: row.known.repository.id.get(),
            organization_name: row.organization_name.to_string(),
            action: action.to_string(),
            rule: by.clone(),
            license: row.known.license.state.to_string(),
        }
    }
}

impl Row for Verdict {
    const HEADER: &'static [&'static str] =
        &["Path", "Organization", "Verdict", "Rule", "License today"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            self.organization_name.clone(),
            self.action.clone(),
            self.rule.clone(),
            self.license.clone(),
        ]
    }
}
