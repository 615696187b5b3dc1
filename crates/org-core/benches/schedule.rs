//! The next run of 100,000 organizations, by each kind of schedule.

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use org_core::ids::OrganizationId;
use org_core::schedule::Schedule;
use uuid::Uuid;

const ORGANIZATIONS: u128 = 100_000;

fn next_run_of_all(criterion: &mut Criterion) {
    let now: DateTime<Utc> = "2027-06-15T12:34:56Z".parse().expect("a date");
    let organizations: Vec<OrganizationId> = (0..ORGANIZATIONS)
        .map(|number| OrganizationId::from_uuid(Uuid::from_u128(number)))
        .collect();
    let mut group = criterion.benchmark_group("next run of 100,000 organizations");
    group.sample_size(20);
    for text in [
        "every 21600s",
        "at 06:00,18:00 Europe/Warsaw mon,tue,wed,thu,fri",
        "cron */15 * * * * @ America/New_York",
        "cron 0 6 * * mon @ Australia/Lord_Howe",
        "cron 0 0 29 2 * @ UTC",
    ] {
        let schedule: Schedule = text.parse().expect("a schedule");
        group.bench_function(text, |bencher| {
            bencher.iter(|| {
                organizations
                    .iter()
                    .filter_map(|organization| schedule.next_after(*organization, black_box(now)))
                    .max()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, next_run_of_all);
criterion_main!(benches);
