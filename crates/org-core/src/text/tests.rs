//! What people type into the short fields, and what becomes of it.

use super::*;

#[track_caller]
fn check<T: FromStr<Err = TextError> + fmt::Display>(text: &str, expected: &str) {
    let answer = match text.parse::<T>() {
        Ok(value) => format!("ok: {value}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(answer, expected);
}

#[test]
fn names_are_trimmed_and_bounded() {
    check::<OrganizationName>(" Acme GmbH & Söhne ", "ok: Acme GmbH & Söhne");
    check::<OrganizationName>("   ", "the organization's name is empty");
    check::<OrganizationName>(
        &"a".repeat(101),
        "the organization's name is longer than 100 characters",
    );
    check::<OrganizationName>(
        "a\u{7}b",
        "the organization's name may not contain '\\u{7}'; allowed are printable characters",
    );
}

#[test]
fn logins_lose_the_at_sign() {
    check::<Login>("@jane.doe", "ok: jane.doe");
    check::<Login>(
        "jane doe",
        "the login may not contain ' '; allowed are letters, digits, `.`, `_` and `-`",
    );
    let login = |text: &str| text.parse::<Login>().expect("a valid login");
    assert!(login("Jane").is_same_as(&login("jANE")));
    assert!(!login("jane").is_same_as(&login("janet")));
}

#[test]
fn secret_names_can_stand_in_a_path() {
    check::<SecretName>("gitlab.token-1", "ok: gitlab.token-1");
    for bad in ["..", ".", "a/b", "a b", "ü", ""] {
        assert!(
            bad.parse::<SecretName>().is_err(),
            "{bad:?} must be refused"
        );
    }
}

#[test]
fn group_paths_are_paths_and_not_addresses() {
    check::<GroupPath>("/company/platform/", "ok: company/platform");
    for bad in ["https://gitlab.com/company", "a//b", "a/../b", "a/./b"] {
        assert!(
            matches!(bad.parse::<GroupPath>(), Err(TextError::NotAPath { .. })),
            "{bad:?}"
        );
    }
    check::<GroupPath>("", "the group path is empty");
}

#[test]
fn a_token_in_place_of_its_name_is_refused_and_not_repeated() {
    for token in [
        "glpat-plantedplantedplante",
        " glpat-plantedplanted.01.0w0planted ",
        "github_pat_planted1234567890",
    ] {
        let error = token.parse::<SecretName>().expect_err("it is a token");
        assert!(
            !format!("{error} {error:?}").contains("planted"),
            "{error:?}"
        );
    }
    check::<SecretName>("glpat-main", "ok: glpat-main");
    check::<SecretName>(
        "glpat-plantedplantedplante",
        "the secret's name looks like an access token itself; give the token where its value is asked for, and a name of your own for it",
    );
}

#[test]
fn a_token_in_the_wrong_field_is_refused_and_not_repeated() {
    const TOKEN: &str = "glpat-F52rA1xCXj9D7wYYN42g";
    let told = [
        TOKEN.parse::<OrganizationName>().map(|_| ()),
        TOKEN.parse::<Login>().map(|_| ()),
        TOKEN.parse::<GroupPath>().map(|_| ()),
        TOKEN.parse::<SecretName>().map(|_| ()),
    ];
    for answer in told {
        let error = answer.expect_err("a token is no name");
        assert!(matches!(error, TextError::LooksSecret { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("F52rA1"));
    }
    assert!("glpat-short/api".parse::<GroupPath>().is_ok());
}
