//! Values for tests, each valid as it is and changed field by field where a test cares.
//!
//! ```
//! use org_core::inventory::Lifecycle;
//! use org_core::testing::build;
//!
//! let repository = build::repository(7, "acme/platform/app")
//!     .in_group(3)
//!     .lifecycle(Lifecycle::Archived)
//!     .build();
//!
//! assert_eq!(repository.parent_path(), "acme/platform");
//! assert_eq!(repository.name.as_ref(), "app");
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::attempt::{ATTEMPT_LIFETIME, AttemptState, ConnectionAttempt};
use crate::device::{Device, DeviceKind, DeviceState};
use crate::event::{Actor, Event, Subject};
use crate::host::{HostUrl, Service};
use crate::ids::{
    AccountId, AttemptId, DeviceId, GroupId, OrganizationId, ProcessId, RepositoryId, SecretId,
    SyncId,
};
use crate::inventory::{Group, Lifecycle, Ownership, Repository, Visibility};
use crate::license::pool::SeatKey;
use crate::listing::{GroupScope, PersonalNamespace, Scope};
use crate::oauth::{Access, Initiator, Purpose, RedirectUri, SIGN_IN_LIFETIME, SignIn, State};
use crate::organization::{
    AuthMethod, AutoLicense, ExistingRepositories, GroupProtection, Organization, Settings, Status,
};
use crate::schedule::Schedule;
use crate::secret::SecretRef;
use crate::token::{Account, AccountKind, Capability, CapabilityTable, TokenFacts, TokenState};

/// A UUID with this number at its end.
pub const fn uuid(number: u64) -> Uuid {
    Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0000 | number as u128)
}

/// The organization of this number.
pub const fn organization_id(number: u64) -> OrganizationId {
    OrganizationId::from_uuid(uuid(number))
}

/// The connection attempt of this number.
pub const fn attempt_id(number: u64) -> AttemptId {
    AttemptId::from_uuid(uuid(number))
}

/// The sync of this number.
pub const fn sync_id(number: u64) -> SyncId {
    SyncId::from_uuid(uuid(number))
}

/// The program of this number.
pub const fn process_id(number: u64) -> ProcessId {
    ProcessId::from_uuid(uuid(number))
}

/// The secret of this number.
pub const fn secret_ref(number: u64) -> SecretRef {
    SecretRef(SecretId::from_uuid(uuid(number)))
}

/// The repository of this number, which is not zero.
pub const fn repository_id(number: u64) -> RepositoryId {
    RepositoryId::new(number).expect("tests number repositories from 1")
}

/// The group of this number, which is not zero.
pub const fn group_id(number: u64) -> GroupId {
    GroupId::new(number).expect("tests number groups from 1")
}

/// The repository of one number in the organization of another.
pub const fn seat_key(organization: u64, repository: u64) -> SeatKey {
    SeatKey {
        organization: organization_id(organization),
        repository: repository_id(repository),
    }
}

/// 2027-03-01 12:00 UTC, a Monday: the present of a test that does not care.
pub const fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_803_902_400, 0).expect("in range")
}

/// So many seconds after [`noon`], or before it.
pub fn noon_plus(seconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::seconds(seconds)
}

/// Text that is parsed into what the place needs: a name, a login, a path, a host.
///
/// # Panics
/// If the text is not valid: a mistake in the test.
#[track_caller]
pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    match text.parse() {
        Ok(value) => value,
        Err(error) => panic!("a mistake in the test: {error}"),
    }
}

/// A secret value.
pub fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// `https://git.example.com`.
pub fn host_url() -> HostUrl {
    parsed("https://git.example.com")
}

/// A private, active repository of its organization's own, with the last part of its path as its name.
///
/// It was made a year before [`noon`], later ones by a minute for each number, so that the order of ids is that of age.
pub fn repository(id: u64, full_path: &str) -> RepositoryBuilder {
    let name = full_path.rsplit('/').next().unwrap_or(full_path);
    let age = i64::try_from(id % 500_000).unwrap_or_default();
    RepositoryBuilder(Repository {
        id: repository_id(id),
        group: None,
        full_path: full_path.into(),
        name: name.into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
        ownership: Ownership::Owned,
        fork: Some(false),
        default_branch: Some("main".into()),
        topics: Box::default(),
        created_at: noon() - TimeDelta::days(365) + TimeDelta::minutes(age),
        last_activity_at: None,
    })
}

/// Makes a [`Repository`]; see [`repository`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RepositoryBuilder(Repository);

impl RepositoryBuilder {
    /// The group it stands in.
    pub const fn in_group(mut self, id: u64) -> Self {
        self.0.group = Some(group_id(id));
        self
    }

    /// Who may see it.
    pub const fn visibility(mut self, visibility: Visibility) -> Self {
        self.0.visibility = visibility;
        self
    }

    /// How alive it is.
    pub const fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.0.lifecycle = lifecycle;
        self
    }

    /// It belongs to somebody else.
    pub const fn shared_in(mut self) -> Self {
        self.0.ownership = Ownership::SharedIn;
        self
    }

    /// It is a fork.
    pub const fn fork(mut self) -> Self {
        self.0.fork = Some(true);
        self
    }

    /// The name that people gave it.
    pub fn named(mut self, name: &str) -> Self {
        self.0.name = name.into();
        self
    }

    /// Its topics.
    pub fn topics(mut self, topics: &[&str]) -> Self {
        self.0.topics = topics.iter().map(|&topic| topic.into()).collect();
        self
    }

    /// The branch that a clone checks out.
    pub fn default_branch(mut self, branch: &str) -> Self {
        self.0.default_branch = Some(branch.into());
        self
    }

    /// When it was made.
    pub const fn created_at(mut self, at: DateTime<Utc>) -> Self {
        self.0.created_at = at;
        self
    }

    /// When the host last noticed activity.
    pub const fn active_at(mut self, at: DateTime<Utc>) -> Self {
        self.0.last_activity_at = Some(at);
        self
    }

    /// The repository.
    pub fn build(self) -> Repository {
        self.0
    }
}

/// A private, active top-level group, with the last part of its path as its name.
pub fn group(id: u64, full_path: &str) -> GroupBuilder {
    let name = full_path.rsplit('/').next().unwrap_or(full_path);
    GroupBuilder(Group {
        id: group_id(id),
        parent: None,
        full_path: full_path.into(),
        name: name.into(),
        visibility: Visibility::Private,
        lifecycle: Lifecycle::Active,
    })
}

/// Makes a [`Group`]; see [`group`].
#[derive(Debug, Clone)]
#[must_use]
pub struct GroupBuilder(Group);

impl GroupBuilder {
    /// The group around it.
    pub const fn inside(mut self, parent: u64) -> Self {
        self.0.parent = Some(group_id(parent));
        self
    }

    /// Who may see it.
    pub const fn visibility(mut self, visibility: Visibility) -> Self {
        self.0.visibility = visibility;
        self
    }

    /// How alive it is.
    pub const fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.0.lifecycle = lifecycle;
        self
    }

    /// The name that people gave it.
    pub fn named(mut self, name: &str) -> Self {
        self.0.name = name.into();
        self
    }

    /// The group.
    pub fn build(self) -> Group {
        self.0
    }
}

/// All groups and the personal namespace.
pub const fn whole_scope() -> Scope {
    Scope {
        groups: GroupScope::All,
        personal: PersonalNamespace::Included,
    }
}

/// These groups, without the personal namespace.
///
/// # Panics
/// If a path is not valid: a mistake in the test.
#[track_caller]
pub fn chosen_scope(paths: &[&str]) -> Scope {
    Scope {
        groups: GroupScope::Chosen(paths.iter().map(|&path| parsed(path)).collect()),
        personal: PersonalNamespace::Excluded,
    }
}

/// Everything covered, groups not protected, new repositories licensed, existing ones not, no schedule.
pub const fn settings() -> Settings {
    Settings {
        scope: whole_scope(),
        protect_groups: GroupProtection::Off,
        auto_license: AutoLicense::On,
        license_existing: ExistingRepositories::None,
        schedule: Schedule::Manual,
        default_device: DeviceId::EMBEDDED,
    }
}

/// A person at the host.
///
/// # Panics
/// If the login is not valid: a mistake in the test.
#[track_caller]
pub fn account(id: u64, login: &str) -> Account {
    Account {
        id: AccountId::new(id).expect("tests number accounts from 1"),
        login: parsed(login),
        kind: AccountKind::Person,
    }
}

/// A working token with these scopes that never expires.
pub fn token_facts(scopes: &[&str]) -> TokenFacts {
    TokenFacts {
        id: Some(1),
        name: "forgehold".to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        fine_grained: false,
        expires_on: None,
        state: TokenState::Active,
    }
}

/// The scopes that the [`FakeHost`](super::FakeHost) asks for, in the words of GitLab.
pub const fn needed_scopes(capability: Capability) -> &'static [&'static str] {
    match capability {
        Capability::List | Capability::ReadMetadata => &["read_api", "api"],
        Capability::Clone => &["read_repository", "write_repository"],
        Capability::RestoreCode => &["write_repository"],
        Capability::RestoreMetadata | Capability::ManageWebhooks => &["api"],
    }
}

/// A connected organization of the account `robot` at [`host_url`], made at [`noon`], with [`settings`].
///
/// # Panics
/// If the name is not valid: a mistake in the test.
#[track_caller]
pub fn organization(id: u64, name: &str) -> OrganizationBuilder {
    let token = token_facts(&["read_api"]);
    OrganizationBuilder(Organization {
        id: organization_id(id),
        name: parsed(name),
        service: Service::Gitlab,
        host: host_url(),
        account: account(1, "robot"),
        capabilities: CapabilityTable::of_token(&token, needed_scopes),
        auth: AuthMethod::AccessToken {
            login: parsed("robot"),
            secret: secret_ref(id),
            token,
        },
        settings: settings(),
        status: Status::Connected,
        created_at: noon(),
        followed_since: None,
        expiry_notice: None,
        version: 1,
    })
}

/// Makes an [`Organization`]; see [`organization`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OrganizationBuilder(Organization);

impl OrganizationBuilder {
    /// What the person chose.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.0.settings = settings;
        self
    }

    /// What it covers.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.0.settings.scope = scope;
        self
    }

    /// When it is synchronized.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.0.settings.schedule = schedule;
        self
    }

    /// The account that it is seen through.
    pub fn account(mut self, account: Account) -> Self {
        self.0.account = account;
        self
    }

    /// How it is doing.
    pub fn status(mut self, status: Status) -> Self {
        self.0.status = status;
        self
    }

    /// When it was connected.
    pub const fn created_at(mut self, at: DateTime<Utc>) -> Self {
        self.0.created_at = at;
        self
    }

    /// The version that was read.
    pub const fn version(mut self, version: u64) -> Self {
        self.0.version = version;
        self
    }

    /// The organization.
    pub fn build(self) -> Organization {
        self.0
    }
}

/// An agent of that name that is online.
pub fn agent(number: u64, name: &str) -> Device {
    Device {
        id: DeviceId::from_uuid(Uuid::from_u128(number.into())),
        name: parsed(name),
        kind: DeviceKind::Agent,
        state: DeviceState::Online,
    }
}

/// An open attempt to connect an organization of that name, made at [`noon`].
///
/// # Panics
/// If the name is not valid: a mistake in the test.
#[track_caller]
pub fn attempt(id: u64, name: &str) -> ConnectionAttempt {
    ConnectionAttempt {
        id: attempt_id(id),
        name: parsed(name),
        service: Service::Gitlab,
        host: host_url(),
        login: Some(parsed("robot")),
        secret: None,
        settings: settings(),
        state: AttemptState::Open,
        created_at: noon(),
        expires_at: noon() + ATTEMPT_LIFETIME,
    }
}

/// A sign-in that waits for its answer until ten minutes after [`noon`]; its state is the number.
pub fn sign_in(number: u64) -> SignIn {
    let host = host_url();
    SignIn {
        state: State::received(&number.to_string()).hash(),
        initiator: Initiator::of_secret(&secret("the one who began")),
        purpose: Purpose::Connect {
            attempt: attempt_id(number),
            organization: organization_id(number),
            name: None,
        },
        redirect: RedirectUri::registered_loopback(&host),
        host,
        access: Access::Read,
        verifier: secret_ref(number),
        expires_at: noon() + SIGN_IN_LIFETIME,
    }
}

/// An event of the system on the installation, at [`noon`].
pub fn event(kind: &str) -> Event {
    Event::new(noon(), Actor::System, Subject::Installation, kind)
}
