//! Notices of GitLab, from a request to the sync that it hints at.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, House, simulator};

#[tokio::test]
async fn a_notice_is_taken_by_its_secret_and_counted() {
    let (house, sim) = (House::new().await, simulator(1).await);
    let id = house.connect(&sim, json!({})).await.body["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secret = json!({"name": format!("webhook-{id}"), "value": "open-sesame"});
    house.send(Method::POST, "/secrets", secret).await;
    let notify = async |organization: &str, token: &str, notice: &str| {
        let url = house.url(&format!("/webhooks/gitlab/{organization}"));
        let request = house.client.post(url).header("x-gitlab-token", token);
        let body = json!({"event_name": "project_create", "project_id": 7});
        Answer::of(request.header("idempotency-key", notice).json(&body)).await
    };
    for (organization, token) in [
        (id.as_str(), "open-sesam"),
        (&id, ""),
        ("Acme", "open-sesame"),
        ("00000000-0000-0000-0000-000000000001", "open-sesame"),
        ("x", "open-sesame"),
    ] {
        let refused = notify(organization, token, "n").await;
        assert_eq!(refused.problem(), "401 token_refused", "{organization}");
    }
    for notice in ["one", "two", "one", "three"] {
        assert_eq!(
            notify(&id, "open-sesame", notice).await.status,
            StatusCode::ACCEPTED
        );
    }
    house
        .send(Method::POST, "/organizations/Acme/pause", json!({}))
        .await;
    assert_eq!(
        notify(&id, "open-sesame", "four").await.status,
        StatusCode::ACCEPTED
    );
    let request = house
        .client
        .get(house.url("/metrics"))
        .bearer_auth(&house.token);
    let figures = Answer::of(request).await.text;
    for line in [
        "forgehold_webhooks_total{outcome=\"refused\"} 5",
        "forgehold_webhooks_total{outcome=\"taken\"} 1",
        "forgehold_webhooks_total{outcome=\"joined\"} 2",
        "forgehold_webhooks_total{outcome=\"repeated\"} 1",
        "forgehold_webhooks_total{outcome=\"ignored\"} 1",
    ] {
        assert!(
            figures.lines().any(|found| found == line),
            "{line} is not in:\n{figures}"
        );
    }
}
