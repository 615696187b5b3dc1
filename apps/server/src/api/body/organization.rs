//! Organizations.

use org_core::inventory::Presence;
use org_core::listing::{GroupScope, PersonalNamespace};
use org_core::organization::{AuthMethod, AutoLicense, GroupProtection, Settings, Status};
use org_core::token::{CapabilityTable, Grant};
use org_core::use_cases::credential::Revocation;
use org_core::use_cases::overview::Overview;
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// An organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Organization {
    /// Its identity, for ever.
    pub id: String,
    /// Its name in this installation.
    pub name: String,
    /// The kind of host: `gitlab`.
    pub service: String,
    /// The address of the host.
    pub host: String,
    /// The account that it is seen through.
    pub account: Account,
    /// How it authenticates.
    pub authentication: Authentication,
    /// What the credential allows.
    pub permissions: Vec<Permission>,
    /// What a person chose.
    pub settings: SettingsBody,
    /// How it is doing.
    pub status: StatusBody,
    /// How many groups and repositories it has.
    pub counts: Counts,
    /// When it was connected.
    pub created_at: String,
    /// When the first complete sync ended; what a later sync finds counts as new.
    pub followed_since: Option<String>,
    /// When its schedule fires next; null if never.
    pub next_sync: Option<String>,
    /// Counts the changes of its record; the `ETag` of its answers says the same.
    pub version: u64,
}

/// An account at the host.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Account {
    /// The host's id.
    pub id: u64,
    /// Its login.
    pub login: String,
    /// `person`, `group_bot`, `project_bot` or `service_account`.
    pub kind: String,
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

/// How an organization authenticates.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Authentication {
    /// `access_token` or `sso`.
    pub method: &'static str,
    /// The id of the secret that holds the token.
    pub secret: Option<String>,
    /// With `sso`: the id of the application that was signed in to.
    pub application: Option<String>,
    /// With `sso`: how much was asked for, `read` or `restore`.
    pub access: Option<&'static str>,
    /// What the host says of the token.
    pub token: Token,
}

/// What the host says of an access token.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Token {
    /// The name that it has at the host.
    pub name: String,
    /// What it was granted, in the host's words.
    pub scopes: Vec<String>,
    /// Whether it has fine-grained permissions instead of scopes.
    pub fine_grained: bool,
    /// The day at whose beginning, in UTC, it stops working; null if never.
    pub expires_on: Option<String>,
    /// Whole days until then.
    pub days_left: Option<i64>,
}

impl Token {
    pub fn new(token: &org_core::token::TokenFacts, days_left: Option<i64>) -> Self {
        Self {
            name: token.name.clone(),
            scopes: token.scopes.iter().cloned().collect(),
            fine_grained: token.fine_grained,
            expires_on: token.expires_on.map(|day| day.to_string()),
            days_left,
        }
    }
}

/// A row of the permissions table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Permission {
    /// `list`, `clone`, `read_metadata`, `restore_code`, `restore_metadata` or `manage_webhooks`.
    pub capability: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// `yes`, `no`, or `unknown` where the host does not say.
    pub granted: &'static str,
    /// Scopes of which any one would do, the least powerful first; empty unless it is not granted.
    pub any_of: Vec<String>,
    /// In words.
    pub detail: String,
}

/// The permissions table.
pub fn permissions(table: &CapabilityTable) -> Vec<Permission> {
    let row = |(capability, grant): &(org_core::token::Capability, Grant)| {
        let (granted, any_of) = match grant {
            Grant::Yes => ("yes", Vec::new()),
            Grant::Missing { any_of } => ("no", any_of.clone()),
            Grant::Unknown { .. } => ("unknown", Vec::new()),
        };
        Permission {
            capability: capability.as_str(),
            title: capability.title(),
            granted,
            any_of,
            detail: grant.to_string(),
        }
    };
    table.0.iter().map(row).collect()
}

/// What a person chose for an organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsBody {
    /// The chosen groups; null means all groups.
    pub groups: Option<Vec<String>>,
    /// Whether the personal namespace is covered.
    pub personal: bool,
    /// Whether groups are inventory of their own.
    pub protect_groups: bool,
    /// Whether new repositories get a license by themselves.
    pub auto_license: bool,
    /// What the repositories got that the connecting sync found: `none`, `all` or `matching`.
    pub license_existing: String,
    /// When it is synchronized.
    pub schedule: super::schedule::Schedule,
    /// The default device.
    pub device: String,
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

fn device(id: org_core::ids::DeviceId) -> String {
    if id == org_core::ids::DeviceId::EMBEDDED {
        "embedded".to_owned()
    } else {
        id.to_string()
    }
}

/// How an organization is doing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusBody {
    /// `connected`, `action_required`, `paused` or `removed`.
    pub state: &'static str,
    /// With `action_required`: the word for what is wrong, such as `token_expired`.
    pub reason: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// What to do next.
    pub next_step: Option<&'static str>,
    /// With `removed`: when.
    pub since: Option<String>,
}

impl From<&Status> for StatusBody {
    fn from(status: &Status) -> Self {
        let mut body = Self {
            state: status.as_str(),
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
                body.next_step = Some(reason.next_step());
            }
            Status::Removed { at } => body.since = Some(time::stamp(*at)),
            Status::Connected | Status::Paused => {}
        }
        body
    }
}

/// How many groups and repositories an organization has.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = InventoryCounts)]
pub struct Counts {
    /// Repositories that are there.
    pub repositories: u64,
    /// Groups that are there; zero when groups are not protected.
    pub groups: u64,
    /// Repositories with a license.
    pub licensed: u64,
    /// Repositories that wait for one.
    pub waiting: u64,
    /// Repositories that are gone.
    pub gone: u64,
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
            version: organization.version,
        }
    }
}

fn authentication(auth: &AuthMethod, days_left: Option<i64>) -> Authentication {
    let (application, access) = match auth {
        AuthMethod::Sso { client, access, .. } => (Some(client.to_string()), Some(access.as_str())),
        _ => (None, None),
    };
    Authentication {
        method: auth.as_str(),
        secret: Some(auth.secret().to_string()),
        application,
        access,
        token: Token::new(auth.token(), days_left),
    }
}

/// What removing an organization did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Removal {
    /// The name that it had.
    pub name: String,
    /// The address of the host that it was at.
    pub host: String,
    /// What became of what a sign-in had granted at the host: `none` where there was none, `revoked`, or `left` where the host did not end it.
    pub grant: &'static str,
    /// With `left`: why, in words.
    pub grant_detail: Option<String>,
    /// How many licenses are free again.
    pub freed_licenses: u64,
    /// How many secrets were deleted.
    pub deleted_secrets: u64,
    /// How many secrets the password manager did not delete yet; the next cleaning up tries again.
    pub secrets_left: u64,
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
            grant,
            grant_detail,
            freed_licenses: removal.freed,
            deleted_secrets: removal.secrets,
            secrets_left: removal.secrets_left,
        }
    }
}

/// Whether something is still at the host.
pub fn gone_since(presence: Presence) -> Option<String> {
    match presence {
        Presence::Present => None,
        Presence::Gone { since } => Some(time::stamp(since)),
    }
}
