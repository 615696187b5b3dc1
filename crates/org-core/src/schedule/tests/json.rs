//! The JSON shape, which other programs and stored settings rely on.

use insta::assert_snapshot;

use super::*;

#[track_caller]
fn json(text: &str) -> String {
    serde_json::to_string(&schedule(text)).expect("it serializes")
}

#[track_caller]
fn refusal(json: &str) -> String {
    serde_json::from_str::<Schedule>(json)
        .expect_err("it is invalid")
        .to_string()
}

#[test]
fn each_kind_has_its_shape() {
    assert_snapshot!(json("every 6h"), @r#"{"kind":"every","seconds":21600}"#);
    assert_snapshot!(json("at 18:00,06:00 Europe/Warsaw tue,mon"), @r#"{"kind":"at","times":["06:00","18:00"],"zone":"Europe/Warsaw","weekdays":["mon","tue"]}"#);
    assert_snapshot!(json("at 06:00 UTC"), @r#"{"kind":"at","times":["06:00"],"zone":"UTC","weekdays":["mon","tue","wed","thu","fri","sat","sun"]}"#);
    assert_snapshot!(json("cron 0 6 * * 1 @ UTC"), @r#"{"kind":"cron","expression":"0 6 * * 1","zone":"UTC"}"#);
    assert_snapshot!(json("manual"), @r#"{"kind":"manual"}"#);
}

#[test]
fn weekdays_may_be_absent() {
    let read: Schedule =
        serde_json::from_str(r#"{"kind":"at","times":["06:00"],"zone":"UTC"}"#).expect("valid");
    assert_eq!(read, schedule("at 06:00 UTC"));
}

#[test]
fn an_invalid_value_does_not_get_in() {
    assert_snapshot!(refusal(r#"{"kind":"every","seconds":10}"#), @"an interval of 10 seconds is too short; choose one from 5 minutes to 31 days");
    assert_snapshot!(refusal(r#"{"kind":"every","seconds":-1}"#), @"invalid value: integer `-1`, expected u64");
    assert_snapshot!(refusal(r#"{"kind":"at","times":[],"zone":"UTC"}"#), @"no time of day was given; write at least one, such as 06:00");
    assert_snapshot!(refusal(r#"{"kind":"at","times":["06:00","06:00"],"zone":"UTC"}"#), @"the time 06:00 was given twice; leave one of them out");
    assert_snapshot!(refusal(r#"{"kind":"at","times":["25:00"],"zone":"UTC"}"#), @r#"the hour of "25:00" is out of range; hours go from 00 to 23"#);
    assert_snapshot!(refusal(r#"{"kind":"at","times":["06:00"],"zone":"Mars/Base"}"#), @r#"there is no time zone "Mars/Base"; write an IANA name such as Europe/Warsaw or UTC"#);
    assert_snapshot!(refusal(r#"{"kind":"at","times":["06:00"],"zone":"UTC","weekdays":[]}"#), @"no day of the week was given; write days such as mon,wed or mon-fri, or leave them out for every day");
    assert_snapshot!(refusal(r#"{"kind":"cron","expression":"* * * * *","zone":"UTC"}"#), @r#"the cron expression "* * * * *" has runs only 1 minute apart; leave at least 5 minutes between them"#);
    assert_snapshot!(refusal(r#"{"kind":"manual","seconds":1}"#), @"unknown field `seconds`, there are no fields");
    assert_snapshot!(refusal(r#"{"kind":"sometimes"}"#), @"unknown variant `sometimes`, expected one of `every`, `at`, `cron`, `manual` at line 1 column 19");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(schedule in any_schedule()) {
        let json = serde_json::to_string(&schedule).expect("it serializes");
        prop_assert_eq!(serde_json::from_str::<Schedule>(&json).expect("valid"), schedule);
    }
}
