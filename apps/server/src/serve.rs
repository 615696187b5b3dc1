//! The server as a whole: it listens, answers on each connection within its limits, works, and ends in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use org_core::use_cases::accounts::{self, AccountError};
use org_core::use_cases::follow::Stop;
use runtime::config::{Config, ServerConfig};
use runtime::environment::Environment;
use runtime::{OpenError, Runtime};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::auth::setup::SetupCode;
use crate::http::client::Peer;
use crate::http::limits::{Impatient, Limits};
use crate::http::place::Place;
use crate::http::{layered, tls, trace};
use crate::state::AppState;
use crate::{api, auth, console, webhooks, workers};

/// How much of a head is read, and how many headers it may have.
const HEAD_LIMIT: usize = 32 * 1024;
const HEADERS_LIMIT: usize = 64;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The installation.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The address cannot be listened at.
    #[error("the server cannot listen at {address}, which `server.listen` says")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A certificate or key cannot be used.
    #[error("{} cannot be used, which {setting} names: {reason}", path.display())]
    Tls {
        /// The setting.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Only one of the two halves of TLS is configured.
    #[error("`server.tls_certificate` and `server.tls_key` go together; set both or neither")]
    HalfTls,
    /// Passwords would travel in the clear.
    #[error(
        "`server.listen` is {address}, beyond this machine, and without TLS passwords would travel in the clear; set `server.tls_certificate` and `server.tls_key`, or name the proxy in front in `server.trusted_proxies`"
    )]
    InTheClear {
        /// Where it would listen.
        address: SocketAddr,
    },
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for")]
    Signals(#[source] io::Error),
}

/// Runs the server until a signal ends it.
pub async fn run(config: &Config) -> Result<(), ServeError> {
    let stop = runtime::stop::on_signal().map_err(ServeError::Signals)?;
    let server = Server::open(config, stop).await?;
    server.announce();
    server.serve().await;
    Ok(())
}

/// A server that is open, and listens.
#[derive(Debug)]
pub struct Server {
    state: AppState,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    code: Option<SecretString>,
}

#[derive(Clone)]
struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<tls::Certificate>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Server {
    /// Opens the installation of `config` and listens. Connections wait until [`Server::serve`].
    pub async fn open(config: &Config, stop: Stop) -> Result<Self, ServeError> {
        Self::open_in(config, Limits::default(), Environment::of_machine(), stop).await
    }

    /// The same with another patience than the usual one, and in another environment than that of the machine.
    pub async fn open_in(
        config: &Config,
        limits: Limits,
        environment: Environment,
        stop: Stop,
    ) -> Result<Self, ServeError> {
        let tls = acceptor(&config.server)?;
        let listen = config.server.listen;
        if tls.is_none() && !listen.ip().is_loopback() && config.server.trusted_proxies.is_empty() {
            return Err(ServeError::InTheClear { address: listen });
        }
        let refused = |source| ServeError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let runtime = Runtime::open_in(config, environment).await?;
        let (setup, code) = if accounts::is_set_up(runtime.accounts()).await? {
            (SetupCode::closed(), None)
        } else {
            let (setup, code) =
                SetupCode::new(&runtime.accounts().random().map_err(AccountError::from)?);
            (setup, Some(code))
        };
        let place = Place::new(&config.server, address, tls.is_some());
        Ok(Self {
            state: AppState::new(runtime, config.clone(), (place, limits), setup, stop),
            listener,
            address,
            tls,
            code,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The code of the first run, where there is no administrator yet.
    pub fn setup_code(&self) -> Option<&SecretString> {
        self.code.as_ref()
    }

    /// What every handler has at hand.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Tells whoever started it where it is, and the code of the first run.
    #[expect(
        clippy::print_stdout,
        reason = "where the server is and the code of the first run are its output"
    )]
    fn announce(&self) {
        let base = self.state.place().base();
        println!(
            "forgehold-server listens at {} and is reached at {base}",
            self.address
        );
        if let Some(code) = &self.code {
            println!(
                "nobody has an account yet: open {base}first-run and give the code {}",
                code.expose_secret()
            );
        }
    }

    /// Answers and works until the stop comes; then nothing new is begun, and what is under way may end, for as long as the configuration says.
    pub async fn serve(self) {
        let Self {
            state,
            listener,
            tls,
            ..
        } = self;
        let drain = state.config().server.drain;
        let router = router(&state);
        let certificate = tls.as_ref().map(|tls| tls.certificate.clone());
        let workers = tokio::spawn(workers::follow(state.clone(), certificate));
        let limits = *state.limits();
        let connections = accept(listener, tls, (router, limits), state.stop()).await;
        tracing::info!("stopping: what is under way may end");
        let ending = async {
            let mut connections = connections;
            while connections.join_next().await.is_some() {}
            if let Err(error) = workers.await {
                tracing::error!(%error, "the workers broke off");
            }
        };
        if tokio::time::timeout(drain, ending).await.is_err() {
            tracing::warn!(
                "what did not end in time is cut off; syncs go on where they were at the next start"
            );
        }
        state.runtime().clone().close().await;
    }
}

fn acceptor(config: &ServerConfig) -> Result<Option<Tls>, ServeError> {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(chain), Some(key)) => {
            let (acceptor, certificate) = tls::acceptor(chain, key)?;
            Ok(Some(Tls {
                acceptor,
                certificate,
            }))
        }
        (None, None) => Ok(None),
        _ => Err(ServeError::HalfTls),
    }
}

/// Every route, with the layers around them.
fn router(state: &AppState) -> Router {
    let guard = middleware::from_fn_with_state(state.clone(), auth::csrf::guard);
    let routes = Router::new()
        .merge(api::health::router())
        .merge(webhooks::router())
        .merge(api::router(state))
        .merge(console::with_error_pages(console::router().layer(guard)))
        .route_layer(middleware::from_fn(trace::note_route));
    layered(routes, state).with_state(state.clone())
}

/// Takes connections until the stop comes; answers those that are still open.
async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    (router, limits): (Router, Limits),
    stop: Stop,
) -> JoinSet<()> {
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    loop {
        let next = async {
            let permit = room.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut stopped => return connections,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        match accepted {
            Ok((stream, address)) => {
                let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, address, tls, (router, limits), stop).await;
                    drop(permit);
                });
            }
            // Too many open files, or a peer that was gone before it came: the next one may do better.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Tls>,
    (router, limits): (Router, Limits),
    stop: Stop,
) {
    // An answer goes out at once; what cannot be set is no reason not to answer.
    let _ = stream.set_nodelay(true);
    let peer = Peer {
        address,
        tls: tls.is_some(),
    };
    match tls {
        None => answer(stream, peer, (router, limits), stop).await,
        Some(Tls { acceptor, .. }) => {
            match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => answer(stream, peer, (router, limits), stop).await,
                Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS came about"),
                Err(_) => tracing::debug!(%address, "the handshake took too long"),
            }
        }
    }
}

async fn answer<S>(stream: S, peer: Peer, (router, limits): (Router, Limits), stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_LIMIT)
        .max_headers(HEADERS_LIMIT)
        .serve_connection(TokioIo::new(Impatient::new(stream, limits.write)), service);
    let mut connection = pin!(connection);
    let ended = futures_util::future::select(connection.as_mut(), stop.boxed()).await;
    if let futures_util::future::Either::Right(_) = ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
