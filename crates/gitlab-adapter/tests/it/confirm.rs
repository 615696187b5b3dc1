//! Whether repositories are still there.

use gitlab_sim::{Fault, FaultKind, TokenSpec, Trigger};
use org_core::ids::RepositoryId;
use org_core::ports::{Confirmation, HostError, VcsListing as _};

use crate::harness::{Scene, builder, config};

fn id(number: u64) -> RepositoryId {
    RepositoryId::new(number).expect("a number")
}

fn some(scene: &Scene, count: usize) -> Vec<RepositoryId> {
    scene.sim.world().read(|world| {
        let ours = world
            .projects()
            .filter(|p| !world.project_full_path(p).starts_with("strangers"));
        ours.map(|project| id(project.id.0)).take(count).collect()
    })
}

#[tokio::test]
async fn present_absent_and_unknown_are_told_apart() {
    for graphql in [true, false] {
        let builder = if graphql {
            builder()
        } else {
            builder().without_graphql()
        };
        let scene = Scene::with(builder, config()).await;
        let ids = some(&scene, 250);
        let (gone, hidden) = (ids[3], ids[4]);
        scene.sim.world().change(|world| {
            world
                .delete_project(gitlab_sim::ProjectId(gone.get()))
                .expect("it can be deleted");
        });
        scene.sim.fault(
            Fault::new(FaultKind::GraphqlPartial {
                message: "x".into(),
            })
            .path("/api/graphql")
            .body("Project/nothing"),
        );
        // GraphQL does not show the row, and REST would not say.
        let path = format!("/api/v4/projects/{hidden}");
        scene
            .sim
            .fault(Fault::new(FaultKind::Forbidden { reason: None }).path(&path));
        scene
            .sim
            .fault(Fault::new(FaultKind::ShortPage).path("/api/graphql"));
        let mut asked = ids.clone();
        asked.push(ids[0]);
        asked.push(id(999_999_999));
        let answers = scene
            .host
            .confirm(&scene.access, &asked)
            .await
            .expect("it works");
        assert_eq!(answers.len(), 251);
        assert_eq!(answers[&gone], Confirmation::Absent);
        assert_eq!(answers[&id(999_999_999)], Confirmation::Absent);
        let others = answers
            .iter()
            .filter(|(n, _)| ![gone, hidden, id(999_999_999)].contains(n));
        assert!(others.clone().all(|(_, answer)| answer.is_present()));
        if !graphql {
            let why = "403 Forbidden".to_owned();
            assert_eq!(answers[&hidden], Confirmation::Unknown { why });
        }
        assert!(scene.sim.stats().max_concurrency <= 8);
    }
}

#[tokio::test]
async fn many_that_are_there_cost_few_requests() {
    let scene = Scene::new().await;
    let ids = some(&scene, 500);
    let answers = scene
        .host
        .confirm(&scene.access, &ids)
        .await
        .expect("it works");
    assert!(answers.values().all(Confirmation::is_present));
    assert!(scene.sim.stats().requests <= 8, "{:?}", scene.sim.stats());
    let none = scene
        .host
        .confirm(&scene.access, &[])
        .await
        .expect("it works");
    assert!(none.is_empty());
}

#[tokio::test]
async fn the_host_says_where_it_stands() {
    for builder in [builder(), builder().without_graphql()] {
        let scene = Scene::with(builder, config()).await;
        let ids = some(&scene, 20);
        let answers = scene
            .host
            .confirm(&scene.access, &ids)
            .await
            .expect("it works");
        for id in ids {
            let expected = scene.sim.world().read(|world| {
                let project = world.projects().find(|project| project.id.0 == id.get());
                world.project_full_path(project.expect("it is in the world"))
            });
            let Confirmation::At { full_path, group } = &answers[&id] else {
                panic!("{:?}", answers[&id])
            };
            assert_eq!(**full_path, *expected);
            assert!(group.is_some() || full_path.matches('/').count() == 1);
        }
    }
}

#[tokio::test]
async fn a_moved_project_is_present() {
    let scene = Scene::with(builder().without_graphql(), config()).await;
    let ids = some(&scene, 1);
    let path = format!("/api/v4/projects/{}", ids[0]);
    let location = format!("http://internal.example/api/v4/projects/{}?moved=1", ids[0]);
    scene.sim.fault(
        Fault::new(FaultKind::Redirect {
            status: 301,
            location,
        })
        .path(&path)
        .once(),
    );
    let answers = scene
        .host
        .confirm(&scene.access, &ids)
        .await
        .expect("it works");
    assert!(answers[&ids[0]].is_present());
}

#[tokio::test]
async fn a_host_out_of_order_makes_nothing_absent() {
    let scene = Scene::with(builder().without_graphql(), config()).await;
    let ids = some(&scene, 3);
    for kind in [
        FaultKind::Gateway { status: 502 },
        FaultKind::SignInPage,
        FaultKind::WrongJson,
        FaultKind::CutBody { after: 5 },
        FaultKind::CloudflareChallenge,
    ] {
        let fault = scene
            .sim
            .fault(Fault::new(kind.clone()).path("/api/v4/projects/*"));
        let answers = scene
            .host
            .confirm(&scene.access, &ids)
            .await
            .expect("it works");
        for (number, answer) in answers {
            assert!(
                matches!(answer, Confirmation::Unknown { .. }),
                "{kind:?}: {number} {answer:?}"
            );
        }
        scene.sim.clear_fault(fault);
    }
}

#[tokio::test]
async fn a_lost_credential_is_an_error_and_never_an_absence() {
    let scene = Scene::new().await;
    let ids = some(&scene, 5);
    let token = scene.sim.tokens()[0].id;
    for ids in [&ids[..], &[id(999_999_999)]] {
        // It is lost before, or between the questions.
        for after in [
            "/api/v4/personal_access_tokens/self",
            "/api/graphql",
            "/api/v4/projects/*",
        ] {
            let scene = Scene::new().await;
            scene.sim.trigger(
                Trigger::change(move |world| world.revoke_token(token).expect("it is there"))
                    .path(after),
            );
            let asked = scene.host.confirm(&scene.access, ids).await;
            let lost = matches!(asked, Err(HostError::TokenRefused { .. }));
            let all_there =
                matches!(&asked, Ok(answers) if answers.values().all(Confirmation::is_present));
            assert!(lost || (ids.len() > 1 && all_there), "{after}: {asked:?}");
        }
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_an_error() {
    let token = TokenSpec::user("alice").scopes(["read_user"]);
    let scene = Scene::with(gitlab_sim::GitlabSim::builder().token(token), config()).await;
    let asked = scene.host.confirm(&scene.access, &[id(1)]).await;
    let Err(HostError::ScopeMissing { any_of, .. }) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(any_of, ["read_api", "api"]);
}
