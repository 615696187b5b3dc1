//! What the authorization server remembers: grants, token pairs, devices, sessions, passwords.
//!
//! It is a part of the world, so that every change of it is whole or not there at all: of two
//! refreshes with one token exactly one wins.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::application::Application;
use crate::secret::Secret;
use crate::world::{Token, TokenId, TokenKind, UserId, World, WorldError};

/// How long an access token lives.
pub(super) const TOKEN_SECONDS: i64 = 7200;
/// How long an authorization code lives.
const CODE_SECONDS: i64 = 600;
/// How long a device may wait for its user.
pub(super) const DEVICE_SECONDS: i64 = 300;
/// How far accepted polls of a device are apart.
pub(super) const POLL_SECONDS: i64 = 5;
/// More browsers than this are not remembered at once.
const SESSIONS: usize = 10_000;

/// How often the token endpoint did what, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OauthStats {
    /// Codes that were exchanged for tokens.
    pub exchanges: u64,
    /// Refresh tokens that were exchanged for new pairs.
    pub refreshes: u64,
    /// Refresh tokens that were refused with `invalid_grant`.
    pub refused_refreshes: u64,
    /// Device codes that were exchanged for tokens.
    pub device_exchanges: u64,
    /// Codes that came a second time, with the right redirect URI and verifier.
    pub replays: u64,
    /// Tokens that were revoked at the revocation endpoint.
    pub revocations: u64,
}

/// The proof that is asked for when a code is exchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    S256(Secret),
    Plain(Secret),
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) user: UserId,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    expires_at: DateTime<Utc>,
    revoked: bool,
    token: Option<TokenId>,
}

/// How an authorization code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrantState {
    Fresh,
    Used,
    Expired,
}

/// A device that waits.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    pub(super) user_code: String,
    expires_at: DateTime<Utc>,
    last_poll: Option<DateTime<Utc>>,
    decision: Decision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Pending,
    Approved(UserId),
    Denied,
}

/// What a poll of a device gets.
#[derive(Debug)]
pub(super) enum Poll {
    Unknown,
    Expired,
    SlowDown,
    Pending,
    Denied,
    Granted(OauthTokens),
}

/// The row behind an access and a refresh token; the access token's own facts are a [`Token`].
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    user: UserId,
}

/// A browser.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    pub(super) user: Option<UserId>,
    pub(super) csrf: Secret,
    pub(super) return_to: Option<Secret>,
}

/// Whether a refresh token comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refreshable {
    Yes,
    No,
}

/// A pair of tokens as it is handed out once. `Debug` leaves the values out.
#[derive(Clone, Serialize)]
pub struct OauthTokens {
    /// The number of the row, which both share: [`World::revoke_token`] kills both.
    pub id: TokenId,
    /// The access token.
    pub access_token: String,
    /// The refresh token, unless the instance gives none.
    pub refresh_token: Option<String>,
    /// Whose it is.
    pub user_id: UserId,
    /// What it may do.
    pub scopes: Vec<String>,
    /// UTC.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for OauthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthTokens")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(super) applications: BTreeMap<String, Application>,
    grants: HashMap<Secret, Grant>,
    devices: HashMap<Secret, Device>,
    pairs: BTreeMap<TokenId, Pair>,
    refresh_values: HashMap<Secret, TokenId>,
    sessions: HashMap<Secret, Session>,
    passwords: HashMap<UserId, Secret>,
    lag: u64,
    pub(super) stats: OauthStats,
}

impl Store {
    /// Whether `text` holds a code, a refresh token, a secret or a session.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        let clients = self.applications.values().filter_map(Application::secret);
        self.grants
            .keys()
            .chain(self.devices.keys())
            .chain(self.refresh_values.keys())
            .chain(self.sessions.keys())
            .map(Secret::expose)
            .chain(clients)
            .any(|secret| text.contains(secret))
    }

    pub(super) fn grant(&self, code: &str) -> Option<&Grant> {
        self.grants.get(code)
    }

    pub(super) fn pair(&self, id: TokenId) -> Option<&Pair> {
        self.pairs.get(&id)
    }

    pub(super) fn by_refresh_token(&self, value: &str) -> Option<TokenId> {
        self.refresh_values.get(value).copied()
    }

    pub(super) fn session(&self, cookie: &str) -> Option<&Session> {
        self.sessions.get(cookie)
    }

    pub(super) fn session_mut(&mut self, cookie: &str) -> Option<&mut Session> {
        self.sessions.get_mut(cookie)
    }

    pub(super) fn end_session(&mut self, cookie: &str) {
        self.sessions.remove(cookie);
    }

    /// A device by the code its user types, whatever the case.
    pub(super) fn device_by_user_code(&self, user_code: &str) -> Option<&Device> {
        let typed = user_code.trim();
        self.devices.values().find(|device| {
            device.decision == Decision::Pending && device.user_code.eq_ignore_ascii_case(typed)
        })
    }

    /// Takes one of the ordered refusals of good refresh tokens, if any is left.
    pub(super) fn lags(&mut self) -> bool {
        let lagging = self.lag > 0;
        self.lag = self.lag.saturating_sub(1);
        lagging
    }
}

impl Device {
    pub(super) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at
    }
}

impl World {
    /// Opens a session for a browser and names its cookie.
    pub(super) fn open_session(&mut self, session: Session) -> Secret {
        if self.oauth.sessions.len() >= SESSIONS {
            self.oauth.sessions.clear();
        }
        let cookie = Secret::from(self.random_hex());
        let csrf = self.random_hex().into();
        self.oauth
            .sessions
            .insert(cookie.clone(), Session { csrf, ..session });
        cookie
    }

    /// The password of a person: the one that was set, else one from the seed. Bots have none.
    pub fn password(&self, username: &str) -> Result<Secret, WorldError> {
        let user = self.user(username)?;
        if user.is_bot() {
            return Err(WorldError::NoPassword(username.to_owned()));
        }
        let set = self.oauth.passwords.get(&user.id).cloned();
        Ok(set.unwrap_or_else(|| self.seeded_password(user.id).into()))
    }

    /// Sets the password of a person.
    pub fn set_password(
        &mut self,
        username: &str,
        password: impl Into<Secret>,
    ) -> Result<UserId, WorldError> {
        let user = self.user(username)?;
        if user.is_bot() {
            return Err(WorldError::NoPassword(username.to_owned()));
        }
        let id = user.id;
        self.oauth.passwords.insert(id, password.into());
        Ok(id)
    }

    pub(super) fn add_grant(
        &mut self,
        application: &Application,
        user: UserId,
        request: (Vec<String>, String, Option<Challenge>),
    ) -> Secret {
        let (scopes, redirect_uri, challenge) = request;
        let code = Secret::from(self.random_hex());
        let grant = Grant {
            client_id: application.client_id.clone(),
            user,
            scopes,
            redirect_uri,
            challenge,
            expires_at: self.now + Duration::seconds(CODE_SECONDS),
            revoked: false,
            token: None,
        };
        self.oauth.grants.insert(code.clone(), grant);
        code
    }

    pub(super) fn grant_state(&self, grant: &Grant) -> GrantState {
        if grant.revoked {
            GrantState::Used
        } else if self.now >= grant.expires_at {
            GrantState::Expired
        } else {
            GrantState::Fresh
        }
    }

    /// Uses a fresh code up.
    pub(super) fn exchange(&mut self, code: &str) -> Option<OauthTokens> {
        let grant = self.oauth.grants.get_mut(code)?;
        grant.revoked = true;
        let grant = grant.clone();
        let tokens = self.add_pair(&grant.client_id, grant.user, grant.scopes, Refreshable::Yes);
        if let Some(grant) = self.oauth.grants.get_mut(code) {
            grant.token = Some(tokens.id);
        }
        self.oauth.stats.exchanges += 1;
        Some(tokens)
    }

    /// A used code came again: the pair it gave dies.
    pub(super) fn replay(&mut self, code: &str) {
        self.oauth.stats.replays += 1;
        if let Some(token) = self.oauth.grants.get(code).and_then(|grant| grant.token) {
            let _ = self.revoke_token(token);
        }
    }

    /// Uses a good refresh token up: its row is revoked, and a new one is made.
    pub(super) fn refresh(&mut self, row: TokenId, scopes: Vec<String>) -> Option<OauthTokens> {
        let pair = self.oauth.pairs.get(&row)?.clone();
        self.revoke_token(row).ok()?;
        self.oauth.stats.refreshes += 1;
        Some(self.add_pair(&pair.client_id, pair.user, scopes, Refreshable::Yes))
    }

    pub(super) fn add_pair(
        &mut self,
        client_id: &str,
        user: UserId,
        scopes: Vec<String>,
        refreshable: Refreshable,
    ) -> OauthTokens {
        let access_token = self.random_hex();
        let refresh_token = (refreshable == Refreshable::Yes).then(|| self.random_hex());
        let id = self.insert_token(
            access_token.clone(),
            Token {
                id: TokenId(0),
                user,
                name: client_id.to_owned(),
                description: None,
                kind: TokenKind::Oauth,
                scopes: scopes.clone(),
                expires_at: None,
                dies_at: Some(self.now + Duration::seconds(TOKEN_SECONDS)),
                revoked: false,
                impersonation_disabled: false,
                rotated_from: None,
                created_at: self.now,
                last_used_at: None,
            },
        );
        let pair = Pair {
            client_id: client_id.to_owned(),
            scopes: scopes.clone(),
            user,
        };
        self.oauth.pairs.insert(id, pair);
        if let Some(value) = &refresh_token {
            self.oauth.refresh_values.insert(value.as_str().into(), id);
        }
        OauthTokens {
            id,
            access_token,
            refresh_token,
            user_id: user,
            scopes,
            created_at: self.now,
        }
    }

    /// Whether a user has a live token of an application with exactly these scopes.
    pub(super) fn has_authorized(&self, client_id: &str, user: UserId, scopes: &[String]) -> bool {
        let sorted = |scopes: &[String]| {
            let mut scopes = scopes.to_vec();
            scopes.sort_unstable();
            scopes
        };
        self.oauth.pairs.iter().any(|(id, pair)| {
            pair.client_id == client_id
                && pair.user == user
                && sorted(&pair.scopes) == sorted(scopes)
                && self.tokens.get(id).is_some_and(|token| !token.revoked)
        })
    }

    pub(super) fn add_device(&mut self, client_id: &str, scopes: Vec<String>) -> (Secret, String) {
        let now = self.now;
        self.oauth
            .devices
            .retain(|_, device| !device.is_expired(now));
        let code = Secret::from(self.random_hex());
        let user_code = self.random_user_code();
        let device = Device {
            client_id: client_id.to_owned(),
            scopes,
            user_code: user_code.clone(),
            expires_at: now + Duration::seconds(DEVICE_SECONDS),
            last_poll: None,
            decision: Decision::Pending,
        };
        self.oauth.devices.insert(code.clone(), device);
        (code, user_code)
    }

    /// One poll of a device. Only polls that are not too fast move the time that is measured from.
    pub(super) fn poll_device(
        &mut self,
        code: &str,
        client_id: &str,
        refreshable: Refreshable,
    ) -> Poll {
        let now = self.now;
        let device = match self.oauth.devices.get_mut(code) {
            Some(device) if device.client_id == client_id => device,
            _ => return Poll::Unknown,
        };
        if device.is_expired(now) {
            self.oauth.devices.remove(code);
            return Poll::Expired;
        }
        let pause = Duration::seconds(POLL_SECONDS);
        if device.last_poll.is_some_and(|last| now - last < pause) {
            return Poll::SlowDown;
        }
        device.last_poll = Some(now);
        match device.decision {
            Decision::Pending => Poll::Pending,
            Decision::Denied => Poll::Denied,
            Decision::Approved(user) => {
                let scopes = device.scopes.clone();
                self.oauth.devices.remove(code);
                self.oauth.stats.device_exchanges += 1;
                Poll::Granted(self.add_pair(client_id, user, scopes, refreshable))
            }
        }
    }

    /// Lets a device in, as its user would on the page.
    pub fn approve_device(&mut self, user_code: &str, username: &str) -> Result<(), WorldError> {
        let user = self.user(username)?.id;
        self.decide_device(user_code, Decision::Approved(user))
    }

    /// Refuses a device, as its user would on the page.
    pub fn deny_device(&mut self, user_code: &str) -> Result<(), WorldError> {
        self.decide_device(user_code, Decision::Denied)
    }

    fn decide_device(&mut self, user_code: &str, decision: Decision) -> Result<(), WorldError> {
        let now = self.now;
        let typed = user_code.trim();
        let device = self.oauth.devices.values_mut().find(|device| {
            device.decision == Decision::Pending
                && !device.is_expired(now)
                && device.user_code.eq_ignore_ascii_case(typed)
        });
        device.ok_or(WorldError::NoSuchDevice)?.decision = decision;
        Ok(())
    }

    /// The user codes of devices that wait for a decision.
    pub fn waiting_devices(&self) -> Vec<String> {
        let waiting =
            self.oauth.devices.values().filter(|device| {
                device.decision == Decision::Pending && !device.is_expired(self.now)
            });
        waiting.map(|device| device.user_code.clone()).collect()
    }

    /// Gives a user's tokens to an application, as after a sign-in.
    pub fn issue_oauth(
        &mut self,
        client_id: &str,
        username: &str,
        scopes: &[&str],
    ) -> Result<OauthTokens, WorldError> {
        let user = self.user(username)?.id;
        let asked = scopes.join(" ");
        let granted = self
            .application(client_id)?
            .scopes_for(Some(&asked))
            .ok_or(WorldError::InvalidScope(asked))?;
        Ok(self.add_pair(client_id, user, granted, Refreshable::Yes))
    }

    /// Lets access tokens expire at once, of one application or of all; refresh tokens live on.
    /// Returns how many there were.
    pub fn expire_oauth_tokens(&mut self, client_id: Option<&str>) -> u64 {
        let now = self.now;
        let mut expired = 0;
        for id in self.pairs_of(client_id, None) {
            if let Some(token) = self
                .tokens
                .get_mut(&id)
                .filter(|token| token.is_active(now))
            {
                token.dies_at = Some(now);
                expired += 1;
            }
        }
        expired
    }

    /// A user takes an application's authorization back: every token and code of theirs dies.
    pub fn revoke_application(
        &mut self,
        client_id: &str,
        username: &str,
    ) -> Result<(), WorldError> {
        let user = self.user(username)?.id;
        self.application(client_id)?;
        for id in self.pairs_of(Some(client_id), Some(user)) {
            self.revoke_token(id)?;
        }
        for grant in self.oauth.grants.values_mut() {
            grant.revoked |= grant.client_id == client_id && grant.user == user;
        }
        Ok(())
    }

    /// Removes an application: its client id is unknown and its tokens are gone from now on.
    pub fn delete_application(&mut self, client_id: &str) -> Result<(), WorldError> {
        self.application(client_id)?;
        for id in self.pairs_of(Some(client_id), None) {
            self.oauth.pairs.remove(&id);
            self.forget_token(id);
        }
        let (pairs, store) = (&self.oauth.pairs, &mut self.oauth.refresh_values);
        store.retain(|_, id| pairs.contains_key(id));
        self.oauth
            .grants
            .retain(|_, grant| grant.client_id != client_id);
        self.oauth
            .devices
            .retain(|_, device| device.client_id != client_id);
        self.oauth.applications.remove(client_id);
        Ok(())
    }

    /// The next uses of good refresh tokens are refused with `invalid_grant`, as by a replica that
    /// has not heard of them yet; the tokens stay good.
    pub fn lag_refresh_tokens(&mut self, times: u64) {
        self.oauth.lag = times;
    }

    /// How often the token endpoint did what.
    pub fn oauth_stats(&self) -> OauthStats {
        self.oauth.stats
    }

    fn pairs_of(&self, client_id: Option<&str>, user: Option<UserId>) -> Vec<TokenId> {
        let wanted = self.oauth.pairs.iter().filter(|(_, pair)| {
            client_id.is_none_or(|wanted| pair.client_id == wanted)
                && user.is_none_or(|wanted| pair.user == wanted)
        });
        wanted.map(|(id, _)| *id).collect()
    }
}
