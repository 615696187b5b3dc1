//! What a person sees at clock changes, zone by zone.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::*;

/// The runs after a moment, as the preview shows them.
#[track_caller]
fn preview(text: &str, after: &str, count: usize) -> String {
    schedule(text)
        .preview(organization(1), moment(after))
        .take(count)
        .fold(String::new(), |mut lines, run| {
            let note = run.note.map(|note| format!("  {note}")).unwrap_or_default();
            let at = run.at.format("%m-%d %H:%MZ");
            writeln!(lines, "{} = {at}{note}", run.local).expect("writing to a string");
            lines
        })
}

#[test]
fn a_time_that_the_gap_swallows_runs_right_after_it() {
    assert_snapshot!(preview("at 02:30 Europe/Warsaw", "2027-03-27T00:00:00Z", 3), @"
    2027-03-27 02:30:00 CET = 03-27 01:30Z
    2027-03-28 03:00:00 CEST = 03-28 01:00Z  moved from 02:30 past the clock change
    2027-03-29 02:30:00 CEST = 03-29 00:30Z
    ");
    assert_snapshot!(preview("at 02:30 America/New_York", "2027-03-13T00:00:00Z", 3), @"
    2027-03-13 02:30:00 EST = 03-13 07:30Z
    2027-03-14 03:00:00 EDT = 03-14 07:00Z  moved from 02:30 past the clock change
    2027-03-15 02:30:00 EDT = 03-15 06:30Z
    ");
    assert_snapshot!(preview("at 02:15 Australia/Lord_Howe", "2027-10-01T00:00:00Z", 3), @"
    2027-10-02 02:15:00 +1030 = 10-01 15:45Z
    2027-10-03 02:30:00 +11 = 10-02 15:30Z  moved from 02:15 past the clock change
    2027-10-04 02:15:00 +11 = 10-03 15:15Z
    ");
    assert_snapshot!(preview("at 02:30 Africa/Casablanca", "2027-03-13T00:00:00Z", 3), @"
    2027-03-13 02:30:00 +00 = 03-13 02:30Z
    2027-03-14 03:00:00 +01 = 03-14 02:00Z  moved from 02:30 past the clock change
    2027-03-15 02:30:00 +01 = 03-15 01:30Z
    ");
}

#[test]
fn two_times_in_one_gap_run_once() {
    assert_snapshot!(
        preview("at 02:10,02:50,03:00,03:10 Europe/Warsaw", "2027-03-28T00:00:00Z", 3), @"
    2027-03-28 03:00:00 CEST = 03-28 01:00Z  moved from 02:10 past the clock change
    2027-03-28 03:10:00 CEST = 03-28 01:10Z
    2027-03-29 02:10:00 CEST = 03-29 00:10Z
    ");
}

#[test]
fn a_time_that_exists_twice_runs_the_first_time() {
    assert_snapshot!(preview("at 02:30 Europe/Warsaw", "2027-10-30T12:00:00Z", 2), @"
    2027-10-31 02:30:00 CEST = 10-31 00:30Z  happens twice that day; runs the first time
    2027-11-01 02:30:00 CET = 11-01 01:30Z
    ");
    assert_snapshot!(preview("at 01:30 America/New_York", "2027-11-06T12:00:00Z", 2), @"
    2027-11-07 01:30:00 EDT = 11-07 05:30Z  happens twice that day; runs the first time
    2027-11-08 01:30:00 EST = 11-08 06:30Z
    ");
    assert_snapshot!(preview("at 01:45 Australia/Lord_Howe", "2027-04-02T20:00:00Z", 2), @"
    2027-04-04 01:45:00 +11 = 04-03 14:45Z  happens twice that day; runs the first time
    2027-04-05 01:45:00 +1030 = 04-04 15:15Z
    ");
    assert_snapshot!(preview("at 02:30 Africa/Casablanca", "2027-02-06T12:00:00Z", 2), @"
    2027-02-07 02:30:00 +01 = 02-07 01:30Z  happens twice that day; runs the first time
    2027-02-08 02:30:00 +00 = 02-08 02:30Z
    ");
}

#[test]
fn asked_in_the_second_pass_it_is_not_run_again() {
    assert_snapshot!(preview("at 02:15,02:45 Europe/Warsaw", "2027-10-31T01:20:00Z", 1), @"2027-11-01 02:15:00 CET = 11-01 01:15Z");
}

#[test]
fn a_gap_over_the_weekday_border_keeps_the_run() {
    // Samoa left out Friday, 30 December 2011.
    assert_snapshot!(preview("at 06:00 Pacific/Apia fri", "2011-12-25T00:00:00Z", 2), @"
    2011-12-31 00:00:00 +14 = 12-30 10:00Z  moved from 06:00 past the clock change
    2012-01-06 06:00:00 +14 = 01-05 16:00Z
    ");
}

#[test]
fn a_zone_that_moved_for_good_and_a_zone_that_never_moves() {
    assert_snapshot!(preview("at 00:05 Asia/Kathmandu", "1985-12-30T20:00:00Z", 3), @"
    1986-01-01 00:15:00 +0545 = 12-31 18:30Z  moved from 00:05 past the clock change
    1986-01-02 00:05:00 +0545 = 01-01 18:20Z
    1986-01-03 00:05:00 +0545 = 01-02 18:20Z
    ");
    assert_snapshot!(preview("at 02:30 UTC", "2027-03-28T00:00:00Z", 2), @"
    2027-03-28 02:30:00 UTC = 03-28 02:30Z
    2027-03-29 02:30:00 UTC = 03-29 02:30Z
    ");
}

#[test]
fn an_hourly_cron_expression_follows_the_clock() {
    assert_snapshot!(preview("cron 0 * * * * @ Europe/Warsaw", "2027-03-27T23:30:00Z", 3), @"
    2027-03-28 01:00:00 CET = 03-28 00:00Z
    2027-03-28 03:00:00 CEST = 03-28 01:00Z
    2027-03-28 04:00:00 CEST = 03-28 02:00Z
    ");
    assert_snapshot!(preview("cron */30 * * * * @ Europe/Warsaw", "2027-10-30T23:30:00Z", 6), @"
    2027-10-31 02:00:00 CEST = 10-31 00:00Z  happens twice that day; runs both times
    2027-10-31 02:30:00 CEST = 10-31 00:30Z  happens twice that day; runs both times
    2027-10-31 02:00:00 CET = 10-31 01:00Z  happens twice that day; runs both times
    2027-10-31 02:30:00 CET = 10-31 01:30Z  happens twice that day; runs both times
    2027-10-31 03:00:00 CET = 10-31 02:00Z
    2027-10-31 03:30:00 CET = 10-31 02:30Z
    ");
    assert_snapshot!(
        preview("cron */15 * * * * @ Australia/Lord_Howe", "2027-04-03T14:30:00Z", 6), @"
    2027-04-04 01:45:00 +11 = 04-03 14:45Z  happens twice that day; runs both times
    2027-04-04 01:30:00 +1030 = 04-03 15:00Z  happens twice that day; runs both times
    2027-04-04 01:45:00 +1030 = 04-03 15:15Z  happens twice that day; runs both times
    2027-04-04 02:00:00 +1030 = 04-03 15:30Z
    2027-04-04 02:15:00 +1030 = 04-03 15:45Z
    2027-04-04 02:30:00 +1030 = 04-03 16:00Z
    ");
}

#[test]
fn a_fixed_cron_expression_runs_once_a_day() {
    assert_snapshot!(preview("cron 30 2 * * * @ Europe/Warsaw", "2027-03-27T12:00:00Z", 2), @"
    2027-03-28 03:00:00 CEST = 03-28 01:00Z  moved from 02:30 past the clock change
    2027-03-29 02:30:00 CEST = 03-29 00:30Z
    ");
    assert_snapshot!(preview("cron 30 2 * * * @ Europe/Warsaw", "2027-10-30T12:00:00Z", 2), @"
    2027-10-31 02:30:00 CEST = 10-31 00:30Z  happens twice that day; runs the first time
    2027-11-01 02:30:00 CET = 11-01 01:30Z
    ");
}

#[test]
fn an_interval_does_not_notice() {
    let six_hours = schedule("every 6h");
    for after in ["2027-03-27T12:00:00Z", "2027-10-30T12:00:00Z"] {
        let runs: Vec<_> = six_hours
            .preview(organization(7), moment(after))
            .take(8)
            .map(|run| run.at)
            .collect();
        assert!(
            runs.windows(2)
                .all(|pair| pair[1] - pair[0] == TimeDelta::hours(6)),
            "{runs:?}"
        );
    }
}
