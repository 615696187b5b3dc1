//! People, API tokens, and who may do what.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::edge::{cookies, field_in, sign_in, token_in};
use crate::support::{Answer, House, PASSWORD, simulator};

async fn add(house: &House, name: &str, role: &str) -> Answer {
    let form = json!({"name": name, "password": PASSWORD, "role": role});
    house.send(Method::POST, "/users", form).await
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    add(&house, "vera", "viewer").await;
    add(&house, "otto", "operator").await;
    let attempts: [(Method, &str, Value, [u16; 3]); 12] = [
        (Method::GET, "/organizations", Value::Null, [200, 200, 200]),
        (Method::GET, "/secrets", Value::Null, [200, 200, 200]),
        (Method::GET, "/users", Value::Null, [403, 403, 200]),
        (Method::GET, "/tokens", Value::Null, [200, 200, 200]),
        (
            Method::POST,
            "/organizations/Acme/pause",
            json!({}),
            [403, 200, 409],
        ),
        (
            Method::POST,
            "/organizations/Acme/resume",
            json!({}),
            [403, 200, 409],
        ),
        (
            Method::PATCH,
            "/organizations/Acme",
            json!({}),
            [403, 200, 200],
        ),
        (
            Method::PUT,
            "/licenses/seats",
            json!({"seats": 5}),
            [403, 403, 200],
        ),
        (
            Method::POST,
            "/secrets",
            json!({"name": "a", "value": "b"}),
            [403, 403, 201],
        ),
        (Method::POST, "/organizations", json!({}), [403, 403, 422]),
        (
            Method::DELETE,
            "/organizations/Acme?confirm=x",
            json!({}),
            [403, 403, 409],
        ),
        (
            Method::POST,
            "/tokens",
            json!({"name": "t", "scope": "read"}),
            [403, 201, 201],
        ),
    ];
    let tokens = [
        house.issue("vera", "read").await,
        house.issue("otto", "write").await,
        house.token.clone(),
    ];
    for (method, path, body, expected) in attempts {
        for (token, expected) in tokens.iter().zip(expected) {
            let url = house.url(&format!("/api/v1{path}"));
            let request = house.client.request(method.clone(), url).bearer_auth(token);
            let answer = Answer::of(if body.is_null() {
                request
            } else {
                request.json(&body)
            })
            .await;
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{method} {path}: {}",
                answer.text
            );
        }
    }
    let anonymous = Answer::of(house.client.get(house.url("/api/v1/organizations"))).await;
    assert_eq!(anonymous.problem(), "401 unauthenticated");
    let unknown = house
        .client
        .get(house.url("/api/v1/organizations"))
        .bearer_auth("fgh_00");
    assert_eq!(Answer::of(unknown).await.problem(), "401 token_refused");
}

#[tokio::test]
async fn people_come_change_and_go() {
    let house = House::new().await;
    let bob = add(&house, "Bob", "viewer").await;
    assert_eq!(
        (bob.status, &bob.body["name"]),
        (StatusCode::CREATED, &json!("bob"))
    );
    assert_eq!(add(&house, "bob", "viewer").await.problem(), "409 conflict");
    let bad = json!({"name": "a b", "password": "short", "role": "boss"});
    let bad = house.send(Method::POST, "/users", bad).await;
    assert_eq!(bad.problem(), "422 invalid name,role,password");
    let token = house.issue("bob", "read").await;
    let works = async |token: &str| {
        let request = house.client.get(house.url("/api/v1/me")).bearer_auth(token);
        Answer::of(request).await.status
    };
    assert_eq!(works(&token).await, StatusCode::OK);
    let change = async |body: Value| house.send(Method::PATCH, "/users/bob", body).await;
    assert_eq!(
        change(json!({"role": "operator"})).await.body["role"],
        "operator"
    );
    assert!(change(json!({"disabled": true})).await.body["disabled_since"].is_string());
    assert_eq!(works(&token).await, StatusCode::UNAUTHORIZED);
    change(json!({"disabled": false})).await;
    assert_eq!(works(&token).await, StatusCode::OK);
    assert_eq!(change(json!({})).await.problem(), "422 invalid role");
    let both = change(json!({"role": "viewer", "disabled": true})).await;
    assert_eq!(both.problem(), "422 invalid role");
    let short = change(json!({"password": "short"})).await;
    assert_eq!(short.problem(), "422 invalid password");
    let last = house
        .send(Method::PATCH, "/users/ada", json!({"role": "viewer"}))
        .await;
    assert_eq!(last.problem(), "409 conflict");
    house.send(Method::DELETE, "/users/bob", json!({})).await;
    assert_eq!(works(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/users").await.all("name"), ["ada"]);
    let kinds = house
        .get("/events?subject=user:bob&order=oldest")
        .await
        .all("kind");
    assert_eq!(
        kinds,
        [
            "user.added",
            "api_token.issued",
            "user.role_changed",
            "user.closed",
            "user.reopened",
            "user.removed",
        ]
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let house = House::new().await;
    let form = json!({"name": "ci", "scope": "read", "expires_in_days": 7});
    let issued = house.send(Method::POST, "/tokens", form).await;
    let value = issued.body["value"].as_str().expect("a value").to_owned();
    assert!(value.starts_with("fgh_"));
    let id = issued.body["token"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let me = async || {
        let request = house
            .client
            .get(house.url("/api/v1/me"))
            .bearer_auth(&value);
        Answer::of(request).await
    };
    let seen = me().await;
    assert_eq!(
        (&seen.body["level"], &seen.body["user"]["name"]),
        (&json!("read"), &json!("ada"))
    );
    for path in ["/tokens", "/events?limit=500", "/me"] {
        assert!(!house.get(path).await.text.contains(&value), "{path}");
    }
    let wide = house
        .client
        .post(house.url("/api/v1/tokens"))
        .bearer_auth(&value);
    let wide = Answer::of(wide.json(&json!({"name": "wider", "scope": "admin"}))).await;
    assert_eq!(wide.problem(), "403 not_allowed");
    let revoked = Answer::of(house.request(Method::DELETE, &format!("/tokens/{id}"))).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(me().await.problem(), "401 token_refused");
    let again = Answer::of(house.request(Method::DELETE, &format!("/tokens/{id}"))).await;
    assert_eq!(again.problem(), "404 not_found");
}

/// A page that answers a form is loaded again by sending the form again.
#[tokio::test]
async fn a_form_for_an_api_token_makes_one_however_often_it_is_sent() {
    let house = House::new().await;
    let (_, entered) = sign_in(&house, None, "").await;
    let cookie = cookies(&entered).join("; ");
    let get = async |path: &str| {
        let request = house.client.get(house.url(path)).header("cookie", &cookie);
        Answer::of(request).await
    };
    let send = async |(page, once): (&Answer, &str), name: &str, days: &str| {
        let csrf = token_in(&page.text);
        let form = [
            ("csrf", csrf.as_str()),
            ("once", once),
            ("name", name),
            ("scope", "read"),
            ("expires_in_days", days),
        ];
        let request = house.client.post(house.url("/tokens/add"));
        Answer::of(request.header("cookie", &cookie).form(&form)).await
    };
    let names = async || house.get("/tokens").await.all("name");
    let before = names().await.len();

    let page = get("/tokens/add").await;
    let once = field_in(&page.text, "once");
    // What is refused makes nothing, and the same form can be mended and sent again.
    let refused = send((&page, &once), "nightly", "soon").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(field_in(&refused.text, "once"), once);
    let refused = send((&page, &once), "", "30").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made = send((&page, &once), "nightly", "30").await;
    assert_eq!(made.status, StatusCode::OK);
    assert!(made.text.contains("Copy it now"), "{}", made.text);
    for name in ["nightly", "another"] {
        let again = send((&page, &once), name, "30").await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        let text = "This token was made already; its value was shown once";
        assert!(again.text.contains(text), "{}", again.text);
        assert!(again.text.contains("href=\"/tokens\""), "{}", again.text);
        assert!(!again.text.contains("fgh_"), "{}", again.text);
    }
    assert_eq!(names().await.len(), before + 1);

    // A form without a ticket of ours makes nothing either, and brings one that does.
    let old = send((&page, "made up"), "weekly", "30").await;
    assert_eq!(old.status, StatusCode::CONFLICT);
    assert!(old.text.contains("value=\"weekly\""), "{}", old.text);
    assert_eq!(names().await.len(), before + 1);
    let once = field_in(&old.text, "once");
    let made = send((&old, &once), "weekly", "30").await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(names().await.len(), before + 2);

    // The address that revokes asks first when it is opened.
    let (_, rest) = made.text.split_once("href=\"/tokens/0").expect("a link");
    let path = format!("/tokens/0{}", rest.split('"').next().expect("it ends"));
    assert!(path.ends_with("/revoke"), "{path}");
    let asked = get(&path).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(asked.text.contains("Revoke the token"), "{}", asked.text);
    assert_eq!(names().await.len(), before + 2);
    assert_eq!(
        get("/tokens/nowhere/revoke").await.status,
        StatusCode::NOT_FOUND
    );
}
