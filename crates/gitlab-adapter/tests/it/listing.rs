//! What a listing says, by every way of reading.

use gitlab_sim::{Fault, FaultKind, GroupPatch, Role, TokenSpec, World, WorldSpec};
use org_core::inventory::{Lifecycle, Ownership};
use org_core::listing::PersonalNamespace;
use org_core::ports::{HostError, VcsIdentity as _};

use crate::harness::{Scene, all, builder, chosen, config, expected_repositories, owned, spec};

#[tokio::test]
async fn everything_is_listed_by_graphql() {
    let scene = Scene::new().await;
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
    let stats = scene.sim.stats();
    assert_eq!(stats.requests, outcome.requests, "every request is counted");
    assert!(stats.max_concurrency <= 8, "{}", stats.max_concurrency);
    // 735 rows are 8 pages; two travel in one request, and cutting costs some.
    let graphql = stats.by_endpoint.get("POST /api/graphql").copied();
    assert!(graphql.is_some_and(|requests| requests <= 16), "{stats:?}");
}

#[tokio::test]
async fn a_world_of_one_page_and_an_empty_one_are_worlds_too() {
    for projects in [0, 1, 99, 100, 101] {
        let world = World::generate(&WorldSpec::new(3).groups(3).roots(1).projects(projects));
        let scene = Scene::with(builder().world(world), config()).await;
        let outcome = scene.list_all().await;
        scene.check_everything(&outcome);
        assert_eq!(outcome.listing.repositories.len(), projects as usize);
    }
}

#[tokio::test]
async fn without_graphql_everything_is_listed_by_keyset() {
    let scene = Scene::with(builder().without_graphql(), config()).await;
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
    assert!(
        outcome
            .listing
            .repositories
            .iter()
            .any(|r| r.default_branch.is_some())
    );
}

#[tokio::test]
async fn fine_grained_tokens_are_served_by_rest() {
    let token = TokenSpec::user("alice").fine_grained(["read_user", "read_group", "read_project"]);
    let builder = gitlab_sim::GitlabSim::builder()
        .world(World::generate(&spec()))
        .token(token);
    let scene = Scene::with(builder, config()).await;
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn every_refusal_of_graphql_leads_to_rest() {
    let complexity = "Query has complexity of 300, which exceeds max complexity of 250";
    for kind in [
        FaultKind::Unauthorized,
        FaultKind::GraphqlFineGrained,
        FaultKind::GraphqlError {
            message: "Internal server error".into(),
        },
        FaultKind::GraphqlError {
            message: complexity.into(),
        },
        FaultKind::GraphqlPartial {
            message: "timeout".into(),
        },
        FaultKind::CloudflareChallenge,
        FaultKind::SignInPage,
        FaultKind::WrongJson,
        FaultKind::NotFound {
            what: "Page".into(),
        },
        FaultKind::Gateway { status: 502 },
        FaultKind::Internal,
        FaultKind::CutBody { after: 40 },
        FaultKind::TruncatedJson,
        FaultKind::Redirect {
            status: 307,
            location: "https://elsewhere.example/api/graphql".into(),
        },
    ] {
        for late in [1, 3] {
            let world = World::generate(&WorldSpec::new(6).groups(9).projects(150));
            let scene = Scene::with(builder().world(world), config().page_size(20)).await;
            scene
                .sim
                .fault(Fault::new(kind.clone()).path("/api/graphql").from(late));
            let outcome = scene.list_all().await;
            scene.check_everything(&outcome);
        }
    }
}

#[tokio::test]
async fn a_graphql_that_ends_too_early_is_found_out() {
    let scene = Scene::new().await;
    scene
        .sim
        .fault(Fault::new(FaultKind::GraphqlEarlyEnd).path("/api/graphql"));
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn what_a_host_counts_but_does_not_show_is_missing() {
    let scene = Scene::new().await;
    // Some rows are never shown, by no way, while the counts go on telling of them.
    scene
        .sim
        .fault(Fault::new(FaultKind::ShortPage).path("/api/graphql"));
    scene.sim.fault(
        Fault::new(FaultKind::ShortPage)
            .path("/api/v4/projects")
            .query("pagination=keyset"),
    );
    let outcome = scene.list_all().await;
    let missing = &outcome.listing.missing;
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].what, "repositories of the account");
    assert!(missing[0].why.contains("more than it shows"), "{missing:?}");
}

#[tokio::test]
async fn empty_pages_in_the_middle_are_not_the_end() {
    let scene = Scene::new().await;
    scene
        .sim
        .fault(Fault::new(FaultKind::EmptyPage).path("/api/graphql").nth(2));
    let outcome = scene.list_all().await;
    // The rows of that page were redacted from GraphQL; the count told, and REST showed them.
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn the_last_resort_is_pages_by_number() {
    let scene = Scene::with(builder().without_graphql(), config()).await;
    scene
        .sim
        .fault(Fault::new(FaultKind::KeysetUnavailable).path("/api/v4/projects"));
    let outcome = scene.list_all().await;
    let expected = scene.sim.world().read(expected_repositories);
    let ours: std::collections::BTreeMap<u64, String> = expected
        .into_iter()
        .filter(|(_, text)| text.contains(" owned "))
        .collect();
    crate::harness::assert_same(&outcome.listing.repositories, &ours);
    let missing: Vec<&str> = outcome
        .listing
        .missing
        .iter()
        .map(|part| part.what.as_str())
        .collect();
    assert_eq!(missing, ["repositories that are only shared in"]);
}

#[tokio::test]
async fn chosen_groups_with_everything_below_them() {
    for graphql in [true, false] {
        let builder = if graphql {
            builder()
        } else {
            builder().without_graphql()
        };
        let scene = Scene::with(builder, config()).await;
        // The case differs, one is inside the other, and one comes twice.
        let inner = scene.sim.world().read(|world| {
            let group = world
                .groups()
                .find(|group| group.parent.is_some())
                .expect("a subgroup");
            world.group_full_path(group.id)
        });
        let root = inner.split('/').next().expect("a root").to_uppercase();
        let scope = chosen(&[&inner, &root, &root], PersonalNamespace::Excluded);
        let outcome = scene.list(&scope).await.expect("it works");
        assert_eq!(outcome.listing.missing, []);
        let root = root.to_lowercase();
        let expected = scene.sim.world().read(|world| {
            let mut all = expected_repositories(world);
            let shared_into = world.groups().find(|g| g.parent.is_none()).expect("a root");
            let gets_shares = world.group_full_path(shared_into.id) == root;
            all.retain(|_, text| {
                text.starts_with(&format!("{root}/"))
                    || (gets_shares && text.contains(" shared_in "))
            });
            all
        });
        crate::harness::assert_same(&outcome.listing.repositories, &expected);
        let outside = outcome
            .listing
            .groups
            .iter()
            .find(|g| !format!("{}/", g.full_path).starts_with(&format!("{root}/")));
        assert_eq!(outside, None);
    }
}

#[tokio::test]
async fn a_chosen_group_that_is_not_there_is_missing_and_the_others_come() {
    let scene = Scene::new().await;
    let scope = chosen(&["acme", "nowhere/at-all"], PersonalNamespace::Excluded);
    let outcome = scene.list(&scope).await.expect("it works");
    let missing: Vec<String> = outcome
        .listing
        .missing
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        missing,
        ["group nowhere/at-all: there is no such group, or the access token may not see it"]
    );
    assert!(outcome.listing.repositories.len() > 50);
}

#[tokio::test]
async fn a_public_group_of_strangers_can_be_chosen() {
    for graphql in [true, false] {
        let builder = if graphql {
            builder()
        } else {
            builder().without_graphql()
        };
        let scene = Scene::with(builder, config()).await;
        let scope = chosen(&["strangers"], PersonalNamespace::Excluded);
        let outcome = scene.list(&scope).await.expect("it works");
        assert_eq!(
            (
                outcome.listing.repositories.len(),
                outcome.listing.missing.len()
            ),
            (20, 0)
        );
        assert_eq!(owned(&outcome).count(), 20);
    }
}

#[tokio::test]
async fn the_personal_namespace_is_covered_or_not() {
    let scene = Scene::new().await;
    let personal = |outcome: &crate::harness::Outcome| {
        outcome
            .listing
            .repositories
            .iter()
            .filter(|r| r.full_path.starts_with("alice/"))
            .count()
    };
    let mut scope = all();
    assert_eq!(personal(&scene.list(&scope).await.expect("it works")), 7);
    scope.personal = PersonalNamespace::Excluded;
    let outcome = scene.list(&scope).await.expect("it works");
    assert_eq!((personal(&outcome), outcome.listing.missing.len()), (0, 0));
    let only = chosen(&[], PersonalNamespace::Included);
    let outcome = scene.list(&only).await.expect("it works");
    assert_eq!(
        (personal(&outcome), outcome.listing.repositories.len()),
        (7, 7)
    );
    assert_eq!(outcome.listing.missing, []);
    let both = chosen(&["acme"], PersonalNamespace::Included);
    assert_eq!(personal(&scene.list(&both).await.expect("it works")), 7);
}

#[tokio::test]
async fn what_is_only_shared_in_is_not_owned() {
    let scene = Scene::new().await;
    let outcome = scene.list_all().await;
    let shared: Vec<_> = outcome
        .listing
        .repositories
        .iter()
        .filter(|repository| repository.ownership == Ownership::SharedIn)
        .collect();
    assert_eq!(shared.len(), 5);
    assert!(
        shared
            .iter()
            .all(|repository| repository.full_path.starts_with("strangers/"))
    );
    assert!(
        outcome
            .listing
            .groups
            .iter()
            .all(|group| &*group.full_path != "strangers")
    );
}

#[tokio::test]
async fn what_is_marked_for_deletion_keeps_its_path() {
    for graphql in [true, false] {
        let builder = if graphql {
            builder()
        } else {
            builder().without_graphql()
        };
        let scene = Scene::with(builder, config()).await;
        let (project, group) = scene.sim.world().change(|world| {
            let project = world.projects().next().expect("a project").id;
            let group = world
                .groups()
                .find(|group| group.parent.is_some())
                .expect("a subgroup")
                .id;
            let other = world
                .groups()
                .filter(|g| g.parent.is_none())
                .nth(1)
                .expect("a second root")
                .id;
            world
                .mark_project_for_deletion(project)
                .expect("it can be marked");
            world
                .mark_group_for_deletion(group)
                .expect("it can be marked");
            let archived = GroupPatch {
                archived: Some(true),
                ..GroupPatch::default()
            };
            world
                .edit_group(other, archived)
                .expect("it can be archived");
            (project.0, group.0)
        });
        let outcome = scene.list_all().await;
        scene.check_everything(&outcome);
        let marked = outcome
            .listing
            .repositories
            .iter()
            .find(|r| r.id.get() == project);
        assert_eq!(
            marked.map(|r| r.lifecycle),
            Some(Lifecycle::PendingDeletion)
        );
        assert!(
            outcome
                .listing
                .repositories
                .iter()
                .all(|r| !r.full_path.contains("deletion"))
        );
        let below = outcome
            .listing
            .repositories
            .iter()
            .filter(|r| r.group.is_some_and(|g| g.get() == group));
        assert!(below.clone().count() > 0);
        assert!(
            below
                .clone()
                .all(|r| r.lifecycle == Lifecycle::PendingDeletion)
        );
    }
}

#[tokio::test]
async fn a_member_of_a_subgroup_alone_gets_that_subgroup() {
    let token = TokenSpec::user("bob").scopes(["read_api"]);
    let builder = gitlab_sim::GitlabSim::builder()
        .world(World::generate(&spec()))
        .token(token);
    let scene = Scene::with(builder, config()).await;
    let outcome = scene.list_all().await;
    assert_eq!(outcome.listing.missing, []);
    assert!(!outcome.listing.groups.is_empty() && outcome.listing.groups.len() < 40);
    let groups: Vec<_> = outcome
        .listing
        .groups
        .iter()
        .map(|group| group.id)
        .collect();
    assert!(
        owned(&outcome).all(|repository| repository.group.is_some_and(|g| groups.contains(&g)))
    );
}

#[tokio::test]
async fn bots_and_service_accounts_list_their_group() {
    for token in [
        TokenSpec::group("acme", Role::Reporter).scopes(["read_api"]),
        TokenSpec::service_account("acme", Role::Reporter).scopes(["read_api"]),
    ] {
        let builder = gitlab_sim::GitlabSim::builder()
            .world(World::generate(&spec()))
            .token(token);
        let scene = Scene::with(builder, config()).await;
        let outcome = scene.list_all().await;
        assert_eq!(outcome.listing.missing, []);
        let expected = scene.sim.world().read(|world| {
            let acme = world.group("acme").expect("it is there").id;
            world.projects_below(acme).len()
        });
        assert_eq!(owned(&outcome).count(), expected);
    }
}

#[tokio::test]
async fn an_instance_below_a_path_with_a_link_of_its_own() {
    let builder = builder()
        .prefix("/git/lab")
        .external_url("https://public.example:8443/git/lab")
        .without_graphql();
    let scene = Scene::with(builder, config()).await;
    scene.sim.fault(
        Fault::new(FaultKind::ForeignLink {
            origin: "https://evil.example".into(),
        })
        .path("/api/v4/*"),
    );
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn over_tls_with_an_authority_of_its_own() {
    let scene = Scene::with(builder().tls(), config()).await;
    let Err(HostError::Unavailable { detail, .. }) = scene.list(&all()).await else {
        panic!("nobody vouches for the certificate");
    };
    assert!(detail.contains("extra CA"), "{detail}");
    let pem = scene.sim.ca_pem().expect("it serves TLS").to_owned();
    let trusting = config()
        .extra_ca_pem(pem.as_bytes())
        .expect("a certificate");
    let host = gitlab_adapter::GitlabHost::new(
        trusting,
        scene.clock.clone(),
        std::sync::Arc::new(org_core::testing::InstantTimer::new(scene.clock.clone())),
        rand::SeedableRng::seed_from_u64(1),
    );
    let scene = Scene {
        host: host.expect("a good config"),
        ..scene
    };
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn a_group_is_found_by_path_in_any_case() {
    let scene = Scene::new().await;
    let find = async |path: &str| {
        let path = path.parse().expect("a path");
        scene
            .host
            .find_group(&scene.access, &path)
            .await
            .expect("it works")
    };
    assert_eq!(
        find("ACME").await.map(|group| group.full_path),
        Some("acme".into())
    );
    assert_eq!(find("nowhere").await, None);
    let number = scene
        .sim
        .world()
        .read(|world| world.group("acme").expect("it is there").id.0);
    assert_eq!(find(&number.to_string()).await, None, "a number is no path");
    scene.sim.world().change(|world| {
        let hidden = GroupPatch {
            hidden: Some(true),
            ..GroupPatch::default()
        };
        world.edit_group("acme", hidden).expect("it can be hidden");
    });
    assert_eq!(find("acme").await, None);
}

#[tokio::test]
async fn a_group_that_the_list_lacks_is_asked_for() {
    let scene = Scene::new().await;
    // The odd groups are left out of the list, while the counts go on telling of them.
    scene
        .sim
        .fault(Fault::new(FaultKind::ShortPage).path("/api/v4/groups"));
    let outcome = scene.list_all().await;
    let missing: Vec<&str> = outcome
        .listing
        .missing
        .iter()
        .map(|part| part.what.as_str())
        .collect();
    assert_eq!(
        missing,
        [] as [&str; 0],
        "one page cannot move; what repositories name is asked for"
    );
    assert!(
        outcome.listing.groups.len() >= 30,
        "{}",
        outcome.listing.groups.len()
    );
}

#[tokio::test]
async fn what_is_shared_into_the_depth_of_a_chosen_group_comes_too() {
    // Few groups are asked one by one; where they are many, everything is looked through instead.
    for (groups, one_by_one) in [(12, true), (60, false)] {
        let spec = WorldSpec::new(8)
            .groups(groups)
            .projects(90)
            .roots(1)
            .foreign(9);
        let mut world = World::generate(&spec);
        let deep = world
            .groups()
            .filter(|g| g.parent.is_some())
            .map(|g| g.id)
            .last();
        let foreign: Vec<_> = world
            .projects()
            .filter(|project| world.project_full_path(project).starts_with("strangers/"))
            .map(|project| project.id)
            .take(2)
            .collect();
        for id in &foreign {
            let deep = deep.expect("a subgroup");
            world
                .share_project(*id, deep, Role::Reporter)
                .expect("both are there");
        }
        let scene = Scene::with(builder().world(world), config()).await;
        let scope = chosen(&["acme"], PersonalNamespace::Excluded);
        let outcome = scene.list(&scope).await.expect("it works");
        assert_eq!(outcome.listing.missing, []);
        let shared = outcome.listing.repositories.iter();
        let shared: Vec<_> = shared
            .filter(|r| r.ownership == Ownership::SharedIn)
            .collect();
        assert_eq!(shared.len(), 2);
        let asked = scene.sim.requests();
        let asked = asked
            .iter()
            .any(|request| request.path.ends_with("/projects/shared"));
        assert_eq!(asked, one_by_one);
    }
}
