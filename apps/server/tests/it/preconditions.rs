//! `If-Match`: whoever changes something that somebody else changed meanwhile is told, and nothing is lost.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, House, simulator};

/// Reads, has somebody else change it, and changes it as it was read; answers the tag of what is there in the end.
async fn check(house: &House, path: &str, change: (Method, &str), others: Value, ours: Value) {
    let (method, target) = change;
    let send = async |tag: &str, body: &Value| {
        let request = house.request(method.clone(), target);
        Answer::of(request.header("if-match", tag).json(body)).await
    };
    let seen = house.get(path).await;
    let tag = seen.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{path}: {tag}");
    let theirs = send(&tag, &others).await;
    assert_eq!(theirs.status, 200, "{path}: {}", theirs.text);
    assert_ne!(theirs.header("etag"), tag, "{path}");
    assert_eq!(
        theirs.header("etag"),
        house.get(path).await.header("etag"),
        "{path}"
    );
    let late = send(&tag, &ours).await;
    assert_eq!(late.problem(), "412 version_changed", "{path}");
    let now = house.get(path).await;
    assert_eq!(now.header("etag"), theirs.header("etag"), "{path}");
    let either = format!("\"other\", {}", now.header("etag"));
    assert_eq!(send(&either, &ours).await.status, 200, "{path}");
    assert_eq!(send("*", &others).await.status, 200, "{path}");
}

#[tokio::test]
async fn nobody_overwrites_what_they_did_not_see() {
    let house = House::new().await;
    let user = json!({"name": "bob", "password": "correct horse battery", "role": "viewer"});
    house.send(Method::POST, "/users", user).await;
    let secret = json!({"name": "one", "value": "swordfish-value"});
    house.send(Method::POST, "/secrets", secret).await;
    check(
        &house,
        "/users/bob",
        (Method::PATCH, "/users/bob"),
        json!({"role": "operator"}),
        json!({"disabled": true}),
    )
    .await;
    let change = (Method::PATCH, "/users/bob");
    let theirs = json!({"password": "another battery staple"});
    check(
        &house,
        "/users/bob",
        change,
        theirs,
        json!({"role": "viewer"}),
    )
    .await;
    check(
        &house,
        "/secrets/one",
        (Method::POST, "/secrets/one/rotate"),
        json!({"value": "second-value"}),
        json!({"value": "third-value"}),
    )
    .await;
    check(
        &house,
        "/licenses/policy",
        (Method::PUT, "/licenses/policy"),
        json!({"rules": ["exclude fork", "include all"]}),
        json!({"rules": ["exclude all"]}),
    )
    .await;
    check(
        &house,
        "/licenses/seats",
        (Method::PUT, "/licenses/seats"),
        json!({"seats": 7}),
        json!({"seats": 9}),
    )
    .await;
}

#[tokio::test]
async fn what_changed_is_not_removed_by_who_did_not_see_it() {
    let house = House::new().await;
    let user = json!({"name": "bob", "password": "correct horse battery", "role": "viewer"});
    house.send(Method::POST, "/users", user).await;
    let secret = json!({"name": "one", "value": "swordfish-value"});
    house.send(Method::POST, "/secrets", secret).await;
    for (path, change) in [
        (
            "/users/bob",
            (Method::PATCH, "", json!({"role": "operator"})),
        ),
        (
            "/secrets/one",
            (Method::POST, "/rotate", json!({"value": "second-value"})),
        ),
    ] {
        let tag = house.get(path).await.header("etag").to_owned();
        let (method, part, body) = change;
        house.send(method, &format!("{path}{part}"), body).await;
        let remove = async |tag: &str| {
            let request = house.request(Method::DELETE, path);
            Answer::of(request.header("if-match", tag)).await
        };
        assert_eq!(
            remove(&tag).await.problem(),
            "412 version_changed",
            "{path}"
        );
        let tag = house.get(path).await.header("etag").to_owned();
        assert_eq!(remove(&tag).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_precondition_that_cannot_be_read_or_is_weak_holds_a_change_back() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let secret = json!({"name": "one", "value": "swordfish-value"});
    house.send(Method::POST, "/secrets", secret).await;
    let changes = [
        (
            "/organizations/Acme",
            Method::PATCH,
            "/organizations/Acme",
            json!({"protect_groups": true}),
        ),
        (
            "/secrets/one",
            Method::POST,
            "/secrets/one/rotate",
            json!({"value": "second-value"}),
        ),
        (
            "/secrets/one",
            Method::POST,
            "/secrets/one/move",
            json!({"vault": "embedded"}),
        ),
        ("/secrets/one", Method::DELETE, "/secrets/one", json!({})),
    ];
    for (path, method, target, body) in changes {
        let tag = house.get(path).await.header("etag").to_owned();
        let send = async |named: &[u8]| {
            let request = house.request(method.clone(), target);
            let named = reqwest::header::HeaderValue::from_bytes(named).expect("a header");
            let answer = Answer::of(request.header("if-match", named).json(&body)).await;
            answer.problem()
        };
        for unreadable in ["\u{e4}", "7", "", "\"7", &format!("*, {tag}")] {
            let answer = send(unreadable.as_bytes()).await;
            assert_eq!(answer, "400 malformed", "{target}: {unreadable}");
        }
        let weak = send(format!("W/{tag}").as_bytes()).await;
        assert_eq!(weak, "412 version_changed", "{target}");
        assert_eq!(house.get(path).await.header("etag"), tag, "{target}");
    }
}

#[tokio::test]
async fn whoever_has_a_version_already_is_told_so() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let path = "/organizations/Acme";
    let tag = house.get(path).await.header("etag").to_owned();
    let ask = async |named: &str| {
        let request = house.request(Method::GET, path);
        Answer::of(request.header("if-none-match", named))
            .await
            .status
    };
    for known in [&tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
        assert_eq!(ask(known).await, 304, "{known}");
    }
    for other in ["\"x\"", "nonsense", ""] {
        assert_eq!(ask(other).await, 200, "{other}");
    }
}
