//! Projects: of everybody, of a group, of a user, and one alone.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::entities;
use super::groups::find_group;
use super::project_json::{self, WithAccess};
use super::{Ctx, Reply};
use crate::answer::{Answer, TEXT};
use crate::paginate;
use crate::params::{Page, Params};
use crate::world::{Access, GroupId, Project, ProjectId, Role, UserId, Visibility, World};

const ORDERS: &[&str] = &[
    "id",
    "name",
    "path",
    "created_at",
    "updated_at",
    "last_activity_at",
    "similarity",
    "star_count",
    "repository_size",
    "storage_size",
    "wiki_size",
    "packages_size",
];
const SORTS: &[&str] = &["asc", "desc"];

/// What a listing of projects leaves out. Its `Debug` text is the key of the cache.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are GitLab's parameters"
)]
#[derive(Debug)]
struct Filter {
    membership: bool,
    owned: bool,
    starred: bool,
    imported: bool,
    archived: Option<bool>,
    active: Option<bool>,
    visibility: Option<Visibility>,
    search: Option<String>,
    topic: Vec<String>,
    min_access_level: Option<u8>,
    active_after: Option<DateTime<Utc>>,
    active_before: Option<DateTime<Utc>>,
    updated_after: Option<DateTime<Utc>>,
    updated_before: Option<DateTime<Utc>>,
    marked_on: Option<NaiveDate>,
}

impl Filter {
    fn read(params: &mut Params<'_>) -> Self {
        for ignored in [
            "with_issues_enabled",
            "with_merge_requests_enabled",
            "with_custom_attributes",
        ] {
            params.on(ignored);
        }
        Self {
            membership: false,
            owned: params.on("owned"),
            starred: params.on("starred"),
            imported: false,
            archived: params.flag("archived", None),
            active: params.flag("active", None),
            visibility: entities::visibility(params.word("visibility", entities::VISIBILITIES, "")),
            search: params.text("search").map(|text| text.to_lowercase()),
            topic: params.list("topic"),
            min_access_level: params.level("min_access_level"),
            active_after: params.time("last_activity_after"),
            active_before: params.time("last_activity_before"),
            updated_after: None,
            updated_before: None,
            marked_on: params
                .text("marked_for_deletion_on")
                .and_then(|day| day.parse().ok()),
        }
    }

    /// Reads what only the listing of all projects has.
    fn read_more(&mut self, params: &mut Params<'_>) {
        for ignored in [
            "repository_checksum_failed",
            "wiki_checksum_failed",
            "include_pending_delete",
            "include_hidden",
            "statistics",
        ] {
            params.on(ignored);
        }
        self.membership = params.on("membership");
        self.imported = params.on("imported");
        self.updated_after = params.time("updated_after");
        self.updated_before = params.time("updated_before");
    }

    fn keeps(&self, world: &World, access: &Access, project: &Project) -> bool {
        let role = || access.project_role(world, project);
        let archived = || world.project_archived(project);
        // Nothing in this world was ever imported or starred by anybody.
        !self.imported
            && !self.starred
            && access.sees_project(world, project)
            && (!self.membership || role() >= Role::Guest.level())
            && (!self.owned || role() >= Role::Owner.level())
            && self.min_access_level.is_none_or(|level| role() >= level)
            && self
                .visibility
                .is_none_or(|visibility| project.visibility == visibility)
            && self.archived.is_none_or(|wanted| archived() == wanted)
            && self.active.is_none_or(|wanted| {
                (!archived() && project.marked_for_deletion_on.is_none()) == wanted
            })
            && self.search.as_ref().is_none_or(|text| {
                let described = project.description.as_deref().unwrap_or_default();
                [&project.name, &project.path, described]
                    .iter()
                    .any(|field| field.to_lowercase().contains(text.as_str()))
            })
            && self
                .topic
                .iter()
                .all(|topic| project.topics.contains(topic))
            && self
                .active_after
                .is_none_or(|at| project.last_activity_at >= at)
            && self
                .active_before
                .is_none_or(|at| project.last_activity_at <= at)
            && self.updated_after.is_none_or(|at| project.updated_at >= at)
            && self
                .updated_before
                .is_none_or(|at| project.updated_at <= at)
            && self
                .marked_on
                .is_none_or(|day| project.marked_for_deletion_on == Some(day))
    }
}

/// Order and the part of the id space that is wanted.
struct Cut {
    by: &'static str,
    descending: bool,
    after: Option<u64>,
    before: Option<u64>,
}

impl Cut {
    fn read(params: &mut Params<'_>) -> Self {
        Self {
            by: params.word("order_by", ORDERS, "created_at"),
            descending: params.word("sort", SORTS, "desc") == "desc",
            after: params.id("id_after"),
            before: params.id("id_before"),
        }
    }

    /// `created_at` is ordered by id in GitLab, and so is everything that this world does not know.
    fn by_id(&self) -> bool {
        !matches!(
            self.by,
            "name" | "path" | "updated_at" | "last_activity_at" | "star_count"
        )
    }

    fn sort(&self, world: &World, ids: &mut [u64]) {
        let project = |id: u64| world.projects.get(&ProjectId(id));
        match self.by {
            "name" => {
                ids.sort_by_cached_key(|id| (project(*id).map(|p| p.name.to_lowercase()), *id));
            }
            "path" => {
                ids.sort_by_cached_key(|id| (project(*id).map(|p| p.path.to_lowercase()), *id));
            }
            "updated_at" => ids.sort_by_cached_key(|id| (project(*id).map(|p| p.updated_at), *id)),
            "last_activity_at" => {
                ids.sort_by_cached_key(|id| (project(*id).map(|p| p.last_activity_at), *id));
            }
            "star_count" => ids.sort_by_cached_key(|id| (project(*id).map(|p| p.star_count), *id)),
            _ => ids.sort_unstable(),
        }
        if self.descending {
            ids.reverse();
        }
    }

    /// The rows between `id_after` and `id_before`: a slice where the order is by id.
    fn part<'r>(&self, rows: &'r [u64], scratch: &'r mut Vec<u64>) -> &'r [u64] {
        let inside = |id: u64| {
            self.after.is_none_or(|after| id > after)
                && self.before.is_none_or(|before| id < before)
        };
        if self.after.is_none() && self.before.is_none() {
            return rows;
        }
        if !self.by_id() {
            scratch.extend(rows.iter().copied().filter(|id| inside(*id)));
            return scratch;
        }
        let (after, before) = (self.after.unwrap_or(0), self.before.unwrap_or(u64::MAX));
        let (start, end) = if self.descending {
            (
                rows.partition_point(|id| *id >= before),
                rows.partition_point(|id| *id > after),
            )
        } else {
            (
                rows.partition_point(|id| *id <= after),
                rows.partition_point(|id| *id < before),
            )
        };
        rows.get(start..end).unwrap_or_default()
    }
}

/// `GET /projects`.
pub(super) fn all(ctx: &Ctx<'_>) -> Reply {
    everybody(ctx, None)
}

/// `GET /users/:id/projects`: what is in that user's personal namespace.
pub(super) fn of_user(ctx: &Ctx<'_>, id: &str) -> Reply {
    let user = super::users::find_user(ctx, id)?;
    everybody(ctx, Some((user.id, id)))
}

fn everybody(ctx: &Ctx<'_>, user: Option<(UserId, &str)>) -> Reply {
    let mut params = Params::of(ctx.call);
    let mut filter = Filter::read(&mut params);
    filter.read_more(&mut params);
    let cut = Cut::read(&mut params);
    let simple = params.on("simple");
    let statistics = params.on("statistics");
    let keyset = params.word("pagination", &["legacy", "keyset"], "legacy") == "keyset";
    if let Some((_, id)) = user {
        params.link_user(id);
    }
    let page = params.page();
    let mut link = params.finish()?;
    if (filter.updated_after.is_some() || filter.updated_before.is_some()) && cut.by != "updated_at"
    {
        let text = "`updated_at` filter and `updated_at` sorting must be paired";
        return Err(Answer::bad_request(text));
    }
    if keyset && cut.by != "id" {
        return Err(Answer::keyset_unavailable());
    }
    let limit = ctx.shared.config.offset_limit;
    if !keyset && page.number.saturating_mul(page.size) > limit {
        return Err(Answer::offset_too_deep(limit, "Project"));
    }
    if !keyset {
        link.remove("pagination");
    }
    let (world, access) = (ctx.world, &ctx.access);
    let key = format!(
        "p {:?} {:?} {filter:?} {} {}",
        ctx.who.user, user, cut.by, cut.descending
    );
    let rows = ctx.shared.listing(key, || {
        let home = user
            .and_then(|(id, _)| world.users.get(&id))
            .map(|user| user.namespace);
        let mut ids: Vec<u64> = world
            .projects()
            .filter(|project| home.is_none_or(|home| project.namespace == home))
            .filter(|project| filter.keeps(world, access, project))
            .map(|project| project.id.0)
            .collect();
        cut.sort(world, &mut ids);
        ids
    });
    let mut scratch = Vec::new();
    let rows = cut.part(&rows, &mut scratch);
    // Without a credential even the full form is short.
    let shape = Shape {
        simple: simple || ctx.who.user.is_none(),
        statistics,
        with_access: WithAccess::Yes,
    };
    if keyset {
        let size = usize::try_from(page.size).unwrap_or(100);
        let rows = rows.get(..size).unwrap_or(rows);
        let name = if cut.descending {
            "id_before"
        } else {
            "id_after"
        };
        let cursor = rows.last().map(|id| (name, id.to_string()));
        let answer = shape.answer(ctx, rows);
        return Ok(paginate::keyset_headers(answer, &ctx.url(), &link, cursor));
    }
    Ok(shape.page(ctx, rows, page, &link))
}

/// `GET /groups/:id/projects`.
pub(super) fn of_group(ctx: &Ctx<'_>, id: &str) -> Reply {
    let group = find_group(ctx, id)?.id;
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let filter = Filter::read(&mut params);
    let cut = Cut::read(&mut params);
    let simple = params.on("simple");
    let with_shared = params.flag("with_shared", Some(true)).unwrap_or(true);
    let include_subgroups = params.on("include_subgroups");
    let include_ancestors = params.on("include_ancestor_groups");
    params.on("with_security_reports");
    let page = params.page();
    let link = params.finish()?;
    let (world, access) = (ctx.world, &ctx.access);
    let key = format!(
        "g {:?} {group} {filter:?} {} {} {with_shared} {include_subgroups} {include_ancestors}",
        ctx.who.user, cut.by, cut.descending
    );
    let rows = ctx.shared.listing(key, || {
        let mut groups = if include_subgroups {
            world.subtree(group)
        } else {
            vec![group]
        };
        if include_ancestors {
            groups.extend(world.upwards(group).skip(1).map(|above| above.id));
        }
        let own = groups
            .iter()
            .flat_map(|group| world.projects_of(group.namespace()));
        // What is shared into subgroups never counts, whatever `include_subgroups` says.
        let shared = with_shared
            .then(|| shared_ids(world, group))
            .into_iter()
            .flatten();
        let mut ids: Vec<u64> = own
            .chain(shared)
            .filter_map(|id| world.projects.get(&id))
            .filter(|project| filter.keeps(world, access, project))
            .map(|project| project.id.0)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        cut.sort(world, &mut ids);
        ids
    });
    let mut scratch = Vec::new();
    let rows = cut.part(&rows, &mut scratch);
    let shape = Shape {
        simple: simple || ctx.who.user.is_none(),
        statistics: false,
        with_access: WithAccess::No,
    };
    Ok(shape.page(ctx, rows, page, &link))
}

/// `GET /groups/:id/projects/shared`.
pub(super) fn shared_into(ctx: &Ctx<'_>, id: &str) -> Reply {
    let group = find_group(ctx, id)?.id;
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let filter = Filter::read(&mut params);
    let cut = Cut::read(&mut params);
    let simple = params.on("simple");
    let page = params.page();
    let link = params.finish()?;
    let mut rows: Vec<u64> = shared_ids(ctx.world, group)
        .filter_map(|id| ctx.world.projects.get(&id))
        .filter(|project| filter.keeps(ctx.world, &ctx.access, project))
        .map(|project| project.id.0)
        .collect();
    cut.sort(ctx.world, &mut rows);
    let shape = Shape {
        simple,
        statistics: false,
        with_access: WithAccess::No,
    };
    Ok(shape.page(ctx, &rows, page, &link))
}

fn shared_ids(world: &World, group: GroupId) -> impl Iterator<Item = ProjectId> {
    world.shared_project_ids().filter(move |id| {
        world
            .projects
            .get(id)
            .is_some_and(|project| project.shares.iter().any(|share| share.group == group))
    })
}

/// `GET /projects/:id`.
pub(super) fn single(ctx: &Ctx<'_>, id: &str) -> Reply {
    let project = find_project(ctx, id)?;
    let mut params = Params::of(ctx.call);
    let statistics = params.on("statistics");
    let license = params.on("license");
    params.finish()?;
    let mut value = if ctx.who.user.is_some() {
        project_json::full(ctx, project, WithAccess::Yes)
    } else {
        project_json::simple(ctx, project)
    };
    if statistics && ctx.access.project_role(ctx.world, project) >= Role::Reporter.level() {
        value["statistics"] = project_json::statistics(project);
    }
    if license {
        entities::extend(&mut value, json!({ "license_url": null, "license": null }));
    }
    Ok(Answer::json(200, &value))
}

/// `GET /projects/:id/repository/branches`.
pub(super) fn branches(ctx: &Ctx<'_>, id: &str) -> Reply {
    let project = find_project(ctx, id)?;
    if !ctx.access.reads_code(ctx.world, project) {
        return Err(Answer::forbidden(None));
    }
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let page = params.page();
    let link = params.finish()?;
    let rows = if project.empty_repo {
        Vec::new()
    } else {
        vec![branch(ctx, project)]
    };
    let shown: Vec<&Value> = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default()
        .iter()
        .collect();
    let answer = Answer::json(200, &json!(shown));
    Ok(paginate::offset_headers(
        answer,
        &ctx.url(),
        &link,
        page,
        rows.len(),
    ))
}

fn branch(ctx: &Ctx<'_>, project: &Project) -> Value {
    let sha = format!("{:040x}", project.id.0);
    let at = entities::time(project.last_activity_at);
    let path = ctx.world.project_full_path(project);
    json!({
        "name": project.default_branch,
        "merged": false,
        "protected": true,
        "default": true,
        "developers_can_push": false,
        "developers_can_merge": false,
        "can_push": ctx.access.project_role(ctx.world, project) >= Role::Maintainer.level(),
        "web_url": format!("{}/{path}/-/tree/{}", ctx.shared.url, project.default_branch),
        "commit": {
            "id": sha, "short_id": &sha[..8], "created_at": at, "parent_ids": [],
            "title": "Initial commit", "message": "Initial commit",
            "author_name": "Alice Example", "author_email": "alice@sim.example",
            "authored_date": at, "committer_name": "Alice Example",
            "committer_email": "alice@sim.example", "committed_date": at,
            "trailers": {}, "extended_trailers": {},
            "web_url": format!("{}/{path}/-/commit/{sha}", ctx.shared.url),
        },
    })
}

/// `GET /projects/:id/languages`.
pub(super) fn languages(ctx: &Ctx<'_>, id: &str) -> Reply {
    let project = find_project(ctx, id)?;
    let shares = if project.empty_repo {
        json!({})
    } else {
        json!({ "Rust": 97.5, "Shell": 2.5 })
    };
    Ok(Answer::json(200, &shares))
}

/// The project by number, path or former path, if the viewer may know of it.
pub(super) fn find_project<'a>(ctx: &Ctx<'a>, id: &str) -> Result<&'a Project, Answer> {
    let unknown = || Answer::not_found("Project");
    let world = ctx.world;
    let by_id = match id.parse::<u64>() {
        Ok(number) => Some(ProjectId(number)),
        Err(_) => world.project_by_path(id),
    };
    if let Some(project) = by_id.and_then(|id| world.projects.get(&id)) {
        return if ctx.access.sees_project(world, project) {
            Ok(project)
        } else {
            Err(unknown())
        };
    }
    let moved = world.redirect(id).and_then(|id| world.projects.get(&id));
    match moved.filter(|project| ctx.access.sees_project(world, project)) {
        None => Err(unknown()),
        Some(project) => {
            let rest = ctx
                .call
                .path
                .splitn(6, '/')
                .nth(5)
                .map(|rest| format!("/{rest}"));
            let rest = rest.unwrap_or_default();
            let url = format!("{}/api/v4/projects/{}{rest}", ctx.shared.url, project.id);
            let text = format!("This resource has been moved permanently to {url}");
            Err(Answer::text(301, TEXT, text).with("Location", url))
        }
    }
}

/// How the rows of a listing are written.
struct Shape {
    simple: bool,
    statistics: bool,
    with_access: WithAccess,
}

impl Shape {
    fn page(
        &self,
        ctx: &Ctx<'_>,
        rows: &[u64],
        page: Page,
        link: &BTreeMap<String, String>,
    ) -> Answer {
        let shown = rows
            .get(paginate::window(page, rows.len()))
            .unwrap_or_default();
        paginate::offset_headers(self.answer(ctx, shown), &ctx.url(), link, page, rows.len())
    }

    fn answer(&self, ctx: &Ctx<'_>, ids: &[u64]) -> Answer {
        let rows: Vec<Value> = ids
            .iter()
            .filter_map(|id| ctx.world.projects.get(&ProjectId(*id)))
            .map(|project| {
                if self.simple {
                    return project_json::simple(ctx, project);
                }
                let mut value = project_json::full(ctx, project, self.with_access);
                let role = ctx.access.project_role(ctx.world, project);
                if self.statistics && role >= Role::Reporter.level() {
                    value["statistics"] = project_json::statistics(project);
                }
                value
            })
            .collect();
        Answer::json(200, &Value::Array(rows))
    }
}
