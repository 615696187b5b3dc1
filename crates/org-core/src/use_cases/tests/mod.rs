//! The use cases over the strictest fakes: what a person asks for, and what is there afterwards.

mod accounts;
mod arriving;
mod connecting;
mod devices;
mod expiring;
mod following;
mod holding;
mod interleaving;
mod leaving;
mod leftovers;
mod licensing;
mod managing;
mod racing;
mod renewing;
mod rotating;
mod searching;
mod signing_in;
mod vaulting;

use std::sync::LazyLock;
use std::time::Duration;

use futures_executor::block_on;
use uuid::Uuid;

use crate::draft::{Method, OrganizationDraft, SettingsDraft, TokenDraft};
use crate::event::Actor;
use crate::ids::ProcessId;
use crate::oauth::Initiator;
use crate::organization::{ExistingRepositories, Organization};
use crate::ports::{EventFilter, EventStore as _};
use crate::sync::run::{SyncRun, Trigger};
use crate::testing::{TestBench, World, build};
use crate::use_cases::connect::connect;
use crate::use_cases::follow::{SyncAnswer, SyncOptions, never, synchronize};
use crate::use_cases::sign_in::{Begun, BrowserAnswer, ReturnTo, begin, complete};
use crate::use_cases::{NoProgress, UseCaseError};

fn jane() -> &'static Actor {
    static JANE: LazyLock<Actor> = LazyLock::new(|| Actor::Person("jane".to_owned()));
    &JANE
}

/// The account `robot` with its token, one group `acme` with so many repositories, and a stranger's group.
fn world(repositories: u64) -> World {
    let mut world = World::new();
    world.add_account(1, "robot");
    world.add_account(2, "stranger");
    world.add_token("token-of-robot", 1, &["read_api"]);
    world.add_token("token-of-stranger", 2, &["read_api"]);
    world.add_group(10, "acme");
    world.add_group(11, "acme/core");
    world.add_group(20, "globex");
    world.join(1, 10);
    world.join(2, 20);
    for id in 1..=repositories {
        world.add_repository(build::repository(id, &format!("acme/project-{id:03}")).build());
    }
    world
}

fn draft() -> OrganizationDraft {
    OrganizationDraft {
        name: Some("Acme".into()),
        host: build::host_url().to_string(),
        method: Method::AccessToken,
        login: "robot".into(),
        token: TokenDraft::Value(build::secret("token-of-robot")),
        settings: SettingsDraft {
            license_existing: ExistingRepositories::All,
            auto_license: crate::organization::AutoLicense::On,
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    }
}

fn options(holder: u128) -> SyncOptions {
    SyncOptions {
        holder: ProcessId::from_uuid(Uuid::from_u128(holder)),
        lease: Duration::from_mins(1),
    }
}

fn connected(bench: &TestBench) -> Organization {
    try_connect(bench, &draft()).expect("it connects")
}

/// The same form with a sign-in.
fn sso_draft() -> OrganizationDraft {
    OrganizationDraft {
        method: Method::Sso,
        login: String::new(),
        token: TokenDraft::Missing,
        ..draft()
    }
}

fn program() -> Initiator {
    Initiator::of_secret(&build::secret("this program"))
}

fn loopback() -> ReturnTo {
    ReturnTo::Loopback(40_000)
}

fn try_begin(bench: &TestBench, draft: &OrganizationDraft) -> Result<Begun, UseCaseError> {
    let (ports, loopback) = (bench.ports(), loopback());
    let begun = begin(&ports, draft, &loopback, program(), jane(), &NoProgress);
    block_on(begun)
}

fn try_complete(
    bench: &TestBench,
    begun: &Begun,
    query: &str,
) -> Result<Organization, UseCaseError> {
    let answer = BrowserAnswer::parse(begun.redirect.path(), query);
    block_on(complete(
        &bench.ports(),
        &answer,
        program(),
        jane(),
        &NoProgress,
    ))
}

/// An organization that signed in as `robot`.
fn signed_in(bench: &TestBench) -> Organization {
    let begun = try_begin(bench, &sso_draft()).expect("it begins");
    let query = bench.host.approve(&begun.url, 1);
    try_complete(bench, &begun, &query).expect("it connects")
}

fn try_connect(bench: &TestBench, draft: &OrganizationDraft) -> Result<Organization, UseCaseError> {
    block_on(connect(&bench.ports(), draft, jane(), &NoProgress))
}

fn sync(bench: &TestBench, organization: &Organization) -> SyncRun {
    match block_on(synchronize(
        &bench.ports(),
        organization.id,
        Trigger::Manual,
        &options(1),
        never(),
        &NoProgress,
    ))
    .expect("it is put down")
    {
        SyncAnswer::Ran { run, .. } => run,
        SyncAnswer::Busy { run, .. } => panic!("nobody else is at it: {run:?}"),
    }
}

fn reload(bench: &TestBench, organization: &Organization) -> Organization {
    let found = block_on(bench.ports().organizations.get(organization.id));
    found.expect("the store answers").expect("it is there")
}

/// The kinds of all events, oldest first, neighbors of one kind counted.
fn history(bench: &TestBench) -> String {
    let events = block_on(bench.store.oldest(&EventFilter::default(), 10_000));
    let mut told: Vec<(String, usize)> = Vec::new();
    for stored in events.expect("the store answers") {
        match told.last_mut() {
            Some((kind, count)) if *kind == stored.event.kind => *count += 1,
            _ => told.push((stored.event.kind, 1)),
        }
    }
    let line = |(kind, count): (String, usize)| match count {
        1 => kind,
        count => format!("{kind} x{count}"),
    };
    told.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Who has a seat and who waits.
fn seats(bench: &TestBench) -> (u64, u64) {
    let summary = block_on(bench.ports().licenses.summary()).expect("the store answers");
    (summary.held, summary.waiting)
}
