//! A listing from a host that is out of order now and then, or for good.

use std::time::Duration;

use gitlab_adapter::GitlabConfig;
use gitlab_sim::{Fault, FaultKind, GitlabSim, TokenSpec, World, WorldSpec};
use org_core::ports::HostError;

use crate::harness::{Scene, all, builder, chosen, config};
use org_core::listing::PersonalNamespace;

fn small() -> gitlab_sim::Builder {
    let spec = WorldSpec::new(5)
        .groups(8)
        .projects(110)
        .depth(3)
        .roots(2)
        .personal(2)
        .foreign(4)
        .shared_in(2);
    builder().world(World::generate(&spec))
}

const PLACES: [&str; 4] = [
    "/api/v4/user",
    "/api/v4/groups",
    "/api/v4/projects",
    "/api/graphql",
];

fn passing() -> Vec<FaultKind> {
    let mut kinds = vec![
        FaultKind::Internal,
        FaultKind::Unavailable,
        FaultKind::Maintenance,
        FaultKind::TruncatedJson,
        FaultKind::EmptyBody,
        FaultKind::CutBody { after: 20 },
        FaultKind::CutChunked { after: 20 },
        FaultKind::Close,
        FaultKind::Throttled {
            retry_after: Some(20),
        },
        FaultKind::Throttled { retry_after: None },
        FaultKind::EndpointLimit {
            retry_after: Some(60),
        },
        FaultKind::EndpointLimit { retry_after: None },
    ];
    kinds.extend(
        [502, 503, 504, 520, 521, 522, 523, 524].map(|status| FaultKind::Gateway { status }),
    );
    kinds
}

async fn survives(kind: FaultKind, config: GitlabConfig) {
    let config = config.page_size(50);
    let scene = Scene::with(small().without_graphql(), config.clone()).await;
    let with_graphql = Scene::with(small(), config).await;
    for place in PLACES {
        let scene = if place == "/api/graphql" {
            &with_graphql
        } else {
            &scene
        };
        let fault = scene
            .sim
            .fault(Fault::new(kind.clone()).path(place).times(2));
        let outcome = scene.list_all().await;
        scene.check_everything(&outcome);
        assert!(scene.sim.hits(fault) > 0, "{kind:?} struck {place}");
        scene.sim.clear_faults();
    }
}

#[tokio::test]
async fn what_passes_is_survived_wherever_it_strikes() {
    for kind in passing() {
        survives(kind, config()).await;
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_asked_for_again() {
    let quick = config().request_timeout(Duration::from_millis(700));
    survives(FaultKind::Hang, quick).await;
}

#[tokio::test]
async fn a_host_that_fails_at_random_is_read_in_the_end() {
    let scene = Scene::new().await;
    scene
        .sim
        .fault(Fault::new(FaultKind::Gateway { status: 502 }).probability(0.2, 11));
    scene
        .sim
        .fault(Fault::new(FaultKind::CutBody { after: 100 }).probability(0.1, 12));
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
}

#[tokio::test]
async fn large_pages_that_fail_are_read_in_smaller_ones() {
    for way in ["per_page=100", "\"f0\":100"] {
        let graphql = way.contains('f');
        let scene = Scene::with(
            if graphql {
                small()
            } else {
                small().without_graphql()
            },
            config(),
        )
        .await;
        let fault = Fault::new(FaultKind::Gateway { status: 502 });
        scene.sim.fault(if graphql {
            fault.body(way)
        } else {
            fault.query(way)
        });
        let outcome = scene.list_all().await;
        scene.check_everything(&outcome);
        let by_rest = scene
            .sim
            .requests()
            .iter()
            .any(|request| request.query.contains("pagination=keyset"));
        assert_eq!(by_rest, !graphql, "smaller pages come before another way");
    }
}

#[tokio::test]
async fn a_credential_that_is_lost_ends_the_listing() {
    for (kind, word) in [
        (FaultKind::TokenExpired, "expired"),
        (FaultKind::TokenRevoked, "revoked"),
        (FaultKind::Unauthorized, "401"),
        (
            FaultKind::InsufficientScope {
                scope: "api read_api".into(),
            },
            "read_api or api",
        ),
    ] {
        for from in [1, 3, 5] {
            let scene = Scene::with(small(), config()).await;
            scene.sim.fault(Fault::new(kind.clone()).from(from));
            let error = scene
                .list(&all())
                .await
                .expect_err("it cannot end well")
                .to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

#[tokio::test]
async fn a_token_without_the_scope_lists_nothing() {
    let token = TokenSpec::user("alice").scopes(["read_user"]);
    let scene = Scene::with(GitlabSim::builder().token(token), config()).await;
    let error = scene.list(&all()).await.expect_err("it cannot work");
    assert!(matches!(error, HostError::ScopeMissing { .. }), "{error:?}");
}

#[tokio::test]
async fn what_stays_broken_is_named_and_the_rest_comes() {
    let scene = Scene::with(small(), config()).await;
    scene
        .sim
        .fault(Fault::new(FaultKind::Internal).path("/api/v4/groups/*/descendant_groups"));
    let scope = chosen(&["acme"], PersonalNamespace::Excluded);
    let outcome = scene.list(&scope).await.expect("the rest comes");
    let what: Vec<&str> = outcome
        .listing
        .missing
        .iter()
        .map(|part| part.what.as_str())
        .collect();
    assert_eq!(what, ["some groups"]);
    assert!(outcome.listing.repositories.len() > 20);

    let scene = Scene::with(small(), config()).await;
    for path in [
        "/api/graphql",
        "/api/v4/projects",
        "/api/v4/groups/*/projects",
        "/api/v4/users/*/projects",
    ] {
        scene.sim.fault(Fault::new(FaultKind::Internal).path(path));
    }
    let outcome = scene.list_all().await;
    assert_eq!(outcome.listing.repositories, []);
    let what: Vec<&str> = outcome
        .listing
        .missing
        .iter()
        .map(|part| part.what.as_str())
        .collect();
    assert_eq!(
        what,
        [
            "repositories of acme",
            "repositories of globex",
            "repositories of the personal namespace",
            "repositories that are only shared in"
        ]
    );
}

#[tokio::test]
async fn a_host_that_is_out_of_order_altogether_is_unavailable() {
    for kind in [
        FaultKind::Internal,
        FaultKind::Gateway { status: 521 },
        FaultKind::Close,
    ] {
        let scene = Scene::with(small(), config()).await;
        scene.sim.fault(Fault::new(kind));
        let error = scene.list(&all()).await.expect_err("nothing works");
        assert!(matches!(error, HostError::Unavailable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn no_answer_is_longer_than_allowed() {
    let scene = Scene::with(small(), config().max_body(256 * 1024)).await;
    scene
        .sim
        .fault(Fault::new(FaultKind::HugeBody { bytes: 1 << 40 }).path("/api/v4/user"));
    let error = scene.list(&all()).await.expect_err("it is cut").to_string();
    assert!(error.contains("more than 262144 bytes"), "{error}");
}

#[tokio::test]
async fn a_credential_does_not_follow_a_redirect() {
    let other = GitlabSim::builder().start().await.expect("another host");
    for status in [301, 302, 307, 308] {
        let scene = Scene::with(small(), config()).await;
        let location = format!("{}/api/v4/user", other.url());
        scene
            .sim
            .fault(Fault::new(FaultKind::Redirect { status, location }));
        let error = scene
            .list(&all())
            .await
            .expect_err("it is not followed")
            .to_string();
        assert!(error.contains("which is not followed"), "{error}");
    }
    assert_eq!(other.requests().len(), 0, "nothing reached the other host");
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_three_times_at_most() {
    let scene = Scene::with(small(), config()).await;
    let location = format!("{}/api/v4/user?again=1", scene.sim.url());
    let redirect = FaultKind::Redirect {
        status: 302,
        location,
    };
    let fault = scene
        .sim
        .fault(Fault::new(redirect.clone()).path("/api/v4/user").times(3));
    let outcome = scene.list_all().await;
    scene.check_everything(&outcome);
    assert_eq!(scene.sim.hits(fault), 3);
    scene.sim.clear_faults();
    scene.sim.fault(Fault::new(redirect).path("/api/v4/user"));
    let error = scene
        .list(&all())
        .await
        .expect_err("it is a circle")
        .to_string();
    assert!(error.contains("one redirect after the other"), "{error}");
}
