//! From the host's words to the domain's: lifecycles, paths, and what is the organization's own.

use std::collections::HashMap;

use org_core::ids::{GroupId, RepositoryId};
use org_core::inventory::{Group, Lifecycle, Ownership, Repository};
use org_core::listing::PersonalNamespace;

use super::paths::{cleaned, joined, split, without_own_ending};
use super::row::{Home, Row, UNTOLD};
use crate::wire::rest;

/// One group of the scope.
#[derive(Debug)]
struct Known {
    /// The path as the host says it now, in lower case, for comparison.
    raw: Box<str>,
    clean: Box<str>,
    lifecycle: Lifecycle,
}

/// The groups of the scope, by number and by path.
#[derive(Debug, Default)]
pub(crate) struct GroupMap {
    by_id: HashMap<u64, Known>,
    by_path: HashMap<Box<str>, u64>,
}

impl GroupMap {
    /// Takes groups in any order and says what the domain calls them.
    pub(crate) fn add(&mut self, mut groups: Vec<rest::Group>) -> Vec<Group> {
        // Parents first: what happens to a group happens to everything below it.
        groups.sort_by_cached_key(|group| group.full_path.matches('/').count());
        groups
            .iter()
            .filter_map(|group| self.add_one(group))
            .collect()
    }

    fn add_one(&mut self, group: &rest::Group) -> Option<Group> {
        let id = GroupId::new(group.id)?;
        let (above, last) = split(&group.full_path);
        let own = without_own_ending(last, group.id);
        let parent = group.parent_id.and_then(|parent| self.by_id.get(&parent));
        let raw: Box<str> = group.full_path.to_lowercase().into();
        let (above, inherited) = place(above, parent);
        let lifecycle = worst(
            inherited,
            lifecycle(
                group.marked_for_deletion_on.is_some() || own.is_some(),
                group.archived.unwrap_or(false),
            ),
        );
        let clean: Box<str> = joined(&above, own.unwrap_or(last)).into();
        self.by_path.insert(raw.clone(), group.id);
        self.by_id.insert(
            group.id,
            Known {
                raw,
                clean: clean.clone(),
                lifecycle,
            },
        );
        Some(Group {
            id,
            parent: group.parent_id.and_then(GroupId::new),
            full_path: clean,
            name: without_own_ending(&group.name, group.id)
                .unwrap_or(&group.name)
                .into(),
            visibility: group.visibility.unwrap_or(UNTOLD),
            lifecycle,
        })
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.by_id.keys().copied().collect()
    }

    pub(crate) fn has(&self, id: u64) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The groups of the scope that are in no other group of it: number and path.
    pub(crate) fn tops(&self) -> Vec<(u64, Box<str>)> {
        self.by_id
            .iter()
            .filter(|(_, known)| !self.covers(split(&known.raw).0))
            .map(|(id, known)| (*id, known.clean.clone()))
            .collect()
    }

    /// Whether the path is of a group of the scope, or of something below one.
    fn covers(&self, path: &str) -> bool {
        let mut path = path;
        while !path.is_empty() {
            if self.by_path.contains_key(path) {
                return true;
            }
            path = split(path).0;
        }
        false
    }
}

/// The clean path above something, and what it inherits from there.
fn place(above: &str, parent: Option<&Known>) -> (String, Lifecycle) {
    match parent {
        Some(parent) if above.to_lowercase() == *parent.raw => {
            (parent.clean.to_string(), parent.lifecycle)
        }
        _ => {
            let (clean, was_marked) = cleaned(above);
            let inherited = parent.map_or(Lifecycle::Active, |parent| parent.lifecycle);
            (clean, worst(inherited, lifecycle(was_marked, false)))
        }
    }
}

fn lifecycle(is_marked: bool, is_archived: bool) -> Lifecycle {
    match (is_marked, is_archived) {
        (true, _) => Lifecycle::PendingDeletion,
        (false, true) => Lifecycle::Archived,
        (false, false) => Lifecycle::Active,
    }
}

fn worst(a: Lifecycle, b: Lifecycle) -> Lifecycle {
    a.max(b)
}

/// Whose listing it is.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// The number of the account.
    pub(crate) user: u64,
    /// The login in lower case, which is the path of the personal namespace too.
    pub(crate) login: String,
    /// Whether that namespace belongs to the scope.
    pub(crate) personal: PersonalNamespace,
}

/// Whether a project of somebody else is shared into a group of the scope.
pub(crate) fn is_shared_in(row: &Row, groups: &GroupMap) -> bool {
    let is_foreign = match row.home {
        Home::Group(group) => !groups.has(group),
        Home::Person => true,
    };
    is_foreign && row.shared_with.iter().any(|group| groups.has(*group))
}

/// A project in the words of the domain.
#[derive(Debug)]
pub(crate) enum Mapped {
    /// As it is listed.
    Listed(Repository),
    /// The same, and its group is of the scope, but was not among the groups.
    GroupUnknown(Repository, u64),
    /// Not of the scope.
    Outside,
}

/// Says what a project is to the organization.
pub(crate) fn map(row: Row, groups: &GroupMap, viewer: &Viewer) -> Mapped {
    let Some(id) = RepositoryId::new(row.id) else {
        return Mapped::Outside;
    };
    let (above, last) = split(&row.full_path);
    let lower = above.to_lowercase();
    let (group, known) = match row.home {
        Home::Group(group) => (Some(group), groups.by_id.get(&group)),
        Home::Person => (None, None),
    };
    let mut is_unknown = false;
    let ownership = match group {
        Some(_) if known.is_some() => Ownership::Owned,
        Some(_) if groups.covers(&lower) => {
            is_unknown = true;
            Ownership::Owned
        }
        None if lower == viewer.login => match viewer.personal {
            PersonalNamespace::Included => Ownership::Owned,
            PersonalNamespace::Excluded => return Mapped::Outside,
        },
        Some(_) | None => Ownership::SharedIn,
    };
    let own = without_own_ending(last, row.id);
    let (above, inherited) = place(above, known);
    let repository = Repository {
        id,
        group: group.and_then(GroupId::new),
        full_path: joined(&above, own.unwrap_or(last)).into(),
        name: without_own_ending(&row.name, row.id)
            .unwrap_or(&row.name)
            .into(),
        visibility: row.visibility,
        lifecycle: worst(
            inherited,
            lifecycle(row.is_marked || own.is_some(), row.is_archived),
        ),
        ownership,
        fork: row.fork,
        default_branch: row.default_branch,
        topics: row.topics.into(),
        created_at: row.created_at,
        last_activity_at: row.last_activity_at,
    };
    match group {
        Some(group) if is_unknown => Mapped::GroupUnknown(repository, group),
        _ => Mapped::Listed(repository),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use org_core::inventory::Visibility;

    use super::*;

    fn group(id: u64, parent: Option<u64>, path: &str) -> rest::Group {
        let value = serde_json::json!({
            "id": id, "parent_id": parent, "full_path": path, "name": path, "visibility": "internal",
        });
        serde_json::from_value(value).expect("a group")
    }

    fn row(id: u64, home: Home, path: &str) -> Row {
        Row {
            id,
            home,
            full_path: path.into(),
            name: "Name".into(),
            visibility: Visibility::Private,
            is_archived: false,
            is_marked: false,
            fork: None,
            default_branch: None,
            topics: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            last_activity_at: None,
            shared_with: Vec::new(),
        }
    }

    fn world() -> GroupMap {
        let mut groups = GroupMap::default();
        let mut archived = group(3, Some(1), "acme/attic");
        archived.archived = Some(true);
        groups.add(vec![
            group(4, Some(2), "acme/Old-deletion_scheduled-2/deep"),
            archived,
            group(2, Some(1), "acme/Old-deletion_scheduled-2"),
            group(1, None, "acme"),
            group(5, Some(3), "acme/attic/box"),
        ]);
        groups
    }

    #[track_caller]
    fn check(row: Row, expected: &str) {
        let viewer = Viewer {
            user: 1,
            login: "alice".into(),
            personal: PersonalNamespace::Included,
        };
        let said = match map(row, &world(), &viewer) {
            Mapped::Listed(r) => format!("{} {} {}", r.full_path, r.lifecycle, r.ownership),
            Mapped::GroupUnknown(r, id) => {
                format!("{} {} {} {id}", r.full_path, r.lifecycle, r.ownership)
            }
            Mapped::Outside => "outside".into(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn what_happens_to_a_group_happens_to_all_below() {
        check(row(9, Home::Group(1), "acme/api"), "acme/api active owned");
        check(
            row(9, Home::Group(4), "acme/Old-deletion_scheduled-2/deep/x"),
            "acme/Old/deep/x pending_deletion owned",
        );
        check(
            row(9, Home::Group(5), "acme/attic/box/x"),
            "acme/attic/box/x archived owned",
        );
        check(
            row(9, Home::Group(1), "acme/api-deletion_scheduled-9"),
            "acme/api pending_deletion owned",
        );
        check(
            row(9, Home::Group(1), "acme/api-deleted-8"),
            "acme/api-deleted-8 active owned",
        );
    }

    #[test]
    fn what_is_shared_in_is_not_owned() {
        check(
            row(9, Home::Group(77), "strangers/tool"),
            "strangers/tool active shared_in",
        );
        check(
            row(9, Home::Group(77), "acme2/tool"),
            "acme2/tool active shared_in",
        );
        check(
            row(9, Home::Group(77), "acme/new/tool"),
            "acme/new/tool active owned 77",
        );
        check(
            row(9, Home::Person, "Alice/dotfiles"),
            "Alice/dotfiles active owned",
        );
        check(
            row(9, Home::Person, "bob/dotfiles"),
            "bob/dotfiles active shared_in",
        );
    }

    #[test]
    fn the_personal_namespace_can_be_left_out() {
        let viewer = Viewer {
            user: 1,
            login: "alice".into(),
            personal: PersonalNamespace::Excluded,
        };
        let mapped = map(row(9, Home::Person, "alice/dotfiles"), &world(), &viewer);
        assert!(matches!(mapped, Mapped::Outside), "{mapped:?}");
    }

    #[test]
    fn the_tops_are_in_no_other_group() {
        let tops = world().tops();
        assert_eq!(tops, [(1, "acme".into())]);
    }
}
