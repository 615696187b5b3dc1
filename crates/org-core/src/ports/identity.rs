//! Signing in with accounts of somebody else: the provider that vouches for people, and what is remembered of them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{AccountChange, StoreError};
use crate::accounts::{Arrival, ExternalId, IdentityPolicy, SecretDigest, VerifiedIdentity};
use crate::ids::UserId;
use crate::oauth::RedirectUri;

/// What a browser is sent to the provider with.
#[derive(Debug, Clone, Copy)]
pub struct IdentityQuestion<'a> {
    /// Where the answer must arrive.
    pub redirect: &'a RedirectUri,
    /// What the answer must bring back.
    pub state: &'a SecretString,
    /// What the proof of identity must repeat.
    pub nonce: &'a SecretString,
    /// The PKCE verifier. Only its SHA-256 may be in the address.
    pub verifier: &'a SecretString,
}

/// What came back, with what it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct IdentityAnswer<'a> {
    /// The code of one use.
    pub code: &'a SecretString,
    /// Who says to have answered (RFC 9207), if it was said.
    pub issuer: Option<&'a str>,
    /// Where the answer arrived; the same as in the question.
    pub redirect: &'a RedirectUri,
    /// The nonce of the question.
    pub nonce: &'a SecretString,
    /// The PKCE verifier of the question.
    pub verifier: &'a SecretString,
}

/// Why a provider vouches for nobody. No message repeats a code, a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be reached, or its answer broke off; trying again later may help.
    #[error("the identity provider cannot be reached: {detail}")]
    Unavailable {
        /// What went wrong.
        detail: String,
    },
    /// It does not take the code, or does not know us.
    #[error("the identity provider refused to say who signed in ({code}): {detail}")]
    Refused {
        /// The code of the error (RFC 6749, section 5.2).
        code: String,
        /// Its words.
        detail: String,
    },
    /// It answers what no provider should, such as another issuer than the one that is configured.
    #[error("the identity provider answered something unexpected: {detail}")]
    Unexpected {
        /// What.
        detail: String,
    },
    /// Its proof does not prove who signed in here and now.
    #[error("the proof of identity is not valid: {detail}")]
    Invalid {
        /// What is wrong with it.
        detail: String,
    },
}

/// Vouches for people, as a provider of `OpenID` Connect does.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// The provider, as it writes itself.
    fn issuer(&self) -> &str;

    /// The address that the browser is to be sent to. It has the state, the nonce and the challenge of the question, and no other secret.
    async fn question(&self, question: &IdentityQuestion<'_>) -> Result<String, IdentityError>;

    /// Who signed in. The code is sent once, to the provider alone. An answer means that everything was checked: who made the proof, for whom, when,
    /// and that it repeats the nonce.
    async fn identify(
        &self,
        answer: &IdentityAnswer<'_>,
    ) -> Result<VerifiedIdentity, IdentityError>;
}

/// Remembers who is who at a provider, and sign-ins that wait for their answer.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Keeps an arrival until its answer comes. Those that are over at `now` are forgotten, and so are the oldest beyond `limit`, this one included
    /// in the count. A state that is there already is an error: it was to be unguessable.
    async fn put_arrival(
        &self,
        arrival: &Arrival,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(), StoreError>;

    /// Takes the arrival of this state away and answers it; `None` if there is none. Of two that ask for the same one, one gets it: that is what
    /// makes a state work once. The time is not judged.
    async fn take_arrival(&self, state: SecretDigest) -> Result<Option<Arrival>, StoreError>;

    /// Whose account belongs to this person at a provider; `None` if nobody's.
    async fn account_of(&self, id: &ExternalId) -> Result<Option<UserId>, StoreError>;

    /// Changes or adds an account, as [`AccountStore::change_account`](super::AccountStore::change_account) does, and has it belong to this person at a
    /// provider, all at once. An account can belong to several. Whose it was before is forgotten. When the account is removed, so is this.
    async fn link_account(
        &self,
        change: &AccountChange<'_>,
        id: &ExternalId,
    ) -> Result<u64, StoreError>;
}

/// Signing in with accounts of somebody else, wired. Cloning shares it.
#[derive(Clone)]
pub struct IdentityPorts {
    /// Who vouches.
    pub provider: Arc<dyn IdentityProvider>,
    /// What is remembered.
    pub identities: Arc<dyn IdentityStore>,
    /// Who gets in.
    pub policy: IdentityPolicy,
}

impl fmt::Debug for IdentityPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityPorts")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
