//! Sign-ins as jobs: a person signs in at the host, by a code or on its page, and may choose afterwards what shall be covered.
//!
//! One task has a sign-in from its begin to its end. What a person says is told to it ([`Job::answer`], [`Job::choose`], [`Job::give_up`]) and
//! never done beside it, so that nothing is done twice. The task gives back what nobody wants; what a program that dies leaves behind, cleaning
//! up gives back within the hour.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use org_core::attempt::ATTEMPT_LIFETIME;
use org_core::draft::OrganizationDraft;
use org_core::event::Actor;
use org_core::listing::Scope;
use org_core::oauth::{Access, Initiator, State};
use org_core::organization::Organization;
use org_core::use_cases::accounts::{Caller, Via};
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, Begun, BrowserAnswer, Received, ReturnTo, SignInError};
use org_core::use_cases::{ErrorKind, Progress, ProgressEvent, UseCaseError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use super::job::Job;
use crate::api::body::check::{Check, Coverage};
use crate::api::body::job::{self as body, SignInCode};
use crate::api::body::time::stamp;
use crate::api::problem::Problem;
use crate::state::AppState;

/// For how long a person may choose what a sign-in shall cover, at most.
const PATIENCE: TimeDelta = TimeDelta::minutes(45);

/// How long before its attempt counts as given up a choice is over, so that there is time to make use of it.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// How often the clock is looked at while a person is waited for: a timer stands still while the machine sleeps.
const LOOK: Duration = Duration::from_secs(1);

/// For how long whoever said something waits to be told what came of it; the job goes on beyond that.
const ANSWERED_WITHIN: Duration = Duration::from_secs(50);

/// What a job waits for a person to do.
#[derive(Debug, Clone)]
pub enum Waits {
    /// To type a code at the host, in any browser.
    Code(SignInCode),
    /// To sign in on the page of the host, from where the browser brings an answer.
    Page(SignInPage),
    /// To choose what shall be covered.
    Choice(Choice),
}

/// The page of the host where somebody has to sign in.
#[derive(Debug, Clone)]
pub struct SignInPage {
    /// Its address. It holds the state: it is for the browser of whoever began, and for no log.
    pub url: SecretString,
    /// Where the browser comes back to.
    pub redirect: String,
    /// When it is too late.
    pub until: DateTime<Utc>,
}

/// What a person has to choose, now that the account can be looked at.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What the sign-in brought.
    pub received: Arc<Received>,
    /// Who signed in, what was granted, and what was said to be covered before.
    pub check: Box<Check>,
    /// When it is too late.
    pub until: DateTime<Utc>,
    /// Why the choice before was not taken.
    pub refused: Option<Problem>,
    /// How many choices were not taken.
    round: u32,
}

/// What a person says to a job.
#[derive(Debug)]
pub(super) enum Said {
    /// What their browser brought, and who brought it.
    Answer(BrowserAnswer, Initiator),
    /// What shall be covered.
    Choice(Scope),
}

impl From<&SignInPage> for body::SignInPage {
    fn from(page: &SignInPage) -> Self {
        Self {
            url: page.url.expose_secret().to_owned(),
            redirect_uri: page.redirect.clone(),
            until: stamp(page.until),
        }
    }
}

impl From<&Choice> for body::Choice {
    fn from(choice: &Choice) -> Self {
        Self {
            check: choice.check.clone(),
            until: stamp(choice.until),
            problem: choice
                .refused
                .clone()
                .map(|problem| Box::new(*problem.body)),
        }
    }
}

/// Who begins a sign-in: only the same session, or the same API token, may bring its answer.
pub(crate) fn initiator(caller: &Caller) -> Initiator {
    let of = match &caller.via {
        Via::Session(session) => session.digest.to_hex(),
        Via::Token(token) => token.digest.to_hex(),
        // Nobody at the machine has a browser of ours.
        Via::Machine => String::new(),
    };
    Initiator::of_secret(&SecretString::from(of))
}

fn over(error: SignInError) -> Problem {
    UseCaseError::from(error).into()
}

impl Job {
    /// Whether this answer belongs to its sign-in, be it that it waits for one or not any more.
    pub(crate) fn asked_for(&self, answer: &BrowserAnswer) -> bool {
        let shown = answer.state.as_ref().map(State::hash);
        shown.is_some() && shown == self.now().asked
    }

    fn waits_for(&self, answer: &BrowserAnswer) -> bool {
        matches!(self.now().waits, Some(Waits::Page(_))) && self.asked_for(answer)
    }

    /// Brings what the browser came back with. What comes of it is seen at the job; of an answer that belongs to another sign-in nothing is
    /// taken.
    pub(crate) fn answer(
        &self,
        answer: BrowserAnswer,
        initiator: Initiator,
    ) -> Result<(), Problem> {
        if !self.waits_for(&answer) {
            return Err(over(SignInError::UnknownState));
        }
        self.say(Said::Answer(answer, initiator))
    }

    /// Waits until an answer was looked into: somebody is signed in, or it came to nothing.
    pub(crate) async fn looked_into(&self) {
        self.wait_until(ANSWERED_WITHIN, |state| {
            state.signed_in.is_some() || state.outcome.is_some()
        })
        .await;
    }

    /// Says what shall be covered. An error is why that cannot be; if another choice may do, the job goes on waiting for one.
    pub(crate) async fn choose(&self, scope: Scope) -> Result<(), Problem> {
        let Some(Waits::Choice(Choice { round, .. })) = self.now().waits else {
            return Err(over(SignInError::Over));
        };
        self.say(Said::Choice(scope))?;
        let asks_again = move |waits: &Option<Waits>| matches!(waits, Some(Waits::Choice(choice)) if choice.round > round);
        self.wait_until(ANSWERED_WITHIN, |state| {
            state.stands.is_some() || state.outcome.is_some() || asks_again(&state.waits)
        })
        .await;
        match self.now() {
            state if state.stands.is_some() => Ok(()),
            state => match (state.outcome, state.waits) {
                (Some(super::Outcome::Failed(problem)), _)
                | (
                    _,
                    Some(Waits::Choice(Choice {
                        refused: Some(problem),
                        ..
                    })),
                ) => Err(problem),
                _ => Ok(()),
            },
        }
    }

    fn say(&self, said: Said) -> Result<(), Problem> {
        let over = || over(SignInError::Over);
        let say = &self.talk().ok_or_else(over)?.say;
        say.try_send(said).map_err(|error| match error {
            mpsc::error::TrySendError::Closed(_) => over(),
            mpsc::error::TrySendError::Full(_) => {
                let message = "something else was said to this sign-in at the same moment";
                Problem::new(StatusCode::CONFLICT, "conflict", message)
                    .hinted("look at what came of that first")
            }
        })
    }
}

/// What a sign-in is for.
#[derive(Debug)]
pub(crate) enum Wanted {
    Connect(OrganizationDraft),
    Reconnect(Organization, Access, BlindReconnect),
}

/// How a person gets to the host.
#[derive(Debug)]
pub(crate) enum Way {
    /// By a code that they type in any browser.
    Code,
    /// On its page, from where their browser comes back to this address.
    Page(ReturnTo, Initiator),
}

/// What shall be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// What was said before.
    AsSaid,
    /// What a person chooses once they have signed in.
    AsChosen,
}

/// Why nobody is listened to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Stopped,
    TooLate,
}

/// A sign-in, as a part of a job.
pub(crate) struct SignIn<'a> {
    pub(crate) state: &'a AppState,
    pub(crate) job: &'a Job,
    pub(crate) actor: &'a Actor,
    pub(crate) watch: &'a dyn Progress,
}

impl SignIn<'_> {
    /// Has a person sign in, and makes of it what it is for. On an error nothing stays, neither here nor at the host.
    pub(crate) async fn organization(
        &self,
        wanted: &Wanted,
        way: Way,
        cover: Cover,
    ) -> Result<Organization, UseCaseError> {
        let mut said = self.job.hear();
        let received = self.receive(wanted, way, said.as_mut()).await?;
        let made = if let (Wanted::Connect(draft), Cover::AsChosen) = (wanted, cover) {
            self.chosen(received, said.as_mut(), draft).await?
        } else {
            match self.accepted(&received).await {
                Ok(organization) => organization,
                Err(error) => return Err(self.declined(&received, error).await),
            }
        };
        self.job.stands(made.id);
        Ok(made)
    }

    /// Has a person sign in, looks at what an organization would cover, and gives the grant back.
    pub(crate) async fn check(
        &self,
        draft: OrganizationDraft,
        way: Way,
    ) -> Result<Check, UseCaseError> {
        let valid = draft
            .validate()
            .map_err(|errors| UseCaseError::Invalid { errors })?;
        let (mut said, ports) = (self.job.hear(), self.state.ports());
        let wanted = Wanted::Connect(draft);
        let received = self.receive(&wanted, way, said.as_mut()).await?;
        let looking = sign_in::coverage(ports, &received, &valid.settings, self.watch);
        // A listing may be dropped at any time.
        let coverage = tokio::select! {
            () = self.job.stop(self.state.stop()) => Err(SignInError::Canceled.into()),
            coverage = looking => coverage,
        };
        let why = SignInError::OnlyChecked.into();
        sign_in::decline(ports, &received, &why, self.actor).await;
        let coverage = Coverage::from(&coverage?);
        let now = ports.clock.now();
        Ok(Check::new(&valid, received.identity(), Some(coverage), now))
    }

    async fn receive(
        &self,
        wanted: &Wanted,
        way: Way,
        said: Option<&mut mpsc::Receiver<Said>>,
    ) -> Result<Received, UseCaseError> {
        let received = match way {
            Way::Code => self.by_code(wanted).await?,
            Way::Page(back, initiator) => {
                let begun = self.begin(wanted, &back, initiator).await?;
                self.answered(&begun, said).await?
            }
        };
        let login = received.identity().account.login.to_string();
        self.job.change(|state| state.signed_in = Some(login));
        Ok(received)
    }

    async fn by_code(&self, wanted: &Wanted) -> Result<Received, UseCaseError> {
        let (ports, actor, watch) = (self.state.ports(), self.actor, self.watch);
        let stop = self.job.stop(self.state.stop());
        match wanted {
            Wanted::Connect(draft) => {
                sign_in::receive_by_device(ports, draft, stop, actor, watch).await
            }
            Wanted::Reconnect(organization, access, blind) => {
                let wanted = (*access, *blind);
                sign_in::receive_by_device_again(ports, organization, wanted, stop, actor, watch)
                    .await
            }
        }
    }

    async fn begin(
        &self,
        wanted: &Wanted,
        back: &ReturnTo,
        initiator: Initiator,
    ) -> Result<Begun, UseCaseError> {
        let (ports, actor, watch) = (self.state.ports(), self.actor, self.watch);
        match wanted {
            Wanted::Connect(draft) => {
                sign_in::begin(ports, draft, back, initiator, actor, watch).await
            }
            Wanted::Reconnect(organization, access, blind) => {
                let wanted = (*access, *blind);
                sign_in::begin_again(ports, organization, wanted, back, initiator, watch).await
            }
        }
    }

    /// Waits for what the browser brings.
    async fn answered(
        &self,
        begun: &Begun,
        said: Option<&mut mpsc::Receiver<Said>>,
    ) -> Result<Received, UseCaseError> {
        let ports = self.state.ports();
        self.watch
            .report(ProgressEvent::Started { step: "sign in" });
        self.job.change(|state| {
            state.asked = Some(begun.state);
            state.waits = Some(Waits::Page(SignInPage {
                url: begun.url.clone(),
                redirect: begun.redirect.as_str().to_owned(),
                until: begun.expires_at,
            }));
        });
        let heard = self.hear(said, begun.expires_at, |said| match said {
            Said::Answer(answer, initiator) => Some((answer, initiator)),
            Said::Choice(_) => None,
        });
        let heard = heard.await;
        self.job.change(|state| state.waits = None);
        match heard {
            Ok((answer, initiator)) => {
                sign_in::receive(ports, &answer, initiator, self.actor, self.watch).await
            }
            Err(silence) => {
                let why = match silence {
                    Silence::Stopped => SignInError::Canceled,
                    Silence::TooLate => SignInError::Expired,
                };
                // Should that fail now, cleaning up does it later.
                let _ = sign_in::cancel(ports, begun, why.clone(), self.actor).await;
                Err(why.into())
            }
        }
    }

    /// Has a person choose until a choice does, or until it is too late.
    async fn chosen(
        &self,
        received: Received,
        mut said: Option<&mut mpsc::Receiver<Said>>,
        draft: &OrganizationDraft,
    ) -> Result<Organization, UseCaseError> {
        let (ports, now) = (self.state.ports(), self.state.ports().clock.now());
        let received = Arc::new(received);
        // A name that was given is not chosen anew here.
        let another_name = draft.name.is_none();
        let valid = match draft.validate() {
            Ok(valid) => valid,
            Err(errors) => {
                let error = UseCaseError::Invalid { errors };
                return Err(self.declined(&received, error).await);
            }
        };
        let mut choice = Choice {
            received: received.clone(),
            check: Box::new(Check::new(&valid, received.identity(), None, now)),
            until: (now + PATIENCE).min(self.job.started_at + ATTEMPT_LIFETIME - MARGIN),
            refused: None,
            round: 0,
        };
        self.watch.report(ProgressEvent::Started {
            step: "choose the groups",
        });
        loop {
            let asked = Waits::Choice(choice.clone());
            self.job.change(|state| state.waits = Some(asked));
            let heard = self.hear(said.as_deref_mut(), choice.until, |said| match said {
                Said::Choice(scope) => Some(scope),
                Said::Answer(..) => None,
            });
            let heard = heard.await;
            self.job.change(|state| state.waits = None);
            let scope = match heard {
                Ok(scope) => scope,
                Err(silence) => {
                    let why = match silence {
                        Silence::Stopped => SignInError::Canceled,
                        Silence::TooLate => SignInError::Over,
                    };
                    return Err(self.declined(&received, why.into()).await);
                }
            };
            let made = async {
                sign_in::choose(ports, &received, scope).await?;
                self.accepted(&received).await
            };
            match made.await {
                Ok(organization) => return Ok(organization),
                Err(error) if another_may_do(&error, another_name) => {
                    choice.refused = Some(error.into());
                    choice.round += 1;
                }
                Err(error) => return Err(self.declined(&received, error).await),
            }
        }
    }

    /// Makes of what was received what it is for, unless somebody gave that up by now.
    async fn accepted(&self, received: &Received) -> Result<Organization, UseCaseError> {
        if !self.job.decide() {
            return Err(SignInError::Canceled.into());
        }
        let (ports, blind) = (self.state.ports(), BlindReconnect::Refused);
        let made = sign_in::accept(ports, received, blind, self.actor, self.watch).await;
        if made.is_err() {
            self.job.undecide();
        }
        made
    }

    async fn declined(&self, received: &Received, error: UseCaseError) -> UseCaseError {
        sign_in::decline(self.state.ports(), received, &error, self.actor).await;
        error
    }

    /// The next of a kind that somebody says.
    async fn hear<T>(
        &self,
        mut said: Option<&mut mpsc::Receiver<Said>>,
        until: DateTime<Utc>,
        mut wanted: impl FnMut(Said) -> Option<T>,
    ) -> Result<T, Silence> {
        let ports = self.state.ports();
        let mut stop = self.job.stop(self.state.stop());
        loop {
            let next = async {
                match &mut said {
                    Some(said) => said.recv().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => return Err(Silence::Stopped),
                Some(said) = next => {
                    if let Some(heard) = wanted(said) {
                        return Ok(heard);
                    }
                }
                () = ports.timer.sleep(LOOK) => {}
            }
            if ports.clock.now() >= until {
                return Err(Silence::TooLate);
            }
        }
    }
}

/// Whether another choice may do where this one did not. Nobody has to sign in again for that.
fn another_may_do(error: &UseCaseError, another_name: bool) -> bool {
    match error {
        // What the sign-in was for has ended by itself.
        UseCaseError::SignIn(_) => false,
        UseCaseError::NameTaken { .. } => another_name,
        // A host that is away for a moment is no reason to begin anew either.
        error => matches!(
            error.kind(),
            ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Unavailable
        ),
    }
}
