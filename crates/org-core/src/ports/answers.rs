//! Requests that carry a key of their own choice, so that one that is repeated is answered and not done again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::accounts::SecretDigest;
use crate::ids::UserId;

/// A request with the key that its sender chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Who asks; the keys of one person mean nothing to another one.
    pub owner: UserId,
    /// The key.
    pub key: String,
    /// What is asked: another request under the same key is a mistake of its sender.
    pub fingerprint: SecretDigest,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// The headers that belong to it.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known of a request under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is to be done now, and by this caller alone.
    New,
    /// It is being done.
    UnderWay,
    /// It was done, with this answer.
    Answered(KeptAnswer),
    /// Another request has the key.
    AnotherRequest,
}

/// Remembers answers for a while.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AnswerStore: Send + Sync {
    /// Looks a request up, and notes that it is being done if it is new. What expired before `now` is as if it never was. Of several callers at once
    /// one gets [`Begun::New`]. A note without an answer expires at `until`, so that a program that died is not waited for.
    ///
    /// A new one pushes out the answers of the same person beyond `limit`, itself included in the count: those that would expire first. What is
    /// being done stays, however much it is.
    async fn begin(
        &self,
        request: &KeyedRequest,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Begun, StoreError>;

    /// Keeps the answer of a request until then. Nothing happens if its note is gone.
    async fn answer(
        &self,
        request: &KeyedRequest,
        answer: &KeptAnswer,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Forgets that a request was being done, so that it can be tried again.
    async fn give_up(&self, request: &KeyedRequest) -> Result<(), StoreError>;

    /// Forgets everything that expired before `now`.
    async fn forget_answers(&self, now: DateTime<Utc>) -> Result<(), StoreError>;
}
