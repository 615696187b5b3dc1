//! Times. The zone always stands beside the time.

use chrono::{DateTime, SecondsFormat, Utc};

/// RFC 3339 in UTC, to the second: the same for people and for programs.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
