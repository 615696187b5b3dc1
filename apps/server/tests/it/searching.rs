//! Groups found at the host by a part of their path, before and after an organization is connected.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{House, TOKEN, simulator};

#[tokio::test]
async fn groups_are_found_with_a_token_and_with_what_an_organization_has() {
    let (house, sim) = (House::new().await, simulator(1).await);
    let search = async |host: &str, token: &str, text: &str| {
        let form = json!({"host": host, "token": {"value": token}, "text": text});
        house.send(Method::POST, "/host-groups", form).await
    };
    let found = search(sim.url(), TOKEN, "AC").await;
    assert_eq!(found.status, StatusCode::OK, "{}", found.text);
    assert_eq!(found.body, json!({"paths": ["acme"], "more": false}));
    let nothing = search(sim.url(), TOKEN, "nowhere").await;
    assert_eq!(nothing.body, json!({"paths": [], "more": false}));
    let wrong = search(sim.url(), "glpat-of-nobody", "ac").await;
    assert_eq!(wrong.problem(), "424 denied");
    assert!(!wrong.text.contains("glpat-of-nobody"), "{}", wrong.text);
    let nonsense = search("not a host", TOKEN, "ac").await;
    assert_eq!(nonsense.problem(), "422 invalid host");
    assert_eq!(
        search(sim.url(), "", "ac").await.problem(),
        "422 invalid token"
    );

    house.connect(&sim, json!({})).await;
    let path = "/organizations/Acme/host-groups?text=acm";
    let found = house.get(path).await;
    assert_eq!(found.body, json!({"paths": ["acme"], "more": false}));
    let nobody = house.get("/organizations/Nobody/host-groups?text=a").await;
    assert_eq!(nobody.problem(), "404 not_found");
}
