//! A sign-in that waits for the browser to come back.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Access, Initiator, RedirectUri, StateHash};
use crate::host::HostUrl;
use crate::ids::{AttemptId, OrganizationId};
use crate::secret::SecretRef;
use crate::text::OrganizationName;
use crate::use_cases::reconnect::BlindReconnect;

/// How long a person has to sign in: as long as a host's code lives (RFC 6749, section 4.1.2; GitLab docs, OAuth 2.0).
pub const SIGN_IN_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// What a sign-in is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A new organization.
    Connect {
        /// The attempt that it belongs to.
        attempt: AttemptId,
        /// The identity that the organization will have.
        organization: OrganizationId,
        /// The name that a person gave it; without one it is made from the account.
        name: Option<OrganizationName>,
    },
    /// Another credential for one that is there.
    Reconnect {
        /// Which one.
        organization: OrganizationId,
        /// Whether a person agreed that the account may see nothing of what is known.
        blind: BlindReconnect,
    },
}

/// What is remembered of a sign-in until its answer comes: enough to judge the answer, and nothing that could stand in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// What its answer must prove to know.
    pub state: StateHash,
    /// Who started it.
    pub initiator: Initiator,
    /// What it is for.
    pub purpose: Purpose,
    /// The host that the browser was sent to; the code is sent there and nowhere else.
    pub host: HostUrl,
    /// Where the answer must arrive.
    pub redirect: RedirectUri,
    /// How much was asked for.
    pub access: Access,
    /// Where the verifier is.
    pub verifier: SecretRef,
    /// When it is too late for an answer.
    pub expires_at: DateTime<Utc>,
}
