//! What programs send. Fields that nobody knows are refused, so that a misspelt one is not silently ignored.

use std::num::NonZeroU16;

use org_core::draft::{Method, OrganizationDraft, ScheduleDraft, SettingsDraft, TokenDraft};
use org_core::host::PlainHttp;
use org_core::listing::{PersonalNamespace, Scope};
use org_core::oauth::Access;
use org_core::organization::{AutoLicense, ExistingRepositories, GroupProtection};
use org_core::use_cases::UseCaseError;
use org_core::use_cases::manage::SettingsPatch;
use org_core::use_cases::reconnect::{BlindReconnect, ReconnectDraft};
use org_core::use_cases::sign_in::BrowserAnswer;
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use super::hidden::Hidden;
use crate::api::problem::Problem;
use crate::jobs::Cover;

/// Where an access token comes from: a secret of the password manager, or the token itself.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    /// The name of a secret.
    pub secret: Option<String>,
    /// The token itself; it is kept only once the host has accepted it.
    pub value: Option<Hidden>,
}

impl TokenForm {
    /// The form of the domain.
    pub fn draft(self) -> Result<TokenDraft, Problem> {
        match (self.secret, self.value) {
            (Some(_), Some(_)) => {
                let message = "give the name of a secret or the token itself, not both";
                Err(Problem::invalid("token", message))
            }
            (Some(name), None) => Ok(TokenDraft::Secret(name)),
            (None, Some(Hidden(value))) => Ok(TokenDraft::Value(value)),
            (None, None) => Ok(TokenDraft::Missing),
        }
    }
}

/// When to synchronize: one of `every`, `at`, `cron` and `manual`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleForm {
    /// The interval, such as `6h`.
    pub every: Option<String>,
    /// The times of day, such as `06:00,18:00`.
    pub at: Option<String>,
    /// The five fields of a cron expression.
    pub cron: Option<String>,
    /// Only when somebody asks.
    #[serde(default)]
    pub manual: bool,
    /// The time zone of times and cron, such as `Europe/Warsaw`.
    pub zone: Option<String>,
    /// The days of the week for times, such as `mon-fri`.
    pub weekdays: Option<String>,
}

impl From<ScheduleForm> for ScheduleDraft {
    fn from(form: ScheduleForm) -> Self {
        Self {
            every: form.every,
            at: form.at,
            cron: form.cron,
            manual: form.manual,
            zone: form.zone,
            weekdays: form.weekdays,
        }
    }
}

/// An organization to connect.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of JSON, turned into an enum at once"
)]
pub struct ConnectForm {
    /// The name; without one it is made from the groups or the login.
    pub name: Option<String>,
    /// The kind of host: `gitlab`.
    pub service: Option<String>,
    /// The address of the host; `https://gitlab.com` without one.
    pub host: Option<String>,
    /// Whether plain http to another machine is allowed.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Instead of a login and a token, what a person signs in at the host for: `read` or `restore`.
    pub sso: Option<String>,
    /// With `sso`: the port of 127.0.0.1 at which the program waits for the browser of whoever signs in. Without one they type a code.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    pub loopback_port: Option<NonZeroU16>,
    /// With `sso`: what is covered is chosen once somebody has signed in and seen what was granted, with `POST /jobs/{job}/choice`. Groups
    /// that are named before are no more than what a person thinks of.
    #[serde(default)]
    pub choose_groups: bool,
    /// The login that the token belongs to.
    #[serde(default)]
    pub login: String,
    /// The access token.
    #[serde(default)]
    pub token: TokenForm,
    /// The paths of the chosen groups; none means all groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether the personal namespace is covered; without a word it is for all groups and not for chosen ones.
    pub personal: Option<bool>,
    /// Whether groups are inventory of their own.
    #[serde(default)]
    pub protect_groups: bool,
    /// Whether new repositories get a license by themselves.
    #[serde(default)]
    pub auto_license: bool,
    /// What the repositories get that are there: `none`, `all` or `matching`.
    pub license_existing: Option<String>,
    /// When to synchronize.
    #[serde(default)]
    pub schedule: ScheduleForm,
    /// The default device: `embedded`.
    pub device: Option<String>,
}

/// Whether plain http to another machine is allowed.
pub const fn plain_http(allowed: bool) -> PlainHttp {
    if allowed {
        PlainHttp::Allowed
    } else {
        PlainHttp::LoopbackOnly
    }
}

const fn personal(covered: bool) -> PersonalNamespace {
    if covered {
        PersonalNamespace::Included
    } else {
        PersonalNamespace::Excluded
    }
}

const fn protection(on: bool) -> GroupProtection {
    if on {
        GroupProtection::On
    } else {
        GroupProtection::Off
    }
}

const fn auto(on: bool) -> AutoLicense {
    if on {
        AutoLicense::On
    } else {
        AutoLicense::Off
    }
}

/// A field that only a sign-in has was given without one.
fn only_with_sso(field: &'static str) -> Problem {
    let message = "it goes with `sso` alone";
    Problem::invalid(field, message)
}

impl ConnectForm {
    /// When it is said what shall be covered.
    pub(crate) const fn cover(&self) -> Cover {
        if self.choose_groups {
            Cover::AsChosen
        } else {
            Cover::AsSaid
        }
    }

    /// The form of the domain, which finds every other mistake at once.
    pub fn draft(self) -> Result<OrganizationDraft, Problem> {
        if self.sso.is_none() && self.loopback_port.is_some() {
            return Err(only_with_sso("loopback_port"));
        }
        if self.sso.is_none() && self.choose_groups {
            return Err(only_with_sso("choose_groups"));
        }
        let usual = OrganizationDraft::default();
        let existing = match self.license_existing.as_deref() {
            None => ExistingRepositories::None,
            Some(word) => word
                .parse()
                .map_err(|error| Problem::invalid("license_existing", format!("{error}")))?,
        };
        Ok(OrganizationDraft {
            id: None,
            name: self.name,
            service: self.service.unwrap_or(usual.service),
            host: self.host.unwrap_or(usual.host),
            plain_http: plain_http(self.allow_plain_http),
            method: if self.sso.is_some() {
                Method::Sso
            } else {
                Method::AccessToken
            },
            access: access(self.sso.as_deref())?,
            login: self.login,
            token: self.token.draft()?,
            settings: SettingsDraft {
                groups: self.groups,
                personal: self.personal.map(personal),
                protect_groups: protection(self.protect_groups),
                auto_license: auto(self.auto_license),
                license_existing: existing,
                schedule: self.schedule.into(),
                device: self.device,
            },
        })
    }
}

/// What shall change of an organization; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditForm {
    /// The name.
    pub name: Option<String>,
    /// The paths of the chosen groups; an empty list means all groups.
    pub groups: Option<Vec<String>>,
    /// Whether the personal namespace is covered.
    pub personal: Option<bool>,
    /// Whether groups are inventory of their own.
    pub protect_groups: Option<bool>,
    /// Whether new repositories get a license by themselves.
    pub auto_license: Option<bool>,
    /// When to synchronize.
    pub schedule: Option<ScheduleForm>,
    /// The default device: `embedded`.
    pub device: Option<String>,
}

impl From<EditForm> for SettingsPatch {
    fn from(form: EditForm) -> Self {
        Self {
            name: form.name,
            groups: form.groups,
            personal: form.personal.map(personal),
            protect_groups: form.protect_groups.map(protection),
            auto_license: form.auto_license.map(auto),
            schedule: form.schedule.map(Into::into),
            device: form.device,
        }
    }
}

/// Another credential for an organization.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconnectForm {
    /// The login that the token belongs to; without one it is the present one.
    pub login: Option<String>,
    /// Instead of a login and a token, what a person signs in at the host for: `read` or `restore`.
    pub sso: Option<String>,
    /// With `sso`: the port of 127.0.0.1 at which the program waits for the browser of whoever signs in. Without one they type a code.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    pub loopback_port: Option<NonZeroU16>,
    /// The access token.
    #[serde(default)]
    pub token: TokenForm,
    /// Whether the new account may see nothing of what is known.
    #[serde(default)]
    pub confirm_blind: bool,
}

/// What a sign-in asks for.
fn access(word: Option<&str>) -> Result<Access, Problem> {
    match word {
        None | Some("read") => Ok(Access::Read),
        Some("restore") => Ok(Access::Restore),
        Some(_) => Err(Problem::invalid("sso", "it is none of read and restore")),
    }
}

impl ReconnectForm {
    /// What a sign-in asks for.
    pub fn access(&self) -> Result<Access, Problem> {
        access(self.sso.as_deref())
    }

    /// The form of the domain.
    pub fn draft(self) -> Result<ReconnectDraft, Problem> {
        if self.sso.is_none() && self.loopback_port.is_some() {
            return Err(only_with_sso("loopback_port"));
        }
        Ok(ReconnectDraft {
            login: self.login,
            token: self.token.draft()?,
            blind: if self.confirm_blind {
                BlindReconnect::Confirmed
            } else {
                BlindReconnect::Refused
            },
        })
    }
}

/// What the browser of somebody who signed in at the host came back with.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The address that it was sent to, with everything behind the question mark; the part from the path on is enough.
    pub answer: Hidden,
}

impl AnswerForm {
    /// What the host said.
    pub fn parse(&self) -> Result<BrowserAnswer, Problem> {
        // Where no host is named it is that of the loopback redirect; of either, only path and query count.
        let base = Url::parse("http://127.0.0.1/").expect("an address");
        let text = self.answer.0.expose_secret().trim();
        let url = Url::options().base_url(Some(&base)).parse(text);
        let Some(url) = url.ok().filter(|url| url.query().is_some()) else {
            let message = "give the whole address that the browser was sent to, such as `/callback/gitlab.com?code=...&state=...`";
            return Err(Problem::invalid("answer", message));
        };
        Ok(BrowserAnswer::parse(
            url.path(),
            url.query().unwrap_or_default(),
        ))
    }
}

/// What a sign-in shall cover.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoiceForm {
    /// The paths of the chosen groups; none means all groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether the personal namespace is covered; without a word it is for all groups and not for chosen ones.
    pub personal: Option<bool>,
}

impl ChoiceForm {
    /// The scope, or every mistake at once.
    pub fn scope(self) -> Result<Scope, UseCaseError> {
        let settings = SettingsDraft {
            groups: self.groups,
            personal: self.personal.map(personal),
            ..SettingsDraft::default()
        };
        settings
            .parse_scope()
            .map_err(|errors| UseCaseError::Invalid { errors })
    }
}

/// What a person says about a held sync.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    /// The id of the sync that they looked at.
    pub sync: String,
}

/// A host to reach.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeForm {
    /// The address of the host.
    pub host: String,
    /// Whether plain http to another machine is allowed.
    #[serde(default)]
    pub allow_plain_http: bool,
}

/// Groups to find before anything is connected.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSearchForm {
    /// The address of the host.
    pub host: String,
    /// Whether plain http to another machine is allowed.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// The access token that looks.
    #[serde(default)]
    pub token: TokenForm,
    /// A part of the path; upper and lower case are the same.
    pub text: String,
}

/// How many seats there shall be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatsForm {
    /// The number; null means unlimited.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required)]
    pub seats: Option<u32>,
}

/// Rules that decide which repositories get a license by themselves.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyForm {
    /// The rules in their order; the last one is `include all` or `exclude all`.
    pub rules: Vec<String>,
}

/// A new secret.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretForm {
    /// Its name.
    pub name: String,
    /// Its value; it never comes out again.
    pub value: Option<Hidden>,
    /// Instead of a value, where one of others stands in that vault: it is read there each time and never copied.
    pub target: Option<TargetForm>,
    /// The name of the vault to put it into, instead of the one that new secrets go to.
    #[serde(default)]
    pub vault: Option<String>,
}

/// Where a secret of others stands in a vault.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetForm {
    /// Where the engine is mounted.
    pub mount: String,
    /// The path of the secret in its engine.
    pub path: String,
    /// The key of the value at that path.
    pub key: String,
}

/// Which host to test a secret against.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestForm {
    /// A host to ask besides those of the organizations that use it.
    pub host: Option<String>,
}

/// Where a secret shall live.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveForm {
    /// The name of the vault.
    pub vault: String,
}

/// How long a new access token shall work.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateTokenForm {
    /// For how many days, from 1 to 365; 90 without it.
    pub days: Option<u64>,
}

/// Another value for a secret.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateForm {
    /// The value; it never comes out again.
    pub value: Hidden,
}

/// A new person.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserForm {
    /// The name to sign in with.
    pub name: String,
    /// The first password.
    pub password: Hidden,
    /// `viewer`, `operator` or `administrator`.
    pub role: String,
}

/// Another password of one's own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    /// The present one.
    pub old_password: Hidden,
    /// The new one.
    pub password: Hidden,
}

/// A recovery key to be made.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeyForm {
    /// Whether an earlier one may be replaced, which opens nothing any more then.
    #[serde(default)]
    pub replace: bool,
}

/// What shall change of a person; exactly one of these.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeForm {
    /// `viewer`, `operator` or `administrator`; their sessions end.
    pub role: Option<String>,
    /// Whether the account is closed; if so their sessions end.
    pub disabled: Option<bool>,
    /// Another password; their sessions end.
    pub password: Option<Hidden>,
}

/// A new API token of one's own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenForm {
    /// What it is called.
    pub name: String,
    /// `read`, `write` or `admin`: the most that it allows, and no more than its owner may do.
    pub scope: String,
    /// In how many days it stops working; null means never.
    #[schema(minimum = 1, maximum = 3660)]
    pub expires_in_days: Option<u32>,
}
