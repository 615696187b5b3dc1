//! Syncs: what they find, what they refuse, and how they end.

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use insta::assert_snapshot;

use super::*;
use crate::organization::Status;
use crate::ports::SecretVault as _;
use crate::sync::run::RunOutcome;
use crate::testing::PageFault;

#[test]
fn nothing_new_is_no_event() {
    let bench = TestBench::new(world(3));
    let organization = connected(&bench);
    sync(&bench, &organization);
    let before = history(&bench);
    let run = sync(&bench, &organization);
    assert_snapshot!(run.counts, @"3 seen");
    assert_eq!(history(&bench), before);
}

#[test]
fn every_change_is_followed() {
    let bench = TestBench::new(world(4));
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench.host.change(|world| {
        world.move_repository(1, "acme/renamed");
        world.move_repository(2, "acme/core/project-002");
        world.delete_repository(3);
        world.add_repository(build::repository(5, "acme/project-003").build());
    });
    let run = sync(&bench, &organization);
    assert_snapshot!(run.counts, @"4 seen, 1 added, 1 renamed, 1 moved, 1 vanished, 1 licensed");
    assert_eq!(run.outcome(), Some(&RunOutcome::Complete));
}

#[test]
fn a_part_that_cannot_be_read_makes_nothing_vanish() {
    let bench = TestBench::new(world(4));
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench.host.deny_part("acme", "403 Forbidden");
    let run = sync(&bench, &organization);
    assert_eq!(run.state_word(), "partial");
    assert_eq!(run.counts.vanished, 0);
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
}

#[test]
fn what_the_host_does_not_confirm_stays() {
    let bench = TestBench::new(world(4));
    let organization = connected(&bench);
    sync(&bench, &organization);
    bench.host.change(|world| world.delete_repository(2));
    bench.host.refuse_to_confirm(2, "500 Internal Server Error");
    let run = sync(&bench, &organization);
    assert_eq!(run.state_word(), "partial");
    assert_eq!(run.counts.vanished, 0);
}

#[test]
fn a_list_that_is_cut_off_is_a_failure_and_changes_nothing() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    bench.host.at_page(2, PageFault::Cut);
    let run = sync(&bench, &organization);
    let Some(RunOutcome::Failed { reason }) = run.outcome() else {
        panic!("{run:?}")
    };
    assert_snapshot!(reason, @"https://git.example.com cannot be reached for the listing: the list was cut off before its end; check the address; if it is right, try again later");
    let counts = block_on(bench.ports().inventory.counts(organization.id));
    assert_eq!(counts.expect("the store answers").repositories, 0);
    assert!(reload(&bench, &organization).followed_since.is_none());
    assert_eq!(
        sync(&bench, &organization).counts.licensed,
        50,
        "still the connecting sync"
    );
}

#[test]
fn the_status_tells_what_to_do_and_heals_by_itself() {
    let bench = TestBench::new(world(2));
    let organization = connected(&bench);
    bench.host.take_offline("connection refused");
    assert_eq!(sync(&bench, &organization).state_word(), "failed");
    let Status::ActionRequired(reason) = reload(&bench, &organization).status else {
        panic!("it must ask for a person")
    };
    assert_snapshot!(reason.next_step(), @"check the address, the network and the host; the next sync tries again by itself");
    bench.host.bring_online();
    sync(&bench, &organization);
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
    bench.host.expire_token("token-of-robot");
    sync(&bench, &organization);
    assert_snapshot!(reload(&bench, &organization).status, @"action_required:token_expired");
}

#[test]
fn a_secret_that_is_gone_is_told() {
    let bench = TestBench::new(world(2));
    let organization = connected(&bench);
    block_on(bench.vault.delete(organization.auth.secret())).expect("the vault answers");
    let run = sync(&bench, &organization);
    let Some(RunOutcome::Failed { reason }) = run.outcome() else {
        panic!("{run:?}")
    };
    assert_snapshot!(reason, @"the secret of `Acme` is not in the password manager; reconnect `Acme` with a new token");
    assert!(matches!(
        reload(&bench, &organization).status,
        Status::ActionRequired(_)
    ));
}

#[test]
fn the_expiry_is_told_once_for_each_step() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let today = bench.now().date_naive();
    bench.host.change_token("token-of-robot", |token| {
        token.expires_on = crate::token::TokenFacts::day_after(today, 20);
    });
    let notices = || {
        history(&bench)
            .matches("organization.token_expires")
            .count()
    };
    sync(&bench, &organization);
    sync(&bench, &organization);
    assert_eq!(notices(), 1, "30 days");
    bench.advance(TimeDelta::days(7));
    sync(&bench, &organization);
    sync(&bench, &organization);
    assert_eq!(
        history(&bench)
            .matches("organization.token_expires")
            .count(),
        1,
        "same kind twice in a row is one line"
    );
    assert!(
        history(&bench).contains("organization.token_expires x2"),
        "14 days"
    );
}

#[test]
fn a_stop_ends_the_run_and_applies_nothing() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    bench.host.at_page(2, PageFault::Hang);
    let stop = futures_util::future::ready(()).boxed().shared();
    let ports = bench.ports();
    let options = options(1);
    let work = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options,
        stop,
        &NoProgress,
    );
    let SyncAnswer::Ran { run, .. } = block_on(work).expect("it is put down") else {
        panic!("nobody else is at it")
    };
    assert_eq!(run.outcome(), Some(&RunOutcome::Canceled));
    let counts = block_on(ports.inventory.counts(organization.id)).expect("the store answers");
    assert_eq!(counts.repositories, 0);
    assert_eq!(reload(&bench, &organization).status, Status::Connected);
}

#[test]
fn one_organization_never_has_two_syncs() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    let ports = bench.ports();
    bench.host.at_page(2, PageFault::Hang);
    let options = (options(1), options(2));
    let mut first = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.0,
        never(),
        &NoProgress,
    )
    .boxed();
    assert!((&mut first).now_or_never().is_none(), "it hangs at page 2");
    let second = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.1,
        never(),
        &NoProgress,
    );
    let Ok(SyncAnswer::Busy { run, .. }) = block_on(second) else {
        panic!("it must be busy")
    };
    assert_eq!(run.holder, options.0.holder);
    bench.host.release();
    let Ok(SyncAnswer::Ran { run, follow_up }) = block_on(first) else {
        panic!("it ran")
    };
    assert_eq!(run.state_word(), "complete");
    assert!(follow_up, "one more was asked for");
}

#[test]
fn a_dead_program_loses_its_run_and_writes_nothing_late() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    let ports = bench.ports();
    bench.host.at_page(2, PageFault::Hang);
    let options = (options(1), options(2));
    let mut first = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.0,
        never(),
        &NoProgress,
    )
    .boxed();
    assert!((&mut first).now_or_never().is_none(), "it hangs at page 2");
    // It is stopped for so long that its lease ends, and another program takes over.
    bench.clock.advance(TimeDelta::seconds(61));
    let second = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.1,
        never(),
        &NoProgress,
    );
    let Ok(SyncAnswer::Ran { run, .. }) = block_on(second) else {
        panic!("it takes over")
    };
    assert_eq!(run.state_word(), "complete");
    bench.host.release();
    let late = block_on(first).expect_err("its lease is somebody else's");
    assert!(
        late.to_string().contains("belongs to another program"),
        "{late}"
    );
    let runs = block_on(ports.syncs.list(Some(organization.id), None, 10)).expect("it answers");
    let words: Vec<_> = runs.items.iter().map(SyncRun::state_word).collect();
    assert_eq!(words, ["complete", "abandoned"]);
}

#[test]
fn a_long_run_keeps_its_lease() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    let ports = bench.ports();
    bench.host.at_page(2, PageFault::Hang);
    let options = (options(1), options(2));
    let mut first = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.0,
        never(),
        &NoProgress,
    )
    .boxed();
    for _ in 0..10 {
        assert!((&mut first).now_or_never().is_none(), "it hangs at page 2");
        bench.clock.advance(TimeDelta::seconds(25));
    }
    assert!((&mut first).now_or_never().is_none());
    let second = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options.1,
        never(),
        &NoProgress,
    );
    assert!(
        matches!(block_on(second), Ok(SyncAnswer::Busy { .. })),
        "it lives"
    );
    bench.host.release();
    assert!(matches!(block_on(first), Ok(SyncAnswer::Ran { .. })));
}

#[test]
fn what_is_made_after_a_partial_first_sync_is_new() {
    let bench = TestBench::new(world(45));
    let choice = OrganizationDraft {
        settings: SettingsDraft {
            license_existing: ExistingRepositories::None,
            ..draft().settings
        },
        ..draft()
    };
    let organization = try_connect(&bench, &choice).expect("it connects");
    // One part can never be read, so no sync is ever complete.
    bench.host.change(|world| {
        world.add_repository(build::repository(99, "acme/core/secret").build());
    });
    bench.host.deny_part("acme/core", "403 Forbidden");
    let lost = crate::listing::MissingPart {
        what: "a page".into(),
        why: "500 Internal Server Error".into(),
    };
    bench.host.at_page(3, PageFault::Lost(lost));
    let first = sync(&bench, &organization);
    assert_eq!((first.state_word(), first.counts.added), ("partial", 25));
    bench.advance(TimeDelta::days(1));
    let made = bench.now();
    bench.host.change(|world| {
        let new = build::repository(100, "acme/new").created_at(made);
        world.add_repository(new.build());
    });
    bench.advance(TimeDelta::days(1));
    let second = sync(&bench, &organization);
    assert_snapshot!(second.counts, @"46 seen, 21 added, 1 licensed");
    assert_eq!(second.state_word(), "partial");
}

#[test]
fn what_a_dead_program_left_is_due_when_its_lease_ends() {
    let bench = TestBench::new(world(50));
    let organization = connected(&bench);
    let ports = bench.ports();
    bench.host.at_page(2, PageFault::Hang);
    let options = options(1);
    let trigger = Trigger::Connect;
    let mut dies = synchronize(
        &ports,
        organization.id,
        trigger,
        &options,
        never(),
        &NoProgress,
    )
    .boxed();
    assert!((&mut dies).now_or_never().is_none(), "it hangs at page 2");
    drop(dies);
    bench.host.release();
    let due = || block_on(ports.organizations.due(bench.now(), 10)).expect("the store answers");
    assert_eq!(due(), [], "its lease still holds");
    bench.clock.advance(TimeDelta::seconds(60));
    assert_eq!(due(), [organization.id]);
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
    assert_eq!(due(), [], "the schedule goes on");
}
