//! Users and namespaces.

use serde_json::Value;

use super::entities;
use super::{Ctx, Reply};
use crate::answer::Answer;
use crate::paginate;
use crate::params::Params;
use crate::world::{GroupId, NamespaceId, Role, User, UserId};

/// `GET /user`.
pub(super) fn current(ctx: &Ctx<'_>) -> Reply {
    let id = ctx.signed_in()?;
    let user = ctx.world.users.get(&id).ok_or_else(Answer::unauthorized)?;
    Ok(Answer::json(200, &entities::current_user(ctx.shared, user)))
}

/// `GET /users/:id`.
pub(super) fn single(ctx: &Ctx<'_>, id: &str) -> Reply {
    let user = ctx
        .world
        .users
        .get(&UserId(
            id.parse().map_err(|_| Answer::invalid("id is invalid"))?,
        ))
        .ok_or_else(|| Answer::not_found("User"))?;
    Ok(Answer::json(200, &entities::user(ctx.shared, user)))
}

/// `GET /users`, by `username` or `search`.
pub(super) fn list(ctx: &Ctx<'_>) -> Reply {
    let mut params = Params::of(ctx.call);
    let username = params.text("username").map(|name| name.to_lowercase());
    let search = params.text("search").map(|text| text.to_lowercase());
    let page = params.page();
    let link = params.finish()?;
    if ctx.who.user.is_none() && username.is_none() {
        return Err(Answer::forbidden(Some(
            "Not authorized to access /api/v4/users",
        )));
    }
    let rows: Vec<&User> = ctx
        .world
        .users()
        .filter(|user| {
            username
                .as_ref()
                .is_none_or(|name| user.username.to_lowercase() == *name)
        })
        .filter(|user| {
            search.as_ref().is_none_or(|text| {
                user.username.to_lowercase().contains(text)
                    || user.name.to_lowercase().contains(text)
            })
        })
        .collect();
    let shown = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default();
    let shown = shown
        .iter()
        .map(|user| entities::user_basic(ctx.shared, user))
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

/// The user by number or login.
pub(super) fn find_user<'a>(ctx: &Ctx<'a>, id: &str) -> Result<&'a User, Answer> {
    let world = ctx.world;
    let by_id = id
        .parse()
        .ok()
        .and_then(|number| world.users.get(&UserId(number)));
    by_id
        .or_else(|| world.user(id).ok())
        .ok_or_else(|| Answer::not_found("User"))
}

/// `GET /namespaces`: the own personal one and the groups one is a member of.
pub(super) fn namespaces(ctx: &Ctx<'_>) -> Reply {
    let id = ctx.signed_in()?;
    let mut params = Params::of(ctx.call);
    let search = params.text("search").map(|text| text.to_lowercase());
    let owned_only = params.on("owned_only");
    let top_level_only = params.flag("top_level_only", None).unwrap_or(false);
    let page = params.page();
    let link = params.finish()?;
    let own = ctx.world.users.get(&id).map(|user| user.namespace);
    let groups = ctx
        .world
        .groups()
        .filter(|group| !ctx.access.is_hidden(group.id))
        .filter(|group| {
            let role = ctx.access.group_role(group.id);
            if owned_only {
                role >= Role::Owner.level()
            } else {
                ctx.access.admin || role >= Role::Guest.level()
            }
        })
        .filter(|group| !top_level_only || group.parent.is_none())
        .map(|group| group.id.namespace());
    let mut rows: Vec<NamespaceId> = own
        .into_iter()
        .chain(groups)
        .filter(|id| {
            search.as_ref().is_none_or(|text| {
                ctx.world.namespace_path(*id).to_lowercase().contains(text)
                    || ctx.world.namespace_name(*id).to_lowercase().contains(text)
            })
        })
        .collect();
    rows.sort_unstable();
    let shown = rows
        .get(paginate::window(page, rows.len()))
        .unwrap_or_default();
    let shown = shown
        .iter()
        .map(|id| entities::namespace(ctx, *id))
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

/// `GET /namespaces/:id`, by number or path.
pub(super) fn namespace(ctx: &Ctx<'_>, id: &str) -> Reply {
    ctx.signed_in()?;
    let found = match id.parse() {
        Ok(number) => Some(NamespaceId(number)),
        Err(_) => ctx.world.namespace_by_path(id),
    };
    let visible = |id: &NamespaceId| match ctx.world.groups.get(&GroupId(id.0)) {
        Some(group) => ctx.access.sees_group(group),
        None => ctx
            .world
            .personal_owner(*id)
            .is_some_and(|owner| ctx.access.admin || Some(owner.id) == ctx.who.user),
    };
    let found = found
        .filter(visible)
        .ok_or_else(|| Answer::not_found("Namespace"))?;
    Ok(Answer::json(200, &entities::namespace(ctx, found)))
}
