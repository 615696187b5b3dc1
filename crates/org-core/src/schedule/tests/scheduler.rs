//! The rule for a scheduler that keeps the next run in a store.

use insta::assert_snapshot;

use super::*;
use crate::schedule::Due;

fn words(due: &Due) -> String {
    let run = due
        .run
        .map_or_else(|| "no run".to_owned(), |run| run.to_string());
    let next = due
        .next_run
        .map_or_else(|| "never".to_owned(), |next| next.to_string());
    format!("{run}; next {next}")
}

#[track_caller]
fn plan(text: &str, stored: Option<&str>, now: &str) -> String {
    words(&schedule(text).plan_next(organization(1), stored.map(moment), moment(now)))
}

#[test]
fn it_runs_when_the_time_has_come_and_not_before() {
    let text = "at 06:00,18:00 UTC";
    let stored = Some("2027-03-01T06:00:00Z");
    assert_snapshot!(plan(text, stored, "2027-03-01T05:59:59Z"), @"no run; next 2027-03-01 06:00:00 UTC");
    assert_snapshot!(plan(text, stored, "2027-03-01T06:00:00Z"), @"planned for 2027-03-01T06:00:00Z; next 2027-03-01 18:00:00 UTC");
    assert_snapshot!(plan(text, stored, "2027-03-01T06:00:30Z"), @"planned for 2027-03-01T06:00:00Z; next 2027-03-01 18:00:00 UTC");
}

#[test]
fn missed_runs_are_made_up_by_one() {
    let text = "at 06:00,18:00 UTC";
    let stored = Some("2027-03-01T06:00:00Z");
    assert_snapshot!(plan(text, stored, "2027-03-01T17:00:00Z"), @"planned for 2027-03-01T06:00:00Z; next 2027-03-01 18:00:00 UTC");
    assert_snapshot!(plan(text, stored, "2027-03-01T18:00:00Z"), @"planned for 2027-03-01T06:00:00Z; makes up for one more missed run; next 2027-03-02 06:00:00 UTC");
    assert_snapshot!(plan(text, stored, "2027-03-03T12:00:00Z"), @"planned for 2027-03-01T06:00:00Z; makes up for 4 more missed runs; next 2027-03-03 18:00:00 UTC");
    assert_snapshot!(plan(text, stored, "2028-03-03T12:00:00Z"), @"planned for 2027-03-01T06:00:00Z; makes up for 100 or more missed runs; next 2028-03-03 18:00:00 UTC");
}

#[test]
fn nothing_stored_and_manual_never_run() {
    assert_snapshot!(plan("at 06:00 UTC", None, "2027-03-01T07:00:00Z"), @"no run; next 2027-03-02 06:00:00 UTC");
    assert_snapshot!(plan("manual", None, "2027-03-01T07:00:00Z"), @"no run; next never");
    assert_snapshot!(plan("manual", Some("2027-03-01T06:00:00Z"), "2027-03-01T07:00:00Z"), @"no run; next never");
}

#[test]
fn a_clock_that_was_ahead_heals() {
    // Stored while the clock was a year ahead.
    assert_snapshot!(plan("at 06:00 UTC", Some("2028-03-01T06:00:00Z"), "2027-03-01T07:00:00Z"), @"no run; next 2027-03-02 06:00:00 UTC");
}

proptest! {
    /// A scheduler that wakes at any moments, with any outages, against the list of all runs.
    #[test]
    fn every_run_is_started_or_made_up_and_none_twice(
        schedule in any_schedule(),
        organization in any_organization(),
        start in any_zone().prop_flat_map(around_a_clock_change),
        sleeps in prop::collection::vec(prop_oneof![1..600_i64, 1..400_000_i64], 1..30),
    ) {
        let mut now = start;
        let mut stored = schedule.plan_next(organization, None, now).next_run;
        for sleep in sleeps {
            let slept_from = now;
            now += TimeDelta::seconds(sleep);
            let planned: Vec<_> = schedule
                .preview(organization, slept_from)
                .map(|run| run.at)
                .take_while(|at| *at <= now)
                .take(150)
                .collect();

            let due = schedule.plan_next(organization, stored, now);

            prop_assert_eq!(due.run.map(|run| run.planned), planned.first().copied());
            if let Some(run) = due.run {
                prop_assert_eq!(run.also_missed as usize, (planned.len() - 1).min(100));
                prop_assert_eq!(run.planned + run.late_by, now);
            }
            prop_assert!(due.next_run.is_none_or(|next| next > now));
            stored = due.next_run;
            let again = schedule.plan_next(organization, stored, now);
            prop_assert_eq!(again, Due { run: None, next_run: stored });
        }
    }
}
