//! What a token may ask about itself.

use serde_json::{Value, json};

use super::rotate::only_personal;
use super::{Ctx, Reply};
use super::{entities, project_json};
use crate::answer::{Answer, TEXT};
use crate::auth;
use crate::paginate;
use crate::params::Params;
use crate::request::Call;
use crate::shared::Shared;
use crate::world::{Group, GroupId, Project, Role};

/// `GET /personal_access_tokens/self`.
pub(super) fn own(ctx: &Ctx<'_>) -> Reply {
    only_personal(ctx.world, ctx.who.token)?;
    let token = ctx.who.token.and_then(|id| ctx.world.tokens.get(&id));
    let token = token.ok_or_else(Answer::unauthorized)?;
    Ok(Answer::json(200, &entities::token(token, ctx.now)))
}

/// `DELETE /personal_access_tokens/self`.
pub(super) fn revoke_self(shared: &Shared, call: &Call) -> Answer {
    let now = shared.clock.now();
    let checked = {
        let world = shared.world();
        auth::authenticate(&world, call, now)
            .and_then(|who| only_personal(&world, who.token).map(|()| who.token))
    };
    match checked {
        Err(refusal) => refusal,
        Ok(None) => Answer::unauthorized(),
        Ok(Some(token)) => match shared.change(|world| world.revoke_token(token)) {
            Ok(()) => Answer::text(204, TEXT, ""),
            Err(_) => Answer::not_found("Personal Access Token"),
        },
    }
}

/// `GET /personal_access_tokens/self/associations`: slim lists of groups and projects, paged
/// together.
pub(super) fn associations(ctx: &Ctx<'_>) -> Reply {
    if ctx.who.token.is_none() {
        return Err(Answer::unauthorized());
    }
    only_personal(ctx.world, ctx.who.token)?;
    let mut params = Params::of(ctx.call);
    let least = params
        .level("min_access_level")
        .unwrap_or(Role::Guest.level());
    let page = params.page();
    let link = params.finish()?;
    let (world, access) = (ctx.world, &ctx.access);
    let groups = ctx
        .shared
        .listing(format!("ag {:?} {least}", ctx.who.user), || {
            world
                .groups()
                .filter(|group| access.sees_group(group) && access.group_role(group.id) >= least)
                .map(|group| group.id.0)
                .collect()
        });
    let projects = ctx
        .shared
        .listing(format!("ap {:?} {least}", ctx.who.user), || {
            world
                .projects()
                .filter(|project| {
                    access.sees_project(world, project)
                        && access.project_role(world, project) >= least
                })
                .map(|project| project.id.0)
                .collect()
        });
    let shown_groups: Vec<Value> = groups[paginate::window(page, groups.len())]
        .iter()
        .filter_map(|id| world.groups.get(&GroupId(*id)))
        .map(|found| group(ctx, found))
        .collect();
    let shown_projects: Vec<Value> = projects[paginate::window(page, projects.len())]
        .iter()
        .filter_map(|id| world.projects.get(&crate::world::ProjectId(*id)))
        .map(|found| project(ctx, found))
        .collect();
    let answer = Answer::json(
        200,
        &json!({ "groups": shown_groups, "projects": shown_projects }),
    );
    let rows = groups.len().max(projects.len());
    Ok(paginate::offset_headers(
        answer,
        &ctx.url(),
        &link,
        page,
        rows,
    ))
}

fn group(ctx: &Ctx<'_>, group: &Group) -> Value {
    json!({
        "id": group.id.0,
        "web_url": format!("{}/groups/{}", ctx.shared.url, ctx.world.group_full_path(group.id)),
        "name": group.name,
        "parent_id": group.parent.map(|id| id.0),
        "organization_id": 1,
        "access_levels": ctx.access.group_role(group.id),
        "visibility": group.visibility.as_str(),
    })
}

fn project(ctx: &Ctx<'_>, project: &Project) -> Value {
    let simple = project_json::simple(ctx, project);
    let mut value = json!({
        "access_levels": {
            "project_access_level": ctx.access.projects.get(&project.id),
            "group_access_level": ctx.access.groups.get(&GroupId(project.namespace.0)),
        },
    });
    for field in [
        "id",
        "description",
        "name",
        "name_with_namespace",
        "path",
        "path_with_namespace",
        "created_at",
        "visibility",
        "web_url",
        "namespace",
    ] {
        value[field] = simple[field].clone();
    }
    value
}
