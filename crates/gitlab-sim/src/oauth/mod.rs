//! The OAuth side of the instance: applications, sign-in and consent, tokens, devices.
//!
//! It answers as Doorkeeper does in the configuration that GitLab gives it (GitLab docs,
//! `api/oauth2`; `config/initializers/doorkeeper.rb`). The grant types are `authorization_code`,
//! `refresh_token` and `device_code`; passwords are for the sign-in page alone.

mod application;
mod authorize;
mod device;
mod handle;
mod info;
mod pages;
mod revoke;
mod scopes;
mod session;
mod store;
mod token;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{Answer, TEXT};
use crate::request::Call;
use crate::shared::Shared;
use crate::world::World;

pub use application::{Application, ApplicationSpec};
pub use handle::{OauthHandle, OauthRefused};
pub(crate) use store::Store;
pub use store::{OauthStats, OauthTokens};

/// JSON with the content type that Doorkeeper sends.
const DOORKEEPER_JSON: &str = "application/json; charset=utf-8";

/// What the instance demands of the proof of a code (RFC 7636).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// Public applications must send an S256 challenge; `plain` is refused to everyone.
    #[default]
    RequireS256,
    /// Nobody must send one; where one is sent it must be S256.
    OptionalS256,
    /// Nobody must send one, and `plain` is accepted too, as by GitLab without configuration.
    Optional,
}

impl Pkce {
    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::RequireS256 | Self::OptionalS256 => &["S256"],
            Self::Optional => &["plain", "S256"],
        }
    }
}

/// Where a mistake in an authorization request is told, when the redirect URI is the application's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizeErrors {
    /// To the application, by redirect (RFC 6749, section 4.1.2.1; Doorkeeper).
    #[default]
    Redirected,
    /// To the user, on a page; a denial is redirected all the same.
    Shown,
}

/// The device authorization grant (RFC 8628).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceGrant {
    /// It gives an access and a refresh token.
    #[default]
    On,
    /// It gives an access token alone, as in the sample of GitLab's documentation.
    WithoutRefreshToken,
    /// It is not there, as before GitLab 17.3.
    Off,
}

/// How the authorization server is set up; see [`crate::Builder`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OauthConfig {
    pub(crate) pkce: Pkce,
    pub(crate) errors: AuthorizeErrors,
    pub(crate) device: DeviceGrant,
}

/// The instance as its pages see it.
#[derive(Debug, Clone, Copy)]
struct Site<'a> {
    config: OauthConfig,
    /// What the instance believes its own address is.
    url: &'a str,
    /// Before every path.
    prefix: &'a str,
}

/// Answers a request to the OAuth side; `None` when it is none.
pub(crate) fn answer(shared: &Shared, call: &Call) -> Option<Answer> {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let method = if call.is_read() { "GET" } else { &call.method };
    let handler: fn(&Site<'_>, &mut World, &Call) -> Answer = match (method, path.as_slice()) {
        ("GET", ["users", "sign_in"]) => session::page,
        ("POST", ["users", "sign_in"]) => session::sign_in,
        ("POST", ["users", "sign_out"]) => session::sign_out,
        ("GET", ["oauth", "authorize"]) => authorize::ask,
        ("POST" | "DELETE", ["oauth", "authorize"]) => authorize::decide,
        ("POST", ["oauth", "token"]) => token::answer,
        ("POST", ["oauth", "authorize_device"]) => device::start,
        ("GET", ["oauth", "device"]) => device::page,
        ("POST", ["oauth", "device", "confirm"]) => device::confirm,
        ("POST", ["oauth", "device"]) => device::decide,
        ("POST", ["oauth", "revoke"]) => revoke::answer,
        ("GET", ["oauth", "token", "info"]) => info::token,
        ("GET" | "POST", ["oauth", "userinfo"]) => info::user,
        ("GET", ["oauth", "discovery", "keys"]) => {
            |_, _, _| Answer::json(200, &json!({"keys": []}))
        }
        (
            "GET",
            [
                ".well-known",
                "openid-configuration" | "oauth-authorization-server",
            ],
        ) => info::configuration,
        ("OPTIONS", ["oauth", "token" | "revoke" | "userinfo"]) => |_, _, _| {
            Answer::text(204, TEXT, "").with("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        },
        _ => return None,
    };
    let site = Site {
        config: shared.config.oauth,
        url: &shared.url,
        prefix: &shared.config.prefix,
    };
    let answer = shared.touch(|world| handler(&site, world, call));
    Some(match path.as_slice() {
        // Programs in a browser may ask these from anywhere.
        ["oauth", "token" | "revoke" | "userinfo"] => {
            answer.with("Access-Control-Allow-Origin", "*")
        }
        _ => answer,
    })
}

/// Doorkeeper's words for an error.
fn description(error: &str) -> &'static str {
    match error {
        "invalid_client" => {
            "Client authentication failed due to unknown client, no client authentication included, \
             or unsupported authentication method."
        }
        "invalid_grant" => {
            "The provided authorization grant is invalid, expired, revoked, does not match the \
             redirection URI used in the authorization request, or was issued to another client."
        }
        "invalid_scope" => "The requested scope is invalid, unknown, or malformed.",
        "invalid_redirect_uri" => {
            "The requested redirect URI is malformed or doesn't match the client redirect URI."
        }
        "unauthorized_client" => {
            "The client is not authorized to perform this request using this method."
        }
        "access_denied" => "The resource owner or authorization server denied the request.",
        "unsupported_grant_type" => {
            "The authorization grant type is not supported by the authorization server."
        }
        "unsupported_response_type" => {
            "The authorization server does not support this response type."
        }
        "unsupported_response_mode" => {
            "The authorization server does not support this response mode."
        }
        "server_error" => {
            "The authorization server encountered an unexpected condition which prevented it from \
             fulfilling the request."
        }
        "temporarily_unavailable" => {
            "The authorization server is currently unable to handle the request due to a temporary \
             overloading or maintenance of the server."
        }
        "authorization_pending" => "The authorization request is still pending.",
        "slow_down" => "The authorization request is still pending and polling is too fast.",
        "expired_token" => "The device code has expired.",
        _ => {
            "The request is missing a required parameter, includes an unsupported parameter value, \
             or is otherwise malformed."
        }
    }
}

fn missing(parameter: &str) -> String {
    format!("Missing required parameter: {parameter}.")
}

fn status_of(error: &str) -> u16 {
    if error == "invalid_client" { 401 } else { 400 }
}

/// An error of an endpoint that speaks JSON, with Doorkeeper's words.
pub(crate) fn error(error: &str) -> Answer {
    error_saying(error, description(error))
}

fn missing_parameter(parameter: &str) -> Answer {
    error_saying("invalid_request", &missing(parameter))
}

fn error_saying(error: &str, text: &str) -> Answer {
    let body = json!({ "error": error, "error_description": text });
    let quoted = |text: &str| text.replace(['"', '\\'], "_");
    let challenge = format!(
        "Bearer realm=\"Doorkeeper\", error=\"{}\", error_description=\"{}\"",
        quoted(error),
        quoted(text)
    );
    Answer::text(status_of(error), DOORKEEPER_JSON, body.to_string())
        .with("Cache-Control", "no-store, no-cache")
        .with("WWW-Authenticate", challenge)
}
