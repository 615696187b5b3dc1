//! Never a seat too many and no seat idle while one waits, under any interleaving of syncs and releases.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::*;
use crate::license::pool::Seats;
use crate::ports::{EntitlementError, Entitlements, LicenseStore as _, Ports};
use crate::testing::FixedEntitlements;
use crate::use_cases::{licenses, lookup};

/// Tells the number of seats only after some pauses. It is asked between reading the pool and applying to it, so that is where the
/// others come in between.
struct Pausing(Arc<FixedEntitlements>);

#[async_trait]
impl Entitlements for Pausing {
    async fn seats(&self) -> Result<Seats, EntitlementError> {
        for _ in 0..3 {
            pause().await;
        }
        self.0.seats().await
    }
}

/// Answers `Pending` once.
fn pause() -> impl Future<Output = ()> {
    let mut paused = false;
    poll_fn(move |context| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Polls the tasks one step at a time, in the order that `choices` says, until all are done.
fn interleave(mut tasks: Vec<Task<'_>>, choices: &[prop::sample::Index]) {
    let waker = Waker::from(Arc::new(Woken::default()));
    let mut context = Context::from_waker(&waker);
    let mut choices = choices.iter().cycle();
    for _ in 0..1_000_000 {
        if tasks.is_empty() {
            return;
        }
        let chosen = choices.next().expect("an endless cycle").index(tasks.len());
        if let Poll::Ready(()) = tasks[chosen].as_mut().poll(&mut context) {
            drop(tasks.swap_remove(chosen));
        }
    }
    panic!("the tasks do not end");
}

async fn release_or_assign(ports: Ports, path: String, assign: bool) {
    let Ok(row) = lookup::repository(&ports, &path, None).await else {
        return;
    };
    let done = if assign {
        licenses::assign(&ports, &row, jane()).await
    } else {
        licenses::release(&ports, &row, jane()).await
    };
    match done {
        // A sync may have found out first that it is gone.
        Ok(_) | Err(UseCaseError::NotLicensable { .. }) => {}
        Err(error) => panic!("a person's wish comes through: {error}"),
    }
}

async fn one_sync(ports: Ports, organization: Organization, holder: u128) {
    let options = options(holder);
    let work = synchronize(
        &ports,
        organization.id,
        Trigger::Manual,
        &options,
        never(),
        &NoProgress,
    );
    work.await.expect("it is put down");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn seats_hold_under_any_interleaving(
        limit in 0u32..9,
        wishes in prop::collection::vec((1u64..12, any::<bool>()), 1..8),
        deleted in prop::collection::vec(1u64..8, 0..4),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
    ) {
        let bench = TestBench::new(world(8)).with_seats(limit);
        bench.host.change(|world| world.join(1, 20));
        let mut drafts = [draft(), draft()];
        drafts[0].settings.groups = vec!["acme".into()];
        drafts[1].settings.groups = vec!["globex".into()];
        drafts[1].name = Some("Globex".into());
        let organizations: Vec<_> =
            drafts.iter().map(|draft| try_connect(&bench, draft).expect("it connects")).collect();
        sync(&bench, &organizations[0]);
        bench.host.change(|world| {
            for id in &deleted {
                if world.repositories.contains_key(&build::repository_id(*id)) {
                    world.delete_repository(*id);
                }
            }
            for id in 9..12 {
                world.add_repository(build::repository(id, &format!("acme/project-{id:03}")).build());
                world.add_repository(build::repository(id + 50, &format!("globex/project-{id:03}")).build());
            }
        });
        let pausing = Arc::new(Pausing(bench.entitlements.clone()));
        let ports = Ports { entitlements: pausing, ..bench.ports() };
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for (holder, organization) in (10..).zip(&organizations) {
            tasks.push(one_sync(ports.clone(), organization.clone(), holder).boxed());
            tasks.push(one_sync(ports.clone(), organization.clone(), holder + 10).boxed());
        }
        for (id, assign) in wishes {
            let path = format!("acme/project-{id:03}");
            tasks.push(release_or_assign(ports.clone(), path, assign).boxed());
        }
        interleave(tasks, &choices);
        let (held, waiting) = seats(&bench);
        prop_assert!(held <= u64::from(limit), "{held} of {limit}");
        prop_assert!(waiting == 0 || held == u64::from(limit), "{waiting} wait while {held} of {limit} are held");
        let pool = block_on(bench.store.pool()).expect("the store answers");
        prop_assert_eq!((pool.held, pool.waiting.len() as u64), (held, waiting));
    }
}
