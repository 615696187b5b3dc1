//! What every handler has at hand.

use std::fmt;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use org_core::accounts::SessionLifetimes;
use org_core::accounts::throttle::Throttle;
use org_core::ports::{AccountPorts, IdentityPorts, Ports};
use org_core::sync::hint::Hints;
use org_core::use_cases::follow::Stop;
use runtime::Runtime;
use runtime::config::{Config, OidcSettings};

use crate::auth::setup::SetupCode;
use crate::console::{Board, Once};
use crate::feed::Feed;
use crate::gate::Gates;
use crate::http::limits::Limits;
use crate::http::place::Place;
use crate::jobs::Jobs;
use crate::metrics::Metrics;

/// What every handler has at hand. Cloning shares it.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    config: Config,
    place: Place,
    limits: Limits,
    gates: Gates,
    throttle: Mutex<Throttle>,
    hints: Mutex<Hints>,
    setup: SetupCode,
    feed: Feed,
    metrics: Metrics,
    jobs: Jobs,
    console: Board,
    once: Once,
    stop: Stop,
}

impl AppState {
    pub(crate) fn new(
        runtime: Runtime,
        config: Config,
        (place, limits): (Place, Limits),
        setup: SetupCode,
        stop: Stop,
    ) -> Self {
        Self(Arc::new(Inner {
            feed: Feed::new(runtime.ports().clone(), stop.clone()),
            jobs: Jobs::new(),
            console: Board::default(),
            once: Once::default(),
            runtime,
            config,
            place,
            gates: Gates::new(&limits),
            limits,
            throttle: Mutex::new(Throttle::new()),
            hints: Mutex::new(Hints::new()),
            setup,
            metrics: Metrics::new(),
            stop,
        }))
    }

    /// The wired use cases.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// The wired ports.
    pub fn ports(&self) -> &Ports {
        self.0.runtime.ports()
    }

    /// What the use cases of accounts need.
    pub fn accounts(&self) -> &AccountPorts {
        self.0.runtime.accounts()
    }

    /// The company's provider of `OpenID` Connect with its settings; `None` where there is none.
    pub fn identity(&self) -> Option<(&IdentityPorts, &OidcSettings)> {
        let ports = self.0.runtime.identity()?;
        Some((ports, self.0.config.server.oidc.as_ref()?))
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Under which addresses the server is reached.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// How patient the server is.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Where what takes much waits for its turn.
    pub(crate) fn gates(&self) -> &Gates {
        &self.0.gates
    }

    /// Who failed to sign in.
    pub fn throttle(&self) -> &Mutex<Throttle> {
        &self.0.throttle
    }

    /// Which organizations are about to be synchronized because their host said that something changed.
    pub(crate) fn hints(&self) -> &Mutex<Hints> {
        &self.0.hints
    }

    /// The code of the first run.
    pub fn setup(&self) -> &SetupCode {
        &self.0.setup
    }

    /// What happens, as it happens.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Work that goes on when its request was answered.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// What pages of the console follow.
    pub(crate) fn console(&self) -> &Board {
        &self.0.console
    }

    /// Which forms of the console were sent already.
    pub(crate) fn once(&self) -> &Once {
        &self.0.once
    }

    /// Comes when the server is told to stop.
    pub fn stop(&self) -> Stop {
        self.0.stop.clone()
    }

    /// How long sessions last.
    pub fn session_lifetimes(&self) -> SessionLifetimes {
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(30));
        SessionLifetimes {
            idle: delta(self.0.config.server.session_idle),
            absolute: delta(self.0.config.server.session_lifetime),
        }
    }
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}
