//! Who sees what: the roles of one user, worked out once per state of the world.

use std::collections::{HashMap, HashSet};

use super::{Account, Group, GroupId, Project, ProjectId, Role, Source, UserId, Visibility, World};

/// The rights of one viewer over the whole world. A role is GitLab's access level, 0 for none.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) user: Option<UserId>,
    pub(crate) admin: bool,
    /// Memberships of groups as they were given, without inheritance.
    pub(crate) direct: HashMap<GroupId, u8>,
    /// Direct memberships and everything below them, without invitations of groups.
    pub(crate) inherited: HashMap<GroupId, u8>,
    /// All of it: direct, inherited and by invitation.
    pub(crate) groups: HashMap<GroupId, u8>,
    /// Direct memberships of projects and those by invitation of a group.
    pub(crate) projects: HashMap<ProjectId, u8>,
    /// Groups above, or around, what the viewer is a member of.
    pub(crate) ancestors: HashSet<GroupId>,
    hidden: HashSet<GroupId>,
}

impl Access {
    pub(crate) fn of(world: &World, user: Option<UserId>) -> Self {
        let mut access = Self {
            user,
            ..Self::default()
        };
        for group in world.groups().filter(|group| group.hidden) {
            access.hidden.extend(world.subtree(group.id));
        }
        let Some(user) = user.and_then(|id| world.users.get(&id)) else {
            return access;
        };
        access.admin = user.account == Account::Admin;
        for (source, role) in world.memberships.get(&user.id).into_iter().flatten() {
            // Minimal access counts as no membership.
            if *role == Role::Minimal {
                continue;
            }
            match source {
                Source::Group(group) => {
                    access.direct.insert(*group, role.level());
                    raise_below(world, &mut access.inherited, *group, role.level());
                }
                Source::Project(project) => raise(&mut access.projects, *project, role.level()),
            }
        }
        access.groups.clone_from(&access.inherited);
        for group in world.groups().filter(|group| !group.shares.is_empty()) {
            for share in &group.shares {
                if let Some(level) = access.inherited.get(&share.group).copied() {
                    let level = level.min(share.role.level());
                    raise_below(world, &mut access.groups, group.id, level);
                }
            }
        }
        for id in world.shared_project_ids() {
            for share in world
                .projects
                .get(&id)
                .into_iter()
                .flat_map(|project| &project.shares)
            {
                if let Some(level) = access.inherited.get(&share.group).copied() {
                    raise(&mut access.projects, id, level.min(share.role.level()));
                }
            }
        }
        let around: Vec<GroupId> = access
            .groups
            .keys()
            .copied()
            .chain(access.projects.keys().filter_map(|id| {
                world
                    .projects
                    .get(id)
                    .map(|project| GroupId(project.namespace.0))
            }))
            .collect();
        for group in around {
            for above in world.upwards(group) {
                // Everything above a known ancestor is known too.
                if !access.ancestors.insert(above.id) {
                    break;
                }
            }
        }
        access
    }

    /// The role in a project: the best of its group's, its own and ownership.
    pub(crate) fn project_role(&self, world: &World, project: &Project) -> u8 {
        let group = GroupId(project.namespace.0);
        let by_group = self.groups.get(&group).copied().unwrap_or(0);
        let own = self.projects.get(&project.id).copied().unwrap_or(0);
        let personal = match world.personal_owner(project.namespace) {
            Some(owner) if Some(owner.id) == self.user => Role::Owner.level(),
            _ => 0,
        };
        by_group.max(own).max(personal)
    }

    pub(crate) fn group_role(&self, group: GroupId) -> u8 {
        self.groups.get(&group).copied().unwrap_or(0)
    }

    pub(crate) fn is_hidden(&self, group: GroupId) -> bool {
        self.hidden.contains(&group)
    }

    pub(crate) fn sees_project(&self, world: &World, project: &Project) -> bool {
        !self.is_hidden(GroupId(project.namespace.0))
            && (self.admin
                || self.by_visibility(project.visibility)
                || self.project_role(world, project) >= Role::Guest.level())
    }

    pub(crate) fn sees_group(&self, group: &Group) -> bool {
        !self.is_hidden(group.id)
            && (self.admin
                || self.by_visibility(group.visibility)
                || self.groups.contains_key(&group.id)
                || self.ancestors.contains(&group.id))
    }

    /// Whether the code may be read: a guest of a private project may not.
    pub(crate) fn reads_code(&self, world: &World, project: &Project) -> bool {
        project.repository_enabled
            && (self.admin
                || self.by_visibility(project.visibility)
                || self.project_role(world, project) >= Role::Reporter.level())
    }

    /// Whether settings that only a maintainer sees are shown.
    pub(crate) fn administers(&self, world: &World, project: &Project) -> bool {
        self.admin || self.project_role(world, project) >= Role::Maintainer.level()
    }

    fn by_visibility(&self, visibility: Visibility) -> bool {
        match visibility {
            Visibility::Public => true,
            Visibility::Internal => self.user.is_some(),
            Visibility::Private => false,
        }
    }
}

fn raise<K: std::hash::Hash + Eq>(roles: &mut HashMap<K, u8>, key: K, level: u8) {
    let role = roles.entry(key).or_insert(0);
    *role = (*role).max(level);
}

fn raise_below(world: &World, roles: &mut HashMap<GroupId, u8>, top: GroupId, level: u8) {
    for group in world.subtree(top) {
        raise(roles, group, level);
    }
}
