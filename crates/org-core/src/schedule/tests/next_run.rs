//! What holds for the next run of every schedule, and the spread of intervals.

use chrono::{TimeZone, Timelike};

use super::*;
use crate::schedule::RunNote;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_is_strictly_later_than_now(
        schedule in any_schedule(),
        organization in any_organization(),
        now in any_moment(),
    ) {
        if let Some(next) = schedule.next_after(organization, now) {
            prop_assert!(next > now, "{schedule}: {next} after {now}");
        }
    }

    #[test]
    fn only_manual_schedules_have_none_in_the_lifetime_of_anybody(
        schedule in any_schedule(),
        organization in any_organization(),
        now in any_zone().prop_flat_map(around_a_clock_change),
    ) {
        let next = schedule.next_after(organization, now);
        prop_assert_eq!(next.is_none(), schedule == Schedule::Manual);
    }

    #[test]
    fn asking_from_any_moment_before_it_gives_the_same(
        schedule in any_schedule(),
        organization in any_organization(),
        now in any_moment(),
        part in 0.0..1.0_f64,
    ) {
        if let Some(next) = schedule.next_after(organization, now) {
            let milliseconds = (next - now).num_milliseconds();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation,
                     reason = "any moment in between will do")]
            let between = now + TimeDelta::milliseconds((milliseconds as f64 * part) as i64);
            prop_assume!(between < next);
            prop_assert_eq!(schedule.next_after(organization, between), Some(next));
        }
    }

    #[test]
    fn the_preview_is_the_chain_of_next_runs(
        schedule in any_schedule(),
        organization in any_organization(),
        now in any_moment(),
    ) {
        let mut after = now;
        for run in schedule.preview(organization, now).take(10) {
            prop_assert_eq!(schedule.next_after(organization, after), Some(run.at));
            prop_assert_eq!(run.local.with_timezone(&Utc), run.at);
            prop_assert_eq!(run.local.timezone(), schedule.zone().tz());
            after = run.at;
        }
    }

    #[test]
    fn a_run_without_a_note_is_at_one_of_the_times(
        (zone, daily, now) in any_zone().prop_flat_map(|zone| {
            (Just(zone), daily_in(zone), around_a_clock_change(zone))
        }),
    ) {
        let (times, weekdays) = (daily.times().to_vec(), daily.weekdays());
        for run in Schedule::At(daily).preview(organization(1), now).take(10) {
            let local = run.local.naive_local();
            let is_a_time = times.iter().any(|time| time.naive() == local.time())
                && weekdays.contains(chrono::Datelike::weekday(&local));
            match run.note {
                None | Some(RunNote::FirstOfTwo) => prop_assert!(is_a_time, "{}", run.local),
                Some(RunNote::Moved { from }) => {
                    prop_assert!(zone.tz().from_local_datetime(&from).single().is_none());
                    prop_assert!(from < local);
                }
                Some(RunNote::BothOfTwo) => prop_assert!(false, "a time of day runs once"),
            }
        }
    }

    #[test]
    fn an_organization_keeps_its_place_in_the_interval(
        interval in any_interval(),
        organization in any_organization(),
        now in any_moment(),
    ) {
        let offset = interval.offset_of(organization);
        prop_assert!(offset < interval.seconds());
        if let Some(next) = Schedule::Every(interval).next_after(organization, now) {
            let place = next.timestamp().rem_euclid(i64::from(interval.seconds()));
            prop_assert_eq!(place, i64::from(offset));
            prop_assert_eq!(next.nanosecond(), 0);
            // One interval at most, and not one more for a fraction of a second.
            prop_assert!(next - now <= TimeDelta::seconds(i64::from(interval.seconds())));
        }
    }
}

#[test]
fn a_thousand_organizations_are_spread_evenly() {
    const TENTHS: u32 = 10;
    for seconds in [300, 3_600, 21_600, 2_678_400] {
        let interval = Interval::from_seconds(seconds).expect("within the bounds");
        let mut counts = [0_usize; TENTHS as usize];
        // Ids made one after the other differ in few bits, which is the hardest case.
        for number in 0..1_000 {
            let offset = interval.offset_of(organization(0x0192_f0c1 << 96 | number));
            let tenth = u64::from(offset) * u64::from(TENTHS) / u64::from(interval.seconds());
            counts[usize::try_from(tenth).expect("small")] += 1;
        }
        assert!(
            counts.iter().all(|count| (60..=140).contains(count)),
            "{interval}: {counts:?}, about 100 expected in each tenth"
        );
    }
}

/// The documented algorithm; a change would move every organization of every installation.
#[test]
fn the_place_of_an_organization_never_changes() {
    let interval = Interval::from_seconds(21_600).expect("within the bounds");
    let organization = "0192f0c1-2345-7000-8000-000000000001"
        .parse()
        .expect("an id");
    assert_eq!(interval.offset_of(organization), EXPECTED_OFFSET);
}

/// `int(sha256(uuid.bytes).hexdigest()[:16], 16) % 21600` in Python.
const EXPECTED_OFFSET: u32 = 20_753;

#[test]
fn the_ends_of_time_are_answered() {
    let last = DateTime::<Utc>::MAX_UTC;
    let first = DateTime::<Utc>::MIN_UTC;
    for text in [
        "every 300s",
        "at 06:00 Europe/Warsaw",
        "cron 0 * * * * @ America/New_York",
    ] {
        assert_eq!(
            schedule(text).next_after(organization(1), last),
            None,
            "{text}"
        );
        let next = schedule(text).next_after(organization(1), first);
        assert!(next.is_some_and(|next| next > first), "{text}: {next:?}");
    }
}

#[test]
fn manual_never_runs() {
    let now = moment("2027-01-01T00:00:00Z");
    assert_eq!(Schedule::Manual.next_after(organization(1), now), None);
    assert_eq!(Schedule::Manual.preview(organization(1), now).count(), 0);
}

#[test]
fn the_last_days_of_short_months_and_leap_years_are_found() {
    let runs: Vec<String> = schedule("cron 0 0 29 2 * @ UTC")
        .preview(organization(1), moment("2095-01-01T00:00:00Z"))
        .take(3)
        .map(|run| run.at.date_naive().to_string())
        .collect();
    assert_eq!(runs, ["2096-02-29", "2104-02-29", "2108-02-29"]);
}
