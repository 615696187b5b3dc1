//! The faults there are, and the answers of those that have one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, HTML, TEXT};

/// What goes wrong. As JSON for the control interface: `{"kind":"hang"}` or
/// `{"kind":"forbidden","reason":"..."}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// 400 of parameter validation: `{"error": ..}`.
    BadParameter {
        /// For example `page does not have a valid value`.
        error: String,
    },
    /// 400 of model validation: `{"message": {"name": ["has already been taken"]}}`.
    NameTaken,
    /// 400 with a reason in `message`.
    BadRequest {
        /// What follows `400 Bad request - `.
        reason: String,
    },
    /// 401: no or unknown credential. GraphQL says `Invalid token`.
    Unauthorized,
    /// 401: the token is expired.
    TokenExpired,
    /// 401: the token was revoked.
    TokenRevoked,
    /// 401: `Bad Access Token.`
    BadAccessToken,
    /// 401: an impersonation token where impersonation is off.
    ImpersonationDisabled,
    /// 401: the user demands a `DPoP` proof.
    Dpop,
    /// 403: the token lacks scopes.
    InsufficientScope {
        /// The scopes that would do, separated by spaces.
        scope: String,
    },
    /// 403: the role is too low, or an IP restriction or terms of service stand in the way.
    Forbidden {
        /// What follows `403 Forbidden - `, if anything.
        #[serde(default)]
        reason: Option<String>,
    },
    /// 403 as the HTML of a Cloudflare challenge.
    CloudflareChallenge,
    /// 404: `404 {what} Not Found`.
    NotFound {
        /// For example `Project`.
        what: String,
    },
    /// 405: no keyset pagination here.
    KeysetUnavailable,
    /// 405: the offset is too deep.
    OffsetTooDeep,
    /// 409.
    Conflict,
    /// 409 with GitLab's text for a thing that is there already.
    AlreadyExists,
    /// 412.
    PreconditionFailed,
    /// 413.
    TooLarge,
    /// 414.
    UriTooLong,
    /// 422.
    Unprocessable,
    /// 429 of the throttle in front: plain text, with or without its headers.
    Throttled {
        /// Seconds for `Retry-After` and the reset; without it no header at all is sent.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 429 of an endpoint's own limiter: JSON, usually without any header. GraphQL answers 200 with
    /// the text in `errors`.
    EndpointLimit {
        /// Seconds for `Retry-After`, which only newer versions send.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 500 in JSON.
    Internal,
    /// 503 in JSON.
    Unavailable,
    /// 503 of a self-managed instance in maintenance mode.
    Maintenance,
    /// 502, 503, 504 or Cloudflare's 520 to 524, in HTML or text from whatever stands in front.
    Gateway {
        /// The status.
        status: u16,
    },
    /// 200 with the HTML of a sign-in page where JSON was due.
    SignInPage,
    /// 301, 302, 307 or 308 to another place.
    Redirect {
        /// The status.
        status: u16,
        /// `Location`.
        location: String,
    },
    /// 200 and valid JSON of an unexpected shape.
    WrongJson,
    /// 200 and the true answer cut in the middle, with a `Content-Length` that fits the rest.
    TruncatedJson,
    /// 200 and no body at all.
    EmptyBody,
    /// The true answer, cut off after some bytes of a longer `Content-Length`.
    CutBody {
        /// How many bytes are sent.
        after: usize,
    },
    /// The true answer in chunks, cut off without the last chunk.
    CutChunked {
        /// How many bytes are sent.
        after: usize,
    },
    /// The request is carried out, and the connection is closed without an answer: the lost answer
    /// of a token endpoint, after which nobody knows what became of a refresh token.
    Close,
    /// The connection is closed without an answer, and the request is not carried out.
    CloseUnheard,
    /// An error of the OAuth side: 401 for `invalid_client`, else 400, with GitLab's description.
    Oauth {
        /// For example `invalid_grant`, `temporarily_unavailable`, `slow_down`.
        error: String,
    },
    /// No answer ever comes; the connection stays open.
    Hang,
    /// The true answer, in small pieces with a pause after each.
    Drip {
        /// Bytes of a piece.
        bytes: usize,
        /// Pause in milliseconds.
        every_ms: u64,
    },
    /// 200 and JSON white space without end up to this size.
    HugeBody {
        /// Bytes.
        bytes: u64,
    },
    /// The true answer, later.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The true answer, with every `Link` on another origin.
    ForeignLink {
        /// For example `https://evil.example`.
        origin: String,
    },
    /// The true answer without its pagination headers.
    NoPageHeaders,
    /// The true answer, with the rows at odd places of the page left out while the headers stay.
    ShortPage,
    /// The true answer without any row while `Link` or `hasNextPage` stay.
    EmptyPage,
    /// GraphQL: 200 and only `errors`.
    GraphqlError {
        /// The message.
        message: String,
    },
    /// GraphQL: 200 with the true `data` and an error beside it.
    GraphqlPartial {
        /// The message.
        message: String,
    },
    /// GraphQL: the refusal of fine-grained tokens.
    GraphqlFineGrained,
    /// GraphQL: `hasNextPage` is false whatever remains.
    GraphqlEarlyEnd,
}

impl FaultKind {
    /// The name in the request log and in JSON.
    pub(crate) fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| {
                value
                    .get("kind")
                    .and_then(|kind| kind.as_str())
                    .map(str::to_owned)
            })
            .unwrap_or_default()
    }

    /// The answer that stands in for the true one, for the kinds that have one.
    pub(crate) fn answer(&self, graphql: bool, now: DateTime<Utc>) -> Option<Answer> {
        Some(match self {
            Self::BadParameter { error } => Answer::invalid(error),
            Self::NameTaken => Answer::json(
                400,
                &serde_json::json!({ "message": { "name": ["has already been taken"] } }),
            ),
            Self::BadRequest { reason } => Answer::bad_request(reason),
            Self::Unauthorized
            | Self::TokenExpired
            | Self::TokenRevoked
            | Self::BadAccessToken
            | Self::InsufficientScope { .. }
                if graphql =>
            {
                Answer::graphql_errors(401, "Invalid token")
            }
            Self::Unauthorized => Answer::unauthorized(),
            Self::TokenExpired => Answer::token_expired(),
            Self::TokenRevoked => Answer::token_revoked(),
            Self::BadAccessToken => Answer::bad_access_token(),
            Self::ImpersonationDisabled => Answer::impersonation_disabled(),
            Self::Dpop => {
                let text = "DPoP validation error: DPoP header is missing";
                Answer::oauth(401, "dpop_error", text)
            }
            Self::InsufficientScope { scope } => Answer::insufficient_scope(scope),
            Self::Forbidden { reason } => Answer::forbidden(reason.as_deref()),
            Self::CloudflareChallenge => Answer::text(403, HTML, CLOUDFLARE),
            Self::NotFound { what } => Answer::not_found(what),
            Self::KeysetUnavailable => Answer::keyset_unavailable(),
            Self::OffsetTooDeep => Answer::offset_too_deep(50_000, "Project"),
            Self::Conflict => Answer::message(409, "409 Conflict"),
            Self::AlreadyExists => Answer::message(409, "409 Already exists"),
            Self::PreconditionFailed => Answer::message(412, "412 Precondition Failed"),
            Self::TooLarge => Answer::message(413, "413 Request Entity Too Large"),
            Self::UriTooLong => Answer::text(414, HTML, gateway_page(414, "Request-URI Too Large")),
            Self::Unprocessable => Answer::message(422, "422 Unprocessable Entity"),
            Self::Throttled { retry_after } => throttled(*retry_after, now),
            Self::EndpointLimit { .. } if graphql => Answer::graphql_errors(
                200,
                "This endpoint has been requested too many times. Try again later.",
            ),
            Self::EndpointLimit { retry_after } => Answer::too_many_requests(*retry_after),
            Self::Oauth { error } => crate::oauth::error(error),
            Self::Internal => Answer::message(500, "500 Internal Server Error"),
            Self::Unavailable => Answer::message(503, "503 Service Unavailable"),
            Self::Maintenance => {
                Answer::message(503, "GitLab Maintenance: system is in maintenance mode")
            }
            Self::Gateway { status } => gateway(*status),
            Self::SignInPage => Answer::text(200, HTML, SIGN_IN),
            Self::Redirect { status, location } => Answer::text(
                *status,
                HTML,
                "<html><body>You are being redirected.</body></html>",
            )
            .with("Location", location.clone()),
            Self::WrongJson => Answer::json(200, &serde_json::json!({ "unexpected": [1, "two"] })),
            Self::EmptyBody => Answer::text(200, crate::answer::JSON, ""),
            Self::GraphqlError { message } => Answer::graphql_errors(200, message),
            Self::GraphqlFineGrained => Answer::graphql_errors(200, FINE_GRAINED),
            _ => return None,
        })
    }
}

/// GitLab's words to a fine-grained token on an operation that does not support it.
pub(crate) const FINE_GRAINED: &str =
    "Access denied: This operation doesn't support fine-grained personal access tokens";

const CLOUDFLARE: &str = "<!DOCTYPE html>\n<html>\n<head>\n  \
    <meta content=\"width=device-width, initial-scale=1, maximum-scale=1\" name=\"viewport\">\n  \
    <title>Checking your Browser - GitLab</title>\n</head>\n<body></body>\n</html>\n";

const SIGN_IN: &str = "<!DOCTYPE html>\n<html class=\"html-devise-layout\" lang=\"en\">\n<head>\n\
    <title>Sign in · GitLab</title>\n</head>\n<body>You need to sign in before continuing.</body>\n\
    </html>\n";

fn throttled(retry_after: Option<u64>, now: DateTime<Utc>) -> Answer {
    let mut answer = Answer::text(429, TEXT, "Retry later");
    if let Some(seconds) = retry_after {
        let wait = chrono::Duration::seconds(i64::try_from(seconds.min(86_400)).unwrap_or(86_400));
        let budget = crate::limits::Budget::per_minute(60);
        answer.headers =
            crate::limits::throttle_headers("throttle_authenticated_api", budget, 67, now + wait);
        answer = answer.with("Retry-After", seconds.to_string());
    }
    answer
}

fn gateway(status: u16) -> Answer {
    match status {
        502 => Answer::text(502, HTML, gateway_page(502, "Bad Gateway")),
        503 => Answer::text(
            503,
            HTML,
            "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this \
             request.\n</body></html>\n",
        ),
        504 => Answer::text(504, HTML, gateway_page(504, "Gateway Time-out")),
        520..=524 => Answer::text(status, TEXT, format!("error code: {status}")),
        other => Answer::text(other, HTML, gateway_page(other, "Error")),
    }
}

fn gateway_page(status: u16, title: &str) -> String {
    format!(
        "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} \
         {title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}
