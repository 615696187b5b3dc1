//! Changes of the world: each is whole or refused, and keeps every index in step.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Group, GroupId, NamespaceId, Project, ProjectId, Ref, Role, Share, Source, UserId, Visibility,
    World, WorldError,
};

/// What to change of a project; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// The branch of `HEAD`.
    pub default_branch: Option<String>,
    /// Whether it is archived.
    pub archived: Option<bool>,
    /// Whether nothing was ever pushed.
    pub empty_repo: Option<bool>,
    /// How its import stands: `none`, `scheduled`, `started`, `finished` or `failed`.
    pub import_status: Option<String>,
    /// Its topics.
    pub topics: Option<Vec<String>>,
    /// Whether its code may be read by those who see it.
    pub repository_enabled: Option<bool>,
}

/// What to change of a group; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
    /// Whether it is archived.
    pub archived: Option<bool>,
    /// Whether it silently drops out of every answer, as after an expired SAML session.
    pub hidden: Option<bool>,
}

impl World {
    /// Creates a group in `parent`, or at the top; it is as visible as its parent.
    pub fn create_group(&mut self, parent: Option<Ref>, path: &str) -> Result<GroupId, WorldError> {
        check_path(path)?;
        let parent = parent
            .map(|parent| self.group(parent).map(|group| group.id))
            .transpose()?;
        self.check_free(parent.map(GroupId::namespace), path)?;
        let visibility = parent
            .and_then(|parent| self.groups.get(&parent))
            .map_or(Visibility::Private, |parent| parent.visibility);
        let id = GroupId(self.next_namespace);
        self.insert_group(Group {
            id,
            parent,
            name: path.to_owned(),
            path: path.to_owned(),
            description: String::new(),
            visibility,
            created_at: self.now,
            updated_at: self.now,
            archived: false,
            marked_for_deletion_on: None,
            hidden: false,
            shares: Vec::new(),
        });
        Ok(id)
    }

    /// Creates a project in a group or, by login, in a personal namespace.
    pub fn create_project(
        &mut self,
        namespace: impl Into<Ref>,
        path: &str,
    ) -> Result<ProjectId, WorldError> {
        check_path(path)?;
        let namespace = self.namespace(namespace.into())?;
        self.check_free(Some(namespace), path)?;
        let visibility = self
            .groups
            .get(&GroupId(namespace.0))
            .map_or(Visibility::Private, |group| group.visibility);
        let creator = self
            .personal_owner(namespace)
            .map_or(UserId(1), |user| user.id);
        let id = ProjectId(self.next_project);
        self.insert_project(Project {
            id,
            namespace,
            name: path.to_owned(),
            path: path.to_owned(),
            description: None,
            visibility,
            created_at: self.now,
            updated_at: self.now,
            last_activity_at: self.now,
            archived: false,
            marked_for_deletion_on: None,
            default_branch: "main".to_owned(),
            empty_repo: false,
            repository_enabled: true,
            import_status: "none".to_owned(),
            topics: Vec::new(),
            star_count: 0,
            forked_from: None,
            creator,
            lfs_enabled: true,
            repository_size: 4096,
            shares: Vec::new(),
        });
        Ok(id)
    }

    /// Gives a project another path (and name) in its namespace; the old path redirects.
    pub fn rename_project(
        &mut self,
        project: impl Into<Ref>,
        path: &str,
    ) -> Result<ProjectId, WorldError> {
        check_path(path)?;
        let (id, namespace) = self.project_place(project)?;
        self.check_free_for(Some(namespace), path, Some(id), None)?;
        self.place_project(id, namespace, path, path);
        Ok(id)
    }

    /// Moves a project into another group or personal namespace; the old path redirects.
    pub fn transfer_project(
        &mut self,
        project: impl Into<Ref>,
        to: impl Into<Ref>,
    ) -> Result<ProjectId, WorldError> {
        let project = self.project(project)?;
        let (id, path, name) = (project.id, project.path.clone(), project.name.clone());
        let namespace = self.namespace(to.into())?;
        self.check_free_for(Some(namespace), &path, Some(id), None)?;
        self.place_project(id, namespace, &path, &name);
        Ok(id)
    }

    /// Changes what a patch names.
    pub fn edit_project(
        &mut self,
        project: impl Into<Ref>,
        patch: ProjectPatch,
    ) -> Result<ProjectId, WorldError> {
        let id = self.project(project)?.id;
        let now = self.now;
        if let Some(project) = self.project_mut(id) {
            set(&mut project.name, patch.name);
            set(&mut project.visibility, patch.visibility);
            set(&mut project.default_branch, patch.default_branch);
            set(&mut project.archived, patch.archived);
            set(&mut project.empty_repo, patch.empty_repo);
            set(&mut project.import_status, patch.import_status);
            set(&mut project.topics, patch.topics);
            set(&mut project.repository_enabled, patch.repository_enabled);
            if patch.description.is_some() {
                project.description = patch.description;
            }
            project.updated_at = now;
        }
        Ok(id)
    }

    /// Marks a project for deletion as GitLab does: it gets the path and name
    /// `PATH-deletion_scheduled-ID` and is archived.
    pub fn mark_project_for_deletion(
        &mut self,
        project: impl Into<Ref>,
    ) -> Result<ProjectId, WorldError> {
        let (id, namespace) = self.project_place(project)?;
        let today = self.now.date_naive();
        let Some(project) = self.projects.get(&id) else {
            return Ok(id);
        };
        let path = format!("{}-deletion_scheduled-{id}", project.path);
        let name = format!("{}-deletion_scheduled-{id}", project.name);
        self.place_project(id, namespace, &path, &name);
        if let Some(project) = self.project_mut(id) {
            project.marked_for_deletion_on = Some(today);
            project.archived = true;
        }
        Ok(id)
    }

    /// Takes the mark back, with the old path, name and no archive flag.
    pub fn restore_project(&mut self, project: impl Into<Ref>) -> Result<ProjectId, WorldError> {
        let (id, namespace) = self.project_place(project)?;
        let Some(project) = self.projects.get(&id) else {
            return Ok(id);
        };
        let suffix = format!("-deletion_scheduled-{id}");
        let path = project
            .path
            .strip_suffix(&suffix)
            .unwrap_or(&project.path)
            .to_owned();
        let name = project
            .name
            .strip_suffix(&suffix)
            .unwrap_or(&project.name)
            .to_owned();
        self.check_free_for(Some(namespace), &path, Some(id), None)?;
        self.place_project(id, namespace, &path, &name);
        if let Some(project) = self.project_mut(id) {
            project.marked_for_deletion_on = None;
            project.archived = false;
        }
        Ok(id)
    }

    /// Removes a project at once and for ever; nothing redirects to it any more.
    pub fn delete_project(&mut self, project: impl Into<Ref>) -> Result<ProjectId, WorldError> {
        let id = self.project(project)?.id;
        if let Some(project) = self.projects.remove(&id) {
            self.project_paths
                .remove(&(project.namespace, project.path.to_lowercase()));
            if let Some(owned) = self.owned.get_mut(&project.namespace) {
                owned.remove(&id);
            }
        }
        self.shared_projects.remove(&id);
        self.redirects.retain(|_, target| *target != id);
        for sources in self.memberships.values_mut() {
            sources.remove(&Source::Project(id));
        }
        Ok(id)
    }

    /// Notes work in a project: its `last_activity_at` becomes now.
    pub fn push(&mut self, project: impl Into<Ref>) -> Result<ProjectId, WorldError> {
        let id = self.project(project)?.id;
        let now = self.now;
        if let Some(project) = self.project_mut(id) {
            project.last_activity_at = now;
            project.updated_at = now;
            project.empty_repo = false;
        }
        Ok(id)
    }

    /// Gives a group another path (and name); projects below it redirect from their old paths, the
    /// group itself does not, as in GitLab's API.
    pub fn rename_group(
        &mut self,
        group: impl Into<Ref>,
        path: &str,
    ) -> Result<GroupId, WorldError> {
        check_path(path)?;
        let found = self.group(group)?;
        let (id, parent) = (found.id, found.parent);
        self.check_free_for(parent.map(GroupId::namespace), path, None, Some(id))?;
        self.place_group(id, parent, path, path);
        Ok(id)
    }

    /// Moves a group below another, or to the top.
    pub fn transfer_group(
        &mut self,
        group: impl Into<Ref>,
        to: Option<Ref>,
    ) -> Result<GroupId, WorldError> {
        let found = self.group(group)?;
        let (id, path, name) = (found.id, found.path.clone(), found.name.clone());
        let parent = to
            .map(|to| self.group(to).map(|group| group.id))
            .transpose()?;
        if parent.is_some_and(|parent| self.upwards(parent).any(|above| above.id == id)) {
            return Err(WorldError::Cycle(id));
        }
        self.check_free_for(parent.map(GroupId::namespace), &path, None, Some(id))?;
        self.place_group(id, parent, &path, &name);
        Ok(id)
    }

    /// Changes what a patch names.
    pub fn edit_group(
        &mut self,
        group: impl Into<Ref>,
        patch: GroupPatch,
    ) -> Result<GroupId, WorldError> {
        let id = self.group(group)?.id;
        let now = self.now;
        if let Some(group) = self.group_mut(id) {
            set(&mut group.name, patch.name);
            set(&mut group.description, patch.description);
            set(&mut group.visibility, patch.visibility);
            set(&mut group.archived, patch.archived);
            set(&mut group.hidden, patch.hidden);
            group.updated_at = now;
        }
        Ok(id)
    }

    /// Marks a group for deletion: it gets the path and name `PATH-deletion_scheduled-ID`.
    pub fn mark_group_for_deletion(
        &mut self,
        group: impl Into<Ref>,
    ) -> Result<GroupId, WorldError> {
        let found = self.group(group)?;
        let (id, parent) = (found.id, found.parent);
        let path = format!("{}-deletion_scheduled-{id}", found.path);
        let name = format!("{}-deletion_scheduled-{id}", found.name);
        self.place_group(id, parent, &path, &name);
        let today = self.now.date_naive();
        if let Some(group) = self.group_mut(id) {
            group.marked_for_deletion_on = Some(today);
        }
        Ok(id)
    }

    /// Removes a group at once with everything below it.
    pub fn delete_group(&mut self, group: impl Into<Ref>) -> Result<GroupId, WorldError> {
        let top = self.group(group)?.id;
        for project in self.projects_below(top) {
            self.delete_project(project)?;
        }
        for id in self.subtree(top) {
            self.owned.remove(&id.namespace());
            self.children.remove(&Some(id));
            if let Some(group) = self.groups.remove(&id) {
                self.group_paths
                    .remove(&(group.parent, group.path.to_lowercase()));
                if let Some(siblings) = self.children.get_mut(&group.parent) {
                    siblings.remove(&id);
                }
            }
            for sources in self.memberships.values_mut() {
                sources.remove(&Source::Group(id));
            }
        }
        Ok(top)
    }

    /// Makes a user a member of a group, or changes the role.
    pub fn add_group_member(
        &mut self,
        group: impl Into<Ref>,
        username: &str,
        role: Role,
    ) -> Result<(), WorldError> {
        let (group, user) = (self.group(group)?.id, self.user(username)?.id);
        self.memberships
            .entry(user)
            .or_default()
            .insert(Source::Group(group), role);
        Ok(())
    }

    /// Makes a user a member of a project, or changes the role.
    pub fn add_project_member(
        &mut self,
        project: impl Into<Ref>,
        username: &str,
        role: Role,
    ) -> Result<(), WorldError> {
        let (project, user) = (self.project(project)?.id, self.user(username)?.id);
        self.memberships
            .entry(user)
            .or_default()
            .insert(Source::Project(project), role);
        Ok(())
    }

    /// Ends a direct membership of a group.
    pub fn remove_group_member(
        &mut self,
        group: impl Into<Ref>,
        username: &str,
    ) -> Result<(), WorldError> {
        let (group, user) = (self.group(group)?.id, self.user(username)?.id);
        if let Some(sources) = self.memberships.get_mut(&user) {
            sources.remove(&Source::Group(group));
        }
        Ok(())
    }

    /// Invites a group into a project: the project is then listed as shared in that group.
    pub fn share_project(
        &mut self,
        project: impl Into<Ref>,
        with: impl Into<Ref>,
        role: Role,
    ) -> Result<ProjectId, WorldError> {
        let (id, with) = (self.project(project)?.id, self.group(with)?.id);
        if let Some(project) = self.project_mut(id) {
            project.shares.retain(|share| share.group != with);
            project.shares.push(Share { group: with, role });
        }
        self.shared_projects.insert(id);
        Ok(id)
    }

    /// Invites a group into another group.
    pub fn share_group(
        &mut self,
        group: impl Into<Ref>,
        with: impl Into<Ref>,
        role: Role,
    ) -> Result<GroupId, WorldError> {
        let (id, with) = (self.group(group)?.id, self.group(with)?.id);
        if let Some(group) = self.group_mut(id) {
            group.shares.retain(|share| share.group != with);
            group.shares.push(Share { group: with, role });
        }
        Ok(id)
    }

    pub(super) fn insert_group(&mut self, group: Group) {
        self.next_namespace = self.next_namespace.max(group.id.0 + 1);
        self.group_paths
            .insert((group.parent, group.path.to_lowercase()), group.id);
        self.children
            .entry(group.parent)
            .or_default()
            .insert(group.id);
        self.groups.insert(group.id, Arc::new(group));
    }

    pub(super) fn insert_project(&mut self, project: Project) {
        self.next_project = self.next_project.max(project.id.0 + 1);
        self.project_paths
            .insert((project.namespace, project.path.to_lowercase()), project.id);
        self.owned
            .entry(project.namespace)
            .or_default()
            .insert(project.id);
        if !self.redirects.is_empty() {
            // Whoever takes a former path ends its redirect.
            let path = self.project_full_path(&project).to_lowercase();
            self.redirects.remove(&path);
        }
        self.projects.insert(project.id, Arc::new(project));
    }

    fn namespace(&self, namespace: Ref) -> Result<NamespaceId, WorldError> {
        let found = match &namespace {
            Ref::Id(id) => Some(NamespaceId(*id)).filter(|id| {
                self.personal.contains_key(id) || self.groups.contains_key(&GroupId(id.0))
            }),
            Ref::Path(path) => self.namespace_by_path(path),
        };
        found.ok_or(WorldError::NoSuchGroup(namespace))
    }

    fn project_place(
        &self,
        project: impl Into<Ref>,
    ) -> Result<(ProjectId, NamespaceId), WorldError> {
        self.project(project)
            .map(|project| (project.id, project.namespace))
    }

    fn project_mut(&mut self, id: ProjectId) -> Option<&mut Project> {
        self.projects.get_mut(&id).map(Arc::make_mut)
    }

    fn group_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut(&id).map(Arc::make_mut)
    }

    fn check_free(&self, namespace: Option<NamespaceId>, path: &str) -> Result<(), WorldError> {
        self.check_free_for(namespace, path, None, None)
    }

    fn check_free_for(
        &self,
        namespace: Option<NamespaceId>,
        path: &str,
        project: Option<ProjectId>,
        group: Option<GroupId>,
    ) -> Result<(), WorldError> {
        let key = path.to_lowercase();
        let by_group = self
            .group_paths
            .get(&(namespace.map(|id| GroupId(id.0)), key.clone()))
            .is_some_and(|id| Some(*id) != group);
        let by_user = namespace.is_none() && self.usernames.contains_key(&key);
        let by_project = namespace
            .and_then(|id| self.project_paths.get(&(id, key)))
            .is_some_and(|id| Some(*id) != project);
        if by_group || by_user || by_project {
            return Err(WorldError::PathTaken(path.to_owned()));
        }
        Ok(())
    }

    fn place_project(&mut self, id: ProjectId, namespace: NamespaceId, path: &str, name: &str) {
        let now = self.now;
        let Some(mut project) = self
            .projects
            .get(&id)
            .map(|project| Project::clone(project))
        else {
            return;
        };
        let old = self.project_full_path(&project).to_lowercase();
        self.project_paths
            .remove(&(project.namespace, project.path.to_lowercase()));
        if let Some(owned) = self.owned.get_mut(&project.namespace) {
            owned.remove(&id);
        }
        project.namespace = namespace;
        path.clone_into(&mut project.path);
        name.clone_into(&mut project.name);
        project.updated_at = now;
        self.redirects.insert(old, id);
        self.insert_project(project);
    }

    fn place_group(&mut self, id: GroupId, parent: Option<GroupId>, path: &str, name: &str) {
        let now = self.now;
        for project in self.projects_below(id) {
            if let Some(project) = self.projects.get(&project) {
                let old = self.project_full_path(project).to_lowercase();
                if let Entry::Vacant(free) = self.redirects.entry(old) {
                    free.insert(project.id);
                }
            }
        }
        let Some(mut group) = self.groups.get(&id).map(|group| Group::clone(group)) else {
            return;
        };
        self.group_paths
            .remove(&(group.parent, group.path.to_lowercase()));
        if let Some(siblings) = self.children.get_mut(&group.parent) {
            siblings.remove(&id);
        }
        group.parent = parent;
        path.clone_into(&mut group.path);
        name.clone_into(&mut group.name);
        group.updated_at = now;
        self.insert_group(group);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn check_path(path: &str) -> Result<(), WorldError> {
    let fine = !path.is_empty()
        && path.len() <= 255
        && !path.starts_with(['-', '.'])
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if fine {
        Ok(())
    } else {
        Err(WorldError::InvalidPath(path.to_owned()))
    }
}
