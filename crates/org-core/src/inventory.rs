//! The known groups and repositories of an organization.
//!
//! Identity is the host's own id, never the path: a rename keeps it, a deleted and re-created path has a new one. The types are kept
//! small on purpose, since an organization may have 100,000 repositories in memory while it is planned.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::event::FieldChange;
use crate::ids::{GroupId, RepositoryId};
use crate::license::LicenseRecord;
use crate::words::word_enum;

word_enum! {
    /// Who may see a group or repository at the host.
    Visibility: "visibility" {
        /// Members only.
        Private = "private",
        /// Everybody with an account at the host.
        Internal = "internal",
        /// Everybody.
        Public = "public",
    }
}

word_enum! {
    /// How alive a group or repository is at the host.
    Lifecycle: "lifecycle" {
        /// In use.
        Active = "active",
        /// Read-only by somebody's decision.
        Archived = "archived",
        /// Marked for deletion; the host deletes it after a grace period unless it is restored.
        PendingDeletion = "pending_deletion",
    }
}

word_enum! {
    /// Whether the organization owns a repository or was only given access to it.
    Ownership: "ownership" {
        /// It stands in a group of the scope or in the personal namespace.
        Owned = "owned",
        /// It belongs to somebody else and is only shared in.
        SharedIn = "shared_in",
    }
}

/// One repository as the host lists it.
///
/// A fact that a listing did not carry is `None`, and never counts as a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Repository {
    /// The host's id.
    pub id: RepositoryId,
    /// The group it stands in; `None` in a personal namespace.
    pub group: Option<GroupId>,
    /// The path at the host, in the host's case. For what is pending deletion, the path that it had before.
    pub full_path: Box<str>,
    /// The name that people gave it.
    pub name: Box<str>,
    /// Who may see it.
    pub visibility: Visibility,
    /// How alive it is.
    pub lifecycle: Lifecycle,
    /// Whether it is the organization's own.
    pub ownership: Ownership,
    /// Whether it is a fork of another repository, where the listing told.
    pub fork: Option<bool>,
    /// The branch that a clone checks out, where the listing told.
    pub default_branch: Option<Box<str>>,
    /// The topics, in the host's order.
    pub topics: Box<[Box<str>]>,
    /// When it was made at the host.
    pub created_at: DateTime<Utc>,
    /// When the host last noticed activity: a hint, never a proof that nothing changed since.
    pub last_activity_at: Option<DateTime<Utc>>,
}

impl Repository {
    /// The last part of the path.
    pub fn path(&self) -> &str {
        self.full_path.rsplit('/').next().unwrap_or(&self.full_path)
    }

    /// The path of the group or personal namespace that it stands in.
    pub fn parent_path(&self) -> &str {
        self.full_path
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
    }

    /// What this listing says, completed by what an earlier one knew where this one was silent.
    #[must_use]
    pub fn or_known(mut self, known: &Self) -> Self {
        self.fork = self.fork.or(known.fork);
        if self.default_branch.is_none() {
            self.default_branch.clone_from(&known.default_branch);
        }
        self.last_activity_at = self.last_activity_at.or(known.last_activity_at);
        self
    }
}

/// One group as the host lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// The host's id.
    pub id: GroupId,
    /// The group around it; `None` for a top-level group.
    pub parent: Option<GroupId>,
    /// The path at the host, in the host's case.
    pub full_path: Box<str>,
    /// The name that people gave it.
    pub name: Box<str>,
    /// Who may see it.
    pub visibility: Visibility,
    /// How alive it is.
    pub lifecycle: Lifecycle,
}

/// Whether something known is still at the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "state", rename_all = "snake_case"))]
pub enum Presence {
    /// The last sync that could tell saw it.
    Present,
    /// The host confirmed that it is gone, or it left the scope of the organization; the history says which.
    Gone {
        /// When that was confirmed.
        since: DateTime<Utc>,
    },
}

impl Presence {
    /// Whether it is still at the host.
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Present)
    }
}

/// A repository of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KnownRepository {
    /// The facts as last listed.
    pub repository: Repository,
    /// Whether it is still there.
    pub presence: Presence,
    /// When a sync first saw it.
    pub first_seen: DateTime<Utc>,
    /// Where it stands with its license.
    pub license: LicenseRecord,
}

/// A group of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KnownGroup {
    /// The facts as last listed.
    pub group: Group,
    /// Whether it is still there.
    pub presence: Presence,
    /// When a sync first saw it.
    pub first_seen: DateTime<Utc>,
}

/// The inventory of one organization at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Counts the changes; a plan made on another generation is refused.
    pub generation: u64,
    /// Every repository ever known, the gone ones included, in the order of their ids.
    pub repositories: Vec<KnownRepository>,
    /// Every group ever known, the gone ones included, in the order of their ids.
    pub groups: Vec<KnownGroup>,
}

/// What kind of change a repository or group went through.
///
/// One update may be several: a transfer with a new name is both `Moved` and `Renamed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// The last part of its path changed.
    Renamed,
    /// It stands in another group.
    Moved,
    /// The group above it has another path; it itself did not move.
    PathFollowed,
    /// The name that people see changed.
    Retitled,
    /// It became read-only.
    Archived,
    /// It is in use again.
    Unarchived,
    /// Its deletion was scheduled.
    MarkedForDeletion,
    /// A scheduled deletion was called off.
    DeletionCanceled,
    /// Others may see it now.
    VisibilityChanged,
    /// A clone checks out another branch.
    DefaultBranchChanged,
    /// Its topics changed.
    TopicsChanged,
    /// It is the organization's own now, or no longer.
    OwnershipChanged,
    /// It became, or stopped being, a fork.
    ForkChanged,
    /// The host noticed activity; never an event of its own.
    Active,
}

impl ChangeKind {
    /// Whether a person wants to read about it.
    pub const fn is_event(self) -> bool {
        !matches!(self, Self::Active)
    }

    /// The word that events and tables use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Moved => "moved",
            Self::PathFollowed => "path_followed",
            Self::Retitled => "retitled",
            Self::Archived => "archived",
            Self::Unarchived => "unarchived",
            Self::MarkedForDeletion => "marked_for_deletion",
            Self::DeletionCanceled => "deletion_canceled",
            Self::VisibilityChanged => "visibility_changed",
            Self::DefaultBranchChanged => "default_branch_changed",
            Self::TopicsChanged => "topics_changed",
            Self::OwnershipChanged => "ownership_changed",
            Self::ForkChanged => "fork_changed",
            Self::Active => "active",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn lifecycle_change(before: Lifecycle, after: Lifecycle) -> Option<ChangeKind> {
    match (before, after) {
        (before, after) if before == after => None,
        (_, Lifecycle::PendingDeletion) => Some(ChangeKind::MarkedForDeletion),
        (Lifecycle::PendingDeletion, _) => Some(ChangeKind::DeletionCanceled),
        (_, Lifecycle::Archived) => Some(ChangeKind::Archived),
        (_, Lifecycle::Active) => Some(ChangeKind::Unarchived),
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What changed from one listing to the next, each kind with its field before and after.
pub fn repository_changes(
    before: &Repository,
    after: &Repository,
) -> Vec<(ChangeKind, FieldChange)> {
    let mut changes = Vec::new();
    let mut push = |kind, field, before: &str, after: &str| {
        changes.push((kind, FieldChange::new(field, before, after)));
    };
    path_changes(
        (&before.full_path, before.group),
        (&after.full_path, after.group),
        &mut push,
    );
    if before.name != after.name {
        push(ChangeKind::Retitled, "name", &before.name, &after.name);
    }
    if let Some(kind) = lifecycle_change(before.lifecycle, after.lifecycle) {
        push(
            kind,
            "lifecycle",
            before.lifecycle.as_str(),
            after.lifecycle.as_str(),
        );
    }
    if before.visibility != after.visibility {
        let (before, after) = (before.visibility.as_str(), after.visibility.as_str());
        push(ChangeKind::VisibilityChanged, "visibility", before, after);
    }
    if let (Some(before), Some(after)) = (&before.default_branch, &after.default_branch)
        && before != after
    {
        push(
            ChangeKind::DefaultBranchChanged,
            "default_branch",
            before,
            after,
        );
    }
    if before.topics != after.topics {
        let (before, after) = (before.topics.join(", "), after.topics.join(", "));
        push(ChangeKind::TopicsChanged, "topics", &before, &after);
    }
    if before.ownership != after.ownership {
        let (before, after) = (before.ownership.as_str(), after.ownership.as_str());
        push(ChangeKind::OwnershipChanged, "ownership", before, after);
    }
    if let (Some(before), Some(after)) = (before.fork, after.fork)
        && before != after
    {
        push(
            ChangeKind::ForkChanged,
            "fork",
            &before.to_string(),
            &after.to_string(),
        );
    }
    if let Some(after) = after.last_activity_at
        && before.last_activity_at != Some(after)
    {
        let before = before
            .last_activity_at
            .map(|at| at.to_rfc3339())
            .unwrap_or_default();
        push(
            ChangeKind::Active,
            "last_activity_at",
            &before,
            &after.to_rfc3339(),
        );
    }
    changes
}

/// What changed from one listing to the next, each kind with its field before and after.
pub fn group_changes(before: &Group, after: &Group) -> Vec<(ChangeKind, FieldChange)> {
    let mut changes = Vec::new();
    let mut push = |kind, field, before: &str, after: &str| {
        changes.push((kind, FieldChange::new(field, before, after)));
    };
    path_changes(
        (&before.full_path, before.parent),
        (&after.full_path, after.parent),
        &mut push,
    );
    if before.name != after.name {
        push(ChangeKind::Retitled, "name", &before.name, &after.name);
    }
    if let Some(kind) = lifecycle_change(before.lifecycle, after.lifecycle) {
        push(
            kind,
            "lifecycle",
            before.lifecycle.as_str(),
            after.lifecycle.as_str(),
        );
    }
    if before.visibility != after.visibility {
        let (before, after) = (before.visibility.as_str(), after.visibility.as_str());
        push(ChangeKind::VisibilityChanged, "visibility", before, after);
    }
    changes
}

/// Rename, transfer and a renamed ancestor are three different things with the same symptom: another path.
fn path_changes(
    (before, before_parent): (&str, Option<GroupId>),
    (after, after_parent): (&str, Option<GroupId>),
    push: &mut impl FnMut(ChangeKind, &'static str, &str, &str),
) {
    let ((parent_before, last_before), (parent_after, last_after)) = (split(before), split(after));
    if before_parent != after_parent {
        push(ChangeKind::Moved, "full_path", before, after);
    } else if parent_before != parent_after {
        // Personal namespaces have no group id: there another owner is a move.
        let kind = if before_parent.is_some() {
            ChangeKind::PathFollowed
        } else {
            ChangeKind::Moved
        };
        push(kind, "full_path", before, after);
    }
    if last_before != last_after {
        push(ChangeKind::Renamed, "full_path", before, after);
    }
}

#[cfg(test)]
mod tests;
