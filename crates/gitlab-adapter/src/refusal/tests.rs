//! The table of refusals, in GitLab's own words.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::*;

fn answer(status: u16, kind: &'static str, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Answer {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

#[track_caller]
fn check(status: u16, body: &str, expected: &Failure) {
    let kind = if body.starts_with('<') {
        "text/html"
    } else {
        "application/json"
    };
    assert_eq!(&of_rest(&answer(status, kind, body)), expected, "{body}");
}

#[test]
fn tokens_that_are_not_good() {
    check(
        401,
        r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
        &Failure::Expired,
    );
    check(
        401,
        r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
        &Failure::Refused(
            "it was revoked (Token was revoked. You have to re-authorize from the user.)".into(),
        ),
    );
    check(
        401,
        r#"{"message":"401 Unauthorized"}"#,
        &Failure::Refused("401 Unauthorized".into()),
    );
    let dpop = r#"{"error":"dpop_error","error_description":"DPoP validation error"}"#;
    assert!(
        of_rest(&answer(401, "application/json", dpop))
            .words()
            .contains("DPoP proof")
    );
}

#[test]
fn good_tokens_that_may_not() {
    check(
        403,
        r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
        &Failure::Scope(vec!["read_api".into(), "api".into()]),
    );
    check(
        403,
        r#"{"message":"403 Forbidden - Your account has been blocked"}"#,
        &Failure::Denied("403 Forbidden - Your account has been blocked".into()),
    );
    let page = "<html><head><title>Checking your Browser - GitLab</title></head></html>";
    let words = of_rest(&answer(403, "text/html", page)).words();
    assert!(
        words.contains("Checking your Browser - GitLab") && words.contains("firewall"),
        "{words}"
    );
}

#[test]
fn every_shape_of_message_is_read() {
    check(
        404,
        r#"{"message":"404 Project Not Found"}"#,
        &Failure::Missing("404 Project Not Found".into()),
    );
    let status = |status, said: &str| Failure::Status {
        status,
        said: said.into(),
    };
    check(
        400,
        r#"{"message":{"name":["has already been taken"]}}"#,
        &status(400, "name: has already been taken"),
    );
    check(
        400,
        r#"{"error":"page does not have a valid value"}"#,
        &status(400, "page does not have a valid value"),
    );
    check(412, "", &status(412, ""));
    check(409, "conflict\n here", &status(409, "conflict here"));
}

#[test]
fn graphql_leaves_the_judgement_to_rest() {
    let body = r#"{"errors":[{"message":"Invalid token"}]}"#;
    assert_eq!(
        of_graphql(&answer(401, "application/json", body)),
        Failure::NoGraphql("GraphQL is refused with status 401: Invalid token".into())
    );
    let limit = r#"{"errors":[{"message":"This endpoint has been requested too many times. Try again later."}]}"#;
    assert!(is_graphql_limit(limit.as_bytes()));
    assert!(!is_graphql_limit(
        br#"{"data":{"name":"requested too many times"}}"#
    ));
}

#[derive(Deserialize)]
struct Recorded {
    status: u16,
    #[serde(default)]
    body: Value,
}

/// The recorded answers of GitLab (its documentation and source), where they are at hand.
#[test]
fn recorded_errors_are_understood() {
    let Some(folder) = std::env::var_os("FORGEHOLD_GITLAB_DATA") else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "FORGEHOLD_GITLAB_DATA must be set in CI"
        );
        println!("not run: FORGEHOLD_GITLAB_DATA is not set");
        return;
    };
    let folder = std::path::Path::new(&folder).join("docs-examples/errors");
    let read = |name: &str| {
        let text = std::fs::read(folder.join(name)).expect("the sample is there");
        let recorded: Recorded = serde_json::from_slice(&text).expect("a recorded answer");
        of_rest(&answer(
            recorded.status,
            "application/json",
            &recorded.body.to_string(),
        ))
    };
    assert_eq!(read("401-invalid-token-expired.json"), Failure::Expired);
    for name in [
        "401-invalid-token-revoked.json",
        "401-invalid-token-not-found.json",
        "401-invalid-token-impersonation-disabled.json",
        "401-unauthorized.json",
    ] {
        assert!(matches!(read(name), Failure::Refused(_)), "{name}");
    }
    assert_eq!(
        read("403-insufficient-scope.json"),
        Failure::Scope(vec!["sudo".into()])
    );
    assert!(matches!(
        read("403-sudo-not-admin.json"),
        Failure::Denied(_)
    ));
    assert!(matches!(
        read("404-project-not-found.json"),
        Failure::Missing(_)
    ));
    assert!(matches!(
        read("405-offset-too-deep.json"),
        Failure::Status { status: 405, .. }
    ));
}
