//! The device grant, with its pacing by the simulator's clock.

use std::time::Duration;

use gitlab_sim::{DeviceGrant, Fault, FaultKind, GitlabSim};
use serde_json::Value;

use crate::browser::{Browser, form};
use crate::client::{get_as, http};
use crate::data::sample;
use crate::oauth::{CONFIDENTIAL, PASSWORD, PUBLIC, SECRET, builder, pair, post, started};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn start(sim: &GitlabSim) -> (String, String) {
    let fields = [("client_id", PUBLIC), ("scope", "read_api read_user")];
    let answer = post(sim, "/oauth/authorize_device", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let value = answer.json();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    (text("device_code"), text("user_code"))
}

/// Polls; the error, or empty when tokens came.
async fn poll(sim: &GitlabSim, device_code: &str) -> (String, Value) {
    let fields = [
        ("grant_type", GRANT),
        ("device_code", device_code),
        ("client_id", PUBLIC),
    ];
    let reply = post(sim, "/oauth/token", &fields).await;
    let value = reply.json();
    let error = value["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(reply.status, if error.is_empty() { 200 } else { 400 });
    (error, value)
}

fn wait(sim: &GitlabSim, seconds: u64) {
    sim.clock().advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn a_device_is_authorized_on_the_page() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    assert_eq!(poll(&sim, &device_code).await.0, "authorization_pending");
    let mut browser = Browser::of(&sim);
    let complete = format!("{}/oauth/device?user_code={user_code}", sim.url());
    let page = browser.open_signed_in(&complete, "alice", PASSWORD).await;
    let filled = form(&page, "Continue");
    assert_eq!(filled.fields["user_code"], user_code, "it is filled in");
    let wrong = browser
        .submit(&filled.clone().with("user_code", "NOPE1234"))
        .await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("The user code is invalid"),
        "{}",
        wrong.text
    );
    // People type as they like.
    let typed = filled.with("user_code", &format!(" {} ", user_code.to_lowercase()));
    let page = browser.submit(&typed).await;
    assert!(page.text.contains("Somebody&#39;s tool") && page.text.contains("Read API"));
    let decided = form(&page, "Deny").with("decision", "authorize");
    let done = browser.submit(&decided).await;
    assert!(
        done.text.contains("Device successfully authorized"),
        "{}",
        done.text
    );
    wait(&sim, 5);
    let (error, value) = poll(&sim, &device_code).await;
    assert_eq!(error, "");
    let access = value["access_token"].as_str().unwrap();
    assert_eq!(
        get_as(&sim, access, "/api/v4/user").await.json()["username"],
        "alice"
    );
    assert_eq!(value["scope"], "read_api read_user");
    assert!(value["refresh_token"].is_string());
    // The row is gone: what was lost cannot be had again.
    assert_eq!(poll(&sim, &device_code).await.0, "invalid_grant");
    let again = browser.submit(&decided).await;
    assert_eq!(again.status, 422, "a code is decided once");
}

#[tokio::test]
async fn a_device_is_denied_on_the_page() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    let mut browser = Browser::of(&sim);
    let page = browser
        .open_signed_in("/oauth/device", "alice", PASSWORD)
        .await;
    let page = browser
        .submit(&form(&page, "Continue").with("user_code", &user_code))
        .await;
    let done = browser
        .submit(&form(&page, "Deny").with("decision", "deny"))
        .await;
    assert!(done.text.contains("was not authorized"));
    assert_eq!(poll(&sim, &device_code).await.0, "access_denied");
    assert!(sim.oauth().waiting_devices().is_empty());
}

#[tokio::test]
async fn polls_are_five_seconds_apart_as_accepted() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    let mut seen = Vec::new();
    for seconds in [0, 4, 1, 4, 0, 1] {
        wait(&sim, seconds);
        seen.push(poll(&sim, &device_code).await.0);
    }
    let (pending, slow) = ("authorization_pending", "slow_down");
    assert_eq!(seen, [pending, slow, pending, slow, slow, pending]);
    // It holds for a decided device too.
    sim.oauth().approve_device(&user_code, "alice").unwrap();
    assert_eq!(poll(&sim, &device_code).await.0, slow);
    wait(&sim, 5);
    assert_eq!(poll(&sim, &device_code).await.0, "");
}

#[tokio::test]
async fn a_device_waits_five_minutes() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    wait(&sim, 299);
    assert_eq!(poll(&sim, &device_code).await.0, "authorization_pending");
    wait(&sim, 1);
    assert!(sim.oauth().approve_device(&user_code, "alice").is_err());
    assert_eq!(poll(&sim, &device_code).await.0, "expired_token");
    assert_eq!(
        poll(&sim, &device_code).await.0,
        "invalid_grant",
        "it is gone then"
    );
}

#[tokio::test]
async fn a_lost_answer_cannot_be_had_again() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    sim.oauth().approve_device(&user_code, "alice").unwrap();
    sim.fault(Fault::new(FaultKind::Close).path("/oauth/token").once());
    let fields = [
        ("grant_type", GRANT),
        ("device_code", &device_code),
        ("client_id", PUBLIC),
    ];
    let url = format!("{}/oauth/token", sim.url());
    assert!(http().post(url).form(&fields).send().await.is_err());
    assert_eq!(poll(&sim, &device_code).await.0, "invalid_grant");
    assert_eq!(sim.oauth().stats().device_exchanges, 1);
}

#[tokio::test]
async fn a_device_belongs_to_its_application() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    sim.oauth().approve_device(&user_code, "alice").unwrap();
    let ask = async |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", GRANT), ("device_code", device_code.as_str())];
        fields.extend(more);
        let reply = post(&sim, "/oauth/token", &fields).await;
        (
            reply.status,
            reply.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    let stranger = [("client_id", CONFIDENTIAL), ("client_secret", SECRET)];
    assert_eq!(ask(&[]).await, (401, "invalid_client".into()));
    assert_eq!(ask(&stranger).await, (400, "invalid_grant".into()));
    assert_eq!(poll(&sim, &device_code).await.0, "");
    for (fields, status, error) in [
        (vec![("client_id", "nobody")], 401, "invalid_client"),
        (vec![], 401, "invalid_client"),
        (
            vec![("client_id", PUBLIC), ("scope", "sudo")],
            400,
            "invalid_scope",
        ),
    ] {
        let reply = post(&sim, "/oauth/authorize_device", &fields).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (status, &error.into())
        );
    }
}

#[tokio::test]
async fn answers_have_the_fields_of_the_documented_device_samples() {
    let test = "answers_have_the_fields_of_the_documented_device_samples";
    let file = |name: &str| sample(&format!("docs-examples/oauth/{name}.json"), test);
    let names = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let Some(started) = file("device-authorization") else {
        return;
    };
    let sim = builder()
        .device_grant(DeviceGrant::WithoutRefreshToken)
        .start()
        .await
        .unwrap();
    let answer = post(&sim, "/oauth/authorize_device", &[("client_id", PUBLIC)]).await;
    let answer = answer.json();
    assert_eq!(names(&answer), names(&started));
    assert_eq!(
        (&answer["expires_in"], &answer["interval"]),
        (&300.into(), &5.into())
    );
    let uri = format!("{}/oauth/device", sim.url());
    assert_eq!(answer["verification_uri"], uri);
    let user_code = answer["user_code"].as_str().unwrap();
    assert_eq!(
        answer["verification_uri_complete"],
        format!("{uri}?user_code={user_code}")
    );
    assert_eq!(
        user_code.len(),
        started["user_code"].as_str().unwrap().len()
    );
    let device_code = answer["device_code"].as_str().unwrap();
    let error = async |name: &str| {
        let (got, value) = poll(&sim, device_code).await;
        let sample = file(name).unwrap();
        assert_eq!(got, sample["error"].as_str().unwrap());
        assert_eq!(names(&value), names(&sample));
    };
    error("device-error-authorization-pending").await;
    error("device-error-slow-down").await;
    sim.oauth().approve_device(user_code, "bob").unwrap();
    wait(&sim, 5);
    let (_, value) = poll(&sim, device_code).await;
    assert_eq!(names(&value), names(&file("device-success").unwrap()));

    let (device_code, user_code) = start(&sim).await;
    sim.oauth().deny_device(&user_code).unwrap();
    assert_eq!(
        poll(&sim, &device_code).await.0,
        file("device-error-access-denied").unwrap()["error"]
    );
    let (device_code, _) = start(&sim).await;
    wait(&sim, 300);
    assert_eq!(
        poll(&sim, &device_code).await.0,
        file("device-error-expired-token").unwrap()["error"]
    );
}

#[tokio::test]
async fn the_tokens_of_a_device_are_refreshed_like_others() {
    let sim = started().await;
    let (device_code, user_code) = start(&sim).await;
    sim.oauth().approve_device(&user_code, "bob").unwrap();
    let (_, value) = poll(&sim, &device_code).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", value["refresh_token"].as_str().unwrap()),
        ("client_id", PUBLIC),
    ];
    let (access, _) = pair(&post(&sim, "/oauth/token", &fields).await);
    assert_eq!(
        get_as(&sim, &access, "/api/v4/user").await.json()["username"],
        "bob"
    );
}
