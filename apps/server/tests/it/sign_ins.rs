//! Connecting by a sign-in over the API: a program gets a code, a person types it at the host, and the job tells what came of it.

use gitlab_sim::{ApplicationSpec, GitlabSim};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::http::limits::Limits;

use crate::support::{House, simulator};

const CLIENT: &str = "forgehold-of-the-tests";

/// A server whose application is registered at a host.
async fn registered() -> (House, GitlabSim) {
    let sim = simulator(2).await;
    let spec = ApplicationSpec::public("Forgehold", "http://127.0.0.1/").client_id(CLIENT);
    sim.oauth().add_application(&spec).expect("a new one");
    let clients = format!("{} {CLIENT}", sim.url());
    let settings = [("FORGEHOLD_OAUTH__CLIENTS", clients.as_str())];
    (House::with(&settings, Limits::default()).await, sim)
}

/// Begins a sign-in: where its job is, and the code.
async fn begin(house: &House, sim: &GitlabSim) -> (String, String) {
    let form =
        json!({"name": "Acme", "host": sim.url(), "sso": "read", "schedule": {"manual": true}});
    let begun = house.send(Method::POST, "/organizations", form).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    let job = format!("/jobs/{}", begun.body["id"].as_str().expect("an id"));
    let code = begun.body["sign_in"]["code"].as_str();
    (job, code.expect("a code").to_owned())
}

async fn ended(house: &House, job: &str) -> Value {
    house.get(&format!("{job}?wait=60")).await.body
}

#[tokio::test]
async fn an_organization_is_connected_by_a_code() {
    let (house, sim) = registered().await;
    let (job, code) = begin(&house, &sim).await;
    sim.oauth()
        .approve_device(&code, "alice")
        .expect("it waits");
    let ended = ended(&house, &job).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(ended["sign_in"], Value::Null, "the code is of no use now");
    let id = ended["organization"].as_str().expect("an id");
    let shown = house.get(&format!("/organizations/{id}")).await;
    assert_eq!(shown.body["account"]["login"], "alice", "{}", shown.text);
}

#[tokio::test]
async fn a_denied_sign_in_leaves_nothing() {
    let (house, sim) = registered().await;
    let (job, code) = begin(&house, &sim).await;
    sim.oauth().deny_device(&code).expect("it waits");
    let ended = ended(&house, &job).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    for list in ["/organizations", "/secrets"] {
        assert_eq!(house.get(list).await.body["items"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_sign_in_is_given_up() {
    let (house, sim) = registered().await;
    let (job, code) = begin(&house, &sim).await;
    let given_up = house.send(Method::DELETE, &job, json!(null)).await;
    assert_eq!(given_up.status, StatusCode::OK, "{}", given_up.text);
    assert_eq!(given_up.body["state"], "failed", "{}", given_up.text);
    assert_eq!(given_up.body["problem"]["code"], "conflict");
    for list in ["/organizations", "/secrets"] {
        assert_eq!(house.get(list).await.body["items"], json!([]), "{list}");
    }
    // Nobody takes what is granted now.
    let _ = sim.oauth().approve_device(&code, "alice");
    let again = house.send(Method::DELETE, &job, json!(null)).await;
    assert_eq!(again.problem(), "409 conflict");
    let nothing = house
        .send(Method::DELETE, "/jobs/nothing", json!(null))
        .await;
    assert_eq!(nothing.problem(), "404 not_found");
}

#[tokio::test]
async fn those_who_wait_for_a_person_take_no_place_from_others() {
    let (house, sim) = registered().await;
    for _ in 0..12 {
        let form = json!({"host": sim.url(), "sso": "read"});
        let begun = house.send(Method::POST, "/organizations", form).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    }
    let connected = house.connect(&sim, json!({})).await;
    assert_eq!(connected.status, StatusCode::CREATED, "{}", connected.text);
}

#[tokio::test]
async fn the_first_sync_is_waited_for_where_somebody_wants_that() {
    let (house, sim) = registered().await;
    let form = json!({"name": "Acme", "host": sim.url(), "sso": "read"});
    let begun = house.send(Method::POST, "/organizations?until=synced", form);
    let begun = begun.await;
    let job = format!("/jobs/{}", begun.body["id"].as_str().expect("an id"));
    let code = begun.body["sign_in"]["code"].as_str().expect("a code");
    sim.oauth().approve_device(code, "alice").expect("it waits");
    let ended = ended(&house, &job).await;
    assert_eq!(ended["syncs"][0]["state"], "complete", "{ended}");
    let token = json!({"login": "alice", "token": {"value": crate::support::TOKEN}});
    let url = "/organizations/Acme/reconnect?until=synced&wait=60";
    let again = house.send(Method::POST, url, token).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    assert_eq!(again.body["state"], "done", "{}", again.text);
    assert_eq!(again.body["syncs"][0]["trigger"], "reconnect");
}

#[tokio::test]
async fn what_a_sign_in_cannot_be_is_told() {
    let (house, sim) = (House::new().await, simulator(1).await);
    for (form, problem) in [
        (
            json!({"host": sim.url(), "sso": "everything"}),
            "422 invalid sso",
        ),
        (json!({"host": sim.url(), "sso": true}), "400 malformed"),
    ] {
        let answer = house.send(Method::POST, "/organizations", form).await;
        assert_eq!(answer.problem(), problem, "{}", answer.text);
    }
}
