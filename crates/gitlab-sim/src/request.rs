//! One request as the simulator sees it: path, parameters, credential, body.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

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

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Below the prefix, still encoded.
    pub(crate) path: String,
    /// Decoded segments of `path`.
    pub(crate) segments: Vec<String>,
    /// Decoded parameters in the order they came, credentials left out.
    pub(crate) params: Vec<(String, String)>,
    /// The same as text, for the log.
    pub(crate) query: String,
    pub(crate) auth: AuthKind,
    pub(crate) token: Option<String>,
    pub(crate) is_json: bool,
    pub(crate) body: String,
    pub(crate) user_agent: String,
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
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&params)
            .finish();
        Some(Self {
            method: parts.method.to_string(),
            path: path.to_owned(),
            segments,
            params,
            query,
            auth,
            token,
            is_json: header("content-type").is_some_and(|kind| kind.contains("json")),
            body,
            user_agent: header("user-agent").unwrap_or_default(),
        })
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
