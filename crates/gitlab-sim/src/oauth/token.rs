//! `POST /oauth/token`: codes, refresh tokens and device codes become tokens.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::application::{Application, redirect_matches};
use super::store::{Challenge, Grant, GrantState, OauthTokens, Poll, Refreshable, TOKEN_SECONDS};
use super::{DOORKEEPER_JSON, DeviceGrant, Pkce, Site, error, missing_parameter};
use crate::answer::Answer;
use crate::request::Call;
use crate::world::World;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

type Reply = Result<OauthTokens, Answer>;

/// Who the client says it is, and whether that holds.
pub(super) enum Client {
    /// It did not say.
    Unnamed,
    /// Unknown, or with a wrong or missing secret.
    Refused,
    Known(Application),
}

impl Client {
    /// By `Authorization: Basic` first, then by parameters.
    pub(super) fn of(world: &World, call: &Call) -> Self {
        let basic = call.basic.as_ref();
        let named = basic.map(|(id, secret)| (id.as_str(), Some(secret.as_str())));
        let named = named.or_else(|| {
            let id = call.field("client_id")?;
            Some((id, call.field("client_secret")))
        });
        let Some((id, secret)) = named else {
            return Self::Unnamed;
        };
        match world.application(id) {
            Ok(application) if application.accepts(secret) => Self::Known(application.clone()),
            _ => Self::Refused,
        }
    }

    pub(super) fn known(self) -> Option<Application> {
        match self {
            Self::Known(application) => Some(application),
            Self::Unnamed | Self::Refused => None,
        }
    }
}

pub(super) fn answer(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let reply = match call.field("grant_type") {
        None => Err(missing_parameter("grant_type")),
        Some("authorization_code") => code(site, world, call),
        Some("refresh_token") => refresh(world, call),
        Some(DEVICE_CODE) if site.config.device != DeviceGrant::Off => device(site, world, call),
        Some(_) => Err(error("unsupported_grant_type")),
    };
    match reply {
        Ok(tokens) => success(&tokens),
        Err(refusal) => refusal,
    }
}

fn success(tokens: &OauthTokens) -> Answer {
    let mut body = json!({
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": tokens.scopes.join(" "),
        "created_at": tokens.created_at.timestamp(),
    });
    if let Some(refresh_token) = &tokens.refresh_token {
        body["refresh_token"] = refresh_token.as_str().into();
    }
    Answer::text(200, DOORKEEPER_JSON, body.to_string())
        .with("Cache-Control", "no-store, no-cache")
        .with("Pragma", "no-cache")
}

/// The checks come in Doorkeeper's order; a code that was used counts as replayed only when the
/// redirect URI and the verifier were right.
fn code(site: &Site<'_>, world: &mut World, call: &Call) -> Reply {
    let code = call
        .field("code")
        .ok_or_else(|| missing_parameter("code"))?;
    let grant = world.oauth.grant(code).cloned();
    let client = Client::of(world, call).known();
    let verifier = call.field("code_verifier");
    let forced = site.config.pkce == Pkce::RequireS256
        && client
            .as_ref()
            .is_some_and(|client| !client.is_confidential());
    let proof_due = forced
        || grant
            .as_ref()
            .is_some_and(|grant| grant.challenge.is_some());
    if proof_due && verifier.is_none() {
        return Err(missing_parameter("code_verifier"));
    }
    let redirect_uri = call.field("redirect_uri");
    let redirect_uri = redirect_uri.ok_or_else(|| missing_parameter("redirect_uri"))?;
    let client = client.ok_or_else(|| error("invalid_client"))?;
    let invalid = || error("invalid_grant");
    let grant = grant
        .filter(|grant| grant.client_id == client.client_id)
        .ok_or_else(invalid)?;
    if !redirect_matches(redirect_uri, &grant.redirect_uri) || !proves(&grant, verifier) {
        return Err(invalid());
    }
    match world.grant_state(&grant) {
        GrantState::Fresh => world.exchange(code).ok_or_else(invalid),
        GrantState::Expired => Err(invalid()),
        GrantState::Used => {
            world.replay(code);
            Err(invalid())
        }
    }
}

/// The S256 challenge of a verifier.
pub(super) fn s256(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A verifier without a challenge is as wrong as a challenge without a verifier.
fn proves(grant: &Grant, verifier: Option<&str>) -> bool {
    match (&grant.challenge, verifier) {
        (None, verifier) => verifier.is_none(),
        (Some(_), None) => false,
        (Some(Challenge::S256(challenge)), Some(verifier)) => challenge.expose() == s256(verifier),
        (Some(Challenge::Plain(challenge)), Some(verifier)) => challenge.expose() == verifier,
    }
}

/// The loser of a race finds the row revoked. A dead token is told before a wrong client.
fn refresh(world: &mut World, call: &Call) -> Reply {
    let value = call.field("refresh_token");
    let value = value.ok_or_else(|| missing_parameter("refresh_token"))?;
    let good = world
        .oauth
        .by_refresh_token(value)
        .filter(|row| world.token(*row).is_ok_and(|token| !token.revoked));
    let pair = good.and_then(|row| Some((row, world.oauth.pair(row)?.clone())));
    let Some((row, pair)) = pair else {
        return Err(refused_refresh(world));
    };
    if world.oauth.lags() {
        return Err(refused_refresh(world));
    }
    let client = match Client::of(world, call) {
        Client::Refused => return Err(error("invalid_client")),
        Client::Known(client) if client.client_id == pair.client_id => client,
        Client::Unnamed | Client::Known(_) => return Err(refused_refresh(world)),
    };
    let scopes = match call.field("scope") {
        None => pair.scopes,
        Some(asked) => {
            let within = |scopes: &Vec<String>| scopes.iter().all(|one| pair.scopes.contains(one));
            let asked = client.scopes_for(Some(asked)).filter(within);
            asked.ok_or_else(|| error("invalid_scope"))?
        }
    };
    world
        .refresh(row, scopes)
        .ok_or_else(|| error("invalid_grant"))
}

fn refused_refresh(world: &mut World) -> Answer {
    world.oauth.stats.refused_refreshes += 1;
    error("invalid_grant")
}

fn device(site: &Site<'_>, world: &mut World, call: &Call) -> Reply {
    let client = Client::of(world, call).known();
    let client = client.ok_or_else(|| error("invalid_client"))?;
    let refreshable = if site.config.device == DeviceGrant::WithoutRefreshToken {
        Refreshable::No
    } else {
        Refreshable::Yes
    };
    let code = call.field("device_code").unwrap_or_default();
    match world.poll_device(code, &client.client_id, refreshable) {
        Poll::Granted(tokens) => Ok(tokens),
        Poll::Unknown => Err(error("invalid_grant")),
        Poll::Expired => Err(error("expired_token")),
        Poll::SlowDown => Err(error("slow_down")),
        Poll::Pending => Err(error("authorization_pending")),
        Poll::Denied => Err(error("access_denied")),
    }
}

#[cfg(test)]
mod tests {
    use super::s256;

    #[test]
    fn the_vector_of_rfc_7636_holds() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
