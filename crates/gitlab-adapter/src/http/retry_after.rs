//! How long a host asks us to wait.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The most that is believed; whatever is longer is cut to it and then exceeds every sensible limit anyway.
const MOST: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds or an HTTP date (RFC 9110, section 10.2.3). `None` for anything else.
///
/// `now` is the host's own idea of the time where it told one, so that a clock that is off does no harm.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number beyond 64 bits is still a number.
        return Some(value.parse().map_or(MOST, Duration::from_secs).min(MOST));
    }
    let until = http_date(value)?;
    Some((until - now).to_std().unwrap_or_default().min(MOST))
}

/// Reads an HTTP date, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(value: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(value.trim())
        .ok()
        .map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<u64>) {
        let now = "2026-11-23T06:00:00Z".parse().expect("a time");
        assert_eq!(
            retry_after(value, now),
            expected.map(Duration::from_secs),
            "{value}"
        );
    }

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        check("0", Some(0));
        check(" 60 ", Some(60));
        check("99999999999999999999999", Some(86_400));
        check("Mon, 23 Nov 2026 06:01:30 GMT", Some(90));
        check("Mon, 23 Nov 2026 05:00:00 GMT", Some(0));
        check("Sat, 23 Nov 2999 06:00:00 GMT", Some(86_400));
        for nonsense in ["", "-5", "soon", "1.5", "12s", "2026-11-23"] {
            check(nonsense, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_never_more_than_a_day(value in ".{0,40}") {
            let now = "2026-11-23T06:00:00Z".parse().expect("a time");
            prop_assert!(retry_after(&value, now).is_none_or(|wait| wait <= MOST));
        }

        #[test]
        fn any_number_of_seconds_is_kept_up_to_a_day(seconds in any::<u64>()) {
            let now = "2026-11-23T06:00:00Z".parse().expect("a time");
            let expected = Duration::from_secs(seconds.min(86_400));
            prop_assert_eq!(retry_after(&seconds.to_string(), now), Some(expected));
        }
    }
}
