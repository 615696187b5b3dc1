//! A model of a host, with faults on demand.

mod oauth;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::oauth::{OauthCall, OauthFault};
pub use self::world::World;
use super::build;
use super::random::Random;
use crate::host::HostUrl;
use crate::ids::{AccountId, RepositoryId};
use crate::inventory::Group;
use crate::listing::{ListingEvent, ListingReport, MissingPart, Scope, Wait};
use crate::ports::{
    Confirmation, HostAccess, HostError, Identity, ListingStream, Probe, ProbeReport, ProbeStep,
    ProbeStepKind, VcsIdentity, VcsListing, VcsProbe,
};
use crate::text::GroupPath;
use crate::token::{Capability, CapabilityTable, TokenFacts, TokenState};

/// What goes wrong when a listing reaches a certain page, counted from 1.
pub enum PageFault {
    /// The page and all after it fail: nothing that came is worth anything.
    Error(HostError),
    /// The stream ends without its last event.
    Cut,
    /// The rows of this page are lost, and the report says so.
    Lost(MissingPart),
    /// The host asks to wait before the page comes.
    Wait(Wait),
    /// Nothing comes until [`FakeHost::release`].
    Hang,
    /// The world changes before the page is read; the listing goes on with what it saw at its beginning.
    Change(Box<dyn FnOnce(&mut World) + Send>),
}

impl fmt::Debug for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error(_) => "Error",
            Self::Cut => "Cut",
            Self::Lost(_) => "Lost",
            Self::Wait(_) => "Wait",
            Self::Hang => "Hang",
            Self::Change(_) => "Change",
        })
    }
}

/// A host that lives in memory: a [`World`], and what is wrong with it at the moment.
///
/// It answers at any address. The needed scopes are those of GitLab ([`build::needed_scopes`]), and whether a token has expired is what
/// its [`TokenFacts::state`] says, since a host has a clock of its own.
#[derive(Debug, Clone)]
pub struct FakeHost {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    page_size: usize,
    shuffle: Option<u64>,
    repeats: bool,
    /// What happens at which page of the next listing; each happens once.
    page_faults: BTreeMap<usize, VecDeque<PageFault>>,
    /// Groups whose repositories cannot be read, and why.
    denied_parts: BTreeMap<GroupPath, String>,
    unconfirmable: BTreeMap<RepositoryId, String>,
    tells_where: bool,
    offline: Option<String>,
    oauth: oauth::Oauth,
    requests: u64,
    hanging: bool,
    wakers: Vec<Waker>,
}

impl FakeHost {
    /// A host with this world, in good health, with pages of 20 rows in the order of ids.
    pub fn new(world: World) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                world,
                page_size: 20,
                shuffle: None,
                repeats: false,
                page_faults: BTreeMap::new(),
                denied_parts: BTreeMap::new(),
                unconfirmable: BTreeMap::new(),
                tells_where: false,
                offline: None,
                oauth: oauth::Oauth::default(),
                requests: 0,
                hanging: false,
                wakers: Vec::new(),
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock().world)
    }

    /// How many requests were sent so far; each page, each token and each id asked for is one.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// How many rows a page has from now on; at least one.
    pub fn set_page_size(&self, rows: usize) {
        self.lock().page_size = rows.max(1);
    }

    /// The pages of each listing come in an order that depends on `seed` alone.
    pub fn shuffle_pages(&self, seed: u64) {
        self.lock().shuffle = Some(seed);
    }

    /// The last row of each page comes once more on the next one, as where rows move between pages.
    pub fn repeat_rows(&self) {
        self.lock().repeats = true;
    }

    /// Something goes wrong once, when a listing reaches page `page`, counted from 1.
    pub fn at_page(&self, page: usize, fault: PageFault) {
        self.lock()
            .page_faults
            .entry(page)
            .or_default()
            .push_back(fault);
    }

    /// Lets the listings go on that [`PageFault::Hang`] stopped.
    pub fn release(&self) {
        let wakers = {
            let mut shared = self.lock();
            shared.hanging = false;
            std::mem::take(&mut shared.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The repositories of a group, and of those below it, cannot be read; listings say so in their report.
    ///
    /// # Panics
    /// If the path is not valid: a mistake in the test.
    #[track_caller]
    pub fn deny_part(&self, group: &str, why: &str) {
        let group = build::parsed(group);
        self.lock().denied_parts.insert(group, why.to_owned());
    }

    /// Ends what [`FakeHost::deny_part`] began, for every group.
    pub fn allow_parts(&self) {
        self.lock().denied_parts.clear();
    }

    /// The host will not say whether this repository is there.
    pub fn refuse_to_confirm(&self, repository: u64, why: &str) {
        self.lock()
            .unconfirmable
            .insert(build::repository_id(repository), why.to_owned());
    }

    /// The host says from now on where a repository stands, when it is asked whether it is there ([`Confirmation::At`]).
    pub fn tell_where(&self) {
        self.lock().tells_where = true;
    }

    /// Nothing reaches the host from now on.
    pub fn take_offline(&self, detail: &str) {
        self.lock().offline = Some(detail.to_owned());
    }

    /// Ends what [`FakeHost::take_offline`] began.
    pub fn bring_online(&self) {
        self.lock().offline = None;
    }

    /// Changes what the host says of a token.
    ///
    /// # Panics
    /// If there is no such token: a mistake in the test.
    #[track_caller]
    pub fn change_token(&self, value: &str, change: impl FnOnce(&mut TokenFacts)) {
        let mut shared = self.lock();
        let (_, facts) = shared.world.tokens.get_mut(value).expect("the token");
        change(facts);
    }

    /// The token's day has come.
    #[track_caller]
    pub fn expire_token(&self, value: &str) {
        self.change_token(value, |facts| facts.state = TokenState::Expired);
    }

    /// Somebody revoked the token.
    #[track_caller]
    pub fn revoke_token(&self, value: &str) {
        self.change_token(value, |facts| facts.state = TokenState::Revoked);
    }
}

impl Shared {
    fn reach(&mut self, host: &HostUrl, action: &str) -> Result<(), HostError> {
        self.requests += 1;
        match &self.offline {
            None => Ok(()),
            Some(detail) => Err(HostError::Unavailable {
                host: host.to_string(),
                action: action.to_owned(),
                detail: detail.clone(),
            }),
        }
    }

    fn token(
        &self,
        host: &HostUrl,
        token: &SecretString,
    ) -> Result<(AccountId, &TokenFacts), HostError> {
        let refused = |detail: &str| HostError::TokenRefused {
            host: host.to_string(),
            detail: detail.to_owned(),
        };
        let known = self.world.tokens.get(token.expose_secret());
        let (account, facts) = known.ok_or_else(|| refused("it is unknown"))?;
        match facts.state {
            TokenState::Active => Ok((*account, facts)),
            TokenState::Expired => Err(HostError::TokenExpired {
                host: host.to_string(),
            }),
            TokenState::Revoked => Err(refused("it was revoked")),
            TokenState::Inactive => Err(refused("it is not active")),
        }
    }

    /// The account behind a credential that may list.
    fn reader(
        &mut self,
        host: &HostUrl,
        token: &SecretString,
        action: &str,
    ) -> Result<AccountId, HostError> {
        self.reach(host, action)?;
        let (account, facts) = self.token(host, token)?;
        let any_of = build::needed_scopes(Capability::List);
        if facts.fine_grained || any_of.iter().any(|scope| facts.scopes.contains(*scope)) {
            return Ok(account);
        }
        Err(HostError::ScopeMissing {
            action: action.to_owned(),
            any_of: any_of.iter().map(|&scope| scope.to_owned()).collect(),
        })
    }

    /// The pages of a listing, and what their report will name as missing.
    fn pages(
        &self,
        account: AccountId,
        scope: &Scope,
    ) -> (VecDeque<ListingEvent>, Vec<MissingPart>) {
        let mut listed = self.world.listed(account, scope);
        for (path, why) in &self.denied_parts {
            let before = listed.repositories.len();
            let world = &self.world;
            listed
                .repositories
                .retain(|repository| !world.is_below(repository, path));
            if listed.repositories.len() < before {
                listed.missing.push(MissingPart {
                    what: format!("the repositories of {path}"),
                    why: why.clone(),
                });
            }
        }
        let groups = chunks(&listed.groups, self.page_size, self.repeats);
        let repositories = chunks(&listed.repositories, self.page_size, self.repeats);
        let mut pages: Vec<ListingEvent> = groups
            .into_iter()
            .map(ListingEvent::Groups)
            .chain(repositories.into_iter().map(ListingEvent::Repositories))
            .collect();
        if let Some(seed) = self.shuffle {
            Random::new(seed).shuffle(&mut pages);
        }
        (pages.into(), listed.missing)
    }
}

fn chunks<T: Clone>(rows: &[T], size: usize, repeats: bool) -> Vec<Vec<T>> {
    let mut last: Option<T> = None;
    let chunks = rows.chunks(size).map(|chunk| {
        let repeated = last.take().filter(|_| repeats);
        last = chunk.last().cloned();
        repeated.into_iter().chain(chunk.iter().cloned()).collect()
    });
    chunks.collect()
}

impl FakeHost {
    /// Asks with the present token, and once more with another one if the host refuses that and there is another by now.
    async fn ask<T>(
        &self,
        access: &HostAccess,
        ask: impl Fn(&mut Shared, &SecretString) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let token = access.credential.current().await?;
        let answer = ask(&mut self.lock(), &token);
        let Err(HostError::TokenExpired { .. } | HostError::TokenRefused { .. }) = answer else {
            return answer;
        };
        match access.credential.replacement(&token).await? {
            Some(token) => ask(&mut self.lock(), &token),
            None => answer,
        }
    }

    async fn reader(&self, access: &HostAccess, action: &str) -> Result<AccountId, HostError> {
        let host = &access.host;
        self.ask(access, |shared, token| shared.reader(host, token, action))
            .await
    }
}

#[async_trait]
impl VcsProbe for FakeHost {
    async fn probe(&self, probe: &Probe) -> ProbeReport {
        let token = match &probe.credential {
            None => None,
            Some(credential) => credential.current().await.ok(),
        };
        let mut shared = self.lock();
        let mut steps = Vec::new();
        let mut step = |kind, result: Result<&str, String>| {
            steps.push(ProbeStep {
                kind,
                took: Duration::from_millis(1),
                result: result.map(str::to_owned),
            });
        };
        step(ProbeStepKind::Dns, Ok("192.0.2.1"));
        if let Err(error) = shared.reach(&probe.host, "a probe") {
            step(ProbeStepKind::Tcp, Err(error.to_string()));
            return ProbeReport { steps };
        }
        step(ProbeStepKind::Tcp, Ok("connected"));
        if probe.host.is_encrypted() {
            step(ProbeStepKind::Tls, Ok("TLS 1.3"));
        }
        step(ProbeStepKind::Http, Ok("it answers"));
        let version = match &token {
            None => Ok("version unknown without a token"),
            Some(token) => Ok(match shared.token(&probe.host, token) {
                Ok(_) => "fake host 1.0",
                Err(_) => "version unknown, since the token is refused",
            }),
        };
        step(ProbeStepKind::Version, version);
        ProbeReport { steps }
    }
}

#[async_trait]
impl VcsIdentity for FakeHost {
    async fn identify(&self, access: &HostAccess) -> Result<Identity, HostError> {
        const ACTION: &str = "the identity of a token";
        let is_oauth = access.credential.is_oauth();
        self.ask(access, |shared, token| {
            shared.reach(&access.host, ACTION)?;
            let (account, facts) = shared.token(&access.host, token)?;
            if shared.oauth.access_tokens.contains(token.expose_secret()) != is_oauth {
                return Err(HostError::Unsupported {
                    host: access.host.to_string(),
                    action: ACTION.to_owned(),
                    detail: "it is a credential of another kind".to_owned(),
                });
            }
            let account = shared.world.accounts.get(&account).cloned();
            Ok(Identity {
                account: account.ok_or_else(|| HostError::Unexpected {
                    host: access.host.to_string(),
                    action: ACTION.to_owned(),
                    detail: "a token without an account".to_owned(),
                })?,
                capabilities: CapabilityTable::of_token(facts, build::needed_scopes),
                token: facts.clone(),
            })
        })
        .await
    }

    async fn find_group(
        &self,
        access: &HostAccess,
        path: &GroupPath,
    ) -> Result<Option<Group>, HostError> {
        let account = self.reader(access, "finding a group").await?;
        Ok(self.lock().world.visible_group(account, path).cloned())
    }
}

/// How far a listing has come.
enum Progress {
    Begin(HostAccess, Scope),
    At {
        page: usize,
        pages: VecDeque<ListingEvent>,
        missing: Vec<MissingPart>,
        requests: u64,
    },
    End,
}

impl Progress {
    /// The next event, and how it goes on; `None` at the end, also where it was cut.
    async fn next(self, host: &FakeHost) -> Option<(Result<ListingEvent, HostError>, Self)> {
        let mut progress = self;
        loop {
            match progress {
                Self::End => return None,
                Self::Begin(access, scope) => match host.reader(&access, "listing").await {
                    Err(error) => return Some((Err(error), Self::End)),
                    Ok(account) => {
                        let (pages, missing) = host.lock().pages(account, &scope);
                        progress = Self::At {
                            page: 1,
                            pages,
                            missing,
                            requests: 1,
                        };
                    }
                },
                Self::At {
                    page,
                    mut pages,
                    mut missing,
                    requests,
                } => {
                    let fault = {
                        let mut shared = host.lock();
                        let faults = shared.page_faults.get_mut(&page);
                        faults.and_then(VecDeque::pop_front)
                    };
                    match fault {
                        None => {
                            let mut shared = host.lock();
                            let Some(event) = pages.pop_front() else {
                                let report = ListingReport { missing, requests };
                                return Some((Ok(ListingEvent::Finished(report)), Self::End));
                            };
                            shared.requests += 1;
                            let next = Self::At {
                                page: page + 1,
                                pages,
                                missing,
                                requests: requests + 1,
                            };
                            return Some((Ok(event), next));
                        }
                        Some(PageFault::Error(error)) => return Some((Err(error), Self::End)),
                        Some(PageFault::Cut) => return None,
                        Some(PageFault::Wait(wait)) => {
                            let next = Self::At {
                                page,
                                pages,
                                missing,
                                requests,
                            };
                            return Some((Ok(ListingEvent::Waiting(wait)), next));
                        }
                        Some(PageFault::Lost(part)) => {
                            pages.pop_front();
                            missing.push(part);
                        }
                        Some(PageFault::Hang) => host.hang().await,
                        Some(PageFault::Change(change)) => host.change(change),
                    }
                    progress = Self::At {
                        page,
                        pages,
                        missing,
                        requests,
                    };
                }
            }
        }
    }
}

impl FakeHost {
    async fn hang(&self) {
        self.lock().hanging = true;
        std::future::poll_fn(|context| {
            let mut shared = self.lock();
            if shared.hanging {
                shared.wakers.push(context.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

#[async_trait]
impl VcsListing for FakeHost {
    fn list(&self, access: &HostAccess, scope: &Scope) -> ListingStream {
        let host = self.clone();
        let begin = Progress::Begin(access.clone(), scope.clone());
        stream::unfold(begin, move |progress| {
            let host = host.clone();
            async move { progress.next(&host).await }
        })
        .boxed()
    }

    async fn confirm(
        &self,
        access: &HostAccess,
        repositories: &[RepositoryId],
    ) -> Result<BTreeMap<RepositoryId, Confirmation>, HostError> {
        let account = self.reader(access, "confirming what is gone").await?;
        let mut shared = self.lock();
        shared.requests += repositories.len() as u64;
        let confirm = |id: &RepositoryId| {
            if let Some(why) = shared.unconfirmable.get(id) {
                return Confirmation::Unknown { why: why.clone() };
            }
            match shared.world.repositories.get(id) {
                Some(repository) if shared.world.is_visible(account, repository) => {
                    if shared.tells_where {
                        Confirmation::At {
                            group: repository.group,
                            full_path: repository.full_path.clone(),
                        }
                    } else {
                        Confirmation::Present
                    }
                }
                _ => Confirmation::Absent,
            }
        };
        Ok(repositories.iter().map(|id| (*id, confirm(id))).collect())
    }
}
