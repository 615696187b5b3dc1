//! Hints that something changed at a host: they make a sync come soon, and a flood of them makes no more syncs than a few.
//!
//! A hint is nothing but that: what really changed is what the sync reads. So hints may come twice, late, or never, and nothing goes wrong.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::OrganizationId;

/// How long the host is left alone after a hint: what a person does there comes in bursts.
const QUIET: TimeDelta = TimeDelta::seconds(10);

/// The shortest time between two syncs that hints ask for.
const APART: TimeDelta = TimeDelta::minutes(1);

/// The longest name of a notice that is remembered. GitLab's are UUIDs; whoever sends longer ones is not to fill the memory with them.
const LONGEST: usize = 128;

/// How many notices are remembered, so that one that comes again is known.
const REMEMBERED: usize = 10_000;

/// What became of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hinted {
    /// A sync shall start then; whoever asked has it started, and says so with [`Hints::started`].
    SyncAt(DateTime<Utc>),
    /// A sync is about to start anyway, and will see it.
    Coming,
    /// The very same notice came before.
    Again,
}

/// Remembers which organizations are about to be synchronized because of a hint.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    planned: HashMap<OrganizationId, DateTime<Utc>>,
    last: HashMap<OrganizationId, DateTime<Utc>>,
    /// The notices that came, and when; forgotten all at once when there are too many.
    seen: HashMap<(OrganizationId, String), DateTime<Utc>>,
}

impl Hints {
    /// Nothing was hinted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a hint about an organization. `notice` is the host's own id of it, where there is one.
    pub fn take(
        &mut self,
        organization: OrganizationId,
        notice: Option<&str>,
        now: DateTime<Utc>,
    ) -> Hinted {
        if let Some(notice) = notice.filter(|notice| notice.len() <= LONGEST) {
            if self.seen.len() >= REMEMBERED {
                self.seen.clear();
            }
            let key = (organization, notice.to_owned());
            if self.seen.insert(key, now).is_some() {
                return Hinted::Again;
            }
        }
        if self.planned.contains_key(&organization) {
            return Hinted::Coming;
        }
        let soon = now + QUIET;
        let at = match self.last.get(&organization) {
            Some(last) => soon.max(*last + APART),
            None => soon,
        };
        self.planned.insert(organization, at);
        Hinted::SyncAt(at)
    }

    /// The sync starts now: a hint that comes from here on asks for another one.
    pub fn started(&mut self, organization: OrganizationId, now: DateTime<Utc>) {
        self.planned.remove(&organization);
        self.last.insert(organization, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).expect("in range")
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_burst_of_hints_is_one_sync_and_the_next_burst_waits() {
        let mut hints = Hints::new();
        let acme = organization(1);
        assert_eq!(hints.take(acme, Some("a"), at(0)), Hinted::SyncAt(at(10)));
        assert_eq!(hints.take(acme, Some("b"), at(1)), Hinted::Coming);
        assert_eq!(hints.take(acme, Some("a"), at(2)), Hinted::Again);
        assert_eq!(
            hints.take(organization(2), Some("a"), at(2)),
            Hinted::SyncAt(at(12))
        );
        hints.started(acme, at(10));
        assert_eq!(hints.take(acme, Some("c"), at(11)), Hinted::SyncAt(at(70)));
        hints.started(acme, at(70));
        assert_eq!(hints.take(acme, None, at(500)), Hinted::SyncAt(at(510)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut hints = Hints::new();
        for number in 0..=REMEMBERED {
            hints.take(organization(1), Some(&number.to_string()), at(0));
        }
        assert!(hints.seen.len() <= REMEMBERED);
        let remembered = hints.seen.len();
        let long = "x".repeat(LONGEST + 1);
        for _ in 0..2 {
            assert_eq!(
                hints.take(organization(1), Some(&long), at(0)),
                Hinted::Coming
            );
        }
        assert_eq!(hints.seen.len(), remembered);
    }
}
