//! Nothing that comes over the wire makes it panic or stop.

use std::time::Duration;

use gitlab_sim::{GitlabSim, World, WorldSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{get, http, sim};

async fn is_well(sim: &GitlabSim) {
    assert_eq!(get(sim, "/api/v4/user").await.status, 200);
}

#[tokio::test]
async fn garbage_parameters_and_paths_are_refused_calmly() {
    let sim = sim(WorldSpec::new(1)).await;
    for path in [
        "/api/v4/projects?page=18446744073709551615",
        "/api/v4/projects?page=9223372036854775807&per_page=100",
        "/api/v4/groups?page=9223372036854775807&per_page=9223372036854775807",
        "/api/v4/groups/acme/projects?page=9223372036854775807",
        "/api/v4/projects?id_after=-1&id_before=-9&order_by=id",
        "/api/v4/projects?id_after=9&id_before=3&order_by=id&sort=desc",
        "/api/v4/projects?id_after=99999999999999999999999",
        "/api/v4/projects?search=%00%ff%fe",
        "/api/v4/projects?last_activity_after=yesterday",
        "/api/v4/projects?min_access_level=7",
        "/api/v4/projects/%2F%2F%2F",
        "/api/v4/projects/%ff",
        "/api/v4/groups/%2e%2e",
        "/api/v4/groups/-1",
        "/api/v4/projects/99999999999999999999999999",
        "/api/v4//projects//",
        "/api/v4",
        "/",
        "//",
        "/%",
        "/api/v4/groups?pagination=keyset&cursor=%F0%9F%A6%80",
        "/api/graphql",
    ] {
        let reply = get(&sim, path).await;
        assert!(
            (200..500).contains(&reply.status),
            "{path}: {}",
            reply.status
        );
    }
    is_well(&sim).await;
}

#[tokio::test]
async fn garbage_graphql_is_an_error_and_no_crash() {
    let sim = sim(WorldSpec::new(1)).await;
    let open = "{a".repeat(3_000);
    let brackets = "[".repeat(9_000);
    let cycle =
        "query { ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }";
    let doubling = |n: u32| {
        let next = n + 1;
        format!(" fragment F{n} on Query {{ ...F{next} ...F{next} }}")
    };
    let mut wide: String = (0..60).map(doubling).collect();
    wide.insert_str(0, "query { ...F0 }");
    wide.push_str(" fragment F60 on Query { metadata { version } }");
    for query in [
        "",
        "{",
        "}",
        "query",
        "{ nothing }",
        "\u{0}",
        "{ group }",
        "mutation { x }",
        "subscription { x }",
        "{ projects(first: -1) { count } }",
        "{ projects(after: \"!!\") { count } }",
        "query A { metadata { version } } query B { metadata { version } }",
        open.as_str(),
        brackets.as_str(),
        cycle,
        wide.as_str(),
    ] {
        let body = serde_json::json!({ "query": query }).to_string();
        let request = http()
            .post(format!("{}/api/graphql", sim.url()))
            .bearer_auth(sim.token())
            .header("content-type", "application/json");
        let reply = crate::client::read(request.body(body).send().await.unwrap()).await;
        let start: String = query.chars().take(40).collect();
        assert!(
            reply.text.contains("\"errors\""),
            "{start}: {} {}",
            reply.status,
            reply.text
        );
    }
    for body in [
        "",
        "null",
        "[]",
        "{",
        "[{\"query\":\"{}\"}]",
        "{\"query\":1}",
        "{\"query\":\"{}\",\"variables\":[]}",
    ] {
        let request = http()
            .post(format!("{}/api/graphql", sim.url()))
            .bearer_auth(sim.token())
            .header("content-type", "application/json");
        let reply = crate::client::read(request.body(body).send().await.unwrap()).await;
        assert!(reply.status < 500, "{body}: {}", reply.status);
    }
    is_well(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_are_all_answered_while_the_world_changes() {
    // While an answer waits out its latency, others come in.
    let sim = GitlabSim::builder()
        .world(World::generate(&WorldSpec::new(1).groups(20).projects(300)))
        .latency(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let client = http();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_u32 {
        let path = match n % 4 {
            0 => "projects?membership=true&per_page=50",
            1 => "groups?per_page=100",
            2 => "groups/acme/projects?include_subgroups=true",
            _ => "personal_access_tokens/self/associations",
        };
        let request = client
            .get(format!("{}/api/v4/{path}", sim.url()))
            .bearer_auth(sim.token());
        tasks.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    for n in 0..50 {
        sim.world()
            .change(|world| world.create_project("acme", &format!("new-{n}")))
            .unwrap();
        tokio::task::yield_now().await;
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    let stats = sim.stats();
    assert_eq!(stats.requests, 200);
    assert!(
        stats.max_concurrency >= 2 && stats.max_concurrency <= 200,
        "{stats:?}"
    );
    assert_eq!(stats.by_endpoint["GET /api/v4/groups/:id/projects"], 50);
}

#[tokio::test]
async fn bytes_that_are_no_http_end_the_connection_alone() {
    let sim = sim(WorldSpec::new(1)).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        &[0xff; 4096],
    ] {
        let mut stream = TcpStream::connect(sim.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    let large = http()
        .post(format!("{}/api/graphql", sim.url()))
        .body(vec![b'x'; 2_000_000]);
    assert_eq!(large.send().await.unwrap().status().as_u16(), 413);
    is_well(&sim).await;
}
