//! The planner at the size of a large organization: 100,000 known repositories against 100,000 listed ones.
//!
//! The limit of the design is 150 ms on one core, and a cost that grows with the number of repositories alone.

use std::collections::BTreeSet;
use std::hint::black_box;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use org_core::ids::{DeviceId, GroupId, OrganizationId, RepositoryId, SyncId};
use org_core::inventory::{
    Inventory, KnownRepository, Lifecycle, Ownership, Presence, Repository, Visibility,
};
use org_core::license::policy::LicensePolicy;
use org_core::license::{LicenseRecord, LicenseState, Reason};
use org_core::listing::{GroupScope, Listing, PersonalNamespace, Scope};
use org_core::organization::{AutoLicense, ExistingRepositories, GroupProtection, Settings};
use org_core::schedule::Schedule;
use org_core::sync::plan::{Phase, PlanInput, missing_repositories, plan_sync};
use uuid::Uuid;

fn repository(id: u64) -> Repository {
    let group = 1 + id % 1000;
    Repository {
        id: RepositoryId::new(id).expect("not zero"),
        group: GroupId::new(group),
        full_path: format!("company/division-{}/team-{group}/service-{id}", group % 20).into(),
        name: format!("service-{id}").into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
        ownership: Ownership::Owned,
        fork: Some(false),
        default_branch: Some("main".into()),
        topics: Box::default(),
        created_at: DateTime::UNIX_EPOCH + TimeDelta::minutes(id.cast_signed()),
        last_activity_at: None,
    }
}

fn known(repositories: u64) -> Inventory {
    let known = |id| KnownRepository {
        repository: repository(id),
        presence: Presence::Present,
        first_seen: DateTime::UNIX_EPOCH,
        license: LicenseRecord::new(
            LicenseState::Licensed,
            Reason::ExistingAll,
            DateTime::UNIX_EPOCH,
        ),
    };
    Inventory {
        generation: 1,
        repositories: (1..=repositories).map(known).collect(),
        groups: Vec::new(),
    }
}

/// What a listing looks like: the same, or one in ten renamed, one in a hundred gone and one in a hundred new.
fn listing(repositories: u64, changed: bool) -> Listing {
    let row = |id: u64| {
        let mut row = repository(id);
        if changed && id.is_multiple_of(10) {
            row.full_path = format!("{}-renamed", row.full_path).into();
        }
        row
    };
    let gone = |id: &u64| !changed || id % 100 != 1;
    let new = if changed { repositories / 100 } else { 0 };
    Listing {
        repositories: (1..=repositories)
            .filter(gone)
            .chain(repositories + 1..=repositories + new)
            .map(row)
            .collect(),
        ..Listing::default()
    }
}

fn plan(criterion: &mut Criterion) {
    let settings = Settings {
        scope: Scope {
            groups: GroupScope::All,
            personal: PersonalNamespace::Included,
        },
        protect_groups: GroupProtection::Off,
        auto_license: AutoLicense::On,
        license_existing: ExistingRepositories::All,
        schedule: Schedule::Manual,
        default_device: DeviceId::EMBEDDED,
    };
    let policy = LicensePolicy::default();
    let mut group = criterion.benchmark_group("plan_sync");
    group.sample_size(20);
    for repositories in [1_000, 10_000, 100_000] {
        for (name, changed) in [("unchanged", false), ("changed", true)] {
            let (inventory, listing) = (known(repositories), listing(repositories, changed));
            let gone: BTreeSet<_> = missing_repositories(&inventory, &listing)
                .into_iter()
                .collect();
            let input = PlanInput {
                sync: SyncId::from_uuid(Uuid::from_u128(1)),
                organization: OrganizationId::from_uuid(Uuid::from_u128(1)),
                phase: Phase::Following,
                settings: &settings,
                policy: &policy,
                confirmed_gone: &gone,
                now: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000),
            };
            group.throughput(Throughput::Elements(repositories));
            group.bench_function(BenchmarkId::new(name, repositories), |bencher| {
                bencher.iter_batched(
                    || (inventory.clone(), listing.clone()),
                    |(inventory, listing)| {
                        black_box(missing_repositories(&inventory, &listing));
                        black_box(plan_sync(&input, inventory, listing))
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
