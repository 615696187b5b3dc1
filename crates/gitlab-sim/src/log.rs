//! What was asked of the simulator, without any credential.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::request::AuthKind;
use crate::world::UserId;

/// Older records than this many are forgotten; the counts of [`Stats`] are not.
const KEPT: usize = 200_000;

/// One request that was answered (or cut off) by the simulator.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// Counts from 1 in the order of arrival.
    pub seq: u64,
    /// The HTTP method.
    pub method: String,
    /// The path below the prefix, encoded as it came.
    pub path: String,
    /// The query without credentials; values that are or may be secrets are `***`.
    pub query: String,
    /// The status that was sent; 0 when the connection was closed without an answer.
    pub status: u16,
    /// How the request authenticated.
    pub auth: AuthKind,
    /// Whose credential it was, when it was known.
    pub user: Option<UserId>,
    /// Whether a token's value stood anywhere in the URL, where none belongs.
    pub token_in_url: bool,
    /// How many requests were being answered when this one came, itself included.
    pub in_flight: u64,
    /// The fault that struck it, by the name of its kind.
    pub fault: Option<String>,
    /// The body of a GraphQL request.
    pub graphql: Option<String>,
    /// The form or JSON fields of a request to the OAuth side, masked in the same way.
    pub form: Option<String>,
    /// `User-Agent`.
    pub user_agent: String,
}

/// Totals since the start or the last [`crate::GitlabSim::reset_requests`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// All requests.
    pub requests: u64,
    /// The most that were being answered at the same time.
    pub max_concurrency: u64,
    /// Bytes of bodies that were sent (without those of streamed faults).
    pub body_bytes: u64,
    /// Requests by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests by endpoint, for example `GET /api/v4/groups/:id/projects`.
    pub by_endpoint: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    records: VecDeque<RequestRecord>,
    stats: Stats,
    next: u64,
    in_flight: u64,
}

impl Log {
    /// A request came: its number and how many are being answered now.
    pub(crate) fn begin(&mut self) -> (u64, u64) {
        self.next += 1;
        self.in_flight += 1;
        self.stats.max_concurrency = self.stats.max_concurrency.max(self.in_flight);
        (self.next, self.in_flight)
    }

    pub(crate) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn record(&mut self, record: RequestRecord, endpoint: String, bytes: u64) {
        self.stats.requests += 1;
        self.stats.body_bytes += bytes;
        *self.stats.by_status.entry(record.status).or_default() += 1;
        *self.stats.by_endpoint.entry(endpoint).or_default() += 1;
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.clone()
    }

    pub(crate) fn reset(&mut self) {
        self.records.clear();
        self.stats = Stats {
            max_concurrency: self.in_flight,
            ..Stats::default()
        };
    }
}
