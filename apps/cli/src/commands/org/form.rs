//! The form, as a person fills it in at a terminal: the same words as everywhere, each answer judged at once.

use std::fmt::Display;

use org_core::draft::{
    DEFAULT_INTERVAL, FieldError, Method, OrganizationDraft, ScheduleDraft, SettingsDraft,
    TokenDraft, parse_token,
};
use org_core::host::{HostUrl, PlainHttp};
use org_core::listing::{GroupScope, PersonalNamespace};
use org_core::oauth::Access;
use org_core::organization::{AutoLicense, ExistingRepositories, GroupProtection};
use org_core::schedule::{Weekdays, Zone};
use org_core::text::{Login, OrganizationName};

use super::Desk;
use crate::app;
use crate::error::{CliError, Failure, Result};
use crate::output::check::{Intent, PREVIEWED_RUNS};
use crate::output::schedule::Preview;
use crate::prompt::{self, Answer, Verdict};

/// The questions, in the order of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Host,
    Authentication,
    Groups,
    ProtectGroups,
    AutoLicense,
    LicenseExisting,
    Synchronization,
    Device,
    Name,
}

impl Question {
    const ALL: [Self; 9] = [
        Self::Host,
        Self::Authentication,
        Self::Groups,
        Self::ProtectGroups,
        Self::AutoLicense,
        Self::LicenseExisting,
        Self::Synchronization,
        Self::Device,
        Self::Name,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::Authentication => "Authentication",
            Self::Groups => "Groups",
            Self::ProtectGroups => "Protect groups",
            Self::AutoLicense => "Automatically add new repositories",
            Self::LicenseExisting => "License existing repositories",
            Self::Synchronization => "Repositories list synchronization",
            Self::Device => "Default device",
            Self::Name => "Name",
        }
    }
}

impl Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.words())
    }
}

/// Asks for everything, shows what it comes to, and answers once the person says Proceed.
pub(crate) async fn fill_in(desk: Desk<'_>, plain_http: PlainHttp) -> Result<OrganizationDraft> {
    let mut form = Form {
        desk,
        draft: OrganizationDraft {
            plain_http,
            ..OrganizationDraft::default()
        },
        kind: ScheduleKind::Every,
    };
    for question in Question::ALL {
        form.ask(question).await?;
    }
    form.review().await?;
    Ok(form.draft)
}

struct Form<'a> {
    desk: Desk<'a>,
    draft: OrganizationDraft,
    kind: ScheduleKind,
}

/// What a person may do at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Proceed,
    SignIn,
    Change(Question),
    Cancel,
}

impl Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proceed => f.pad("Proceed"),
            Self::SignIn => f.pad("Proceed: sign in at the host"),
            Self::Change(question) => write!(f, "Change: {question}"),
            Self::Cancel => f.pad("Cancel"),
        }
    }
}

impl Form<'_> {
    async fn ask(&mut self, question: Question) -> Result<()> {
        match question {
            Question::Host => self.host(),
            Question::Authentication => self.authentication().await,
            Question::Groups => self.groups(),
            Question::ProtectGroups => self.protect_groups(),
            Question::AutoLicense => self.auto_license(),
            Question::LicenseExisting => self.license_existing(),
            Question::Synchronization => self.synchronization(),
            Question::Device => self.device(),
            Question::Name => self.name(),
        }
    }

    /// Shows what the answers come to, and lets the person change them until it is right.
    async fn review(&mut self) -> Result<()> {
        loop {
            let mut choices = match self.draft.method {
                Method::Sso => self.look_at_intent(),
                Method::AccessToken => self.look_at_token().await?,
            };
            choices.extend(Question::ALL.map(Next::Change));
            choices.push(Next::Cancel);
            let chosen = prompt::choose("Proceed?", choices.clone(), 0)?;
            match choices[chosen] {
                Next::Proceed | Next::SignIn => return Ok(()),
                Next::Change(question) => self.ask(question).await?,
                Next::Cancel => return Err(Failure::Canceled),
            }
        }
    }

    /// What a person may do now that the form asks for a sign-in: what it grants is shown afterwards.
    fn look_at_intent(&self) -> Vec<Next> {
        let output = self.desk.output();
        match self.draft.validate() {
            Ok(draft) => match Intent::new(&draft, app::now()) {
                Some(intent) => {
                    output.show(&intent);
                    vec![Next::SignIn]
                }
                None => Vec::new(),
            },
            Err(errors) => {
                output.tell(&CliError::from(errors));
                Vec::new()
            }
        }
    }

    /// The same with a token, which the host is asked about.
    async fn look_at_token(&self) -> Result<Vec<Next>> {
        match self.desk.identified(&self.draft).await {
            Ok(check) => {
                self.desk.output().show(&check);
                Ok(vec![Next::Proceed])
            }
            Err(Failure::Error(error)) => {
                self.desk.output().tell(&error);
                Ok(Vec::new())
            }
            Err(failure) => Err(failure),
        }
    }

    fn host(&mut self) -> Result<()> {
        loop {
            self.draft.host = prompt::text(
                Question::Host.words(),
                "the address of GitLab.com, or of your own GitLab",
                HostUrl::GITLAB_COM,
                |text| judged(HostUrl::parse(text, PlainHttp::Allowed)),
            )?;
            let host = HostUrl::parse(&self.draft.host, PlainHttp::Allowed);
            let refused = HostUrl::parse(&self.draft.host, self.draft.plain_http).is_err();
            match host {
                Ok(host) if refused => {
                    let question = format!(
                        "Plain http sends the access token to {} unencrypted. Allow it?",
                        host.host_name()
                    );
                    if prompt::yes(&question, "", Answer::No)? == Answer::Yes {
                        self.draft.plain_http = PlainHttp::Allowed;
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    async fn authentication(&mut self) -> Result<()> {
        self.draft.method = method(self.draft.method)?;
        if self.draft.method == Method::Sso {
            self.draft.login.clear();
            self.draft.token = TokenDraft::Missing;
            self.draft.access = access(self.draft.access)?;
            return Ok(());
        }
        self.draft.login = prompt::text(
            "Login",
            "the login that the access token belongs to",
            &self.draft.login,
            |text| judged(text.parse::<Login>()),
        )?;
        let mut names = self.desk.saved_secrets().await?;
        if !names.is_empty() {
            let choices: Vec<String> = std::iter::once("type it now".to_owned())
                .chain(names.iter().map(|name| format!("use the secret `{name}`")))
                .collect();
            let chosen = prompt::choose("Access token", choices, 0)?;
            if chosen > 0 {
                self.draft.token = TokenDraft::Secret(names.swap_remove(chosen - 1));
                return Ok(());
            }
        }
        let token = prompt::secret("Access token", |value| {
            parse_token(&TokenDraft::Value(value.clone()))
                .map(drop)
                .map_err(|error| error.message)
        })?;
        self.draft.token = TokenDraft::Value(token);
        Ok(())
    }

    fn groups(&mut self) -> Result<()> {
        let scope = |text: &str| SettingsDraft {
            groups: separated(text),
            ..SettingsDraft::default()
        };
        let answer = prompt::text(
            Question::Groups.words(),
            "paths separated by commas; leave it empty for all groups of the account",
            &self.draft.settings.groups.join(","),
            move |text| first(scope(text).parse_scope()),
        )?;
        self.draft.settings.groups = separated(&answer);
        let all = scope(&answer)
            .parse_scope()
            .is_ok_and(|scope| scope.groups == GroupScope::All);
        let usual = if all { Answer::Yes } else { Answer::No };
        let personal = prompt::yes("Cover the personal namespace too", "", usual)?;
        self.draft.settings.personal = Some(match personal {
            Answer::Yes => PersonalNamespace::Included,
            Answer::No => PersonalNamespace::Excluded,
        });
        Ok(())
    }

    fn protect_groups(&mut self) -> Result<()> {
        let answer = prompt::yes(
            Question::ProtectGroups.words(),
            "keep groups as inventory of their own",
            Answer::No,
        )?;
        self.draft.settings.protect_groups = match answer {
            Answer::Yes => GroupProtection::On,
            Answer::No => GroupProtection::Off,
        };
        Ok(())
    }

    fn auto_license(&mut self) -> Result<()> {
        let answer = prompt::yes(
            Question::AutoLicense.words(),
            "repositories that a later sync finds get a license if the policy lets them",
            Answer::No,
        )?;
        self.draft.settings.auto_license = match answer {
            Answer::Yes => AutoLicense::On,
            Answer::No => AutoLicense::Off,
        };
        Ok(())
    }

    fn license_existing(&mut self) -> Result<()> {
        let choices = ["none", "all", "matching: those that the policy lets"];
        let chosen = prompt::choose(Question::LicenseExisting.words(), choices.to_vec(), 0)?;
        self.draft.settings.license_existing = match chosen {
            0 => ExistingRepositories::None,
            1 => ExistingRepositories::All,
            _ => ExistingRepositories::Matching,
        };
        Ok(())
    }

    fn synchronization(&mut self) -> Result<()> {
        let kinds = ScheduleKind::ALL.to_vec();
        let start = kinds.iter().position(|kind| *kind == self.kind);
        let chosen = prompt::choose(
            Question::Synchronization.words(),
            kinds,
            start.unwrap_or_default(),
        )?;
        self.kind = ScheduleKind::ALL[chosen];
        let schedule = self.kind.ask()?;
        if let Ok(schedule) = schedule.parse() {
            let preview = Preview::new(&schedule, None, app::now(), PREVIEWED_RUNS);
            self.desk.output().show(&preview);
        }
        self.draft.settings.schedule = schedule;
        Ok(())
    }

    fn device(&mut self) -> Result<()> {
        prompt::choose(Question::Device.words(), vec![self.desk.embedded()], 0)?;
        self.draft.settings.device = None;
        Ok(())
    }

    fn name(&mut self) -> Result<()> {
        let usual = match (&self.draft.name, self.draft.validate()) {
            (Some(name), _) => name.clone(),
            (None, Ok(valid)) => valid.name.map(|name| name.to_string()).unwrap_or_default(),
            (None, Err(_)) => String::new(),
        };
        let is_made_later = self.draft.method == Method::Sso;
        let help = if is_made_later {
            "what the organization is called here; leave it empty for one made from the group or the account"
        } else {
            "what the organization is called here"
        };
        let answer = prompt::text(Question::Name.words(), help, &usual, move |text| {
            if text.trim().is_empty() && is_made_later {
                return Ok(());
            }
            judged(text.parse::<OrganizationName>())
        })?;
        self.draft.name = (!answer.trim().is_empty()).then_some(answer);
        Ok(())
    }
}

/// Asks how to authenticate.
pub(super) fn method(present: Method) -> Result<Method> {
    const METHODS: [(Method, &str); 2] = [
        (Method::Sso, "Single sign-on (SSO): sign in at the host"),
        (
            Method::AccessToken,
            "Register using login and password/token",
        ),
    ];
    let start = METHODS.iter().position(|(method, _)| *method == present);
    let words = METHODS.map(|(_, words)| words).to_vec();
    let question = Question::Authentication.words();
    let chosen = prompt::choose(question, words, start.unwrap_or_default())?;
    Ok(METHODS[chosen].0)
}

/// Asks how much a sign-in is for.
pub(super) fn access(present: Access) -> Result<Access> {
    const CHOICES: [(Access, &str); 2] = [
        (Access::Read, "read: list, clone and read metadata"),
        (
            Access::Restore,
            "restore: the same, and restore code and metadata",
        ),
    ];
    let start = CHOICES.iter().position(|(access, _)| *access == present);
    let words = CHOICES.map(|(_, words)| words).to_vec();
    let chosen = prompt::choose("Access", words, start.unwrap_or_default())?;
    Ok(CHOICES[chosen].0)
}

/// The kinds of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScheduleKind {
    Every,
    At,
    Cron,
    Manual,
}

impl ScheduleKind {
    const ALL: [Self; 4] = [Self::Every, Self::At, Self::Cron, Self::Manual];

    fn ask(self) -> Result<ScheduleDraft> {
        let mut draft = ScheduleDraft::default();
        match self {
            Self::Every => {
                draft.every = Some(prompt::text(
                    "Interval",
                    "such as 30m, 6h or 1d; from 5m to 31d",
                    DEFAULT_INTERVAL,
                    |text| {
                        first(
                            ScheduleDraft {
                                every: Some(text.to_owned()),
                                ..ScheduleDraft::default()
                            }
                            .parse(),
                        )
                    },
                )?);
            }
            Self::At => {
                draft.at = Some(prompt::text(
                    "Times of day",
                    "separated by commas, such as 06:00,18:00",
                    "",
                    |text| {
                        first(
                            ScheduleDraft {
                                at: Some(text.to_owned()),
                                ..ScheduleDraft::default()
                            }
                            .parse(),
                        )
                    },
                )?);
                draft.zone = Some(zone()?);
                draft.weekdays = Some(prompt::text(
                    "Days of the week",
                    "such as mon-fri or sat,sun",
                    "mon-sun",
                    |text| judged(text.parse::<Weekdays>()),
                )?);
            }
            Self::Cron => {
                draft.cron = Some(prompt::text(
                    "Cron expression",
                    "five fields: minute, hour, day of the month, month, day of the week",
                    "",
                    |text| {
                        first(
                            ScheduleDraft {
                                cron: Some(text.to_owned()),
                                ..ScheduleDraft::default()
                            }
                            .parse(),
                        )
                    },
                )?);
                draft.zone = Some(zone()?);
            }
            Self::Manual => draft.manual = true,
        }
        Ok(draft)
    }
}

impl Display for ScheduleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Every => "every so often",
            Self::At => "at times of day",
            Self::Cron => "by a cron expression",
            Self::Manual => "only when asked for",
        })
    }
}

fn zone() -> Result<String> {
    prompt::text("Time zone", "such as Europe/Warsaw", "UTC", |text| {
        judged(text.parse::<Zone>())
    })
}

fn separated(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn judged<T, E: Display>(result: std::result::Result<T, E>) -> Verdict {
    result.map(drop).map_err(|error| error.to_string())
}

/// The first mistake, where one question can have several.
fn first<T>(result: std::result::Result<T, Vec<FieldError>>) -> Verdict {
    result.map(drop).map_err(|errors| {
        errors
            .into_iter()
            .next()
            .map_or_else(|| "this is not right".to_owned(), |error| error.message)
    })
}
