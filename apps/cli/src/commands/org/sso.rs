//! Signing in at the host, from a terminal: in a browser on this machine, or by a code that is typed in any browser.

use std::future::Future;

use org_core::draft::OrganizationDraft;
use org_core::oauth::{Access, Initiator};
use org_core::organization::Organization;
use org_core::ports::Ports;
use org_core::use_cases::follow::Stop;
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, Begun, Received, ReturnTo, SignInError};
use org_core::use_cases::{Progress, ProgressEvent, UseCaseError};

use crate::app::{self, Session};
use crate::browser::{self, Loopback, Page, Visits};
use crate::error::{CliError, Failure};
use crate::exit::Exit;
use crate::progress::Line;

/// How a person signs in.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Single sign-on (SSO)")]
pub(super) struct SsoArgs {
    /// How much to ask the host for: read (list, clone, read metadata) or restore (restore code and metadata too); read when nothing is said
    #[arg(long, value_name = "ACCESS", conflicts_with_all = TOKEN_FLAGS)]
    sso_access: Option<Access>,

    /// Sign in by a code that is typed in any browser, also on another machine
    #[arg(long, conflicts_with_all = TOKEN_FLAGS)]
    device_code: bool,

    /// Open no browser, but print the address to open on this machine
    #[arg(long, conflicts_with_all = TOKEN_FLAGS, conflicts_with = "device_code")]
    no_browser: bool,
}

/// What goes with a token instead.
pub(super) const TOKEN_FLAGS: [&str; 3] = ["login", "token_secret", "token_stdin"];

impl SsoArgs {
    pub(super) const fn is_empty(&self) -> bool {
        self.sso_access.is_none() && !self.device_code && !self.no_browser
    }

    pub(super) fn access(&self) -> Access {
        self.sso_access.unwrap_or(Access::Read)
    }

    pub(super) const fn asked_for(&self) -> Option<Access> {
        self.sso_access
    }

    pub(super) fn way(&self) -> Way {
        if self.device_code {
            Way::Code
        } else if self.no_browser {
            Way::Address
        } else if browser::is_possible() {
            Way::Browser
        } else {
            Way::CodeForWantOfABrowser
        }
    }
}

/// How a person gets to the host's sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The browser is opened.
    Browser,
    /// The person opens the address.
    Address,
    /// The person types a code in some browser.
    Code,
    /// The same, because no browser can be opened here.
    CodeForWantOfABrowser,
}

/// What the sign-in is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    Connect(&'a OrganizationDraft),
    Reconnect(&'a Organization, Access),
}

impl Wanted<'_> {
    async fn begin(
        self,
        ports: &Ports,
        (loopback, initiator): (&Loopback, Initiator),
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Begun, UseCaseError> {
        let back = ReturnTo::Loopback(loopback.port());
        match self {
            Self::Connect(draft) => {
                let actor = &session.actor;
                sign_in::begin(ports, draft, &back, initiator, actor, progress).await
            }
            Self::Reconnect(organization, access) => {
                let wanted = (access, BlindReconnect::Refused);
                sign_in::begin_again(ports, organization, wanted, &back, initiator, progress).await
            }
        }
    }

    async fn by_code(
        self,
        ports: &Ports,
        session: &Session,
        stop: Stop,
        progress: &dyn Progress,
    ) -> Result<Received, UseCaseError> {
        let actor = &session.actor;
        match self {
            Self::Connect(draft) => {
                sign_in::receive_by_device(ports, draft, stop, actor, progress).await
            }
            Self::Reconnect(organization, access) => {
                let wanted = (access, BlindReconnect::Refused);
                sign_in::receive_by_device_again(ports, organization, wanted, stop, actor, progress)
                    .await
            }
        }
    }
}

/// Has a person sign in. What comes of it is to be accepted or declined.
pub(super) async fn sign_in(
    session: &Session,
    wanted: Wanted<'_>,
    way: Way,
) -> Result<Received, Ended> {
    match way {
        Way::Code | Way::CodeForWantOfABrowser => by_code(session, wanted, way).await,
        Way::Browser | Way::Address => in_a_browser(session, wanted, way).await,
    }
}

/// Why a sign-in ended without anything to show for it.
#[derive(Debug)]
pub(super) enum Ended {
    UseCase(Box<UseCaseError>),
    Failure(Failure),
}

impl From<UseCaseError> for Ended {
    fn from(error: UseCaseError) -> Self {
        match error {
            UseCaseError::SignIn(SignInError::Canceled) => Self::Failure(Failure::Canceled),
            error => Self::UseCase(Box::new(error)),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::UseCase(error) => (*error).into(),
            Ended::Failure(failure) => failure,
        }
    }
}

/// Tells why a person gets a code, once there is one.
pub(crate) struct Reasoned<'a> {
    pub(crate) line: &'a Line,
    pub(crate) way: Way,
}

impl Progress for Reasoned<'_> {
    fn report(&self, event: ProgressEvent) {
        if let (ProgressEvent::EnterCode { .. }, Way::CodeForWantOfABrowser) = (&event, self.way) {
            self.line.say(
                "no browser can be opened here, so you sign in by a code; --no-browser prints an address of this machine instead",
            );
        }
        self.line.report(event);
    }
}

async fn by_code(session: &Session, wanted: Wanted<'_>, way: Way) -> Result<Received, Ended> {
    let (ports, stop) = (session.ports(), app::stop()?);
    let line = session.progress();
    let progress = Reasoned { line: &line, way };
    let received = wanted.by_code(ports, session, stop, &progress).await;
    Ok(received?)
}

async fn in_a_browser(session: &Session, wanted: Wanted<'_>, way: Way) -> Result<Received, Ended> {
    let (ports, stop) = (session.ports(), app::stop()?);
    let loopback = Loopback::bind(&*ports.entropy).await?;
    let initiator = Initiator::of_secret(loopback.ticket());
    let entrance = loopback.entrance();
    let progress = session.progress();
    let begun = {
        let who = (&loopback, initiator);
        wanted.begin(ports, who, session, &progress).await?
    };
    let mut visits = loopback.serve(begun.url.clone(), begun.redirect.path());
    let waiting = Waiting {
        session,
        progress: &progress,
        begun: &begun,
        initiator,
        entrance: &entrance,
    };
    invite(&progress, way, &entrance);
    let opening = open(&progress, way, &entrance);
    let received = waiting.answer(&mut visits, stop, opening).await;
    visits.end().await;
    received
}

/// Tells a person which address to open.
pub(crate) fn invite(line: &Line, way: Way, entrance: &str) {
    match way {
        Way::Browser => line.say(&format!(
            "sign in with the browser that opens now; if none does, open {entrance} on this machine"
        )),
        _ => line.say(&format!(
            "open {entrance} in a browser on this machine to sign in"
        )),
    }
}

/// Opens it for them, where that is wanted.
pub(crate) async fn open(line: &Line, way: Way, entrance: &str) {
    if way != Way::Browser {
        return;
    }
    let address = entrance.to_owned();
    // A browser in the terminal keeps its thread until it ends; the answer comes meanwhile.
    let opened = tokio::task::spawn_blocking(move || browser::open(&address)).await;
    if !matches!(opened, Ok(Ok(()))) {
        line.say(&format!(
            "no browser could be opened; open {entrance} in one on this machine, or start again with --device-code"
        ));
    }
}

/// A sign-in whose answer is waited for.
struct Waiting<'a> {
    session: &'a Session,
    progress: &'a Line,
    begun: &'a Begun,
    initiator: Initiator,
    entrance: &'a str,
}

impl Waiting<'_> {
    async fn answer(
        &self,
        visits: &mut Visits,
        mut stop: Stop,
        opening: impl Future<Output = ()>,
    ) -> Result<Received, Ended> {
        let ports = self.session.ports();
        let left = self.begun.expires_at - ports.clock.now();
        let time = ports.timer.sleep(left.to_std().unwrap_or_default());
        tokio::pin!(time, opening);
        let mut is_opening = true;
        self.progress.set("waiting for the browser");
        loop {
            let visit = tokio::select! {
                biased;
                () = &mut stop => return Err(self.end(SignInError::Canceled).await),
                visit = visits.next() => visit,
                () = &mut time => return Err(self.end(SignInError::Expired).await),
                () = &mut opening, if is_opening => {
                    is_opening = false;
                    continue;
                }
            };
            let Some(visit) = visit else {
                self.end(SignInError::Canceled).await;
                let message = format!("too many requests came to {}", self.entrance);
                let error = CliError::new(Exit::Unavailable, message);
                return Err(Failure::from(error.hinted("start the sign-in again")).into());
            };
            let actor = &self.session.actor;
            let received =
                sign_in::receive(ports, &visit.answer, self.initiator, actor, self.progress).await;
            match received {
                Ok(received) => {
                    let login = received.identity().account.login.as_str();
                    let page = Page::done(login, &received.host().to_string());
                    visit.show(page).await;
                    return Ok(received);
                }
                // It belongs to no sign-in of ours, so it changes nothing about the one that is waited for.
                Err(error @ UseCaseError::SignIn(SignInError::UnknownState)) => {
                    visit.show(Page::failed(&error)).await;
                }
                Err(error) => {
                    visit.show(Page::failed(&error)).await;
                    return Err(error.into());
                }
            }
        }
    }

    /// Ends what began; should that fail now, cleaning up does it later.
    async fn end(&self, why: SignInError) -> Ended {
        let (ports, actor) = (self.session.ports(), &self.session.actor);
        let _ = sign_in::cancel(ports, self.begun, why.clone(), actor).await;
        UseCaseError::from(why).into()
    }
}

/// Makes of what was received what the sign-in was for; what fails is given back to the host.
pub(super) async fn accept(
    session: &Session,
    received: Received,
    blind: BlindReconnect,
) -> Result<Organization, UseCaseError> {
    let (ports, actor) = (session.ports(), &session.actor);
    let made = {
        let progress = session.progress();
        sign_in::accept(ports, &received, blind, actor, &progress).await
    };
    if let Err(error) = &made {
        sign_in::decline(ports, &received, error, actor).await;
    }
    made
}

/// Gives back what was received, because a person thought better of it.
pub(super) async fn decline(session: &Session, received: &Received, why: SignInError) {
    sign_in::decline(session.ports(), received, &why.into(), &session.actor).await;
}
