//! Organizations.

use std::borrow::Cow;

use org_core::draft::SettingsDraft;
use org_core::ids::OrganizationId;
use org_core::inventory::Presence;
use org_core::listing::{GroupScope, PersonalNamespace};
use org_core::oauth::Access;
use org_core::organization::{AuthMethod, AutoLicense, GroupProtection, Settings, Status};
use org_core::schedule::Schedule;
use org_core::token::{CapabilityTable, Grant};
use org_core::use_cases::credential::Revocation;
use org_core::use_cases::overview::Overview;
use serde::{Deserialize, Serialize};

use super::sync::SyncRun;
use super::{Describe, Row, Text, time};
use crate::error::CliError;
use crate::exit::Exit;

/// An organization.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Organization {
    /// Its identity, for ever.
    id: String,
    /// Its name in this installation.
    name: String,
    /// The kind of host: `gitlab`.
    service: String,
    /// The address of the host.
    host: String,
    /// The account that it is seen through.
    account: Account,
    /// How it authenticates.
    authentication: Authentication,
    /// What the credential allows.
    permissions: Vec<Permission>,
    /// What a person chose.
    settings: SettingsBody,
    /// How it is doing.
    status: StatusBody,
    /// How many groups and repositories it has.
    counts: Counts,
    /// When it was connected.
    created_at: String,
    /// When the first complete sync ended; what a later sync finds counts as new.
    followed_since: Option<String>,
    /// When its schedule fires next; null if never.
    next_sync: Option<String>,
}

/// An account at the host.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Account {
    /// The host's id.
    id: u64,
    /// Its login.
    login: String,
    /// `person`, `group_bot`, `project_bot` or `service_account`.
    kind: String,
}

impl From<&org_core::token::Account> for Account {
    fn from(account: &org_core::token::Account) -> Self {
        Self {
            id: account.id.get(),
            login: account.login.to_string(),
            kind: account.kind.to_string(),
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.login, self.kind.replace('_', " "))
    }
}

/// How an organization authenticates.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Authentication {
    /// `access_token` or `sso`.
    method: Cow<'static, str>,
    /// The id of the secret that holds the token.
    secret: Option<String>,
    /// With `sso`: the id of the application that was signed in to.
    application: Option<String>,
    /// With `sso`: how much was asked for, `read` or `restore`.
    access: Option<Cow<'static, str>>,
    /// What the host says of the token.
    token: Token,
}

/// What the host says of an access token.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Token {
    /// The name that it has at the host.
    name: String,
    /// What it was granted, in the host's words.
    scopes: Vec<String>,
    /// Whether it has fine-grained permissions instead of scopes.
    fine_grained: bool,
    /// The day at whose beginning, in UTC, it stops working; null if never.
    expires_on: Option<String>,
    /// Whole days until then.
    days_left: Option<i64>,
}

impl Token {
    pub(crate) fn new(token: &org_core::token::TokenFacts, days_left: Option<i64>) -> Self {
        Self {
            name: token.name.clone(),
            scopes: token.scopes.iter().cloned().collect(),
            fine_grained: token.fine_grained,
            expires_on: token.expires_on.map(|day| day.to_string()),
            days_left,
        }
    }

    pub(crate) fn scopes(&self) -> String {
        self.scopes.join(", ")
    }

    /// Whether it stops working within the days of the first notice, and can still be shown to the host for another.
    fn ends_soon(&self) -> bool {
        self.days_left
            .is_some_and(|left| (1..=org_core::token::EXPIRY_NOTICE_DAYS[0]).contains(&left))
    }

    pub(crate) fn expiry(&self) -> String {
        match (&self.expires_on, self.days_left) {
            (Some(day), Some(0)) => format!("{day} (it has stopped working)"),
            (Some(day), Some(left)) => format!("{day} ({left} days left)"),
            (Some(day), None) => day.clone(),
            (None, _) => "never".to_owned(),
        }
    }
}

/// A row of the permissions table.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Permission {
    /// `list`, `clone`, `read_metadata`, `restore_code`, `restore_metadata` or `manage_webhooks`.
    capability: Cow<'static, str>,
    /// The same for people.
    title: Cow<'static, str>,
    /// `yes`, `no`, or `unknown` where the host does not say.
    granted: Cow<'static, str>,
    /// Scopes of which any one would do, the least powerful first; empty unless it is not granted.
    any_of: Vec<String>,
    /// In words.
    detail: String,
}

/// The permissions table.
pub(crate) fn permissions(table: &CapabilityTable) -> Vec<Permission> {
    let row = |(capability, grant): &(org_core::token::Capability, Grant)| {
        let (granted, any_of) = match grant {
            Grant::Yes => ("yes", Vec::new()),
            Grant::Missing { any_of } => ("no", any_of.clone()),
            Grant::Unknown { .. } => ("unknown", Vec::new()),
        };
        Permission {
            capability: Cow::Borrowed(capability.as_str()),
            title: Cow::Borrowed(capability.title()),
            granted: Cow::Borrowed(granted),
            any_of,
            detail: grant.to_string(),
        }
    };
    table.0.iter().map(row).collect()
}

impl Row for Permission {
    const HEADER: &'static [&'static str] = &["Permission", "Granted"];

    fn cells(&self) -> Vec<String> {
        vec![self.title.to_string(), self.detail.clone()]
    }
}

/// What a person chose for an organization.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Settings"))]
pub(crate) struct SettingsBody {
    /// The chosen groups; null means all groups.
    groups: Option<Vec<String>>,
    /// Whether the personal namespace is covered.
    personal: bool,
    /// Whether groups are inventory of their own.
    protect_groups: bool,
    /// Whether new repositories get a license by themselves.
    auto_license: bool,
    /// What the repositories got that the connecting sync found: `none`, `all` or `matching`.
    license_existing: String,
    /// When it is synchronized.
    schedule: super::schedule::Schedule,
    /// The default device.
    device: String,
}

impl From<&Settings> for SettingsBody {
    fn from(settings: &Settings) -> Self {
        Self {
            groups: match &settings.scope.groups {
                GroupScope::All => None,
                GroupScope::Chosen(paths) => Some(paths.iter().map(ToString::to_string).collect()),
            },
            personal: settings.scope.personal == PersonalNamespace::Included,
            protect_groups: settings.protect_groups == GroupProtection::On,
            auto_license: settings.auto_license == AutoLicense::On,
            license_existing: settings.license_existing.to_string(),
            schedule: (&settings.schedule).into(),
            device: device(settings.default_device),
        }
    }
}

impl SettingsBody {
    /// What is covered, in words.
    fn scope(&self) -> String {
        let draft = SettingsDraft {
            groups: self.groups.clone().unwrap_or_default(),
            personal: Some(if self.personal {
                PersonalNamespace::Included
            } else {
                PersonalNamespace::Excluded
            }),
            ..SettingsDraft::default()
        };
        // Groups that this version cannot read are told as they are.
        let groups = || self.groups.clone().unwrap_or_default().join(", ");
        draft
            .parse_scope()
            .map_or_else(|_| groups(), |scope| scope.to_string())
    }

    pub(crate) fn describe(&self, text: &mut Text) {
        text.field("Covers", self.scope());
        text.field("Protect groups", on_off(self.protect_groups));
        text.field(
            "Automatically add new repositories",
            on_off(self.auto_license),
        );
        text.field("License existing repositories", &self.license_existing);
        text.field(
            "Repositories list synchronization",
            &self.schedule.description,
        );
        text.field("Default device", &self.device);
    }
}

fn device(id: org_core::ids::DeviceId) -> String {
    if id == org_core::ids::DeviceId::EMBEDDED {
        "embedded".to_owned()
    } else {
        id.to_string()
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// How an organization is doing.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Status"))]
pub(crate) struct StatusBody {
    /// `connected`, `action_required`, `paused` or `removed`.
    state: Cow<'static, str>,
    /// With `action_required`: the word for what is wrong, such as `token_expired`.
    reason: Option<String>,
    /// The same in words.
    detail: Option<String>,
    /// What to do next.
    next_step: Option<Cow<'static, str>>,
    /// With `removed`: when.
    since: Option<String>,
}

impl From<&Status> for StatusBody {
    fn from(status: &Status) -> Self {
        let mut body = Self {
            state: Cow::Borrowed(status.as_str()),
            reason: None,
            detail: None,
            next_step: None,
            since: None,
        };
        match status {
            Status::ActionRequired(reason) => {
                let word = reason.to_string();
                body.reason = word.split(':').next().map(str::to_owned);
                body.detail = Some(reason.explain());
                body.next_step = Some(Cow::Borrowed(reason.next_step()));
            }
            Status::Removed { at } => body.since = Some(time::stamp(*at)),
            Status::Connected | Status::Paused => {}
        }
        body
    }
}

impl StatusBody {
    fn short(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.state),
            None => self.state.to_string(),
        }
    }
}

/// How many groups and repositories an organization has.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(rename = "InventoryCounts")
)]
pub(crate) struct Counts {
    /// Repositories that are there.
    repositories: u64,
    /// Groups that are there; zero when groups are not protected.
    groups: u64,
    /// Repositories with a license.
    licensed: u64,
    /// Repositories that wait for one.
    waiting: u64,
    /// Repositories that are gone.
    gone: u64,
}

impl From<&Overview> for Organization {
    fn from(overview: &Overview) -> Self {
        let Overview {
            organization,
            counts,
            next_run,
            token_days_left,
        } = overview;
        Self {
            id: organization.id.to_string(),
            name: organization.name.to_string(),
            service: organization.service.to_string(),
            host: organization.host.to_string(),
            account: (&organization.account).into(),
            authentication: authentication(&organization.auth, *token_days_left),
            permissions: permissions(&organization.capabilities),
            settings: (&organization.settings).into(),
            status: (&organization.status).into(),
            counts: Counts {
                repositories: counts.repositories,
                groups: counts.groups,
                licensed: counts.licensed,
                waiting: counts.waiting,
                gone: counts.gone,
            },
            created_at: time::stamp(organization.created_at),
            followed_since: organization.followed_since.map(time::stamp),
            next_sync: next_run.map(time::stamp),
        }
    }
}

fn authentication(auth: &AuthMethod, days_left: Option<i64>) -> Authentication {
    let (application, access) = match auth {
        AuthMethod::Sso { client, access, .. } => (
            Some(client.to_string()),
            Some(Cow::Borrowed(access.as_str())),
        ),
        _ => (None, None),
    };
    Authentication {
        method: Cow::Borrowed(auth.as_str()),
        secret: Some(auth.secret().to_string()),
        application,
        access,
        token: Token::new(auth.token(), days_left),
    }
}

impl Authentication {
    fn describe(&self, text: &mut Text) {
        if let (Some(application), Some(access)) = (&self.application, &self.access) {
            text.field("Authentication", signed_in(access));
            text.field("Application", application);
            text.field("Granted scopes", self.token.scopes());
        } else {
            text.field("Token", &self.token.name);
            text.field("Token expires", self.token.expiry());
        }
    }
}

/// How a sign-in is called.
pub(crate) fn signed_in(access: &str) -> String {
    format!("single sign-on (SSO), {access} access")
}

impl Organization {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn login(&self) -> &str {
        &self.account.login
    }

    pub(crate) fn is_sso(&self) -> bool {
        self.authentication.method == "sso"
    }

    /// How much its sign-in asked for; reading where there is none.
    pub(crate) fn access(&self) -> Access {
        let word = self.authentication.access.as_deref();
        word.and_then(|word| word.parse().ok())
            .unwrap_or(Access::Read)
    }

    /// Whose runs its schedule makes.
    pub(crate) fn scheduled(&self) -> Result<(OrganizationId, Schedule), CliError> {
        let parsed = || Some((self.id.parse().ok()?, self.settings.schedule.parse()?));
        parsed().ok_or_else(|| {
            CliError::new(
                Exit::Unavailable,
                "the server has a schedule that nobody knows here",
            )
            .hinted("is the server of the same version?")
        })
    }
}

impl Row for Organization {
    const HEADER: &'static [&'static str] = &[
        "Name",
        "Host",
        "Account",
        "Status",
        "Repositories",
        "Licensed",
        "Next sync",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.host.clone(),
            self.account.login.clone(),
            self.status.short(),
            self.counts.repositories.to_string(),
            self.counts.licensed.to_string(),
            self.next_sync.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    }
}

impl Describe for Organization {
    fn describe(&self, text: &mut Text) {
        text.field("Name", &self.name);
        text.field("Id", &self.id);
        text.field("Host", &self.host);
        text.field("Account", &self.account);
        text.field("Status", self.status.short());
        if let Some(detail) = &self.status.detail {
            text.field("Reason", detail);
        }
        if let Some(step) = &self.status.next_step {
            text.field("Next step", step);
        }
        self.authentication.describe(text);
        if self.authentication.token.ends_soon() && !self.is_sso() {
            let name = runtime::doctor::word(&self.name);
            text.field(
                "Rotate it with",
                format!("forgehold org rotate-token {name}"),
            );
        }
        self.settings.describe(text);
        text.field("Repositories", self.counts.repositories);
        text.field("Groups", self.counts.groups);
        text.field("Licensed", self.counts.licensed);
        text.field("Waiting for a license", self.counts.waiting);
        text.field("Gone", self.counts.gone);
        text.field(
            "Next sync",
            self.next_sync.as_deref().unwrap_or("never by itself"),
        );
        text.heading("Permissions");
        text.table(&self.permissions);
    }
}

/// What connecting or reconnecting came to.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Connected {
    /// The organization as it is after its first sync.
    organization: Organization,
    /// The syncs that ran; empty with `--no-sync`.
    syncs: Vec<SyncRun>,
}

impl Connected {
    pub(crate) fn new(overview: &Overview, syncs: Vec<SyncRun>) -> Self {
        Self::of(overview.into(), syncs)
    }

    pub(crate) const fn of(organization: Organization, syncs: Vec<SyncRun>) -> Self {
        Self {
            organization,
            syncs,
        }
    }
}

impl Describe for Connected {
    fn describe(&self, text: &mut Text) {
        self.organization.describe(text);
        for run in &self.syncs {
            text.heading("Sync");
            run.describe(text);
        }
    }
}

/// What removing an organization did.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Removal {
    /// The name that it had.
    name: String,
    /// The address of the host that it was at.
    host: String,
    /// What became of what a sign-in had granted at the host: `none` where there was none, `revoked`, or `left` where the host did not end it.
    grant: Cow<'static, str>,
    /// With `left`: why, in words.
    grant_detail: Option<String>,
    /// How many licenses are free again.
    freed_licenses: u64,
    /// How many secrets were deleted.
    deleted_secrets: u64,
    /// How many secrets the password manager did not delete yet; the next cleaning up tries again.
    secrets_left: u64,
}

impl From<&org_core::use_cases::manage::Removal> for Removal {
    fn from(removal: &org_core::use_cases::manage::Removal) -> Self {
        let (grant, grant_detail) = match &removal.revocation {
            Revocation::NotGranted => ("none", None),
            Revocation::Revoked => ("revoked", None),
            Revocation::Failed(why) => ("left", Some(why.clone())),
        };
        Self {
            name: removal.organization.name.to_string(),
            host: removal.organization.host.to_string(),
            grant: Cow::Borrowed(grant),
            grant_detail,
            freed_licenses: removal.freed,
            deleted_secrets: removal.secrets,
            secrets_left: removal.secrets_left,
        }
    }
}

impl Describe for Removal {
    fn describe(&self, text: &mut Text) {
        text.line(format_args!(
            "removed {}: {} licenses are free again, {} secrets were deleted; the history stays",
            self.name, self.freed_licenses, self.deleted_secrets
        ));
        match &self.grant_detail {
            _ if self.grant == "revoked" => text.line(format_args!(
                "{} has ended what the sign-in had granted",
                self.host
            )),
            Some(why) => text.line(format_args!(
                "{} did not end what the sign-in had granted: {why}; revoke the application there (User settings, Applications)",
                self.host
            )),
            None => {}
        }
        if self.secrets_left > 0 {
            text.line(format_args!(
                "{} secrets could not be deleted yet; `forgehold run` tries again",
                self.secrets_left
            ));
        }
    }
}

/// Whether something is still at the host.
pub(crate) fn gone_since(presence: Presence) -> Option<String> {
    match presence {
        Presence::Present => None,
        Presence::Gone { since } => Some(time::stamp(since)),
    }
}
