//! Starting and stopping a simulator.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::fault::{Fault, FaultId, Trigger};
use crate::limits::RateLimits;
use crate::log::{RequestRecord, Stats};
use crate::oauth::{ApplicationSpec, AuthorizeErrors, DeviceGrant, OauthConfig, OauthHandle, Pkce};
use crate::secret::Secret;
use crate::serve::serve;
use crate::shared::{Config, Shared, WorldHandle};
use crate::tls;
use crate::world::{Account, IssuedToken, TokenSpec, World, WorldError, WorldSpec};

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address could not be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a TLS certificate")]
    Tls(#[from] tls::TlsError),
    /// A token of the builder names what the world does not have.
    #[error("cannot make a token")]
    Token(#[source] WorldError),
    /// An application of the builder is not valid.
    #[error("cannot register an application")]
    Application(#[source] WorldError),
    /// A user of the builder cannot have a password.
    #[error("cannot set a password")]
    User(#[source] WorldError),
}

/// Sets a simulator up; see [`GitlabSim::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    world: Option<World>,
    tokens: Vec<TokenSpec>,
    applications: Vec<ApplicationSpec>,
    users: Vec<(String, Secret)>,
    listen: SocketAddr,
    tls: bool,
    clock: Clock,
    config: Config,
}

impl Builder {
    fn new() -> Self {
        Self {
            world: None,
            tokens: Vec::new(),
            applications: Vec::new(),
            users: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            clock: Clock::system(),
            config: Config {
                prefix: String::new(),
                latency: Duration::ZERO,
                offset_limit: 50_000,
                version: "18.8.0-ee".to_owned(),
                graphql: true,
                enterprise: true,
                external_url: None,
                limits: RateLimits::off(),
                oauth: OauthConfig::default(),
            },
        }
    }

    /// The world, in place of `World::generate(&WorldSpec::default())`.
    pub fn world(mut self, world: World) -> Self {
        self.world = Some(world);
        self
    }

    /// A token to make at the start; [`GitlabSim::tokens`] hands them out in this order. Without
    /// any, there is one of `alice` with the scope `api`.
    pub fn token(mut self, token: TokenSpec) -> Self {
        self.tokens.push(token);
        self
    }

    /// An application to register at the start.
    pub fn application(mut self, application: ApplicationSpec) -> Self {
        self.applications.push(application);
        self
    }

    /// The password of a person, who is added when the world does not have them. Without it a person
    /// has a password from the seed, which [`OauthHandle::password`] tells.
    pub fn user(mut self, username: &str, password: impl Into<Secret>) -> Self {
        self.users.push((username.to_owned(), password.into()));
        self
    }

    /// What is demanded of the proof of a code, in place of S256 for public applications.
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.config.oauth.pkce = pkce;
        self
    }

    /// Where mistakes in authorization requests are told, in place of the application.
    pub fn authorize_errors(mut self, errors: AuthorizeErrors) -> Self {
        self.config.oauth.errors = errors;
        self
    }

    /// How the device grant behaves, in place of giving both tokens.
    pub fn device_grant(mut self, device: DeviceGrant) -> Self {
        self.config.oauth.device = device;
        self
    }

    /// How long every answer takes at least, whatever else is going on.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.config.latency = latency;
        self
    }

    /// A relative root such as `/gitlab`, below which everything lies.
    pub fn prefix(mut self, prefix: &str) -> Self {
        let trimmed = prefix.trim_matches('/');
        self.config.prefix = if trimmed.is_empty() {
            String::new()
        } else {
            format!("/{trimmed}")
        };
        self
    }

    /// The address to listen on, in place of a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Serves HTTPS for `127.0.0.1` and `localhost` with a certificate of its own authority; see
    /// [`GitlabSim::ca_pem`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The clock for expiry, windows and time stamps, in place of the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The request budgets, in place of none.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// How deep offset pagination of all projects may go, in place of 50,000 rows.
    pub fn offset_limit(mut self, rows: u64) -> Self {
        self.config.offset_limit = rows;
        self
    }

    /// The version that is told, in place of `18.8.0-ee`.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.config.version);
        self
    }

    /// Makes it a Community Edition: some fields are not sent, and `enterprise` is false.
    pub fn community(mut self) -> Self {
        self.config.enterprise = false;
        self.config.version = self.config.version.replace("-ee", "");
        self
    }

    /// Answers 404 to GraphQL, as where a proxy does not let it through.
    pub fn without_graphql(mut self) -> Self {
        self.config.graphql = false;
        self
    }

    /// What the instance believes its own address is (`external_url`), for `Link`, `Location` and
    /// every URL in answers; without it the address it listens on.
    pub fn external_url(mut self, url: &str) -> Self {
        self.config.external_url = Some(url.trim_end_matches('/').to_owned());
        self
    }

    /// Starts it. It runs on the current Tokio runtime until it is dropped or shut down.
    pub async fn start(self) -> Result<GitlabSim, StartError> {
        let mut world = self
            .world
            .unwrap_or_else(|| World::generate(&WorldSpec::default()));
        let specs = if self.tokens.is_empty() {
            vec![TokenSpec::user("alice")]
        } else {
            self.tokens
        };
        let tokens: Vec<IssuedToken> = specs
            .iter()
            .map(|spec| world.issue(spec))
            .collect::<Result<_, _>>()
            .map_err(StartError::Token)?;
        for spec in &self.applications {
            world
                .add_application(spec)
                .map_err(StartError::Application)?;
        }
        for (username, password) in self.users {
            if world.user(&username).is_err() {
                world.add_user(&username, &username, Account::Human);
            }
            world
                .set_password(&username, password)
                .map_err(StartError::User)?;
        }
        let address = self.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let tls = if self.tls {
            Some(tls::authority()?)
        } else {
            None
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}{}", self.config.prefix);
        let external = self
            .config
            .external_url
            .clone()
            .unwrap_or_else(|| url.clone());
        let shared = Arc::new(Shared::new(self.config, external, self.clock, world));
        let (acceptor, ca_pem) = match tls {
            Some(tls) => (Some(tls.acceptor), Some(tls.ca_pem)),
            None => (None, None),
        };
        let task = tokio::spawn(accept(listener, Arc::clone(&shared), acceptor));
        let task = task.abort_handle();
        Ok(GitlabSim {
            shared,
            url,
            address,
            tokens,
            ca_pem,
            task,
        })
    }
}

/// A running simulator. Dropping it closes its socket and every connection.
pub struct GitlabSim {
    shared: Arc<Shared>,
    url: String,
    address: SocketAddr,
    tokens: Vec<IssuedToken>,
    ca_pem: Option<String>,
    task: AbortHandle,
}

impl fmt::Debug for GitlabSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitlabSim")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for GitlabSim {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl GitlabSim {
    /// Sets a simulator up: a small world, one token of `alice` with scope `api`, no faults.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The address of the instance with its prefix and without a slash at the end, for example
    /// `http://127.0.0.1:34567/gitlab`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The socket it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tokens of the builder, in its order.
    pub fn tokens(&self) -> &[IssuedToken] {
        &self.tokens
    }

    /// The secret value of the first token.
    pub fn token(&self) -> &str {
        self.tokens.first().map_or("", |token| token.value.as_str())
    }

    /// The certificate of the authority that signed the server's, when it serves HTTPS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The world, to look at or change while it runs.
    pub fn world(&self) -> WorldHandle {
        WorldHandle(Arc::clone(&self.shared))
    }

    /// The authorization server: decide without a browser, expire, revoke, count.
    pub fn oauth(&self) -> OauthHandle {
        OauthHandle(Arc::clone(&self.shared))
    }

    /// The clock, to move it when it is a manual one.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Sets a fault. Earlier faults go first; one request is struck by at most one.
    pub fn fault(&self, fault: Fault) -> FaultId {
        self.shared.board().add_fault(fault)
    }

    /// Sets a trigger, which changes the world right after a matching request was answered.
    pub fn trigger(&self, trigger: Trigger) -> FaultId {
        self.shared.board().add_trigger(trigger)
    }

    /// How often a fault has struck or a trigger has run.
    pub fn hits(&self, id: FaultId) -> u64 {
        self.shared.board().hits(id)
    }

    /// Takes one fault or trigger back.
    pub fn clear_fault(&self, id: FaultId) {
        self.shared.board().remove(id);
    }

    /// Takes all faults and triggers back.
    pub fn clear_faults(&self) {
        self.shared.board().clear();
    }

    /// Replaces the request budgets.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        *self.shared.limits() = limits;
    }

    /// What was asked since the start or the last reset, in the order of answers.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.log().records()
    }

    /// Totals since the start or the last reset.
    pub fn stats(&self) -> Stats {
        self.shared.log().stats()
    }

    /// Forgets what was asked so far.
    pub fn reset_requests(&self) {
        self.shared.log().reset();
    }

    /// Closes the socket and every connection, and waits until new ones are refused.
    pub async fn shutdown(self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    // Dropped with this task, the set takes every connection along.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let tls = tls.clone();
        connections.spawn(async move {
            match tls {
                None => connection(stream, shared).await,
                Some(tls) => {
                    // A client that does not trust the certificate ends here, as it should.
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| serve(Arc::clone(&shared), request));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
