//! Budgets, limits and waits.

use std::time::Duration;

use futures_util::StreamExt as _;
use gitlab_sim::{Budget, Endpoint, Fault, FaultKind, RateLimits, World, WorldSpec};
use org_core::ports::{HostError, VcsListing as _};

use crate::harness::{Scene, all, builder, config};

#[tokio::test]
async fn an_advertised_budget_is_kept_before_it_runs_out() {
    let limits = RateLimits::throttle(5, Duration::from_mins(1));
    let scene = Scene::with(
        builder().without_graphql().rate_limits(limits),
        config().max_concurrency(4),
    )
    .await;
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
    let stats = scene.sim.stats();
    assert!(stats.requests > 15, "it took several windows: {stats:?}");
    assert_eq!(stats.by_status.get(&429), None, "{stats:?}");
    assert!(!outcome.waits.is_empty());
    assert!(
        outcome
            .waits
            .iter()
            .all(|wait| wait.reason.contains("rate limit"))
    );
}

#[tokio::test]
async fn a_budget_that_is_not_told_is_found_out() {
    for limits in [
        RateLimits::throttle(12, Duration::from_mins(1)).silent(),
        RateLimits::off().endpoint(Endpoint::Projects, Budget::per_minute(5)),
        RateLimits {
            retry_after_in_json: true,
            ..RateLimits::off().endpoint(Endpoint::Projects, Budget::per_minute(5))
        },
    ] {
        let scene = Scene::with(builder().without_graphql().rate_limits(limits), config()).await;
        let outcome = scene.list_all().await;
        scene.check_everything(&outcome);
        let stats = scene.sim.stats();
        let refused = stats.by_status.get(&429).copied().unwrap_or_default();
        assert!(refused > 0 && refused < stats.requests / 2, "{stats:?}");
        assert!(!outcome.waits.is_empty());
    }
}

#[tokio::test]
async fn too_long_a_wait_is_left_to_the_caller() {
    let scene = Scene::new().await;
    scene.sim.fault(
        Fault::new(FaultKind::Throttled {
            retry_after: Some(7200),
        })
        .path("/api/v4/groups"),
    );
    let error = scene.list(&all()).await.expect_err("it is too long");
    let HostError::RateLimited { retry_after, .. } = error else {
        panic!("{error:?}");
    };
    assert!(retry_after >= Duration::from_hours(2));
}

#[tokio::test]
async fn a_host_that_never_stops_limiting_is_given_up() {
    let scene = Scene::new().await;
    let fault = scene
        .sim
        .fault(Fault::new(FaultKind::EndpointLimit { retry_after: None }).path("/api/v4/groups"));
    let error = scene.list(&all()).await.expect_err("it never ends");
    assert!(matches!(error, HostError::RateLimited { .. }), "{error:?}");
    assert!(scene.sim.hits(fault) < 60, "it was asked with pauses");
}

#[tokio::test]
async fn the_allowed_number_of_requests_at_a_time_is_kept() {
    for allowed in [1, 3] {
        let scene = Scene::with(
            builder().latency(Duration::from_millis(2)),
            config().max_concurrency(allowed),
        )
        .await;
        let scope = all();
        let (one, two) = tokio::join!(scene.list(&scope), scene.list(&scope));
        scene.check_everything(&one.expect("it works"));
        scene.check_everything(&two.expect("it works"));
        assert!(
            scene.sim.stats().max_concurrency <= allowed as u64,
            "both listings share it"
        );
    }
}

async fn let_others_run() {
    for _ in 0..3000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_is_asked_before_the_first_poll_nor_far_ahead_nor_after_the_drop() {
    let world = World::generate(&WorldSpec::new(9).groups(30).projects(6000));
    let scene = Scene::with(
        builder().world(world),
        config().page_size(20).max_concurrency(2),
    )
    .await;
    let mut stream = scene.host.list(&scene.access, &all());
    let_others_run().await;
    assert_eq!(scene.sim.stats().requests, 0, "it is lazy");
    stream.next().await.expect("an event").expect("it works");
    // Nobody reads on. What may come: a bounded number of pages.
    let mut before = 0;
    loop {
        let_others_run().await;
        let now = scene.sim.stats().requests;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < 40, "{before} requests ran ahead of the reader");
    drop(stream);
    let_others_run().await;
    let after = scene.sim.stats().requests;
    let_others_run().await;
    assert_eq!(
        scene.sim.stats().requests,
        after,
        "nothing is asked any more"
    );
    assert!(after <= before + 2, "what was under way at most");
}
