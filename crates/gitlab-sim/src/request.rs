//! One request as the simulator sees it: path, parameters, credential, body.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::mask;

/// How a request authenticated. The credential itself is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// Not at all.
    None,
    /// `Authorization: Bearer`.
    Bearer,
    /// `PRIVATE-TOKEN`.
    PrivateToken,
    /// `private_token` or `access_token` in the query.
    Query,
    /// `Authorization: Basic`; opens nothing in the API.
    Basic,
    /// Another scheme of `Authorization`.
    Other,
}

pub(crate) struct Call {
    pub(crate) method: String,
    /// Below the prefix, still encoded.
    pub(crate) path: String,
    /// Decoded segments of `path`.
    pub(crate) segments: Vec<String>,
    /// Decoded parameters in the order they came, credentials left out.
    pub(crate) params: Vec<(String, String)>,
    /// The same as text without secrets, for the log.
    pub(crate) query: String,
    pub(crate) auth: AuthKind,
    pub(crate) token: Option<String>,
    /// User and password of `Authorization: Basic`.
    pub(crate) basic: Option<(String, String)>,
    /// The session cookie.
    pub(crate) session: Option<String>,
    pub(crate) is_json: bool,
    pub(crate) body: String,
    /// The fields of a form or of a flat JSON object.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) user_agent: String,
}

/// The name of GitLab's session cookie.
pub(crate) const SESSION_COOKIE: &str = "_gitlab_session";

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// `None` when the target is not below the prefix.
    pub(crate) fn parse(
        parts: &hyper::http::request::Parts,
        prefix: &str,
        body: String,
    ) -> Option<Self> {
        let path = parts.uri.path().strip_prefix(prefix)?;
        if !path.starts_with('/') {
            return None;
        }
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let mut query_token = None;
        let mut params = Vec::new();
        for (name, value) in
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            if name == "private_token" || name == "access_token" {
                query_token = Some(value.into_owned());
            } else {
                params.push((name.into_owned(), value.into_owned()));
            }
        }
        let (auth, token) = match (
            header("private-token"),
            header("authorization"),
            query_token,
        ) {
            (Some(token), _, _) => (AuthKind::PrivateToken, Some(token)),
            (None, Some(value), _) => authorization(&value),
            (None, None, Some(token)) => (AuthKind::Query, Some(token)),
            (None, None, None) => (AuthKind::None, None),
        };
        let is_json = header("content-type").is_some_and(|kind| kind.contains("json"));
        let basic = header("authorization").as_deref().and_then(basic);
        let session = header("cookie").and_then(|cookies| {
            cookies.split(';').find_map(|cookie| {
                let (name, value) = cookie.trim().split_once('=')?;
                (name == SESSION_COOKIE).then(|| value.to_owned())
            })
        });
        Some(Self {
            method: parts.method.to_string(),
            path: path.to_owned(),
            segments,
            query: mask::query(path, &params),
            params,
            auth,
            token,
            basic,
            session,
            is_json,
            fields: fields(is_json, &body),
            body,
            user_agent: header("user-agent").unwrap_or_default(),
        })
    }

    /// A parameter of the body or, when it is not there, of the query. An empty one is none.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = |pairs: &'_ [(String, String)]| {
            let at = pairs.iter().rposition(|(key, _)| key == name)?;
            Some(at)
        };
        let value = found(&self.fields)
            .map(|at| self.fields[at].1.as_str())
            .or_else(|| found(&self.params).map(|at| self.params[at].1.as_str()));
        value.filter(|value| !value.trim().is_empty())
    }

    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET" || self.method == "HEAD"
    }
}

fn authorization(value: &str) -> (AuthKind, Option<String>) {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        (AuthKind::Bearer, Some(rest.trim().to_owned()))
    } else if scheme.eq_ignore_ascii_case("basic") {
        (AuthKind::Basic, None)
    } else {
        (AuthKind::Other, None)
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn fields(is_json: bool, body: &str) -> Vec<(String, String)> {
    if !is_json {
        return url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(body) else {
        return Vec::new();
    };
    let text = |(name, value): (String, serde_json::Value)| {
        let value = match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        (name, value)
    };
    object.into_iter().map(text).collect()
}
