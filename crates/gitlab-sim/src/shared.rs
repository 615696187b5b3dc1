//! The state behind all connections: the world, what is cached from it, faults, budgets and the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::clock::Clock;
use crate::fault::Board;
use crate::limits::{Counters, RateLimits};
use crate::log::Log;
use crate::oauth::OauthConfig;
use crate::world::{Access, IssuedToken, TokenSpec, UserId, World, WorldError};

/// How the instance is set up; see [`crate::Builder`].
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) prefix: String,
    pub(crate) latency: Duration,
    pub(crate) offset_limit: u64,
    pub(crate) version: String,
    pub(crate) graphql: bool,
    pub(crate) enterprise: bool,
    pub(crate) external_url: Option<String>,
    pub(crate) limits: RateLimits,
    pub(crate) oauth: OauthConfig,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    /// What the instance believes its own address is, without a slash at the end.
    pub(crate) url: String,
    pub(crate) clock: Clock,
    world: RwLock<World>,
    cache: Mutex<Cache>,
    board: Mutex<Board>,
    counters: Mutex<Counters>,
    log: Mutex<Log>,
    pub(crate) limits: Mutex<RateLimits>,
    pub(crate) schema: crate::graphql::Schema,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Listings that were worked out for one state of the world. A page is then a slice of one.
#[derive(Default)]
struct Cache {
    access: HashMap<Option<UserId>, Arc<Access>>,
    lists: HashMap<String, Arc<Vec<u64>>>,
    held: usize,
}

/// Beyond so many cached rows the cache starts anew.
const CACHED_ROWS: usize = 4_000_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the lock was held can leave nothing half done that matters to a simulator.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(config: Config, url: String, clock: Clock, world: World) -> Self {
        let limits = Mutex::new(config.limits.clone());
        Self {
            config,
            url,
            clock,
            world: RwLock::new(world),
            cache: Mutex::default(),
            board: Mutex::default(),
            counters: Mutex::default(),
            log: Mutex::default(),
            limits,
            schema: crate::graphql::schema(),
        }
    }

    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world; listings are worked out anew afterwards.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        world.now = self.clock.now();
        let result = change(&mut world);
        *lock(&self.cache) = Cache::default();
        result
    }

    /// Changes what no listing depends on.
    pub(crate) fn touch<R>(&self, touch: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        world.now = self.clock.now();
        touch(&mut world)
    }

    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, RateLimits> {
        lock(&self.limits)
    }

    /// The rights of a viewer, from the cache. `world` is the guard the caller holds, which keeps the
    /// cache from being out of step.
    pub(crate) fn access(&self, world: &World, user: Option<UserId>) -> Arc<Access> {
        if let Some(access) = lock(&self.cache).access.get(&user) {
            return Arc::clone(access);
        }
        let access = Arc::new(Access::of(world, user));
        lock(&self.cache).access.insert(user, Arc::clone(&access));
        access
    }

    /// The rows of a listing, from the cache or from `make`.
    pub(crate) fn listing(&self, key: String, make: impl FnOnce() -> Vec<u64>) -> Arc<Vec<u64>> {
        if let Some(rows) = lock(&self.cache).lists.get(&key) {
            return Arc::clone(rows);
        }
        let rows = Arc::new(make());
        let mut cache = lock(&self.cache);
        cache.held += rows.len() + key.len() / 8;
        if cache.held > CACHED_ROWS {
            cache.lists.clear();
            cache.held = rows.len();
        }
        cache.lists.insert(key, Arc::clone(&rows));
        rows
    }
}

/// The world of a running simulator: read it or change it at any time, from any thread.
#[derive(Debug, Clone)]
pub struct WorldHandle(pub(crate) Arc<Shared>);

impl WorldHandle {
    /// Looks at the world. Answers wait while a change waits, so be brief.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.0.world())
    }

    /// Changes the world at the simulator's present time; requests see all of it or none.
    pub fn change<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        self.0.change(change)
    }

    /// Makes a token, and the bot or service account it needs.
    pub fn issue(&self, spec: &TokenSpec) -> Result<IssuedToken, WorldError> {
        self.change(|world| world.issue(spec))
    }
}
