//! Users and access tokens: how they are made, and what a token may do.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Account, GroupId, NamespaceId, ProjectId, Ref, Role, Source, TokenId, User, UserId, World,
    WorldError,
};

/// What sort of token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A token with scopes.
    Classic,
    /// A fine-grained token: permissions such as `read_project` in place of scopes; REST only.
    FineGrained(Vec<String>),
    /// The access token of an application, with scopes.
    Oauth,
}

/// One access token. Its value is not in here: see [`IssuedToken`].
#[derive(Debug, Clone)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// Whose it is; a bot for group and project access tokens.
    pub user: UserId,
    /// The name for people.
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// Scopes or permissions.
    pub kind: TokenKind,
    /// Scopes of a classic or OAuth token.
    pub scopes: Vec<String>,
    /// The first day (UTC) on which it is dead; `None` never.
    pub expires_at: Option<NaiveDate>,
    /// The moment (UTC) at which an OAuth access token is dead.
    pub dies_at: Option<DateTime<Utc>>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether it is an impersonation token while impersonation is switched off.
    pub impersonation_disabled: bool,
    /// The token that this one took over from.
    pub rotated_from: Option<TokenId>,
    /// UTC.
    pub created_at: DateTime<Utc>,
    /// UTC; moves when the token is used, at most every ten minutes.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Token {
    /// Whether the day or moment of expiry has come.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|day| now.date_naive() >= day)
            || self.dies_at.is_some_and(|moment| now >= moment)
    }

    /// Whether it works: neither revoked nor expired.
    pub fn is_active(&self, now: DateTime<Utc>) -> bool {
        !self.revoked && !self.is_expired(now)
    }

    /// Whether it has at least one of the scopes. Fine-grained tokens pass: their permissions are
    /// asked one by one.
    pub(crate) fn has_any_scope(&self, wanted: &[&str]) -> bool {
        match self.kind {
            TokenKind::FineGrained(_) => true,
            TokenKind::Classic | TokenKind::Oauth => self
                .scopes
                .iter()
                .any(|scope| wanted.contains(&scope.as_str())),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bearer {
    User(String),
    Group { group: Ref, role: Role },
    Project { project: Ref, role: Role },
    ServiceAccount { group: Option<Ref>, role: Role },
}

/// A token that is to be made: whose it is and what it may do.
///
/// The default is the token of a user with the scope `api` that never expires.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenSpec {
    bearer: Bearer,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    fine_grained: Option<Vec<String>>,
    #[serde(default)]
    expires_at: Option<NaiveDate>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    impersonation_disabled: bool,
    #[serde(default)]
    value: Option<String>,
}

fn default_name() -> String {
    "sim".to_owned()
}

impl fmt::Debug for TokenSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSpec")
            .field("bearer", &self.bearer)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

impl TokenSpec {
    fn new(bearer: Bearer) -> Self {
        Self {
            bearer,
            name: default_name(),
            scopes: vec!["api".to_owned()],
            fine_grained: None,
            expires_at: None,
            revoked: false,
            impersonation_disabled: false,
            value: None,
        }
    }

    /// A personal access token of an existing user.
    pub fn user(username: &str) -> Self {
        Self::new(Bearer::User(username.to_owned()))
    }

    /// A group access token: makes a bot `group_{id}_bot_{hex}` that is a member of the group.
    pub fn group(group: impl Into<Ref>, role: Role) -> Self {
        Self::new(Bearer::Group {
            group: group.into(),
            role,
        })
    }

    /// A project access token: makes a bot `project_{id}_bot_{hex}`.
    pub fn project(project: impl Into<Ref>, role: Role) -> Self {
        Self::new(Bearer::Project {
            project: project.into(),
            role,
        })
    }

    /// A token of a new service account that is a member of `group`.
    pub fn service_account(group: impl Into<Ref>, role: Role) -> Self {
        Self::new(Bearer::ServiceAccount {
            group: Some(group.into()),
            role,
        })
    }

    /// The scopes, in place of `api`.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// A fine-grained token with these permissions (`read_project`, `read_group`, `read_user`, ...)
    /// in place of scopes.
    #[must_use]
    pub fn fine_grained<S: Into<String>>(
        mut self,
        permissions: impl IntoIterator<Item = S>,
    ) -> Self {
        self.scopes = vec!["granular".to_owned()];
        self.fine_grained = Some(permissions.into_iter().map(Into::into).collect());
        self
    }

    /// The first day (UTC) on which it is dead.
    #[must_use]
    pub fn expires_at(mut self, day: NaiveDate) -> Self {
        self.expires_at = Some(day);
        self
    }

    /// Makes it revoked from the start.
    #[must_use]
    pub fn revoked(mut self) -> Self {
        self.revoked = true;
        self
    }

    /// Makes it an impersonation token on an instance that has switched impersonation off.
    #[must_use]
    pub fn impersonation_disabled(mut self) -> Self {
        self.impersonation_disabled = true;
        self
    }

    /// The secret value, in place of one from the seed.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }
}

/// A token as it is handed out once, with its secret value. `Debug` leaves the value out.
#[derive(Clone, Serialize)]
pub struct IssuedToken {
    /// Its number.
    pub id: TokenId,
    /// The secret value.
    pub value: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The login of that user.
    pub username: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The first day (UTC) on which it is dead.
    pub expires_at: Option<NaiveDate>,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl World {
    /// Adds a user; a login that is taken gets its number appended.
    pub fn add_user(&mut self, username: &str, name: &str, account: Account) -> UserId {
        let id = UserId(self.next_user);
        self.next_user += 1;
        let namespace = NamespaceId(self.next_namespace);
        self.next_namespace += 1;
        let taken = self.usernames.contains_key(&username.to_lowercase());
        let username = if taken {
            format!("{username}{id}")
        } else {
            username.to_owned()
        };
        self.usernames.insert(username.to_lowercase(), id);
        self.personal.insert(namespace, id);
        let user = User {
            id,
            namespace,
            username,
            name: name.to_owned(),
            account,
            blocked: false,
            created_at: self.now,
        };
        self.users.insert(id, user);
        id
    }

    /// Blocks a user: every token of theirs gets 403 from now on.
    pub fn block_user(&mut self, username: &str) -> Result<UserId, WorldError> {
        let id = self.user(username)?.id;
        if let Some(user) = self.users.get_mut(&id) {
            user.blocked = true;
        }
        Ok(id)
    }

    /// Makes a token, and the bot or service account it needs.
    pub fn issue(&mut self, spec: &TokenSpec) -> Result<IssuedToken, WorldError> {
        let user = self.bearer(&spec.bearer)?;
        let value = spec
            .value
            .clone()
            .unwrap_or_else(|| self.next_token_value());
        let token = Token {
            id: TokenId(0),
            user,
            name: spec.name.clone(),
            description: None,
            kind: spec
                .fine_grained
                .clone()
                .map_or(TokenKind::Classic, TokenKind::FineGrained),
            scopes: spec.scopes.clone(),
            expires_at: spec.expires_at,
            dies_at: None,
            revoked: spec.revoked,
            impersonation_disabled: spec.impersonation_disabled,
            rotated_from: None,
            created_at: self.now,
            last_used_at: None,
        };
        let id = self.insert_token(value.clone(), token);
        Ok(IssuedToken {
            id,
            value,
            user_id: user,
            username: self
                .users
                .get(&user)
                .map(|user| user.username.clone())
                .unwrap_or_default(),
            scopes: spec.scopes.clone(),
            expires_at: spec.expires_at,
        })
    }

    /// Revokes a token.
    pub fn revoke_token(&mut self, id: TokenId) -> Result<(), WorldError> {
        self.token_mut(id)?.revoked = true;
        Ok(())
    }

    /// Moves a token's day of expiry.
    pub fn set_token_expiry(
        &mut self,
        id: TokenId,
        day: Option<NaiveDate>,
    ) -> Result<(), WorldError> {
        self.token_mut(id)?.expires_at = day;
        Ok(())
    }

    /// Replaces a token's scopes, as nobody can on a real GitLab, to shorten a test.
    pub fn set_token_scopes(&mut self, id: TokenId, scopes: &[&str]) -> Result<(), WorldError> {
        self.token_mut(id)?.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Ok(())
    }

    pub(crate) fn token_by_value(&self, value: &str) -> Option<&Token> {
        self.token_values
            .get(value)
            .and_then(|id| self.tokens.get(id))
    }

    /// Whether `text` holds the value of any token or of another secret of this world.
    pub(crate) fn holds_token(&self, text: &str) -> bool {
        self.token_values
            .keys()
            .any(|value| text.contains(value.as_str()))
            || self.oauth.holds_secret(text)
    }

    /// The value that the next personal access token gets from the seed.
    pub(super) fn next_token_value(&self) -> String {
        let mut bits = self.seed ^ (self.next_token.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let tail: String = (0..20).map(|_| alphanumeric(&mut bits)).collect();
        format!("glpat-{tail}")
    }

    /// Takes a token in and gives it its number.
    pub(crate) fn insert_token(&mut self, value: String, token: Token) -> TokenId {
        let id = TokenId(self.next_token);
        self.next_token += 1;
        self.token_values.insert(value, id);
        self.tokens.insert(id, Token { id, ..token });
        id
    }

    /// Removes a token as if it had never been there.
    pub(crate) fn forget_token(&mut self, id: TokenId) {
        self.tokens.remove(&id);
        self.token_values.retain(|_, other| *other != id);
    }

    /// 64 hexadecimal digits that nothing else of this world got or gets.
    pub(crate) fn random_hex(&mut self) -> String {
        let mut bits = self.draw();
        let mut part = || format!("{:016x}", next_bits(&mut bits));
        [part(), part(), part(), part()].concat()
    }

    /// Eight letters and digits for people to type.
    pub(crate) fn random_user_code(&mut self) -> String {
        const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut bits = self.draw();
        let mut digit = || usize::try_from(next_bits(&mut bits) % 36).unwrap_or(0);
        (0..8).map(|_| char::from(DIGITS[digit()])).collect()
    }

    /// The password of a person for whom none was set.
    pub(crate) fn seeded_password(&self, user: UserId) -> String {
        let mut bits = self.seed.rotate_left(41) ^ user.0;
        (0..16).map(|_| alphanumeric(&mut bits)).collect()
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut bits = self.seed.rotate_left(23) ^ self.drawn;
        next_bits(&mut bits)
    }

    pub(crate) fn touch_token(&mut self, id: TokenId, now: DateTime<Utc>) {
        if let Some(token) = self.tokens.get_mut(&id) {
            token.last_used_at = Some(now);
        }
    }

    fn token_mut(&mut self, id: TokenId) -> Result<&mut Token, WorldError> {
        self.tokens.get_mut(&id).ok_or(WorldError::NoSuchToken(id))
    }

    fn bearer(&mut self, bearer: &Bearer) -> Result<UserId, WorldError> {
        match bearer {
            Bearer::User(username) => Ok(self.user(username)?.id),
            Bearer::Group { group, role } => {
                let id = self.group(group)?.id;
                let login = format!("group_{id}_bot_{}", self.hex(id.0));
                Ok(self.add_member_account(
                    &login,
                    "Group token",
                    Account::GroupBot(id),
                    Source::Group(id),
                    *role,
                ))
            }
            Bearer::Project { project, role } => {
                let id: ProjectId = self.project(project)?.id;
                let login = format!("project_{id}_bot_{}", self.hex(id.0));
                Ok(self.add_member_account(
                    &login,
                    "Project token",
                    Account::ProjectBot(id),
                    Source::Project(id),
                    *role,
                ))
            }
            Bearer::ServiceAccount { group, role } => {
                let id: Option<GroupId> = group
                    .as_ref()
                    .map(|group| self.group(group).map(|g| g.id))
                    .transpose()?;
                let owner = id.map(|id| format!("group_{id}_")).unwrap_or_default();
                let login = format!("service_account_{owner}{}", self.hex(self.next_user));
                let account = Account::ServiceAccount(id);
                let user = self.add_user(&login, "Service account user", account);
                if let Some(id) = id {
                    self.memberships
                        .entry(user)
                        .or_default()
                        .insert(Source::Group(id), *role);
                }
                Ok(user)
            }
        }
    }

    fn add_member_account(
        &mut self,
        login: &str,
        name: &str,
        account: Account,
        source: Source,
        role: Role,
    ) -> UserId {
        let user = self.add_user(login, name, account);
        self.memberships
            .entry(user)
            .or_default()
            .insert(source, role);
        user
    }

    fn hex(&self, salt: u64) -> String {
        let mut bits = self.seed ^ salt.rotate_left(17) ^ self.next_token;
        format!("{:016x}{:016x}", next_bits(&mut bits), next_bits(&mut bits))
    }
}

/// `SplitMix64`: small, and the same on every version of every library.
fn next_bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn alphanumeric(state: &mut u64) -> char {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let at = usize::try_from(next_bits(state) % 62).unwrap_or(0);
    char::from(LETTERS[at])
}
