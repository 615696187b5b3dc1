//! What is asked of the provider, how often, and what becomes of its answers.

use chrono::TimeDelta;
use oidc_adapter::{ConfigError, OidcConfig};
use org_core::accounts::ExternalId;
use org_core::ports::{IdentityError, IdentityProvider, IdentityQuestion};
use org_core::testing::build::secret;
use serde_json::json;
use url::Url;
use wiremock::matchers::{header, path};
use wiremock::{Mock, ResponseTemplate};

use crate::issuer::{CODE, Issuer, Key, NONCE, SECRET, VERIFIER, provider, redirect};

#[tokio::test]
async fn both_kinds_of_keys_prove_who_signed_in() {
    for key in [Key::elliptic("ec"), Key::rsa("rsa")] {
        let issuer = Issuer::new(key).await;
        let token = issuer.key.sign(&issuer.claims());
        let found = issuer.judge(&token).await.expect("a right token");
        assert_eq!(
            found.id,
            ExternalId {
                issuer: issuer.url(),
                subject: "248289761001".to_owned()
            }
        );
        assert_eq!(found.name.as_deref(), Some("ada"));
        assert_eq!(found.email.as_deref(), Some("ada@example.com"));
        assert!(found.email_verified);
        assert_eq!(found.groups, ["staff", "developers"]);
    }
}

#[tokio::test]
async fn what_a_provider_may_leave_out_or_write_otherwise() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let bare = issuer.claims_with(
        &json!({"groups": null, "email": null, "email_verified": null, "preferred_username": null}),
    );
    let found = issuer
        .judge(&issuer.key.sign(&bare))
        .await
        .expect("a right token");
    assert_eq!(
        (found.name, found.email, found.email_verified),
        (None, None, false)
    );
    assert!(found.groups.is_empty());
    let now = issuer.claims()["iat"].as_i64().expect("a number");
    let odd = issuer.claims_with(&json!({
        "aud": ["another", "forgehold"], "azp": "forgehold", "email_verified": "true", "groups": "staff",
        // Clocks differ by up to a minute.
        "exp": now - 59, "iat": now + 59,
    }));
    let found = issuer
        .judge(&issuer.key.sign(&odd))
        .await
        .expect("a right token");
    assert!(found.email_verified);
    assert_eq!(found.groups, ["staff"]);
    let unsure = issuer.claims_with(&json!({"email_verified": "yes"}));
    let found = issuer
        .judge(&issuer.key.sign(&unsure))
        .await
        .expect("a right token");
    assert!(!found.email_verified);
}

#[tokio::test]
async fn the_question_has_everything_but_a_secret() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let question = IdentityQuestion {
        redirect: &redirect(),
        state: &secret("the-state"),
        nonce: &secret(NONCE),
        verifier: &secret(VERIFIER),
    };
    let address = issuer
        .provider
        .question(&question)
        .await
        .expect("an address");
    assert!(!address.contains(VERIFIER) && !address.contains(SECRET));
    let address = Url::parse(&address).expect("an address");
    let mut parts: Vec<String> = address
        .query_pairs()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.sort();
    insta::assert_snapshot!(parts.join("\n"), @r"
    client_id=forgehold
    code_challenge=XeL_b4ZmrTZpDaaGZiI4ISmJ1wuCfJZxRVmS5aeJFJA
    code_challenge_method=S256
    nonce=nonce-of-this-sign-in
    redirect_uri=https://forgehold.example.com/sign-in/callback
    response_type=code
    scope=openid profile groups
    state=the-state
    ");
}

#[tokio::test]
async fn the_code_is_sent_once_with_its_verifier_and_the_secret_in_the_head() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let token = issuer.key.sign(&issuer.claims());
    issuer.judge(&token).await.expect("a right token");
    let requests = issuer.server.received_requests().await.expect("recorded");
    let sent: Vec<_> = requests
        .iter()
        .filter(|request| request.url.path() == "/token")
        .collect();
    assert_eq!(sent.len(), 1);
    let body = String::from_utf8_lossy(&sent[0].body);
    assert!(
        body.contains(CODE) && body.contains(VERIFIER) && !body.contains(SECRET),
        "{body}"
    );
    assert!(
        sent[0].headers["authorization"]
            .to_str()
            .expect("ASCII")
            .starts_with("Basic ")
    );
    assert!(sent[0].url.query().is_none());
}

#[tokio::test]
async fn settings_and_keys_are_read_once_an_hour_and_anew_for_a_new_key() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let token = issuer.key.sign(&issuer.claims());
    for _ in 0..3 {
        issuer.judge(&token).await.expect("a right token");
    }
    let asked = async || {
        let discovery = issuer
            .requests_to("/.well-known/openid-configuration")
            .await;
        (discovery, issuer.requests_to("/keys").await)
    };
    assert_eq!(asked().await, (1, 1));
    // Somebody floods with tokens of keys that nobody has.
    issuer.clock.advance(TimeDelta::seconds(61));
    let foreign = Key::elliptic("foreign").sign(&issuer.claims());
    for _ in 0..5 {
        assert!(issuer.judge(&foreign).await.is_err());
    }
    assert_eq!(asked().await, (1, 2));
    // The provider signs with a new key.
    issuer.clock.advance(TimeDelta::seconds(61));
    let new = Key::elliptic("k2");
    issuer.server.reset().await;
    issuer.discovery(json!({})).await;
    issuer.keys(&[issuer.key.public(), new.public()]).await;
    issuer
        .judge(&new.sign(&issuer.claims()))
        .await
        .expect("a new key");
    assert_eq!(asked().await, (0, 1));
    issuer.clock.advance(TimeDelta::hours(1));
    issuer
        .judge(&new.sign(&issuer.claims()))
        .await
        .expect("a right token");
    assert_eq!(asked().await, (1, 2));
}

#[tokio::test]
async fn an_answer_must_say_who_gave_it_where_the_provider_promises_that() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    assert!(matches!(
        issuer.identify(Some("https://evil.example")).await,
        Err(IdentityError::Invalid { .. })
    ));
    issuer.server.reset().await;
    issuer
        .discovery(json!({"authorization_response_iss_parameter_supported": true}))
        .await;
    issuer.keys(&[issuer.key.public()]).await;
    issuer.clock.advance(TimeDelta::hours(1));
    assert!(matches!(
        issuer.identify(None).await,
        Err(IdentityError::Invalid { .. })
    ));
    assert_eq!(
        issuer.requests_to("/token").await,
        0,
        "the code is not sent"
    );
}

#[tokio::test]
async fn errors_of_the_provider_are_told_apart_and_repeat_no_secret() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let repeats = format!("bad code {CODE} of {SECRET}, verifier {VERIFIER}");
    let mut found = Vec::new();
    for answer in [
        ResponseTemplate::new(400)
            .set_body_json(json!({"error": "invalid_grant", "error_description": repeats})),
        ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client"})),
        ResponseTemplate::new(400).set_body_string(format!("<html>{SECRET}</html>")),
        ResponseTemplate::new(200).set_body_string(format!("{{\"id_token\": \"{SECRET}\"")),
        ResponseTemplate::new(200)
            .set_body_json(json!({"access_token": "x", "token_type": "Bearer"})),
        ResponseTemplate::new(302).insert_header("location", "https://evil.example/"),
        ResponseTemplate::new(503),
        ResponseTemplate::new(200).set_body_string("x".repeat(300_000)),
    ] {
        issuer.answers(answer).await;
        let error = issuer.identify(None).await.expect_err("no identity");
        found.push(error.to_string());
    }
    let found = found.join("\n");
    for secret in [SECRET, CODE, VERIFIER] {
        assert!(!found.contains(secret), "{found}");
    }
    assert!(!format!("{:?}", issuer.provider).contains(SECRET));
    insta::assert_snapshot!(found, @r"
    the identity provider refused to say who signed in (invalid_grant): bad code [REDACTED] of [REDACTED], verifier [REDACTED]
    the identity provider refused to say who signed in (invalid_client): it does not say more
    the identity provider answered something unexpected: its token endpoint answered no JSON with tokens
    the identity provider answered something unexpected: its token endpoint answered no JSON with tokens
    the identity provider answered something unexpected: its token endpoint gave no ID token; the scope `openid` must be allowed
    the identity provider answered something unexpected: its token endpoint answered with a redirect, which is not followed
    the identity provider cannot be reached: its token endpoint answered with status 503
    the identity provider answered something unexpected: an answer of more than 262144 bytes
    ");
}

#[tokio::test]
async fn a_provider_that_is_another_one_is_refused() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    let mut found = Vec::new();
    for more in [
        json!({"issuer": "https://evil.example"}),
        json!({"issuer": format!("{}/", issuer.url())}),
        json!({"token_endpoint": "http://evil.example/token"}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
    ] {
        issuer.server.reset().await;
        issuer.discovery(more).await;
        let fresh = provider(&issuer.url(), &issuer.clock);
        let question = IdentityQuestion {
            redirect: &redirect(),
            state: &secret("s"),
            nonce: &secret("n"),
            verifier: &secret(VERIFIER),
        };
        let error = fresh.question(&question).await.expect_err("no provider");
        found.push(error.to_string().replace(&issuer.url(), "ISSUER"));
    }
    insta::assert_snapshot!(found.join("\n"), @r"
    the identity provider answered something unexpected: it calls itself https://evil.example, and `server.oidc.issuer` is ISSUER; both must be the same to the letter
    the identity provider answered something unexpected: it calls itself ISSUER/, and `server.oidc.issuer` is ISSUER; both must be the same to the letter
    the identity provider answered something unexpected: its token_endpoint is no https address
    the identity provider answered something unexpected: its jwks_uri is no https address
    the identity provider answered something unexpected: its authorization_endpoint is no https address
    ");
}

#[test]
fn an_issuer_is_a_safe_address() {
    for good in [
        "https://id.example.com",
        "https://id.example.com/realms/a/",
        "http://127.0.0.1:8200/v1",
        "http://localhost:1",
    ] {
        assert!(OidcConfig::new(good, "x").is_ok(), "{good}");
    }
    for bad in [
        "",
        "id.example.com",
        "http://id.example.com",
        "https://a:b@id.example.com",
        "https://id.example.com/?a",
        "https://id.example.com/#a",
        "file:///x",
    ] {
        assert!(
            matches!(OidcConfig::new(bad, "x"), Err(ConfigError::Issuer)),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn groups_that_are_told_elsewhere_count_for_the_same_person() {
    let issuer = Issuer::new(Key::elliptic("k1")).await;
    issuer.server.reset().await;
    let userinfo = format!("{}/userinfo", issuer.url());
    issuer
        .discovery(json!({"userinfo_endpoint": userinfo}))
        .await;
    issuer.keys(&[issuer.key.public()]).await;
    // A token that speaks of groups is believed, even if there are none.
    let none = issuer.claims_with(&json!({"groups": []}));
    let found = issuer.judge(&issuer.key.sign(&none)).await;
    assert!(found.expect("a right token").groups.is_empty());
    assert_eq!(issuer.requests_to("/userinfo").await, 0);
    let silent = issuer
        .key
        .sign(&issuer.claims_with(&json!({"groups": null})));
    let tells = async |body: serde_json::Value| {
        Mock::given(path("/userinfo"))
            .and(header("authorization", "Bearer planted-access-token"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .up_to_n_times(1)
            .mount(&issuer.server)
            .await;
        issuer.judge(&silent).await
    };
    let found = tells(json!({"sub": "248289761001", "groups": ["staff"]})).await;
    assert_eq!(found.expect("the same person").groups, ["staff"]);
    let found = tells(json!({"sub": "248289761001"})).await;
    assert!(found.expect("the same person").groups.is_empty());
    for body in [
        json!({"sub": "somebody else", "groups": ["admins"]}),
        json!({"groups": ["admins"]}),
        json!({"sub": "248289761001", "groups": 7}),
    ] {
        let found = tells(body).await;
        assert!(
            matches!(found, Err(IdentityError::Invalid { .. })),
            "{found:?}"
        );
    }
    let gone = issuer.judge(&silent).await;
    assert!(
        matches!(gone, Err(IdentityError::Unexpected { .. })),
        "{gone:?}"
    );
}
