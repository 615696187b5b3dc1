//! One host with one credential: the only place that sends.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use org_core::host::HostUrl;
use org_core::listing::{ListingEvent, Wait};
use org_core::ports::{Credential, HostError};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use super::backoff::{self, Verdict};
use super::budget::{Advertised, Budget};
use super::gate::{Gate, Load};
use super::redirect::{self, Redirect};
use super::retry_after::{http_date, retry_after};
use super::token::{Refuser, Replaced, Token};
use super::words::{chain, hint, tame};
use super::{Transport, Trouble, body};
use crate::failure::Failure;
use crate::refusal;

/// Shorter waits are not worth a word.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// How long the reachability check waits for a token; it can do without.
const TOKEN_WAIT: Duration = Duration::from_secs(10);

/// Who wants to know of waits.
pub(crate) type Observer = mpsc::Sender<Result<ListingEvent, HostError>>;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    /// Something of the REST API: the path below `/api/v4`, encoded, and the query without `?`.
    Get { path: String, query: String },
    /// Something beside the API: the path below the host's address.
    Beside { path: &'static str },
    /// A GraphQL query, which changes nothing and may be repeated like a GET.
    Graphql { body: String },
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::Get {
            path: path.into(),
            query: String::new(),
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        if let Self::Get { query, .. } = &mut self {
            if !query.is_empty() {
                query.push('&');
            }
            query.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
            query.push('=');
            query.extend(url::form_urlencoded::byte_serialize(
                value.to_string().as_bytes(),
            ));
        }
        self
    }

    fn is_graphql(&self) -> bool {
        matches!(self, Self::Graphql { .. })
    }
}

/// How long a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until the deadline.
    Full,
    /// Once more at most: whoever asks has something smaller to try instead.
    Brief,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that is a number; an empty one is none.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    pub(crate) fn is_html(&self) -> bool {
        let typed = self
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let start = self.body.trim_ascii_start();
        typed || start.starts_with(b"<!DOCTYPE") || start.starts_with(b"<html")
    }
}

/// Why the body of a good answer cannot be read.
enum Unreadable {
    /// It ends in the middle.
    CutShort(String),
    /// It is something else.
    Nonsense(String),
}

/// What one try came to.
enum Outcome<T> {
    Good(T, Answer),
    No(Failure),
    /// The token is not good (any more); another one may be.
    BadToken(Failure, Refuser),
    Limited {
        after: Option<Duration>,
    },
    Broken {
        why: String,
        after: Option<Duration>,
    },
}

/// One host with one credential. Clones share budget, counters and observer.
#[derive(Clone)]
pub(crate) struct Api {
    pub(super) transport: Arc<Transport>,
    base: Url,
    label: Arc<str>,
    credential: Option<Credential>,
    pub(super) gate: Arc<Gate>,
    shared: Arc<Shared>,
    observer: Option<Observer>,
}

#[derive(Default)]
struct Shared {
    budget: Budget,
    replaced: Replaced,
    sent: AtomicU64,
    told_until: Mutex<Option<DateTime<Utc>>>,
}

/// Gives the place in the budget back when the request is given up.
struct Flight<'a>(Option<&'a Budget>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.0 {
            budget.settle(None);
        }
    }
}

impl Api {
    pub(super) fn new(
        transport: Arc<Transport>,
        host: &HostUrl,
        credential: Option<Credential>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            transport,
            base: host.as_url().clone(),
            label: host.to_string().into(),
            credential,
            gate,
            shared: Arc::default(),
            observer: None,
        }
    }

    /// The same way, with somebody to tell of waits.
    pub(crate) fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The same host without the credential.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            credential: None,
            shared: Arc::default(),
            ..self.clone()
        }
    }

    /// Whether the credential comes from a sign-in.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.credential.as_ref().is_some_and(Credential::is_oauth)
    }

    /// The host, for messages.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// How many requests were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// How many requests may be under way at most.
    pub(crate) fn max_concurrency(&self) -> usize {
        self.transport.config.max_concurrency
    }

    /// How many rows a page has at most.
    pub(crate) fn page_size(&self) -> u32 {
        self.transport.config.page_size.clamp(1, 100)
    }

    /// Asks, and reads the answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        call: &Call,
        patience: Patience,
    ) -> Result<(T, Answer), Failure> {
        self.send(call, patience, read_json).await
    }

    /// One request, without another try: for the reachability check. Whether the credential is good is not the question there, so that one
    /// that is not at hand is left out.
    pub(crate) async fn once(&self, call: &Call) -> Result<Answer, Trouble> {
        let token = tokio::time::timeout(TOKEN_WAIT, self.token()).await;
        let token = token.ok().and_then(Result::ok).flatten();
        self.count();
        self.attempt(call, token.as_ref()).await
    }

    pub(super) fn count(&self) {
        self.shared.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// What the next request is sent with.
    pub(super) async fn token(&self) -> Result<Option<Token>, Failure> {
        let Some(credential) = &self.credential else {
            return Ok(None);
        };
        let secret = credential.current().await.map_err(Failure::Host)?;
        Token::of(secret).map(Some)
    }

    /// What the host may accept in place of a token that it refused; `None` where nothing would change.
    async fn replacement(
        &self,
        old: &SecretString,
        refuser: Refuser,
    ) -> Result<Option<Token>, Failure> {
        let replaced = &self.shared.replaced;
        let Some(credential) = &self.credential else {
            return Ok(None);
        };
        if !replaced.may_help(old, refuser) {
            return Ok(None);
        }
        let Some(secret) = credential.replacement(old).await.map_err(Failure::Host)? else {
            return Ok(None);
        };
        replaced.given(&secret);
        tracing::debug!(host = %self.label, "the token was renewed; once more");
        Token::of(secret).map(Some)
    }

    async fn send<T>(
        &self,
        call: &Call,
        patience: Patience,
        parse: impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<(T, Answer), Failure> {
        let config = &self.transport.config;
        let (mut failures, mut refusals) = (0_u32, 0_u32);
        let (mut spent, mut waited) = (Duration::ZERO, Duration::ZERO);
        let (mut next, mut is_replaced) = (None, false);
        loop {
            // Before the gate, since a renewal has to pass it too.
            let token = match next.take() {
                Some(token) => Some(token),
                None => self.token().await?,
            };
            let pass = self.gate.enter().await;
            if let Err(wait) = self.shared.budget.take(self.now()) {
                drop(pass);
                waited += wait;
                if waited > config.wait_limit {
                    return Err(Failure::RateLimited(wait));
                }
                self.wait(wait, "rate limit of the host").await;
                continue;
            }
            let mut flight = Flight(Some(&self.shared.budget));
            self.count();
            let started = Instant::now();
            let outcome = self.attempt(call, token.as_ref()).await;
            let took = started.elapsed();
            flight.0 = None;
            let advertised = outcome
                .as_ref()
                .ok()
                .and_then(|answer| Advertised::read(&answer.headers, self.now()));
            self.shared.budget.settle(advertised);
            self.trace(call, &outcome, took);
            match self.sort(call, outcome, &parse) {
                Outcome::Good(value, answer) => {
                    pass.report(Load::Fine(took));
                    if let Some(token) = &token {
                        self.shared.replaced.prove(token.secret());
                    }
                    return Ok((value, answer));
                }
                Outcome::BadToken(failure, refuser) => {
                    pass.report(Load::Fine(took));
                    drop(pass);
                    next = match &token {
                        Some(token) if !is_replaced => {
                            self.replacement(token.secret(), refuser).await?
                        }
                        _ => None,
                    };
                    if next.is_none() {
                        return Err(failure);
                    }
                    is_replaced = true;
                }
                Outcome::No(failure) => {
                    pass.report(Load::Fine(took));
                    return Err(failure);
                }
                Outcome::Limited { after } => {
                    pass.report(Load::TooMuch);
                    drop(pass);
                    refusals += 1;
                    let wait = self.transport.with_rng(|rng| match after {
                        Some(after) => after + backoff::jitter(WORTH_TELLING, rng),
                        None => backoff::unspoken_limit(refusals, rng),
                    });
                    if after.is_some_and(|after| after > config.wait_limit) {
                        return Err(Failure::RateLimited(wait));
                    }
                    // Everybody with this credential waits; the next turn of the loop does so for this one.
                    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
                    if let Some(until) = self.now().checked_add_signed(wait) {
                        self.shared.budget.close(until);
                    }
                }
                Outcome::Broken { why, after } => {
                    pass.report(Load::TooMuch);
                    drop(pass);
                    failures += 1;
                    let wait = self
                        .transport
                        .with_rng(|rng| backoff::pause(failures, rng))
                        .max(after.unwrap_or_default());
                    spent = spent.saturating_add(took).saturating_add(wait);
                    let last = patience == Patience::Brief && failures > 1;
                    if last || spent > config.retry_deadline {
                        let tries = if failures == 1 {
                            String::new()
                        } else {
                            format!(" ({failures} tries)")
                        };
                        return Err(Failure::Down(format!("{why}{tries}")));
                    }
                    self.wait(wait, "the host is out of order").await;
                }
            }
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.transport.clock.now()
    }

    async fn wait(&self, wait: Duration, reason: &str) {
        if wait > WORTH_TELLING
            && let Some(observer) = &self.observer
        {
            let until = TimeDelta::from_std(wait)
                .ok()
                .and_then(|wait| self.now().checked_add_signed(wait))
                .unwrap_or(DateTime::<Utc>::MAX_UTC);
            if self.is_news(until) {
                let event = ListingEvent::Waiting(Wait {
                    until,
                    reason: reason.to_owned(),
                });
                // Nobody listens any more: then nobody waits for long either.
                let _ = observer.send(Ok(event)).await;
            }
        }
        self.transport.timer.sleep(wait).await;
    }

    /// Several requests wait for the same moment; that is told once.
    fn is_news(&self, until: DateTime<Utc>) -> bool {
        let told = &self.shared.told_until;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.is_none_or(|told| until > told + TimeDelta::seconds(1));
        if news {
            *told = Some(until);
        }
        news
    }

    fn sort<T>(
        &self,
        call: &Call,
        outcome: Result<Answer, Trouble>,
        parse: &impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Outcome<T> {
        let broken = |why: String| Outcome::Broken { why, after: None };
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Trouble::TimedOut) => {
                let seconds = self.transport.config.request_timeout.as_secs_f32();
                return broken(format!("no full answer within {seconds} s"));
            }
            Err(Trouble::Lost(why)) => return broken(why),
            Err(Trouble::TooLarge) => {
                let most = self.transport.config.max_body;
                return Outcome::No(Failure::Strange(format!(
                    "the answer has more than {most} bytes"
                )));
            }
            Err(Trouble::Redirected(to)) => {
                return Outcome::No(Failure::Strange(format!(
                    "a redirect to {to}, which is not followed, since the credential belongs to this host only; check the host's address"
                )));
            }
            Err(Trouble::Circle) => {
                return Outcome::No(Failure::Strange("one redirect after the other".to_owned()));
            }
        };
        let after = self.asked_pause(&answer);
        match backoff::verdict(answer.status) {
            Verdict::Answer if call.is_graphql() && refusal::is_graphql_limit(&answer.body) => {
                Outcome::Limited { after }
            }
            Verdict::Answer => match parse(&answer) {
                Ok(value) => Outcome::Good(value, answer),
                Err(Unreadable::CutShort(why)) => broken(why),
                Err(Unreadable::Nonsense(why)) => Outcome::No(Failure::Strange(why)),
            },
            Verdict::RateLimited => Outcome::Limited { after },
            Verdict::Broken => Outcome::Broken {
                why: refusal::broken_words(&answer),
                after: after.filter(|&after| after <= self.transport.config.retry_deadline),
            },
            Verdict::Refused if refusal::is_bad_token(&answer) && call.is_graphql() => {
                Outcome::BadToken(refusal::of_graphql(&answer), Refuser::Graphql)
            }
            Verdict::Refused if refusal::is_bad_token(&answer) => {
                Outcome::BadToken(refusal::of_rest(&answer), Refuser::Rest)
            }
            Verdict::Refused if call.is_graphql() => Outcome::No(refusal::of_graphql(&answer)),
            Verdict::Refused => Outcome::No(refusal::of_rest(&answer)),
        }
    }

    pub(crate) fn asked_pause(&self, answer: &Answer) -> Option<Duration> {
        let host_now = answer
            .header("date")
            .and_then(http_date)
            .unwrap_or_else(|| self.now());
        answer
            .header("retry-after")
            .and_then(|value| retry_after(value, host_now))
    }

    async fn attempt(&self, call: &Call, token: Option<&Token>) -> Result<Answer, Trouble> {
        let limit = self.transport.config.request_timeout;
        tokio::time::timeout(limit, self.exchange(call, token))
            .await
            .unwrap_or(Err(Trouble::TimedOut))
    }

    async fn exchange(&self, call: &Call, token: Option<&Token>) -> Result<Answer, Trouble> {
        let mut url = self.url(call);
        for _ in 0..=redirect::MOST {
            let client = &self.transport.client;
            let mut request = match call {
                Call::Get { .. } | Call::Beside { .. } => client.get(url.clone()),
                Call::Graphql { body } => client
                    .post(url.clone())
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone()),
            }
            .header(ACCEPT, "application/json");
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, token.header());
            }
            let response = request.send().await.map_err(|error| {
                let hint = hint(&error).map(|hint| format!("; {hint}"));
                let error = chain(&error.without_url());
                Trouble::Lost(format!("{error}{}", hint.unwrap_or_default()))
            })?;
            let status = response.status().as_u16();
            if let (301 | 302 | 303 | 307 | 308, Some(location)) =
                (status, response.headers().get(LOCATION))
            {
                let location = location.to_str().unwrap_or_default();
                match redirect::judge(&self.base, &url, location) {
                    // A POST that turns into a GET, or is sent twice, is not what was asked.
                    Redirect::Follow(next) if !call.is_graphql() => url = next,
                    Redirect::Follow(next) => {
                        return Err(Trouble::Redirected(next.path().to_owned()));
                    }
                    Redirect::Refuse(to) => return Err(Trouble::Redirected(to)),
                }
                continue;
            }
            let headers = response.headers().clone();
            let body = body::read(response, self.transport.config.max_body).await?;
            return Ok(Answer {
                status,
                headers,
                body,
            });
        }
        Err(Trouble::Circle)
    }

    fn url(&self, call: &Call) -> Url {
        match call {
            Call::Get { path, query } => {
                let mut url = self.below(&format!("/api/v4{path}"));
                url.set_query((!query.is_empty()).then_some(query));
                url
            }
            Call::Beside { path } => self.below(path),
            Call::Graphql { .. } => self.below("/api/graphql"),
        }
    }

    /// A path below the host's address, which may have one of its own.
    pub(crate) fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    fn trace(&self, call: &Call, outcome: &Result<Answer, Trouble>, took: Duration) {
        let path = match call {
            Call::Get { path, .. } => path.as_str(),
            Call::Beside { path } => path,
            Call::Graphql { .. } => "graphql",
        };
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(answer) => {
                tracing::debug!(host = %self.label, path, status = answer.status, millis, bytes = answer.body.len(), "answered");
            }
            Err(trouble) => {
                tracing::debug!(host = %self.label, path, ?trouble, millis, "not answered");
            }
        }
    }
}

fn read_json<T: DeserializeOwned>(answer: &Answer) -> Result<T, Unreadable> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        if answer.is_html() {
            let page = refusal::html_title(&answer.body);
            return Unreadable::Nonsense(format!(
                "an HTML page{page} instead of JSON; check the host's address and its path prefix, and that no sign-in page stands in front of the API"
            ));
        }
        if error.is_eof() {
            return Unreadable::CutShort(format!(
                "the answer ends in the middle, after {} bytes",
                answer.body.len()
            ));
        }
        Unreadable::Nonsense(format!(
            "JSON of another shape than expected ({})",
            tame(&error.to_string())
        ))
    })
}
