//! What people may write, what they are told when they may not, and the canonical text.

use std::fmt::Display;
use std::str::FromStr;

use insta::assert_snapshot;

use super::*;
use crate::schedule::CronSchedule;

#[track_caller]
fn parsed<T: FromStr<Err: Display> + Display>(text: &str) -> String {
    match text.parse::<T>() {
        Ok(value) => value.to_string(),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
fn refusal<T: FromStr<Err: Display> + Display>(text: &str) -> String {
    match text.parse::<T>() {
        Ok(value) => panic!("{text} was read as {value}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn cron_refusal(expression: &str) -> String {
    match CronSchedule::parse(expression, Zone::UTC) {
        Ok(cron) => panic!("{expression} was read as {cron}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn intervals_as_people_write_them() {
    let written = [
        "6h", "90m", "1h30m", "2d", "300s", "1w", "1d 6h", "6 hours", "31d", " 5min ",
    ];
    let read: Vec<String> = written
        .iter()
        .map(|text| parsed::<Interval>(text))
        .collect();
    assert_snapshot!(read.join("\n"), @"
    6 hours
    1 hour 30 minutes
    1 hour 30 minutes
    2 days
    5 minutes
    7 days
    1 day 6 hours
    6 hours
    31 days
    5 minutes
    ");
}

#[test]
fn intervals_that_are_refused() {
    assert_snapshot!(refusal::<Interval>(""), @"the interval is empty; write one such as 6h, 90m or 1h30m");
    assert_snapshot!(refusal::<Interval>("90"), @r#"the interval "90" has no unit; write 90m for minutes or 90h for hours"#);
    assert_snapshot!(refusal::<Interval>("10s"), @"an interval of 10 seconds is too short; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal::<Interval>("299s"), @"an interval of 4 minutes 59 seconds is too short; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal::<Interval>("0h"), @"an interval of 0 seconds is too short; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal::<Interval>("2678401s"), @"an interval of more than 31 days is too long; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal::<Interval>("99999999999999999999d"), @"an interval of more than 31 days is too long; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal::<Interval>("6 fortnights"), @r#""fortnights" is not a unit of time; use d, h, m or s, as in 2d, 6h, 90m or 300s"#);
    assert_snapshot!(refusal::<Interval>("30m1h"), @r#"the units of "30m1h" are out of order; write each once and the largest first, as in 1d6h or 1h30m"#);
    assert_snapshot!(refusal::<Interval>("1h1h"), @r#"the units of "1h1h" are out of order; write each once and the largest first, as in 1d6h or 1h30m"#);
    assert_snapshot!(refusal::<Interval>("1.5h"), @r#""1.5h" is not an interval; write whole numbers with units, as in 6h, 90m or 1h30m"#);
    assert_snapshot!(refusal::<Interval>("-6h"), @r#""-6h" is not an interval; write whole numbers with units, as in 6h, 90m or 1h30m"#);
    assert_snapshot!(refusal::<Interval>("six hours"), @r#""six hours" is not an interval; write whole numbers with units, as in 6h, 90m or 1h30m"#);
}

#[test]
fn times_of_day() {
    assert_eq!(parsed::<TimeOfDay>("6:00"), "06:00");
    assert_eq!(parsed::<TimeOfDay>("00:00"), "00:00");
    assert_eq!(parsed::<TimeOfDay>(" 23:59 "), "23:59");
    assert_snapshot!(refusal::<TimeOfDay>("25:00"), @r#"the hour of "25:00" is out of range; hours go from 00 to 23"#);
    assert_snapshot!(refusal::<TimeOfDay>("24:00"), @r#"the hour of "24:00" is out of range; hours go from 00 to 23"#);
    assert_snapshot!(refusal::<TimeOfDay>("06:60"), @r#"the minute of "06:60" is out of range; minutes go from 00 to 59"#);
    assert_snapshot!(refusal::<TimeOfDay>("06:00:00"), @r#""06:00:00" has seconds; write hours and minutes alone, such as 06:00"#);
    assert_snapshot!(refusal::<TimeOfDay>("6"), @r#""6" is not a time of day; write it as HH:MM, such as 06:00 or 18:30"#);
    assert_snapshot!(refusal::<TimeOfDay>("6:5"), @r#""6:5" is not a time of day; write it as HH:MM, such as 06:00 or 18:30"#);
    assert_snapshot!(refusal::<TimeOfDay>("6am"), @r#""6am" is not a time of day; write it as HH:MM, such as 06:00 or 18:30"#);
    assert_snapshot!(refusal::<TimeOfDay>("+6:00"), @r#""+6:00" is not a time of day; write it as HH:MM, such as 06:00 or 18:30"#);
    assert_snapshot!(refusal::<TimeOfDay>(""), @r#""" is not a time of day; write it as HH:MM, such as 06:00 or 18:30"#);
}

#[test]
fn weekdays() {
    assert_eq!(parsed::<Weekdays>("mon,tue"), "Monday and Tuesday");
    assert_eq!(parsed::<Weekdays>("Mon-Fri"), "Monday to Friday");
    assert_eq!(
        parsed::<Weekdays>("weekdays, SATURDAY"),
        "Monday to Saturday"
    );
    assert_eq!(parsed::<Weekdays>("weekends"), "Saturday and Sunday");
    assert_eq!(
        parsed::<Weekdays>("fri-mon"),
        "Monday, Friday, Saturday and Sunday"
    );
    assert_eq!(parsed::<Weekdays>("wednesday"), "Wednesday");
    assert_eq!(parsed::<Weekdays>("mon-sun"), "every day");
    assert_snapshot!(refusal::<Weekdays>(""), @"no day of the week was given; write days such as mon,wed or mon-fri, or leave them out for every day");
    assert_snapshot!(refusal::<Weekdays>(" , "), @"no day of the week was given; write days such as mon,wed or mon-fri, or leave them out for every day");
    assert_snapshot!(refusal::<Weekdays>("mon,monday-"), @r#""monday-" is not a day of the week; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays or weekends"#);
    assert_snapshot!(refusal::<Weekdays>("1"), @r#""1" is not a day of the week; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays or weekends"#);
    assert_snapshot!(Weekdays::new([]).unwrap_err(), @"no day of the week was given; write days such as mon,wed or mon-fri, or leave them out for every day");
}

#[test]
fn zones() {
    assert_eq!(parsed::<Zone>("utc"), "UTC");
    assert_eq!(parsed::<Zone>("AUSTRALIA/LORD_HOWE"), "Australia/Lord_Howe");
    assert_snapshot!(refusal::<Zone>("Europe/Warsav"), @r#"there is no time zone "Europe/Warsav"; did you mean Europe/Warsaw?"#);
    assert_snapshot!(refusal::<Zone>("Warsaw"), @r#"there is no time zone "Warsaw"; did you mean Europe/Warsaw?"#);
    assert_snapshot!(refusal::<Zone>("new york"), @r#"there is no time zone "new york"; did you mean America/New_York?"#);
    assert_snapshot!(refusal::<Zone>("America/NewYork"), @r#"there is no time zone "America/NewYork"; did you mean America/New_York?"#);
    assert_snapshot!(refusal::<Zone>("Asia/Katmandou"), @r#"there is no time zone "Asia/Katmandou"; did you mean Asia/Katmandu?"#);
    assert_snapshot!(refusal::<Zone>("UTC+2"), @r#"there is no time zone "UTC+2"; write an IANA name such as Europe/Warsaw or UTC"#);
    assert_snapshot!(refusal::<Zone>("GMT+12"), @r#"there is no time zone "GMT+12"; write an IANA name such as Europe/Warsaw or UTC"#);
    assert_snapshot!(refusal::<Zone>("PST"), @r#"there is no time zone "PST"; write an IANA name such as Europe/Warsaw or UTC"#);
    assert_snapshot!(refusal::<Zone>(""), @"the time zone is empty; write an IANA name such as Europe/Warsaw or UTC");
    assert_snapshot!(refusal::<Zone>(&"Zone\u{1b}[31m\n".repeat(30)), @r#"there is no time zone "Zone\u{1b}[31m\nZone\u{1b}[31m\nZone\u{1b}[31m\nZone\u{1b}[31m\nZone\u{1b}[31m\nZone\u{1b}[31m\n..."; write an IANA name such as Europe/Warsaw or UTC"#);
}

#[test]
fn daily_times_together() {
    let daily = |times: &[&str]| {
        let times = times
            .iter()
            .map(|time| time.parse::<TimeOfDay>().expect("a time"));
        DailyTimes::new(times, Zone::UTC, Weekdays::ALL)
    };
    assert_snapshot!(daily(&["18:00", "06:00", "12:00"]).expect("valid"), @"at 06:00, 12:00 and 18:00 UTC, every day");
    assert_snapshot!(daily(&[]).unwrap_err(), @"no time of day was given; write at least one, such as 06:00");
    assert_snapshot!(daily(&["06:00", "18:00", "6:00"]).unwrap_err(), @"the time 06:00 was given twice; leave one of them out");
    let hours: Vec<String> = (0..24).map(|hour| format!("{hour:02}:00")).collect();
    let mut hours: Vec<&str> = hours.iter().map(String::as_str).collect();
    assert_eq!(daily(&hours).expect("24 are allowed").times().len(), 24);
    hours.push("00:30");
    assert_snapshot!(daily(&hours).unwrap_err(), @"more than 24 times of day were given; leave some out, or choose an interval or a cron expression");
}

#[test]
fn cron_expressions_that_are_refused() {
    assert_snapshot!(cron_refusal("  "), @"the cron expression is empty; write five fields, such as 0 6 * * mon-fri");
    assert_snapshot!(cron_refusal("0 6 * *"), @"the cron expression has 4 of its five fields; write minute, hour, day of month, month and day of week, such as 0 6 * * *");
    assert_snapshot!(cron_refusal("0 0 6 * * 1"), @"the cron expression has 6 fields instead of five; leave out seconds and years: minute, hour, day of month, month, day of week");
    assert_snapshot!(cron_refusal("0 0 6 * * 1 2027"), @"the cron expression has 7 fields instead of five; leave out seconds and years: minute, hour, day of month, month, day of week");
    assert_snapshot!(cron_refusal("@reboot"), @r#""@reboot" is not a cron shortcut; use @hourly, @daily, @weekly, @monthly or @yearly"#);
    assert_snapshot!(cron_refusal("60 6 * * *"), @r#"the minute field "60" of the cron expression is not valid; use numbers from 0 to 59, ranges (0-30), lists (0,30), steps (*/15) or *"#);
    assert_snapshot!(cron_refusal("0 24 * * *"), @r#"the hour field "24" of the cron expression is not valid; use numbers from 0 to 23, ranges (8-18), lists (6,18), steps (*/6) or *"#);
    assert_snapshot!(cron_refusal("0 6 0 * *"), @r#"the day of month field "0" of the cron expression is not valid; use numbers from 1 to 31, ranges (1-7), lists (1,15), steps (*/10) or *"#);
    assert_snapshot!(cron_refusal("0 6 L * *"), @r#"the day of month field "L" of the cron expression is not valid; use numbers from 1 to 31, ranges (1-7), lists (1,15), steps (*/10) or *"#);
    assert_snapshot!(cron_refusal("0 6 * 13 *"), @r#"the month field "13" of the cron expression is not valid; use numbers from 1 to 12 or names (jan), ranges (jan-mar), lists (1,7), steps (*/3) or *"#);
    assert_snapshot!(cron_refusal("0 6 * * 8"), @r#"the day of week field "8" of the cron expression is not valid; use numbers from 0 (Sunday) to 6 or names (mon), ranges (mon-fri), lists (mon,thu) or *"#);
    assert_snapshot!(cron_refusal("0 6 * * mon#1"), @r#"the day of week field "mon#1" of the cron expression is not valid; use numbers from 0 (Sunday) to 6 or names (mon), ranges (mon-fri), lists (mon,thu) or *"#);
    assert_snapshot!(cron_refusal("0 6 1 * mon"), @r#"the cron expression limits both the day of month ("1") and the day of week ("mon"); put * in one of the two"#);
    assert_snapshot!(cron_refusal("0 6 30 2 *"), @r#"the cron expression "0 6 30 2 *" never runs, because no year has such a date; choose a day that the month has"#);
    assert_snapshot!(cron_refusal("0 6 31 feb,apr,jun,sep,nov *"), @r#"the cron expression "0 6 31 feb,apr,jun,sep,nov *" never runs, because no year has such a date; choose a day that the month has"#);
    assert_snapshot!(cron_refusal("* * * * *"), @r#"the cron expression "* * * * *" has runs only 1 minute apart; leave at least 5 minutes between them"#);
    assert_snapshot!(cron_refusal("0,4 * * * *"), @r#"the cron expression "0,4 * * * *" has runs only 4 minutes apart; leave at least 5 minutes between them"#);
    assert_snapshot!(cron_refusal("1,58 * * * *"), @r#"the cron expression "1,58 * * * *" has runs only 3 minutes apart; leave at least 5 minutes between them"#);
    assert_snapshot!(cron_refusal("2,58 0,23 * * *"), @r#"the cron expression "2,58 0,23 * * *" has runs only 4 minutes apart; leave at least 5 minutes between them"#);
    assert_snapshot!(cron_refusal("2,58 0,23 31,1 * *"), @r#"the cron expression "2,58 0,23 31,1 * *" has runs only 4 minutes apart; leave at least 5 minutes between them"#);
    assert_snapshot!(cron_refusal(&"1,".repeat(200)), @"the cron expression is longer than 256 characters; write a shorter one");
}

#[test]
fn cron_shapes_that_libraries_take_and_people_do_not_mean() {
    for field in [
        "*5", "5*", "1-", "-5", "1,", ",1", "*/", "*/0", "5-1", "1--5", "1-5-9", "a", "é",
    ] {
        for place in 0..5 {
            let mut fields = ["0", "0", "*", "*", "*"];
            fields[place] = field;
            let expression = fields.join(" ");
            assert!(
                CronSchedule::parse(&expression, Zone::UTC).is_err(),
                "{expression}"
            );
        }
    }
}

#[test]
fn cron_runs_over_midnight_count_only_on_days_in_a_row() {
    assert!(CronSchedule::parse("2,58 0,23 1 * *", Zone::UTC).is_ok());
    assert!(CronSchedule::parse("2,58 0,23 * * mon,wed", Zone::UTC).is_ok());
    assert!(CronSchedule::parse("*/5 * * * *", Zone::UTC).is_ok());
}

/// Different ways to write the same days must agree.
#[test]
fn cron_days_of_the_week_are_unix_days() {
    #[track_caller]
    fn same(one: &str, other: &str) {
        let days = |field: &str| {
            let cron = CronSchedule::parse(&format!("0 6 * * {field}"), Zone::UTC);
            cron.unwrap_or_else(|error| panic!("{field}: {error}"))
                .calendar()
                .days()
                .weekdays()
        };
        assert_eq!(days(one).to_text(), other, "{one}");
    }
    same("0", "sun");
    same("7", "sun");
    same("1", "mon");
    same("SUN", "sun");
    same("Monday", "mon");
    same("1-5", "mon,tue,wed,thu,fri");
    same("5-7", "fri,sat,sun");
    same("sat-sun", "sat,sun");
    same("0-2", "mon,tue,sun");
    same("*/2", "tue,thu,sat,sun");
    same("1-5/2", "mon,wed,fri");
    same("mon,wed,0", "mon,wed,sun");
    same("*", "mon,tue,wed,thu,fri,sat,sun");
    same("?", "mon,tue,wed,thu,fri,sat,sun");
}

#[test]
fn cron_shortcuts_are_what_they_stand_for() {
    for (shortcut, expression) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * sun"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 jan ?"),
    ] {
        let short = CronSchedule::parse(shortcut, Zone::UTC).expect(shortcut);
        let long = CronSchedule::parse(expression, Zone::UTC).expect(expression);
        assert_eq!(short.calendar(), long.calendar(), "{shortcut}");
        assert_eq!(short.change(), long.change(), "{shortcut}");
    }
}

#[test]
fn schedules_in_words_and_as_text() {
    #[track_caller]
    fn both(text: &str) -> String {
        let schedule = schedule(text);
        format!("{schedule} | {}", schedule.to_text())
    }
    assert_snapshot!(both("every 6h"), @"every 6 hours | every 21600s");
    assert_snapshot!(both("every 1d"), @"every day | every 86400s");
    assert_snapshot!(both("every 1d6h"), @"every 1 day 6 hours | every 108000s");
    assert_snapshot!(both("at 18:00,6:00 europe/warsaw mon-fri"), @"at 06:00 and 18:00 Europe/Warsaw, Monday to Friday | at 06:00,18:00 Europe/Warsaw mon,tue,wed,thu,fri");
    assert_snapshot!(both("at 06:00 UTC"), @"at 06:00 UTC, every day | at 06:00 UTC");
    assert_snapshot!(both("at 06:00 UTC mon, wed"), @"at 06:00 UTC, Monday and Wednesday | at 06:00 UTC mon,wed");
    assert_snapshot!(both("cron  0 6  * * 1 @ utc"), @r#"by cron "0 6 * * 1", UTC | cron 0 6 * * 1 @ UTC"#);
    assert_snapshot!(both("cron @daily @ Asia/Kathmandu"), @r#"by cron "@daily", Asia/Kathmandu | cron @daily @ Asia/Kathmandu"#);
    assert_snapshot!(both("manual"), @"only when asked for | manual");
}

#[test]
fn texts_that_are_refused() {
    assert_snapshot!(refusal::<Schedule>(""), @r#""" is not a schedule; write every 6h, at 06:00 Europe/Warsaw, cron 0 6 * * * @ UTC, or manual"#);
    assert_snapshot!(refusal::<Schedule>("hourly"), @r#""hourly" is not a schedule; write every 6h, at 06:00 Europe/Warsaw, cron 0 6 * * * @ UTC, or manual"#);
    assert_snapshot!(refusal::<Schedule>("every"), @"the interval is empty; write one such as 6h, 90m or 1h30m");
    assert_snapshot!(refusal::<Schedule>("at 06:00"), @r#""at 06:00" lacks a part; write times, a time zone and, if need be, days: at 06:00,18:00 Europe/Warsaw mon,tue"#);
    assert_snapshot!(refusal::<Schedule>("at 06:00,06:00 UTC"), @"the time 06:00 was given twice; leave one of them out");
    assert_snapshot!(refusal::<Schedule>("at 06:00 UTC someday"), @r#""someday" is not a day of the week; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays or weekends"#);
    assert_snapshot!(refusal::<Schedule>("cron 0 6 * * 1"), @r#""cron 0 6 * * 1" has no time zone; write it after an @ sign: cron 0 6 * * * @ Europe/Warsaw"#);
    assert_snapshot!(refusal::<Schedule>("cron 0 6 * * 1 @ Nowhere"), @r#"there is no time zone "Nowhere"; write an IANA name such as Europe/Warsaw or UTC"#);
    assert_snapshot!(refusal::<Schedule>("manual please"), @r#""manual please" is not a schedule; write every 6h, at 06:00 Europe/Warsaw, cron 0 6 * * * @ UTC, or manual"#);
}

proptest! {
    #[test]
    fn the_canonical_text_is_read_again(schedule in any_schedule()) {
        let text = schedule.to_text();
        let read: Schedule = text.parse().expect("canonical");
        prop_assert_eq!(read.to_text(), text);
        prop_assert_eq!(read, schedule);
    }

    /// No text makes a parser panic, and what is accepted has a next run and a canonical text.
    #[test]
    fn any_text_is_read_or_refused(
        text in prop_oneof![
            any::<String>(),
            "(every|at|cron|manual) [0-9a-z*/,:@ -]{0,20}",
            "cron ([0-9*/,-]{1,4} ){5}@ UTC",
            "at [0-9]{1,2}:[0-9]{1,2} (UTC|Europe/Warsaw)( [a-z,-]{0,8})?",
        ],
    ) {
        if let Ok(read) = text.parse::<Schedule>() {
            prop_assert_eq!(read.to_text().parse::<Schedule>().expect("canonical"), read.clone());
            let next = read.next_after(organization(1), moment("2027-01-01T00:00:00Z"));
            prop_assert_eq!(next.is_none(), read == Schedule::Manual);
        }
    }
}
