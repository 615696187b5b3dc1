//! What a token says about itself and its user, and what the server says about itself.

use serde_json::{Value, json};

use super::{DOORKEEPER_JSON, DeviceGrant, Site, error_saying, scopes};
use crate::answer::Answer;
use crate::auth;
use crate::request::{AuthKind, Call};
use crate::world::{Access, Token, TokenKind, World};

/// `GET /oauth/token/info`.
pub(super) fn token(_: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let now = world.now;
    let live = presented(world, call).filter(|token| token.is_active(now));
    let row = live.and_then(|token| Some((token, world.oauth.pair(token.id)?)));
    let Some((token, pair)) = row else {
        let text = "The access token is invalid";
        let mut answer = error_saying("invalid_token", text);
        answer.status = 401;
        let body = json!({
            "error": "invalid_token", "error_description": text, "state": "unauthorized",
        });
        answer.body = body.to_string();
        return answer;
    };
    let left = token.dies_at.map(|at| (at - now).num_seconds().max(0));
    let body = json!({
        "resource_owner_id": token.user.0,
        "scope": token.scopes,
        "expires_in": left,
        "application": { "uid": pair.client_id },
        "created_at": token.created_at.timestamp(),
        "scopes": token.scopes,
        "expires_in_seconds": left,
    });
    Answer::text(200, DOORKEEPER_JSON, body.to_string())
}

fn presented<'w>(world: &'w World, call: &Call) -> Option<&'w Token> {
    let value = match call.auth {
        AuthKind::Bearer | AuthKind::Query => call.token.as_deref()?,
        _ => call.field("access_token")?,
    };
    let token = world.token_by_value(value)?;
    (token.kind == TokenKind::Oauth).then_some(token)
}

/// `GET` and `POST /oauth/userinfo`, for tokens with the scope `openid`.
pub(super) fn user(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let who = match auth::authenticate(world, call, world.now) {
        Ok(who) => who,
        Err(refusal) => return refusal,
    };
    let token = who.token.and_then(|id| world.tokens.get(&id));
    let found = token.and_then(|token| Some((token, world.users.get(&token.user)?)));
    let Some((token, user)) = found.filter(|(token, _)| token.kind == TokenKind::Oauth) else {
        return Answer::unauthorized();
    };
    if let Err(refusal) = auth::allow(Some(token), &["openid"], None) {
        return refusal;
    }
    let has = |scope: &str| token.scopes.iter().any(|own| own == scope);
    let access = Access::of(world, Some(user.id));
    let groups: Vec<String> = world
        .groups()
        .filter(|group| access.inherited.contains_key(&group.id) && access.sees_group(group))
        .map(|group| world.group_full_path(group.id))
        .collect();
    let mut body = json!({
        "sub": user.id.to_string(),
        "name": user.name,
        "nickname": user.username,
        "preferred_username": user.username,
        "profile": format!("{}/{}", site.url, user.username),
        "picture": Value::Null,
        "groups": groups,
    });
    if has("email") {
        body["email"] = format!("{}@sim.example", user.username).into();
        body["email_verified"] = true.into();
    }
    Answer::text(200, DOORKEEPER_JSON, body.to_string())
}

/// `GET /.well-known/openid-configuration`. No ID tokens are made here, so there are no keys.
pub(super) fn configuration(site: &Site<'_>, _: &mut World, _: &Call) -> Answer {
    let url = site.url;
    let mut grants = vec!["authorization_code", "refresh_token"];
    let mut body = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "revocation_endpoint": format!("{url}/oauth/revoke"),
        "userinfo_endpoint": format!("{url}/oauth/userinfo"),
        "jwks_uri": format!("{url}/oauth/discovery/keys"),
        "scopes_supported": scopes::ALL.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": [
            "sub", "name", "nickname", "preferred_username", "profile", "picture", "groups",
            "email", "email_verified"
        ],
        "code_challenge_methods_supported": site.config.pkce.methods(),
    });
    if site.config.device != DeviceGrant::Off {
        grants.push("urn:ietf:params:oauth:grant-type:device_code");
        body["device_authorization_endpoint"] = format!("{url}/oauth/authorize_device").into();
    }
    body["grant_types_supported"] = grants.into();
    Answer::json(200, &body)
}
