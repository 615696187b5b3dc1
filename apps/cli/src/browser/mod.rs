//! The loopback redirect of a sign-in (RFC 8252, section 7.3): a listener on 127.0.0.1 for the few requests that one browser makes.
//!
//! The browser is sent to `http://127.0.0.1:PORT/` first, and from there to the host. So the address with the state in it stands in no
//! argument list, no terminal and no history of a shell, but in the one answer to the one browser that came first: that browser gets a cookie,
//! and only who has the cookie can bring the answer.

mod open;
mod page;
mod site;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use org_core::ports::Entropy;
use org_core::use_cases::sign_in::BrowserAnswer;
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::site::{Returned, Route, Site};
use crate::error::{CliError, Result};
use crate::exit::Exit;

pub(crate) use self::open::{is_possible, open};
pub(crate) use self::page::Page;

/// How many connections are open at a time. A browser opens a few more than it needs.
const MAX_CONNECTIONS: usize = 32;

/// How many requests are answered in all. A browser makes a handful; more are somebody's attempt to keep this program busy.
const MAX_REQUESTS: usize = 1_000;

/// How many bytes a request may have before its end; a code and a state need a few hundred, cookies of other programs on this machine the rest.
const MAX_HEAD: usize = 32 * 1024;

/// How many fields a request may have.
const MAX_FIELDS: usize = 100;

/// How long a browser may take to send its request; one that only opens a connection to be ready is cut off.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long the last page may take on its way to the browser.
const GRACE: Duration = Duration::from_secs(2);

/// Where the browser will come back to.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
    ticket: SecretString,
}

impl Loopback {
    /// Listens on a free port of this machine, for nobody outside of it.
    pub(crate) async fn bind(entropy: &dyn Entropy) -> Result<Self> {
        let refused = |what: &str, error: &dyn std::error::Error| {
            CliError::new(Exit::Internal, what)
                .caused_by(error)
                .hinted("--device-code needs no listener")
        };
        let ticket =
            site::ticket(entropy).map_err(|error| refused("no sign-in can be started", &error))?;
        let listening = "this program cannot listen on 127.0.0.1 for the browser";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|error| refused(listening, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| refused(listening, &error))?;
        Ok(Self {
            listener,
            address,
            ticket,
        })
    }

    /// The port of 127.0.0.1 to which the host shall send the browser.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What only the browser has that came first.
    pub(crate) const fn ticket(&self) -> &SecretString {
        &self.ticket
    }

    /// The address that a person opens.
    pub(crate) fn entrance(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the answer of this is dropped: sends a browser to `url`, and takes it back at the path `back`.
    pub(crate) fn serve(self, url: SecretString, back: &str) -> Visits {
        let site = Arc::new(Site::new(self.address, back, url, self.ticket));
        let (sender, answers) = mpsc::channel(1);
        let mut server = JoinSet::new();
        server.spawn(accept(self.listener, site, sender));
        Visits {
            answers,
            _server: server,
        }
    }
}

/// The answers that browsers bring.
#[derive(Debug)]
pub(crate) struct Visits {
    answers: mpsc::Receiver<Visit>,
    _server: JoinSet<()>,
}

impl Visits {
    /// The next one; `None` when so many requests came that no more are taken.
    pub(crate) async fn next(&mut self) -> Option<Visit> {
        self.answers.recv().await
    }

    /// Ends the listening. An answer that came meanwhile hears that the sign-in is over.
    pub(crate) async fn end(mut self) {
        self.answers.close();
        while let Ok(visit) = self.answers.try_recv() {
            visit.show(Page::over()).await;
        }
    }
}

/// An answer, and the browser that waits for a page.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) answer: BrowserAnswer,
    /// The same as it came, for who has somebody else look into it: the path, and what stands behind the question mark.
    pub(crate) target: SecretString,
    page: oneshot::Sender<Page>,
    written: oneshot::Receiver<Infallible>,
}

impl Visit {
    /// Shows the browser a page, and waits a moment until it has it.
    pub(crate) async fn show(self, page: Page) {
        // A browser that went away misses its page and nothing else.
        if self.page.send(page).is_ok() {
            let _ = tokio::time::timeout(GRACE, self.written).await;
        }
    }
}

async fn accept(listener: TcpListener, site: Arc<Site>, answers: mpsc::Sender<Visit>) {
    let mut connections = JoinSet::new();
    // A connection has one request.
    let mut left = MAX_REQUESTS;
    while left > 0 {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                left -= 1;
                // What fails here is the other side's, or a want of descriptors that the next connection meets too.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(one(stream, site.clone(), answers.clone()));
                }
            }
        }
    }
    // The answer may be among the last.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection. What goes wrong on it concerns nobody but the other side.
async fn one(stream: TcpStream, site: Arc<Site>, answers: mpsc::Sender<Visit>) {
    let (done, written) = oneshot::channel();
    let written = Mutex::new(Some(written));
    let service = service_fn(|request| respond(&site, &answers, &written, request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop::<oneshot::Sender<Infallible>>(done);
}

async fn respond(
    site: &Site,
    answers: &mpsc::Sender<Visit>,
    written: &Mutex<Option<oneshot::Receiver<Infallible>>>,
    request: Request<Incoming>,
) -> std::result::Result<Response<String>, Infallible> {
    let (head, _) = request.into_parts();
    let answer = match site.route(&head) {
        Route::Done(response) => return Ok(response),
        Route::Answer(answer) => answer,
    };
    let written = written
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let (page, shown) = oneshot::channel();
    let shown = async {
        let Returned { answer, target } = *answer;
        answers
            .send(Visit {
                answer,
                target,
                page,
                written: written?,
            })
            .await
            .ok()?;
        shown.await.ok()
    };
    // Nobody waits any more once there was an answer.
    let page = shown.await.unwrap_or_else(Page::over);
    Ok(page.response())
}

#[cfg(test)]
mod tests;
