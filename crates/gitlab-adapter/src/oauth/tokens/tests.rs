//! Whatever a token endpoint may say.

use org_core::ports::Grant;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

fn read(json: &str) -> Result<Grant, String> {
    Tokens::read(json.as_bytes())
        .map_err(|why| format!("{why:?}"))?
        .into_grant(&["asked"])
}

fn shown(grant: &Grant) -> String {
    let refresh = grant.refresh_token.as_ref();
    format!(
        "{} {:?} {:?} {:?}",
        grant.access_token.expose_secret(),
        refresh.map(ExposeSecret::expose_secret),
        grant.scopes.iter().collect::<Vec<_>>(),
        grant.lifetime
    )
}

#[track_caller]
fn check(rest: &str, expected: &str) {
    let json = format!(r#"{{"access_token":"a"{rest}}}"#);
    let read = match read(&json) {
        Ok(grant) => shown(&grant),
        Err(why) => why,
    };
    assert_eq!(read, expected, "{json}");
}

#[test]
fn what_is_there_is_read_and_what_is_missing_is_not_missed() {
    check(
        r#","token_type":"Bearer","expires_in":7200,"refresh_token":"r","scope":"api read_user","created_at":1"#,
        r#"a Some("r") ["api", "read_user"] Some(7200s)"#,
    );
    check(r#","token_type":"bearer""#, r#"a None ["asked"] None"#);
    check(
        r#","token_type":"BEARER","refresh_token":null,"scope":null,"expires_in":null"#,
        r#"a None ["asked"] None"#,
    );
    check(
        r#","token_type":"bearer","refresh_token":"","scope":"  ""#,
        r#"a None ["asked"] None"#,
    );
    check(
        r#","token_type":"bearer","scope":["api","api"]"#,
        r#"a None ["api"] None"#,
    );
}

#[test]
fn a_lifetime_that_makes_no_sense_is_none() {
    for (said, expected) in [
        ("0", "None"),
        ("-1", "None"),
        ("-1e300", "None"),
        (r#""7200""#, "Some(7200s)"),
        (r#""soon""#, "None"),
        ("7200.9", "Some(7200s)"),
        ("18446744073709551615", "Some(31622400s)"),
        ("1e300", "Some(31622400s)"),
        ("[1]", "None"),
        (r#"{"a":1}"#, "None"),
    ] {
        check(
            &format!(r#","token_type":"bearer","expires_in":{said}"#),
            &format!(r#"a None ["asked"] {expected}"#),
        );
    }
}

#[test]
fn what_can_be_no_token_or_scope_is_refused_without_being_repeated() {
    check("", r#"At("line 1, column 20")"#);
    check(r#","token_type":"mac""#, "tokens of the unknown type `mac`");
    let long = "x".repeat(MOST_TOKEN + 1);
    for bad in ["", "two words", "new\\nline", "\\u0000", "\u{fc}", &long] {
        let json = format!(r#"{{"access_token":"{bad}","token_type":"bearer"}}"#);
        let why = read(&json)
            .map(|grant| shown(&grant))
            .expect_err("it is none");
        assert!(why.starts_with("an access token"), "{why}");
        let json =
            format!(r#"{{"access_token":"a","token_type":"bearer","refresh_token":"{bad}"}}"#);
        assert_eq!(read(&json).is_err(), !bad.is_empty(), "{bad:?}");
    }
    for bad in [
        format!("\"{}\"", "s ".repeat(MOST_SCOPES + 1)),
        format!("\"{}\"", "s".repeat(MOST_SCOPE + 1)),
        "[\"two words\"]".into(),
        "\"\u{fc}\"".into(),
        "7".into(),
    ] {
        let json = format!(r#"{{"access_token":"a","token_type":"bearer","scope":{bad}}}"#);
        assert!(read(&json).is_err(), "{bad}");
    }
    assert_eq!(
        Tokens::read(br#"{"access_token":"sec"#).expect_err("it is cut"),
        Unreadable::CutShort
    );
    let why = Tokens::read(br#"{"access_token":["secret"]}"#).expect_err("no token");
    assert!(!format!("{why:?}").contains("secret"), "{why:?}");
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tokens) = Tokens::read(&bytes) {
            let _ = tokens.into_grant(&[]);
        }
    }

    #[test]
    fn a_grant_is_always_within_bounds(
        token in any::<String>(),
        refresh in any::<Option<String>>(),
        scope in any::<Option<String>>(),
        lifetime in any::<f64>(),
    ) {
        let json = serde_json::json!({
            "access_token": token, "token_type": "bearer", "refresh_token": refresh, "scope": scope, "expires_in": lifetime,
        });
        if let Ok(grant) = read(&json.to_string()) {
            prop_assert!(is_visible(grant.access_token.expose_secret(), MOST_TOKEN));
            prop_assert!(grant.refresh_token.is_none_or(|token| is_visible(token.expose_secret(), MOST_TOKEN)));
            prop_assert!(grant.scopes.iter().all(|scope| is_visible(scope, MOST_SCOPE)));
            prop_assert!(grant.lifetime.is_none_or(|lifetime| lifetime <= MOST_LIFETIME && !lifetime.is_zero()));
        }
    }
}
