//! What the provider says of itself, and its keys.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use org_core::ports::IdentityError;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::http::{get, is_safe};

/// How long settings and keys are used before they are read again.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// How long an unknown key is not asked for again, so that nobody makes us flood the provider with tokens of their own.
const PATIENCE: TimeDelta = TimeDelta::minutes(1);

/// How many keys a provider may have.
const MOST_KEYS: usize = 100;

/// `/.well-known/openid-configuration` (`OpenID` Connect Discovery, section 3; RFC 9207, section 3).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// A key set as it comes: a key that we cannot read is no reason to read none.
#[derive(Debug, Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

/// What is known of the provider.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    /// Where more is told of a person.
    pub(crate) userinfo: Option<Url>,
    /// Whether the client secret goes into the body and not into a header.
    pub(crate) secret_in_body: bool,
    /// Whether every answer says who answers.
    pub(crate) says_issuer: bool,
    keys: JwkSet,
    jwks: Url,
    read_at: DateTime<Utc>,
    keys_read_at: DateTime<Utc>,
}

/// Asks the provider.
pub(crate) async fn discover(
    client: &Client,
    issuer: &str,
    now: DateTime<Utc>,
) -> Result<Known, IdentityError> {
    let unexpected = |detail: String| IdentityError::Unexpected { detail };
    let address = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let address = Url::parse(&address).map_err(|error| unexpected(error.to_string()))?;
    let found: Metadata = get(client, "the configuration of the provider", &address).await?;
    if found.issuer != issuer {
        return Err(unexpected(format!(
            "it calls itself {}, and `server.oidc.issuer` is {issuer}; both must be the same to the letter",
            crate::http::tame(&found.issuer)
        )));
    }
    for (name, url) in [
        ("authorization_endpoint", &found.authorization_endpoint),
        ("token_endpoint", &found.token_endpoint),
        ("jwks_uri", &found.jwks_uri),
        (
            "userinfo_endpoint",
            found.userinfo_endpoint.as_ref().unwrap_or(&found.jwks_uri),
        ),
    ] {
        if !is_safe(url) {
            return Err(unexpected(format!("its {name} is no https address")));
        }
    }
    let methods = found.token_endpoint_auth_methods_supported;
    let supports = |name: &str| {
        let methods = methods.iter().flatten();
        methods.into_iter().any(|method| method == name)
    };
    Ok(Known {
        secret_in_body: supports("client_secret_post") && !supports("client_secret_basic"),
        says_issuer: found.authorization_response_iss_parameter_supported,
        authorization: found.authorization_endpoint,
        token: found.token_endpoint,
        userinfo: found.userinfo_endpoint,
        keys: keys(client, &found.jwks_uri).await?,
        jwks: found.jwks_uri,
        read_at: now,
        keys_read_at: now,
    })
}

async fn keys(client: &Client, jwks: &Url) -> Result<JwkSet, IdentityError> {
    let Keys { keys } = get(client, "the key set of the provider", jwks).await?;
    let keys = keys.into_iter().take(MOST_KEYS);
    Ok(JwkSet {
        keys: keys
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect(),
    })
}

impl Known {
    /// Whether it is to be read again. A clock that was set back makes nothing live longer.
    pub(crate) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        now < self.read_at || now - self.read_at >= FRESH
    }

    pub(crate) fn keys(&self) -> &[Jwk] {
        &self.keys.keys
    }

    /// Reads the keys again, unless that was done a moment ago; answers whether they were read.
    pub(crate) async fn read_keys_again(
        &mut self,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<bool, IdentityError> {
        if now >= self.keys_read_at && now - self.keys_read_at < PATIENCE {
            return Ok(false);
        }
        self.keys_read_at = now;
        self.keys = keys(client, &self.jwks).await?;
        Ok(true)
    }
}
