//! A project as it came from the host, whichever API told it.

use chrono::{DateTime, SubsecRound as _, Utc};
use org_core::inventory::Visibility;

use crate::wire::{graphql, rest};

/// Where a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the group with this number.
    Group(u64),
    /// In somebody's personal namespace.
    Person,
}

/// One project, in the host's own words.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) home: Home,
    pub(crate) full_path: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) visibility: Visibility,
    pub(crate) is_archived: bool,
    pub(crate) is_marked: bool,
    pub(crate) fork: Option<bool>,
    pub(crate) default_branch: Option<Box<str>>,
    pub(crate) topics: Vec<Box<str>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_activity_at: Option<DateTime<Utc>>,
    /// The groups that were invited, where that was told.
    pub(crate) shared_with: Vec<u64>,
}

/// What is not told is nobody's business.
pub(crate) const UNTOLD: Visibility = Visibility::Private;

/// REST tells milliseconds, GraphQL none: which way a listing went must not look like a change.
fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

impl From<rest::Project> for Row {
    fn from(project: rest::Project) -> Self {
        Self {
            id: project.id,
            home: if project.namespace.kind.as_ref() == "user" {
                Home::Person
            } else {
                Home::Group(project.namespace.id)
            },
            full_path: project.path_with_namespace,
            name: project.name,
            visibility: project.visibility.unwrap_or(UNTOLD),
            is_archived: project.archived.unwrap_or(false),
            is_marked: project.marked_for_deletion_on.is_some(),
            // Its absence may also mean that the source may not be seen.
            fork: project.source.map(|_| true),
            default_branch: project.default_branch,
            topics: project.topics,
            created_at: whole_seconds(project.created_at),
            last_activity_at: project.last_activity_at.map(whole_seconds),
            shared_with: project
                .shared_with_groups
                .into_iter()
                .map(|group| group.id)
                .collect(),
        }
    }
}

impl From<graphql::Project> for Row {
    fn from(project: graphql::Project) -> Self {
        Self {
            id: project.id.0,
            home: project
                .group
                .map_or(Home::Person, |group| Home::Group(group.id.0)),
            full_path: project.full_path,
            name: project.name,
            visibility: project.visibility.unwrap_or(UNTOLD),
            is_archived: project.archived.unwrap_or(false),
            // Told by the ending of the path.
            is_marked: false,
            fork: project.is_forked,
            default_branch: None,
            topics: project.topics.unwrap_or_default(),
            created_at: whole_seconds(project.created_at),
            last_activity_at: project.last_activity_at.map(whole_seconds),
            shared_with: Vec::new(),
        }
    }
}
