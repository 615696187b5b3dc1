//! Faults on demand, and triggers that change the world when a page is served.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, HTML, TEXT};
use crate::request::Call;
use crate::world::{Mutation, World};

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
    /// 401: the user demands a DPoP proof.
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
    /// The connection is closed without an answer.
    Close,
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

/// Which requests a fault or trigger is for. The default is every request.
///
/// Patterns are compared with the path below the prefix, as it came: `*` stands for any characters,
/// `/` included, and everything else for itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Selector {
    method: Option<String>,
    path: Option<String>,
    query: Option<String>,
    body: Option<String>,
    /// The first this many matching requests are let through.
    skip: u64,
    /// How often it strikes; without it, always.
    times: Option<u64>,
    /// With what chance, drawn from `seed`.
    probability: Option<f64>,
    seed: u64,
}

impl Selector {
    fn matches(&self, call: &Call) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| call.method.eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| glob(pattern, &call.path))
            && self
                .query
                .as_ref()
                .is_none_or(|part| call.query.contains(part.as_str()))
            && self
                .body
                .as_ref()
                .is_none_or(|part| call.body.contains(part.as_str()))
    }
}

macro_rules! selecting {
    ($name:ident) => {
        impl $name {
            /// Only requests whose path below the prefix matches, for example
            /// `/api/v4/groups/*/projects`.
            #[must_use]
            pub fn path(mut self, pattern: &str) -> Self {
                self.on.path = Some(pattern.to_owned());
                self
            }

            /// Only requests with that method.
            #[must_use]
            pub fn method(mut self, method: &str) -> Self {
                self.on.method = Some(method.to_owned());
                self
            }

            /// Only requests whose query (decoded and encoded again) has that part.
            #[must_use]
            pub fn query(mut self, part: &str) -> Self {
                self.on.query = Some(part.to_owned());
                self
            }

            /// Only requests whose body has that part, for example a field of a GraphQL query.
            #[must_use]
            pub fn body(mut self, part: &str) -> Self {
                self.on.body = Some(part.to_owned());
                self
            }

            /// Only the `n`-th matching request, counted from 1.
            #[must_use]
            pub fn nth(mut self, n: u64) -> Self {
                self.on.skip = n.saturating_sub(1);
                self.on.times = Some(1);
                self
            }

            /// Only from the `n`-th matching request on, counted from 1.
            #[must_use]
            pub fn from(mut self, n: u64) -> Self {
                self.on.skip = n.saturating_sub(1);
                self
            }

            /// Only so many times.
            #[must_use]
            pub fn times(mut self, times: u64) -> Self {
                self.on.times = Some(times);
                self
            }

            /// Only once.
            #[must_use]
            pub fn once(self) -> Self {
                self.times(1)
            }

            /// Only with this chance (0 to 1), drawn from a seed.
            #[must_use]
            pub fn probability(mut self, chance: f64, seed: u64) -> Self {
                self.on.probability = Some(chance);
                self.on.seed = seed;
                self
            }
        }
    };
}

/// A fault and the requests it strikes. Without a selector it strikes every request until
/// [`crate::GitlabSim::clear_faults`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    kind: FaultKind,
    #[serde(default)]
    on: Selector,
}

selecting!(Fault);

impl Fault {
    /// A fault for every request.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            on: Selector::default(),
        }
    }
}

/// Something that happens to the world right after a matching request was answered, so that rows
/// move between the pages of a listing.
pub struct Trigger {
    on: Selector,
    action: Action,
}

selecting!(Trigger);

type Change = Box<dyn FnMut(&mut World) + Send>;

enum Action {
    Mutations(Vec<Mutation>),
    Change(Change),
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger")
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}

impl Trigger {
    /// Applies mutations; one that is refused is left out.
    pub fn apply(mutations: Vec<Mutation>) -> Self {
        Self {
            on: Selector::default(),
            action: Action::Mutations(mutations),
        }
    }

    /// Runs any change.
    pub fn change(change: impl FnMut(&mut World) + Send + 'static) -> Self {
        Self {
            on: Selector::default(),
            action: Action::Change(Box::new(change)),
        }
    }

    pub(crate) fn selecting(mut self, on: Selector) -> Self {
        self.on = on;
        self
    }
}

/// Names a fault that was set, to ask for its hits or to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(u64);

#[derive(Debug)]
struct Armed<T> {
    id: FaultId,
    what: T,
    seen: u64,
    hits: u64,
    draws: u64,
}

impl<T> Armed<T> {
    /// Counts a matching request: whether this one is struck.
    fn strikes(&mut self, on: &Selector) -> bool {
        self.seen += 1;
        if self.seen <= on.skip || on.times.is_some_and(|times| self.hits >= times) {
            return false;
        }
        if let Some(chance) = on.probability {
            self.draws += 1;
            if unit(on.seed, self.draws) >= chance {
                return false;
            }
        }
        self.hits += 1;
        true
    }
}

/// All faults and triggers that are set.
#[derive(Debug, Default)]
pub(crate) struct Board {
    faults: Vec<Armed<Fault>>,
    triggers: Vec<Armed<Trigger>>,
    next: u64,
}

impl Board {
    pub(crate) fn add_fault(&mut self, fault: Fault) -> FaultId {
        let id = self.id();
        self.faults.push(Armed {
            id,
            what: fault,
            seen: 0,
            hits: 0,
            draws: 0,
        });
        id
    }

    pub(crate) fn add_trigger(&mut self, trigger: Trigger) -> FaultId {
        let id = self.id();
        self.triggers.push(Armed {
            id,
            what: trigger,
            seen: 0,
            hits: 0,
            draws: 0,
        });
        id
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
        self.triggers.clear();
    }

    pub(crate) fn remove(&mut self, id: FaultId) {
        self.faults.retain(|armed| armed.id != id);
        self.triggers.retain(|armed| armed.id != id);
    }

    pub(crate) fn hits(&self, id: FaultId) -> u64 {
        let fault = self
            .faults
            .iter()
            .find(|armed| armed.id == id)
            .map(|armed| armed.hits);
        let trigger = || {
            self.triggers
                .iter()
                .find(|armed| armed.id == id)
                .map(|armed| armed.hits)
        };
        fault.or_else(trigger).unwrap_or(0)
    }

    /// The first fault that strikes this request. Faults behind it do not see the request.
    pub(crate) fn strike(&mut self, call: &Call) -> Option<FaultKind> {
        for armed in &mut self.faults {
            let on = armed.what.on.clone();
            if on.matches(call) && armed.strikes(&on) {
                return Some(armed.what.kind.clone());
            }
        }
        None
    }

    /// Runs the triggers of a request on the world; returns whether anything ran.
    pub(crate) fn pull(&mut self, call: &Call, world: impl FnOnce(&mut dyn FnMut(&mut World))) {
        let mut due: Vec<&mut Armed<Trigger>> = self
            .triggers
            .iter_mut()
            .filter_map(|armed| {
                let on = armed.what.on.clone();
                (on.matches(call) && armed.strikes(&on)).then_some(armed)
            })
            .collect();
        if due.is_empty() {
            return;
        }
        world(&mut |world| {
            for armed in &mut due {
                match &mut armed.what.action {
                    Action::Mutations(mutations) => {
                        for mutation in mutations {
                            if let Err(error) = world.apply(mutation) {
                                tracing::warn!(%error, "a trigger's mutation was refused");
                            }
                        }
                    }
                    Action::Change(change) => change(world),
                }
            }
        });
    }

    fn id(&mut self) -> FaultId {
        self.next += 1;
        FaultId(self.next)
    }
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

/// The `draw`-th number in 0..1 of a seed.
fn unit(seed: u64, draw: u64) -> f64 {
    let mut z = seed.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

/// Whether `text` matches a pattern in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            let previous: &str = previous;
            match rest.find(previous) {
                Some(at) => rest = &rest[at + previous.len()..],
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_take_stars_for_any_characters() {
        check("/api/v4/projects", "/api/v4/projects", true);
        check("/api/v4/projects", "/api/v4/projects/1", false);
        check("/api/v4/projects*", "/api/v4/projects/1", true);
        check(
            "/api/v4/groups/*/projects",
            "/api/v4/groups/a%2Fb/projects",
            true,
        );
        check(
            "/api/v4/groups/*/projects",
            "/api/v4/groups/1/projects/shared",
            false,
        );
        check("*graphql", "/api/graphql", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*", "", true);
    }

    #[test]
    fn a_seed_draws_evenly() {
        let hits = (1..=10_000).filter(|draw| unit(7, *draw) < 0.25).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }
}
