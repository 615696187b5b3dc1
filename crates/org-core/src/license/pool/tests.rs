//! Never a seat too many, none idle while one waits, and the queue in its order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn key(repository: u64) -> SeatKey {
    SeatKey {
        organization: OrganizationId::from_uuid(Uuid::from_u128(u128::from(repository % 3))),
        repository: RepositoryId::new(repository).expect("not zero"),
    }
}

fn request(repository: u64, age: i64) -> SeatRequest {
    SeatRequest {
        key: key(repository),
        created_at: DateTime::from_timestamp(age, 0).expect("in range"),
        reason: Reason::ExistingAll,
    }
}

/// The least that a store does with a plan.
#[derive(Debug, Default)]
struct Pool {
    generation: u64,
    held: BTreeMap<SeatKey, SeatRequest>,
    waiting: BTreeMap<SeatKey, SeatRequest>,
}

impl Pool {
    fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            generation: self.generation,
            held: self.held.len() as u64,
            waiting: self.waiting.values().cloned().collect(),
        }
    }

    fn release(&self, key: SeatKey) -> Option<Released> {
        let from = if self.held.contains_key(&key) {
            Held::Seat
        } else if self.waiting.contains_key(&key) {
            Held::Place
        } else {
            return None;
        };
        Some(Released {
            key,
            from,
            reason: Reason::Gone,
        })
    }

    /// Answers false when the plan is stale.
    fn apply(&mut self, plan: &SeatPlan) -> bool {
        if plan.generation != self.generation {
            return false;
        }
        self.generation += u64::from(!plan.is_empty());
        for released in &plan.release {
            self.held.remove(&released.key);
            self.waiting.remove(&released.key);
        }
        for granted in &plan.grant {
            self.waiting.remove(&granted.key);
            self.held.insert(granted.key, granted.clone());
        }
        for queued in &plan.enqueue {
            self.waiting.insert(queued.key, queued.clone());
        }
        true
    }
}

#[derive(Debug, Clone)]
enum Step {
    Request(u64, i64),
    Release(u64),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        (1u64..30, 0i64..5).prop_map(|(id, age)| Step::Request(id, age)),
        (1u64..30).prop_map(Step::Release),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..6), 1..20)
}

fn wishes(pool: &Pool, batch: &[Step]) -> SeatWishes {
    let mut wishes = SeatWishes::default();
    for step in batch {
        match *step {
            Step::Request(id, age) if !pool.held.contains_key(&key(id)) => {
                wishes.request.push(request(id, age));
            }
            Step::Request(..) => {}
            Step::Release(id) => {
                let again = wishes
                    .release
                    .iter()
                    .any(|released| released.key == key(id));
                wishes
                    .release
                    .extend(pool.release(key(id)).filter(|_| !again));
            }
        }
    }
    wishes
}

proptest! {
    #[test]
    fn never_one_too_many_and_none_idle(seats in 0u32..12, batches in steps(), races in prop::collection::vec(any::<bool>(), 20)) {
        let mut pool = Pool::default();
        for (batch, race) in batches.iter().zip(races) {
            let plan = plan_seats(&pool.snapshot(), Seats::Limited(seats), wishes(&pool, batch));
            if race {
                // Somebody else was faster: what was planned before is refused, and planned again.
                let other = wishes(&pool, &[Step::Request(31, 0), Step::Release(1)]);
                let faster = plan_seats(&pool.snapshot(), Seats::Limited(seats), other);
                prop_assert!(pool.apply(&faster));
                prop_assert_eq!(pool.apply(&plan), faster.is_empty());
                let again = plan_seats(&pool.snapshot(), Seats::Limited(seats), wishes(&pool, batch));
                prop_assert!(pool.apply(&again));
            } else {
                prop_assert!(pool.apply(&plan));
            }
            prop_assert!(pool.held.len() <= seats as usize, "a seat too many");
            prop_assert!(
                pool.waiting.is_empty() || pool.held.len() == seats as usize,
                "a seat is idle while one waits"
            );
            prop_assert!(pool.held.keys().all(|key| !pool.waiting.contains_key(key)));
        }
    }

    #[test]
    fn seats_go_by_age_then_id(ages in prop::collection::vec(0i64..4, 1..20), seats in 0u32..20) {
        let requests: Vec<_> = (1..).zip(&ages).map(|(id, &age)| request(id, age)).collect();
        let plan = plan_seats(
            &Pool::default().snapshot(),
            Seats::Limited(seats),
            SeatWishes { request: requests, ..SeatWishes::default() },
        );
        let order: Vec<_> = plan.grant.iter().chain(&plan.enqueue).map(SeatRequest::rank).collect();
        prop_assert!(order.is_sorted());
        prop_assert_eq!(plan.grant.len(), ages.len().min(seats as usize));
    }
}

#[test]
fn an_entitlement_that_shrank_takes_nothing_away() {
    let pool = PoolSnapshot {
        generation: 3,
        held: 5,
        waiting: vec![request(9, 1)],
    };
    let wishes = SeatWishes {
        request: vec![request(8, 0)],
        ..SeatWishes::default()
    };
    let plan = plan_seats(&pool, Seats::Limited(2), wishes);
    assert!(plan.grant.is_empty() && plan.release.is_empty());
    assert_eq!(plan.enqueue, [request(8, 0)]);
}

#[test]
fn a_freed_seat_goes_to_whoever_waits() {
    let pool = PoolSnapshot {
        generation: 3,
        held: 2,
        waiting: vec![request(9, 1)],
    };
    let released = Released {
        key: key(1),
        from: Held::Seat,
        reason: Reason::Gone,
    };
    let wishes = SeatWishes {
        release: vec![released],
        ..SeatWishes::default()
    };
    let plan = plan_seats(&pool, Seats::Limited(2), wishes);
    assert_eq!(plan.grant, [request(9, 1)]);
    assert_eq!(plan.notice, None);
}

#[test]
fn notices_come_at_nine_tenths_and_at_the_end() {
    let notice = |held, ask: u64| {
        let pool = PoolSnapshot {
            generation: 0,
            held,
            waiting: Vec::new(),
        };
        let request = (100..100 + ask).map(|id| request(id, 0)).collect();
        let wishes = SeatWishes {
            request,
            ..SeatWishes::default()
        };
        plan_seats(&pool, Seats::Limited(10), wishes)
            .notice
            .map(|notice| notice.to_string())
    };
    assert_eq!(notice(7, 1), None);
    assert_eq!(notice(8, 1).as_deref(), Some("9 of 10 seats are taken"));
    assert_eq!(notice(9, 0), None, "it was said before");
    assert_eq!(notice(9, 1).as_deref(), Some("all 10 seats are taken"));
    assert_eq!(
        notice(8, 4).as_deref(),
        Some("all 10 seats are taken and 2 repositories wait")
    );
}
