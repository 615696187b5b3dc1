//! What the store takes for an organization of 100,000 repositories.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use org_core::ids::OrganizationId;
use org_core::inventory::Repository;
use org_core::license::LicenseState;
use org_core::license::policy::{Action, LicensePolicy};
use org_core::license::pool::{SeatPlan, Seats, plan_seats};
use org_core::listing::ListingBuilder;
use org_core::organization::{ExistingRepositories, Organization, Settings};
use org_core::ports::{
    Claim, ClaimRequest, EventFilter, EventStore, InventoryStore, LicenseStore, OrganizationChange,
    OrganizationStore, RepositoryFilter, RunEnd, SyncStore,
};
use org_core::sync::plan::{Phase, PlanInput, plan_sync};
use org_core::sync::{RunOutcome, SyncPlan, SyncRun, Trigger};
use org_core::testing::build;
use store_adapter::{Store, StoreOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const REPOSITORIES: u64 = 100_000;
const ORGANIZATION: OrganizationId = build::organization_id(1);

/// The pages that are read.
fn pages() -> [(&'static str, RepositoryFilter); 7] {
    [
        ("first page of all", RepositoryFilter::default()),
        (
            "first page of one organization",
            RepositoryFilter {
                organization: Some(ORGANIZATION),
                ..RepositoryFilter::default()
            },
        ),
        (
            "first page, latest activity first",
            sorted("-activity", None),
        ),
        (
            "page of a rare text, latest activity first",
            sorted("-activity", Some("service-99999")),
        ),
        (
            "first page of all, latest activity first",
            RepositoryFilter {
                organization: None,
                ..sorted("-activity", None)
            },
        ),
        (
            "page of a rare text",
            RepositoryFilter {
                text: Some("service-99999".to_owned()),
                ..RepositoryFilter::default()
            },
        ),
        (
            "page of a rare state",
            RepositoryFilter {
                license: Some(LicenseState::Waiting),
                ..RepositoryFilter::default()
            },
        ),
    ]
}

/// Those of the organization in an order, with a text in their paths.
fn sorted(order: &str, text: Option<&str>) -> RepositoryFilter {
    RepositoryFilter {
        organization: Some(ORGANIZATION),
        order: order.parse().expect("an order"),
        text: text.map(str::to_owned),
        ..RepositoryFilter::default()
    }
}

fn listing() -> Vec<Repository> {
    (1..=REPOSITORIES)
        .map(|id| {
            let group = id % 1_000 + 1;
            build::repository(id, &format!("company/team-{group}/service-{id}"))
                .in_group(group)
                .build()
        })
        .collect()
}

async fn open(folder: &Path) -> Store {
    let store = Store::open(StoreOptions::new(folder.join("bench.db")))
        .await
        .expect("the database opens");
    let settings = Settings {
        license_existing: ExistingRepositories::All,
        ..build::settings()
    };
    let organization = build::organization(1, "Bench").settings(settings).build();
    let change = OrganizationChange {
        roster: Some(0),
        ..OrganizationChange::new(&organization, &[])
    };
    store
        .insert(&change)
        .await
        .expect("the organization is added");
    store
}

struct Planned {
    run: SyncRun,
    plan: SyncPlan,
    seats: SeatPlan,
    organization: Organization,
}

async fn plan(store: &Store, sync: u64, listed: Vec<Repository>) -> Planned {
    let now: DateTime<Utc> = build::noon() + TimeDelta::hours(i64::try_from(sync).expect("small"));
    let request = ClaimRequest {
        sync: build::sync_id(sync),
        organization: ORGANIZATION,
        trigger: Trigger::Manual,
        holder: build::process_id(1),
        now,
        lease_until: now + TimeDelta::minutes(1),
    };
    let Claim::Started(run) = store.claim(&request).await.expect("an answer") else {
        panic!("nobody else is there");
    };
    let organization = OrganizationStore::get(store, ORGANIZATION)
        .await
        .expect("it can be read")
        .expect("it is there");
    let pool = store.pool().await.expect("the pool");
    let mut builder = ListingBuilder::default();
    builder.add_repositories(listed);
    let known = store.inventory(ORGANIZATION).await.expect("the inventory");
    let mut plan = plan_sync(
        &PlanInput {
            sync: run.id,
            organization: ORGANIZATION,
            phase: Phase::Connecting,
            settings: &organization.settings,
            policy: &LicensePolicy::default(),
            confirmed_gone: &BTreeSet::new(),
            now,
        },
        known,
        builder.finish(Vec::new()),
    );
    let seats = plan_seats(&pool, Seats::Unlimited, std::mem::take(&mut plan.seats));
    Planned {
        run,
        plan,
        seats,
        organization,
    }
}

async fn apply(store: &Store, planned: &Planned) {
    let end = RunEnd {
        run: &planned.run,
        at: planned.plan.at,
        outcome: RunOutcome::Complete,
        counts: planned.plan.counts,
        requests: 1_000,
        organization: &planned.organization,
        vanishing: &[],
        events: &[],
    };
    SyncStore::apply(store, &planned.plan, &planned.seats, &end)
        .await
        .expect("the sync is applied");
}

fn first_sync(criterion: &mut Criterion, runtime: &Runtime) {
    let listed = listing();
    criterion
        .benchmark_group("apply")
        .sample_size(10)
        .bench_function(
            "first sync of 100,000 repositories, all licensed",
            |bencher| {
                bencher.iter_batched(
                    || {
                        let folder = TempDir::new().expect("a temporary folder");
                        let (store, planned) = runtime.block_on(async {
                            let store = open(folder.path()).await;
                            let planned = plan(&store, 1, listed.clone()).await;
                            (store, planned)
                        });
                        (folder, store, planned)
                    },
                    |(folder, store, planned)| {
                        runtime.block_on(apply(&store, &planned));
                        (folder, store, planned)
                    },
                    BatchSize::PerIteration,
                );
            },
        );
}

fn known_organization(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = TempDir::new().expect("a temporary folder");
    let listed = listing();
    let store = runtime.block_on(async {
        let store = open(folder.path()).await;
        let planned = plan(&store, 1, listed.clone()).await;
        apply(&store, &planned).await;
        store
    });

    let mut sync = 1;
    criterion
        .benchmark_group("apply")
        .sample_size(10)
        .bench_function("no change in 100,000 repositories", |bencher| {
            bencher.iter_batched(
                || {
                    sync += 1;
                    runtime.block_on(plan(&store, sync, listed.clone()))
                },
                |planned| {
                    runtime.block_on(apply(&store, &planned));
                    planned
                },
                BatchSize::PerIteration,
            );
        });

    let mut reads = criterion.benchmark_group("read");
    reads
        .sample_size(10)
        .bench_function("inventory of 100,000 repositories", |bencher| {
            bencher.iter(|| {
                runtime
                    .block_on(store.inventory(ORGANIZATION))
                    .expect("the inventory")
            });
        });
    for (name, filter) in pages() {
        reads.bench_function(name, |bencher| {
            bencher.iter(|| {
                let page = store.repositories(black_box(&filter), None, 50);
                runtime.block_on(page).expect("a page")
            });
        });
    }
    reads.bench_function(
        "every repository, page by page, and what a policy says",
        |bencher| {
            let policy: LicensePolicy = "exclude path **/service-*7\ninclude all"
                .parse()
                .expect("a policy");
            bencher.iter(|| runtime.block_on(judge_all(&store, black_box(&policy))));
        },
    );
    reads.bench_function("counts of the inventory", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(store.counts(ORGANIZATION))
                .expect("counts")
        });
    });
    reads.bench_function("the pool", |bencher| {
        bencher.iter(|| runtime.block_on(store.pool()).expect("the pool"));
    });
    reads.bench_function("newest 50 events of 200,000, by kind", |bencher| {
        let filter = EventFilter {
            organization: Some(ORGANIZATION),
            kind: Some("repository.".to_owned()),
            ..EventFilter::default()
        };
        bencher.iter(|| runtime.block_on(store.newest(&filter, 50)).expect("events"));
    });
    reads.finish();
    runtime.block_on(store.close());
}

/// What the preview of a policy does.
async fn judge_all(store: &Store, policy: &LicensePolicy) -> u64 {
    let (mut included, mut after) = (0, None);
    loop {
        let filter = RepositoryFilter::default();
        let page = store.repositories(&filter, after.as_deref(), 1000).await;
        let page = page.expect("a page");
        for row in &page.items {
            let (action, _) = policy.verdict(&row.known.repository);
            included += u64::from(action == Action::Include);
        }
        after = page.next;
        if after.is_none() {
            return included;
        }
    }
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    known_organization(criterion, &runtime);
    first_sync(criterion, &runtime);
}

criterion_group!(benches, store);
criterion_main!(benches);
