//! The form as an administrator mistypes it.

use insta::assert_snapshot;

use super::*;

fn good() -> OrganizationDraft {
    OrganizationDraft {
        method: Method::AccessToken,
        login: "jane".into(),
        token: TokenDraft::Secret("gitlab".into()),
        ..OrganizationDraft::default()
    }
}

fn join(errors: &[FieldError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn told(draft: &OrganizationDraft) -> String {
    match draft.validate() {
        Ok(valid) => format!(
            "{} | {} | {} | {}",
            valid
                .name
                .as_ref()
                .map_or("(to be found out)", |name| name.as_str()),
            valid.host,
            valid.settings.scope,
            valid.settings.schedule
        ),
        Err(errors) => join(&errors),
    }
}

#[test]
fn a_form_with_the_least_in_it_is_complete() {
    assert_snapshot!(told(&good()), @"jane@gitlab.com | https://gitlab.com | all groups and the personal namespace | every 6 hours");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let draft = OrganizationDraft {
        name: Some(String::new()),
        service: "svn".into(),
        host: "gitlab.example.com".into(),
        method: Method::AccessToken,
        login: "jane doe".into(),
        token: TokenDraft::Value("a b".to_owned().into()),
        settings: SettingsDraft {
            groups: vec![
                "a//b".into(),
                "acme".into(),
                "Acme".into(),
                "acme/core".into(),
            ],
            schedule: ScheduleDraft {
                at: Some("25:00".into()),
                zone: Some("Europe/Warsav".into()),
                weekdays: Some("someday".into()),
                ..ScheduleDraft::default()
            },
            device: Some("laptop".into()),
            ..SettingsDraft::default()
        },
        ..good()
    };
    assert_snapshot!(told(&draft), @r#"
    service: `svn` is not a known service; known is `gitlab`
    host: the host `gitlab.example.com` has no scheme; write https://gitlab.example.com
    login: the login may not contain ' '; allowed are letters, digits, `.`, `_` and `-`
    token: the access token has white space or other characters that no token has; give the token alone
    group: `a//b` is not a group path; write it as in the address bar after the host, like `company/platform`
    group: `Acme` was chosen twice; leave one of them out
    group: of `acme` and `acme/core` one lies inside the other; leave the inner one out
    zone: there is no time zone "Europe/Warsav"; did you mean Europe/Warsaw?
    weekdays: "someday" is not a day of the week; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays or weekends
    sync-at: the hour of "25:00" is out of range; hours go from 00 to 23
    device: there is no device `laptop`; give the id of one, or `embedded` for this installation itself
    name: the organization's name is empty
    "#);
}

#[test]
fn schedules_do_not_mix() {
    let schedule = |draft: ScheduleDraft| match draft.parse() {
        Ok(schedule) => schedule.to_string(),
        Err(errors) => join(&errors),
    };
    let text = |text: &str| Some(text.to_owned());
    assert_snapshot!(schedule(ScheduleDraft { every: text("1h"), manual: true, ..ScheduleDraft::default() }), @"schedule: choose one of an interval, times of day, a cron expression and manual");
    assert_snapshot!(schedule(ScheduleDraft { every: text("1s"), at: text("25:00"), cron: text("x"), zone: text("Mars"), ..ScheduleDraft::default() }), @r#"
    schedule: choose one of an interval, times of day, a cron expression and manual
    zone: there is no time zone "Mars"; write an IANA name such as Europe/Warsaw or UTC
    sync-at: the hour of "25:00" is out of range; hours go from 00 to 23
    sync-cron: the cron expression has 1 of its five fields; write minute, hour, day of month, month and day of week, such as 0 6 * * *
    sync-every: an interval of 1 second is too short; choose one from 5 minutes to 31 days
    "#);
    assert_snapshot!(schedule(ScheduleDraft { every: text("1h"), zone: text("UTC"), ..ScheduleDraft::default() }), @"zone: a time zone goes with times of day or a cron expression only");
    assert_snapshot!(schedule(ScheduleDraft { weekdays: text("mon"), ..ScheduleDraft::default() }), @"weekdays: days of the week go with times of day only");
    assert_snapshot!(schedule(ScheduleDraft { every: text("10s"), ..ScheduleDraft::default() }), @"sync-every: an interval of 10 seconds is too short; choose one from 5 minutes to 31 days");
    assert_snapshot!(schedule(ScheduleDraft { at: text("06:00,06:00"), ..ScheduleDraft::default() }), @"sync-at: the time 06:00 was given twice; leave one of them out");
}

#[test]
fn a_token_is_never_repeated() {
    for bad in ["planted secret", "planted-secret\u{7f}", "plantéd-secret"] {
        let draft = TokenDraft::Value(bad.to_owned().into());
        let error = parse_token(&draft).expect_err("refused");
        assert!(
            !format!("{error} {error:?} {draft:?}").contains("plant"),
            "{error:?}"
        );
    }
}
