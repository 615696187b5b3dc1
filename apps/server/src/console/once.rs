//! Forms that are good once: what was answered with a page is sent again by whoever reloads that page, and must not be done again.
//!
//! A page that shows such a form gets a ticket, and whoever sends the form spends it. Tickets are bound to the session that saw the page and kept in
//! bounded memory; one that is forgotten, because the program began anew or too many others came after it, is good for nothing, so that forgetting
//! never makes anything happen twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::auth::Csrf;

/// The name of the field that carries the ticket.
pub(super) const FIELD: &str = "once";

/// How many tickets of one session are remembered: more pages than anybody keeps open.
const TICKETS: usize = 64;

/// How many sessions are.
const SESSIONS: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ticket {
    value: String,
    spent: bool,
}

/// What a ticket is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It was good, and is spent now.
    Good,
    /// It was spent before.
    Spent,
    /// It is of another session, or forgotten.
    Unknown,
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<String, VecDeque<Ticket>>,
    /// The sessions, the one that came first in front.
    order: VecDeque<String>,
}

/// The tickets that were given out.
#[derive(Default)]
pub(crate) struct Once(Mutex<Inner>);

impl Once {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that panics is done while it is held, and a list of tickets is never half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a ticket that goes into a page of this session.
    pub(super) fn give(&self, session: &Csrf, value: String) {
        let mut inner = self.inner();
        let session = session.token();
        if !inner.sessions.contains_key(session) {
            if inner.order.len() == SESSIONS
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.sessions.remove(&oldest);
            }
            inner.order.push_back(session.to_owned());
        }
        let tickets = inner.sessions.entry(session.to_owned()).or_default();
        if tickets.len() == TICKETS {
            tickets.pop_front();
        }
        tickets.push_back(Ticket {
            value,
            spent: false,
        });
    }

    /// Spends a ticket. Of several who come with the same one at once, one alone is told that it is good.
    pub(super) fn spend(&self, session: &Csrf, value: &str) -> Worth {
        self.change(session, value, |ticket| {
            if std::mem::replace(&mut ticket.spent, true) {
                Worth::Spent
            } else {
                Worth::Good
            }
        })
        .unwrap_or(Worth::Unknown)
    }

    /// Gives a ticket back whose form did nothing, so that it can be mended and sent again.
    pub(super) fn give_back(&self, session: &Csrf, value: &str) {
        let _ = self.change(session, value, |ticket| ticket.spent = false);
    }

    fn change<T>(
        &self,
        session: &Csrf,
        value: &str,
        change: impl FnOnce(&mut Ticket) -> T,
    ) -> Option<T> {
        let mut inner = self.inner();
        let tickets = inner.sessions.get_mut(session.token())?;
        tickets
            .iter_mut()
            .find(|ticket| ticket.value == value)
            .map(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_its_session_alone() {
        let (once, ada, bob) = (Once::default(), Csrf::sample("ada"), Csrf::sample("bob"));
        once.give(&ada, "1".to_owned());
        assert_eq!(once.spend(&bob, "1"), Worth::Unknown);
        assert_eq!(once.spend(&ada, ""), Worth::Unknown);
        assert_eq!(once.spend(&ada, "1"), Worth::Good);
        assert_eq!(once.spend(&ada, "1"), Worth::Spent);
        once.give_back(&ada, "1");
        assert_eq!(once.spend(&ada, "1"), Worth::Good);
    }

    #[test]
    fn what_is_forgotten_is_good_for_nothing() {
        let (once, ada) = (Once::default(), Csrf::sample("ada"));
        for number in 0..=TICKETS {
            once.give(&ada, number.to_string());
        }
        assert_eq!(once.spend(&ada, "0"), Worth::Unknown);
        assert_eq!(once.spend(&ada, "1"), Worth::Good);
        for number in 0..SESSIONS {
            once.give(&Csrf::sample(&number.to_string()), "1".to_owned());
        }
        assert_eq!(once.spend(&ada, "2"), Worth::Unknown);
        assert_eq!(once.inner().sessions.len(), SESSIONS);
        assert_eq!(once.inner().order.len(), SESSIONS);
    }
}
