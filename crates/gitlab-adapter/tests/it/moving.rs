//! Rows that move between pages: what was there all the time comes.

use std::collections::BTreeSet;

use gitlab_sim::{Trigger, World};

use crate::harness::{Scene, builder, config, expected_repositories, spec};

fn ids(world: &World) -> BTreeSet<u64> {
    expected_repositories(world).into_keys().collect()
}

/// Lists while `change` strikes after some requests to `path`, and checks that nothing that stayed is lost.
async fn check(graphql: bool, path: &str, change: fn(&mut World)) {
    for nth in [1, 2, 4] {
        let builder = if graphql {
            builder()
        } else {
            builder().without_graphql()
        };
        let scene = Scene::with(builder, config().page_size(50)).await;
        let before = scene.sim.world().read(ids);
        scene
            .sim
            .trigger(Trigger::change(change).path(path).nth(nth));
        let outcome = scene.list_all().await;
        let after = scene.sim.world().read(ids);
        assert_eq!(outcome.listing.missing, [], "{path} {nth}");
        let seen: BTreeSet<u64> = outcome
            .listing
            .repositories
            .iter()
            .map(|r| r.id.get())
            .collect();
        let stayed: BTreeSet<u64> = before.intersection(&after).copied().collect();
        let lost: Vec<_> = stayed.difference(&seen).collect();
        assert_eq!(lost, [] as [&u64; 0], "{path} {nth}");
        let invented: Vec<_> = seen.difference(&(&before | &after)).copied().collect();
        assert_eq!(invented, [] as [u64; 0]);
    }
}

fn delete_some(world: &mut World) {
    let doomed: Vec<_> = world
        .projects()
        .map(|project| project.id)
        .step_by(37)
        .collect();
    for id in doomed {
        world.delete_project(id).expect("it can be deleted");
    }
}

fn create_some(world: &mut World) {
    for n in 0..30 {
        world
            .create_project("acme", &format!("brand-new-{n}"))
            .expect("it can be made");
    }
}

fn both(world: &mut World) {
    delete_some(world);
    create_some(world);
}

#[tokio::test]
async fn deleted_projects_do_not_hide_others() {
    check(true, "/api/graphql", delete_some).await;
    check(false, "/api/v4/projects", delete_some).await;
}

#[tokio::test]
async fn new_projects_do_not_hide_others() {
    check(true, "/api/graphql", create_some).await;
    check(false, "/api/v4/projects", create_some).await;
}

#[tokio::test]
async fn both_at_once_do_not_hide_others() {
    check(true, "/api/graphql", both).await;
    check(false, "/api/v4/projects", both).await;
}

#[tokio::test]
async fn deleted_groups_do_not_hide_others() {
    let scene = Scene::with(
        builder().world(World::generate(&spec().groups(120))),
        config().page_size(24),
    )
    .await;
    scene.sim.trigger(
        Trigger::change(|world| {
            let leaf = |world: &World| {
                let parents: BTreeSet<_> =
                    world.groups().filter_map(|group| group.parent).collect();
                world
                    .groups()
                    .find(|g| g.parent.is_some() && !parents.contains(&g.id))
                    .map(|g| g.id)
            };
            for _ in 0..3 {
                let doomed = leaf(world).expect("a leaf");
                world.delete_group(doomed).expect("it can be deleted");
            }
        })
        .path("/api/v4/groups")
        .nth(1),
    );
    let outcome = scene.list_all().await;
    assert_eq!(outcome.listing.missing, []);
    let groups = scene.sim.world().read(crate::harness::expected_groups);
    let seen: BTreeSet<u64> = outcome
        .listing
        .groups
        .iter()
        .map(|group| group.id.get())
        .collect();
    for id in groups.keys() {
        assert!(seen.contains(id), "group {id} was there all the time");
    }
}
