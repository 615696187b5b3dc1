//! The sizes that the design names.

use gitlab_sim::{Fault, FaultKind, World, WorldSpec};

use crate::harness::{Scene, all, builder, config, gather};
use org_core::ports::VcsListing as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_groups_cost_no_request_each() {
    let world = World::generate(&WorldSpec::new(2).groups(1000).projects(10_000).depth(5));
    let scene = Scene::with(builder().world(world), config()).await;
    let outcome = scene.list_all().await;
    assert_eq!(outcome.listing.missing, []);
    assert_eq!(outcome.listing.repositories.len(), 10_000);
    assert_eq!(outcome.listing.groups.len(), 1000);
    // One request for each of 100 pages of projects and 10 of groups would be more.
    assert!(outcome.requests < 110, "{} requests", outcome.requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_are_counted_in_stretches() {
    let world = World::generate(&WorldSpec::new(2).groups(200).projects(100_000).depth(5));
    let scene = Scene::with(builder().world(world), config()).await;
    // GraphQL says that it ends where it does not: found out although the host does not count so many at once.
    scene.sim.fault(
        Fault::new(FaultKind::GraphqlEarlyEnd)
            .path("/api/graphql")
            .nth(100),
    );
    let outcome = gather(scene.host.list(&scene.access, &all()))
        .await
        .expect("it works");
    assert_eq!(outcome.listing.missing, []);
    assert_eq!(outcome.listing.repositories.len(), 100_000);
    assert!(outcome.requests <= 1000, "{} requests", outcome.requests);
}
