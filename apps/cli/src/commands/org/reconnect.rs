//! `forgehold org reconnect`.

use org_core::draft::{Method, TokenDraft, parse_token};
use org_core::oauth::Access;
use org_core::organization::{AuthMethod, Organization};
use org_core::sync::run::Trigger;
use org_core::text::Login;
use org_core::use_cases::reconnect::{self, BlindReconnect, ReconnectDraft};
use org_core::use_cases::sign_in::{self, Received, SignInError};
use org_core::use_cases::{UseCaseError, overview};

use super::flags::TokenArgs;
use super::sso::{self, SsoArgs, TOKEN_FLAGS, Wanted as SignInFor, Way};
use super::{Target, by_now, form, note_due};
use crate::app::{App, Session, exit_of};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::organization::Connected;
use crate::output::sync::SyncRun;
use crate::prompt::{self, Answer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,

    /// The login that the new access token belongs to; the present one when nothing is said
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,

    #[command(flatten)]
    token: TokenArgs,

    /// Agree that the account may see none of the known repositories
    #[arg(long)]
    accept_unseen: bool,

    /// Do not start a sync; it is due at once
    #[arg(long)]
    no_sync: bool,

    /// Sign in at the host; what an organization that signed in before does when nothing is said
    #[arg(long, conflicts_with_all = TOKEN_FLAGS, help_heading = "Single sign-on (SSO)")]
    sso: bool,

    #[command(flatten)]
    sign_in: SsoArgs,
}

/// What helps where the account sees nothing of what is known.
pub(crate) const UNSEEN_HINT: &str =
    "use an account that sees them, or repeat with --accept-unseen";

/// With what an organization is to be reconnected.
#[derive(Debug)]
pub(crate) enum Wanted {
    SignIn {
        access: Access,
        blind: BlindReconnect,
    },
    Token(ReconnectDraft),
}

/// What the flags say, and where they say nothing, what a person answers; without one it goes on as it was.
pub(crate) fn wanted(args: Args, present: Method, access: Access, login: &str) -> Result<Wanted> {
    let blind = if args.accept_unseen {
        BlindReconnect::Confirmed
    } else {
        BlindReconnect::Refused
    };
    let (method, asks) = match args.method() {
        Some(method) => (method, false),
        None if prompt::is_possible() => (form::method(present)?, true),
        None => (present, false),
    };
    Ok(match method {
        Method::Sso => Wanted::SignIn {
            access: match args.sign_in.asked_for() {
                Some(access) => access,
                None if asks => form::access(access)?,
                None => access,
            },
            blind,
        },
        Method::AccessToken if asks => Wanted::Token(ask(login, blind)?),
        Method::AccessToken => Wanted::Token(ReconnectDraft {
            login: args.login,
            token: args.token.read()?,
            blind,
        }),
    })
}

impl Args {
    /// The organization that a person names.
    pub(crate) fn organization(&self) -> &str {
        &self.target.organization
    }

    /// Whether the sync is left to others.
    pub(crate) const fn skips_sync(&self) -> bool {
        self.no_sync
    }

    /// How a person signs in, if they do.
    pub(crate) fn way(&self) -> Way {
        self.sign_in.way()
    }

    /// What the flags say; nothing where they leave it open.
    const fn method(&self) -> Option<Method> {
        if self.sso || !self.sign_in.is_empty() {
            Some(Method::Sso)
        } else if self.login.is_some() || !self.token.is_empty() {
            Some(Method::AccessToken)
        } else {
            None
        }
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let present = if organization.auth.is_sso() {
        Method::Sso
    } else {
        Method::AccessToken
    };
    let (no_sync, way) = (args.no_sync, args.way());
    let (access, login) = (access_of(&organization), &organization.account.login);
    let organization = match wanted(args, present, access, login.as_str())? {
        Wanted::SignIn { access, blind } => {
            by_sso(&session, organization, (access, blind), way).await?
        }
        Wanted::Token(draft) => by_token(&session, organization, draft).await?,
    };
    if no_sync {
        let overview = overview::of(session.ports(), organization).await?;
        app.output.one(&Connected::new(&overview, Vec::new()))?;
        note_due(&app.output, &overview);
        return Ok(Exit::Ok);
    }
    app.output.note(format_args!(
        "`{}` is reconnected; a sync starts",
        organization.name
    ));
    let runs = session
        .synchronize(&organization, Trigger::Reconnect)
        .await?;
    let name = organization.name.to_string();
    let overview = by_now(&session, organization).await?;
    let syncs = runs.iter().map(|run| SyncRun::new(run, &name)).collect();
    app.output.one(&Connected::new(&overview, syncs))?;
    Ok(exit_of(&runs))
}

/// How much the present sign-in asked for; reading where there is none.
fn access_of(organization: &Organization) -> Access {
    match organization.auth {
        AuthMethod::Sso { access, .. } => access,
        _ => Access::Read,
    }
}

fn ask(login: &str, blind: BlindReconnect) -> Result<ReconnectDraft> {
    let login = prompt::text(
        "Login",
        "the login that the new access token belongs to",
        login,
        |text| {
            text.parse::<Login>()
                .map(drop)
                .map_err(|error| error.to_string())
        },
    )?;
    let token = prompt::secret("Access token", |value| {
        parse_token(&TokenDraft::Value(value.clone()))
            .map(drop)
            .map_err(|error| error.message)
    })?;
    Ok(ReconnectDraft {
        login: Some(login),
        token: TokenDraft::Value(token),
        blind,
    })
}

/// Reconnects with a token; an account that sees nothing of what is known is asked about on a terminal.
async fn by_token(
    session: &Session,
    organization: Organization,
    mut draft: ReconnectDraft,
) -> Result<Organization> {
    loop {
        let answer = {
            let progress = session.progress();
            let (ports, actor) = (session.ports(), &session.actor);
            reconnect::reconnect(ports, organization.clone(), &draft, actor, &progress).await
        };
        match answer {
            Ok(organization) => return Ok(organization),
            Err(error) => {
                if agrees(&error)? == Answer::No {
                    return Err(told(error));
                }
                draft.blind = BlindReconnect::Confirmed;
            }
        }
    }
}

/// Reconnects by a sign-in; one sign-in is enough for both answers of a person who is asked.
async fn by_sso(
    session: &Session,
    organization: Organization,
    (access, mut blind): (Access, BlindReconnect),
    way: Way,
) -> Result<Organization> {
    let wanted = SignInFor::Reconnect(&organization, access);
    let received = sso::sign_in(session, wanted, way).await?;
    loop {
        let answer = accept(session, &received, blind).await;
        let error = match answer {
            Ok(organization) => return Ok(organization),
            Err(error) => error,
        };
        match agrees(&error) {
            Ok(Answer::Yes) => blind = BlindReconnect::Confirmed,
            Ok(Answer::No) => {
                sign_in::decline(session.ports(), &received, &error, &session.actor).await;
                return Err(told(error));
            }
            Err(failure) => {
                sso::decline(session, &received, SignInError::Canceled).await;
                return Err(failure);
            }
        }
    }
}

async fn accept(
    session: &Session,
    received: &Received,
    blind: BlindReconnect,
) -> std::result::Result<Organization, UseCaseError> {
    let progress = session.progress();
    let (ports, actor) = (session.ports(), &session.actor);
    sign_in::accept(ports, received, blind, actor, &progress).await
}

/// Whether a person agrees that the account sees nothing of what is known. Where that is not what is wrong, or nobody is there, nobody does.
fn agrees(error: &UseCaseError) -> Result<Answer> {
    match error {
        UseCaseError::SeesNothingKnown { .. } if prompt::is_possible() => {
            asks_about_unseen(&error.to_string())
        }
        _ => Ok(Answer::No),
    }
}

/// Asks a person who is there; one who says no cancels everything.
pub(crate) fn asks_about_unseen(what: &str) -> Result<Answer> {
    let question = format!("{what}. Reconnect all the same?");
    match prompt::yes(&question, "", Answer::No)? {
        Answer::Yes => Ok(Answer::Yes),
        Answer::No => Err(Failure::Canceled),
    }
}

fn told(error: UseCaseError) -> Failure {
    let is_unseen = matches!(error, UseCaseError::SeesNothingKnown { .. });
    let error = CliError::from(error);
    if is_unseen {
        error.hinted(UNSEEN_HINT).into()
    } else {
        error.into()
    }
}
