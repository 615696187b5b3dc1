//! Connect, synchronize, follow what changes, hold what looks like a lost permission, remove; with exact counts.

use gitlab_sim::{GroupPatch, ProjectPatch};
use org_core::organization::{ActionReason, Status};
use org_core::sync::run::{HeldDecision, RunOutcome};
use org_core::use_cases::review::{Verdict, decide};
use org_core::use_cases::{manage, overview};

use crate::support::{Scene, add_project, group, history, person, world};

#[tokio::test]
async fn the_main_job() {
    let scene = Scene::new(world(30, 10)).await;
    scene.seats(35).await;
    let acme = scene.connect().await.expect("it connects");
    let first = scene.sync(&acme).await;
    assert_eq!(first.outcome(), Some(&RunOutcome::Complete));
    assert_eq!(
        first.counts.to_string(),
        "40 seen, 40 added, 35 licensed, 5 waiting"
    );
    assert_eq!(
        (first.counts.groups_seen, first.counts.groups_changed),
        (3, 3)
    );

    scene.sim.world().change(|world| {
        let (core, tools) = (group(world, "acme/core"), group(world, "acme/tools"));
        add_project(world, core, "new-1");
        add_project(world, core, "new-2");
        world
            .rename_project("acme/core/app-0001", "app-one")
            .expect("renamed");
        world
            .transfer_project("acme/core/app-0030", tools)
            .expect("transferred");
        let archived = ProjectPatch {
            archived: Some(true),
            ..ProjectPatch::default()
        };
        world
            .edit_project("acme/core/app-0003", archived)
            .expect("archived");
        world.delete_project("acme/core/app-0004").expect("deleted");
        world.delete_project("acme/core/app-0005").expect("deleted");
        add_project(world, core, "app-0005");
    });
    let second = scene.sync(&acme).await;
    assert_eq!(second.outcome(), Some(&RunOutcome::Complete));
    assert_eq!(
        second.counts.to_string(),
        "41 seen, 3 added, 1 renamed, 1 moved, 1 archived, 2 vanished, 3 waiting"
    );
    scene.check_inventory(&acme).await;

    let generation = |scene: &Scene| {
        let inventory = scene.ports.inventory.clone();
        async move { inventory.inventory(acme.id).await.expect("it").generation }
    };
    let before = generation(&scene).await;
    let third = scene.sync(&acme).await;
    assert_eq!(third.counts.to_string(), "41 seen");
    assert_eq!(generation(&scene).await, before, "nothing was written");
    scene.check_store().await;
}

/// The group drops out of every answer, as for an account that lost its permission.
fn hide(scene: &Scene) {
    set_hidden(scene, true);
}

fn show(scene: &Scene) {
    set_hidden(scene, false);
}

fn set_hidden(scene: &Scene, hidden: bool) {
    let patch = GroupPatch {
        hidden: Some(hidden),
        ..GroupPatch::default()
    };
    let world = scene.sim.world();
    world
        .change(|world| world.edit_group("acme/core", patch))
        .expect("the group");
}

#[tokio::test]
async fn what_vanishes_at_once_waits_for_a_person() {
    let scene = Scene::new(world(30, 10)).await;
    scene.seats(35).await;
    let acme = scene.connect().await.expect("it connects");
    scene.sync(&acme).await;

    hide(&scene);
    let held = scene.sync(&acme).await;
    let expected = RunOutcome::Held {
        decision: HeldDecision::Open,
        vanishing: 30,
        known: 40,
    };
    assert_eq!(held.outcome(), Some(&expected));
    let waits = Status::ActionRequired(ActionReason::SyncHeld { sync: held.id });
    assert_eq!(scene.status(&acme).await, waits);
    let counts = scene.ports.inventory.counts(acme.id).await.expect("counts");
    assert_eq!(
        (counts.repositories, counts.licensed, counts.gone),
        (40, 35, 0)
    );

    decide(
        &scene.ports,
        scene.reload(&acme).await,
        Verdict::Reject,
        &person(),
    )
    .await
    .expect("it is rejected");
    assert_eq!(scene.status(&acme).await, Status::Connected);
    let again = scene.sync(&acme).await;
    assert_eq!(again.state_word(), "held", "the next sync looks again");

    decide(
        &scene.ports,
        scene.reload(&acme).await,
        Verdict::Approve,
        &person(),
    )
    .await
    .expect("it is approved");
    let approved = scene.sync(&acme).await;
    assert_eq!(approved.outcome(), Some(&RunOutcome::Complete));
    assert_eq!(approved.counts.to_string(), "10 seen, 30 vanished");
    let counts = scene.ports.inventory.counts(acme.id).await.expect("counts");
    assert_eq!((counts.repositories, counts.gone), (10, 30));

    show(&scene);
    let back = scene.sync(&acme).await;
    assert_eq!(back.counts.to_string(), "40 seen, 30 returned");
    scene.check_inventory(&acme).await;
    scene.check_store().await;
}

#[tokio::test]
async fn what_is_removed_leaves_its_history_alone() {
    let scene = Scene::new(world(6, 2)).await;
    scene.seats(5).await;
    let acme = scene.connect().await.expect("it connects");
    scene.sync(&acme).await;
    let removal = manage::remove(&scene.ports, scene.reload(&acme).await, "Acme", &person())
        .await
        .expect("it is removed");
    assert_eq!((removal.freed, removal.secrets), (5, 1));
    assert_eq!(scene.ports.vault.list().await.expect("a list"), []);
    let pool = scene.ports.licenses.summary().await.expect("the pool");
    assert_eq!((pool.held, pool.waiting), (0, 0));
    assert_eq!(
        overview::all(&scene.ports, overview::Which::Present)
            .await
            .expect("a list"),
        []
    );
    scene.check_store().await;
    insta::assert_snapshot!(history(&scene.ports).await, @"
    license_pool.configured
    attempt.started
    organization.connected
    repository.added x8
    group.added x3
    license.assigned x5
    license.waiting x3
    license_pool.full
    sync.complete
    license.released x5
    license.withdrawn x3
    organization.removed
    ");

    let again = scene
        .connect()
        .await
        .expect("the name and the account are free");
    assert_ne!(again.id, acme.id);
    assert_eq!(
        scene.sync(&again).await.counts.to_string(),
        "8 seen, 8 added, 5 licensed, 3 waiting"
    );
}
