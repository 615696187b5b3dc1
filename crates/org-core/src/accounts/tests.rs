//! Names, levels, lifetimes and tokens.

use secrecy::{ExposeSecret, SecretString};

use super::*;

#[track_caller]
fn check_name(text: &str, expected: Result<&str, &str>) {
    let name = text.parse::<UserName>().map_err(|error| error.to_string());
    let name = name.as_ref().map(UserName::as_str).map_err(String::as_str);
    assert_eq!(name, expected);
}

#[test]
fn names_are_kept_in_lower_case() {
    check_name(" Ada.Lovelace@example ", Ok("ada.lovelace@example"));
    check_name("", Err("the name of a user is empty"));
    check_name(
        "ada lovelace",
        Err(
            "the name of a user may not contain ' '; allowed are letters a to z, digits, `.`, `_`, `-` and `@`",
        ),
    );
    check_name(
        &"a".repeat(65),
        Err("the name of a user is longer than 64 characters"),
    );
}

#[test]
fn a_token_is_no_name_of_a_token() {
    assert!("nightly report".parse::<TokenName>().is_ok());
    for bad in ["", "fgh_00", "a\nb"] {
        assert!(bad.parse::<TokenName>().is_err(), "{bad:?}");
    }
}

#[test]
fn each_level_includes_the_ones_before_it() {
    assert!(Role::ALL.is_sorted() && Level::ALL.is_sorted());
    let levels: Vec<Level> = Role::ALL.iter().map(|role| role.level()).collect();
    assert_eq!(levels, Level::ALL);
}

#[test]
fn a_token_is_found_by_its_digest_and_never_printed() {
    let token = SecretToken::api(&[7; 32]);
    assert_eq!(
        token.shown.expose_secret(),
        &format!("fgh_{}", "07".repeat(32))
    );
    let again = SecretDigest::of(SecretToken::API, &token.shown);
    assert_eq!(token.digest, again);
    assert_ne!(
        token.digest,
        SecretDigest::of(SecretToken::SESSION, &token.shown)
    );
    let printed = format!("{token:?} {:?}", token.digest);
    assert_eq!(printed, "SecretToken SecretDigest");
    let hash = PasswordHash::new("swordfish".to_owned());
    assert!(!format!("{hash:?}").contains("swordfish"));
    let other = SecretString::from("fgh_".to_owned());
    assert_ne!(token.digest, SecretDigest::of(SecretToken::API, &other));
}

#[test]
fn a_session_ends_when_it_is_idle_and_when_its_time_is_over() {
    let start: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
    let session = Session {
        digest: SecretToken::session(&[1; 32]).digest,
        user: UserId::from_uuid(uuid::Uuid::from_u128(1)),
        created_at: start,
        last_used_at: start,
        expires_at: start + TimeDelta::hours(12),
        address: String::new(),
        agent: String::new(),
    };
    let lifetimes = SessionLifetimes {
        idle: TimeDelta::hours(1),
        absolute: TimeDelta::hours(12),
    };
    let alive = |used: i64, minutes: i64| {
        let session = Session {
            last_used_at: start + TimeDelta::minutes(used),
            ..session.clone()
        };
        session.is_alive(start + TimeDelta::minutes(minutes), lifetimes)
    };
    assert!(alive(0, 59));
    assert!(!alive(0, 60));
    assert!(alive(700, 719));
    assert!(!alive(700, 720));
}
