//! The root of the schema.

#![expect(
    clippy::unused_async,
    reason = "the macro takes asynchronous resolvers alone"
)]

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::View;
use super::connection::Ask;
use super::groups::{GroupConnection, GroupNode, NamespaceNode, count, groups};
use super::projects::{Archived, Order, ProjectConnection, ProjectNode, found, page};
use super::scalars::{Time, gid, number};
use crate::world::{GroupId, ProjectId, Role, User, Visibility, World};

/// GitLab refuses more full paths than this at once.
const MAX_FULL_PATHS: usize = 50;

/// The root of all queries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query;

fn view<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a View> {
    ctx.data::<View>()
}

#[Object]
impl Query {
    async fn current_user(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<UserNode>> {
        let view = view(ctx)?;
        let world = view.shared.world();
        let user = view.who.user.and_then(|id| world.users.get(&id));
        Ok(user.map(|user| UserNode {
            view: view.clone(),
            user: user.clone(),
        }))
    }

    async fn metadata(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Metadata>> {
        let view = view(ctx)?;
        Ok(view.who.user.map(|_| Metadata {
            version: view.shared.config.version.clone(),
            revision: "51a1bd5a2f8".to_owned(),
            enterprise: view.shared.config.enterprise,
            kas: Kas {
                enabled: true,
                external_url: None,
                version: None,
            },
        }))
    }

    async fn query_complexity(&self, ctx: &Context<'_>) -> async_graphql::Result<Complexity> {
        let view = view(ctx)?;
        Ok(Complexity {
            score: i32::try_from(view.score).unwrap_or(i32::MAX),
            limit: i32::try_from(view.limit).unwrap_or(i32::MAX),
        })
    }

    async fn group(
        &self,
        ctx: &Context<'_>,
        full_path: ID,
    ) -> async_graphql::Result<Option<GroupNode>> {
        Ok(GroupNode::find(view(ctx)?, &full_path))
    }

    #[expect(clippy::too_many_arguments, reason = "they are GitLab's")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        ids: Option<Vec<ID>>,
        top_level_only: Option<bool>,
        owned_only: Option<bool>,
        search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<GroupConnection> {
        let view = view(ctx)?;
        let wanted: Option<Vec<GroupId>> = ids.map(|ids| {
            ids.iter()
                .filter_map(|id| number("Group", id))
                .map(GroupId)
                .collect()
        });
        let (top, owned) = (top_level_only.unwrap_or(false), owned_only.unwrap_or(false));
        let key = format!("g {:?} {wanted:?} {top} {owned} {search:?}", view.who.user);
        let rows = |world: &World| {
            world
                .groups()
                .filter(|group| wanted.as_ref().is_none_or(|ids| ids.contains(&group.id)))
                .filter(|group| !top || group.parent.is_none())
                .filter(|group| !owned || view.access.group_role(group.id) >= Role::Owner.level())
                .map(|group| group.id)
                .collect()
        };
        groups(view, &key, search.as_ref(), &Ask { first, after }, rows)
    }

    async fn namespace(
        &self,
        ctx: &Context<'_>,
        full_path: ID,
    ) -> async_graphql::Result<Option<NamespaceNode>> {
        let view = view(ctx)?;
        let id = view.shared.world().namespace_by_path(&full_path);
        Ok(id.and_then(|id| NamespaceNode::of(view, id)))
    }

    async fn project(
        &self,
        ctx: &Context<'_>,
        full_path: ID,
    ) -> async_graphql::Result<Option<ProjectNode>> {
        let view = view(ctx)?;
        let world = view.shared.world();
        // A former path is followed silently.
        let id = world
            .project_by_path(&full_path)
            .or_else(|| world.redirect(&full_path));
        let row = id.and_then(|id| world.projects.get(&id));
        let seen = row.filter(|project| view.access.sees_project(&world, project));
        Ok(seen.map(|row| ProjectNode {
            view: view.clone(),
            row: Arc::clone(row),
        }))
    }

    #[expect(clippy::too_many_arguments, reason = "they are GitLab's")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        ids: Option<Vec<ID>>,
        full_paths: Option<Vec<String>>,
        membership: Option<bool>,
        search: Option<String>,
        sort: Option<String>,
        archived: Option<Archived>,
        min_access_level: Option<MinAccess>,
        visibility_level: Option<VisibilityLevel>,
        personal: Option<bool>,
        active: Option<bool>,
        aimed_for_deletion: Option<bool>,
        not_aimed_for_deletion: Option<bool>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<ProjectConnection> {
        let view = view(ctx)?;
        if full_paths
            .as_ref()
            .is_some_and(|paths| paths.len() > MAX_FULL_PATHS)
        {
            let text = format!("You cannot provide more than {MAX_FULL_PATHS} full_paths");
            return Err(async_graphql::Error::new(text));
        }
        let wanted: Option<Vec<ProjectId>> = ids.map(|ids| {
            ids.iter()
                .filter_map(|id| number("Project", id))
                .map(ProjectId)
                .collect()
        });
        let order = Order::parse(sort.as_deref().unwrap_or("id_desc"));
        let least = min_access_level.map(MinAccess::level);
        let key = format!(
            "P {:?} {wanted:?} {full_paths:?} {membership:?} {search:?} {archived:?} {least:?} \
             {visibility_level:?} {personal:?} {active:?} {aimed_for_deletion:?} \
             {not_aimed_for_deletion:?}",
            view.who.user
        );
        let access = &view.access;
        let rows = |world: &World| {
            let paths: Option<Vec<ProjectId>> = full_paths.as_ref().map(|paths| {
                paths
                    .iter()
                    .filter_map(|path| world.project_by_path(path))
                    .collect()
            });
            let own = view
                .who
                .user
                .and_then(|id| world.users.get(&id))
                .map(|user| user.namespace);
            world
                .projects()
                .filter(|project| wanted.as_ref().is_none_or(|ids| ids.contains(&project.id)))
                .filter(|project| paths.as_ref().is_none_or(|ids| ids.contains(&project.id)))
                // Unlike in a group, what one cannot see is left out before the cut.
                .filter(|project| access.sees_project(world, project))
                .filter(|project| {
                    let role = || access.project_role(world, project);
                    (!membership.unwrap_or(false) || role() >= Role::Guest.level())
                        && least.is_none_or(|least| role() >= least)
                })
                .filter(|project| {
                    let is_archived = world.project_archived(project);
                    let marked = project.marked_for_deletion_on.is_some();
                    archived.is_none_or(|archived| match archived {
                        Archived::Only => is_archived,
                        Archived::Include => true,
                        Archived::Exclude => !is_archived,
                    }) && active.is_none_or(|active| (!is_archived && !marked) == active)
                        && (!aimed_for_deletion.unwrap_or(false) || marked)
                        && !(not_aimed_for_deletion.unwrap_or(false) && marked)
                })
                .filter(|project| {
                    visibility_level.is_none_or(|level| project.visibility == level.into())
                })
                .filter(|project| {
                    personal.is_none_or(|personal| (Some(project.namespace) == own) == personal)
                })
                .filter(|project| found(project, search.as_ref()))
                .map(|project| project.id)
                .collect()
        };
        page(view, &key, order, &Ask { first, after }, rows)
    }
}

/// Access levels as arguments.
#[derive(async_graphql::Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "AccessLevelEnum")]
pub(super) enum MinAccess {
    NoAccess,
    MinimalAccess,
    Guest,
    Planner,
    Reporter,
    Developer,
    Maintainer,
    Owner,
}

impl MinAccess {
    fn level(self) -> u8 {
        match self {
            Self::NoAccess => 0,
            Self::MinimalAccess => 5,
            Self::Guest => 10,
            Self::Planner => 15,
            Self::Reporter => 20,
            Self::Developer => 30,
            Self::Maintainer => 40,
            Self::Owner => 50,
        }
    }
}

/// Visibilities as arguments.
#[derive(async_graphql::Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "VisibilityLevelsEnum", rename_items = "lowercase")]
pub(super) enum VisibilityLevel {
    Private,
    Internal,
    Public,
}

impl From<VisibilityLevel> for Visibility {
    fn from(level: VisibilityLevel) -> Self {
        match level {
            VisibilityLevel::Private => Self::Private,
            VisibilityLevel::Internal => Self::Internal,
            VisibilityLevel::Public => Self::Public,
        }
    }
}

/// The instance.
#[derive(SimpleObject)]
struct Metadata {
    version: String,
    revision: String,
    enterprise: bool,
    kas: Kas,
}

/// The agent server.
#[derive(SimpleObject)]
struct Kas {
    enabled: bool,
    external_url: Option<String>,
    version: Option<String>,
}

/// What the query costs.
#[derive(SimpleObject)]
#[graphql(name = "QueryComplexity")]
struct Complexity {
    score: i32,
    limit: i32,
}

/// Who asks.
pub(super) struct UserNode {
    view: View,
    user: User,
}

#[Object(name = "CurrentUser")]
impl UserNode {
    async fn id(&self) -> ID {
        gid("User", self.user.id.0)
    }

    async fn username(&self) -> &str {
        &self.user.username
    }

    async fn name(&self) -> &str {
        &self.user.name
    }

    async fn state(&self) -> &'static str {
        if self.user.blocked {
            "blocked"
        } else {
            "active"
        }
    }

    async fn bot(&self) -> bool {
        self.user.is_bot()
    }

    async fn web_url(&self) -> String {
        format!("{}/{}", self.view.shared.url, self.user.username)
    }

    async fn avatar_url(&self) -> Option<String> {
        None
    }

    async fn created_at(&self) -> Time {
        Time(self.user.created_at)
    }

    async fn namespace(&self) -> Option<NamespaceNode> {
        NamespaceNode::of(&self.view, self.user.namespace)
    }

    async fn group_count(&self) -> i32 {
        count(self.view.access.groups.len())
    }
}
