//! The engine against a walk through every minute, which knows no gap and no repeated hour: it only
//! watches a wall clock.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::*;
use crate::schedule::CronSchedule;

/// How far the walks go; a run is always found when the schedule has one on every day.
const MINUTES: i64 = 4 * 24 * 60;

fn minutes_after(now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let minute = now.timestamp().div_euclid(60) * 60;
    (1..MINUTES)
        .map(move |count| DateTime::from_timestamp(minute + count * 60, 0).expect("in range"))
}

/// A fixed time runs when the clock first reaches or jumps over it.
fn first_time_reached(daily: &DailyTimes, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = |at: DateTime<Utc>| at.with_timezone(&daily.zone().tz()).naive_local();
    let runs_between = |shown: NaiveDateTime, shows: NaiveDateTime| {
        let mut minute = shown;
        while minute < shows {
            minute += TimeDelta::minutes(1);
            if daily.weekdays().contains(minute.weekday())
                && daily
                    .times()
                    .iter()
                    .any(|time| time.naive() == minute.time())
            {
                return true;
            }
        }
        false
    };
    // The clock may be in its second pass, so the walk begins before any repeated hour.
    let start = now - TimeDelta::hours(3);
    let mut highest = local(start).with_second(0).expect("a minute");
    minutes_after(start).find(|at| {
        let shown = highest;
        highest = highest.max(local(*at));
        runs_between(shown, highest) && *at > now
    })
}

/// An hourly expression runs whenever the clock shows one of its times.
fn first_time_shown(cron: &CronSchedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (times, days) = (cron.calendar().times(), cron.calendar().days());
    minutes_after(now).find(|at| {
        let local = at.with_timezone(&cron.zone().tz()).naive_local();
        days.include(local.date()) && times.iter().any(|time| time.naive() == local.time())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn times_of_day(
        (daily, now) in any_zone()
            .prop_flat_map(|zone| (daily_in(zone), around_a_clock_change(zone))),
    ) {
        let expected = first_time_reached(&daily, now);
        let found = Schedule::At(daily.clone()).next_after(organization(1), now);
        match expected {
            Some(_) => prop_assert_eq!(found, expected, "{} after {}", daily, now),
            // The walk was too short for few days of the week.
            None => prop_assert!(found.is_some_and(|at| at > now + TimeDelta::days(3))),
        }
    }

    #[test]
    fn hourly_cron_expressions(
        minutes in select(&["0", "30", "*/15", "5,50", "7-59/13"][..]),
        days in select(&["* * *", "* * sun", "* 3,4,10,11 *"][..]),
        (zone, now) in any_zone().prop_flat_map(|zone| (Just(zone), around_a_clock_change(zone))),
    ) {
        let expression = format!("{minutes} * {days}");
        let cron = CronSchedule::parse(&expression, zone).expect("valid");
        let expected = first_time_shown(&cron, now);
        let found = Schedule::Cron(cron).next_after(organization(1), now);
        match expected {
            Some(_) => prop_assert_eq!(found, expected, "{} {} after {}", expression, zone, now),
            None => prop_assert!(found.is_some_and(|at| at > now + TimeDelta::days(3))),
        }
    }
}
