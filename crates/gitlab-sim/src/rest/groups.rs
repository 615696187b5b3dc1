//! Groups: all that one may list, those below one, and one alone.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::entities;
use super::project_json::{self, WithAccess};
use super::projects::find_project;
use super::{Ctx, Reply};
use crate::answer::Answer;
use crate::paginate;
use crate::params::{Page, Params};
use crate::world::{Access, Group, GroupId, Role, Visibility, World};

/// How far below a group its listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Children,
    All,
}

/// What a listing of groups leaves out. Its `Debug` text is the key of the cache.
#[derive(Debug)]
struct Filter {
    all_available: Option<bool>,
    owned: bool,
    min_access_level: Option<u8>,
    top_level_only: bool,
    skip: Vec<String>,
    search: Option<String>,
    visibility: Option<Visibility>,
    archived: Option<bool>,
    active: Option<bool>,
    marked_on: Option<NaiveDate>,
    by: &'static str,
    descending: bool,
}

impl Filter {
    fn read(params: &mut Params<'_>) -> Self {
        params.on("statistics");
        params.on("with_custom_attributes");
        Self {
            all_available: params.flag("all_available", None),
            owned: params.on("owned"),
            min_access_level: params.level("min_access_level"),
            top_level_only: params.flag("top_level_only", None).unwrap_or(false),
            skip: params.list("skip_groups"),
            search: params.text("search").map(|text| text.to_lowercase()),
            visibility: entities::visibility(params.word("visibility", entities::VISIBILITIES, "")),
            archived: params.flag("archived", None),
            active: params.flag("active", None),
            marked_on: params
                .text("marked_for_deletion_on")
                .and_then(|day| day.parse().ok()),
            by: params.word("order_by", &["name", "path", "id", "similarity"], "name"),
            descending: params.word("sort", &["asc", "desc"], "asc") == "desc",
        }
    }

    /// Whether the viewer's memberships let the group into the listing.
    fn admits(&self, access: &Access, group: &Group) -> bool {
        if !access.sees_group(group) {
            return false;
        }
        if self.owned {
            // Direct ownership alone, without what is below.
            return access
                .direct
                .get(&group.id)
                .is_some_and(|role| *role >= Role::Owner.level());
        }
        if let Some(level) = self.min_access_level {
            // Direct membership and everything below it; neither invitations nor ancestors.
            return access
                .inherited
                .get(&group.id)
                .is_some_and(|role| *role >= level);
        }
        let everything = self
            .all_available
            .unwrap_or(access.admin || access.user.is_none());
        everything || access.groups.contains_key(&group.id) || access.ancestors.contains(&group.id)
    }

    fn keeps(&self, world: &World, access: &Access, group: &Group) -> bool {
        self.admits(access, group)
            && (!self.top_level_only || group.parent.is_none())
            && !self.skip.contains(&group.id.to_string())
            && self
                .visibility
                .is_none_or(|visibility| group.visibility == visibility)
            && self
                .archived
                .is_none_or(|wanted| world.group_archived(group.id) == wanted)
            && self.active.is_none_or(|wanted| {
                let live =
                    !world.group_archived(group.id) && group.marked_for_deletion_on.is_none();
                live == wanted
            })
            && self
                .marked_on
                .is_none_or(|day| group.marked_for_deletion_on == Some(day))
            && self.search.as_ref().is_none_or(|text| {
                [&group.name, &group.path]
                    .iter()
                    .any(|field| field.to_lowercase().contains(text.as_str()))
            })
    }

    fn rows(
        &self,
        world: &World,
        access: &Access,
        candidates: impl Iterator<Item = GroupId>,
    ) -> Vec<u64> {
        let group = |id: u64| world.groups.get(&GroupId(id));
        let mut ids: Vec<u64> = candidates
            .filter_map(|id| world.groups.get(&id))
            .filter(|group| self.keeps(world, access, group))
            .map(|group| group.id.0)
            .collect();
        match self.by {
            "id" => ids.sort_unstable(),
            "path" => ids.sort_by_cached_key(|id| (group(*id).map(|g| g.path.to_lowercase()), *id)),
            _ => ids.sort_by_cached_key(|id| (group(*id).map(|g| g.name.to_lowercase()), *id)),
        }
        if self.descending {
            ids.reverse();
        }
        ids
    }
}

/// `GET /groups`.
pub(super) fn all(ctx: &Ctx<'_>) -> Reply {
    let mut params = Params::of(ctx.call);
    let filter = Filter::read(&mut params);
    let keyset = params.text("pagination").as_deref() == Some("keyset");
    let cursor = params.text("cursor");
    let page = params.page();
    let link = params.finish()?;
    let (world, access) = (ctx.world, &ctx.access);
    let key = format!("G {:?} {filter:?}", ctx.who.user);
    let rows = ctx.shared.listing(key, || {
        filter.rows(world, access, world.groups.keys().copied())
    });
    // With a credential the mode is not looked at: the listing is by offset.
    if keyset && ctx.who.user.is_none() {
        if filter.by != "name" || filter.descending {
            return Err(Answer::keyset_unavailable());
        }
        return Ok(keyset_page(ctx, &rows, cursor.as_deref(), page, &link));
    }
    Ok(answer(ctx, &rows, page, &link))
}

/// `GET /groups/:id/subgroups` and `/descendant_groups`.
pub(super) fn below(ctx: &Ctx<'_>, id: &str, depth: Depth) -> Reply {
    let top = find_group(ctx, id)?.id;
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let filter = Filter::read(&mut params);
    let page = params.page();
    let link = params.finish()?;
    let (world, access) = (ctx.world, &ctx.access);
    let key = format!("b {:?} {top} {depth:?} {filter:?}", ctx.who.user);
    let rows = ctx.shared.listing(key, || match depth {
        Depth::Children => filter.rows(world, access, world.children_of(Some(top))),
        Depth::All => filter.rows(world, access, world.subtree(top).into_iter().skip(1)),
    });
    Ok(answer(ctx, &rows, page, &link))
}

/// `GET /groups/:id`.
pub(super) fn single(ctx: &Ctx<'_>, id: &str) -> Reply {
    const EMBEDDED: usize = 100;
    let group = find_group(ctx, id)?;
    let mut params = Params::of(ctx.call);
    let with_projects = params.flag("with_projects", Some(true)).unwrap_or(true);
    params.finish()?;
    let mut value = entities::group_detail(ctx, group);
    if with_projects {
        let seen = |id: &crate::world::ProjectId| {
            let project = ctx.world.projects.get(id)?;
            ctx.access
                .sees_project(ctx.world, project)
                .then_some(project)
        };
        let own: Vec<Value> = ctx
            .world
            .projects_of(group.id.namespace())
            .filter_map(|id| seen(&id))
            .take(EMBEDDED)
            .map(|project| project_json::full(ctx, project, WithAccess::No))
            .collect();
        let shared: Vec<Value> = ctx
            .world
            .shared_project_ids()
            .filter_map(|id| seen(&id))
            .filter(|project| project.shares.iter().any(|share| share.group == group.id))
            .take(EMBEDDED)
            .map(|project| project_json::full(ctx, project, WithAccess::No))
            .collect();
        entities::extend(
            &mut value,
            json!({ "projects": own, "shared_projects": shared }),
        );
    }
    Ok(Answer::json(200, &value))
}

/// `GET /groups/:id/groups/shared`: groups that this one was invited into.
pub(super) fn sharing(ctx: &Ctx<'_>, id: &str) -> Reply {
    let group = find_group(ctx, id)?.id;
    let into = |other: &&Group| other.shares.iter().any(|share| share.group == group);
    listed(
        ctx,
        id,
        ctx.world.groups().filter(into).map(|other| other.id),
    )
}

/// `GET /groups/:id/invited_groups`: groups that were invited into this one.
pub(super) fn invited(ctx: &Ctx<'_>, id: &str) -> Reply {
    let group = find_group(ctx, id)?;
    listed(ctx, id, group.shares.iter().map(|share| share.group))
}

fn listed(ctx: &Ctx<'_>, id: &str, candidates: impl Iterator<Item = GroupId>) -> Reply {
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let mut filter = Filter::read(&mut params);
    filter.all_available = Some(true);
    let page = params.page();
    let link = params.finish()?;
    let rows = filter.rows(ctx.world, &ctx.access, candidates);
    Ok(answer(ctx, &rows, page, &link))
}

/// `GET /projects/:id/groups`: the groups above a project.
pub(super) fn of_project(ctx: &Ctx<'_>, id: &str) -> Reply {
    let project = find_project(ctx, id)?;
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let page = params.page();
    let link = params.finish()?;
    let rows: Vec<&Group> = ctx.world.upwards(GroupId(project.namespace.0)).collect();
    let shown = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default();
    let shown: Vec<Value> = shown
        .iter()
        .map(|group| entities::group_public(ctx, group))
        .collect();
    let answer = Answer::json(200, &Value::Array(shown));
    Ok(paginate::offset_headers(
        answer,
        &ctx.url(),
        &link,
        page,
        rows.len(),
    ))
}

/// The group by number or path, if the viewer may know of it. Former paths are not redirected.
pub(super) fn find_group<'a>(ctx: &Ctx<'a>, id: &str) -> Result<&'a Group, Answer> {
    let id = match id.parse::<u64>() {
        Ok(number) => Some(GroupId(number)),
        Err(_) => ctx.world.group_by_path(id),
    };
    id.and_then(|id| ctx.world.groups.get(&id))
        .filter(|group| ctx.access.sees_group(group))
        .map(AsRef::as_ref)
        .ok_or_else(|| Answer::not_found("Group"))
}

fn answer(ctx: &Ctx<'_>, rows: &[u64], page: Page, link: &BTreeMap<String, String>) -> Answer {
    let shown = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default();
    paginate::offset_headers(body(ctx, shown), &ctx.url(), link, page, rows.len())
}

fn body(ctx: &Ctx<'_>, ids: &[u64]) -> Answer {
    let rows: Vec<Value> = ids
        .iter()
        .filter_map(|id| ctx.world.groups.get(&GroupId(*id)))
        .map(|group| entities::group(ctx, group))
        .collect();
    Answer::json(200, &Value::Array(rows))
}

/// The keyset mode that only those without a credential get: by name, with an opaque cursor.
fn keyset_page(
    ctx: &Ctx<'_>,
    rows: &[u64],
    cursor: Option<&str>,
    page: Page,
    link: &BTreeMap<String, String>,
) -> Answer {
    let key = |id: u64| {
        let name = ctx
            .world
            .groups
            .get(&GroupId(id))
            .map(|group| group.name.to_lowercase());
        (name.unwrap_or_default(), id)
    };
    let start = cursor
        .and_then(crate::cursor::decode)
        .and_then(|cursor| {
            let name = cursor.get("name")?.as_str()?.to_lowercase();
            let id: u64 = cursor.get("id")?.as_str()?.parse().ok()?;
            Some(rows.partition_point(|row| key(*row) <= (name.clone(), id)))
        })
        .unwrap_or(0);
    let size = usize::try_from(page.size).unwrap_or(100);
    let rows = rows.get(start..).unwrap_or_default();
    let rows = rows.get(..size).unwrap_or(rows);
    let next = rows
        .last()
        .and_then(|id| ctx.world.groups.get(&GroupId(*id)))
        .map(|group| {
            let cursor = json!({ "name": group.name, "id": group.id.to_string(), "_kd": "n" });
            ("cursor", crate::cursor::encode(&cursor))
        });
    paginate::keyset_headers(body(ctx, rows), &ctx.url(), link, next)
}
