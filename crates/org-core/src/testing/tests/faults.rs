//! What the fakes do when a test has them fail.

use std::sync::Arc;

use futures_executor::block_on;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::listing::{ListingEvent, MissingPart};
use crate::ports::{
    EventStore as _, HostError, OrganizationStore as _, Probe, ProbeStepKind, SecretVault as _,
    Stale, StoreError, VaultError, VcsIdentity as _, VcsListing as _, VcsProbe as _,
};
use crate::testing::{
    FlakyStore, MemoryStore, MemoryVault, PageFault, StoreFault, TestBench, VaultFault, World,
    build,
};

fn bench() -> TestBench {
    let bench = TestBench::new(World::seeded(7, 4, 50));
    bench.host.set_page_size(10);
    bench
}

/// The words for what a listing brings: `rows`, `wait`, `error`, `complete` or `missing`, and how it goes on after that.
fn listing(bench: &TestBench) -> Vec<&'static str> {
    let access = bench.access("token-of-robot");
    let stream = bench.host.list(&access, &build::whole_scope());
    let events: Vec<_> = block_on(stream.collect());
    let word = |event: Result<ListingEvent, HostError>| match event {
        Ok(ListingEvent::Groups(_) | ListingEvent::Repositories(_)) => "rows",
        Ok(ListingEvent::Waiting(_)) => "wait",
        Ok(ListingEvent::Finished(report)) if report.missing.is_empty() => "complete",
        Ok(ListingEvent::Finished(_)) => "missing",
        Err(_) => "error",
    };
    events.into_iter().map(word).collect()
}

const WHOLE: [&str; 7] = ["rows", "rows", "rows", "rows", "rows", "rows", "complete"];

#[track_caller]
fn check(fault: PageFault, expected: &[&str]) {
    let bench = bench();
    bench.host.at_page(3, fault);
    assert_eq!(listing(&bench), expected);
    assert_eq!(listing(&bench), WHOLE, "it happens once");
}

#[test]
fn pages_fail_in_every_way() {
    let error = HostError::TokenRefused {
        host: "a host".to_owned(),
        detail: "it was revoked".to_owned(),
    };
    check(PageFault::Error(error), &["rows", "rows", "error"]);
    check(PageFault::Cut, &["rows", "rows"]);
    let part = MissingPart {
        what: "a page".to_owned(),
        why: "the test said so".to_owned(),
    };
    let lost = ["rows", "rows", "rows", "rows", "rows", "missing"];
    check(PageFault::Lost(part), &lost);
    check(
        PageFault::Change(Box::new(|world| world.delete_repository(1000))),
        &WHOLE,
    );
}

#[test]
fn a_hanging_page_comes_when_it_is_released() {
    let bench = bench();
    bench.host.at_page(2, PageFault::Hang);
    let access = bench.access("token-of-robot");
    let mut stream = bench.host.list(&access, &build::whole_scope());
    assert!(matches!(stream.next().now_or_never(), Some(Some(Ok(_)))));
    assert!(stream.next().now_or_never().is_none());
    assert!(stream.next().now_or_never().is_none());
    bench.host.release();
    assert_eq!(block_on(stream.collect::<Vec<_>>()).len(), 6);
}

#[test]
fn a_hidden_group_disappears_without_a_word() {
    let bench = bench();
    let before = listing(&bench);
    bench
        .host
        .change(|world| world.hidden.insert(build::group_id(1)));
    let after = listing(&bench);
    assert!(after.len() < before.len(), "{after:?}");
    assert_eq!(after.last(), Some(&"complete"));
}

#[test]
fn a_denied_part_is_reported() {
    let bench = bench();
    bench.host.deny_part("group-1", "denied");
    assert_eq!(listing(&bench).last(), Some(&"missing"));
    bench.host.allow_parts();
    assert_eq!(listing(&bench), WHOLE);
}

#[test]
fn a_host_that_is_offline_answers_nothing() {
    let bench = bench();
    bench.host.take_offline("no route");
    assert_eq!(listing(&bench), ["error"]);
    let access = bench.access("token-of-robot");
    let identity = block_on(bench.host.identify(&access));
    assert!(
        matches!(identity, Err(HostError::Unavailable { .. })),
        "{identity:?}"
    );
    let probe = Probe {
        host: build::host_url(),
        credential: None,
    };
    let report = block_on(bench.host.probe(&probe));
    let failed = report.failure().map(|step| step.kind);
    assert_eq!(failed, Some(ProbeStepKind::Tcp));
    bench.host.bring_online();
    assert_eq!(listing(&bench), WHOLE);
}

#[test]
fn requests_are_counted() {
    let bench = bench();
    listing(&bench);
    assert_eq!(bench.host.requests(), 7, "one to begin, one for each page");
}

#[test]
fn a_broken_vault_says_how() {
    let vault = MemoryVault::new();
    vault.break_with(VaultFault::Locked);
    let answer = block_on(vault.list());
    assert!(
        matches!(answer, Err(VaultError::Locked { .. })),
        "{answer:?}"
    );
    vault.repair();
    assert!(block_on(vault.list()).is_ok());
}

#[test]
fn a_lost_answer_is_a_change_all_the_same() {
    let store = FlakyStore::new(Arc::new(MemoryStore::new()));
    store.fail_at(1, StoreFault::AnswerLost);
    store.fail_at(2, StoreFault::Stale(Stale::Pool));
    let append = || block_on(store.append(&[build::event("a")]));
    let (lost, stale) = (append(), append());
    assert!(
        matches!(lost, Err(StoreError::Unavailable { .. })),
        "{lost:?}"
    );
    assert!(
        matches!(stale, Err(StoreError::Stale { what: Stale::Pool })),
        "{stale:?}"
    );
    let events = block_on(store.oldest(&crate::ports::EventFilter::default(), 9));
    assert_eq!(events.expect("no fault").len(), 1);
    assert!(block_on(store.roster()).is_ok());
    assert_eq!(store.calls(), 4);
}
