//! Mocks of the ports of accounts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mockall::mock;
use secrecy::SecretString;

use crate::accounts::{ApiToken, PasswordHash, SecretDigest, Session, User, UserName};
use crate::event::Event;
use crate::ids::{ApiTokenId, UserId};
use crate::ports::{
    AccountChange, AccountStore, Accounts, PasswordError, PasswordHasher, StoreError,
};

mock! {
    /// A mock of [`AccountStore`].
    #[derive(Debug)]
    pub AccountStore {
        /// See [`AccountStore::change_account`].
        pub fn change_account<'a>(&self, change: &AccountChange<'a>) -> Result<u64, StoreError>;
        /// See [`AccountStore::accounts`].
        pub fn accounts(&self) -> Result<Accounts, StoreError>;
        /// See [`AccountStore::user`].
        pub fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;
        /// See [`AccountStore::find_user`].
        pub fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError>;
        /// See [`AccountStore::remove_account`].
        pub fn remove_account(&self, id: UserId, generation: u64, events: &[Event]) -> Result<(), StoreError>;
        /// See [`AccountStore::note`].
        pub fn note(&self, events: &[Event]) -> Result<(), StoreError>;
        /// See [`AccountStore::begin_session`].
        pub fn begin_session(&self, session: &Session, events: &[Event], limit: u32) -> Result<(), StoreError>;
        /// See [`AccountStore::session`].
        pub fn session(&self, digest: SecretDigest) -> Result<Option<(Session, User)>, StoreError>;
        /// See [`AccountStore::sessions`].
        pub fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError>;
        /// See [`AccountStore::use_session`].
        pub fn use_session(&self, digest: SecretDigest, at: DateTime<Utc>) -> Result<(), StoreError>;
        /// See [`AccountStore::end_session`].
        pub fn end_session(&self, digest: SecretDigest, events: &[Event]) -> Result<bool, StoreError>;
        /// See [`AccountStore::forget_sessions`].
        pub fn forget_sessions(&self, now: DateTime<Utc>, idle_since: DateTime<Utc>) -> Result<(), StoreError>;
        /// See [`AccountStore::add_token`].
        pub fn add_token(&self, token: &ApiToken, events: &[Event]) -> Result<(), StoreError>;
        /// See [`AccountStore::tokens`].
        pub fn tokens(&self, user: Option<UserId>) -> Result<Vec<(ApiToken, User)>, StoreError>;
        /// See [`AccountStore::token`].
        pub fn token(&self, digest: SecretDigest) -> Result<Option<(ApiToken, User)>, StoreError>;
        /// See [`AccountStore::use_token`].
        pub fn use_token(&self, id: ApiTokenId, at: DateTime<Utc>) -> Result<(), StoreError>;
        /// See [`AccountStore::revoke_token`].
        pub fn revoke_token(&self, id: ApiTokenId, events: &[Event]) -> Result<bool, StoreError>;
    }
}

#[async_trait]
impl AccountStore for MockAccountStore {
    async fn accounts(&self) -> Result<Accounts, StoreError> {
        Self::accounts(self)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Self::user(self, id)
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        Self::find_user(self, name)
    }

    async fn change_account(&self, change: &AccountChange<'_>) -> Result<u64, StoreError> {
        Self::change_account(self, change)
    }

    async fn remove_account(
        &self,
        id: UserId,
        generation: u64,
        events: &[Event],
    ) -> Result<(), StoreError> {
        Self::remove_account(self, id, generation, events)
    }

    async fn note(&self, events: &[Event]) -> Result<(), StoreError> {
        Self::note(self, events)
    }

    async fn begin_session(
        &self,
        session: &Session,
        events: &[Event],
        limit: u32,
    ) -> Result<(), StoreError> {
        Self::begin_session(self, session, events, limit)
    }

    async fn session(&self, digest: SecretDigest) -> Result<Option<(Session, User)>, StoreError> {
        Self::session(self, digest)
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        Self::sessions(self, user)
    }

    async fn use_session(&self, digest: SecretDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        Self::use_session(self, digest, at)
    }

    async fn end_session(
        &self,
        digest: SecretDigest,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        Self::end_session(self, digest, events)
    }

    async fn forget_sessions(
        &self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        Self::forget_sessions(self, now, idle_since)
    }

    async fn add_token(&self, token: &ApiToken, events: &[Event]) -> Result<(), StoreError> {
        Self::add_token(self, token, events)
    }

    async fn tokens(&self, user: Option<UserId>) -> Result<Vec<(ApiToken, User)>, StoreError> {
        Self::tokens(self, user)
    }

    async fn token(&self, digest: SecretDigest) -> Result<Option<(ApiToken, User)>, StoreError> {
        Self::token(self, digest)
    }

    async fn use_token(&self, id: ApiTokenId, at: DateTime<Utc>) -> Result<(), StoreError> {
        Self::use_token(self, id, at)
    }

    async fn revoke_token(&self, id: ApiTokenId, events: &[Event]) -> Result<bool, StoreError> {
        Self::revoke_token(self, id, events)
    }
}

mock! {
    /// A mock of [`PasswordHasher`].
    #[derive(Debug)]
    pub PasswordHasher {
        /// See [`PasswordHasher::hash`].
        pub fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError>;
        /// See [`PasswordHasher::verify`].
        pub fn verify<'a>(&self, password: &SecretString, hash: Option<&'a PasswordHash>) -> Result<bool, PasswordError>;
    }
}

#[async_trait]
impl PasswordHasher for MockPasswordHasher {
    async fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError> {
        Self::hash(self, password)
    }

    async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        Self::verify(self, password, hash)
    }
}
