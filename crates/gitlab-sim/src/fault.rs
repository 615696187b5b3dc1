//! Which requests a fault strikes, and triggers that change the world when a page is served.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault_kind::FaultKind;
use crate::request::Call;
use crate::world::{Mutation, World};

/// Which requests a fault or trigger is for. The default is every request.
///
/// Patterns are compared with the path below the prefix, as it came: `*` stands for any characters,
/// `/` included, and everything else for itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Selector {
    method: Option<String>,
    path: Option<String>,
    query: Option<String>,
    body: Option<String>,
    /// The first this many matching requests are let through.
    skip: u64,
    /// How often it strikes; without it, always.
    times: Option<u64>,
    /// With what chance, drawn from `seed`.
    probability: Option<f64>,
    seed: u64,
}

impl Selector {
    fn matches(&self, call: &Call) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| call.method.eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| glob(pattern, &call.path))
            && self
                .query
                .as_ref()
                .is_none_or(|part| call.query.contains(part.as_str()))
            && self
                .body
                .as_ref()
                .is_none_or(|part| call.body.contains(part.as_str()))
    }
}

macro_rules! selecting {
    ($name:ident) => {
        impl $name {
            /// Only requests whose path below the prefix matches, for example
            /// `/api/v4/groups/*/projects`.
            #[must_use]
            pub fn path(mut self, pattern: &str) -> Self {
                self.on.path = Some(pattern.to_owned());
                self
            }

            /// Only requests with that method.
            #[must_use]
            pub fn method(mut self, method: &str) -> Self {
                self.on.method = Some(method.to_owned());
                self
            }

            /// Only requests whose query (decoded and encoded again) has that part.
            #[must_use]
            pub fn query(mut self, part: &str) -> Self {
                self.on.query = Some(part.to_owned());
                self
            }

            /// Only requests whose body has that part, for example a field of a GraphQL query.
            #[must_use]
            pub fn body(mut self, part: &str) -> Self {
                self.on.body = Some(part.to_owned());
                self
            }

            /// Only the `n`-th matching request, counted from 1.
            #[must_use]
            pub fn nth(mut self, n: u64) -> Self {
                self.on.skip = n.saturating_sub(1);
                self.on.times = Some(1);
                self
            }

            /// Only from the `n`-th matching request on, counted from 1.
            #[must_use]
            pub fn from(mut self, n: u64) -> Self {
                self.on.skip = n.saturating_sub(1);
                self
            }

            /// Only so many times.
            #[must_use]
            pub fn times(mut self, times: u64) -> Self {
                self.on.times = Some(times);
                self
            }

            /// Only once.
            #[must_use]
            pub fn once(self) -> Self {
                self.times(1)
            }

            /// Only with this chance (0 to 1), drawn from a seed.
            #[must_use]
            pub fn probability(mut self, chance: f64, seed: u64) -> Self {
                self.on.probability = Some(chance);
                self.on.seed = seed;
                self
            }
        }
    };
}

/// A fault and the requests it strikes. Without a selector it strikes every request until
/// [`crate::GitlabSim::clear_faults`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    kind: FaultKind,
    #[serde(default)]
    on: Selector,
}

selecting!(Fault);

impl Fault {
    /// A fault for every request.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            on: Selector::default(),
        }
    }
}

/// Something that happens to the world right after a matching request was answered, so that rows
/// move between the pages of a listing.
pub struct Trigger {
    on: Selector,
    action: Action,
}

selecting!(Trigger);

/// A trigger as the control interface takes it.
#[derive(Debug, Deserialize)]
pub(crate) struct TriggerData {
    #[serde(default)]
    on: Selector,
    mutations: Vec<Mutation>,
}

type Change = Box<dyn FnMut(&mut World) + Send>;

enum Action {
    Mutations(Vec<Mutation>),
    Change(Change),
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger")
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}

impl Trigger {
    /// Applies mutations; one that is refused is left out.
    pub fn apply(mutations: Vec<Mutation>) -> Self {
        Self {
            on: Selector::default(),
            action: Action::Mutations(mutations),
        }
    }

    /// Runs any change. It must not set faults or triggers itself.
    pub fn change(change: impl FnMut(&mut World) + Send + 'static) -> Self {
        Self {
            on: Selector::default(),
            action: Action::Change(Box::new(change)),
        }
    }

    /// The same from the control interface.
    pub(crate) fn of(data: TriggerData) -> Self {
        Self {
            on: data.on,
            action: Action::Mutations(data.mutations),
        }
    }
}

/// Names a fault that was set, to ask for its hits or to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(u64);

#[derive(Debug)]
struct Armed<T> {
    id: FaultId,
    what: T,
    seen: u64,
    hits: u64,
    draws: u64,
}

impl<T> Armed<T> {
    /// Counts a matching request: whether this one is struck.
    fn strikes(&mut self, on: &Selector) -> bool {
        self.seen += 1;
        if self.seen <= on.skip || on.times.is_some_and(|times| self.hits >= times) {
            return false;
        }
        if let Some(chance) = on.probability {
            self.draws += 1;
            if unit(on.seed, self.draws) >= chance {
                return false;
            }
        }
        self.hits += 1;
        true
    }
}

/// All faults and triggers that are set.
#[derive(Debug, Default)]
pub(crate) struct Board {
    faults: Vec<Armed<Fault>>,
    triggers: Vec<Armed<Trigger>>,
    next: u64,
}

impl Board {
    pub(crate) fn add_fault(&mut self, fault: Fault) -> FaultId {
        let id = self.id();
        self.faults.push(Armed {
            id,
            what: fault,
            seen: 0,
            hits: 0,
            draws: 0,
        });
        id
    }

    pub(crate) fn add_trigger(&mut self, trigger: Trigger) -> FaultId {
        let id = self.id();
        self.triggers.push(Armed {
            id,
            what: trigger,
            seen: 0,
            hits: 0,
            draws: 0,
        });
        id
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
        self.triggers.clear();
    }

    pub(crate) fn remove(&mut self, id: FaultId) {
        self.faults.retain(|armed| armed.id != id);
        self.triggers.retain(|armed| armed.id != id);
    }

    pub(crate) fn hits(&self, id: FaultId) -> u64 {
        let fault = self
            .faults
            .iter()
            .find(|armed| armed.id == id)
            .map(|armed| armed.hits);
        let trigger = || {
            self.triggers
                .iter()
                .find(|armed| armed.id == id)
                .map(|armed| armed.hits)
        };
        fault.or_else(trigger).unwrap_or(0)
    }

    /// The first fault that strikes this request. Faults behind it do not see the request.
    pub(crate) fn strike(&mut self, call: &Call) -> Option<FaultKind> {
        for armed in &mut self.faults {
            let on = armed.what.on.clone();
            if on.matches(call) && armed.strikes(&on) {
                return Some(armed.what.kind.clone());
            }
        }
        None
    }

    /// Runs the triggers of a request on the world; returns whether anything ran.
    pub(crate) fn pull(&mut self, call: &Call, world: impl FnOnce(&mut dyn FnMut(&mut World))) {
        let mut due: Vec<&mut Armed<Trigger>> = self
            .triggers
            .iter_mut()
            .filter_map(|armed| {
                let on = armed.what.on.clone();
                (on.matches(call) && armed.strikes(&on)).then_some(armed)
            })
            .collect();
        if due.is_empty() {
            return;
        }
        world(&mut |world| {
            for armed in &mut due {
                match &mut armed.what.action {
                    Action::Mutations(mutations) => {
                        for mutation in mutations {
                            if let Err(error) = world.apply(mutation) {
                                tracing::warn!(%error, "a trigger's mutation was refused");
                            }
                        }
                    }
                    Action::Change(change) => change(world),
                }
            }
        });
    }

    fn id(&mut self) -> FaultId {
        self.next += 1;
        FaultId(self.next)
    }
}

/// The `draw`-th number in 0..1 of a seed.
fn unit(seed: u64, draw: u64) -> f64 {
    let mut z = seed.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

/// Whether `text` matches a pattern in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            let previous: &str = previous;
            match rest.find(previous) {
                Some(at) => rest = &rest[at + previous.len()..],
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_take_stars_for_any_characters() {
        check("/api/v4/projects", "/api/v4/projects", true);
        check("/api/v4/projects", "/api/v4/projects/1", false);
        check("/api/v4/projects*", "/api/v4/projects/1", true);
        check(
            "/api/v4/groups/*/projects",
            "/api/v4/groups/a%2Fb/projects",
            true,
        );
        check(
            "/api/v4/groups/*/projects",
            "/api/v4/groups/1/projects/shared",
            false,
        );
        check("*graphql", "/api/graphql", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*", "", true);
    }

    #[test]
    fn a_seed_draws_evenly() {
        let hits = (1..=10_000).filter(|draw| unit(7, *draw) < 0.25).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }
}
