//! Answers before they become HTTP: status, headers, body, and GitLab's error bodies.

use serde_json::{Value, json};

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// An answer that is complete in memory.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, JSON, body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    /// Grape's validation error.
    pub(crate) fn invalid(errors: &str) -> Self {
        Self::json(400, &json!({ "error": errors }))
    }

    pub(crate) fn bad_request(reason: &str) -> Self {
        Self::message(400, &format!("400 Bad request - {reason}"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::message(401, "401 Unauthorized")
    }

    pub(crate) fn oauth(status: u16, error: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": error, "error_description": description }),
        )
    }

    pub(crate) fn token_expired() -> Self {
        let text = "Token is expired. You can either do re-authorization or token refresh.";
        Self::oauth(401, "invalid_token", text)
    }

    pub(crate) fn token_revoked() -> Self {
        let text = "Token was revoked. You have to re-authorize from the user.";
        Self::oauth(401, "invalid_token", text)
    }

    pub(crate) fn bad_access_token() -> Self {
        Self::oauth(401, "invalid_token", "Bad Access Token.")
    }

    pub(crate) fn impersonation_disabled() -> Self {
        let text = "Token is an impersonation token but impersonation was disabled.";
        Self::oauth(401, "invalid_token", text)
    }

    pub(crate) fn insufficient_scope(scope: &str) -> Self {
        let text = "The request requires higher privileges than provided by the access token.";
        Self::json(
            403,
            &json!({ "error": "insufficient_scope", "error_description": text, "scope": scope }),
        )
    }

    /// What a fine-grained token without the permission gets.
    pub(crate) fn insufficient_granular_scope(permission: &str) -> Self {
        let text = format!(
            "Access denied: Your fine-grained personal access token lacks the required \
             permissions: [{permission}]."
        );
        Self::oauth(403, "insufficient_granular_scope", &text)
    }

    pub(crate) fn forbidden(reason: Option<&str>) -> Self {
        match reason {
            Some(reason) => Self::message(403, &format!("403 Forbidden - {reason}")),
            None => Self::message(403, "403 Forbidden"),
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::message(404, &format!("404 {what} Not Found"))
    }

    /// What GitLab says to a path that its API does not have.
    pub(crate) fn no_route() -> Self {
        Self::json(404, &json!({ "error": "404 Not Found" }))
    }

    pub(crate) fn keyset_unavailable() -> Self {
        let text = "Keyset pagination is not yet available for this type of request";
        Self::json(405, &json!({ "error": text }))
    }

    pub(crate) fn offset_too_deep(limit: u64, class: &str) -> Self {
        let text = format!(
            "Offset pagination has a maximum allowed offset of {limit} for requests that return \
             objects of type {class}. Remaining records can be retrieved using keyset pagination."
        );
        Self::json(405, &json!({ "error": text }))
    }

    /// The answer of the application's own limiter.
    pub(crate) fn too_many_requests(retry_after: Option<u64>) -> Self {
        let text = "This endpoint has been requested too many times. Try again later.";
        let answer = Self::json(429, &json!({ "message": { "error": text } }));
        match retry_after {
            Some(seconds) => answer.with("Retry-After", seconds.to_string()),
            None => answer,
        }
    }

    pub(crate) fn graphql_errors(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "errors": [{ "message": message }] }))
    }
}
