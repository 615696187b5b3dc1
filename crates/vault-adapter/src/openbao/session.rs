//! The token in use: obtained, renewed and replaced at one place at a time.
//!
//! Whoever needs a token takes the one that is there. When two thirds of its life are over, one caller renews it and the others go on with
//! it; when it ended, one caller logs in and the others wait for what comes of it, the failure included. After a failure there is a short
//! rest in which everybody gets the same answer, so that a server that comes back is not met by a crowd.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use org_core::ports::{Clock, VaultError};
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::login::{self, Grant};
use super::options::OpenBaoAuth;
use super::transport::Transport;

/// How long a login that failed is not tried again.
const REST: TimeDelta = TimeDelta::seconds(2);
/// How long after a login a refusal is believed without looking whether the token is dead.
const FRESH: TimeDelta = TimeDelta::seconds(10);
/// How long before its end a token is not used any more.
const MARGIN: TimeDelta = TimeDelta::seconds(5);

/// A token in use.
pub(super) struct Session {
    pub(super) token: SecretString,
    since: DateTime<Utc>,
    /// When it is to be renewed, and when it is over.
    ends: Option<(DateTime<Utc>, DateTime<Utc>)>,
    renewable: bool,
}

/// What came of the last login that failed, in a form that can be told more than once.
struct Failed {
    at: DateTime<Utc>,
    error: VaultError,
}

pub(super) struct Sessions {
    auth: OpenBaoAuth,
    place: String,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<Arc<Session>>>,
    /// Held by the one who logs in or renews.
    turn: Mutex<Option<Failed>>,
}

impl Session {
    fn new(grant: Grant, now: DateTime<Utc>) -> Self {
        let ends = grant.lease.map(|lease| {
            let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX / 4);
            (now + lease * 2 / 3, now + lease)
        });
        Self {
            token: grant.token,
            since: now,
            ends,
            renewable: grant.renewable,
        }
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.ends
            .is_some_and(|(renew, end)| now >= (end - MARGIN).max(renew))
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.ends.is_some_and(|(renew, _)| now >= renew)
    }
}

impl Sessions {
    pub(super) fn new(auth: OpenBaoAuth, place: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            auth,
            place,
            clock,
            current: RwLock::new(None),
            turn: Mutex::new(None),
        }
    }

    pub(super) fn auth(&self) -> &OpenBaoAuth {
        &self.auth
    }

    /// The token to use now.
    pub(super) async fn current(&self, transport: &Transport) -> Result<Arc<Session>, VaultError> {
        let now = self.clock.now();
        match self.peek() {
            Some(session) if !session.is_due(now) => Ok(session),
            Some(session) if !session.is_over(now) => {
                // Only one renews; whoever comes meanwhile goes on with what there is.
                if let Ok(_turn) = self.turn.try_lock() {
                    Ok(self.renew(transport, session).await)
                } else {
                    Ok(session)
                }
            }
            over => self.replace(transport, over.as_ref()).await,
        }
    }

    /// The token to use after `refused` was refused: another one if that is dead, `None` if the refusal stands.
    pub(super) async fn after_refusal(
        &self,
        transport: &Transport,
        refused: &Arc<Session>,
    ) -> Result<Option<Arc<Session>>, VaultError> {
        if let Some(current) = self.peek().filter(|current| !Arc::ptr_eq(current, refused)) {
            return Ok(Some(current));
        }
        if self.clock.now() < refused.since + FRESH {
            return Ok(None);
        }
        let dead = login::is_dead(transport, &refused.token).await;
        if dead.map_err(|failure| failure.sort(&self.place, "looking at the token"))? {
            self.replace(transport, Some(refused)).await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// How long until the token should be looked after; `None` where it never ends.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let now = self.clock.now();
        let (renew, _) = self.peek()?.ends?;
        Some((renew - now).to_std().unwrap_or(Duration::ZERO))
    }

    fn peek(&self) -> Option<Arc<Session>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, session: Arc<Session>) -> Arc<Session> {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        session
    }

    /// The same token with a longer life. What cannot be renewed is used as long as it lives, and replaced then.
    async fn renew(&self, transport: &Transport, session: Arc<Session>) -> Arc<Session> {
        let now = self.clock.now();
        let renewed = if session.renewable {
            login::renew(transport, &session.token).await.ok()
        } else {
            None
        };
        // A lease near its longest life is renewed by less and less: then a new login is better than another renewal soon.
        let worth = |grant: &Grant| {
            grant
                .lease
                .is_none_or(|lease| lease > Duration::from_secs(10))
        };
        match renewed.filter(worth) {
            Some(grant) => {
                tracing::debug!(place = self.place, "the token was renewed");
                self.set(Arc::new(Session::new(grant, now)))
            }
            None => match login::log_in(transport, &self.auth, &self.place).await {
                Ok(grant) => {
                    tracing::debug!(place = self.place, "the token was replaced before its end");
                    self.set(Arc::new(Session::new(grant, now)))
                }
                Err(error) => {
                    tracing::warn!(place = self.place, %error, "the token could not be renewed; it is tried again until it ends");
                    self.put_off(&session, now)
                }
            },
        }
    }

    /// The same token, to be renewed after a tenth of what is left of its life.
    fn put_off(&self, session: &Session, now: DateTime<Utc>) -> Arc<Session> {
        let ends = session.ends.map(|(_, end)| (now + (end - now) / 10, end));
        self.set(Arc::new(Session {
            token: session.token.clone(),
            since: session.since,
            ends,
            renewable: session.renewable,
        }))
    }

    /// Another token in the place of `old`, unless somebody else got one meanwhile.
    async fn replace(
        &self,
        transport: &Transport,
        old: Option<&Arc<Session>>,
    ) -> Result<Arc<Session>, VaultError> {
        let asked = self.clock.now();
        let mut turn = self.turn.lock().await;
        let is_old = |current: &Arc<Session>| old.is_some_and(|old| Arc::ptr_eq(current, old));
        if let Some(current) = self.peek().filter(|current| !is_old(current)) {
            return Ok(current);
        }
        let now = self.clock.now();
        // One that failed while this caller waited, or a moment ago, has told what there is to tell.
        if let Some(failed) = &*turn
            && (failed.at >= asked || now < failed.at + REST)
            && now >= failed.at
        {
            return Err(again(&failed.error));
        }
        match login::log_in(transport, &self.auth, &self.place).await {
            Ok(grant) => {
                *turn = None;
                tracing::debug!(place = self.place, "logged in");
                Ok(self.set(Arc::new(Session::new(grant, now))))
            }
            Err(error) => {
                *turn = Some(Failed {
                    at: self.clock.now(),
                    error: again(&error),
                });
                Err(error)
            }
        }
    }
}

/// The same error once more.
fn again(error: &VaultError) -> VaultError {
    match error {
        VaultError::Unavailable { detail } => VaultError::Unavailable {
            detail: detail.clone(),
        },
        VaultError::Sealed { place } => VaultError::Sealed {
            place: place.clone(),
        },
        VaultError::Standby { place, detail } => VaultError::Standby {
            place: place.clone(),
            detail: detail.clone(),
        },
        VaultError::Denied { detail } => VaultError::Denied {
            detail: detail.clone(),
        },
        VaultError::Locked { detail } => VaultError::Locked {
            detail: detail.clone(),
        },
        VaultError::WrongMount { detail } => VaultError::WrongMount {
            detail: detail.clone(),
        },
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            VaultError::Other {
                step: "logging in",
                source: text.into(),
            }
        }
    }
}
