//! Moments and durations as people read them.

use std::fmt;
use std::time::Duration;

use askama::filters::HtmlSafe;
use chrono::{DateTime, SecondsFormat, Utc};

/// A moment: in UTC on the page, in the reader's zone once the script has run, and exactly when pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) struct Stamp(pub(in crate::console) DateTime<Utc>);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.0.to_rfc3339_opts(SecondsFormat::Secs, true);
        let exact = self.0.format("%Y-%m-%d %H:%M:%S UTC");
        let words = self.0.format("%-d %b %Y, %H:%M UTC");
        write!(
            f,
            "<time datetime=\"{machine}\" title=\"{exact}\" class=\"nowrap\">{words}</time>"
        )
    }
}

impl HtmlSafe for Stamp {}

/// How long something took: `12 ms`, `3.4 s`, `2 min 5 s`, `1 h 4 min`.
pub(in crate::console) fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0 => format!("{} ms", took.as_millis()),
        1..60 => format!("{:.1} s", took.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_exact_time_at_hand() {
        let at: DateTime<Utc> = "2026-11-27T07:46:34.123Z".parse().expect("a time");
        insta::assert_snapshot!(Stamp(at), @r#"<time datetime="2026-11-27T07:46:34Z" title="2026-11-27 07:46:34 UTC" class="nowrap">27 Nov 2026, 07:46 UTC</time>"#);
    }

    #[test]
    fn durations_are_short() {
        for (milliseconds, expected) in [
            (7, "7 ms"),
            (3400, "3.4 s"),
            (125_000, "2 min 5 s"),
            (3_840_000, "1 h 4 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }
}
