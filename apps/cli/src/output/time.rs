//! Times and durations. The zone always stands beside the time.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// RFC 3339 in UTC, to the second: the same for people and for programs.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How long something took, as precisely as a person wants it.
pub(crate) fn took(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
