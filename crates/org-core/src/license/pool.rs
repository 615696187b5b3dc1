//! Who gets the seats: a pure plan over one moment of the pool.
//!
//! A plan names the generation of the pool that it was made on, and a store refuses it on another one. So the rule stays here, and yet
//! there is never a seat too many, whatever runs at the same time.

use std::collections::HashSet;
use std::fmt;

use chrono::{DateTime, Utc};

use super::record::Reason;
use crate::event::{Actor, Event, Subject};
use crate::ids::{OrganizationId, RepositoryId};

/// How many repositories may be licensed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Seats {
    /// As many as there are.
    Unlimited,
    /// This many.
    Limited(u32),
}

impl Seats {
    /// How many are free while `held` are taken; `None` when there is no limit.
    pub fn free(self, held: u64) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::Limited(seats) => Some(u64::from(seats).saturating_sub(held)),
        }
    }
}

impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.pad("unlimited"),
            Self::Limited(seats) => fmt::Display::fmt(seats, f),
        }
    }
}

/// A text that says no number of seats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number of seats; write a whole number or `unlimited`")]
pub struct SeatsError {
    /// The refused text.
    pub text: String,
}

impl std::str::FromStr for Seats {
    type Err = SeatsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "unlimited" => Ok(Self::Unlimited),
            number => number.parse().map(Self::Limited).map_err(|_| SeatsError {
                text: text.to_owned(),
            }),
        }
    }
}

/// One repository as the pool knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatKey {
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The repository.
    pub repository: RepositoryId,
}

/// A repository that shall have a seat, with what decides its place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRequest {
    /// Which repository.
    pub key: SeatKey,
    /// When the repository was made at its host: the oldest comes first.
    pub created_at: DateTime<Utc>,
    /// By which decision.
    pub reason: Reason,
}

impl SeatRequest {
    /// The place in the queue: oldest created first, then by host id; the organization decides only between hosts.
    pub fn rank(&self) -> (DateTime<Utc>, RepositoryId, OrganizationId) {
        (self.created_at, self.key.repository, self.key.organization)
    }
}

/// The pool at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSnapshot {
    /// Counts the changes; a plan made on another generation is refused.
    pub generation: u64,
    /// How many seats are held.
    pub held: u64,
    /// Who waits, in any order.
    pub waiting: Vec<SeatRequest>,
}

/// What shall change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeatWishes {
    /// Repositories that give up their seat or their place in the queue, each with the reason. One that has neither is left alone.
    pub release: Vec<Released>,
    /// Repositories that ask for a seat.
    pub request: Vec<SeatRequest>,
}

impl SeatWishes {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.release.is_empty() && self.request.is_empty()
    }
}

/// A repository that gives up its seat or its place in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Which repository.
    pub key: SeatKey,
    /// What it had.
    pub from: Held,
    /// Why it gives it up.
    pub reason: Reason,
}

/// What a repository has of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A seat.
    Seat,
    /// A place in the queue.
    Place,
}

/// What is done: applied whole, on the named generation, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeatPlan {
    /// The generation of the pool that it was made on.
    pub generation: u64,
    /// Who gives up what.
    pub release: Vec<Released>,
    /// Who gets a seat, in the order of the queue; some of them waited before.
    pub grant: Vec<SeatRequest>,
    /// Who joins the queue.
    pub enqueue: Vec<SeatRequest>,
    /// What a person should be told about the pool.
    pub notice: Option<PoolNotice>,
}

impl SeatPlan {
    /// Whether applying it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.release.is_empty() && self.grant.is_empty() && self.enqueue.is_empty()
    }

    /// The events that the plan stands for, in its order; the notice comes last.
    pub fn events(&self, now: DateTime<Utc>) -> impl Iterator<Item = Event> + '_ {
        let event = move |key: SeatKey, kind: &str, reason: &Reason| {
            Event::new(
                now,
                Actor::System,
                Subject::Repository(key.repository),
                kind,
            )
            .of(key.organization)
            .with_message(reason.to_string())
        };
        let released = self.release.iter().map(move |released| {
            let kind = match released.from {
                Held::Seat => "license.released",
                Held::Place => "license.withdrawn",
            };
            event(released.key, kind, &released.reason)
        });
        let granted = self
            .grant
            .iter()
            .map(move |seat| event(seat.key, "license.assigned", &seat.reason));
        let queued = self
            .enqueue
            .iter()
            .map(move |seat| event(seat.key, "license.waiting", &seat.reason));
        let notice = self.notice.iter().map(move |notice| {
            Event::new(now, Actor::System, Subject::LicensePool, notice.kind())
                .with_message(notice.to_string())
        });
        released.chain(granted).chain(queued).chain(notice)
    }
}

/// The pool runs short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolNotice {
    /// Nine of ten seats are taken.
    NearlyFull {
        /// How many are taken.
        held: u64,
        /// Of how many.
        seats: u32,
    },
    /// No seat is left.
    Full {
        /// Of how many.
        seats: u32,
        /// How many wait.
        waiting: u64,
    },
}

impl PoolNotice {
    const fn kind(&self) -> &'static str {
        match self {
            Self::NearlyFull { .. } => "license_pool.nearly_full",
            Self::Full { .. } => "license_pool.full",
        }
    }
}

impl fmt::Display for PoolNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NearlyFull { held, seats } => write!(f, "{held} of {seats} seats are taken"),
            Self::Full { seats, waiting: 0 } => write!(f, "all {seats} seats are taken"),
            Self::Full { seats, waiting } => {
                write!(
                    f,
                    "all {seats} seats are taken and {waiting} repositories wait"
                )
            }
        }
    }
}

fn level(held: u64, seats: u32) -> u8 {
    let (held, seats) = (u128::from(held), u128::from(seats));
    if held >= seats {
        2
    } else {
        u8::from(held * 10 >= seats * 9)
    }
}

/// Decides who gets a seat.
///
/// Everybody who waits and everybody who asks stand in one queue. When an entitlement shrank below what is held, nobody loses a seat and
/// nobody gets one.
pub fn plan_seats(pool: &PoolSnapshot, seats: Seats, wishes: SeatWishes) -> SeatPlan {
    let SeatWishes {
        release,
        mut request,
    } = wishes;
    let leaving: HashSet<SeatKey> = release.iter().map(|released| released.key).collect();
    let freed = release
        .iter()
        .filter(|released| released.from == Held::Seat)
        .count() as u64;
    let held = pool.held.saturating_sub(freed);

    let waiting_keys: HashSet<SeatKey> = pool.waiting.iter().map(|waiting| waiting.key).collect();
    request
        .retain(|request| !leaving.contains(&request.key) && !waiting_keys.contains(&request.key));
    let stays = |waiting: &&SeatRequest| !leaving.contains(&waiting.key);
    let mut queue: Vec<SeatRequest> = pool.waiting.iter().filter(stays).cloned().collect();
    queue.append(&mut request);
    queue.sort_by_key(SeatRequest::rank);
    let mut queued = HashSet::new();
    queue.retain(|request| queued.insert(request.key));

    let granted = seats.free(held).map_or(queue.len(), |free| {
        usize::try_from(free).unwrap_or(usize::MAX).min(queue.len())
    });
    let rest = queue.split_off(granted);
    let waiting = rest.len() as u64;
    let enqueue: Vec<SeatRequest> = rest
        .into_iter()
        .filter(|request| !waiting_keys.contains(&request.key))
        .collect();
    let notice = match seats {
        Seats::Unlimited => None,
        Seats::Limited(seats) => {
            let (before, after) = (level(pool.held, seats), level(held + granted as u64, seats));
            let more_wait = waiting > pool.waiting.len() as u64 && !enqueue.is_empty();
            match after {
                2 if before < 2 || more_wait => Some(PoolNotice::Full { seats, waiting }),
                1 if before < 1 => Some(PoolNotice::NearlyFull {
                    held: held + granted as u64,
                    seats,
                }),
                _ => None,
            }
        }
    };
    SeatPlan {
        generation: pool.generation,
        release,
        grant: queue,
        enqueue,
        notice,
    }
}

#[cfg(test)]
mod tests;
