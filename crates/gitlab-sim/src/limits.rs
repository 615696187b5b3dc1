//! Request budgets: the throttle in front of everything and the limiter of single endpoints.
//!
//! Both count in fixed windows of the clock, as `Rack::Attack` and GitLab's own limiter do.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, TEXT};
use crate::world::UserId;

/// So many requests in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many requests.
    pub requests: u64,
    /// How long a window is.
    pub window: Duration,
}

impl Budget {
    /// A budget of a minute.
    pub fn per_minute(requests: u64) -> Self {
        Self {
            requests,
            window: Duration::from_mins(1),
        }
    }
}

/// An endpoint with a limiter of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /projects`.
    Projects,
    /// `GET /projects/:id`.
    Project,
    /// `GET /groups`.
    Groups,
    /// `GET /groups/:id`.
    Group,
    /// `GET /groups/:id/projects`.
    GroupProjects,
    /// `GET /users/:id/projects`.
    UserProjects,
    /// `GET /users/:id`.
    User,
}

/// The budgets of an instance. The default has none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// All API traffic of one user: beyond it, 429 in plain text with `RateLimit-*` headers.
    pub authenticated: Option<Budget>,
    /// All API traffic without a credential.
    pub unauthenticated: Option<Budget>,
    /// Endpoints with a limiter of their own, by user: beyond it, 429 in JSON.
    pub endpoints: BTreeMap<Endpoint, Budget>,
    /// Whether answers below the limit carry `RateLimit-*` headers too, as since about 18.6.
    pub headers_on_success: bool,
    /// Whether the 429 in JSON says `Retry-After: 60`, as newer versions do.
    pub retry_after_in_json: bool,
}

impl RateLimits {
    /// No limits.
    pub fn off() -> Self {
        Self::default()
    }

    /// The published limits of GitLab.com (GitLab docs, `user/gitlab_com`).
    pub fn gitlab_com() -> Self {
        let ten_minutes = Duration::from_mins(10);
        Self {
            authenticated: Some(Budget::per_minute(2000)),
            unauthenticated: Some(Budget::per_minute(500)),
            endpoints: BTreeMap::from([
                (
                    Endpoint::Projects,
                    Budget {
                        requests: 2000,
                        window: ten_minutes,
                    },
                ),
                (Endpoint::Project, Budget::per_minute(400)),
                (Endpoint::Groups, Budget::per_minute(200)),
                (Endpoint::Group, Budget::per_minute(400)),
                (Endpoint::GroupProjects, Budget::per_minute(600)),
                (Endpoint::UserProjects, Budget::per_minute(300)),
                (
                    Endpoint::User,
                    Budget {
                        requests: 300,
                        window: ten_minutes,
                    },
                ),
            ]),
            headers_on_success: true,
            retry_after_in_json: false,
        }
    }

    /// Only the throttle of a user, for all traffic.
    pub fn throttle(requests: u64, window: Duration) -> Self {
        Self {
            authenticated: Some(Budget { requests, window }),
            headers_on_success: true,
            ..Self::default()
        }
    }

    /// Adds the limiter of one endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, budget: Budget) -> Self {
        self.endpoints.insert(endpoint, budget);
        self
    }

    /// Leaves `RateLimit-*` headers out of answers below the limit, as older versions do.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.headers_on_success = false;
        self
    }
}

/// The counters of all windows.
#[derive(Debug, Default)]
pub(crate) struct Counters(HashMap<(Option<Endpoint>, Option<UserId>), (i64, u64)>);

/// What the budgets say about one request.
pub(crate) struct Verdict {
    /// The refusal, if it is one.
    pub(crate) refused: Option<Answer>,
    /// Headers for the answer otherwise.
    pub(crate) headers: Vec<(String, String)>,
}

impl Counters {
    pub(crate) fn check(
        &mut self,
        limits: &RateLimits,
        endpoint: Option<Endpoint>,
        user: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Verdict {
        let (name, budget) = match user {
            Some(_) => ("throttle_authenticated_api", limits.authenticated),
            None => ("throttle_unauthenticated_api", limits.unauthenticated),
        };
        let mut headers = Vec::new();
        if let Some(budget) = budget {
            let (seen, reset) = self.count((None, user), budget, now);
            headers = throttle_headers(name, budget, seen, reset);
            if seen > budget.requests {
                let mut answer = Answer::text(429, TEXT, "Retry later");
                answer.headers = headers;
                let wait = (reset - now).num_milliseconds().max(1);
                let seconds = wait.unsigned_abs().div_ceil(1000);
                let refused = Some(answer.with("Retry-After", seconds.to_string()));
                return Verdict {
                    refused,
                    headers: Vec::new(),
                };
            }
        }
        if !limits.headers_on_success {
            headers.clear();
        }
        let own = endpoint.and_then(|kind| limits.endpoints.get(&kind).map(|b| (kind, *b)));
        if let Some((kind, budget)) = own {
            let (seen, _) = self.count((Some(kind), user), budget, now);
            if seen > budget.requests {
                let retry_after = limits.retry_after_in_json.then_some(60);
                let refused = Some(Answer::too_many_requests(retry_after));
                return Verdict { refused, headers };
            }
        }
        Verdict {
            refused: None,
            headers,
        }
    }

    /// Counts one request: how many this window has seen, and when the window ends.
    fn count(
        &mut self,
        key: (Option<Endpoint>, Option<UserId>),
        budget: Budget,
        now: DateTime<Utc>,
    ) -> (u64, DateTime<Utc>) {
        let length = i64::try_from(budget.window.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let window = now.timestamp_millis().div_euclid(length);
        let counter = self.0.entry(key).or_insert((window, 0));
        if counter.0 != window {
            *counter = (window, 0);
        }
        counter.1 += 1;
        let end = window.saturating_add(1).saturating_mul(length);
        (
            counter.1,
            Utc.timestamp_millis_opt(end).single().unwrap_or(now),
        )
    }
}

/// GitLab's throttle headers; the limit is scaled to a minute.
pub(crate) fn throttle_headers(
    name: &str,
    budget: Budget,
    seen: u64,
    reset: DateTime<Utc>,
) -> Vec<(String, String)> {
    let millis = u64::try_from(budget.window.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let per_minute = budget.requests.saturating_mul(60_000) / millis;
    // A reset within a second is told as the next full second, never as one that has passed.
    let reset_at = reset.timestamp() + i64::from(reset.timestamp_subsec_millis() > 0);
    [
        ("RateLimit-Name", name.to_owned()),
        ("RateLimit-Limit", per_minute.to_string()),
        ("RateLimit-Observed", seen.to_string()),
        (
            "RateLimit-Remaining",
            budget.requests.saturating_sub(seen).to_string(),
        ),
        ("RateLimit-Reset", reset_at.to_string()),
        (
            "RateLimit-ResetTime",
            reset.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
