//! GraphQL: names, pages, redaction, limits.

use gitlab_sim::{
    Fault, FaultKind, GitlabSim, GroupPatch, Role, TokenSpec, Trigger, Visibility, World, WorldSpec,
};
use serde_json::{Value, json};

use crate::client::{Reply, http, read, sim};

/// The listing query of a client that wants everything GitLab gives without asking Gitaly.
const LISTING: &str = r"
query P($path: ID!, $after: String) {
  group(fullPath: $path) {
    id fullPath projectsCount descendantGroupsCount
    projects(includeSubgroups: true, includeArchived: true, first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id fullPath path name description archived visibility createdAt updatedAt lastActivityAt
        lfsEnabled isForked importStatus wikiEnabled snippetsEnabled issuesEnabled mergeRequestsEnabled
        httpUrlToRepo sshUrlToRepo topics maxAccessLevel { integerValue } group { id fullPath }
        statistics { commitCount storageSize repositorySize lfsObjectsSize wikiSize snippetsSize } } } } }";

async fn ask_as(sim: &GitlabSim, token: &str, query: &str, variables: Value) -> Reply {
    let request = http()
        .post(format!("{}/api/graphql", sim.url()))
        .bearer_auth(token)
        .json(&json!({ "query": query, "variables": variables }));
    read(request.send().await.unwrap()).await
}

async fn ask(sim: &GitlabSim, query: &str, variables: Value) -> Value {
    let reply = ask_as(sim, sim.token(), query, variables).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn number(node: &Value) -> u64 {
    let id = node["id"].as_str().unwrap();
    id.strip_prefix("gid://gitlab/Project/")
        .unwrap()
        .parse()
        .unwrap()
}

/// All ids of a group by its pages, and the sizes of the pages.
async fn walk(sim: &GitlabSim, path: &str, first: u32) -> (Vec<u64>, Vec<usize>) {
    let query = LISTING.replace("first: 100", &format!("first: {first}"));
    let (mut ids, mut sizes, mut after) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let answer = ask(sim, &query, json!({ "path": path, "after": after })).await;
        let projects = &answer["data"]["group"]["projects"];
        let nodes = projects["nodes"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"));
        ids.extend(nodes.iter().map(number));
        sizes.push(nodes.len());
        if projects["pageInfo"]["hasNextPage"] == false {
            return (ids, sizes);
        }
        after = projects["pageInfo"]["endCursor"].clone();
    }
}

fn below(sim: &GitlabSim, path: &str) -> Vec<u64> {
    sim.world().read(|world| {
        let group = world.group(path).unwrap().id;
        world
            .projects_below(group)
            .into_iter()
            .map(|id| id.0)
            .collect()
    })
}

#[tokio::test]
async fn a_group_lists_its_projects_from_the_newest_down() {
    let sim = sim(WorldSpec::new(3)
        .groups(9)
        .roots(1)
        .projects(250)
        .foreign(5)
        .shared_in(5))
    .await;
    let (mut ids, sizes) = walk(&sim, "acme", 100).await;
    assert_eq!(sizes, [100, 100, 50]);
    ids.reverse();
    assert_eq!(ids, below(&sim, "acme"));
    let query = "{ group(fullPath: \"acme\") { projectsCount projects { count nodes { id } } } }";
    let answer = ask(&sim, query, json!({})).await;
    let group = &answer["data"]["group"];
    let own = group["projects"]["nodes"].as_array().unwrap().len();
    assert_eq!(
        group["projectsCount"].as_u64(),
        Some(own as u64),
        "without includeSubgroups only its own are listed"
    );
    assert!(own < ids.len());
}

#[tokio::test]
async fn rows_that_come_and_go_neither_skip_nor_double_the_others() {
    let sim = sim(WorldSpec::new(3).groups(3).roots(1).projects(60)).await;
    let all = below(&sim, "acme");
    let (newest, second) = (all[59], all[30]);
    sim.trigger(
        Trigger::change(move |world| {
            world.create_project("acme", "brand-new").unwrap();
            world.delete_project(gitlab_sim::ProjectId(newest)).unwrap();
            world.delete_project(gitlab_sim::ProjectId(second)).unwrap();
        })
        .path("/api/graphql")
        .nth(1),
    );
    let (ids, _) = walk(&sim, "acme", 20).await;
    let expected: Vec<u64> = all
        .iter()
        .rev()
        .copied()
        .filter(|id| *id != second)
        .collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn what_one_may_not_see_is_taken_out_after_the_cut() {
    let mut world = World::generate(&WorldSpec::new(1).groups(1).roots(1).projects(0));
    let open = GroupPatch {
        visibility: Some(Visibility::Public),
        ..GroupPatch::default()
    };
    world.edit_group("acme", open).unwrap();
    for n in 0..30 {
        let id = world.create_project("acme", &format!("p{n}")).unwrap();
        let visibility = if n < 10 {
            Visibility::Public
        } else {
            Visibility::Private
        };
        let patch = gitlab_sim::ProjectPatch {
            visibility: Some(visibility),
            ..Default::default()
        };
        world.edit_project(id, patch).unwrap();
    }
    let sim = GitlabSim::builder()
        .world(world)
        .token(TokenSpec::user("bob"))
        .start()
        .await
        .unwrap();
    let (ids, sizes) = walk(&sim, "acme", 10).await;
    assert_eq!((ids.len(), sizes), (10, vec![0, 0, 10]));
}

#[tokio::test]
async fn a_group_that_is_missing_or_hidden_is_null_without_an_error() {
    let sim = sim(WorldSpec::new(1)).await;
    let query = "query($path: ID!) { group(fullPath: $path) { id } }";
    let found = ask(&sim, query, json!({ "path": "ACME" })).await;
    assert!(
        found["data"]["group"]["id"]
            .as_str()
            .unwrap()
            .starts_with("gid://gitlab/Group/")
    );
    let hide = GroupPatch {
        hidden: Some(true),
        ..GroupPatch::default()
    };
    sim.world()
        .change(|world| world.edit_group("acme", hide))
        .unwrap();
    for path in ["acme", "nothing/here"] {
        let answer = ask(&sim, query, json!({ "path": path })).await;
        assert_eq!(answer, json!({ "data": { "group": null } }));
    }
}

#[tokio::test]
async fn the_whole_schema_answers() {
    let sim = sim(WorldSpec::new(1)
        .groups(10)
        .roots(1)
        .projects(20)
        .personal(2))
    .await;
    let query = r#"{
      currentUser { id username name state bot namespace { id fullPath } groupCount }
      metadata { version enterprise kas { enabled } }
      queryComplexity { score limit }
      groups(topLevelOnly: true) { nodes { id fullPath parent { id } } }
      group(fullPath: "acme") { descendantGroups(first: 4) {
        count pageInfo { hasNextPage endCursor } nodes { id fullPath name path visibility parent { fullPath } projectsCount updatedAt markedForDeletionOn } } }
    }"#;
    let answer = ask(&sim, query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let data = &answer["data"];
    assert_eq!(data["currentUser"]["username"], "alice");
    assert_eq!(data["metadata"]["version"], "18.8.0-ee");
    assert_eq!(data["queryComplexity"]["limit"], 250);
    assert_eq!(data["group"]["descendantGroups"]["count"], 9);
    assert_eq!(
        data["group"]["descendantGroups"]["nodes"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let query = "{ projects(membership: true, sort: \"name_asc\") { count nodes { name fullPath namespace { fullPath } repository { empty rootRef } } } }";
    let answer = ask(&sim, query, json!({})).await;
    assert_eq!(answer["data"]["projects"]["count"], 22, "{answer}");
    let one = answer["data"]["projects"]["nodes"][0]["fullPath"].clone();
    let query = "query($p: ID!, $l: [String!]) { project(fullPath: $p) { fullPath } projects(fullPaths: $l) { nodes { fullPath } } }";
    let answer = ask(&sim, query, json!({ "p": one, "l": [one] })).await;
    assert_eq!(answer["data"]["project"]["fullPath"], one);
    assert_eq!(answer["data"]["projects"]["nodes"][0]["fullPath"], one);
}

#[tokio::test]
async fn tokens_that_may_not_use_it_are_told_so() {
    let sim = GitlabSim::builder()
        .token(TokenSpec::user("alice").scopes(["read_user"]))
        .token(TokenSpec::user("alice").revoked())
        .token(TokenSpec::group("acme", Role::Reporter).fine_grained(["read_project"]))
        .start()
        .await
        .unwrap();
    for token in &sim.tokens()[..2] {
        let reply = ask_as(&sim, &token.value, "{ currentUser { id } }", json!({})).await;
        let text = r#"{"errors":[{"message":"Invalid token"}]}"#;
        assert_eq!((reply.status, reply.text.as_str()), (401, text));
    }
    let reply = ask_as(
        &sim,
        &sim.tokens()[2].value,
        "{ currentUser { id } }",
        json!({}),
    )
    .await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .text
            .contains("doesn't support fine-grained personal access tokens")
    );
    let off = GitlabSim::builder()
        .without_graphql()
        .start()
        .await
        .unwrap();
    let reply = ask_as(&off, off.token(), "{ currentUser { id } }", json!({})).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn limits_are_those_of_gitlab() {
    let sim = sim(WorldSpec::new(1)).await;
    let cost = |first: u32| {
        let query = LISTING.replace("first: 100", &format!("first: {first}"));
        query.replacen('{', "{ queryComplexity { score limit }", 1)
    };
    let score = async |first| {
        let answer = ask(&sim, &cost(first), json!({ "path": "acme" })).await;
        answer["data"]["queryComplexity"]["score"]
            .as_u64()
            .unwrap_or_else(|| panic!("{answer}"))
    };
    let (small, large) = (score(1).await, score(100).await);
    assert!((90..125).contains(&large), "{large}");
    assert!(small < large);
    let many = (0..12).fold(String::new(), |query, n| {
        format!(
            "{query} a{n}: group(fullPath: \"acme\") {{ projects {{ nodes {{ id name path }} }} }}"
        )
    });
    let answer = ask(&sim, &format!("{{ {many} }}"), json!({})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("exceeds max complexity of 250"),
        "{message}"
    );
    let deep = format!(
        "{{ group(fullPath: \"acme\") {}id{} }}",
        "{ parent ".repeat(20) + "{ ",
        " }".repeat(21)
    );
    let answer = ask(&sim, &deep, json!({})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("exceeds max depth of 20"), "{message}");
    let long = ask_as(
        &sim,
        sim.token(),
        &format!("{{ metadata {{ version }} }} #{}", "x".repeat(10_000)),
        json!({}),
    )
    .await;
    assert!(long.text.contains("Query too large"));
}

#[tokio::test]
async fn pages_can_be_made_short_empty_or_false() {
    let sim = sim(WorldSpec::new(1).groups(1).roots(1).projects(30)).await;
    let page = async || {
        let answer = ask(
            &sim,
            &LISTING.replace("first: 100", "first: 10"),
            json!({ "path": "acme" }),
        )
        .await;
        let projects = answer["data"]["group"]["projects"].clone();
        let more = projects["pageInfo"]["hasNextPage"].as_bool().unwrap();
        (
            projects["nodes"].as_array().unwrap().len(),
            more,
            answer.get("errors").is_some(),
        )
    };
    for (kind, expected) in [
        (FaultKind::ShortPage, (5, true, false)),
        (FaultKind::EmptyPage, (0, true, false)),
        (FaultKind::GraphqlEarlyEnd, (10, false, false)),
        (
            FaultKind::GraphqlPartial {
                message: "Timeout".into(),
            },
            (10, true, true),
        ),
    ] {
        let id = sim.fault(Fault::new(kind.clone()).path("*graphql"));
        assert_eq!(page().await, expected, "{kind:?}");
        sim.clear_fault(id);
    }
}
