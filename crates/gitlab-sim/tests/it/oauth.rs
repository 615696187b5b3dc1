//! Signing in with a code, from the first page to the last call with the token.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gitlab_sim::{ApplicationSpec, Builder, Clock, GitlabSim, Pkce};
use serde_json::{Value, json};

use crate::browser::{Browser, form};
use crate::client::{Reply, get_as, http, read};
use crate::data::sample;

pub(crate) const PUBLIC: &str = "cli-of-somebody";
pub(crate) const CONFIDENTIAL: &str = "server-of-somebody";
pub(crate) const SECRET: &str = "gloas-a-client-secret";
pub(crate) const CALLBACK: &str = "http://127.0.0.1/callback";
pub(crate) const WEB: &str = "https://app.example/callback?from=gitlab";
pub(crate) const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";
pub(crate) const CHALLENGE: &str = "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U";
pub(crate) const PASSWORD: &str = "correct horse & battery";

pub(crate) fn builder() -> Builder {
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    GitlabSim::builder()
        .clock(Clock::manual(start))
        .user("alice", PASSWORD)
        .application(ApplicationSpec::public("Somebody's tool", CALLBACK).client_id(PUBLIC))
        .application(
            ApplicationSpec::confidential("Somebody's server", WEB)
                .client_id(CONFIDENTIAL)
                .secret(SECRET),
        )
}

pub(crate) async fn started() -> GitlabSim {
    builder().start().await.unwrap()
}

/// The address of an authorization, with these parameters in place of the usual; an empty one is
/// left out.
pub(crate) fn address(sim: &GitlabSim, changes: &[(&str, &str)]) -> String {
    let mut pairs = BTreeMap::from([
        ("client_id", PUBLIC),
        ("redirect_uri", "http://127.0.0.1:7171/callback"),
        ("response_type", "code"),
        ("scope", "read_api read_user"),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    pairs.extend(changes.iter().copied());
    pairs.retain(|_, value| !value.is_empty());
    let page = format!("{}/oauth/authorize", sim.url());
    reqwest::Url::parse_with_params(&page, pairs)
        .unwrap()
        .to_string()
}

pub(crate) fn query(address: &str) -> BTreeMap<String, String> {
    reqwest::Url::parse(address)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

pub(crate) async fn post(sim: &GitlabSim, path: &str, fields: &[(&str, &str)]) -> Reply {
    let request = http().post(format!("{}{path}", sim.url())).form(fields);
    read(request.send().await.unwrap()).await
}

/// A code of `alice` for the public application.
pub(crate) fn code(sim: &GitlabSim) -> String {
    let goal = sim.oauth().approve(&address(sim, &[]), "alice").unwrap();
    query(&goal)["code"].clone()
}

/// The exchange of a code, with these fields in place of the usual; an empty one is left out.
pub(crate) async fn exchange(sim: &GitlabSim, code: &str, changes: &[(&str, &str)]) -> Reply {
    let mut fields = BTreeMap::from([
        ("grant_type", "authorization_code"),
        ("client_id", PUBLIC),
        ("code", code),
        ("redirect_uri", "http://127.0.0.1:7171/callback"),
        ("code_verifier", VERIFIER),
    ]);
    fields.extend(changes.iter().copied());
    fields.retain(|_, value| !value.is_empty());
    let fields: Vec<(&str, &str)> = fields.into_iter().collect();
    post(sim, "/oauth/token", &fields).await
}

pub(crate) async fn tokens(sim: &GitlabSim) -> (String, String) {
    let answer = exchange(sim, &code(sim), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    pair(&answer)
}

pub(crate) fn pair(answer: &Reply) -> (String, String) {
    let value = answer.json();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[track_caller]
fn check_shape(sample: &Value, answer: &Value, what: &str) {
    for (name, expected) in sample.as_object().unwrap() {
        let got = answer.get(name);
        let same = matches!(
            (expected, got),
            (Value::String(_), Some(Value::String(_)))
                | (Value::Number(_) | Value::Null, Some(Value::Number(_)))
                | (Value::Array(_), Some(Value::Array(_)))
                | (Value::Object(_), Some(Value::Object(_)))
        );
        assert!(same, "{what}: {name} is {got:?}, the sample has {expected}");
    }
}

#[tokio::test]
async fn a_person_signs_in_agrees_and_the_program_has_a_token() {
    let sim = started().await;
    let mut browser = Browser::of(&sim);
    let page = browser
        .open_signed_in(
            &address(&sim, &[("root_namespace_id", "40")]),
            "alice",
            PASSWORD,
        )
        .await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Somebody&#39;s tool"), "{}", page.text);
    assert!(page.text.contains("Read your personal information"));
    let goal = browser.submit(&form(&page, "Authorize</button>")).await;
    assert_eq!(goal.status, 302);
    let goal = goal.header("location").unwrap();
    assert!(
        goal.starts_with("http://127.0.0.1:7171/callback?code="),
        "{goal}"
    );
    assert_eq!(query(goal)["state"], "a state");

    let answer = exchange(&sim, &query(goal)["code"], &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store, no-cache"));
    let value = answer.json();
    assert_eq!(value["expires_in"], 7200);
    assert_eq!(value["token_type"], "Bearer");
    assert_eq!(value["scope"], "read_api read_user");
    assert_eq!(value["created_at"], sim.clock().now().timestamp());
    let (access, refresh) = pair(&answer);
    assert!(access.len() == 64 && refresh.len() == 64 && access != refresh);
    assert_eq!(
        get_as(&sim, &access, "/api/v4/user").await.json()["username"],
        "alice"
    );
}

#[tokio::test]
async fn a_person_denies() {
    let sim = started().await;
    let mut browser = Browser::of(&sim);
    let page = browser
        .open_signed_in(&address(&sim, &[]), "alice", PASSWORD)
        .await;
    let goal = browser.submit(&form(&page, "Deny</button>")).await;
    let goal = query(goal.header("location").unwrap());
    assert_eq!(goal["error"], "access_denied");
    assert_eq!(goal["state"], "a state");
    assert!(goal["error_description"].contains("denied the request"));
    assert!(!goal.contains_key("code"));
    assert_eq!(
        query(&sim.oauth().deny(&address(&sim, &[])).unwrap()),
        goal,
        "the handle does what the page does"
    );
}

#[tokio::test]
async fn answers_have_the_fields_of_the_documented_samples() {
    let test = "answers_have_the_fields_of_the_documented_samples";
    let Some(vector) = sample("docs-examples/oauth/pkce-vector.json", test) else {
        return;
    };
    let file = |name: &str| sample(&format!("docs-examples/oauth/{name}.json"), test).unwrap();
    assert_eq!(vector["code_verifier"], VERIFIER);
    assert_eq!(vector["code_challenge"], CHALLENGE);
    let sim = started().await;
    let answer = exchange(&sim, &code(&sim), &[]).await;
    check_shape(&file("token-authorization-code"), &answer.json(), "code");
    let (access, refresh) = pair(&answer);
    let info = get_as(&sim, &access, "/oauth/token/info").await;
    check_shape(&file("token-info"), &info.json(), "token info");
    assert_eq!(info.json()["application"]["uid"], PUBLIC);
    assert_eq!(info.json()["scope"], json!(["read_api", "read_user"]));
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("client_id", PUBLIC),
        ("redirect_uri", CALLBACK),
    ];
    let refreshed = post(&sim, "/oauth/token", &fields).await;
    check_shape(&file("token-refresh"), &refreshed.json(), "refresh");
    let (access, _) = pair(&refreshed);
    let revoked = post(
        &sim,
        "/oauth/revoke",
        &[("client_id", PUBLIC), ("token", &access)],
    )
    .await;
    assert_eq!((revoked.status, revoked.json()), (200, file("revoke-ok")));
}

#[tokio::test]
async fn a_token_opens_what_its_scopes_allow_until_it_expires_or_is_revoked() {
    let test = "a_token_opens_what_its_scopes_allow_until_it_expires_or_is_revoked";
    let sim = started().await;
    let (access, _) = tokens(&sim).await;
    let ask = async |path: &str| get_as(&sim, &access, path).await;
    assert_eq!(ask("/api/v4/projects").await.status, 200);
    let graphql = http()
        .post(format!("{}/api/graphql", sim.url()))
        .bearer_auth(&access)
        .json(&json!({ "query": "{ currentUser { username } }" }));
    let graphql = read(graphql.send().await.unwrap()).await.json();
    assert_eq!(graphql["data"]["currentUser"]["username"], "alice");
    let narrow = sim.oauth().issue(PUBLIC, "alice", &["read_user"]).unwrap();
    let refused = get_as(&sim, &narrow.access_token, "/api/v4/projects").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"], "insufficient_scope");
    let header = http()
        .get(format!("{}/api/v4/user", sim.url()))
        .header("PRIVATE-TOKEN", &access);
    assert_eq!(header.send().await.unwrap().status(), 401);

    let personal = ask("/api/v4/personal_access_tokens/self").await;
    let same = async |reply: &Reply, file: &str| {
        let Some(sample) = sample(&format!("docs-examples/errors/{file}.json"), test) else {
            return;
        };
        assert_eq!(u64::from(reply.status), sample["status"].as_u64().unwrap());
        assert_eq!(reply.json(), sample["body"], "{file}");
    };
    assert_eq!(personal.status, 400);
    same(&personal, "400-pat-self-with-oauth").await;

    sim.clock().advance(std::time::Duration::from_secs(7199));
    let info = ask("/oauth/token/info").await.json();
    assert_eq!(
        (&info["expires_in"], &info["expires_in_seconds"]),
        (&json!(1), &json!(1))
    );
    sim.clock().advance(std::time::Duration::from_secs(1));
    let expired = ask("/api/v4/user").await;
    assert_eq!(expired.status, 401);
    same(&expired, "401-invalid-token-expired").await;
    let info = ask("/oauth/token/info").await;
    assert_eq!(
        (info.status, &info.json()["error"]),
        (401, &json!("invalid_token"))
    );

    let (access, _) = tokens(&sim).await;
    sim.oauth().revoke_application(PUBLIC, "alice").unwrap();
    let revoked = get_as(&sim, &access, "/api/v4/user").await;
    assert_eq!(revoked.status, 401);
    same(&revoked, "401-invalid-token-revoked").await;
}

#[tokio::test]
async fn the_server_tells_about_itself_and_its_user() {
    let sim = builder().prefix("/gitlab").start().await.unwrap();
    let about = get_as(&sim, "", "/.well-known/openid-configuration")
        .await
        .json();
    for (name, path) in [
        ("authorization_endpoint", "/oauth/authorize"),
        ("token_endpoint", "/oauth/token"),
        ("revocation_endpoint", "/oauth/revoke"),
        ("device_authorization_endpoint", "/oauth/authorize_device"),
    ] {
        assert_eq!(about[name], format!("{}{path}", sim.url()));
    }
    assert_eq!(about["code_challenge_methods_supported"], json!(["S256"]));
    let spec = ApplicationSpec::public("Identity", CALLBACK).scopes(["openid", "email"]);
    let identity = sim.oauth().add_application(&spec).unwrap();
    let issue = |scopes: &[&str]| {
        sim.oauth()
            .issue(&identity.client_id, "alice", scopes)
            .unwrap()
    };
    let known = get_as(
        &sim,
        &issue(&["openid", "email"]).access_token,
        "/oauth/userinfo",
    )
    .await;
    assert_eq!(known.json()["preferred_username"], "alice");
    assert_eq!(known.json()["email"], "alice@sim.example");
    assert_eq!(known.header("access-control-allow-origin"), Some("*"));
    let unknown = get_as(&sim, &issue(&["email"]).access_token, "/oauth/userinfo").await;
    assert_eq!(unknown.status, 403);
}

#[tokio::test]
async fn a_confidential_application_proves_itself_by_form_or_header() {
    let sim = started().await;
    let ask = |sim: &GitlabSim| {
        let changes = [
            ("client_id", CONFIDENTIAL),
            ("redirect_uri", WEB),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ];
        let goal = sim
            .oauth()
            .approve(&address(sim, &changes), "alice")
            .unwrap();
        assert!(
            goal.starts_with("https://app.example/callback?from=gitlab&code="),
            "{goal}"
        );
        query(&goal)["code"].clone()
    };
    let fields = [
        ("client_id", CONFIDENTIAL),
        ("redirect_uri", WEB),
        ("code_verifier", ""),
        ("client_secret", SECRET),
    ];
    assert_eq!(exchange(&sim, &ask(&sim), &fields).await.status, 200);
    let code = ask(&sim);
    let request = http()
        .post(format!("{}/oauth/token", sim.url()))
        .basic_auth(CONFIDENTIAL, Some(SECRET))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", WEB),
        ]);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn consent_is_not_asked_for_twice_nor_for_what_is_trusted() {
    let sim = started().await;
    let spec = ApplicationSpec::public("Trusted", CALLBACK).trusted();
    let trusted = sim.oauth().add_application(&spec).unwrap();
    let mut browser = Browser::of(&sim);
    let direct = browser
        .open_signed_in(
            &address(&sim, &[("client_id", &trusted.client_id)]),
            "alice",
            PASSWORD,
        )
        .await;
    assert_eq!(direct.status, 302);
    assert!(query(direct.header("location").unwrap()).contains_key("code"));

    let server = address(&sim, &[("client_id", CONFIDENTIAL), ("redirect_uri", WEB)]);
    assert_eq!(browser.open(&server).await.status, 200);
    let scopes = ["read_user", "read_api"];
    sim.oauth().issue(CONFIDENTIAL, "alice", &scopes).unwrap();
    assert_eq!(browser.open(&server).await.status, 302);
    // A public application is nobody in particular, so it is asked for each time.
    sim.oauth().issue(PUBLIC, "alice", &scopes).unwrap();
    assert_eq!(browser.open(&address(&sim, &[])).await.status, 200);
}

#[tokio::test]
async fn plain_is_a_matter_of_configuration() {
    let sim = builder().pkce(Pkce::Optional).start().await.unwrap();
    let changes = [
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ];
    let goal = sim
        .oauth()
        .approve(&address(&sim, &changes), "alice")
        .unwrap();
    assert_eq!(exchange(&sim, &query(&goal)["code"], &[]).await.status, 200);
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let goal = sim
        .oauth()
        .approve(&address(&sim, &without), "alice")
        .unwrap();
    let code = &query(&goal)["code"];
    let refused = exchange(&sim, code, &[]).await;
    assert_eq!(
        refused.json()["error"],
        "invalid_grant",
        "a verifier where no challenge was"
    );
    assert_eq!(
        exchange(&sim, code, &[("code_verifier", "")]).await.status,
        200
    );
}
