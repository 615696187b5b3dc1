//! The OAuth side of the fake host: it behaves as GitLab does, as far as the port can tell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use secrecy::{ExposeSecret as _, SecretString};

use super::{FakeHost, Shared, build};
use crate::host::HostUrl;
use crate::ids::AccountId;
use crate::oauth::{Access, ClientId, RedirectUri, Verifier};
use crate::ports::{
    AuthorizationRequest, CodeExchange, DevicePoll, DeviceStart, Grant, HostAccess, HostError,
    OauthError, RotateError, RotatedToken, VcsOauth, VcsRotation,
};
use crate::token::{TokenFacts, TokenState};

/// What goes wrong with the next request of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OauthFault {
    /// The host does its part, and the answer is lost.
    AnswerLost,
    /// Nothing reaches the host.
    NotSent,
    /// The host answers with this instead of doing its part.
    Answers(OauthError),
    /// The program that asks for a renewal dies before anything reaches the host: no answer ever comes. Other calls lose their answer.
    DiesBefore,
    /// The program that asks for a renewal dies after the host did its part. Other calls lose their answer.
    DiesAfter,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    GetsLost,
    /// Nobody is there to hear it.
    Dies {
        after: bool,
    },
}

/// Which requests of the OAuth side there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OauthCall {
    /// [`VcsOauth::exchange`].
    Exchange,
    /// [`VcsOauth::refresh`].
    Refresh,
    /// [`VcsOauth::start_device`].
    StartDevice,
    /// [`VcsOauth::poll_device`].
    PollDevice,
    /// [`VcsOauth::revoke`].
    Revoke,
    /// [`VcsRotation::rotate`].
    Rotate,
}

/// What the fake remembers of its OAuth side.
#[derive(Debug, Default)]
pub(super) struct Oauth {
    unregistered: bool,
    next: u64,
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    /// The pairs that live, by their refresh token.
    pairs: BTreeMap<String, Pair>,
    /// The access tokens of sign-ins.
    pub(super) access_tokens: BTreeSet<String>,
    without_refresh: bool,
    lagging: u64,
    faults: BTreeMap<OauthCall, VecDeque<OauthFault>>,
    calls: BTreeMap<OauthCall, u64>,
}

#[derive(Debug)]
struct Code {
    account: AccountId,
    access: Access,
    redirect: RedirectUri,
    verifier: String,
}

#[derive(Debug)]
struct Device {
    user_code: String,
    access: Access,
    decision: Option<Result<AccountId, ()>>,
    slow_downs: u64,
}

#[derive(Debug, Clone)]
struct Pair {
    account: AccountId,
    access_token: String,
    scopes: BTreeSet<String>,
}

/// What was asked for, in the words of GitLab.
fn scopes(access: Access) -> BTreeSet<String> {
    let scopes: &[&str] = match access {
        Access::Read => &["read_api", "read_repository", "read_user"],
        Access::Restore => &["api"],
    };
    scopes.iter().map(|&scope| scope.to_owned()).collect()
}

const CLIENT: &str = "forgehold-at-the-fake";

/// The page that a browser opens; the fake knows the request behind it.
const PAGE: &str = "oauth/authorize?request=";

impl Oauth {
    fn fresh(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}-{}", self.next)
    }
}

impl Shared {
    fn grant(&mut self, account: AccountId, scopes: BTreeSet<String>) -> Grant {
        let access_token = self.oauth.fresh("oauth-access");
        let refresh_token = self.oauth.fresh("oauth-refresh");
        let facts = TokenFacts {
            id: None,
            name: format!("OAuth application {CLIENT}"),
            scopes: scopes.clone(),
            fine_grained: false,
            expires_on: None,
            state: TokenState::Active,
        };
        self.world
            .tokens
            .insert(access_token.clone(), (account, facts));
        self.oauth.access_tokens.insert(access_token.clone());
        let pair = Pair {
            account,
            access_token: access_token.clone(),
            scopes: scopes.clone(),
        };
        self.oauth.pairs.insert(refresh_token.clone(), pair);
        Grant {
            access_token: SecretString::from(access_token),
            refresh_token: (!self.oauth.without_refresh).then(|| SecretString::from(refresh_token)),
            scopes,
            lifetime: Some(Duration::from_hours(2)),
        }
    }

    fn end(&mut self, pair: &Pair) {
        if let Some((_, facts)) = self.world.tokens.get_mut(&pair.access_token) {
            facts.state = TokenState::Revoked;
        }
    }

    /// Counts the call, and has it go wrong if a test wants that.
    fn begin(&mut self, host: &HostUrl, call: OauthCall) -> Result<Fate, OauthError> {
        *self.oauth.calls.entry(call).or_default() += 1;
        let name = host.to_string();
        let not_sent = |detail: &str| OauthError::NotSent {
            host: name.clone(),
            detail: detail.to_owned(),
        };
        if let Some(detail) = &self.offline {
            return Err(not_sent(detail));
        }
        self.requests += 1;
        let fault = self.oauth.faults.get_mut(&call);
        match fault.and_then(VecDeque::pop_front) {
            None => Ok(Fate::Arrives),
            Some(OauthFault::AnswerLost) => Ok(Fate::GetsLost),
            Some(OauthFault::DiesBefore) => Ok(Fate::Dies { after: false }),
            Some(OauthFault::DiesAfter) => Ok(Fate::Dies { after: true }),
            Some(OauthFault::NotSent) => Err(not_sent("the test said so")),
            Some(OauthFault::Answers(error)) => Err(error),
        }
    }
}

impl Shared {
    fn renew(&mut self, host: &HostUrl, refresh_token: &str) -> Result<Grant, OauthError> {
        if self.oauth.lagging > 0 && self.oauth.pairs.contains_key(refresh_token) {
            self.oauth.lagging -= 1;
            return Err(invalid_grant(host));
        }
        let pair = self.oauth.pairs.remove(refresh_token);
        let pair = pair.ok_or_else(|| invalid_grant(host))?;
        self.end(&pair);
        Ok(self.grant(pair.account, pair.scopes))
    }
}

fn invalid_grant(host: &HostUrl) -> OauthError {
    OauthError::InvalidGrant {
        host: host.to_string(),
        detail: "the grant is invalid, expired or revoked".to_owned(),
    }
}

fn lost(host: &HostUrl) -> OauthError {
    OauthError::Lost {
        host: host.to_string(),
        detail: "the connection was closed".to_owned(),
    }
}

impl FakeHost {
    /// No application is configured for the host any more.
    pub fn forget_client(&self) {
        self.lock().oauth.unregistered = true;
    }

    /// Has the next request of this kind go wrong; several faults come one after the other.
    pub fn fail_oauth(&self, call: OauthCall, fault: OauthFault) {
        let mut shared = self.lock();
        shared
            .oauth
            .faults
            .entry(call)
            .or_default()
            .push_back(fault);
    }

    /// How many requests of this kind came.
    pub fn oauth_calls(&self, call: OauthCall) -> u64 {
        self.lock()
            .oauth
            .calls
            .get(&call)
            .copied()
            .unwrap_or_default()
    }

    /// The next uses of good refresh tokens are refused, as by a replica that lags behind.
    pub fn lag_refresh_tokens(&self, times: u64) {
        self.lock().oauth.lagging = times;
    }

    /// Grants come without a refresh token from now on.
    pub fn grant_without_refresh(&self) {
        self.lock().oauth.without_refresh = true;
    }

    /// A person opens the address of a sign-in, and agrees. Answers the query that the browser brings back.
    ///
    /// # Panics
    /// If the address is none that this host gave: a mistake in the test.
    #[track_caller]
    pub fn approve(&self, url: &SecretString, account: u64) -> String {
        let account = AccountId::new(account).expect("tests number accounts from 1");
        let (code, state) = self.opened(url, Some(account));
        format!("code={code}&state={state}")
    }

    /// The same with a person who says no.
    #[track_caller]
    pub fn deny(&self, url: &SecretString) -> String {
        let (_, state) = self.opened(url, None);
        format!("error=access_denied&error_description=The+resource+owner+denied+it&state={state}")
    }

    #[track_caller]
    fn opened(&self, url: &SecretString, account: Option<AccountId>) -> (String, String) {
        let (_, request) = url.expose_secret().split_once(PAGE).expect("a sign-in");
        let mut shared = self.lock();
        let (request, state) = request.split_once("&state=").expect("a state");
        if let Some(account) = account {
            let code = shared.oauth.codes.get_mut(request).expect("a request");
            code.account = account;
        } else {
            shared.oauth.codes.remove(request);
        }
        (request.to_owned(), state.to_owned())
    }

    /// A person types the code of a device sign-in, and agrees.
    ///
    /// # Panics
    /// If no device has this code: a mistake in the test.
    #[track_caller]
    pub fn approve_device(&self, user_code: &str, account: u64) {
        let account = AccountId::new(account).expect("tests number accounts from 1");
        self.decide_device(user_code, Ok(account));
    }

    /// The same with a person who says no.
    #[track_caller]
    pub fn deny_device(&self, user_code: &str) {
        self.decide_device(user_code, Err(()));
    }

    #[track_caller]
    fn decide_device(&self, user_code: &str, decision: Result<AccountId, ()>) {
        let mut shared = self.lock();
        let mut devices = shared.oauth.devices.values_mut();
        let device = devices.find(|device| device.user_code == user_code);
        device.expect("a device").decision = Some(decision);
    }

    /// The next so many polls of devices come too fast for the host.
    pub fn slow_devices_down(&self, times: u64) {
        for device in self.lock().oauth.devices.values_mut() {
            device.slow_downs = times;
        }
    }

    /// The user codes of the devices that wait for a decision.
    pub fn waiting_devices(&self) -> Vec<String> {
        let shared = self.lock();
        let waiting = shared
            .oauth
            .devices
            .values()
            .filter(|device| device.decision.is_none());
        waiting.map(|device| device.user_code.clone()).collect()
    }

    /// How many token pairs live.
    pub fn living_pairs(&self) -> usize {
        let shared = self.lock();
        let lives = |pair: &&Pair| {
            let facts = shared.world.tokens.get(&pair.access_token);
            facts.is_some_and(|(_, facts)| facts.state != TokenState::Revoked)
        };
        shared.oauth.pairs.values().filter(lives).count()
    }

    /// Every access token of a sign-in has expired; the refresh tokens live on.
    pub fn expire_sign_ins(&self) {
        let mut shared = self.lock();
        let values: Vec<String> = shared.oauth.access_tokens.iter().cloned().collect();
        for value in values {
            if let Some((_, facts)) = shared.world.tokens.get_mut(&value)
                && facts.state == TokenState::Active
            {
                facts.state = TokenState::Expired;
            }
        }
    }

    /// A person takes the application's authorization back: every pair dies.
    pub fn revoke_sign_ins(&self) {
        let mut shared = self.lock();
        let pairs: Vec<Pair> = std::mem::take(&mut shared.oauth.pairs)
            .into_values()
            .collect();
        for pair in &pairs {
            shared.end(pair);
        }
    }
}

#[async_trait]
impl VcsOauth for FakeHost {
    fn client(&self, _: &HostUrl) -> Option<ClientId> {
        (!self.lock().oauth.unregistered).then(|| build::parsed(CLIENT))
    }

    fn authorization_url(
        &self,
        host: &HostUrl,
        request: &AuthorizationRequest,
    ) -> Result<SecretString, OauthError> {
        let mut shared = self.lock();
        let code = shared.oauth.fresh("code");
        let nobody = AccountId::new(u64::MAX >> 1).expect("in range");
        let kept = Code {
            account: nobody,
            access: request.access,
            redirect: request.redirect.clone(),
            verifier: request.verifier.secret().expose_secret().to_owned(),
        };
        shared.oauth.codes.insert(code.clone(), kept);
        let state = request.state.secret().expose_secret();
        Ok(SecretString::from(format!(
            "{host}/{PAGE}{code}&state={state}"
        )))
    }

    async fn exchange(
        &self,
        host: &HostUrl,
        exchange: &CodeExchange,
        _: Access,
    ) -> Result<Grant, OauthError> {
        let mut shared = self.lock();
        let gets_lost = shared.begin(host, OauthCall::Exchange)? != Fate::Arrives;
        let Some(code) = shared.oauth.codes.remove(exchange.code.expose_secret()) else {
            return Err(invalid_grant(host));
        };
        let verifier: &Verifier = &exchange.verifier;
        let proves = code.verifier == verifier.secret().expose_secret();
        if !proves || code.redirect != exchange.redirect {
            return Err(invalid_grant(host));
        }
        let grant = shared.grant(code.account, scopes(code.access));
        if gets_lost {
            Err(lost(host))
        } else {
            Ok(grant)
        }
    }

    async fn refresh(
        &self,
        host: &HostUrl,
        refresh_token: &SecretString,
        _: Option<RedirectUri>,
    ) -> Result<Grant, OauthError> {
        let (answer, fate) = {
            let mut shared = self.lock();
            match shared.begin(host, OauthCall::Refresh)? {
                fate @ Fate::Dies { after: false } => (Err(lost(host)), fate),
                fate => (shared.renew(host, refresh_token.expose_secret()), fate),
            }
        };
        match fate {
            Fate::Arrives => answer,
            Fate::GetsLost => answer.and(Err(lost(host))),
            Fate::Dies { .. } => std::future::pending().await,
        }
    }

    async fn start_device(
        &self,
        host: &HostUrl,
        access: Access,
    ) -> Result<DeviceStart, OauthError> {
        let mut shared = self.lock();
        let gets_lost = shared.begin(host, OauthCall::StartDevice)? != Fate::Arrives;
        let device_code = shared.oauth.fresh("device");
        let user_code = shared.oauth.fresh("CODE");
        let device = Device {
            user_code: user_code.clone(),
            access,
            decision: None,
            slow_downs: 0,
        };
        shared.oauth.devices.insert(device_code.clone(), device);
        if gets_lost {
            return Err(lost(host));
        }
        Ok(DeviceStart {
            device_code: SecretString::from(device_code),
            verification_uri: format!("{host}/oauth/device"),
            verification_uri_complete: Some(format!("{host}/oauth/device?user_code={user_code}")),
            user_code,
            lifetime: Duration::from_mins(5),
            interval: Duration::from_secs(5),
        })
    }

    async fn poll_device(
        &self,
        host: &HostUrl,
        device_code: &SecretString,
        _: Access,
    ) -> Result<DevicePoll, OauthError> {
        let mut shared = self.lock();
        let gets_lost = shared.begin(host, OauthCall::PollDevice)? != Fate::Arrives;
        let value = device_code.expose_secret();
        let Some(device) = shared.oauth.devices.get_mut(value) else {
            return Err(invalid_grant(host));
        };
        if device.slow_downs > 0 {
            device.slow_downs -= 1;
            return Ok(DevicePoll::SlowDown);
        }
        let (decision, access) = (device.decision, device.access);
        match decision {
            None => Ok(DevicePoll::Pending),
            Some(Err(())) => Err(OauthError::AccessDenied {
                host: host.to_string(),
            }),
            Some(Ok(account)) => {
                shared.oauth.devices.remove(value);
                let grant = shared.grant(account, scopes(access));
                if gets_lost {
                    Err(lost(host))
                } else {
                    Ok(DevicePoll::Granted(grant))
                }
            }
        }
    }

    async fn revoke(&self, host: &HostUrl, token: &SecretString) -> Result<(), OauthError> {
        let mut shared = self.lock();
        let gets_lost = shared.begin(host, OauthCall::Revoke)? != Fate::Arrives;
        let value = token.expose_secret();
        let by_access = |(_, pair): &(&String, &Pair)| pair.access_token == value;
        let found = shared.oauth.pairs.iter().find(by_access);
        let key = found.map_or_else(|| value.to_owned(), |(refresh, _)| refresh.clone());
        if let Some(pair) = shared.oauth.pairs.remove(&key) {
            shared.end(&pair);
        }
        if gets_lost { Err(lost(host)) } else { Ok(()) }
    }
}

#[async_trait]
impl VcsRotation for FakeHost {
    async fn rotate(
        &self,
        access: &HostAccess,
        expires_on: NaiveDate,
    ) -> Result<RotatedToken, RotateError> {
        let token = access.credential.current().await?;
        let mut shared = self.lock();
        let gets_lost = match shared.begin(&access.host, OauthCall::Rotate) {
            Ok(fate) => fate != Fate::Arrives,
            Err(error) => {
                return Err(RotateError::Refused(HostError::Unavailable {
                    host: access.host.to_string(),
                    action: "rotating the access token".to_owned(),
                    detail: error.to_string(),
                }));
            }
        };
        let (account, facts) = shared.token(&access.host, &token)?;
        let any_of = ["self_rotate", "api"];
        if !any_of.iter().any(|scope| facts.scopes.contains(*scope)) {
            return Err(RotateError::Refused(HostError::ScopeMissing {
                action: "rotating the access token".to_owned(),
                any_of: any_of.map(str::to_owned).to_vec(),
            }));
        }
        let mut rotated = facts.clone();
        rotated.expires_on = Some(expires_on);
        rotated.id = rotated.id.map(|id| id + 1);
        let value = shared.oauth.fresh("rotated");
        if let Some((_, old)) = shared.world.tokens.get_mut(token.expose_secret()) {
            old.state = TokenState::Revoked;
        }
        shared
            .world
            .tokens
            .insert(value.clone(), (account, rotated));
        if gets_lost {
            return Err(RotateError::Lost {
                host: access.host.to_string(),
                detail: "the connection was closed".to_owned(),
            });
        }
        Ok(RotatedToken {
            token: SecretString::from(value),
            expires_on: Some(expires_on),
        })
    }
}
