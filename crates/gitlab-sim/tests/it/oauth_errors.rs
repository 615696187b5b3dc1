//! What is refused, where it is told, and in which words.

use gitlab_sim::{AuthorizeErrors, DeviceGrant, Fault, FaultKind, GitlabSim, OauthRefused};

use crate::client::Reply;
use crate::data::sample;
use crate::oauth::{
    CALLBACK, CHALLENGE, CONFIDENTIAL, PUBLIC, SECRET, VERIFIER, WEB, address, builder, code,
    exchange, post, query, started, tokens,
};

#[track_caller]
fn check(reply: &Reply, status: u16, error: &str, description: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    let value = reply.json();
    assert_eq!(value["error"], error, "{value}");
    let text = value["error_description"].as_str().unwrap();
    assert!(text.contains(description), "{text}");
    assert_eq!(value.as_object().unwrap().len(), 2, "{value}");
}

#[tokio::test]
async fn a_code_is_exchanged_once_by_its_owner_with_its_redirect_uri_and_verifier() {
    let sim = started().await;
    let other = "a-verifier-of-forty-three-letters-or-a-bit-more";
    let code = code(&sim);
    // None of these uses the code up.
    for (changes, status, error, description) in [
        (
            vec![("grant_type", "")],
            400,
            "invalid_request",
            "parameter: grant_type.",
        ),
        (
            vec![("grant_type", "password")],
            400,
            "unsupported_grant_type",
            "",
        ),
        (
            vec![("grant_type", "client_credentials")],
            400,
            "unsupported_grant_type",
            "",
        ),
        (
            vec![("code", "")],
            400,
            "invalid_request",
            "Missing required parameter: code.",
        ),
        (
            vec![("code_verifier", "")],
            400,
            "invalid_request",
            "parameter: code_verifier.",
        ),
        (
            vec![("redirect_uri", "")],
            400,
            "invalid_request",
            "parameter: redirect_uri.",
        ),
        (
            vec![("client_id", "")],
            401,
            "invalid_client",
            "unknown client",
        ),
        (
            vec![("client_id", "nobody")],
            401,
            "invalid_client",
            "unknown client",
        ),
        (
            vec![("client_secret", "guess")],
            401,
            "invalid_client",
            "unknown client",
        ),
        (vec![("client_id", CONFIDENTIAL)], 401, "invalid_client", ""),
        (
            vec![("client_id", CONFIDENTIAL), ("client_secret", SECRET)],
            400,
            "invalid_grant",
            "issued to another client",
        ),
        (vec![("code", "guess")], 400, "invalid_grant", ""),
        (
            vec![("redirect_uri", WEB)],
            400,
            "invalid_grant",
            "redirection URI",
        ),
        (
            vec![("redirect_uri", "http://127.0.0.1:7171/other")],
            400,
            "invalid_grant",
            "",
        ),
        (vec![("code_verifier", other)], 400, "invalid_grant", ""),
        (vec![("code_verifier", CHALLENGE)], 400, "invalid_grant", ""),
    ] {
        let reply = exchange(&sim, &code, &changes).await;
        check(&reply, status, error, description);
    }
    let challenge = exchange(&sim, "guess", &[]).await;
    let challenge = challenge.header("www-authenticate").unwrap().to_owned();
    assert!(challenge.starts_with("Bearer realm=\"Doorkeeper\", error=\"invalid_grant\""));
    assert_eq!(exchange(&sim, &code, &[]).await.status, 200);
    assert_eq!(sim.oauth().stats().exchanges, 1);
}

#[tokio::test]
async fn error_answers_are_those_of_the_documented_samples() {
    let test = "error_answers_are_those_of_the_documented_samples";
    let sim = started().await;
    let (_, refresh) = tokens(&sim).await;
    let refreshing = |more: &'static [(&'static str, &'static str)]| {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", &*refresh),
        ];
        fields.extend(more);
        let sim = &sim;
        async move { post(sim, "/oauth/token", &fields).await }
    };
    let foreign = [
        ("client_id", CONFIDENTIAL),
        ("client_secret", SECRET),
        ("token", &*refresh),
    ];
    for (file, reply) in [
        (
            "oauth-400-invalid-grant",
            exchange(&sim, "guess", &[]).await,
        ),
        (
            "oauth-400-invalid-scope",
            refreshing(&[("client_id", PUBLIC), ("scope", "sudo")]).await,
        ),
        (
            "oauth-400-missing-param",
            exchange(&sim, &code(&sim), &[("code_verifier", "")]).await,
        ),
        (
            "oauth-401-invalid-client",
            refreshing(&[("client_id", "nobody")]).await,
        ),
        (
            "oauth-403-revoke-not-owner",
            post(&sim, "/oauth/revoke", &foreign).await,
        ),
    ] {
        let Some(sample) = sample(&format!("docs-examples/errors/{file}.json"), test) else {
            return;
        };
        assert_eq!(
            u64::from(reply.status),
            sample["status"].as_u64().unwrap(),
            "{file}"
        );
        assert_eq!(reply.json(), sample["body"], "{file}");
    }
    assert_eq!(
        refreshing(&[("client_id", PUBLIC)]).await.status,
        200,
        "it was left alone"
    );
}

#[tokio::test]
async fn a_code_dies_after_ten_minutes() {
    let sim = started().await;
    let code = code(&sim);
    sim.clock().advance(std::time::Duration::from_mins(10));
    check(
        &exchange(&sim, &code, &[]).await,
        400,
        "invalid_grant",
        "expired",
    );
}

/// What the application hears.
fn sent(sim: &GitlabSim, changes: &[(&str, &str)]) -> (String, String, String) {
    let goal = sim
        .oauth()
        .approve(&address(sim, changes), "alice")
        .unwrap();
    assert!(
        goal.starts_with("http://127.0.0.1:7171/callback?error="),
        "{goal}"
    );
    let mut goal = query(&goal);
    let mut take = |name: &str| goal.remove(name).unwrap_or_default();
    (take("error"), take("error_description"), take("state"))
}

#[tokio::test]
async fn mistakes_of_the_application_are_sent_to_it_with_the_state() {
    let sim = started().await;
    for (changes, error, description) in [
        (
            vec![("response_type", "")],
            "invalid_request",
            "Missing required parameter: response_type.",
        ),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
            "response type",
        ),
        (
            vec![("response_mode", "fragment")],
            "unsupported_response_mode",
            "response mode",
        ),
        (
            vec![("scope", "sudo")],
            "invalid_scope",
            "invalid, unknown, or malformed",
        ),
        (vec![("scope", "api\nsudo")], "invalid_scope", ""),
        (
            vec![("code_challenge", "")],
            "invalid_request",
            "Code challenge is required.",
        ),
        (
            vec![("code_challenge_method", "plain")],
            "invalid_code_challenge_method",
            "must be S256.",
        ),
        (
            vec![("code_challenge_method", "")],
            "invalid_code_challenge_method",
            "must be S256.",
        ),
    ] {
        let (got, text, state) = sent(&sim, &changes);
        assert_eq!(
            (got.as_str(), state.as_str()),
            (error, "a state"),
            "{changes:?}"
        );
        assert!(text.contains(description), "{text}");
    }
    let (.., state) = sent(&sim, &[("scope", "sudo"), ("state", "")]);
    assert_eq!(state, "");
    // No scope at all is the default one.
    let goal = sim
        .oauth()
        .approve(&address(&sim, &[("scope", "")]), "alice")
        .unwrap();
    let answer = exchange(&sim, &query(&goal)["code"], &[]).await;
    assert_eq!(answer.json()["scope"], "api");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_the_applications() {
    let sim = started().await;
    let refused = |changes: &[(&str, &str)]| {
        let url = address(&sim, changes);
        match sim.oauth().approve(&url, "alice") {
            Err(OauthRefused::Shown { error, .. }) => error,
            other => panic!("{changes:?}: {other:?}"),
        }
    };
    assert_eq!(refused(&[("client_id", "")]), "invalid_request");
    assert_eq!(
        refused(&[("client_id", "nobody"), ("scope", "sudo")]),
        "invalid_client"
    );
    for uri in [
        "",
        "https://evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:7171@evil.example/callback",
        "http://evil.example#@127.0.0.1/callback",
        "http://evil.example\\@127.0.0.1/callback",
        "http://localhost:7171/callback",
        "http://127.0.0.1:7171/callback/../../evil",
        "http://127.0.0.1:7171/callback#fragment",
        "//127.0.0.1/callback",
        "javascript:alert(1)",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        assert_eq!(
            refused(&[("redirect_uri", uri)]),
            "invalid_redirect_uri",
            "{uri}"
        );
    }
    let elsewhere = sim
        .oauth()
        .approve("https://evil.example/oauth/authorizes", "alice");
    assert!(matches!(elsewhere, Err(OauthRefused::Elsewhere)));
}

#[tokio::test]
async fn mistakes_can_be_shown_in_place_of_being_sent() {
    let sim = builder()
        .authorize_errors(AuthorizeErrors::Shown)
        .start()
        .await
        .unwrap();
    let shown = sim
        .oauth()
        .approve(&address(&sim, &[("scope", "sudo")]), "alice");
    assert!(matches!(shown, Err(OauthRefused::Shown { error, .. }) if error == "invalid_scope"));
    let denied = sim.oauth().deny(&address(&sim, &[])).unwrap();
    assert_eq!(query(&denied)["error"], "access_denied");
}

#[tokio::test]
async fn a_registered_localhost_is_matched_to_the_letter() {
    let sim = started().await;
    let spec = gitlab_sim::ApplicationSpec::public("Fixed", "http://localhost:7171/auth/redirect")
        .redirect_uri("http://[::1]/callback");
    let fixed = sim.oauth().add_application(&spec).unwrap().client_id;
    let asks = |uri: &str| {
        let url = address(&sim, &[("client_id", &fixed), ("redirect_uri", uri)]);
        sim.oauth().approve(&url, "alice").is_ok()
    };
    assert!(asks("http://localhost:7171/auth/redirect"));
    assert!(!asks("http://localhost:7172/auth/redirect"));
    assert!(asks("http://[::1]:50505/callback"));
    assert!(!asks(CALLBACK));
}

#[tokio::test]
async fn a_token_is_revoked_by_its_own_application_alone() {
    let sim = started().await;
    let (access, refresh) = tokens(&sim).await;
    let revoke = async |fields: &[(&str, &str)]| post(&sim, "/oauth/revoke", fields).await;
    let (me, stranger) = (("client_id", PUBLIC), ("client_id", CONFIDENTIAL));
    assert_eq!(revoke(&[("token", &access)]).await.status, 403);
    assert_eq!(revoke(&[stranger, ("token", &access)]).await.status, 403);
    let wrong = [stranger, ("client_secret", SECRET), ("token", &refresh)];
    check(
        &revoke(&wrong).await,
        403,
        "unauthorized_client",
        "not authorized to revoke",
    );
    for nothing in [vec![me], vec![me, ("token", "unknown")]] {
        let done = revoke(&nothing).await;
        assert_eq!((done.status, done.text.as_str()), (200, "{}"));
    }
    let personal = revoke(&[me, ("token", sim.token())]).await;
    assert_eq!(personal.status, 200);
    assert_eq!(crate::client::get(&sim, "/api/v4/user").await.status, 200);
    assert_eq!(
        crate::client::get_as(&sim, &access, "/api/v4/user")
            .await
            .status,
        200
    );
    // The hint may be wrong, and the pair dies together.
    let hint = ("token_type_hint", "access_token");
    assert_eq!(revoke(&[me, ("token", &refresh), hint]).await.status, 200);
    assert_eq!(
        crate::client::get_as(&sim, &access, "/api/v4/user")
            .await
            .status,
        401
    );
    assert_eq!(sim.oauth().stats().revocations, 1);
}

#[tokio::test]
async fn errors_of_the_token_endpoint_come_on_demand() {
    let sim = started().await;
    let code = code(&sim);
    for (error, status) in [
        ("temporarily_unavailable", 400),
        ("server_error", 400),
        ("unauthorized_client", 400),
        ("invalid_client", 401),
    ] {
        let kind = FaultKind::Oauth {
            error: error.into(),
        };
        sim.fault(Fault::new(kind).path("/oauth/token").once());
        let text = match error {
            "unauthorized_client" => "this method",
            _ => "",
        };
        check(&exchange(&sim, &code, &[]).await, status, error, text);
    }
    assert_eq!(exchange(&sim, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn an_old_instance_knows_no_devices() {
    let sim = builder()
        .device_grant(DeviceGrant::Off)
        .start()
        .await
        .unwrap();
    let start = post(&sim, "/oauth/authorize_device", &[("client_id", PUBLIC)]).await;
    assert_eq!(start.status, 404);
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = post(
        &sim,
        "/oauth/token",
        &[("grant_type", grant), ("client_id", PUBLIC)],
    )
    .await;
    check(&poll, 400, "unsupported_grant_type", "");
}

#[tokio::test]
async fn json_bodies_and_queries_are_read_too() {
    let sim = started().await;
    let code = code(&sim);
    let body = serde_json::json!({
        "grant_type": "authorization_code", "client_id": PUBLIC, "code": code,
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    });
    let request = crate::client::http().post(format!("{}/oauth/token", sim.url()));
    assert_eq!(request.json(&body).send().await.unwrap().status(), 200);
    for body in ["null", "[]", "{", "{\"grant_type\":7}", "\"text\""] {
        let request = crate::client::http()
            .post(format!("{}/oauth/token", sim.url()))
            .header("content-type", "application/json");
        assert_eq!(
            request.body(body).send().await.unwrap().status(),
            400,
            "{body}"
        );
    }
}
