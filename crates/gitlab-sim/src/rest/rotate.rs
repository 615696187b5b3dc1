//! A token that rotates itself.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::entities;
use crate::answer::Answer;
use crate::auth;
use crate::request::Call;
use crate::shared::Shared;
use crate::world::{Access, Account, Ref, Source, Token, TokenId, TokenKind, World};

/// Where a token says that it belongs.
#[derive(Debug, Clone, Copy)]
enum Home<'a> {
    Own,
    Group(&'a str),
    Project(&'a str),
}

/// How long a rotated token lives when nothing is said.
const WEEK: u64 = 7;
/// How long it may live at most.
const MOST_DAYS: u64 = 365;

/// Answers when it is one of the endpoints of rotation.
pub(super) fn answer(shared: &Shared, call: &Call, path: &[&str]) -> Option<Answer> {
    if call.method != "POST" {
        return None;
    }
    let home = match path {
        ["personal_access_tokens", "self", "rotate"] => Home::Own,
        ["groups", id, "access_tokens", "self", "rotate"] => Home::Group(id),
        ["projects", id, "access_tokens", "self", "rotate"] => Home::Project(id),
        _ => return None,
    };
    let reply = shared.change(|world| rotate(world, call, home));
    Some(reply.unwrap_or_else(|refusal| refusal))
}

fn rotate(world: &mut World, call: &Call, home: Home<'_>) -> Result<Answer, Answer> {
    let now = world.now;
    let who = auth::authenticate(world, call, now).inspect_err(|_| reused(world, call, now))?;
    let id = who.token.ok_or_else(Answer::unauthorized)?;
    let token = world.token(id).map_err(|_| Answer::unauthorized())?.clone();
    let permission = Some("rotate_personal_access_token");
    auth::allow(Some(&token), &["api", "self_rotate"], permission)?;
    if token.kind == TokenKind::Oauth {
        return Err(not_allowed());
    }
    belongs(world, &token, home)?;
    let expires_at = expiry(call, now.date_naive())?;
    let new = world
        .rotate_token(id, expires_at)
        .map_err(|error| Answer::bad_request(&error.to_string()))?;
    let token = world.token(new.id).map_err(|_| Answer::unauthorized())?;
    let mut value = entities::token(token, now);
    value["token"] = new.value.into();
    if let Some(source) = source(world, token) {
        let role = world
            .memberships
            .get(&token.user)
            .and_then(|of| of.get(&source));
        value["access_level"] = role.map(|role| role.level()).into();
    }
    Ok(Answer::json(200, &value))
}

fn not_allowed() -> Answer {
    Answer::message(405, "405 Method Not Allowed")
}

/// A revoked token that is to be rotated takes its family along.
fn reused(world: &mut World, call: &Call, now: DateTime<Utc>) {
    let token = call
        .token
        .as_deref()
        .and_then(|value| world.token_by_value(value));
    let revoked = token.filter(|token| token.revoked && !token.is_expired(now));
    if let Some(id) = revoked.map(|token| token.id) {
        world.revoke_family(id);
    }
}

fn source(world: &World, token: &Token) -> Option<Source> {
    match world.users.get(&token.user).map(|user| user.account) {
        Some(Account::GroupBot(id)) => Some(Source::Group(id)),
        Some(Account::ProjectBot(id)) => Some(Source::Project(id)),
        _ => None,
    }
}

/// Whether the token is one of the group or project that the path names.
fn belongs(world: &World, token: &Token, home: Home<'_>) -> Result<(), Answer> {
    let by_name = |name: &str| name.parse().map_or_else(|_| Ref::from(name), Ref::Id);
    let access = Access::of(world, Some(token.user));
    let named = match home {
        Home::Own => return Ok(()),
        // Only the bots of groups and projects may ask here.
        _ if source(world, token).is_none() => return Err(not_allowed()),
        Home::Group(name) => {
            let group = world.group(by_name(name)).ok();
            let group = group.filter(|group| access.sees_group(group));
            Source::Group(group.ok_or_else(|| Answer::not_found("Group"))?.id)
        }
        Home::Project(name) => {
            let project = world.project(by_name(name)).ok();
            let project = project.filter(|project| access.sees_project(world, project));
            Source::Project(project.ok_or_else(|| Answer::not_found("Project"))?.id)
        }
    };
    if source(world, token) == Some(named) {
        Ok(())
    } else {
        Err(Answer::unauthorized())
    }
}

/// The day the new token dies: a week from now unless `expires_at` says otherwise.
fn expiry(call: &Call, today: NaiveDate) -> Result<NaiveDate, Answer> {
    let after = |days| today.checked_add_days(Days::new(days)).unwrap_or(today);
    let Some(asked) = call.field("expires_at") else {
        return Ok(after(WEEK));
    };
    let day: NaiveDate = asked
        .parse()
        .map_err(|_| Answer::invalid("expires_at is invalid"))?;
    let latest = after(MOST_DAYS);
    if day > latest {
        let text = format!("Expires at must be before {latest}");
        return Err(Answer::bad_request(&text));
    }
    if day < today {
        return Err(Answer::bad_request("Expires at can't be in the past"));
    }
    Ok(day)
}

/// Whether a token may ask about itself here at all: those of applications may not.
pub(super) fn only_personal(world: &World, token: Option<TokenId>) -> Result<(), Answer> {
    let oauth = token
        .and_then(|id| world.tokens.get(&id))
        .is_some_and(|token| token.kind == TokenKind::Oauth);
    if oauth {
        let text = "This endpoint requires token type to be a personal access token";
        return Err(Answer::bad_request(text));
    }
    Ok(())
}
