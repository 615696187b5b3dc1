//! The simulated instance: its groups, projects, users, memberships and tokens.
//!
//! [`World`] is plain data with indexes. It is made by [`World::generate`] from a [`WorldSpec`] (the
//! same spec gives the same world), or from [`World::empty`] with the mutations of this module, which
//! are also what a running simulator offers through [`crate::WorldHandle`].

mod access;
mod error;
mod mutate;
mod mutation;
mod rotation;
mod spec;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::oauth::Store;

pub(crate) use access::Access;
pub use error::WorldError;
pub use mutate::{GroupPatch, ProjectPatch};
pub use mutation::{MadeApplication, Mutation, Outcome};
pub use spec::WorldSpec;
pub use tokens::{IssuedToken, Token, TokenKind, TokenSpec};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// The number of a group. Groups and personal namespaces count in one sequence, as in GitLab.
    GroupId;
    /// The number of a project.
    ProjectId;
    /// The number of a user, a bot or a service account.
    UserId;
    /// The number of an access token (not its secret value).
    TokenId;
    /// The number of a namespace: a group's own number, or that of a user's personal namespace.
    NamespaceId;
}

impl GroupId {
    /// The namespace that this group is.
    pub fn namespace(self) -> NamespaceId {
        NamespaceId(self.0)
    }
}

/// A group or project as a test names it: by number or by full path (compared without case).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ref {
    /// By number.
    Id(u64),
    /// By full path, for example `acme/backend/api`.
    Path(String),
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Path(path) => path.fmt(f),
        }
    }
}

impl From<GroupId> for Ref {
    fn from(id: GroupId) -> Self {
        Self::Id(id.0)
    }
}
impl From<ProjectId> for Ref {
    fn from(id: ProjectId) -> Self {
        Self::Id(id.0)
    }
}
impl From<&str> for Ref {
    fn from(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}
impl From<String> for Ref {
    fn from(path: String) -> Self {
        Self::Path(path)
    }
}
impl From<&Ref> for Ref {
    fn from(other: &Ref) -> Self {
        other.clone()
    }
}

/// Who may see a group or project at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everyone who is signed in.
    Internal,
    /// Everyone.
    Public,
}

impl Visibility {
    /// The word of GitLab's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "private" => Some(Self::Private),
            "internal" => Some(Self::Internal),
            "public" => Some(Self::Public),
            _ => None,
        }
    }
}

/// What a member may do; the numbers are GitLab's access levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 5: counts as no membership in listings.
    Minimal,
    /// 10.
    Guest,
    /// 15.
    Planner,
    /// 20.
    Reporter,
    /// 30.
    Developer,
    /// 40.
    Maintainer,
    /// 50.
    Owner,
}

impl Role {
    /// GitLab's number of the role.
    pub fn level(self) -> u8 {
        match self {
            Self::Minimal => 5,
            Self::Guest => 10,
            Self::Planner => 15,
            Self::Reporter => 20,
            Self::Developer => 30,
            Self::Maintainer => 40,
            Self::Owner => 50,
        }
    }
}

/// An invitation of a group into a group or project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The invited group.
    pub group: GroupId,
    /// The most that its members get.
    pub role: Role,
}

/// One group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// The group that contains it.
    pub parent: Option<GroupId>,
    /// The name for people.
    pub name: String,
    /// The last segment of its path.
    pub path: String,
    /// Free text; empty when none.
    pub description: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// UTC.
    pub created_at: DateTime<Utc>,
    /// UTC; visible through GraphQL only, as in GitLab.
    pub updated_at: DateTime<Utc>,
    /// Archived by itself (an archived parent is not copied here).
    pub archived: bool,
    /// The day on which it was marked, while it is.
    pub marked_for_deletion_on: Option<NaiveDate>,
    /// Silently left out of every answer, as a group whose SAML session expired.
    pub hidden: bool,
    /// Groups that were invited into this one.
    pub shares: Vec<Share>,
}

/// One project.
#[expect(clippy::struct_excessive_bools, reason = "they are GitLab's fields")]
#[derive(Debug, Clone)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// The group or personal namespace that contains it.
    pub namespace: NamespaceId,
    /// The name for people.
    pub name: String,
    /// The last segment of its path.
    pub path: String,
    /// Free text, or none.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// UTC.
    pub created_at: DateTime<Utc>,
    /// UTC.
    pub updated_at: DateTime<Utc>,
    /// UTC.
    pub last_activity_at: DateTime<Utc>,
    /// Archived by itself.
    pub archived: bool,
    /// The day on which it was marked, while it is.
    pub marked_for_deletion_on: Option<NaiveDate>,
    /// The branch of `HEAD`.
    pub default_branch: String,
    /// Whether nothing was ever pushed.
    pub empty_repo: bool,
    /// Whether the code may be read by those who see the project (`repository_access_level`).
    pub repository_enabled: bool,
    /// `none`, or `scheduled`, `started`, `finished` or `failed` of an import.
    pub import_status: String,
    /// Topics, sorted.
    pub topics: Vec<String>,
    /// Stars.
    pub star_count: u32,
    /// The project this one was forked from.
    pub forked_from: Option<ProjectId>,
    /// Who made it.
    pub creator: UserId,
    /// Whether LFS is on.
    pub lfs_enabled: bool,
    /// Size of the repository in bytes.
    pub repository_size: u64,
    /// Groups that were invited into it.
    pub shares: Vec<Share>,
}

/// What sort of account a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// A person.
    Human,
    /// A person who administers the instance.
    Admin,
    /// The bot of a group access token.
    GroupBot(GroupId),
    /// The bot of a project access token.
    ProjectBot(ProjectId),
    /// A service account, of a group or of the instance.
    ServiceAccount(Option<GroupId>),
}

/// One user.
#[derive(Debug, Clone)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The personal namespace.
    pub namespace: NamespaceId,
    /// The login.
    pub username: String,
    /// The name for people.
    pub name: String,
    /// What sort of account it is.
    pub account: Account,
    /// Whether an administrator blocked it.
    pub blocked: bool,
    /// UTC.
    pub created_at: DateTime<Utc>,
}

impl User {
    /// Whether this is the bot of an access token or a service account.
    pub fn is_bot(&self) -> bool {
        !matches!(self.account, Account::Human | Account::Admin)
    }
}

/// What somebody is a direct member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A group.
    Group(GroupId),
    /// A project.
    Project(ProjectId),
}

/// The simulated instance.
#[derive(Clone)]
pub struct World {
    pub(crate) groups: BTreeMap<GroupId, Arc<Group>>,
    pub(crate) projects: BTreeMap<ProjectId, Arc<Project>>,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) tokens: BTreeMap<TokenId, Token>,
    token_values: HashMap<String, TokenId>,
    usernames: HashMap<String, UserId>,
    personal: HashMap<NamespaceId, UserId>,
    /// Lower-case path segment below a parent (`None`: top level).
    group_paths: HashMap<(Option<GroupId>, String), GroupId>,
    project_paths: HashMap<(NamespaceId, String), ProjectId>,
    /// Lower-case former full paths of projects.
    redirects: HashMap<String, ProjectId>,
    children: BTreeMap<Option<GroupId>, BTreeSet<GroupId>>,
    owned: HashMap<NamespaceId, BTreeSet<ProjectId>>,
    /// Projects with at least one share, so that access needs no scan.
    shared_projects: BTreeSet<ProjectId>,
    pub(crate) memberships: BTreeMap<UserId, BTreeMap<Source, Role>>,
    next_namespace: u64,
    next_project: u64,
    next_user: u64,
    next_token: u64,
    seed: u64,
    /// How many secrets were drawn from the seed.
    drawn: u64,
    pub(crate) oauth: Store,
    pub(crate) now: DateTime<Utc>,
}

impl fmt::Debug for World {
    /// Counts alone: the indexes hold the values of tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("groups", &self.groups.len())
            .field("projects", &self.projects.len())
            .field("users", &self.users.len())
            .field("tokens", &self.tokens.len())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl World {
    /// An instance with nothing but its administrator, `root`.
    pub fn empty(now: DateTime<Utc>) -> Self {
        let mut world = Self {
            groups: BTreeMap::new(),
            projects: BTreeMap::new(),
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            token_values: HashMap::new(),
            usernames: HashMap::new(),
            personal: HashMap::new(),
            group_paths: HashMap::new(),
            project_paths: HashMap::new(),
            redirects: HashMap::new(),
            children: BTreeMap::new(),
            owned: HashMap::new(),
            shared_projects: BTreeSet::new(),
            memberships: BTreeMap::new(),
            next_namespace: 1,
            next_project: 1,
            next_user: 1,
            next_token: 1,
            seed: 0,
            drawn: 0,
            oauth: Store::default(),
            now,
        };
        world.add_user("root", "Administrator", Account::Admin);
        world
    }

    /// The group of that name or number.
    pub fn group(&self, group: impl Into<Ref>) -> Result<&Group, WorldError> {
        let group = group.into();
        let id = match &group {
            Ref::Id(id) => Some(GroupId(*id)),
            Ref::Path(path) => self.group_by_path(path),
        };
        id.and_then(|id| self.groups.get(&id))
            .map(AsRef::as_ref)
            .ok_or(WorldError::NoSuchGroup(group))
    }

    /// The project of that name or number; former paths do not count.
    pub fn project(&self, project: impl Into<Ref>) -> Result<&Project, WorldError> {
        let project = project.into();
        let id = match &project {
            Ref::Id(id) => Some(ProjectId(*id)),
            Ref::Path(path) => self.project_by_path(path),
        };
        id.and_then(|id| self.projects.get(&id))
            .map(AsRef::as_ref)
            .ok_or(WorldError::NoSuchProject(project))
    }

    /// The user with that login (compared without case).
    pub fn user(&self, username: &str) -> Result<&User, WorldError> {
        self.usernames
            .get(&username.to_lowercase())
            .and_then(|id| self.users.get(id))
            .ok_or_else(|| WorldError::NoSuchUser(username.to_owned()))
    }

    /// The token with that number.
    pub fn token(&self, id: TokenId) -> Result<&Token, WorldError> {
        self.tokens.get(&id).ok_or(WorldError::NoSuchToken(id))
    }

    /// Every group by ascending number.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().map(AsRef::as_ref)
    }

    /// Every project by ascending number.
    pub fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values().map(AsRef::as_ref)
    }

    /// Every user by ascending number.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The numbers of the projects that a group holds itself, or with all its descendants.
    pub fn projects_below(&self, group: GroupId) -> Vec<ProjectId> {
        let mut ids = Vec::new();
        for group in self.subtree(group) {
            ids.extend(self.projects_of(group.namespace()));
        }
        ids.sort_unstable();
        ids
    }

    /// The full path of a group, such as `acme/backend`.
    pub fn group_full_path(&self, id: GroupId) -> String {
        self.chain(id)
            .map(|group| group.path.as_str())
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The full name of a group, such as `Acme / Backend`.
    pub fn group_full_name(&self, id: GroupId) -> String {
        self.chain(id)
            .map(|group| group.name.as_str())
            .collect::<Vec<_>>()
            .join(" / ")
    }

    /// The full path of a project, such as `acme/backend/api`.
    pub fn project_full_path(&self, project: &Project) -> String {
        format!(
            "{}/{}",
            self.namespace_path(project.namespace),
            project.path
        )
    }

    pub(crate) fn namespace_path(&self, id: NamespaceId) -> String {
        match self.personal.get(&id).and_then(|user| self.users.get(user)) {
            Some(user) => user.username.clone(),
            None => self.group_full_path(GroupId(id.0)),
        }
    }

    pub(crate) fn namespace_name(&self, id: NamespaceId) -> String {
        match self.personal.get(&id).and_then(|user| self.users.get(user)) {
            Some(user) => user.name.clone(),
            None => self.group_full_name(GroupId(id.0)),
        }
    }

    /// The user whose personal namespace that is.
    pub(crate) fn personal_owner(&self, id: NamespaceId) -> Option<&User> {
        self.personal.get(&id).and_then(|user| self.users.get(user))
    }

    /// The group of a project, unless it is personal.
    pub(crate) fn group_of(&self, project: &Project) -> Option<&Group> {
        self.groups
            .get(&GroupId(project.namespace.0))
            .map(AsRef::as_ref)
    }

    /// From the top-level group down to `id`.
    pub(crate) fn chain(&self, id: GroupId) -> impl Iterator<Item = &Group> {
        let mut up: Vec<&Group> = self.upwards(id).collect();
        up.reverse();
        up.into_iter()
    }

    /// From `id` up to its top-level group.
    pub(crate) fn upwards(&self, id: GroupId) -> impl Iterator<Item = &Group> {
        std::iter::successors(self.groups.get(&id), |group| {
            group.parent.and_then(|parent| self.groups.get(&parent))
        })
        .map(AsRef::as_ref)
    }

    /// `id` and everything below it.
    pub(crate) fn subtree(&self, id: GroupId) -> Vec<GroupId> {
        let mut found = Vec::new();
        let mut open = vec![id];
        while let Some(group) = open.pop() {
            found.push(group);
            open.extend(self.children_of(Some(group)));
        }
        found
    }

    pub(crate) fn children_of(&self, parent: Option<GroupId>) -> impl Iterator<Item = GroupId> {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    pub(crate) fn projects_of(&self, namespace: NamespaceId) -> impl Iterator<Item = ProjectId> {
        self.owned.get(&namespace).into_iter().flatten().copied()
    }

    /// Whether the group or one above it is archived.
    pub(crate) fn group_archived(&self, id: GroupId) -> bool {
        self.upwards(id).any(|group| group.archived)
    }

    /// Whether the project or a group above it is archived.
    pub(crate) fn project_archived(&self, project: &Project) -> bool {
        project.archived || self.group_archived(GroupId(project.namespace.0))
    }

    pub(crate) fn group_by_path(&self, path: &str) -> Option<GroupId> {
        path.split('/').try_fold(None, |parent, segment| {
            self.group_paths
                .get(&(parent, segment.to_lowercase()))
                .copied()
                .map(Some)
        })?
    }

    pub(crate) fn project_by_path(&self, path: &str) -> Option<ProjectId> {
        let (namespace, name) = path.rsplit_once('/')?;
        let namespace = self.namespace_by_path(namespace)?;
        self.project_paths
            .get(&(namespace, name.to_lowercase()))
            .copied()
    }

    pub(crate) fn namespace_by_path(&self, path: &str) -> Option<NamespaceId> {
        self.group_by_path(path)
            .map(GroupId::namespace)
            .or_else(|| {
                self.usernames
                    .get(&path.to_lowercase())
                    .and_then(|id| self.users.get(id))
                    .map(|user| user.namespace)
            })
    }

    /// The project that moved away from `path`.
    pub(crate) fn redirect(&self, path: &str) -> Option<ProjectId> {
        self.redirects.get(&path.to_lowercase()).copied()
    }

    pub(crate) fn shared_project_ids(&self) -> impl Iterator<Item = ProjectId> {
        self.shared_projects.iter().copied()
    }
}
