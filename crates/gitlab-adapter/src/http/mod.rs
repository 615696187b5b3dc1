//! The one way to a host, with limits, patience and politeness. What only asks goes through [`Api::send`] and may be repeated; what changes
//! something goes through [`Api::post_once`] and never is.

mod api;
mod backoff;
mod body;
mod budget;
mod gate;
pub(crate) mod link;
mod once;
mod redirect;
mod retry_after;
pub(crate) mod tls;
mod token;
pub(crate) mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use org_core::host::HostUrl;
use org_core::ports::{Clock, Credential, Timer};
use rand::rngs::StdRng;
use tokio_rustls::rustls::ClientConfig;

pub(crate) use api::{Answer, Api, Call, Patience};
pub(crate) use once::{Post, Unanswered};

use crate::config::{ConfigError, GitlabConfig, ProxyChoice};
use gate::Gate;

/// What all hosts share: the client, the clock, and how many requests each host has to answer.
pub(crate) struct Transport {
    client: reqwest::Client,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) config: GitlabConfig,
    pub(crate) clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    rng: Mutex<StdRng>,
    gates: Mutex<HashMap<String, Weak<Gate>>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing, or not everything, came in time.
    TimedOut,
    /// No connection, or it broke.
    Lost(String),
    /// More bytes than allowed.
    TooLarge,
    /// A redirect to another place.
    Redirected(String),
    /// One redirect after the other.
    Circle,
}

impl Transport {
    pub(crate) fn new(
        config: GitlabConfig,
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
        rng: StdRng,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let tls = tls::client_config(&config.extra_roots)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(&config.user_agent)
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(config.connect_timeout)
            .pool_max_idle_per_host(config.max_concurrency)
            // The gate and the budget see every request; a client that repeats on its own would go around them.
            .retry(reqwest::retry::never());
        match &config.proxy {
            ProxyChoice::Environment => {}
            ProxyChoice::Direct => builder = builder.no_proxy(),
            ProxyChoice::Through { proxy, except } => {
                let proxy = reqwest::Proxy::all(proxy.clone())
                    .map_err(|_| ConfigError::Proxy)?
                    .no_proxy(reqwest::NoProxy::from_string(except));
                builder = builder.no_proxy().proxy(proxy);
            }
        }
        let client = builder.build().map_err(|error| ConfigError::Client {
            detail: words::chain(&error),
        })?;
        Ok(Self {
            client,
            tls: Arc::new(tls),
            config,
            clock,
            timer,
            rng: Mutex::new(rng),
            gates: Mutex::default(),
        })
    }

    /// The way to one host, with a credential or without.
    pub(crate) fn api(self: &Arc<Self>, host: &HostUrl, credential: Option<&Credential>) -> Api {
        Api::new(Arc::clone(self), host, credential.cloned(), self.gate(host))
    }

    fn gate(&self, host: &HostUrl) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&host.to_string()).and_then(Weak::upgrade) {
            return gate;
        }
        // Hosts that nobody talks to any more are forgotten, so that the map stays as small as what is under way.
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Gate::new(self.config.max_concurrency));
        gates.insert(host.to_string(), Arc::downgrade(&gate));
        gate
    }

    fn with_rng<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        draw(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
