//! Which missing repositories only left the scope of their organization.
//!
//! A person chooses other groups, leaves the personal namespace out, or moves a repository to where nobody asked Forgehold to look. Such a
//! repository is still at its host, so the host never confirms that it is gone, and yet no listing will have it again. It leaves the
//! inventory like one that is gone, with an event that says why, and keeps its license for the same time of grace: a scope that was
//! changed by mistake can be changed back.
//!
//! Nothing is taken for outside by the absence from a listing alone. Where it stands must say so, and the listing must show that each chosen
//! path still names the group that it named: a renamed group looks like one that was never chosen.

use std::collections::{BTreeSet, HashSet};

use crate::ids::GroupId;
use crate::inventory::{Ownership, Repository};
use crate::listing::{GroupScope, Listing, PersonalNamespace, Scope};
use crate::text::{GroupPath, Login};

/// Where a repository stands at its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The group around it; `None` in a personal namespace.
    pub group: Option<GroupId>,
    /// Its full path.
    pub full_path: &'a str,
}

impl<'a> Place<'a> {
    /// Where `repository` stood when it was last listed.
    pub fn of(repository: &'a Repository) -> Self {
        Self {
            group: repository.group,
            full_path: &repository.full_path,
        }
    }

    fn parent_path(&self) -> &'a str {
        self.full_path
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
    }
}

/// What a complete listing shows of its scope.
#[derive(Debug)]
pub struct ScopeView<'a> {
    scope: &'a Scope,
    account: &'a Login,
    groups: HashSet<GroupId>,
    /// Whether each chosen path is that of a listed group.
    named: bool,
}

impl<'a> ScopeView<'a> {
    /// The view of a listing of `scope` by `account`; `None` if the listing is not complete, since it then shows nothing of what it lacks.
    pub fn new(scope: &'a Scope, account: &'a Login, listing: &Listing) -> Option<Self> {
        if !listing.is_complete() {
            return None;
        }
        let named = match &scope.groups {
            GroupScope::All => true,
            GroupScope::Chosen(paths) => {
                let listed: BTreeSet<String> = listing
                    .groups
                    .iter()
                    .map(|group| group.full_path.to_lowercase())
                    .collect();
                paths
                    .iter()
                    .all(|path| listed.contains(&path.as_str().to_lowercase()))
            }
        };
        Some(Self {
            scope,
            account,
            groups: listing.groups.iter().map(|group| group.id).collect(),
            named,
        })
    }

    /// Whether a repository that the listing lacks stood outside of the scope before: a person changed the scope, or the account.
    pub fn left_by_choice(&self, known: &Repository) -> bool {
        known.ownership == Ownership::Owned && self.is_outside(Place::of(known))
    }

    /// Whether a repository that the listing lacks was moved out of the scope: the host says that it stands at `now`.
    pub fn moved_out(&self, known: &Repository, now: Place<'_>) -> bool {
        let moved = known.group != now.group || &*known.full_path != now.full_path;
        // Where all groups are covered, the ones that are listed are all that the account is a member of.
        let unlisted = self.scope.groups == GroupScope::All
            && now.group.is_some_and(|group| !self.groups.contains(&group));
        moved && (unlisted || self.is_outside(now))
    }

    fn is_outside(&self, place: Place<'_>) -> bool {
        let parent = place.parent_path();
        match (place.group, &self.scope.groups) {
            (Some(_), GroupScope::All) => false,
            (Some(group), GroupScope::Chosen(paths)) => {
                self.named
                    && !self.groups.contains(&group)
                    && !paths.iter().any(|path| contains(path, parent))
            }
            (None, _) => {
                self.scope.personal == PersonalNamespace::Excluded
                    || self.account.as_str().to_lowercase() != parent.to_lowercase()
            }
        }
    }
}

fn contains(path: &GroupPath, parent: &str) -> bool {
    let (path, parent) = (path.as_str().to_lowercase(), parent.to_lowercase());
    match parent.strip_prefix(&path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Group;
    use crate::listing::MissingPart;
    use crate::testing::build;

    fn chosen(paths: &[&str], personal: PersonalNamespace) -> Scope {
        let paths = paths.iter().map(|path| build::parsed(path)).collect();
        Scope {
            groups: GroupScope::Chosen(paths),
            personal,
        }
    }

    fn listing(groups: &[(u64, &str)]) -> Listing {
        let group = |&(id, path): &(u64, &str)| -> Group { build::group(id, path).build() };
        Listing {
            groups: groups.iter().map(group).collect(),
            ..Listing::default()
        }
    }

    #[test]
    fn what_stands_outside_of_the_chosen_groups_left_by_choice() {
        use PersonalNamespace::{Excluded, Included};
        let login = build::parsed("robot");
        let globex = listing(&[(20, "Globex")]);
        let check = |scope: &Scope, listing: &Listing, known: &Repository, expected| {
            let view = ScopeView::new(scope, &login, listing).expect("it is complete");
            assert_eq!(
                view.left_by_choice(known),
                expected,
                "{scope}: {}",
                known.full_path
            );
        };
        let acme = build::repository(1, "acme/a").in_group(10).build();
        check(&chosen(&["globex"], Excluded), &globex, &acme, true);
        check(
            &chosen(&["acme", "globex"], Excluded),
            &globex,
            &acme,
            false,
        );
        check(
            &chosen(&["globex"], Excluded),
            &globex,
            &build::repository(1, "globex2/a").in_group(11).build(),
            true,
        );
        check(
            &chosen(&["globex"], Excluded),
            &globex,
            &build::repository(1, "GLOBEX/deep/a").in_group(21).build(),
            false,
        );
        // The chosen group has another name by now: its path says nothing of what is in it.
        let renamed = listing(&[(20, "initech")]);
        check(&chosen(&["globex"], Excluded), &renamed, &acme, false);
        let own = build::repository(2, "Robot/a").build();
        check(&chosen(&["globex"], Excluded), &globex, &own, true);
        check(&chosen(&["globex"], Included), &globex, &own, false);
        let others = build::repository(2, "jane/a").build();
        check(&chosen(&["globex"], Included), &globex, &others, true);
        let all = Scope {
            groups: GroupScope::All,
            personal: Excluded,
        };
        check(&all, &globex, &acme, false);
        check(&all, &globex, &own, true);
        let shared = build::repository(3, "stranger/a")
            .in_group(30)
            .shared_in()
            .build();
        check(&chosen(&["globex"], Excluded), &globex, &shared, false);
    }

    #[test]
    fn what_the_host_found_elsewhere_was_moved_out() {
        let login = build::parsed("robot");
        let all = Scope {
            groups: GroupScope::All,
            personal: PersonalNamespace::Included,
        };
        let listed = listing(&[(10, "acme")]);
        let view = ScopeView::new(&all, &login, &listed).expect("it is complete");
        let known = build::repository(1, "acme/a").in_group(10).build();
        let at = |group: u64, full_path| Place {
            group: Some(build::group_id(group)),
            full_path,
        };
        assert!(view.moved_out(&known, at(20, "globex/a")));
        assert!(
            !view.moved_out(&known, at(10, "acme/b")),
            "it should have been listed"
        );
        assert!(!view.moved_out(&known, at(10, "acme/a")), "it did not move");
        let partial = Listing {
            missing: vec![MissingPart {
                what: "acme".into(),
                why: "denied".into(),
            }],
            ..listed
        };
        assert!(ScopeView::new(&all, &login, &partial).is_none());
    }
}
