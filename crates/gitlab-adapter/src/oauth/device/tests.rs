//! What a device may be told.

use serde_json::{Value, json};

use super::*;

fn answer(changes: &[(&str, Value)]) -> Value {
    let mut answer = json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code": "0A44L90H",
        "verification_uri": "https://git.example.com/gitlab/oauth/device",
        "verification_uri_complete": "https://git.example.com/gitlab/oauth/device?user_code=0A44L90H",
        "expires_in": 300,
        "interval": 5,
    });
    for (name, value) in changes {
        answer[name] = value.clone();
    }
    answer
}

fn read(own: &str, changes: &[(&str, Value)]) -> Result<DeviceStart, String> {
    let said =
        serde_json::from_value(answer(changes)).map_err(|_| "no JSON of this kind".to_owned())?;
    checked(&said, &Url::parse(own).expect("an address"))
}

const OWN: &str = "https://git.example.com/gitlab/";

#[test]
fn the_documented_answer_is_read() {
    let start = read(OWN, &[]).expect("it is good");
    assert_eq!(start.user_code, "0A44L90H");
    assert_eq!(
        start.verification_uri,
        "https://git.example.com/gitlab/oauth/device"
    );
    assert_eq!(
        start.verification_uri_complete.as_deref(),
        Some("https://git.example.com/gitlab/oauth/device?user_code=0A44L90H")
    );
    assert_eq!(
        (start.lifetime.as_secs(), start.interval.as_secs()),
        (300, 5)
    );
    let sparse = [
        ("verification_uri_complete", Value::Null),
        ("interval", Value::Null),
    ];
    let start = read(OWN, &sparse).expect("it is good");
    assert_eq!(
        (start.verification_uri_complete, start.interval.as_secs()),
        (None, 5)
    );
    let absurd = [
        ("interval", json!(u64::MAX)),
        ("expires_in", json!(u64::MAX)),
    ];
    let start = read(OWN, &absurd).expect("it is good");
    assert_eq!(
        (start.lifetime, start.interval),
        (MOST_LIFETIME, MOST_INTERVAL)
    );
    let hasty = read(OWN, &[("interval", json!(0))]).expect("it is good");
    assert_eq!(hasty.interval, USUAL_INTERVAL);
}

#[test]
fn a_person_is_sent_nowhere_else() {
    for elsewhere in [
        "https://evil.example/oauth/device",
        "https://git.example.com.evil.example/",
        "https://git.example.com@evil.example/",
        "https://someone@git.example.com/",
        "http://git.example.com/oauth/device",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "",
    ] {
        for field in ["verification_uri", "verification_uri_complete"] {
            assert!(
                read(OWN, &[(field, json!(elsewhere))]).is_err(),
                "{field} {elsewhere}"
            );
        }
    }
    let why = read(
        OWN,
        &[("verification_uri", json!("https://evil.example/x"))],
    );
    assert_eq!(
        why.map(|_| ()).expect_err("another place"),
        "a page of https://evil.example to sign in at, which is another place; check the host's address here and `external_url` there"
    );
    // A host that knows its own port or scheme better than the person who typed its address.
    for (own, uri) in [
        (OWN, "https://git.example.com:8443/oauth/device"),
        (
            "http://git.example.com/",
            "https://git.example.com/oauth/device",
        ),
        ("http://127.0.0.1:3000/", "http://127.0.0.1/oauth/device"),
    ] {
        assert!(
            read(
                own,
                &[
                    ("verification_uri", json!(uri)),
                    ("verification_uri_complete", Value::Null)
                ]
            )
            .is_ok(),
            "{uri}"
        );
    }
}

#[test]
fn codes_are_short_and_can_be_shown() {
    for (field, bad) in [
        ("user_code", json!("")),
        ("user_code", json!("\u{1b}[2J")),
        ("user_code", json!("x".repeat(33))),
        ("user_code", json!("\u{202e}CODE")),
        ("device_code", json!("")),
        ("device_code", json!("a b")),
        ("device_code", json!("x".repeat(4097))),
        ("device_code", json!(7)),
        (
            "verification_uri",
            json!(format!("https://git.example.com/{}", "x".repeat(3000))),
        ),
        ("expires_in", json!(-1)),
    ] {
        assert!(read(OWN, &[(field, bad.clone())]).is_err(), "{field} {bad}");
    }
}
