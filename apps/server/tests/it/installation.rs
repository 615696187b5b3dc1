//! The installation over the API: what is wrong with it, the keys of its vault, and the own account of whoever asks.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::edge::sign_in;
use crate::support::{Answer, House, PASSWORD, simulator};

#[tokio::test]
async fn an_examination_says_what_is_well_and_what_is_not() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let states = async || {
        let answer = house.send(Method::POST, "/doctor", json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let findings = answer.body["findings"].as_array().expect("a list").clone();
        let state = |finding: &Value| {
            let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            (text("what"), text("state"))
        };
        let states: Vec<_> = findings.iter().map(state).collect();
        (answer.body["healthy"].clone(), states)
    };
    let (healthy, found) = states().await;
    assert_eq!(healthy, true, "{found:?}");
    assert!(
        found.contains(&("database".to_owned(), "ok".to_owned())),
        "{found:?}"
    );
    drop(sim);
    let (healthy, found) = states().await;
    assert_eq!(healthy, false, "{found:?}");
    assert!(
        found.iter().any(|(_, state)| state == "problem"),
        "{found:?}"
    );
}

#[tokio::test]
async fn the_dashboard_says_what_is_covered_and_what_needs_somebody() {
    let (house, sim) = (House::new().await, simulator(3).await);
    let empty = house.get("/dashboard").await;
    assert_eq!(empty.body["seats"], Value::Null, "{}", empty.text);
    assert_eq!(empty.body["needs_action"], json!([]), "{}", empty.text);
    let seats = house.send(Method::PUT, "/licenses/seats", json!({"seats": 2}));
    assert_eq!(seats.await.status, StatusCode::OK);
    let more = json!({"license_existing": "all"});
    house.connect(&sim, more).await;
    let shown = house.get("/dashboard").await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    let body = &shown.body;
    let names = [
        "organizations",
        "connected",
        "repositories",
        "groups",
        "licensed",
        "waiting",
        "seats",
    ];
    let numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| body[*name].as_u64())
        .collect();
    assert_eq!(numbers, [1, 1, 3, 0, 2, 1, 2], "{}", shown.text);
    assert_eq!(body["needs_action"][0]["subject"], "Licenses");
    assert_eq!(body["activity"].as_array().map(Vec::len), Some(14));
    let complete = body["activity"][13]["complete"].as_u64();
    assert!(complete >= Some(1), "{}", shown.text);
}

#[tokio::test]
async fn the_vault_gets_another_key_and_what_it_keeps_is_there_still() {
    let (house, sim) = (House::new().await, simulator(1).await);
    house.connect(&sim, json!({})).await;
    let rotated = house
        .send(Method::POST, "/vaults/rotate-key", json!({}))
        .await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    assert_eq!(rotated.body["generation"], 2);
    assert_eq!(house.synced().await["state"], "done");
    let checked = house.send(Method::POST, "/vaults/check", json!({})).await;
    assert_eq!(checked.body["sound"], true, "{}", checked.text);
    let house = house.again().await;
    assert_eq!(house.synced().await["syncs"][0]["state"], "complete");
}

#[tokio::test]
async fn a_recovery_key_is_told_once_and_replaced_only_on_demand() {
    let house = House::new().await;
    let known = house.get("/vaults/recovery-key").await;
    assert_eq!(known.body["made_at"], Value::Null, "{}", known.text);
    let asked = |form: Value| {
        let request = house.request(Method::POST, "/vaults/recovery-key");
        Answer::of(request.header("Idempotency-Key", "one").json(&form))
    };
    let made = asked(json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let key = made.body["value"].as_str().expect("a key").to_owned();
    runtime::vaults::parse_recovery_key(&key).expect("it is one");
    // Sent again, it is not told again, and nothing that was kept has it.
    let again = asked(json!({})).await;
    assert_eq!(again.problem(), "409 answer_not_kept", "{}", again.text);
    let database = std::fs::read(house.data().join("forgehold.sqlite")).unwrap_or_default();
    let log = std::fs::read(house.data().join("forgehold.sqlite-wal")).unwrap_or_default();
    assert!(!database.is_empty());
    for bytes in [database, log] {
        assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()));
    }
    let known = house.get("/vaults/recovery-key").await;
    assert!(known.body["made_at"].is_string(), "{}", known.text);
    let path = "/vaults/recovery-key";
    let refused = house.send(Method::POST, path, json!({})).await;
    assert_eq!(
        refused.problem(),
        "409 needs_confirmation",
        "{}",
        refused.text
    );
    let replaced = house
        .send(Method::POST, path, json!({"replace": true}))
        .await;
    assert_eq!(replaced.status, StatusCode::CREATED, "{}", replaced.text);
    let events = house.get("/events?kind=vault.recovery_key_made").await;
    assert_eq!(events.body["items"].as_array().map(Vec::len), Some(2));
    assert!(!events.text.contains(&key));
}

#[tokio::test]
async fn whoever_asks_changes_their_own_password_and_sessions() {
    let mut house = House::new().await;
    let new = "another horse battery staple";
    let (_, signed_in) = sign_in(&house, None, "/").await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    let sessions = house.get("/me/sessions").await;
    let count = sessions.body["items"].as_array().map_or(0, Vec::len);
    assert!(count > 0, "{}", sessions.text);
    let ended = house
        .send(Method::DELETE, "/me/sessions", json!(null))
        .await;
    assert_eq!(ended.body["ended"], count, "{}", ended.text);
    assert_eq!(house.get("/me/sessions").await.body["items"], json!([]));

    let change = async |house: &House, old: &str, new: &str| {
        let form = json!({"old_password": old, "password": new});
        house.send(Method::PUT, "/me/password", form).await
    };
    let wrong = change(&house, "not it", new).await;
    assert_eq!(wrong.problem(), "422 invalid old_password");
    let weak = change(&house, PASSWORD, "short").await;
    assert_eq!(weak.problem(), "422 invalid password", "{}", weak.text);
    let changed = change(&house, PASSWORD, new).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let (_, refused) = sign_in(&house, None, "/").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);

    // A token that may only look changes nothing of its owner's, and guessing is slowed.
    let all = house.token.clone();
    house.token = house.issue("ada", "read").await;
    let refused = change(&house, new, PASSWORD).await;
    assert_eq!(refused.problem(), "403 not_allowed", "{}", refused.text);
    let refused = house
        .send(Method::DELETE, "/me/sessions", json!(null))
        .await;
    assert_eq!(refused.problem(), "403 not_allowed", "{}", refused.text);
    house.token = all;
    let slowed = loop {
        let guess = change(&house, "a guess that is wrong", PASSWORD).await;
        if guess.problem() != "422 invalid old_password" {
            break guess;
        }
    };
    assert_eq!(slowed.problem(), "429 too_many_attempts", "{}", slowed.text);
}
