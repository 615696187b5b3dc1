//! Cron expressions against `croner`, an implementation that gets clock changes right.
//!
//! It makes up for a gap only where minute and hour are single numbers. An expression with several
//! fixed times is therefore compared with one expression of its own for each of them.

use croner::Cron;

use super::*;
use crate::schedule::CronSchedule;

/// What `croner` must be asked in order to answer an expression: itself when its hour is `*`, else
/// each of its times.
fn questions(expression: &str) -> Vec<Cron> {
    let whole: Cron = expression.parse().expect("valid for them");
    let fields: Vec<&str> = expression.split(' ').collect();
    if fields[1] == "*" {
        return vec![whole];
    }
    let hours = (0..24).filter(|hour| whole.pattern.hour_match(*hour).expect("an hour"));
    let minutes = (0..60).filter(|minute| whole.pattern.minute_match(*minute).expect("a minute"));
    let minutes: Vec<u32> = minutes.collect();
    hours
        .flat_map(|hour| minutes.iter().map(move |minute| (hour, minute)))
        .map(|(hour, minute)| format!("{minute} {hour} {}", fields[2..].join(" ")))
        .map(|time| time.parse().expect("valid for them"))
        .collect()
}

#[track_caller]
fn compare(expression: &str, zone: Zone, now: DateTime<Utc>, steps: usize) -> usize {
    let ours = Schedule::Cron(CronSchedule::parse(expression, zone).expect("valid for us"));
    let theirs = questions(expression);
    let mut at = now;
    for _ in 0..steps {
        let local = at.with_timezone(&zone.tz());
        let expected = theirs
            .iter()
            .map(|cron| {
                cron.find_next_occurrence(&local, false)
                    .expect("it has a next run")
            })
            .min()
            .map(|next| next.with_timezone(&Utc));
        let found = ours.next_after(organization(1), at);
        assert_eq!(found, expected, "{expression} {zone} after {at}");
        at = expected.expect("at least one time");
    }
    steps
}

#[test]
fn through_the_clock_changes_of_some_years() {
    let mut compared = 0;
    for (zone, changes) in CLOCK_CHANGES.iter() {
        let recent = changes
            .iter()
            .filter(|at| **at > moment("2026-01-01T00:00:00Z"))
            .take(6);
        for change in recent {
            for expression in EXPRESSIONS {
                compared += compare(expression, *zone, *change - TimeDelta::hours(20), 40);
            }
        }
        for expression in EXPRESSIONS {
            compared += compare(expression, *zone, moment("2027-01-01T00:00:00Z"), 20);
        }
    }
    assert!(compared > 15_000, "{compared} steps compared");
}

/// One field: wild, a number, a range, a list or a step.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => (first..=last).prop_map(|number| number.to_string()),
        2 => (first..=last, first..=last).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (2..=7_u32).prop_map(|step| format!("*/{step}")),
        1 => prop::collection::btree_set(first..=last, 2..=4).prop_map(|numbers| {
            numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn written_at_random(
        minute in prop_oneof![0..60_u32, 0..30_u32],
        hour in field(0, 23),
        (day_of_month, day_of_week) in prop_oneof![
            (field(1, 31), Just("*".to_owned())),
            (Just("*".to_owned()), field(0, 7)),
        ],
        month in field(1, 12),
        (zone, now) in any_zone().prop_flat_map(|zone| (Just(zone), around_a_clock_change(zone))),
    ) {
        let expression = format!("{minute} {hour} {day_of_month} {month} {day_of_week}");
        // Dates that no year has are refused, which has its own test.
        prop_assume!(CronSchedule::parse(&expression, zone).is_ok());
        compare(&expression, zone, now, 5);
    }
}
