//! The world behind a fake host: accounts, tokens, groups, repositories, and who may see what.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use crate::ids::{AccountId, GroupId, RepositoryId};
use crate::inventory::{Group, Lifecycle, Ownership, Repository, Visibility};
use crate::listing::{GroupScope, MissingPart, PersonalNamespace, Scope};
use crate::testing::build;
use crate::testing::random::Random;
use crate::text::GroupPath;
use crate::token::{Account, TokenFacts};

/// What a fake host has. Tests change it freely while syncs run.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// The tokens by their value, each with the account it belongs to.
    pub tokens: BTreeMap<String, (AccountId, TokenFacts)>,
    /// The groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// The repositories; [`Repository::ownership`] is computed for each listing.
    pub repositories: BTreeMap<RepositoryId, Repository>,
    /// Who is a member of which group, and so of everything below it.
    pub members: BTreeSet<(AccountId, GroupId)>,
    /// Which repositories are shared into which groups.
    pub shares: BTreeSet<(RepositoryId, GroupId)>,
    /// Groups that nobody sees, with everything below them, although they are there.
    pub hidden: BTreeSet<GroupId>,
}

impl World {
    /// A world without anything in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same world for the same seed: `groups` nested groups and `repositories` in them, all visible to the account `robot` by the
    /// token `token-of-robot`, which may read.
    pub fn seeded(seed: u64, groups: u64, repositories: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = Self::new();
        world.add_account(1, "robot");
        world.add_token("token-of-robot", 1, &["read_api"]);
        for id in 1..=groups {
            // Every fourth group or so stands at the top, the others below an earlier one.
            let parent = (id > 1 && random.below(4) > 0).then(|| 1 + random.below(id - 1));
            match parent {
                None => world.add_group(id, &format!("group-{id}")),
                Some(parent) => {
                    let above = &world.groups[&build::group_id(parent)].full_path;
                    let path = format!("{above}/team-{id}");
                    world.add_group(id, &path);
                }
            }
            if parent.is_none() {
                world.join(1, id);
            }
        }
        for number in 0..repositories {
            let id = 1000 + number;
            let parent = match groups {
                0 => "robot".to_owned(),
                groups => {
                    let group = build::group_id(1 + random.below(groups));
                    world.groups[&group].full_path.to_string()
                }
            };
            let mut builder = build::repository(id, &format!("{parent}/project-{id}"))
                .visibility(Visibility::ALL[index(random.below(3))])
                .created_at(
                    build::noon() - TimeDelta::minutes(random.below(1_000_000).cast_signed()),
                );
            match random.below(10) {
                0 => builder = builder.lifecycle(Lifecycle::Archived),
                1 => builder = builder.fork(),
                2 => builder = builder.topics(&["production"]),
                _ => {}
            }
            world.add_repository(builder.build());
        }
        world
    }

    /// Adds an account.
    pub fn add_account(&mut self, id: u64, login: &str) {
        let account = build::account(id, login);
        self.accounts.insert(account.id, account);
    }

    /// Adds a working token of an account.
    pub fn add_token(&mut self, value: &str, account: u64, scopes: &[&str]) {
        let account = AccountId::new(account).expect("tests number accounts from 1");
        let facts = build::token_facts(scopes);
        self.tokens.insert(value.to_owned(), (account, facts));
    }

    /// Adds a group; the path says which group is around it.
    pub fn add_group(&mut self, id: u64, full_path: &str) {
        let parent = full_path
            .rsplit_once('/')
            .and_then(|(parent, _)| self.group_at(parent));
        let mut group = build::group(id, full_path).build();
        group.parent = parent;
        self.groups.insert(group.id, group);
    }

    /// Adds a repository, or replaces the one of its id; the path says which group it stands in.
    pub fn add_repository(&mut self, mut repository: Repository) {
        repository.group = self.group_at(repository.parent_path());
        self.repositories.insert(repository.id, repository);
    }

    /// Makes an account a member of a group.
    pub fn join(&mut self, account: u64, group: u64) {
        let account = AccountId::new(account).expect("tests number accounts from 1");
        self.members.insert((account, build::group_id(group)));
    }

    /// Shares a repository into a group.
    pub fn share(&mut self, repository: u64, group: u64) {
        let share = (build::repository_id(repository), build::group_id(group));
        self.shares.insert(share);
    }

    /// Gives a repository another path, and so perhaps another group.
    ///
    /// # Panics
    /// If there is no such repository: a mistake in the test.
    #[track_caller]
    pub fn move_repository(&mut self, id: u64, full_path: &str) {
        let id = build::repository_id(id);
        let mut repository = self.repositories.remove(&id).expect("the repository");
        repository.full_path = full_path.into();
        self.add_repository(repository);
    }

    /// Deletes a repository.
    ///
    /// # Panics
    /// If there is no such repository: a mistake in the test.
    #[track_caller]
    pub fn delete_repository(&mut self, id: u64) {
        let id = build::repository_id(id);
        self.repositories.remove(&id).expect("the repository");
        self.shares.retain(|(repository, _)| *repository != id);
    }

    /// Gives a group another path, and everything below it.
    ///
    /// # Panics
    /// If there is no such group: a mistake in the test.
    #[track_caller]
    pub fn move_group(&mut self, id: u64, full_path: &str) {
        let id = build::group_id(id);
        let before = format!("{}/", self.groups.get(&id).expect("the group").full_path);
        let follow = |path: &mut Box<str>| {
            if let Some(rest) = path.strip_prefix(&before) {
                *path = format!("{full_path}/{rest}").into();
            }
        };
        for group in self.groups.values_mut() {
            follow(&mut group.full_path);
        }
        for repository in self.repositories.values_mut() {
            follow(&mut repository.full_path);
        }
        let parent = full_path
            .rsplit_once('/')
            .and_then(|(parent, _)| self.group_at(parent));
        if let Some(group) = self.groups.get_mut(&id) {
            group.full_path = full_path.into();
            group.parent = parent;
        }
    }

    /// The group at a path, without regard to case.
    pub fn group_at(&self, path: &str) -> Option<GroupId> {
        let path = path.to_lowercase();
        let mut groups = self.groups.values();
        groups
            .find(|group| group.full_path.to_lowercase() == path)
            .map(|group| group.id)
    }

    /// The group and all around it, from the inside.
    fn lineage(&self, group: Option<GroupId>) -> impl Iterator<Item = GroupId> + '_ {
        std::iter::successors(group, |id| self.groups.get(id).and_then(|g| g.parent))
    }

    fn is_hidden(&self, group: Option<GroupId>) -> bool {
        self.lineage(group).any(|id| self.hidden.contains(&id))
    }

    fn is_member(&self, account: AccountId, group: Option<GroupId>) -> bool {
        self.lineage(group)
            .any(|id| self.members.contains(&(account, id)))
    }

    fn is_personal(&self, account: AccountId, repository: &Repository) -> bool {
        repository.group.is_none()
            && self.accounts.get(&account).is_some_and(|account| {
                account.login.as_str().to_lowercase() == repository.parent_path().to_lowercase()
            })
    }

    /// The group as the account sees it.
    pub(super) fn visible_group(&self, account: AccountId, path: &GroupPath) -> Option<&Group> {
        let group = self.groups.get(&self.group_at(path.as_str())?)?;
        let open = group.visibility == Visibility::Public;
        (!self.is_hidden(Some(group.id)) && (open || self.is_member(account, Some(group.id))))
            .then_some(group)
    }

    /// Whether the account sees the repository at all.
    pub(super) fn is_visible(&self, account: AccountId, repository: &Repository) -> bool {
        if self.is_hidden(repository.group) {
            return false;
        }
        let shared = self
            .shares
            .iter()
            .any(|(id, group)| *id == repository.id && self.is_member(account, Some(*group)));
        shared
            || repository.visibility == Visibility::Public
            || self.is_member(account, repository.group)
            || self.is_personal(account, repository)
    }

    /// What a complete listing of `scope` has, in the order of ids, and the chosen groups that the account does not see.
    pub(super) fn listed(&self, account: AccountId, scope: &Scope) -> Listed {
        let mut missing = Vec::new();
        let roots: BTreeSet<GroupId> = match &scope.groups {
            GroupScope::All => self
                .members
                .iter()
                .filter(|(member, _)| *member == account)
                .map(|(_, group)| *group)
                .collect(),
            GroupScope::Chosen(paths) => paths
                .iter()
                .filter_map(|path| {
                    let group = self.visible_group(account, path);
                    if group.is_none() {
                        missing.push(MissingPart {
                            what: format!("the group {path}"),
                            why: "there is no such group, or the account does not see it"
                                .to_owned(),
                        });
                    }
                    group.map(|group| group.id)
                })
                .collect(),
        };
        let covered = |group: Option<GroupId>| {
            self.lineage(group).any(|id| roots.contains(&id)) && !self.is_hidden(group)
        };
        let groups = self.groups.values().filter(|group| covered(Some(group.id)));
        let personal = scope.personal == PersonalNamespace::Included;
        let repositories = self.repositories.values().filter_map(|repository| {
            let owned =
                covered(repository.group) || (personal && self.is_personal(account, repository));
            let shared = self
                .shares
                .iter()
                .any(|(id, group)| *id == repository.id && covered(Some(*group)));
            let ownership = match (owned, shared) {
                (true, _) => Ownership::Owned,
                (false, true) => Ownership::SharedIn,
                (false, false) => return None,
            };
            Some(Repository {
                ownership,
                ..repository.clone()
            })
        });
        Listed {
            groups: groups.cloned().collect(),
            repositories: repositories.collect(),
            missing,
        }
    }

    /// Whether the repository stands in the group at `path`, or below it.
    pub(super) fn is_below(&self, repository: &Repository, path: &GroupPath) -> bool {
        self.lineage(repository.group)
            .filter_map(|id| self.groups.get(&id))
            .any(|group| path.matches(&group.full_path))
    }
}

/// What a complete listing has.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) groups: Vec<Group>,
    pub(super) repositories: Vec<Repository>,
    pub(super) missing: Vec<MissingPart>,
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}
