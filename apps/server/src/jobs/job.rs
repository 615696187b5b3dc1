//! One piece of work: how far it is, what it waits for, and what came of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use org_core::accounts::Level;
use org_core::ids::{OrganizationId, UserId};
use org_core::oauth::StateHash;
use org_core::sync::run::SyncRun;
use org_core::use_cases::accounts::Caller;
use org_core::use_cases::follow::Stop;
use org_core::use_cases::{Progress, ProgressEvent};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use uuid::Uuid;

use super::sign_in::{Said, Waits};
use crate::api::body::check::Check;
use crate::api::body::job::{self as body, Listed, SignInCode, Step};
use crate::api::body::sync::SyncRun as SyncRunBody;
use crate::api::body::time::stamp;
use crate::api::problem::Problem;

/// How many steps a job tells.
const STEPS: usize = 50;

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An organization is connected.
    Connect,
    /// It is looked at what connecting an organization would cover.
    Check,
    /// An organization gets another credential.
    Reconnect,
    /// An organization is synchronized.
    Sync,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Check => "check",
            Self::Reconnect => "reconnect",
            Self::Sync => "sync",
        }
    }
}

/// What came of a job.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The organization stands, or has its new credential.
    Stands {
        /// Which one.
        organization: OrganizationId,
        /// The syncs that followed in the same job.
        syncs: Vec<SyncRun>,
        /// Why a sync that was to follow did not begin.
        unsynced: Option<Problem>,
    },
    /// This would be connected; nothing was stored.
    Checked(Box<Check>),
    /// These syncs ran; none at all means that it was stopped while it waited.
    Synced(Vec<SyncRun>),
    /// It was not done.
    Failed(Problem),
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
pub struct Progressed {
    /// The steps, the newest last.
    pub steps: Vec<Step>,
    /// How far the list was read.
    pub listed: Option<Listed>,
    /// What a person has to do before anything goes on.
    pub waits: Option<Waits>,
    /// What the answer of its sign-in carries, also once nobody waits for it any more.
    pub asked: Option<StateHash>,
    /// The login of whoever signed in.
    pub signed_in: Option<String>,
    /// Whether what was granted is being made use of; from then on nothing is given up.
    pub decided: bool,
    /// Whether somebody gave it up.
    pub given_up: bool,
    /// The organization, from the moment that it stands.
    pub stands: Option<OrganizationId>,
    /// What came of it; `None` while it is being done.
    pub outcome: Option<Outcome>,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub kind: Kind,
    /// Who began it; `None` where a rule did.
    pub owner: Option<UserId>,
    /// The name of the organization.
    pub name: String,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    state: watch::Sender<Progressed>,
    talk: Option<Talk>,
}

/// How a person speaks to a job.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) say: mpsc::Sender<Said>,
    heard: Mutex<Option<mpsc::Receiver<Said>>>,
    /// One of the places of those who wait for a person, until somebody has not to be waited for any more.
    waiting: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Talk {
    pub(super) fn new(waiting: OwnedSemaphorePermit) -> Self {
        let (say, heard) = mpsc::channel(1);
        Self {
            waiting: Mutex::new(Some(waiting)),
            say,
            heard: Mutex::new(Some(heard)),
        }
    }
}

impl Job {
    pub(super) fn new(
        (id, started_at): (Uuid, DateTime<Utc>),
        (kind, name): (Kind, String),
        owner: Option<UserId>,
        talk: Option<Talk>,
    ) -> Self {
        Self {
            id,
            kind,
            owner,
            name,
            started_at,
            state: watch::Sender::new(Progressed::default()),
            talk,
        }
    }

    /// How far it is now.
    pub fn now(&self) -> Progressed {
        self.state.borrow().clone()
    }

    /// Waits for its end, at most so long; answers what came of it, if anything did by then.
    pub async fn wait(&self, at_most: Duration) -> Option<Outcome> {
        self.wait_until(at_most, |state| state.outcome.is_some())
            .await;
        self.now().outcome
    }

    /// The same, but what a person has to do ends the wait too: without it nothing goes on.
    pub async fn wait_or_ask(&self, at_most: Duration) -> Option<Outcome> {
        self.wait_until(at_most, |state| {
            state.outcome.is_some() || state.waits.is_some()
        })
        .await;
        self.now().outcome
    }

    /// Waits until something is so, at most so long.
    pub(super) async fn wait_until(
        &self,
        at_most: Duration,
        is_so: impl FnMut(&Progressed) -> bool,
    ) {
        let mut seen = self.state.subscribe();
        // Either way, whoever waited looks at what is so now.
        let _ = tokio::time::timeout(at_most, seen.wait_for(is_so)).await;
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Progressed)) {
        self.state.send_modify(change);
    }

    /// The organization stands, whatever follows in the same job: nobody is waited for any more.
    pub(crate) fn stands(&self, organization: OrganizationId) {
        self.change(|state| state.stands = Some(organization));
        if let Some(talk) = &self.talk {
            talk.waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
        }
    }

    pub(super) const fn talk(&self) -> Option<&Talk> {
        self.talk.as_ref()
    }

    /// Whether a person signs in for it.
    pub(super) const fn signs_in(&self) -> bool {
        self.talk.is_some()
    }

    /// What is said to it; whoever takes it first hears everything.
    pub(super) fn hear(&self) -> Option<mpsc::Receiver<Said>> {
        let heard = &self.talk.as_ref()?.heard;
        heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends a sign-in, wherever a person is at it: whatever the host agrees to by then, nothing comes of it. `false` if that is not what is
    /// going on, or if use is being made already of what was granted.
    pub fn give_up(&self) -> bool {
        let mut accepted = false;
        self.state.send_if_modified(|state| {
            accepted = self.talk.is_some() && !state.decided && state.outcome.is_none();
            state.given_up |= accepted;
            accepted
        });
        accepted
    }

    /// Makes use of what was granted, unless somebody gave the job up: of the two, one comes first.
    pub(super) fn decide(&self) -> bool {
        let mut decided = false;
        self.state.send_if_modified(|state| {
            decided = !state.given_up;
            state.decided = decided;
            decided
        });
        decided
    }

    /// Takes it back, since nothing came of it.
    pub(super) fn undecide(&self) {
        self.change(|state| state.decided = false);
    }

    /// Comes when the server stops, or when somebody gives the job up.
    pub(crate) fn stop(&self, server: Stop) -> Stop {
        let mut state = self.state.subscribe();
        let stop = async move {
            tokio::select! {
                () = server => {}
                _ = state.wait_for(|state| state.given_up) => {}
            }
        };
        stop.boxed().shared()
    }

    /// Whether it is that person's.
    pub fn is_of(&self, user: UserId) -> bool {
        self.owner == Some(user)
    }

    /// As a program reads it. What a sign-in waits for is shown to those alone who could have begun it for that person: a token that may only look
    /// must not decide with which account it is done.
    pub fn body_for(&self, caller: &Caller) -> body::Job {
        if self.is_of(caller.user.id) && caller.require(Level::Admin).is_ok() {
            self.body_for_owner()
        } else {
            self.body()
        }
    }

    /// As programs of whoever began it read it: who sees what a sign-in waits for decides with which account it is done.
    pub fn body_for_owner(&self) -> body::Job {
        let mut body = self.body();
        match self.now().waits {
            Some(Waits::Code(code)) => body.sign_in = Some(code),
            Some(Waits::Page(page)) => body.authorization = Some((&page).into()),
            Some(Waits::Choice(choice)) => body.choice = Some((&choice).into()),
            None => {}
        }
        body
    }

    /// As programs of anybody read it.
    pub fn body(&self) -> body::Job {
        let Progressed {
            steps,
            listed,
            signed_in,
            stands,
            outcome,
            ..
        } = self.now();
        let mut body = body::Job {
            id: self.id.to_string(),
            kind: self.kind.as_str().to_owned(),
            organization_name: self.name.clone(),
            state: "running".to_owned(),
            started_at: stamp(self.started_at),
            steps,
            listed,
            sign_in: None,
            authorization: None,
            signed_in_as: signed_in,
            choice: None,
            organization: stands.map(|organization| organization.to_string()),
            syncs: Vec::new(),
            sync_problem: None,
            check: None,
            problem: None,
        };
        let Some(outcome) = outcome else { return body };
        "done".clone_into(&mut body.state);
        let run = |run: &SyncRun| SyncRunBody::new(run, &self.name);
        match outcome {
            Outcome::Failed(problem) => {
                "failed".clone_into(&mut body.state);
                body.problem = Some(*problem.body);
            }
            Outcome::Stands {
                organization,
                syncs,
                unsynced,
            } => {
                body.organization = Some(organization.to_string());
                body.syncs = syncs.iter().map(run).collect();
                body.sync_problem = unsynced.map(|problem| *problem.body);
            }
            Outcome::Checked(check) => body.check = Some(*check),
            Outcome::Synced(runs) => body.syncs = runs.iter().map(run).collect(),
        }
        body
    }
}

impl Progress for Job {
    fn report(&self, event: ProgressEvent) {
        let begun = |name: &str| Step {
            name: name.to_owned(),
            state: "begun".to_owned(),
            detail: String::new(),
            milliseconds: None,
        };
        self.change(|state| {
            let step = match event {
                ProgressEvent::Started { step } => {
                    // What was waited for is there.
                    state.waits = None;
                    begun(step)
                }
                ProgressEvent::EnterCode {
                    uri,
                    complete,
                    code,
                    until,
                } => {
                    state.waits = Some(Waits::Code(SignInCode {
                        uri,
                        complete_uri: complete,
                        code,
                        until: stamp(until),
                    }));
                    begun("sign in")
                }
                ProgressEvent::Reached(step) => (&step).into(),
                ProgressEvent::Listed {
                    repositories,
                    groups,
                } => {
                    state.listed = Some(Listed {
                        repositories,
                        groups,
                    });
                    return;
                }
                ProgressEvent::Waiting(wait) => Step {
                    detail: format!("{}, until {}", wait.reason, stamp(wait.until)),
                    ..begun("wait")
                },
                ProgressEvent::Confirmed { done, total } => {
                    let step = Step {
                        detail: format!("{done} of {total}"),
                        ..begun("confirm what is missing")
                    };
                    state.steps.retain(|known| known.name != step.name);
                    step
                }
                ProgressEvent::Applying { changes } => Step {
                    detail: format!("{changes} changes"),
                    ..begun("store")
                },
            };
            if state.steps.len() == STEPS {
                state.steps.remove(0);
            }
            state.steps.push(step);
        });
    }
}
