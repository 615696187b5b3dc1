//! Tokens that rotate themselves.

use chrono::{DateTime, Days, NaiveDate, Utc};
use gitlab_sim::{Clock, GitlabSim, Role, TokenSpec};
use serde_json::json;

use crate::client::{Reply, get_as, http, read};
use crate::data::sample;
use crate::oauth::{CALLBACK, builder};

const OWN: &str = "/api/v4/personal_access_tokens/self/rotate";

async fn started(tokens: Vec<TokenSpec>) -> GitlabSim {
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut builder = GitlabSim::builder().clock(Clock::manual(start));
    for token in tokens {
        builder = builder.token(token);
    }
    builder.start().await.unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn rotate(sim: &GitlabSim, path: &str, token: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = http().post(format!("{}{path}", sim.url())).form(fields);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    read(request.send().await.unwrap()).await
}

fn value(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn status(sim: &GitlabSim, token: &str) -> u16 {
    get_as(sim, token, "/api/v4/personal_access_tokens/self")
        .await
        .status
}

#[tokio::test]
async fn a_token_makes_way_for_its_successor() {
    let sim = started(vec![TokenSpec::user("alice").expires_at(day("2026-03-10"))]).await;
    let old = sim.token().to_owned();
    let reply = rotate(&sim, OWN, &old, &[]).await;
    let new = value(&reply);
    assert!(new.starts_with("glpat-") && new != old);
    assert_eq!(
        reply.json()["expires_at"],
        "2026-03-08",
        "a week, whatever it was before"
    );
    assert_eq!(reply.json()["scopes"], json!(["api"]));
    assert_eq!(
        (status(&sim, &old).await, status(&sim, &new).await),
        (401, 200)
    );
    let test = "a_token_makes_way_for_its_successor";
    if let Some(sample) = sample("docs-examples/personal-access-tokens/rotate.json", test) {
        for name in sample.as_object().unwrap().keys() {
            assert!(reply.json().get(name).is_some(), "{name} is missing");
        }
    }
    let next = rotate(&sim, OWN, &new, &[("expires_at", "2027-03-01")]).await;
    assert_eq!(next.json()["expires_at"], "2027-03-01");
}

#[tokio::test]
async fn rotating_a_revoked_token_ends_its_family_and_no_other() {
    let sim = started(vec![TokenSpec::user("alice"), TokenSpec::user("alice")]).await;
    let (first, other) = (sim.tokens()[0].value.clone(), sim.tokens()[1].value.clone());
    let second = value(&rotate(&sim, OWN, &first, &[]).await);
    let third = value(&rotate(&sim, OWN, &second, &[]).await);
    // Merely using a dead one harms nobody.
    assert_eq!(status(&sim, &first).await, 401);
    assert_eq!(status(&sim, &third).await, 200);
    let reused = rotate(&sim, OWN, &first, &[]).await;
    assert_eq!(reused.status, 401);
    let text = "Token was revoked. You have to re-authorize from the user.";
    assert_eq!(reused.json()["error_description"], text);
    assert_eq!(status(&sim, &third).await, 401);
    assert_eq!(status(&sim, &other).await, 200);
}

#[tokio::test]
async fn a_day_of_expiry_is_within_a_year_and_not_past() {
    let sim = started(vec![TokenSpec::user("alice")]).await;
    let today = day("2026-03-01");
    let after = |days: u64| today.checked_add_days(Days::new(days)).unwrap().to_string();
    for (given, body) in [
        ("soon", json!({ "error": "expires_at is invalid" })),
        (
            after(366).as_str(),
            json!({ "message": "400 Bad request - Expires at must be before 2027-03-01" }),
        ),
        (
            "2026-02-28",
            json!({ "message": "400 Bad request - Expires at can't be in the past" }),
        ),
    ] {
        let reply = rotate(&sim, OWN, sim.token(), &[("expires_at", given)]).await;
        assert_eq!((reply.status, reply.json()), (400, body), "{given}");
    }
    assert_eq!(
        status(&sim, sim.token()).await,
        200,
        "a refusal leaves it alive"
    );
    let reply = rotate(&sim, OWN, sim.token(), &[("expires_at", &after(365))]).await;
    assert_eq!(reply.json()["expires_at"], after(365));
}

#[tokio::test]
async fn who_may_not_rotate_itself() {
    let sim = started(vec![
        TokenSpec::user("alice").scopes(["read_api"]),
        TokenSpec::user("alice").scopes(["self_rotate"]),
        TokenSpec::user("alice").expires_at(day("2026-02-01")),
    ])
    .await;
    let token = |at: usize| sim.tokens()[at].value.as_str();
    let narrow = rotate(&sim, OWN, token(0), &[]).await;
    assert_eq!(narrow.status, 403);
    assert_eq!(narrow.json()["scope"], "api self_rotate");
    assert_eq!(rotate(&sim, OWN, "", &[]).await.status, 401);
    assert_eq!(rotate(&sim, OWN, "glpat-unknown", &[]).await.status, 401);
    let expired = rotate(&sim, OWN, token(2), &[]).await;
    assert_eq!(expired.status, 401);
    assert!(expired.text.contains("Token is expired"));
    value(&rotate(&sim, OWN, token(1), &[]).await);

    let sim = builder().start().await.unwrap();
    let spec = gitlab_sim::ApplicationSpec::public("x", CALLBACK).client_id("x");
    sim.oauth().add_application(&spec).unwrap();
    let oauth = sim.oauth().issue("x", "alice", &["api"]).unwrap();
    let reply = rotate(&sim, OWN, &oauth.access_token, &[]).await;
    assert_eq!(
        (reply.status, reply.json()),
        (405, json!({ "message": "405 Method Not Allowed" }))
    );
}

#[tokio::test]
async fn bots_rotate_where_they_belong() {
    let sim = started(vec![
        TokenSpec::group("acme", Role::Maintainer),
        TokenSpec::user("alice"),
    ])
    .await;
    let project = sim.world().read(|world| {
        let mut inside = world.projects_below(world.group("acme").unwrap().id);
        inside.pop().unwrap()
    });
    let spec = TokenSpec::project(project, Role::Developer);
    let for_project = sim.world().issue(&spec).unwrap().value;
    let for_group = sim.tokens()[0].value.clone();
    let group_path = "/api/v4/groups/acme/access_tokens/self/rotate";
    let project_path = format!("/api/v4/projects/{project}/access_tokens/self/rotate");
    let elsewhere = "/api/v4/groups/globex/access_tokens/self/rotate";

    let alice = rotate(&sim, group_path, &sim.tokens()[1].value, &[]).await;
    assert_eq!(alice.status, 405, "a person is no bot");
    assert_eq!(
        rotate(&sim, &project_path, &for_group, &[]).await.status,
        401
    );
    let hidden = "/api/v4/groups/nowhere/access_tokens/self/rotate";
    assert_eq!(rotate(&sim, hidden, &for_group, &[]).await.status, 404);
    assert_eq!(rotate(&sim, elsewhere, &for_group, &[]).await.status, 401);

    let reply = rotate(
        &sim,
        group_path,
        &for_group,
        &[("expires_at", "2026-06-01")],
    )
    .await;
    assert_eq!(reply.json()["access_level"], 40);
    assert_eq!(reply.json()["expires_at"], "2026-06-01");
    let next = value(&reply);
    let reply = rotate(&sim, &project_path, &for_project, &[]).await;
    assert_eq!(reply.json()["access_level"], 30);
    // The family rule holds here too, and on the path of personal tokens.
    assert_eq!(rotate(&sim, OWN, &for_group, &[]).await.status, 401);
    assert_eq!(status(&sim, &next).await, 401);
}
