//! The form as a person filled it in, and what it becomes once every field makes sense.
//!
//! All mistakes are found at once, each at its field, before anything goes on the network.

mod schedule;

use std::fmt;

use secrecy::SecretString;

use crate::device::Device;
use crate::host::{HostUrl, PlainHttp, Service};
use crate::ids::{DeviceId, OrganizationId};
use crate::listing::{GroupScope, PersonalNamespace, Scope};
use crate::oauth::Access;
use crate::organization::{AutoLicense, ExistingRepositories, GroupProtection, Settings};
use crate::text::{GroupPath, Login, OrganizationName, SecretName, TextError};

pub use schedule::{DEFAULT_INTERVAL, ScheduleDraft};

/// The most groups that a scope may name.
pub const MAX_GROUPS: usize = 100;

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The name of the organization.
    Name,
    /// The kind of host.
    Service,
    /// The address of the host.
    Host,
    /// The login that the token belongs to.
    Login,
    /// The access token, or the secret that holds it.
    Token,
    /// The chosen groups.
    Groups,
    /// Whether the personal namespace is covered.
    Personal,
    /// Which kind of schedule.
    Schedule,
    /// The interval between syncs.
    Every,
    /// The times of day.
    At,
    /// The time zone.
    Zone,
    /// The days of the week.
    Weekdays,
    /// The cron expression.
    Cron,
    /// The default device.
    Device,
    /// For how many days a new access token shall work.
    Days,
}

impl Field {
    /// The name that messages use; entry points show their own label beside it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Service => "service",
            Self::Host => "host",
            Self::Login => "login",
            Self::Token => "token",
            Self::Groups => "group",
            Self::Personal => "personal",
            Self::Schedule => "schedule",
            Self::Every => "sync-every",
            Self::At => "sync-at",
            Self::Zone => "zone",
            Self::Weekdays => "weekdays",
            Self::Cron => "sync-cron",
            Self::Device => "device",
            Self::Days => "days",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A mistake at one field, with what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where.
    pub field: Field,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl FieldError {
    /// A mistake at `field`.
    pub fn new(field: Field, message: impl fmt::Display) -> Self {
        Self {
            field,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Where the access token comes from, as typed.
#[derive(Debug, Clone, Default)]
pub enum TokenDraft {
    /// Nothing was said.
    #[default]
    Missing,
    /// The name of a secret in the password manager.
    Secret(String),
    /// The token itself; it is stored only once the host has accepted it.
    Value(SecretString),
}

/// How to authenticate, as chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// By signing in at the host.
    #[default]
    Sso,
    /// With a login and an access token.
    AccessToken,
}

/// The settings of the form, as typed.
#[derive(Debug, Clone)]
pub struct SettingsDraft {
    /// The paths of the chosen groups; none means all groups.
    pub groups: Vec<String>,
    /// Whether the personal namespace is covered; when nobody says, it is for all groups and not for chosen ones.
    pub personal: Option<PersonalNamespace>,
    /// Whether groups are inventory of their own.
    pub protect_groups: GroupProtection,
    /// Whether new repositories get a license by themselves.
    pub auto_license: AutoLicense,
    /// What happens to those that the connecting sync finds.
    pub license_existing: ExistingRepositories,
    /// When the list is synchronized.
    pub schedule: ScheduleDraft,
    /// The id of the default device; none means the embedded one.
    pub device: Option<String>,
}

/// What the form shows before a person touches it.
impl Default for SettingsDraft {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            personal: None,
            protect_groups: GroupProtection::Off,
            auto_license: AutoLicense::Off,
            license_existing: ExistingRepositories::None,
            schedule: ScheduleDraft::default(),
            device: None,
        }
    }
}

impl SettingsDraft {
    /// The settings, or every mistake.
    pub fn parse(&self) -> Result<Settings, Vec<FieldError>> {
        let mut errors = Vec::new();
        let scope = keep_all(&mut errors, self.parse_scope());
        let schedule = keep_all(&mut errors, self.schedule.parse());
        let default_device = match self.device.as_deref().map(str::trim) {
            None | Some("" | Device::EMBEDDED) => Some(DeviceId::EMBEDDED),
            // Whether there is such a device is for the registry to say.
            Some(text) => {
                let id = text.parse().map_err(|_| FieldError {
                    field: Field::Device,
                    message: format!(
                        "there is no device `{text}`; give the id of one, or `{}` for this installation itself",
                        Device::EMBEDDED
                    ),
                });
                keep_all(&mut errors, id.map_err(|error| vec![error]))
            }
        };
        match (scope, schedule, default_device) {
            (Some(scope), Some(schedule), Some(default_device)) => Ok(Settings {
                scope,
                protect_groups: self.protect_groups,
                auto_license: self.auto_license,
                license_existing: self.license_existing,
                schedule,
                default_device,
            }),
            _ => Err(errors),
        }
    }

    /// The scope, or every mistake.
    pub fn parse_scope(&self) -> Result<Scope, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut paths: Vec<GroupPath> = Vec::new();
        for text in &self.groups {
            if text.trim().is_empty() {
                let message = "choose at least one group, or all of them".to_owned();
                errors.push(FieldError {
                    field: Field::Groups,
                    message,
                });
                continue;
            }
            match text.parse::<GroupPath>() {
                Ok(path) => match paths.iter().find(|known| known.overlaps(&path)) {
                    Some(known) if known.matches(path.as_str()) => {
                        let message = format!("`{path}` was chosen twice; leave one of them out");
                        errors.push(FieldError {
                            field: Field::Groups,
                            message,
                        });
                    }
                    Some(known) => {
                        let message = format!(
                            "of `{known}` and `{path}` one lies inside the other; leave the inner one out"
                        );
                        errors.push(FieldError {
                            field: Field::Groups,
                            message,
                        });
                    }
                    None => paths.push(path),
                },
                Err(error) => errors.push(FieldError::new(Field::Groups, error)),
            }
        }
        if self.groups.len() > MAX_GROUPS {
            let message = format!("at most {MAX_GROUPS} groups can be chosen");
            errors.push(FieldError {
                field: Field::Groups,
                message,
            });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let groups = if paths.is_empty() {
            GroupScope::All
        } else {
            GroupScope::Chosen(paths)
        };
        let personal = self.personal.unwrap_or(match groups {
            GroupScope::All => PersonalNamespace::Included,
            GroupScope::Chosen(_) => PersonalNamespace::Excluded,
        });
        Ok(Scope { groups, personal })
    }
}

/// The whole form, as typed.
#[derive(Debug, Clone)]
pub struct OrganizationDraft {
    /// The identity that it shall have, so that a preview of its schedule shows the very times that will come; none means a new one.
    pub id: Option<OrganizationId>,
    /// The name; none means one made from the scope or the login.
    pub name: Option<String>,
    /// The kind of host.
    pub service: String,
    /// The address of the host.
    pub host: String,
    /// Whether the person allows plain http to another machine.
    pub plain_http: PlainHttp,
    /// How to authenticate.
    pub method: Method,
    /// How much a sign-in asks for.
    pub access: Access,
    /// The login that the token belongs to; nothing for a sign-in.
    pub login: String,
    /// The token; nothing for a sign-in.
    pub token: TokenDraft,
    /// The settings.
    pub settings: SettingsDraft,
}

impl Default for OrganizationDraft {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            service: Service::Gitlab.to_string(),
            host: HostUrl::GITLAB_COM.to_owned(),
            plain_http: PlainHttp::LoopbackOnly,
            method: Method::default(),
            access: Access::Read,
            login: String::new(),
            token: TokenDraft::Missing,
            settings: SettingsDraft::default(),
        }
    }
}

/// Where the access token comes from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A secret in the password manager.
    Secret(SecretName),
    /// The token itself.
    Value(SecretString),
}

/// How to authenticate, once it makes sense.
#[derive(Debug, Clone)]
pub enum ValidAuth {
    /// By signing in at the host.
    Sso {
        /// How much is asked for.
        access: Access,
    },
    /// With an access token.
    AccessToken {
        /// The login that it belongs to.
        login: Login,
        /// Where it is.
        token: TokenSource,
    },
}

/// The form once every field makes sense.
#[derive(Debug, Clone)]
pub struct ValidDraft {
    /// The identity that it shall have; none means a new one.
    pub id: Option<OrganizationId>,
    /// The name; `None` for a sign-in without a name of its own, which gets one from its account ([`ValidDraft::name_for`]).
    pub name: Option<OrganizationName>,
    /// The kind of host.
    pub service: Service,
    /// The host.
    pub host: HostUrl,
    /// How to authenticate.
    pub auth: ValidAuth,
    /// The settings.
    pub settings: Settings,
}

impl ValidDraft {
    /// The name that the organization gets when its account is `login`.
    pub fn name_for(&self, login: &Login) -> Result<OrganizationName, TextError> {
        name_for(self.name.as_ref(), &self.settings.scope, login, &self.host)
    }

    /// The login that a token must belong to; a sign-in finds out.
    pub const fn login(&self) -> Option<&Login> {
        match &self.auth {
            ValidAuth::Sso { .. } => None,
            ValidAuth::AccessToken { login, .. } => Some(login),
        }
    }
}

/// The name that a person gave, or one made from the scope or the account.
pub(crate) fn name_for(
    given: Option<&OrganizationName>,
    scope: &Scope,
    login: &Login,
    host: &HostUrl,
) -> Result<OrganizationName, TextError> {
    match given {
        Some(name) => Ok(name.clone()),
        None => default_name(scope, login, host).parse(),
    }
}

/// The longest token that anybody issues, with room to spare.
const MAX_TOKEN: usize = 4096;

/// Where the token is, or what is wrong with it. The message never repeats the token.
pub fn parse_token(draft: &TokenDraft) -> Result<TokenSource, FieldError> {
    use secrecy::ExposeSecret;

    let refuse = |message: &str| Err(FieldError::new(Field::Token, message));
    match draft {
        TokenDraft::Missing => refuse(
            "there is no access token; give the token itself, or name a secret of the password manager",
        ),
        TokenDraft::Secret(name) => match name.parse() {
            Ok(name) => Ok(TokenSource::Secret(name)),
            Err(error) => Err(FieldError::new(Field::Token, error)),
        },
        TokenDraft::Value(value) => {
            let token = value.expose_secret().trim();
            if token.is_empty() {
                refuse("the access token is empty")
            } else if token.len() > MAX_TOKEN {
                refuse("the access token is too long; give the token alone")
            } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                refuse(
                    "the access token has white space or other characters that no token has; give the token alone",
                )
            } else {
                Ok(TokenSource::Value(SecretString::from(token.to_owned())))
            }
        }
    }
}

impl OrganizationDraft {
    /// The form with every field parsed, or every mistake.
    pub fn validate(&self) -> Result<ValidDraft, Vec<FieldError>> {
        let mut errors = Vec::new();
        let service = keep(&mut errors, Field::Service, self.service.parse::<Service>());
        let host = keep(
            &mut errors,
            Field::Host,
            HostUrl::parse(&self.host, self.plain_http),
        );
        let auth = keep_all(&mut errors, self.auth());
        let settings = keep_all(&mut errors, self.settings.parse());
        let name = match &self.name {
            Some(name) => {
                keep(&mut errors, Field::Name, name.parse::<OrganizationName>()).map(Some)
            }
            None => match (&settings, &auth, &host) {
                (Some(_), Some(ValidAuth::Sso { .. }), Some(_)) => Some(None),
                (Some(settings), Some(ValidAuth::AccessToken { login, .. }), Some(host)) => {
                    let name = name_for(None, &settings.scope, login, host);
                    keep(&mut errors, Field::Name, name).map(Some)
                }
                _ => None,
            },
        };
        match (name, service, host, auth, settings) {
            (Some(name), Some(service), Some(host), Some(auth), Some(settings))
                if errors.is_empty() =>
            {
                Ok(ValidDraft {
                    id: self.id,
                    name,
                    service,
                    host,
                    auth,
                    settings,
                })
            }
            _ => Err(errors),
        }
    }

    fn auth(&self) -> Result<ValidAuth, Vec<FieldError>> {
        let mut errors = Vec::new();
        match self.method {
            Method::Sso => {
                if !self.login.trim().is_empty() {
                    let message = "a login goes with an access token; leave it out, or register using login and token";
                    errors.push(FieldError::new(Field::Login, message));
                }
                if !matches!(self.token, TokenDraft::Missing) {
                    let message = "an access token goes with its login; leave it out, or register using login and token";
                    errors.push(FieldError::new(Field::Token, message));
                }
                if errors.is_empty() {
                    Ok(ValidAuth::Sso {
                        access: self.access,
                    })
                } else {
                    Err(errors)
                }
            }
            Method::AccessToken => {
                let login = keep(&mut errors, Field::Login, self.login.parse::<Login>());
                let token = keep_all(
                    &mut errors,
                    parse_token(&self.token).map_err(|error| vec![error]),
                );
                match (login, token) {
                    (Some(login), Some(token)) => Ok(ValidAuth::AccessToken { login, token }),
                    _ => Err(errors),
                }
            }
        }
    }
}

/// A name that a person would have given: the only chosen group, or the account at its host.
fn default_name(scope: &Scope, login: &Login, host: &HostUrl) -> String {
    match &scope.groups {
        GroupScope::Chosen(paths) if paths.len() == 1 => paths[0].to_string(),
        _ => format!("{login}@{}", host.host_name()),
    }
}

fn keep<T, E: fmt::Display>(
    errors: &mut Vec<FieldError>,
    field: Field,
    result: Result<T, E>,
) -> Option<T> {
    result
        .map_err(|error| errors.push(FieldError::new(field, error)))
        .ok()
}

fn keep_all<T>(errors: &mut Vec<FieldError>, result: Result<T, Vec<FieldError>>) -> Option<T> {
    result.map_err(|more| errors.extend(more)).ok()
}

#[cfg(test)]
mod tests;
