//! Groups, namespaces and their connections.

#![expect(
    clippy::unused_async,
    reason = "the macro takes asynchronous resolvers alone"
)]

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};

use super::View;
use super::connection::{Ask, PageInfo, cut};
use super::projects::{
    AccessLevel, Order, ProjectConnection, ProjectSort, day, found, page as project_page,
};
use super::scalars::{Date, Time, gid, number};
use crate::world::{Group, GroupId, NamespaceId, ProjectId, World};

/// One group.
pub(super) struct GroupNode {
    pub(super) view: View,
    pub(super) row: Arc<Group>,
}

#[Object(name = "Group")]
impl GroupNode {
    async fn id(&self) -> ID {
        gid("Group", self.row.id.0)
    }

    async fn full_path(&self) -> ID {
        self.full().into()
    }

    async fn full_name(&self) -> String {
        self.view.shared.world().group_full_name(self.row.id)
    }

    async fn name(&self) -> &str {
        &self.row.name
    }

    async fn path(&self) -> &str {
        &self.row.path
    }

    async fn description(&self) -> &str {
        &self.row.description
    }

    async fn visibility(&self) -> &str {
        self.row.visibility.as_str()
    }

    async fn archived(&self) -> bool {
        self.view.shared.world().group_archived(self.row.id)
    }

    async fn created_at(&self) -> Time {
        Time(self.row.created_at)
    }

    async fn updated_at(&self) -> Time {
        Time(self.row.updated_at)
    }

    async fn web_url(&self) -> String {
        format!("{}/groups/{}", self.view.shared.url, self.full())
    }

    async fn avatar_url(&self) -> Option<String> {
        None
    }

    async fn lfs_enabled(&self) -> bool {
        true
    }

    async fn marked_for_deletion_on(&self) -> Option<Date> {
        day(self.row.marked_for_deletion_on)
    }

    async fn max_access_level(&self) -> AccessLevel {
        AccessLevel::of(self.view.access.group_role(self.row.id))
    }

    async fn parent(&self) -> Option<GroupNode> {
        let world = self.view.shared.world();
        let row = world.groups.get(&self.row.parent?)?;
        self.view.access.sees_group(row).then(|| GroupNode {
            view: self.view.clone(),
            row: Arc::clone(row),
        })
    }

    /// Projects directly in the group, those one cannot see included.
    async fn projects_count(&self) -> i32 {
        let world = self.view.shared.world();
        count(world.projects_of(self.row.id.namespace()).count())
    }

    /// Groups on all levels below.
    async fn descendant_groups_count(&self) -> i32 {
        count(self.view.shared.world().subtree(self.row.id).len() - 1)
    }

    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "they are GitLab's"
    )]
    async fn projects(
        &self,
        #[graphql(default = false)] include_subgroups: bool,
        #[graphql(default = true)] include_archived: bool,
        #[graphql(default = false)] include_sibling_projects: bool,
        #[graphql(default = false)] not_aimed_for_deletion: bool,
        search: Option<String>,
        sort: Option<ProjectSort>,
        ids: Option<Vec<ID>>,
        with_issues_enabled: Option<bool>,
        with_merge_requests_enabled: Option<bool>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<ProjectConnection> {
        let wanted: Option<Vec<ProjectId>> = ids.map(|ids| {
            ids.iter()
                .filter_map(|id| number("Project", id))
                .map(ProjectId)
                .collect()
        });
        let group = self.row.id;
        let key = format!(
            "{group} {include_subgroups} {include_archived} {include_sibling_projects} \
             {not_aimed_for_deletion} {search:?} {wanted:?} {with_merge_requests_enabled:?}"
        );
        // Nothing here has its issues switched off.
        let all = with_issues_enabled != Some(false);
        let rows = |world: &World| {
            let groups = match (include_subgroups, include_sibling_projects) {
                (true, _) => world.subtree(group),
                (false, true) => {
                    let parent = world.groups.get(&group).and_then(|group| group.parent);
                    parent.map_or_else(|| vec![group], |parent| world.subtree(parent))
                }
                (false, false) => vec![group],
            };
            // What is shared in does not count, and nothing is redacted yet.
            groups
                .iter()
                .filter(|_| all)
                .flat_map(|group| world.projects_of(group.namespace()))
                .filter_map(|id| world.projects.get(&id))
                .filter(|project| include_archived || !world.project_archived(project))
                .filter(|project| {
                    !not_aimed_for_deletion || project.marked_for_deletion_on.is_none()
                })
                .filter(|project| {
                    with_merge_requests_enabled.is_none_or(|on| project.repository_enabled == on)
                })
                .filter(|project| found(project, search.as_ref()))
                .filter(|project| wanted.as_ref().is_none_or(|ids| ids.contains(&project.id)))
                .map(|project| project.id)
                .collect()
        };
        let order = Order::from(sort.unwrap_or_default());
        project_page(&self.view, &key, order, &Ask { first, after }, rows)
    }

    async fn descendant_groups(
        &self,
        #[graphql(default = true)] include_parent_descendants: bool,
        #[graphql(default = false)] owned: bool,
        search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<GroupConnection> {
        let group = self.row.id;
        let key = format!(
            "d {:?} {group} {include_parent_descendants} {owned} {search:?}",
            self.view.who.user
        );
        let view = &self.view;
        let rows = |world: &World| {
            let below: Vec<GroupId> = if include_parent_descendants {
                world.subtree(group).into_iter().skip(1).collect()
            } else {
                world.children_of(Some(group)).collect()
            };
            below
                .into_iter()
                .filter(|id| !owned || view.access.group_role(*id) >= 50)
                .collect()
        };
        groups(view, &key, search.as_ref(), &Ask { first, after }, rows)
    }
}

impl GroupNode {
    fn full(&self) -> String {
        self.view.shared.world().group_full_path(self.row.id)
    }

    /// The group, if it is there and the viewer may know of it.
    pub(super) fn find(view: &View, path: &str) -> Option<Self> {
        let world = view.shared.world();
        let row = world.groups.get(&world.group_by_path(path)?)?;
        view.access.sees_group(row).then(|| Self {
            view: view.clone(),
            row: Arc::clone(row),
        })
    }
}

/// A page of groups.
#[derive(SimpleObject)]
#[graphql(name = "GroupConnection")]
pub(super) struct GroupConnection {
    nodes: Vec<GroupNode>,
    page_info: PageInfo,
    count: i32,
}

/// Cuts a page of the groups that the viewer sees, by name.
pub(super) fn groups(
    view: &View,
    key: &str,
    search: Option<&String>,
    ask: &Ask,
    rows: impl FnOnce(&World) -> Vec<GroupId>,
) -> async_graphql::Result<GroupConnection> {
    let world = view.shared.world();
    let sort_key = |id: u64| {
        let group = world.groups.get(&GroupId(id));
        group
            .map(|group| group.name.to_lowercase())
            .unwrap_or_default()
    };
    let text = search.map(|text| text.to_lowercase());
    let rows = view.shared.listing(format!("r {key}"), || {
        let mut ids: Vec<u64> = rows(&world)
            .into_iter()
            .filter_map(|id| world.groups.get(&id))
            .filter(|group| view.access.sees_group(group))
            .filter(|group| {
                text.as_ref().is_none_or(|text| {
                    [&group.name, &group.path]
                        .iter()
                        .any(|field| field.to_lowercase().contains(text.as_str()))
                })
            })
            .map(|group| group.id.0)
            .collect();
        ids.sort_by_cached_key(|id| (sort_key(*id), *id));
        ids
    });
    let page = cut(&rows, ask, false, sort_key)?;
    let nodes = page
        .ids
        .iter()
        .filter_map(|id| world.groups.get(&GroupId(*id)))
        .map(|row| GroupNode {
            view: view.clone(),
            row: Arc::clone(row),
        })
        .collect();
    Ok(GroupConnection {
        nodes,
        page_info: page.page_info,
        count: count(rows.len()),
    })
}

/// A group or a personal namespace.
#[derive(SimpleObject)]
#[graphql(name = "Namespace")]
pub(super) struct NamespaceNode {
    id: ID,
    full_path: ID,
    full_name: String,
    name: String,
    path: String,
    visibility: Option<String>,
}

impl NamespaceNode {
    pub(super) fn of(view: &View, id: NamespaceId) -> Option<Self> {
        let world = view.shared.world();
        let full_path: ID = world.namespace_path(id).into();
        if let Some(user) = world.personal_owner(id) {
            return Some(Self {
                id: gid("Namespaces::UserNamespace", id.0),
                full_path,
                full_name: user.name.clone(),
                name: user.name.clone(),
                path: user.username.clone(),
                visibility: Some("public".to_owned()),
            });
        }
        let group = world.groups.get(&GroupId(id.0))?;
        view.access.sees_group(group).then(|| Self {
            id: gid("Group", id.0),
            full_path,
            full_name: world.group_full_name(group.id),
            name: group.name.clone(),
            path: group.path.clone(),
            visibility: Some(group.visibility.as_str().to_owned()),
        })
    }
}

pub(super) fn count(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}
