//! Projects and their connections.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object, SimpleObject};

use super::View;
use super::connection::{Ask, PageInfo, cut};
use super::groups::{GroupNode, NamespaceNode};
use super::scalars::{Date, Time, gid};
use crate::rest::ssh_host;
use crate::world::{Account, GroupId, Project, ProjectId, Role, World};

/// One project.
pub(super) struct ProjectNode {
    pub(super) view: View,
    pub(super) row: Arc<Project>,
}

/// An access level.
#[derive(SimpleObject)]
#[graphql(name = "AccessLevel")]
pub(super) struct AccessLevel {
    integer_value: i32,
    string_value: String,
}

impl AccessLevel {
    pub(super) fn of(level: u8) -> Self {
        let word = match level {
            5 => "MINIMAL_ACCESS",
            10 => "GUEST",
            15 => "PLANNER",
            20 => "REPORTER",
            30 => "DEVELOPER",
            40 => "MAINTAINER",
            50 => "OWNER",
            _ => "NO_ACCESS",
        };
        Self {
            integer_value: i32::from(level),
            string_value: word.to_owned(),
        }
    }
}

/// Sizes in bytes.
#[derive(SimpleObject)]
#[graphql(name = "ProjectStatistics")]
struct Statistics {
    commit_count: f64,
    storage_size: f64,
    repository_size: f64,
    lfs_objects_size: f64,
    wiki_size: f64,
    snippets_size: f64,
    build_artifacts_size: f64,
    packages_size: f64,
    uploads_size: f64,
    container_registry_size: f64,
}

/// The Git repository.
#[derive(SimpleObject)]
struct Repository {
    exists: bool,
    empty: bool,
    root_ref: Option<String>,
}

#[Object(name = "Project")]
impl ProjectNode {
    async fn id(&self) -> ID {
        gid("Project", self.row.id.0)
    }

    async fn full_path(&self) -> ID {
        self.full().into()
    }

    async fn path(&self) -> &str {
        &self.row.path
    }

    async fn name(&self) -> &str {
        &self.row.name
    }

    async fn name_with_namespace(&self) -> String {
        let namespace = self.view.shared.world().namespace_name(self.row.namespace);
        format!("{namespace} / {}", self.row.name)
    }

    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    async fn archived(&self) -> bool {
        self.view.shared.world().project_archived(&self.row)
    }

    async fn visibility(&self) -> &str {
        self.row.visibility.as_str()
    }

    async fn created_at(&self) -> Time {
        Time(self.row.created_at)
    }

    async fn updated_at(&self) -> Time {
        Time(self.row.updated_at)
    }

    async fn last_activity_at(&self) -> Time {
        Time(self.row.last_activity_at)
    }

    async fn lfs_enabled(&self) -> bool {
        self.row.lfs_enabled
    }

    async fn is_forked(&self) -> bool {
        self.row.forked_from.is_some()
    }

    async fn import_status(&self) -> &str {
        &self.row.import_status
    }

    async fn wiki_enabled(&self) -> bool {
        true
    }

    async fn snippets_enabled(&self) -> bool {
        true
    }

    async fn issues_enabled(&self) -> bool {
        true
    }

    async fn merge_requests_enabled(&self) -> bool {
        self.row.repository_enabled
    }

    async fn jobs_enabled(&self) -> bool {
        self.row.repository_enabled
    }

    async fn http_url_to_repo(&self) -> String {
        format!("{}/{}.git", self.view.shared.url, self.full())
    }

    async fn ssh_url_to_repo(&self) -> String {
        format!(
            "git@{}:{}.git",
            ssh_host(&self.view.shared.url),
            self.full()
        )
    }

    async fn web_url(&self) -> String {
        format!("{}/{}", self.view.shared.url, self.full())
    }

    async fn avatar_url(&self) -> Option<String> {
        None
    }

    async fn topics(&self) -> &[String] {
        &self.row.topics
    }

    async fn star_count(&self) -> i32 {
        i32::try_from(self.row.star_count).unwrap_or(i32::MAX)
    }

    async fn forks_count(&self) -> i32 {
        0
    }

    async fn marked_for_deletion_on(&self) -> Option<Time> {
        self.row
            .marked_for_deletion_on
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .map(|time| Time(time.and_utc()))
    }

    async fn max_access_level(&self) -> AccessLevel {
        AccessLevel::of(self.role())
    }

    async fn group(&self) -> Option<GroupNode> {
        let world = self.view.shared.world();
        let row = world.groups.get(&GroupId(self.row.namespace.0))?;
        self.view.access.sees_group(row).then(|| GroupNode {
            view: self.view.clone(),
            row: Arc::clone(row),
        })
    }

    async fn namespace(&self) -> Option<NamespaceNode> {
        NamespaceNode::of(&self.view, self.row.namespace)
    }

    async fn statistics(&self) -> Option<Statistics> {
        if self.role() < Role::Reporter.level() {
            return None;
        }
        // Sizes here are far below where a double counts no more in ones.
        let size = u32::try_from(self.row.repository_size).map_or(f64::from(u32::MAX), f64::from);
        Some(Statistics {
            commit_count: if self.row.empty_repo {
                0.0
            } else {
                (size / 4096.0).floor()
            },
            storage_size: size,
            repository_size: size,
            lfs_objects_size: 0.0,
            wiki_size: 0.0,
            snippets_size: 0.0,
            build_artifacts_size: 0.0,
            packages_size: 0.0,
            uploads_size: 0.0,
            container_registry_size: 0.0,
        })
    }

    async fn repository(&self) -> Option<Repository> {
        let readable = self
            .view
            .access
            .reads_code(&self.view.shared.world(), &self.row);
        readable.then(|| Repository {
            exists: true,
            empty: self.row.empty_repo,
            root_ref: (!self.row.empty_repo).then(|| self.row.default_branch.clone()),
        })
    }
}

impl ProjectNode {
    fn full(&self) -> String {
        self.view.shared.world().project_full_path(&self.row)
    }

    fn role(&self) -> u8 {
        let world = self.view.shared.world();
        let admin = self.view.who.user.and_then(|id| world.users.get(&id));
        if admin.is_some_and(|user| user.account == Account::Admin) {
            return Role::Owner.level();
        }
        self.view.access.project_role(&world, &self.row)
    }
}

/// A page of projects.
#[derive(SimpleObject)]
#[graphql(name = "ProjectConnection")]
pub(super) struct ProjectConnection {
    nodes: Vec<ProjectNode>,
    page_info: PageInfo,
    /// All rows of the connection, those that will be redacted included.
    count: i32,
}

/// Orders of the projects of a group.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(name = "NamespaceProjectSort")]
pub(super) enum ProjectSort {
    #[default]
    Similarity,
    ActivityDesc,
    PathAsc,
    PathDesc,
}

/// Whether archived projects belong to a list (`ProjectArchived`).
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "ProjectArchived")]
pub(super) enum Archived {
    Only,
    Include,
    Exclude,
}

/// How rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Id { descending: bool },
    Path { descending: bool },
    Name { descending: bool },
    Activity { descending: bool },
}

impl Order {
    /// The orders of the top-level list, as GitLab writes them.
    pub(super) fn parse(word: &str) -> Self {
        let descending = word.to_lowercase().ends_with("desc");
        match word.to_lowercase() {
            word if word.starts_with("path") => Self::Path { descending },
            word if word.starts_with("name") => Self::Name { descending },
            word if word.contains("activity") => Self::Activity { descending },
            word if word.is_empty() => Self::Id { descending: true },
            _ => Self::Id { descending },
        }
    }

    fn descending(self) -> bool {
        match self {
            Self::Id { descending }
            | Self::Path { descending }
            | Self::Name { descending }
            | Self::Activity { descending } => descending,
        }
    }

    /// Empty for the order by id.
    fn key(self, project: &Project) -> String {
        match self {
            Self::Id { .. } => String::new(),
            Self::Path { .. } => project.path.to_lowercase(),
            Self::Name { .. } => project.name.to_lowercase(),
            Self::Activity { .. } => format!("{:020}", project.last_activity_at.timestamp_micros()),
        }
    }
}

impl From<ProjectSort> for Order {
    fn from(sort: ProjectSort) -> Self {
        match sort {
            ProjectSort::Similarity => Self::Id { descending: true },
            ProjectSort::ActivityDesc => Self::Activity { descending: true },
            ProjectSort::PathAsc => Self::Path { descending: false },
            ProjectSort::PathDesc => Self::Path { descending: true },
        }
    }
}

/// Cuts a page of projects: `rows` are worked out once per state of the world, then cut, then what
/// the viewer may not see is taken out of the page.
pub(super) fn page(
    view: &View,
    key: &str,
    order: Order,
    ask: &Ask,
    rows: impl FnOnce(&World) -> Vec<ProjectId>,
) -> Result<ProjectConnection, async_graphql::Error> {
    let world = view.shared.world();
    let sort_key = |id: u64| {
        let project = world.projects.get(&ProjectId(id));
        project
            .map(|project| order.key(project))
            .unwrap_or_default()
    };
    let rows = view.shared.listing(format!("q {key} {order:?}"), || {
        let mut ids: Vec<u64> = rows(&world).into_iter().map(|id| id.0).collect();
        if matches!(order, Order::Id { .. }) {
            ids.sort_unstable();
        } else {
            ids.sort_by_cached_key(|id| (sort_key(*id), *id));
        }
        if order.descending() {
            ids.reverse();
        }
        ids
    });
    let page = cut(&rows, ask, order.descending(), sort_key)?;
    let nodes = page
        .ids
        .iter()
        .filter_map(|id| world.projects.get(&ProjectId(*id)))
        .filter(|project| view.access.sees_project(&world, project))
        .map(|row| ProjectNode {
            view: view.clone(),
            row: Arc::clone(row),
        })
        .collect();
    Ok(ProjectConnection {
        nodes,
        page_info: page.page_info,
        count: i32::try_from(rows.len()).unwrap_or(i32::MAX),
    })
}

/// Whether a text is in the name, path or description.
pub(super) fn found(project: &Project, search: Option<&String>) -> bool {
    search.is_none_or(|text| {
        let text = text.to_lowercase();
        let described = project.description.as_deref().unwrap_or_default();
        [&project.name, &project.path, described]
            .iter()
            .any(|field| field.to_lowercase().contains(&text))
    })
}

/// A day as GitLab's `Date`.
pub(super) fn day(day: Option<chrono::NaiveDate>) -> Option<Date> {
    day.map(Date)
}
