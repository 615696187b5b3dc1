//! A host that fails: each way ends in the right state of the run and of the organization, and heals.

use std::time::Duration;

use gitlab_sim::{Fault, FaultId, FaultKind, Trigger, World};
use org_core::draft::TokenDraft;
use org_core::organization::{ActionReason, Organization, Status};
use org_core::sync::run::{RunOutcome, SyncRun};
use org_core::use_cases::NoProgress;
use org_core::use_cases::reconnect::{ReconnectDraft, reconnect};
use secrecy::SecretString;

use crate::support::{Scene, person, present, world};

/// An organization that was synchronized once; no request takes longer than a moment.
async fn scene() -> (Scene, Organization) {
    let scene = Scene::with(world(150, 30), |config| {
        config.http.request_timeout = Duration::from_millis(700);
    })
    .await;
    scene.seats(200).await;
    let acme = scene.connect().await.expect("it connects");
    let first = scene.sync(&acme).await;
    assert_eq!(
        first.counts.to_string(),
        "180 seen, 180 added, 180 licensed"
    );
    (scene, acme)
}

/// Something changes, so that a sync has something to do.
fn change(scene: &Scene) {
    scene.sim.world().change(|world| {
        world.create_project("acme/core", "new").expect("a project");
        world.delete_project("acme/core/app-0001").expect("deleted");
    });
}

/// After the fault is over, the next sync is complete and everything is well.
async fn check_healed(scene: &Scene, acme: &Organization) {
    scene.sim.clear_faults();
    let run = scene.sync(acme).await;
    assert_eq!(run.outcome(), Some(&RunOutcome::Complete));
    assert_eq!(scene.status(acme).await, Status::Connected);
    scene.check_inventory(acme).await;
    scene.check_store().await;
}

async fn struck(scene: &Scene, acme: &Organization, fault: Fault) -> (SyncRun, FaultId) {
    change(scene);
    let fault = scene.sim.fault(fault);
    let run = scene.sync(acme).await;
    assert!(scene.sim.hits(fault) > 0, "it struck");
    (run, fault)
}

async fn check_survived(kind: FaultKind, path: &str) {
    let (scene, acme) = scene().await;
    let fault = Fault::new(kind.clone()).path(path).times(2);
    let (run, _) = struck(&scene, &acme, fault).await;
    assert_eq!(run.outcome(), Some(&RunOutcome::Complete), "{kind:?}");
    assert_eq!(
        run.counts.to_string(),
        "180 seen, 1 added, 1 vanished, 1 licensed"
    );
    check_healed(&scene, &acme).await;
}

#[tokio::test]
async fn limits_of_both_shapes_are_waited_for() {
    for retry_after in [Some(20), None] {
        check_survived(FaultKind::Throttled { retry_after }, "/api/v4/user").await;
        check_survived(FaultKind::EndpointLimit { retry_after }, "/api/graphql").await;
    }
}

#[tokio::test]
async fn gateways_cut_answers_and_hangs_are_survived() {
    check_survived(FaultKind::Gateway { status: 502 }, "/api/graphql").await;
    check_survived(FaultKind::CutBody { after: 50 }, "/api/graphql").await;
    check_survived(FaultKind::CutChunked { after: 50 }, "/api/v4/groups*").await;
    check_survived(FaultKind::Hang, "/api/graphql").await;
}

/// The host fails for good: the run fails, nothing changes, and the organization says why.
async fn check_down(kind: FaultKind, words: &str) {
    let (scene, acme) = scene().await;
    let before = present(&scene.ports, acme.id).await;
    let (run, _) = struck(&scene, &acme, Fault::new(kind)).await;
    let Some(RunOutcome::Failed { reason }) = run.outcome() else {
        panic!("{run:?}");
    };
    assert!(reason.contains(words), "{reason}");
    assert_eq!(present(&scene.ports, acme.id).await, before);
    let status = scene.status(&acme).await;
    let Status::ActionRequired(ActionReason::HostUnreachable { detail }) = status else {
        panic!("{status:?}");
    };
    assert!(detail.contains(words), "{detail}");
    check_healed(&scene, &acme).await;
}

#[tokio::test]
async fn a_host_that_is_out_of_order_is_named_and_healed() {
    check_down(FaultKind::Gateway { status: 502 }, "502").await;
    check_down(FaultKind::CutBody { after: 3 }, "broke off after 3 bytes").await;
    check_down(FaultKind::SignInPage, "HTML").await;
}

#[tokio::test]
async fn a_host_that_never_answers_is_given_up() {
    check_down(FaultKind::Hang, "no full answer within 0.7 s").await;
}

#[tokio::test]
async fn a_limit_that_lasts_is_nobodys_fault() {
    let (scene, acme) = scene().await;
    let limit = FaultKind::Throttled {
        retry_after: Some(7_200),
    };
    let (run, _) = struck(&scene, &acme, Fault::new(limit)).await;
    assert_eq!(run.state_word(), "failed", "{run:?}");
    let status = scene.status(&acme).await;
    assert_eq!(status, Status::Connected, "it passes by itself");
    check_healed(&scene, &acme).await;
}

#[tokio::test]
async fn a_token_that_is_revoked_in_the_middle_asks_for_another() {
    let (scene, acme) = scene().await;
    change(&scene);
    let token = scene.sim.tokens()[0].id;
    let revoke = move |world: &mut World| world.revoke_token(token).expect("the token");
    let trigger = scene.sim.trigger(Trigger::change(revoke).nth(4));
    let run = scene.sync(&acme).await;
    assert_eq!(scene.sim.hits(trigger), 1);
    assert_eq!(run.state_word(), "failed", "{run:?}");
    let revoked = Status::ActionRequired(ActionReason::TokenRevoked);
    assert_eq!(scene.status(&acme).await, revoked);
    let again = scene.sync(&acme).await;
    assert_eq!(again.state_word(), "failed");
    assert_eq!(present(&scene.ports, acme.id).await.len(), 180);

    let token = gitlab_sim::TokenSpec::user("alice").scopes(["read_api"]);
    let issued = scene.sim.world().issue(&token).expect("another token");
    let draft = ReconnectDraft {
        token: TokenDraft::Value(SecretString::from(issued.value)),
        ..ReconnectDraft::default()
    };
    let before = scene.reload(&acme).await;
    let after = reconnect(&scene.ports, before, &draft, &person(), &NoProgress)
        .await
        .expect("it is reconnected");
    assert_eq!(after.status, Status::Connected);
    let secrets = scene.ports.vault.list().await.expect("a list");
    assert_eq!(secrets.len(), 1, "the old token is gone");
    check_healed(&scene, &acme).await;
}

#[tokio::test]
async fn what_is_missing_in_part_makes_nothing_vanish() {
    let (scene, acme) = scene().await;
    change(&scene);
    for path in [
        "/api/graphql",
        "/api/v4/projects",
        "/api/v4/groups/*/projects",
    ] {
        scene.sim.fault(Fault::new(FaultKind::Internal).path(path));
    }
    let run = scene.sync(&acme).await;
    let Some(RunOutcome::Partial { missing }) = run.outcome() else {
        panic!("{run:?}");
    };
    assert!(!missing.is_empty());
    let known = present(&scene.ports, acme.id).await;
    assert!(known.len() >= 179, "{} are known", known.len());
    assert_eq!(scene.status(&acme).await, Status::Connected);
    check_healed(&scene, &acme).await;
}

#[tokio::test]
async fn a_host_that_lies_about_its_end_makes_nothing_vanish() {
    let (scene, acme) = scene().await;
    let before = present(&scene.ports, acme.id).await;
    for kind in [
        FaultKind::GraphqlEarlyEnd,
        FaultKind::EmptyPage,
        FaultKind::ShortPage,
    ] {
        scene.sim.fault(Fault::new(kind.clone()));
        let run = scene.sync(&acme).await;
        assert_eq!(run.counts.vanished, 0, "{kind:?}: {run:?}");
        assert_eq!(present(&scene.ports, acme.id).await, before, "{kind:?}");
        scene.sim.clear_faults();
    }
    check_healed(&scene, &acme).await;
}
