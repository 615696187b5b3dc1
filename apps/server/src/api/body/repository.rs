//! Repositories.

use org_core::ports::RepositoryRow;
use org_core::use_cases::licenses::{Outcome, Trial};
use serde::Serialize;
use utoipa::ToSchema;

use super::organization::gone_since;
use super::time;

/// A repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Repository {
    /// The host's id; rename and transfer keep it.
    pub id: u64,
    /// The path at the host.
    pub path: String,
    /// The name that people gave it.
    pub name: String,
    /// The id of the organization.
    pub organization: String,
    /// The name of the organization.
    pub organization_name: String,
    /// The host's id of the group that it stands in; null in a personal namespace.
    pub group: Option<u64>,
    /// `private`, `internal` or `public`.
    pub visibility: String,
    /// `active`, `archived` or `pending_deletion`.
    pub lifecycle: String,
    /// `owned` or `shared_in`.
    pub ownership: String,
    /// Whether it is a fork; null where the host did not tell.
    pub fork: Option<bool>,
    /// The branch that a clone checks out; null where the host did not tell.
    pub default_branch: Option<String>,
    /// The topics.
    pub topics: Vec<String>,
    /// When it was made at the host.
    pub created_at: String,
    /// When the host last noticed activity.
    pub last_activity_at: Option<String>,
    /// When a sync first saw it.
    pub first_seen: String,
    /// When the host confirmed that it is gone; null while it is there.
    pub gone_since: Option<String>,
    /// Where it stands with its license.
    pub license: License,
}

/// Where a repository stands with its license.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct License {
    /// `licensed`, `waiting` or `unlicensed`.
    pub state: String,
    /// By which decision: a word, and behind a colon what it is about.
    pub reason: String,
    /// Since when.
    pub since: String,
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

/// A repository with its timeline.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RepositoryDetails {
    /// The repository.
    pub repository: Repository,
    /// Why it is, or is not, licensed.
    pub license: Explanation,
    /// What happened to it, the newest first.
    pub timeline: Vec<super::event::Event>,
}

/// Why a repository is, or is not, licensed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The path at the host.
    pub path: String,
    /// `licensed`, `waiting` or `unlicensed`.
    pub state: String,
    /// Why, in one sentence.
    pub because: String,
    /// What can be done about it, if something can.
    pub next_step: Option<String>,
}

impl Explanation {
    pub fn new(row: &RepositoryRow, explanation: &org_core::license::explain::Explanation) -> Self {
        Self {
            path: row.known.repository.full_path.to_string(),
            state: explanation.state.to_string(),
            because: explanation.because.clone(),
            next_step: explanation.next_step.clone(),
        }
    }
}

/// What assigning or releasing a license came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LicenseChange {
    /// The path at the host.
    pub path: String,
    /// The host's id.
    pub id: u64,
    /// `assigned`, `waits`, `released`, `withdrawn` or `unchanged`.
    pub outcome: &'static str,
}

impl LicenseChange {
    pub fn new(row: &RepositoryRow, outcome: Outcome) -> Self {
        Self {
            path: row.known.repository.full_path.to_string(),
            id: row.known.repository.id.get(),
            outcome: match outcome {
                Outcome::Assigned => "assigned",
                Outcome::Waits => "waits",
                Outcome::Released => "released",
                Outcome::Withdrawn => "withdrawn",
                Outcome::Unchanged => "unchanged",
            },
        }
    }
}

/// What a policy says about a repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Verdict {
    /// The path at the host.
    pub path: String,
    /// The host's id.
    pub id: u64,
    /// The name of the organization.
    pub organization_name: String,
    /// `include` or `exclude`.
    pub action: String,
    /// The rule that decides.
    pub rule: String,
    /// Where it stands today: `licensed`, `waiting` or `unlicensed`.
    pub license: String,
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
