//! Pages, orders, visibility and counts of REST listings.

use std::collections::BTreeSet;

use gitlab_sim::{GitlabSim, GroupPatch, Role, TokenSpec, Trigger, Visibility, World, WorldSpec};

use crate::client::{Reply, get, get_as, sim};

/// Walks a listing by its `next` links; the last answer comes too.
async fn walk(sim: &GitlabSim, first: &str) -> (Vec<u64>, Vec<Reply>) {
    let (mut ids, mut replies) = (Vec::new(), Vec::new());
    let mut next = Some(first.to_owned());
    while let Some(url) = next {
        let reply = get(sim, &url).await;
        assert_eq!(reply.status, 200, "{url}: {}", reply.text);
        ids.extend(reply.ids());
        next = reply.next();
        replies.push(reply);
        assert!(replies.len() < 100, "the listing does not end");
    }
    (ids, replies)
}

fn truth(sim: &GitlabSim) -> Vec<u64> {
    sim.world()
        .read(|world| world.projects().map(|project| project.id.0).collect())
}

#[tokio::test]
async fn offset_keyset_and_ranges_list_the_same_projects() {
    let sim = sim(WorldSpec::new(3).groups(12).projects(95)).await;
    let all = truth(&sim);
    let (mut by_offset, _) = walk(&sim, "/api/v4/projects?membership=true&per_page=10").await;
    by_offset.sort_unstable();
    assert_eq!(by_offset, all);
    let keyset = "/api/v4/projects?membership=true&per_page=10&pagination=keyset&order_by=id";
    let (by_keyset, _) = walk(&sim, &format!("{keyset}&sort=asc")).await;
    assert_eq!(by_keyset, all);
    let (mut down, _) = walk(&sim, &format!("{keyset}&sort=desc")).await;
    down.reverse();
    assert_eq!(down, all);
    let middle = all[50];
    let (low, _) = walk(&sim, &format!("{keyset}&sort=asc&id_before={middle}")).await;
    let (high, _) = walk(&sim, &format!("{keyset}&sort=asc&id_after={}", middle - 1)).await;
    assert_eq!([low, high].concat(), all);
}

#[tokio::test]
async fn the_last_keyset_page_with_rows_still_points_to_an_empty_one() {
    let sim = sim(WorldSpec::new(3).projects(20)).await;
    let path =
        "/api/v4/projects?membership=true&per_page=10&pagination=keyset&order_by=id&sort=asc";
    let (_, replies) = walk(&sim, path).await;
    let sizes: Vec<usize> = replies.iter().map(|reply| reply.ids().len()).collect();
    assert_eq!(sizes, [10, 10, 0]);
    assert_eq!(replies[2].header("link"), None);
    assert_eq!(replies[0].header("x-page"), None);
    assert_eq!(replies[0].header("x-total"), None);
}

#[tokio::test]
async fn offset_headers_are_those_of_gitlab() {
    let sim = sim(WorldSpec::new(1).groups(3).projects(25)).await;
    let reply = get(&sim, "/api/v4/projects?per_page=10&page=2&membership=true").await;
    let headers = [
        "x-page",
        "x-per-page",
        "x-next-page",
        "x-prev-page",
        "x-total",
        "x-total-pages",
    ]
    .map(|name| reply.header(name).unwrap().to_owned());
    assert_eq!(headers, ["2", "10", "3", "1", "25", "3"]);
    let link = reply
        .header("link")
        .unwrap()
        .replace(sim.url(), "https://host");
    insta::assert_snapshot!(link.replace(", ", "\n"), @r#"
    <https://host/api/v4/projects?imported=false&include_hidden=false&include_pending_delete=false&membership=true&order_by=created_at&owned=false&page=1&per_page=10&repository_checksum_failed=false&simple=false&sort=desc&starred=false&statistics=false&wiki_checksum_failed=false&with_custom_attributes=false&with_issues_enabled=false&with_merge_requests_enabled=false>; rel="prev"
    <https://host/api/v4/projects?imported=false&include_hidden=false&include_pending_delete=false&membership=true&order_by=created_at&owned=false&page=3&per_page=10&repository_checksum_failed=false&simple=false&sort=desc&starred=false&statistics=false&wiki_checksum_failed=false&with_custom_attributes=false&with_issues_enabled=false&with_merge_requests_enabled=false>; rel="next"
    <https://host/api/v4/projects?imported=false&include_hidden=false&include_pending_delete=false&membership=true&order_by=created_at&owned=false&page=1&per_page=10&repository_checksum_failed=false&simple=false&sort=desc&starred=false&statistics=false&wiki_checksum_failed=false&with_custom_attributes=false&with_issues_enabled=false&with_merge_requests_enabled=false>; rel="first"
    <https://host/api/v4/projects?imported=false&include_hidden=false&include_pending_delete=false&membership=true&order_by=created_at&owned=false&page=3&per_page=10&repository_checksum_failed=false&simple=false&sort=desc&starred=false&statistics=false&wiki_checksum_failed=false&with_custom_attributes=false&with_issues_enabled=false&with_merge_requests_enabled=false>; rel="last"
    "#);
    let last = get(&sim, "/api/v4/projects?per_page=10&page=3&membership=true").await;
    assert_eq!(last.header("x-next-page"), Some(""));
    assert_eq!(last.next(), None);
    let beyond = get(&sim, "/api/v4/projects?per_page=10&page=9&membership=true").await;
    assert_eq!((beyond.status, beyond.ids().len()), (200, 0));
}

#[tokio::test]
async fn a_link_keeps_the_id_of_the_path_and_an_over_large_page_size() {
    let sim = sim(WorldSpec::new(1).groups(1).roots(1).projects(120)).await;
    let reply = get(&sim, "/api/v4/groups/acme/projects?per_page=500").await;
    assert_eq!(reply.ids().len(), 100);
    assert_eq!(reply.header("x-per-page"), Some("100"));
    let next = reply.next().unwrap();
    assert!(
        next.contains("?id=acme&include_ancestor_groups=false&include_subgroups=false"),
        "{next}"
    );
    assert!(
        next.contains("&per_page=500&") && next.contains("&with_shared=true"),
        "{next}"
    );
}

#[tokio::test]
async fn over_ten_thousand_rows_are_not_counted() {
    let sim = sim(WorldSpec::new(1).groups(5).projects(10_001)).await;
    let reply = get(
        &sim,
        "/api/v4/projects?membership=true&per_page=100&simple=true",
    )
    .await;
    assert_eq!(reply.header("x-total"), None);
    assert_eq!(reply.header("x-total-pages"), None);
    assert_eq!(reply.link("last"), None);
    assert_eq!(reply.header("x-next-page"), Some("2"));
}

#[tokio::test]
async fn wrong_parameters_get_grape_errors() {
    let sim = sim(WorldSpec::new(1).projects(5)).await;
    let cases = [
        (
            "projects?page=0",
            400,
            r#"{"error":"page does not have a valid value"}"#,
        ),
        (
            "projects?page=-3",
            400,
            r#"{"error":"page does not have a valid value"}"#,
        ),
        ("projects?page=two", 400, r#"{"error":"page is invalid"}"#),
        (
            "projects?page=99999999999999999999",
            400,
            r#"{"error":"page is invalid"}"#,
        ),
        (
            "projects?per_page=0",
            400,
            r#"{"error":"per_page has a value not allowed"}"#,
        ),
        (
            "projects?order_by=color&simple=maybe",
            400,
            r#"{"error":"order_by does not have a valid value, simple is invalid"}"#,
        ),
        (
            "projects?updated_after=2026-01-01",
            400,
            r#"{"message":"400 Bad request - `updated_at` filter and `updated_at` sorting must be paired"}"#,
        ),
        (
            "projects?pagination=keyset&order_by=name",
            405,
            r#"{"error":"Keyset pagination is not yet available for this type of request"}"#,
        ),
        (
            "projects?per_page=100&page=501",
            405,
            r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type Project. Remaining records can be retrieved using keyset pagination."}"#,
        ),
        ("groups/999999", 404, r#"{"message":"404 Group Not Found"}"#),
        (
            "projects/no%2Fsuch",
            404,
            r#"{"message":"404 Project Not Found"}"#,
        ),
        ("nothing/here", 404, r#"{"error":"404 Not Found"}"#),
    ];
    for (path, status, body) in cases {
        let reply = get(&sim, &format!("/api/v4/{path}")).await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (status, body),
            "{path}"
        );
    }
}

#[tokio::test]
async fn groups_follow_membership() {
    let spec = WorldSpec::new(5)
        .groups(15)
        .roots(2)
        .projects(30)
        .foreign(4)
        .shared_in(2);
    let sim = GitlabSim::builder()
        .world(World::generate(&spec))
        .token(TokenSpec::user("alice"))
        .token(TokenSpec::user("bob"))
        .token(TokenSpec::group("acme", Role::Reporter))
        .start()
        .await
        .unwrap();
    let all: BTreeSet<u64> = sim
        .world()
        .read(|world| world.groups().map(|group| group.id.0).collect());
    let strangers = sim
        .world()
        .read(|world| world.group("strangers").unwrap().id.0);
    let listed = get(&sim, "/api/v4/groups?per_page=100").await.ids();
    let listed: BTreeSet<u64> = listed.into_iter().collect();
    assert_eq!(
        listed, all,
        "the group around a project that was shared in is listed too"
    );
    let members = get(&sim, "/api/v4/groups?per_page=100&min_access_level=10").await;
    assert_eq!(members.ids().len(), all.len() - 1);
    assert!(!members.ids().contains(&strangers));
    let roots = get(
        &sim,
        "/api/v4/groups?top_level_only=true&min_access_level=10",
    )
    .await;
    assert_eq!(roots.ids().len(), 2);
    let owned = get(&sim, "/api/v4/groups?owned=true").await;
    assert_eq!(
        owned.ids(),
        roots.ids(),
        "ownership is listed without what is below"
    );

    let bob = sim.tokens()[1].value.clone();
    let direct = get_as(&sim, &bob, "/api/v4/groups?min_access_level=10")
        .await
        .ids();
    assert_eq!(direct.len(), 1, "min_access_level leaves ancestors out");
    let with_ancestors = get_as(&sim, &bob, "/api/v4/groups").await.ids();
    let above = sim.world().read(|world| {
        let leaf = world
            .groups()
            .find(|group| group.id.0 == direct[0])
            .unwrap();
        world.group_full_path(leaf.id).split('/').count()
    });
    assert_eq!(with_ancestors.len(), above);

    let bot = &sim.tokens()[2];
    assert!(bot.username.starts_with("group_") && bot.username.contains("_bot_"));
    let roots = get_as(
        &sim,
        &bot.value,
        "/api/v4/groups?top_level_only=true&min_access_level=10",
    )
    .await;
    assert_eq!(roots.ids().len(), 1);
}

#[tokio::test]
async fn shared_projects_come_with_the_group_unless_they_are_refused() {
    let spec = WorldSpec::new(5)
        .groups(3)
        .roots(1)
        .projects(10)
        .foreign(4)
        .shared_in(2);
    let sim = sim(spec).await;
    let with = "/api/v4/groups/acme/projects?include_subgroups=true&per_page=100";
    assert_eq!(get(&sim, with).await.ids().len(), 12);
    assert_eq!(
        get(&sim, &format!("{with}&with_shared=false"))
            .await
            .ids()
            .len(),
        10
    );
    assert_eq!(
        get(&sim, "/api/v4/groups/acme/projects/shared")
            .await
            .ids()
            .len(),
        2
    );
    let all = get(&sim, "/api/v4/projects?membership=true&per_page=100")
        .await
        .ids();
    assert_eq!(all.len(), 12, "what is shared in counts as membership");
}

#[tokio::test]
async fn a_moved_project_is_redirected_until_its_path_is_taken() {
    let sim = sim(WorldSpec::new(2).groups(3).roots(1).projects(3)).await;
    let world = sim.world();
    let id = world
        .change(|world| world.create_project("acme", "first"))
        .unwrap();
    world
        .change(|world| world.rename_project(id, "second"))
        .unwrap();
    let moved = get(&sim, "/api/v4/projects/acme%2Ffirst?simple=true").await;
    let target = format!("{}/api/v4/projects/{id}", sim.url());
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some(target.as_str()))
    );
    assert_eq!(
        moved.text,
        format!("This resource has been moved permanently to {target}")
    );
    let taker = world
        .change(|world| world.create_project("acme", "First"))
        .unwrap();
    let found = get(&sim, "/api/v4/projects/acme%2Ffirst").await;
    assert_eq!(
        (found.status, found.json()["id"].as_u64()),
        (200, Some(taker.0))
    );
    world.change(|world| world.delete_project(taker)).unwrap();
    assert_eq!(get(&sim, "/api/v4/projects/acme%2Ffirst").await.status, 404);
    world
        .change(|world| world.rename_group("acme", "acme-corp"))
        .unwrap();
    assert_eq!(get(&sim, "/api/v4/groups/acme").await.status, 404);
    assert_eq!(
        get(&sim, "/api/v4/projects/acme%2Fsecond").await.status,
        301
    );
}

#[tokio::test]
async fn a_mark_for_deletion_renames_and_archives() {
    let sim = sim(WorldSpec::new(2).groups(1).roots(1).projects(0)).await;
    let id = sim
        .world()
        .change(|world| world.create_project("acme", "api"))
        .unwrap();
    sim.world()
        .change(|world| world.mark_project_for_deletion(id))
        .unwrap();
    let row = get(&sim, &format!("/api/v4/projects/{id}")).await.json();
    assert_eq!(row["path"], format!("api-deletion_scheduled-{id}"));
    assert_eq!(row["archived"], true);
    assert!(row["marked_for_deletion_on"].is_string());
    sim.world()
        .change(|world| world.restore_project(id))
        .unwrap();
    let row = get(&sim, &format!("/api/v4/projects/{id}")).await.json();
    assert_eq!(
        (row["path"].as_str(), row["archived"].as_bool()),
        (Some("api"), Some(false))
    );
}

#[tokio::test]
async fn a_hidden_group_takes_everything_along() {
    let sim = sim(WorldSpec::new(2).groups(6).roots(2).projects(40)).await;
    let hide = GroupPatch {
        hidden: Some(true),
        ..GroupPatch::default()
    };
    let below = sim
        .world()
        .read(|world| world.projects_below(world.group("acme").unwrap().id).len());
    sim.world()
        .change(|world| world.edit_group("acme", hide))
        .unwrap();
    assert_eq!(get(&sim, "/api/v4/groups/acme").await.status, 404);
    let left = get(&sim, "/api/v4/projects?membership=true&per_page=100")
        .await
        .ids()
        .len();
    assert_eq!(left, 40 - below);
}

#[tokio::test]
async fn a_row_deleted_between_two_offset_pages_makes_another_be_skipped() {
    let sim = sim(WorldSpec::new(2).groups(1).roots(1).projects(30)).await;
    let all = truth(&sim);
    let first = all[0];
    sim.trigger(
        Trigger::change(move |world| {
            world.delete_project(gitlab_sim::ProjectId(first)).unwrap();
        })
        .path("/api/v4/groups/acme/projects")
        .nth(1),
    );
    let path = "/api/v4/groups/acme/projects?order_by=id&sort=asc&per_page=10";
    let (ids, _) = walk(&sim, path).await;
    assert_eq!(ids.len(), 29);
    assert!(
        !ids.contains(&all[10]),
        "the first row of page 2 moved to page 1 and was not seen"
    );
}

#[tokio::test]
async fn code_is_hidden_from_a_guest_of_a_private_project() {
    let mut world = World::generate(&WorldSpec::new(2).groups(1).roots(1).projects(0));
    world.create_project("acme", "api").unwrap();
    world
        .add_project_member("acme/api", "bob", Role::Guest)
        .unwrap();
    let sim = GitlabSim::builder()
        .world(world)
        .token(TokenSpec::user("bob"))
        .start()
        .await
        .unwrap();
    let row = get(&sim, "/api/v4/projects/acme%2Fapi").await.json();
    assert!(row.get("default_branch").is_none() && row.get("forks_count").is_none());
    assert!(row.get("ci_default_git_depth").is_none());
    assert_eq!(row["permissions"]["project_access"]["access_level"], 10);
    let groups = get(&sim, "/api/v4/groups").await.ids();
    assert_eq!(
        groups.len(),
        1,
        "the group around a project of one's own is listed"
    );
    let patch = gitlab_sim::ProjectPatch {
        visibility: Some(Visibility::Public),
        ..gitlab_sim::ProjectPatch::default()
    };
    sim.world()
        .change(|world| world.edit_project("acme/api", patch))
        .unwrap();
    let row = get(&sim, "/api/v4/projects/acme%2Fapi").await.json();
    assert_eq!(row["default_branch"], "main");
}

#[tokio::test]
async fn a_world_is_the_same_for_the_same_seed() {
    let world = |seed| {
        let world = World::generate(&WorldSpec::new(seed).groups(30).projects(200));
        let rows: Vec<String> = world
            .projects()
            .map(|project| {
                format!(
                    "{} {} {}",
                    project.id,
                    world.project_full_path(project),
                    project.created_at
                )
            })
            .collect();
        rows
    };
    assert_eq!(world(4), world(4));
    assert_ne!(world(4), world(5));
    assert_eq!(world(4).len(), 200);
}
