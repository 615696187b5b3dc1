//! `forgehold org add`.

use clap::Subcommand;
use org_core::draft::{Field, Method, OrganizationDraft, SettingsDraft};
use org_core::host::{HostUrl, PlainHttp};
use org_core::organization::Organization;
use org_core::organization::{AutoLicense, ExistingRepositories, GroupProtection};
use org_core::sync::run::Trigger;
use org_core::use_cases::reconnect::BlindReconnect;
use org_core::use_cases::sign_in::{self, Received, SignInError};
use org_core::use_cases::{UseCaseError, connect, overview};

use super::flags::{PersonalArgs, ScheduleArgs, TokenArgs};
use super::sso::{self, SsoArgs, Wanted as SignInFor, Way};
use super::{Desk, by_now, form, note_due};
use crate::app::{self, App, Session, exit_of};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::Output;
use crate::output::check::{Check, Coverage};
use crate::output::organization::Connected;
use crate::output::sync::SyncRun;
use crate::prompt::{self, Answer};

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Connect an organization at GitLab.com or at a self-managed GitLab
    ///
    /// Without flags on a terminal it asks for everything. In a script it never asks.
    ///
    /// By default you sign in at the host (single sign-on, SSO): a browser opens, or you get a code to type in any browser. That needs an
    /// application that is registered at the host and named in `oauth.clients` of the configuration; docs/single-sign-on.md tells how.
    ///
    /// With --login and --token-secret or --token-stdin it authenticates with an access token instead (personal, group, project, or of a
    /// service account).
    Gitlab(Box<Args>),
}

#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, turned into an enum at once"
)]
pub(crate) struct Args {
    /// The address of the host; a self-managed one may have a port and a path
    #[arg(long, value_name = "URL")]
    host: Option<String>,

    /// The name that the organization shall have here; made from the group or the login when nothing is said
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The login that the access token belongs to
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,

    #[command(flatten)]
    token: TokenArgs,

    /// Cover these groups with everything below them; all groups of the account when nothing is said
    #[arg(long = "group", value_name = "PATH", num_args = 1.., value_delimiter = ',')]
    groups: Vec<String>,

    #[command(flatten)]
    personal: PersonalArgs,

    /// Protect groups: keep them as inventory of their own
    #[arg(long)]
    protect_groups: bool,

    /// Automatically add new repositories: those that a later sync finds get a license if the policy lets them
    #[arg(long)]
    auto_license: bool,

    /// Which of the repositories that are there already get a license: none, all, or matching (those that the policy lets)
    #[arg(long, value_name = "WHICH")]
    license_existing: Option<ExistingRepositories>,

    #[command(flatten)]
    schedule: ScheduleArgs,

    #[command(flatten)]
    sso: SsoArgs,

    /// The default device, which authenticates and does the work; give the id of one, or `embedded` for this installation itself
    #[arg(long, value_name = "DEVICE", help_heading = "Connecting")]
    device: Option<String>,

    /// Allow plain http to another machine, which sends the access token unencrypted
    #[arg(long, help_heading = "Connecting")]
    allow_http: bool,

    /// Stop after the checks and show what would be covered; nothing is stored
    #[arg(long, help_heading = "Connecting")]
    check: bool,

    /// Do not start the first sync; it is due at once
    #[arg(long, conflicts_with = "check", help_heading = "Connecting")]
    no_sync: bool,
}

impl Args {
    /// Whether it stops after the checks.
    pub(crate) const fn checks(&self) -> bool {
        self.check
    }

    /// Whether the first sync is left to others.
    pub(crate) const fn skips_sync(&self) -> bool {
        self.no_sync
    }

    /// How a person signs in, if they do.
    pub(crate) fn way(&self) -> Way {
        self.sso.way()
    }

    /// Whether nothing of the form was given.
    pub(crate) fn is_empty(&self) -> bool {
        let texts = [&self.host, &self.name, &self.login, &self.device];
        texts.iter().all(|text| text.is_none())
            && self.token.is_empty()
            && self.sso.asked_for().is_none()
            && self.groups.is_empty()
            && self.personal.chosen().is_none()
            && !self.protect_groups
            && !self.auto_license
            && self.license_existing.is_none()
            && org_core::draft::ScheduleDraft::from(self.schedule.clone()).is_empty()
    }

    pub(crate) const fn plain_http(&self) -> PlainHttp {
        if self.allow_http {
            PlainHttp::Allowed
        } else {
            PlainHttp::LoopbackOnly
        }
    }

    const fn method(&self) -> Method {
        if self.login.is_none() && self.token.is_empty() {
            Method::Sso
        } else {
            Method::AccessToken
        }
    }

    pub(crate) fn draft(self) -> Result<OrganizationDraft> {
        let (plain_http, method) = (self.plain_http(), self.method());
        Ok(OrganizationDraft {
            method,
            access: self.sso.access(),
            name: self.name,
            host: self.host.unwrap_or_else(|| HostUrl::GITLAB_COM.to_owned()),
            plain_http,
            login: self.login.unwrap_or_default(),
            token: self.token.read()?,
            settings: SettingsDraft {
                groups: self.groups,
                personal: self.personal.chosen(),
                protect_groups: if self.protect_groups {
                    GroupProtection::On
                } else {
                    GroupProtection::Off
                },
                auto_license: if self.auto_license {
                    AutoLicense::On
                } else {
                    AutoLicense::Off
                },
                license_existing: self.license_existing.unwrap_or(ExistingRepositories::None),
                schedule: self.schedule.into(),
                device: self.device,
            },
            ..OrganizationDraft::default()
        })
    }
}

/// What is done with the form once it is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Check,
    Connect,
    ConnectAndSync,
}

pub(crate) async fn run(service: Service, app: &App) -> Result {
    let Service::Gitlab(args) = service;
    let wanted = match (args.check, args.no_sync) {
        (true, _) => Wanted::Check,
        (_, true) => Wanted::Connect,
        (false, false) => Wanted::ConnectAndSync,
    };
    let session = app.open().await?;
    let way = args.way();
    let (draft, review) = if args.is_empty() && prompt::is_possible() {
        let draft = form::fill_in(Desk::Here(&session), args.plain_http()).await?;
        (draft, Review::Asked)
    } else {
        (args.draft()?, Review::Skipped)
    };
    if wanted == Wanted::Check {
        return check(&session, &draft, way, app).await;
    }
    let organization = match draft.method {
        Method::Sso => connect_by_sso(&session, &draft, way, review).await?,
        Method::AccessToken => {
            let progress = session.progress();
            connect::connect(session.ports(), &draft, &session.actor, &progress)
                .await
                .map_err(|error| explained(error, &draft))?
        }
    };
    if wanted == Wanted::Connect {
        let overview = overview::of(session.ports(), organization).await?;
        app.output.one(&Connected::new(&overview, Vec::new()))?;
        note_due(&app.output, &overview);
        return Ok(Exit::Ok);
    }
    app.output.note(format_args!(
        "`{}` is connected; the first sync starts",
        organization.name
    ));
    let runs = session.synchronize(&organization, Trigger::Connect).await?;
    let name = organization.name.to_string();
    let overview = by_now(&session, organization).await?;
    let syncs = runs.iter().map(|run| SyncRun::new(run, &name)).collect();
    app.output.one(&Connected::new(&overview, syncs))?;
    Ok(exit_of(&runs))
}

/// Whether a person looks at what was granted before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Review {
    Asked,
    Skipped,
}

async fn connect_by_sso(
    session: &Session,
    draft: &OrganizationDraft,
    way: Way,
    review: Review,
) -> Result<Organization> {
    let received = signed_in(session, draft, way).await?;
    if review == Review::Asked {
        let valid = draft.validate()?;
        let check = Check::new(&valid, received.identity(), None, app::now());
        let agreed = agrees(session.output(), &check);
        if !matches!(agreed, Ok(Answer::Yes)) {
            sso::decline(session, &received, SignInError::Canceled).await;
            return Err(agreed.err().unwrap_or(Failure::Canceled));
        }
    }
    sso::accept(session, received, BlindReconnect::Refused)
        .await
        .map_err(|error| explained(error, draft))
}

async fn signed_in(session: &Session, draft: &OrganizationDraft, way: Way) -> Result<Received> {
    let received = sso::sign_in(session, SignInFor::Connect(draft), way).await;
    received.map_err(|ended| match ended {
        sso::Ended::UseCase(error) => explained(*error, draft),
        sso::Ended::Failure(failure) => failure,
    })
}

/// Shows what was granted, and asks.
pub(crate) fn agrees(output: &Output, check: &Check) -> Result<Answer> {
    output.show(check);
    prompt::yes("Connect it with these permissions?", "", Answer::Yes)
}

async fn check(session: &Session, draft: &OrganizationDraft, way: Way, app: &App) -> Result {
    let check = match draft.method {
        Method::Sso => check_by_sso(session, draft, way).await?,
        Method::AccessToken => {
            let progress = session.progress();
            let checked = connect::check(session.ports(), draft, &progress)
                .await
                .map_err(|error| explained(error, draft))?;
            let coverage = Coverage::from(&checked.coverage);
            let (draft, identity) = (&checked.draft, &checked.identity);
            Check::new(draft, identity, Some(coverage), app::now())
        }
    };
    app.output.one(&check)?;
    Ok(if check.is_complete() {
        Exit::Ok
    } else {
        Exit::SyncPartial
    })
}

/// Has somebody sign in, looks at what that covers, and takes the grant back.
async fn check_by_sso(session: &Session, draft: &OrganizationDraft, way: Way) -> Result<Check> {
    let valid = draft.validate()?;
    let received = signed_in(session, draft, way).await?;
    let coverage = {
        let progress = session.progress();
        sign_in::coverage(session.ports(), &received, &valid.settings, &progress).await
    };
    let identity = received.identity().clone();
    sso::decline(session, &received, SignInError::OnlyChecked).await;
    let coverage = coverage.map_err(|error| explained(error, draft))?;
    let coverage = Some(Coverage::from(&coverage));
    Ok(Check::new(&valid, &identity, coverage, app::now()))
}

/// The error, with the flag that helps where one does.
pub(crate) fn explained(error: UseCaseError, draft: &OrganizationDraft) -> Failure {
    let plain_http_refused = matches!(&error, UseCaseError::Invalid { errors }
        if errors.iter().any(|error| error.field == Field::Host))
        && HostUrl::parse(&draft.host, PlainHttp::Allowed).is_ok();
    let error = CliError::from(error);
    if plain_http_refused {
        error.hinted("--allow-http allows it").into()
    } else {
        error.into()
    }
}
