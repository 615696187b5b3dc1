//! Tests of the schedules: the words, the clock changes, and the engine against three oracles.

mod against_croner;
mod clock_changes;
#[cfg(feature = "serde")]
mod json;
mod minute_by_minute;
mod next_run;
mod parsing;
mod scheduler;

use std::sync::LazyLock;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc, Weekday};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;

use super::{DailyTimes, Interval, Schedule, TimeOfDay, Weekdays, Zone};
use crate::ids::OrganizationId;

/// Zones with ordinary, half-hour, politically moved and no clock changes.
const ZONES: [&str; 6] = [
    "Europe/Warsaw",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "UTC",
];

/// Expressions with fixed hours and with hours that follow the clock, some of them inside the
/// usual gaps.
const EXPRESSIONS: [&str; 16] = [
    "0 * * * *",
    "*/15 * * * *",
    "*/30 * * * 0",
    "10,40 * 25-31 3,10 *",
    "30 2 * * *",
    "15,45 2 * * *",
    "0 3 * * *",
    "0 */2 * * *",
    "*/20 1-3 * * *",
    "0 0 * * mon-fri",
    "30 1 * * sun",
    "5 2 * * 7",
    "0 6 1 * *",
    "0 12 29 feb *",
    "45 23 31 * *",
    "0 2,14 * mar,apr,sep-nov fri-sun",
];

fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(number))
}

#[track_caller]
fn schedule(text: &str) -> Schedule {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn moment(text: &str) -> DateTime<Utc> {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn zone(name: &str) -> Zone {
    name.parse()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The moments at which the clocks of a zone changed since 1985 and will change until 2045, by the
/// minute.
fn clock_changes(zone: Zone) -> Vec<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix();
    let mut changes = Vec::new();
    let mut before = moment("1985-01-01T00:00:00Z");
    let end = moment("2045-01-01T00:00:00Z");
    while before < end {
        let after = before + TimeDelta::hours(6);
        if offset(before) != offset(after) {
            let mut at = before;
            while offset(at) == offset(before) {
                at += TimeDelta::minutes(1);
            }
            changes.push(at);
        }
        before = after;
    }
    changes
}

static CLOCK_CHANGES: LazyLock<Vec<(Zone, Vec<DateTime<Utc>>)>> = LazyLock::new(|| {
    ZONES
        .iter()
        .map(|name| zone(name))
        .map(|zone| (zone, clock_changes(zone)))
        .collect()
});

/// Moments within two days around a clock change of the zone, or of any year when it has none.
fn around_a_clock_change(zone: Zone) -> BoxedStrategy<DateTime<Utc>> {
    let changes = &CLOCK_CHANGES
        .iter()
        .find(|(known, _)| *known == zone)
        .expect("a test zone")
        .1;
    let near = if changes.is_empty() {
        (0..1_893_456_000_i64)
            .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("in range"))
            .boxed()
    } else {
        select(changes.as_slice()).boxed()
    };
    (near, -172_800..172_800_i64)
        .prop_map(|(near, seconds)| near + TimeDelta::seconds(seconds))
        .boxed()
}

fn any_zone() -> impl Strategy<Value = Zone> {
    select(&ZONES[..]).prop_map(zone)
}

fn any_moment() -> impl Strategy<Value = DateTime<Utc>> {
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    prop_oneof![
        4 => any_zone().prop_flat_map(around_a_clock_change),
        2 => (first.timestamp()..=last.timestamp(), 0..1_999_999_999_u32).prop_filter_map(
            "only seconds before a minute may leap",
            |(seconds, nanos)| DateTime::from_timestamp(seconds, nanos),
        ),
        1 => (0..200_000_i64).prop_map(move |seconds| first + TimeDelta::seconds(seconds)),
        1 => (0..200_000_i64).prop_map(move |seconds| last - TimeDelta::seconds(seconds)),
    ]
}

fn any_interval() -> impl Strategy<Value = Interval> {
    prop_oneof![
        select(&[300_u64, 3_600, 21_600, 86_400, 604_800, 2_678_400][..]),
        300..=2_678_400_u64,
    ]
    .prop_map(|seconds| Interval::from_seconds(seconds).expect("within the bounds"))
}

/// Times of which many lie where clocks change.
fn any_times() -> impl Strategy<Value = Vec<TimeOfDay>> {
    let time = prop_oneof![
        2 => (0..4_u8, select(&[0_u8, 1, 15, 29, 30, 31, 45, 59][..])),
        1 => (0..24_u8, 0..60_u8),
    ];
    prop::collection::btree_set(time, 1..=6).prop_map(|times| {
        let time = |(hour, minute)| TimeOfDay::new(hour, minute).expect("in range");
        times.into_iter().map(time).collect()
    })
}

fn any_weekdays() -> impl Strategy<Value = Weekdays> {
    let week: Vec<Weekday> = Weekdays::ALL.iter().collect();
    prop_oneof![
        Just(Weekdays::ALL),
        subsequence(week, 1..=7).prop_map(|days| Weekdays::new(days).expect("not empty")),
    ]
}

fn daily_in(zone: Zone) -> impl Strategy<Value = DailyTimes> {
    (any_times(), any_weekdays()).prop_map(move |(times, weekdays)| {
        DailyTimes::new(times, zone, weekdays).expect("distinct times")
    })
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        2 => any_interval().prop_map(Schedule::Every),
        4 => any_zone().prop_flat_map(daily_in).prop_map(Schedule::At),
        4 => (select(&EXPRESSIONS[..]), any_zone()).prop_map(|(expression, zone)| {
            schedule(&format!("cron {expression} @ {zone}"))
        }),
        1 => Just(Schedule::Manual),
    ]
}

fn any_organization() -> impl Strategy<Value = OrganizationId> {
    any::<u128>().prop_map(organization)
}
