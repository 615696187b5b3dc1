//! Refresh tokens: one use, one winner, and what goes wrong around them.

use gitlab_sim::{Fault, FaultKind, GitlabSim};
use serde_json::json;

use crate::client::{Reply, get_as, http};
use crate::oauth::{
    CALLBACK, CONFIDENTIAL, PUBLIC, SECRET, code, exchange, pair, post, started, tokens,
};

async fn refresh(sim: &GitlabSim, token: &str) -> Reply {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", PUBLIC),
        ("redirect_uri", CALLBACK),
    ];
    post(sim, "/oauth/token", &fields).await
}

async fn status(sim: &GitlabSim, token: &str) -> u16 {
    get_as(sim, token, "/api/v4/user").await.status
}

#[track_caller]
fn is_invalid_grant(reply: &Reply) {
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_refresh_ends_the_old_pair_at_once() {
    let sim = started().await;
    let (old_access, old_refresh) = tokens(&sim).await;
    sim.clock().advance(std::time::Duration::from_hours(1));
    let answer = refresh(&sim, &old_refresh).await;
    let (new_access, new_refresh) = pair(&answer);
    assert_eq!(answer.json()["scope"], "read_api read_user");
    assert_eq!(answer.json()["created_at"], sim.clock().now().timestamp());
    let old = get_as(&sim, &old_access, "/api/v4/user").await;
    assert_eq!(old.status, 401);
    let text = "Token was revoked. You have to re-authorize from the user.";
    assert_eq!(old.json()["error_description"], text);
    is_invalid_grant(&refresh(&sim, &old_refresh).await);
    assert_eq!(
        status(&sim, &new_access).await,
        200,
        "a second use of the old one harms nothing"
    );
    // An expired access token does not keep its refresh token from working.
    sim.clock().advance(std::time::Duration::from_hours(100));
    assert_eq!(status(&sim, &new_access).await, 401);
    assert_eq!(refresh(&sim, &new_refresh).await.status, 200);
    let stats = sim.oauth().stats();
    assert_eq!((stats.refreshes, stats.refused_refreshes), (2, 1));
}

#[tokio::test]
async fn a_refresh_may_narrow_and_never_widen() {
    let sim = started().await;
    let (_, first) = tokens(&sim).await;
    let ask = async |token: &str, scope: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", PUBLIC),
            ("scope", scope),
        ];
        post(&sim, "/oauth/token", &fields).await
    };
    for wide in ["api", "read_api write_repository", "nonsense"] {
        assert_eq!(
            ask(&first, wide).await.json()["error"],
            "invalid_scope",
            "{wide}"
        );
    }
    let narrow = ask(&first, "read_user").await;
    assert_eq!(narrow.json()["scope"], "read_user");
    assert_eq!(
        ask(&pair(&narrow).1, "read_api").await.json()["error"],
        "invalid_scope"
    );
}

#[tokio::test]
async fn a_dead_token_is_told_before_a_wrong_client() {
    let sim = started().await;
    let (_, good) = tokens(&sim).await;
    let ask = async |token: &str, more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        fields.extend(more);
        let reply = post(&sim, "/oauth/token", &fields).await;
        (
            reply.status,
            reply.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    let nobody = [("client_id", "nobody")];
    let stranger = [("client_id", CONFIDENTIAL), ("client_secret", SECRET)];
    assert_eq!(ask("unknown", &nobody).await, (400, "invalid_grant".into()));
    assert_eq!(ask(&good, &nobody).await, (401, "invalid_client".into()));
    assert_eq!(ask(&good, &stranger).await, (400, "invalid_grant".into()));
    assert_eq!(ask(&good, &[]).await, (400, "invalid_grant".into()));
    let missing = ask("", &[("client_id", PUBLIC)]).await;
    assert_eq!(missing, (400, "invalid_request".into()));
    assert_eq!(refresh(&sim, &good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_exactly_one_wins() {
    let sim = started().await;
    for _ in 0..20 {
        let (_, token) = tokens(&sim).await;
        let url = format!("{}/oauth/token", sim.url());
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let fields = [
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", token.clone()),
                ("client_id", PUBLIC.to_owned()),
            ];
            let request = http().post(&url).form(&fields);
            racers.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
        let mut answers = racers.join_all().await;
        answers.sort_unstable();
        assert_eq!(answers, [200, 400]);
    }
    let stats = sim.oauth().stats();
    assert_eq!((stats.refreshes, stats.refused_refreshes), (20, 20));
}

#[tokio::test]
async fn a_lost_answer_has_used_the_token_up() {
    let sim = started().await;
    let (access, token) = tokens(&sim).await;
    let lost = Fault::new(FaultKind::Close)
        .path("/oauth/token")
        .body("grant_type=refresh_token")
        .once();
    sim.fault(lost);
    let url = format!("{}/oauth/token", sim.url());
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", PUBLIC),
    ];
    let broken = http().post(&url).form(&fields).send().await;
    assert!(broken.is_err());
    assert_eq!(sim.oauth().stats().refreshes, 1, "the server did its part");
    is_invalid_grant(&refresh(&sim, &token).await);
    assert_eq!(status(&sim, &access).await, 401);
}

#[tokio::test]
async fn a_request_that_was_not_heard_has_not() {
    let sim = started().await;
    let (access, token) = tokens(&sim).await;
    sim.fault(
        Fault::new(FaultKind::CloseUnheard)
            .path("/oauth/token")
            .once(),
    );
    let url = format!("{}/oauth/token", sim.url());
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", PUBLIC),
    ];
    assert!(http().post(&url).form(&fields).send().await.is_err());
    assert_eq!(sim.oauth().stats().refreshes, 0);
    assert_eq!(status(&sim, &access).await, 200);
    assert_eq!(refresh(&sim, &token).await.status, 200);
}

#[tokio::test]
async fn a_lagging_replica_refuses_a_good_token_for_a_while() {
    let sim = started().await;
    let (_, token) = tokens(&sim).await;
    sim.oauth().lag_refresh_tokens(2);
    // A token that is dead anyway does not count.
    is_invalid_grant(&refresh(&sim, "unknown").await);
    is_invalid_grant(&refresh(&sim, &token).await);
    is_invalid_grant(&refresh(&sim, &token).await);
    assert_eq!(refresh(&sim, &token).await.status, 200);
}

#[tokio::test]
async fn a_slow_token_endpoint_answers_after_all() {
    let sim = started().await;
    let (_, token) = tokens(&sim).await;
    let slow = sim.fault(Fault::new(FaultKind::Delay { ms: 5 }).path("/oauth/token"));
    assert_eq!(refresh(&sim, &token).await.status, 200);
    assert_eq!(sim.hits(slow), 1);
}

#[tokio::test]
async fn a_revoked_authorization_and_a_deleted_application_end_everything() {
    let sim = started().await;
    let (access, token) = tokens(&sim).await;
    let code = code(&sim);
    let bob = sim.oauth().issue(PUBLIC, "bob", &["read_user"]).unwrap();
    sim.oauth().revoke_application(PUBLIC, "alice").unwrap();
    assert_eq!(status(&sim, &access).await, 401);
    is_invalid_grant(&refresh(&sim, &token).await);
    is_invalid_grant(&exchange(&sim, &code, &[]).await);
    assert_eq!(
        status(&sim, &bob.access_token).await,
        200,
        "it was alice's alone"
    );

    sim.oauth().delete_application(PUBLIC).unwrap();
    let gone = get_as(&sim, &bob.access_token, "/api/v4/user").await;
    assert_eq!(
        (gone.status, gone.json()),
        (401, json!({ "message": "401 Unauthorized" }))
    );
    let refresh_token = bob.refresh_token.unwrap();
    is_invalid_grant(&refresh(&sim, &refresh_token).await);
    let exchanged = exchange(&sim, "any", &[]).await;
    assert_eq!(exchanged.json()["error"], "invalid_client");
}

#[tokio::test]
async fn expiry_can_be_ordered() {
    let sim = started().await;
    let (access, token) = tokens(&sim).await;
    assert_eq!(sim.oauth().expire_access_tokens(), 1);
    let expired = get_as(&sim, &access, "/api/v4/user").await;
    let text = "Token is expired. You can either do re-authorization or token refresh.";
    assert_eq!(expired.json()["error_description"], text);
    assert_eq!(refresh(&sim, &token).await.status, 200);
}

#[tokio::test]
async fn a_replayed_code_ends_the_tokens_it_gave_if_the_proof_is_right() {
    let sim = started().await;
    let code = code(&sim);
    let (access, token) = pair(&exchange(&sim, &code, &[]).await);
    let wrong = [
        (
            "code_verifier",
            "a-verifier-of-forty-three-letters-or-a-bit-more",
        ),
        ("redirect_uri", "http://127.0.0.1/other"),
    ];
    for change in wrong {
        is_invalid_grant(&exchange(&sim, &code, &[change]).await);
        assert_eq!(
            status(&sim, &access).await,
            200,
            "a thief without the proof harms nobody"
        );
    }
    is_invalid_grant(&exchange(&sim, &code, &[]).await);
    assert_eq!(status(&sim, &access).await, 401);
    is_invalid_grant(&refresh(&sim, &token).await);
    assert_eq!(sim.oauth().stats().replays, 1);
}
