//! What a host answers when it is asked for everything: a stream of pages, and at its end how complete they are.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::inventory::{Group, Ownership, Repository};
use crate::text::GroupPath;

/// Which part of an account an organization covers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scope {
    /// The groups.
    pub groups: GroupScope,
    /// Whether the account's personal namespace belongs to it.
    pub personal: PersonalNamespace,
}

/// Which groups an organization covers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum GroupScope {
    /// Every group that the account is a member of.
    All,
    /// These groups with everything below them; never empty unless the personal namespace is covered.
    Chosen(Vec<GroupPath>),
}

/// Whether the account's personal namespace belongs to an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum PersonalNamespace {
    /// It does.
    Included,
    /// It does not.
    Excluded,
}

impl Scope {
    /// Whether nothing can be in both.
    ///
    /// ```
    /// use org_core::listing::{GroupScope, PersonalNamespace, Scope};
    /// let of = |path: &str, personal| Scope {
    ///     groups: GroupScope::Chosen(vec![path.parse().expect("a path")]),
    ///     personal,
    /// };
    /// let (a, b) = (of("acme", PersonalNamespace::Included), of("globex", PersonalNamespace::Excluded));
    /// assert!(a.is_disjoint_from(&b));
    /// assert!(!a.is_disjoint_from(&of("acme/core", PersonalNamespace::Excluded)));
    /// ```
    pub fn is_disjoint_from(&self, other: &Self) -> bool {
        let personal_twice = self.personal == PersonalNamespace::Included
            && other.personal == PersonalNamespace::Included;
        let groups_overlap = match (&self.groups, &other.groups) {
            (GroupScope::Chosen(a), GroupScope::Chosen(b)) => {
                a.iter().any(|a| b.iter().any(|b| a.overlaps(b)))
            }
            (GroupScope::All, GroupScope::Chosen(b)) => !b.is_empty(),
            (GroupScope::Chosen(a), GroupScope::All) => !a.is_empty(),
            (GroupScope::All, GroupScope::All) => true,
        };
        !personal_twice && !groups_overlap
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.groups {
            GroupScope::All => f.write_str("all groups")?,
            GroupScope::Chosen(paths) if paths.is_empty() => f.write_str("no group")?,
            GroupScope::Chosen(paths) => {
                for (index, path) in paths.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    fmt::Display::fmt(path, f)?;
                }
            }
        }
        match self.personal {
            PersonalNamespace::Included => f.write_str(" and the personal namespace"),
            PersonalNamespace::Excluded => Ok(()),
        }
    }
}

/// One step of a listing, as it comes from the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingEvent {
    /// Some groups; an id may come more than once, the last one counts.
    Groups(Vec<Group>),
    /// Some repositories; an id may come more than once, the last one counts.
    Repositories(Vec<Repository>),
    /// The host, or politeness towards it, makes us wait.
    Waiting(Wait),
    /// The end: always the last event, and the only one that says whether something is missing.
    Finished(ListingReport),
}

/// A pause that the host asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When it goes on.
    pub until: DateTime<Utc>,
    /// Why, in words, such as `rate limit of the host`.
    pub reason: String,
}

/// How a listing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingReport {
    /// What is missing; empty when the listing is complete and was verified to be so.
    pub missing: Vec<MissingPart>,
    /// How many requests were sent for it, the repeated ones included.
    pub requests: u64,
}

/// A part that a listing could not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MissingPart {
    /// Which part, in words, such as `projects of company/platform`.
    pub what: String,
    /// Why, in words; never with a secret in it.
    pub why: String,
}

impl fmt::Display for MissingPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// A whole listing, gathered from its pages: unique ids, in the order of the ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The repositories.
    pub repositories: Vec<Repository>,
    /// The groups.
    pub groups: Vec<Group>,
    /// What is missing; empty when the listing is complete.
    pub missing: Vec<MissingPart>,
}

impl Listing {
    /// Whether absence from this listing means anything.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Gathers pages in any order.
///
/// The order in which pages come must not matter: several streams race. Where the same id came twice, the row that a person would call
/// newer counts: owned before shared in, then later activity, then the greater path.
#[derive(Debug, Default)]
pub struct ListingBuilder {
    repositories: Vec<Repository>,
    groups: Vec<Group>,
}

impl ListingBuilder {
    /// Takes a page of groups.
    pub fn add_groups(&mut self, groups: Vec<Group>) {
        self.groups.extend(groups);
    }

    /// Takes a page of repositories.
    pub fn add_repositories(&mut self, repositories: Vec<Repository>) {
        self.repositories.extend(repositories);
    }

    /// How many repositories came so far, repeated ones included.
    pub fn repositories_so_far(&self) -> usize {
        self.repositories.len()
    }

    /// The listing, with what its report says is missing.
    pub fn finish(mut self, missing: Vec<MissingPart>) -> Listing {
        self.repositories.sort_unstable_by(|a, b| {
            a.id.cmp(&b.id)
                .then_with(|| repository_rank(b).cmp(&repository_rank(a)))
                .then_with(|| b.cmp(a))
        });
        self.repositories
            .dedup_by(|later, kept| later.id == kept.id);
        self.groups
            .sort_unstable_by(|a, b| a.id.cmp(&b.id).then_with(|| b.cmp(a)));
        self.groups.dedup_by(|later, kept| later.id == kept.id);
        Listing {
            repositories: self.repositories,
            groups: self.groups,
            missing,
        }
    }
}

fn repository_rank(repository: &Repository) -> (bool, Option<DateTime<Utc>>, &str) {
    let owned = repository.ownership == Ownership::Owned;
    (owned, repository.last_activity_at, &repository.full_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(groups: GroupScope, personal: PersonalNamespace) -> Scope {
        Scope { groups, personal }
    }

    #[test]
    fn scopes_overlap_by_groups_or_by_the_personal_namespace() {
        use PersonalNamespace::{Excluded, Included};
        let chosen = |paths: &[&str]| {
            GroupScope::Chosen(
                paths
                    .iter()
                    .map(|path| path.parse().expect("a path"))
                    .collect(),
            )
        };
        let all = scope(GroupScope::All, Excluded);
        assert!(!all.is_disjoint_from(&all));
        assert!(!all.is_disjoint_from(&scope(chosen(&["a"]), Excluded)));
        assert!(all.is_disjoint_from(&scope(chosen(&[]), Included)));
        let (a, b) = (
            scope(chosen(&["a"]), Included),
            scope(chosen(&["b"]), Included),
        );
        assert!(!a.is_disjoint_from(&b), "the personal namespace is in both");
        assert_eq!(a.to_string(), "a and the personal namespace");
    }
}
