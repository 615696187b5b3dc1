//! Who may use an installation: where accounts are remembered, how passwords are hashed, and where randomness comes from.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{AnswerStore, Clock, Entropy, EntropyError, IdSource, StoreError};
use crate::accounts::{ApiToken, PasswordHash, SecretDigest, Session, User, UserName};
use crate::event::Event;
use crate::ids::{ApiTokenId, UserId};

/// Everybody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Counts the changes of who there is and what they may do.
    pub generation: u64,
    /// All of them, in the order of their names.
    pub users: Vec<User>,
}

/// Which sessions end with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedSessions {
    /// None.
    None,
    /// All of the person's.
    All,
    /// All of the person's but this one.
    AllBut(SecretDigest),
}

/// A change of one account, with what must be stored together with it.
#[derive(Debug, Clone)]
pub struct AccountChange<'a> {
    /// The generation that a rule was checked against.
    pub generation: u64,
    /// The account as it shall be; one whose id is new is added.
    pub user: &'a User,
    /// Which of the person's sessions end.
    pub sessions: EndedSessions,
    /// The events.
    pub events: &'a [Event],
}

/// Remembers accounts, sessions and API tokens.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Everybody, closed accounts included; one consistent moment.
    async fn accounts(&self) -> Result<Accounts, StoreError>;

    /// One person; `None` if there never was.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The person of that name; `None` if there is none.
    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError>;

    /// Adds or changes an account; answers the new generation. [`Stale::Accounts`](super::Stale::Accounts) if the generation is another one;
    /// [`StoreError::UserExists`] if another account has the name.
    async fn change_account(&self, change: &AccountChange<'_>) -> Result<u64, StoreError>;

    /// Removes an account with its sessions and API tokens. Refused as [`AccountStore::change_account`]; [`StoreError::NotFound`] if there is none.
    async fn remove_account(
        &self,
        id: UserId,
        generation: u64,
        events: &[Event],
    ) -> Result<(), StoreError>;

    /// Adds events that belong to no other change, such as a failed attempt to sign in.
    async fn note(&self, events: &[Event]) -> Result<(), StoreError>;

    /// Begins a session, and notes on the account that its owner signed in then. The generation does not grow. [`StoreError::NotFound`] if the
    /// account is gone.
    ///
    /// Beyond `limit`, this one included in the count, those of the person end without a word that were not used for the longest time.
    async fn begin_session(
        &self,
        session: &Session,
        events: &[Event],
        limit: u32,
    ) -> Result<(), StoreError>;

    /// The session of that digest with its owner; `None` if there is none.
    async fn session(&self, digest: SecretDigest) -> Result<Option<(Session, User)>, StoreError>;

    /// A person's sessions, the newest first.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError>;

    /// Notes that a session was used; nothing happens if it ended meanwhile.
    async fn use_session(&self, digest: SecretDigest, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Ends a session; answers whether it was there. Without it no event is stored.
    async fn end_session(&self, digest: SecretDigest, events: &[Event])
    -> Result<bool, StoreError>;

    /// Forgets every session that expired before `now` or was last used before `idle_since`.
    async fn forget_sessions(
        &self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Adds an API token. [`StoreError::NotFound`] if its owner is gone.
    async fn add_token(&self, token: &ApiToken, events: &[Event]) -> Result<(), StoreError>;

    /// API tokens with their owners, the newest first; of everybody if nobody is named.
    async fn tokens(&self, user: Option<UserId>) -> Result<Vec<(ApiToken, User)>, StoreError>;

    /// The API token of that digest with its owner; `None` if there is none.
    async fn token(&self, digest: SecretDigest) -> Result<Option<(ApiToken, User)>, StoreError>;

    /// Notes that an API token was used; nothing happens if it is gone.
    async fn use_token(&self, id: ApiTokenId, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Revokes an API token; answers whether it was there. Without it no event is stored.
    async fn revoke_token(&self, id: ApiTokenId, events: &[Event]) -> Result<bool, StoreError>;
}

/// Why a password could not be hashed or compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("passwords cannot be checked: {detail}")]
pub struct PasswordError {
    /// What went wrong; never with a password or a hash in it.
    pub detail: String,
}

/// Hashes passwords, slowly enough that a stolen database is of little use.
///
/// An implementation works on few passwords at a time, so that a flood of attempts does not take the machine's memory.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// What is kept of a password: with a salt of its own each time.
    async fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError>;

    /// Whether the password is the one of the hash. Without a hash the answer is `false` and takes as long as with one, so that nobody learns
    /// from the time it takes which names exist.
    async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError>;
}

/// What the use cases of accounts need, wired. It is apart from [`Ports`](super::Ports), since a product that embeds this crate often has accounts of
/// its own. Cloning shares it.
#[derive(Clone)]
pub struct AccountPorts {
    /// Accounts, sessions and API tokens.
    pub accounts: Arc<dyn AccountStore>,
    /// Answers that were given to requests with a key of their own.
    pub answers: Arc<dyn AnswerStore>,
    /// Passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Randomness for sessions and tokens.
    pub entropy: Arc<dyn Entropy>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl AccountPorts {
    /// What a session or a token is made of: 32 bytes that nobody can guess.
    pub fn random(&self) -> Result<[u8; 32], EntropyError> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for AccountPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountPorts").finish_non_exhaustive()
    }
}
