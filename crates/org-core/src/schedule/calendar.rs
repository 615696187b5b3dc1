//! The engine behind every schedule that follows a wall clock: times of day on some days.
//!
//! A calendar knows nothing of time zones. It answers with *slots*, readings of a wall clock, in
//! their order; [`next_firing`] turns them into moments. That order of things is what keeps the
//! answers right at a clock change: a slot is never lost in a gap and never found in the past.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

use super::zone::Moments;
use super::{RunNote, TimeOfDay, Weekdays, Zone};

/// Times of day, sorted and not empty, on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    times: Vec<TimeOfDay>,
    days: Days,
}

/// Days by month, day of the month and day of the week; a day counts when all three allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// Bit 1 is January.
    months: u16,
    /// Bit 1 is the first day.
    dates: u32,
    weekdays: Weekdays,
}

/// What becomes of a slot at a clock change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockChange {
    /// A fixed time of day happens once: the first time when the clocks show it twice, and at the
    /// first moment after the gap when they do not show it at all.
    OncePerSlot,
    /// Something that happens in every hour happens in the repeated hour as well, and has nothing
    /// to make up for when an hour is missing.
    FollowTheClock,
}

/// One run of a wall-clock schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Firing {
    pub(super) at: DateTime<Utc>,
    pub(super) note: Option<RunNote>,
}

/// The longest stretch of months without a given date: 29 February is missing for eight years
/// around a century that is no leap year.
const MONTHS_WITHOUT_A_DATE: u32 = 8 * 12;

impl Days {
    pub(super) const EVERY_MONTH: u16 = 0b1_1111_1111_1110;
    pub(super) const EVERY_DATE: u32 = !1;

    /// These days of the week, the whole year.
    pub(super) const fn on(weekdays: Weekdays) -> Self {
        Self {
            months: Self::EVERY_MONTH,
            dates: Self::EVERY_DATE,
            weekdays,
        }
    }

    pub(super) const fn new(months: u16, dates: u32, weekdays: Weekdays) -> Self {
        Self {
            months,
            dates,
            weekdays,
        }
    }

    pub(super) const fn weekdays(self) -> Weekdays {
        self.weekdays
    }

    pub(super) fn include(self, date: NaiveDate) -> bool {
        self.months >> date.month() & 1 == 1
            && self.dates >> date.day() & 1 == 1
            && self.weekdays.contains(date.weekday())
    }

    /// The first such day that is not before `date`.
    pub(super) fn on_or_after(self, date: NaiveDate) -> Option<NaiveDate> {
        let (mut year, mut month, mut first) = (date.year(), date.month(), date.day());
        for _ in 0..=MONTHS_WITHOUT_A_DATE {
            if self.months >> month & 1 == 1 {
                // A day that the month does not have is no date and drops out.
                let found = (first..=31)
                    .filter(|day| self.dates >> day & 1 == 1)
                    .filter_map(|day| NaiveDate::from_ymd_opt(year, month, day))
                    .find(|date| self.weekdays.contains(date.weekday()));
                if found.is_some() {
                    return found;
                }
            }
            first = 1;
            (year, month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
        }
        None
    }
}

impl Calendar {
    /// Takes sorted, distinct times.
    pub(super) fn new(times: Vec<TimeOfDay>, days: Days) -> Self {
        debug_assert!(
            times.is_sorted_by(|earlier, later| earlier < later),
            "sorted and distinct"
        );
        Self { times, days }
    }

    pub(super) fn times(&self) -> &[TimeOfDay] {
        &self.times
    }

    pub(super) const fn days(&self) -> Days {
        self.days
    }

    /// The first slot strictly after a reading of the wall clock.
    pub(super) fn slot_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = local.date();
        if self.days.include(today) {
            // Slots are whole minutes, so one that is later is later by its seconds alone.
            let now = local.num_seconds_from_midnight();
            let passed = |time: &TimeOfDay| u32::from(time.since_midnight()) * 60 <= now;
            let later = self.times.partition_point(passed);
            if let Some(time) = self.times.get(later) {
                return Some(today.and_time(time.naive()));
            }
        }
        let day = self.days.on_or_after(today.succ_opt()?)?;
        Some(day.and_time(self.times.first()?.naive()))
    }

    fn slots_after(&self, local: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        std::iter::successors(self.slot_after(local), |slot| self.slot_after(*slot))
    }
}

/// The first run strictly after `now`.
pub(super) fn next_firing(
    calendar: &Calendar,
    zone: Zone,
    change: ClockChange,
    now: DateTime<Utc>,
) -> Option<Firing> {
    let local = zone.wall_clock(now)?;
    match change {
        ClockChange::OncePerSlot => first_passes(calendar, zone, local)
            .find(|firing| firing.as_ref().is_none_or(|firing| firing.at > now))?,
        ClockChange::FollowTheClock => {
            let again = second_pass(calendar, zone, local, now);
            let ahead = calendar
                .slots_after(local)
                .find_map(|slot| match zone.moments(slot) {
                    None => Some(None),
                    Some(moments) => later_pass(moments, now).map(Some),
                });
            [again, ahead.flatten()]
                .into_iter()
                .flatten()
                .min_by_key(|firing| firing.at)
        }
    }
}

/// Each slot after `local` at the one moment that counts for it.
///
/// Those moments never go back while the slots go forward, so no slot at or before what the clocks
/// show now can still be due, and the first later one whose moment has not passed is the answer.
fn first_passes(
    calendar: &Calendar,
    zone: Zone,
    local: NaiveDateTime,
) -> impl Iterator<Item = Option<Firing>> {
    calendar.slots_after(local).map(move |slot| {
        Some(match zone.moments(slot)? {
            Moments::Once(at) => Firing { at, note: None },
            Moments::Twice { first, .. } => Firing {
                at: first,
                note: Some(RunNote::FirstOfTwo),
            },
            Moments::Never { resumed } => Firing {
                at: resumed,
                note: Some(RunNote::Moved { from: slot }),
            },
        })
    })
}

/// A slot that has been, but which the clocks are about to show again.
fn second_pass(
    calendar: &Calendar,
    zone: Zone,
    local: NaiveDateTime,
    now: DateTime<Utc>,
) -> Option<Firing> {
    let Some(Moments::Twice { first, second }) = zone.moments(local) else {
        return None;
    };
    if now >= second {
        return None;
    }
    // The repeated stretch is as long as the time between the two passes, so it began after this.
    let before = local.checked_sub_signed(second - first)?;
    calendar
        .slots_after(before)
        .take_while(|slot| *slot <= local)
        .find_map(|slot| match zone.moments(slot)? {
            Moments::Twice { second, .. } => Some(Firing {
                at: second,
                note: Some(RunNote::BothOfTwo),
            }),
            Moments::Once(_) | Moments::Never { .. } => None,
        })
}

fn later_pass(moments: Moments, now: DateTime<Utc>) -> Option<Firing> {
    match moments {
        Moments::Once(at) => (at > now).then_some(Firing { at, note: None }),
        Moments::Twice { first, second } => {
            [first, second]
                .into_iter()
                .find(|at| *at > now)
                .map(|at| Firing {
                    at,
                    note: Some(RunNote::BothOfTwo),
                })
        }
        Moments::Never { .. } => None,
    }
}
