//! `POST /oauth/revoke` (RFC 7009).

use serde_json::json;

use super::token::Client;
use super::{DOORKEEPER_JSON, Site};
use crate::answer::Answer;
use crate::request::Call;
use crate::world::{TokenKind, World};

/// Access and refresh token are one row: whichever is named, both die. A token that nobody knows
/// counts as revoked.
pub(super) fn answer(_: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let Some(client) = Client::of(world, call).known() else {
        return refused();
    };
    let value = call.field("token").unwrap_or_default();
    let by_access = world
        .token_by_value(value)
        .filter(|token| token.kind == TokenKind::Oauth)
        .map(|token| token.id);
    let Some(row) = by_access.or_else(|| world.oauth.by_refresh_token(value)) else {
        return done();
    };
    let owner = world.oauth.pair(row).map(|pair| pair.client_id.as_str());
    if owner != Some(client.client_id.as_str()) {
        return refused();
    }
    if world.revoke_token(row).is_ok() {
        world.oauth.stats.revocations += 1;
    }
    done()
}

fn done() -> Answer {
    Answer::text(200, DOORKEEPER_JSON, "{}")
}

fn refused() -> Answer {
    let body = json!({
        "error": "unauthorized_client",
        "error_description": "You are not authorized to revoke this token",
    });
    Answer::text(403, DOORKEEPER_JSON, body.to_string())
}
