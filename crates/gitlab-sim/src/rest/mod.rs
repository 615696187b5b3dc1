//! The REST API, version 4: which endpoint answers, and what it asks of the credential.

mod entities;
pub(crate) use entities::ssh_host;
mod groups;
mod members;
mod project_json;
mod projects;
mod rotate;
mod tokens;
mod users;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::answer::Answer;
use crate::auth::{self, Who};
use crate::limits::Endpoint;
use crate::request::Call;
use crate::shared::Shared;
use crate::world::{Access, World};

/// Everything a handler may look at.
pub(crate) struct Ctx<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) world: &'a World,
    pub(crate) call: &'a Call,
    pub(crate) who: Who,
    pub(crate) access: Arc<Access>,
    pub(crate) now: DateTime<Utc>,
}

type Reply = Result<Answer, Answer>;

impl Ctx<'_> {
    /// The address of this request without its query, as `Link` headers name it.
    fn url(&self) -> String {
        format!("{}{}", self.shared.url, self.call.path)
    }

    fn signed_in(&self) -> Result<crate::world::UserId, Answer> {
        self.who.user.ok_or_else(Answer::unauthorized)
    }
}

const READ: &[&str] = &["api", "read_api"];
const READ_USER: &[&str] = &["api", "read_api", "read_user"];

/// One endpoint of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Version,
    Metadata,
    CurrentUser,
    Users,
    User,
    UserProjects,
    TokenSelf,
    TokenAssociations,
    Groups,
    Group,
    Subgroups,
    DescendantGroups,
    GroupProjects,
    GroupSharedProjects,
    GroupSharedGroups,
    GroupInvitedGroups,
    GroupMembers,
    GroupAllMembers,
    Projects,
    Project,
    ProjectBranches,
    ProjectLanguages,
    ProjectGroups,
    ProjectMembers,
    ProjectAllMembers,
    Namespaces,
    Namespace,
}

impl Route {
    fn of(segments: &[&str]) -> Option<(Self, Option<String>)> {
        let id = |id: &str| Some(id.to_owned());
        Some(match segments {
            ["version"] => (Self::Version, None),
            ["metadata"] => (Self::Metadata, None),
            ["user"] => (Self::CurrentUser, None),
            ["users"] => (Self::Users, None),
            ["users", user] => (Self::User, id(user)),
            ["users", user, "projects"] => (Self::UserProjects, id(user)),
            ["personal_access_tokens", "self"] => (Self::TokenSelf, None),
            ["personal_access_tokens", "self", "associations"] => (Self::TokenAssociations, None),
            ["groups"] => (Self::Groups, None),
            ["groups", group] => (Self::Group, id(group)),
            ["groups", group, "subgroups"] => (Self::Subgroups, id(group)),
            ["groups", group, "descendant_groups"] => (Self::DescendantGroups, id(group)),
            ["groups", group, "projects"] => (Self::GroupProjects, id(group)),
            ["groups", group, "projects", "shared"] => (Self::GroupSharedProjects, id(group)),
            ["groups", group, "groups", "shared"] => (Self::GroupSharedGroups, id(group)),
            ["groups", group, "invited_groups"] => (Self::GroupInvitedGroups, id(group)),
            ["groups", group, "members"] => (Self::GroupMembers, id(group)),
            ["groups", group, "members", "all"] => (Self::GroupAllMembers, id(group)),
            ["projects"] => (Self::Projects, None),
            ["projects", project] => (Self::Project, id(project)),
            ["projects", project, "repository", "branches"] => (Self::ProjectBranches, id(project)),
            ["projects", project, "languages"] => (Self::ProjectLanguages, id(project)),
            ["projects", project, "groups"] => (Self::ProjectGroups, id(project)),
            ["projects", project, "members"] => (Self::ProjectMembers, id(project)),
            ["projects", project, "members", "all"] => (Self::ProjectAllMembers, id(project)),
            ["namespaces"] => (Self::Namespaces, None),
            ["namespaces", namespace] => (Self::Namespace, id(namespace)),
            _ => return None,
        })
    }

    /// The scopes of which one is needed, and the permission of a fine-grained token.
    fn needs(self) -> (Option<&'static [&'static str]>, Option<&'static str>) {
        match self {
            Self::Version | Self::Metadata => (Some(READ_USER), None),
            Self::CurrentUser | Self::Users | Self::User => (Some(READ_USER), Some("read_user")),
            Self::UserProjects
            | Self::Projects
            | Self::Project
            | Self::ProjectBranches
            | Self::ProjectLanguages
            | Self::ProjectGroups
            | Self::ProjectMembers
            | Self::ProjectAllMembers
            | Self::GroupProjects
            | Self::GroupSharedProjects => (Some(READ), Some("read_project")),
            // Any scope will do to ask about the token itself.
            Self::TokenSelf | Self::TokenAssociations => (None, None),
            Self::Groups
            | Self::Group
            | Self::Subgroups
            | Self::DescendantGroups
            | Self::GroupSharedGroups
            | Self::GroupInvitedGroups
            | Self::GroupMembers
            | Self::GroupAllMembers => (Some(READ), Some("read_group")),
            Self::Namespaces | Self::Namespace => (Some(READ), Some("read_namespace")),
        }
    }

    fn endpoint(self) -> Option<Endpoint> {
        Some(match self {
            Self::Projects => Endpoint::Projects,
            Self::Project => Endpoint::Project,
            Self::Groups => Endpoint::Groups,
            Self::Group => Endpoint::Group,
            Self::GroupProjects => Endpoint::GroupProjects,
            Self::UserProjects => Endpoint::UserProjects,
            Self::User => Endpoint::User,
            _ => return None,
        })
    }
}

fn tail(call: &Call) -> Option<Vec<&str>> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    segments.strip_prefix(&["api", "v4"]).map(<[&str]>::to_vec)
}

/// The limiter that a request falls under.
pub(crate) fn endpoint(call: &Call) -> Option<Endpoint> {
    let segments = tail(call)?;
    Route::of(&segments)
        .filter(|_| call.is_read())
        .and_then(|(route, _)| route.endpoint())
}

/// The endpoint's pattern, for the statistics.
pub(crate) fn pattern(call: &Call) -> String {
    let mut path = String::new();
    for (at, segment) in call.segments.iter().enumerate() {
        let variable = at == 3 && segment != "self";
        path.push('/');
        path.push_str(if variable { ":id" } else { segment });
        if at > 8 {
            break;
        }
    }
    format!("{} {path}", call.method)
}

/// Answers a request below `/api/v4`.
pub(crate) fn answer(shared: &Shared, call: &Call) -> Answer {
    if call.method == "DELETE" && tail(call).as_deref() == Some(&["personal_access_tokens", "self"])
    {
        return tokens::revoke_self(shared, call);
    }
    let rotated = tail(call).and_then(|path| rotate::answer(shared, call, &path));
    if let Some(answer) = rotated {
        return answer;
    }
    let world = shared.world();
    let reply = reply(shared, &world, call);
    reply.unwrap_or_else(|refusal| refusal)
}

fn reply(shared: &Shared, world: &World, call: &Call) -> Reply {
    let segments = tail(call).ok_or_else(Answer::no_route)?;
    let now = shared.clock.now();
    let (route, id) = Route::of(&segments).ok_or_else(Answer::no_route)?;
    if !call.is_read() {
        return Err(Answer::json(405, &json!({ "error": "405 Not Allowed" })));
    }
    let who = auth::authenticate(world, call, now)?;
    let token = who.token.and_then(|id| world.tokens.get(&id));
    let (scopes, permission) = route.needs();
    if let Some(scopes) = scopes {
        auth::allow(token, scopes, permission)?;
    }
    let access = shared.access(world, who.user);
    let ctx = Ctx {
        shared,
        world,
        call,
        who,
        access,
        now,
    };
    let id = id.unwrap_or_default();
    match route {
        Route::Version | Route::Metadata => {
            ctx.signed_in()?;
            Ok(Answer::json(
                200,
                &entities::metadata(shared, route == Route::Metadata),
            ))
        }
        Route::CurrentUser => users::current(&ctx),
        Route::Users => users::list(&ctx),
        Route::User => users::single(&ctx, &id),
        Route::UserProjects => projects::of_user(&ctx, &id),
        Route::TokenSelf => tokens::own(&ctx),
        Route::TokenAssociations => tokens::associations(&ctx),
        Route::Groups => groups::all(&ctx),
        Route::Group => groups::single(&ctx, &id),
        Route::Subgroups => groups::below(&ctx, &id, groups::Depth::Children),
        Route::DescendantGroups => groups::below(&ctx, &id, groups::Depth::All),
        Route::GroupProjects => projects::of_group(&ctx, &id),
        Route::GroupSharedProjects => projects::shared_into(&ctx, &id),
        Route::GroupSharedGroups => groups::sharing(&ctx, &id),
        Route::GroupInvitedGroups => groups::invited(&ctx, &id),
        Route::GroupMembers => members::of_group(&ctx, &id, members::Reach::Direct),
        Route::GroupAllMembers => members::of_group(&ctx, &id, members::Reach::All),
        Route::Projects => projects::all(&ctx),
        Route::Project => projects::single(&ctx, &id),
        Route::ProjectBranches => projects::branches(&ctx, &id),
        Route::ProjectLanguages => projects::languages(&ctx, &id),
        Route::ProjectGroups => groups::of_project(&ctx, &id),
        Route::ProjectMembers => members::of_project(&ctx, &id, members::Reach::Direct),
        Route::ProjectAllMembers => members::of_project(&ctx, &id, members::Reach::All),
        Route::Namespaces => users::namespaces(&ctx),
        Route::Namespace => users::namespace(&ctx, &id),
    }
}
