//! Members of groups and projects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entities;
use super::groups::find_group;
use super::projects::find_project;
use super::{Ctx, Reply};
use crate::answer::Answer;
use crate::paginate;
use crate::params::Params;
use crate::world::{GroupId, Role, Source, UserId};

/// Whether inherited members are listed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Direct,
    All,
}

/// `GET /groups/:id/members` and `/members/all`.
pub(super) fn of_group(ctx: &Ctx<'_>, id: &str, reach: Reach) -> Reply {
    ctx.signed_in()?;
    let group = find_group(ctx, id)?.id;
    list(
        ctx,
        id,
        &sources(ctx, Source::Group(group), Some(group), reach),
    )
}

/// `GET /projects/:id/members` and `/members/all`.
pub(super) fn of_project(ctx: &Ctx<'_>, id: &str, reach: Reach) -> Reply {
    ctx.signed_in()?;
    let project = find_project(ctx, id)?;
    let group = ctx.world.group_of(project).map(|group| group.id);
    list(
        ctx,
        id,
        &sources(ctx, Source::Project(project.id), group, reach),
    )
}

fn sources(ctx: &Ctx<'_>, own: Source, group: Option<GroupId>, reach: Reach) -> Vec<Source> {
    let mut sources = vec![own];
    if let (Reach::All, Some(group)) = (reach, group) {
        sources.extend(
            ctx.world
                .upwards(group)
                .map(|above| Source::Group(above.id)),
        );
    }
    sources
}

fn list(ctx: &Ctx<'_>, id: &str, sources: &[Source]) -> Reply {
    let mut params = Params::of(ctx.call);
    params.path_id(id);
    let query = params.text("query").map(|text| text.to_lowercase());
    let page = params.page();
    let link = params.finish()?;
    let mut roles: BTreeMap<UserId, Role> = BTreeMap::new();
    for (user, memberships) in &ctx.world.memberships {
        let best = sources
            .iter()
            .filter_map(|source| memberships.get(source))
            .max();
        if let Some(role) = best {
            roles.insert(*user, *role);
        }
    }
    let rows: Vec<Value> = roles
        .iter()
        .filter_map(|(id, role)| ctx.world.users.get(id).map(|user| (user, role)))
        .filter(|(user, _)| {
            query
                .as_ref()
                .is_none_or(|text| user.username.to_lowercase().contains(text))
        })
        .map(|(user, role)| {
            let mut value = entities::user_basic(ctx.shared, user);
            let more = json!({
                "access_level": role.level(),
                "created_at": entities::time(user.created_at),
                "expires_at": null,
                "membership_state": "active",
            });
            entities::extend(&mut value, more);
            value
        })
        .collect();
    let shown = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default();
    let answer = Answer::json(200, &json!(shown));
    Ok(paginate::offset_headers(
        answer,
        &ctx.url(),
        &link,
        page,
        rows.len(),
    ))
}
