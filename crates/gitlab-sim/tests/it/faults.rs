//! Tokens, budgets and faults.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use gitlab_sim::{
    AuthKind, Budget, Clock, Endpoint, Fault, FaultKind, GitlabSim, RateLimits, TokenSpec,
};

use crate::client::{get, get_as, http, sim};

#[tokio::test]
async fn each_bad_token_gets_its_own_answer() {
    let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let now: DateTime<Utc> = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
    let sim = GitlabSim::builder()
        .clock(Clock::manual(now))
        .token(TokenSpec::user("alice").scopes(["read_user"]))
        .token(TokenSpec::user("alice").expires_at(day))
        .token(TokenSpec::user("alice").revoked())
        .token(TokenSpec::user("alice").impersonation_disabled())
        .token(TokenSpec::user("alice").fine_grained(["read_user"]))
        .start()
        .await
        .unwrap();
    let cases = [
        (
            0,
            403,
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
        ),
        (
            1,
            401,
            r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
        ),
        (
            2,
            401,
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
        ),
        (
            3,
            401,
            r#"{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}"#,
        ),
    ];
    for (token, status, body) in cases {
        let reply = get_as(&sim, &sim.tokens()[token].value, "/api/v4/projects").await;
        assert_eq!((reply.status, reply.text.as_str()), (status, body));
    }
    let unknown = get_as(&sim, "glpat-nobody", "/api/v4/projects").await;
    assert_eq!(
        (unknown.status, unknown.text.as_str()),
        (401, r#"{"message":"401 Unauthorized"}"#)
    );
    let nobody = get_as(&sim, "", "/api/v4/user").await;
    assert_eq!(
        (nobody.status, nobody.text.as_str()),
        (401, r#"{"message":"401 Unauthorized"}"#)
    );
    assert_eq!(get(&sim, "/api/v4/user").await.json()["username"], "alice");
    let fine = get_as(&sim, &sim.tokens()[4].value, "/api/v4/projects").await;
    assert_eq!(
        (fine.status, fine.json()["error"].as_str()),
        (403, Some("insufficient_granular_scope"))
    );
}

#[tokio::test]
async fn a_credential_is_logged_by_kind_and_never_by_value() {
    let sim = GitlabSim::builder().start().await.unwrap();
    let url = format!("{}/api/v4/user", sim.url());
    http()
        .get(&url)
        .header("PRIVATE-TOKEN", sim.token())
        .send()
        .await
        .unwrap();
    http()
        .get(&url)
        .bearer_auth(sim.token())
        .send()
        .await
        .unwrap();
    http()
        .get(&url)
        .basic_auth("alice", Some(sim.token()))
        .send()
        .await
        .unwrap();
    http()
        .get(format!("{url}?private_token={}", sim.token()))
        .send()
        .await
        .unwrap();
    let log = sim.requests();
    let seen: Vec<(AuthKind, u16, bool)> = log
        .iter()
        .map(|record| (record.auth, record.status, record.token_in_url))
        .collect();
    assert_eq!(
        seen,
        [
            (AuthKind::PrivateToken, 200, false),
            (AuthKind::Bearer, 200, false),
            (AuthKind::Basic, 401, false),
            (AuthKind::Query, 200, true),
        ]
    );
    assert!(!format!("{log:?} {sim:?} {:?}", sim.tokens()).contains(sim.token()));
}

#[tokio::test]
async fn the_throttle_tells_its_budget_and_then_refuses() {
    let start: DateTime<Utc> = "2026-01-01T00:00:30Z".parse().unwrap();
    let sim = GitlabSim::builder()
        .clock(Clock::manual(start))
        .rate_limits(RateLimits::throttle(2, Duration::from_mins(1)))
        .start()
        .await
        .unwrap();
    let first = get(&sim, "/api/v4/user").await;
    assert_eq!(first.header("ratelimit-remaining"), Some("1"));
    get(&sim, "/api/v4/user").await;
    let refused = get(&sim, "/api/v4/user").await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (429, "Retry later")
    );
    assert_eq!(refused.header("content-type"), Some("text/plain"));
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("ratelimit-observed"), Some("3"));
    assert_eq!(
        refused.header("ratelimit-resettime"),
        Some("Thu, 01 Jan 2026 00:01:00 GMT")
    );
    sim.clock().advance(Duration::from_secs(30));
    assert_eq!(get(&sim, "/api/v4/user").await.status, 200);
}

#[tokio::test]
async fn an_endpoint_has_a_budget_of_its_own() {
    let limits = RateLimits::off().endpoint(Endpoint::Groups, Budget::per_minute(1));
    let sim = GitlabSim::builder()
        .rate_limits(limits)
        .clock(Clock::manual(Utc::now_fixed()))
        .start()
        .await
        .unwrap();
    assert_eq!(get(&sim, "/api/v4/groups").await.status, 200);
    let refused = get(&sim, "/api/v4/groups").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.text.len(), 89);
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(get(&sim, "/api/v4/groups/acme").await.status, 200);
}

/// A fixed moment, so that no window ends in the middle of a test.
trait Fixed {
    fn now_fixed() -> DateTime<Utc>;
}

impl Fixed for Utc {
    fn now_fixed() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }
}

async fn broken_body(kind: FaultKind) -> (u16, bool) {
    let sim = sim(gitlab_sim::WorldSpec::new(1).projects(20)).await;
    sim.fault(Fault::new(kind));
    let url = format!("{}/api/v4/projects", sim.url());
    let response = http()
        .get(url)
        .bearer_auth(sim.token())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.is_ok())
}

#[tokio::test]
async fn cut_bodies_are_broken_on_the_wire() {
    assert_eq!(
        broken_body(FaultKind::CutBody { after: 100 }).await,
        (200, false)
    );
    assert_eq!(
        broken_body(FaultKind::CutBody { after: 9_000_000 }).await,
        (200, false)
    );
    assert_eq!(
        broken_body(FaultKind::CutChunked { after: 100 }).await,
        (200, false)
    );
    assert_eq!(broken_body(FaultKind::TruncatedJson).await, (200, true));
    assert_eq!(
        broken_body(FaultKind::Drip {
            bytes: 5000,
            every_ms: 1
        })
        .await,
        (200, true)
    );
}

#[tokio::test]
async fn a_closed_connection_is_no_answer_and_a_hang_is_none_either() {
    let sim = sim(gitlab_sim::WorldSpec::new(1)).await;
    sim.fault(Fault::new(FaultKind::Close).once());
    sim.fault(Fault::new(FaultKind::Hang).once());
    let url = format!("{}/api/v4/user", sim.url());
    assert!(
        http()
            .get(&url)
            .bearer_auth(sim.token())
            .send()
            .await
            .is_err()
    );
    let hanging = http().get(&url).bearer_auth(sim.token()).send();
    let hanging = tokio::spawn(hanging);
    while sim.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    hanging.abort();
    assert_eq!(get(&sim, "/api/v4/user").await.status, 200);
    assert_eq!(
        sim.requests()
            .iter()
            .map(|record| record.status)
            .collect::<Vec<_>>(),
        [0, 0, 200]
    );
}

#[tokio::test]
async fn a_fault_strikes_what_its_selector_names() {
    let sim = sim(gitlab_sim::WorldSpec::new(1)).await;
    let id = sim.fault(
        Fault::new(FaultKind::Internal)
            .path("/api/v4/groups*")
            .query("page=2")
            .nth(2),
    );
    let mut seen = Vec::new();
    for path in [
        "groups?page=2",
        "groups?page=1",
        "projects?page=2",
        "groups?page=2",
        "groups?page=2",
    ] {
        seen.push(get(&sim, &format!("/api/v4/{path}")).await.status);
    }
    assert_eq!(seen, [200, 200, 200, 500, 200]);
    assert_eq!(sim.hits(id), 1);
    sim.fault(Fault::new(FaultKind::Internal).probability(0.5, 9));
    let mut struck = 0;
    for _ in 0..40 {
        struck += u32::from(get(&sim, "/api/v4/user").await.status == 500);
    }
    assert!((5..35).contains(&struck), "{struck}");
    sim.clear_faults();
    assert_eq!(get(&sim, "/api/v4/user").await.status, 200);
}

#[tokio::test]
async fn links_can_point_elsewhere() {
    let sim = sim(gitlab_sim::WorldSpec::new(1).projects(50)).await;
    sim.fault(Fault::new(FaultKind::ForeignLink {
        origin: "https://evil.example".into(),
    }));
    let next = get(&sim, "/api/v4/projects?per_page=10")
        .await
        .next()
        .unwrap();
    assert!(
        next.starts_with("https://evil.example/api/v4/projects?"),
        "{next}"
    );
}

#[tokio::test]
async fn https_is_trusted_with_the_authority_alone_and_a_prefix_holds_everything() {
    let sim = GitlabSim::builder()
        .tls()
        .prefix("/gitlab")
        .start()
        .await
        .unwrap();
    assert!(sim.url().starts_with("https://127.0.0.1:") && sim.url().ends_with("/gitlab"));
    let url = format!("{}/api/v4/version", sim.url());
    assert!(
        http()
            .get(&url)
            .bearer_auth(sim.token())
            .send()
            .await
            .is_err()
    );
    let ca = reqwest::Certificate::from_pem(sim.ca_pem().unwrap().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([ca])
        .build()
        .unwrap();
    let reply = trusting
        .get(&url)
        .bearer_auth(sim.token())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    let outside = url.replace("/gitlab/", "/");
    let reply = trusting
        .get(&outside)
        .bearer_auth(sim.token())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status().as_u16(), 404);
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let sim = sim(gitlab_sim::WorldSpec::new(1)).await;
    let url = sim.url().to_owned();
    sim.shutdown().await;
    assert!(http().get(url).send().await.unwrap_err().is_connect());
}
