//! An organization that is being added: validated settings, not yet authenticated.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use crate::host::{HostUrl, Service};
use crate::ids::{AttemptId, OrganizationId};
use crate::organization::Settings;
use crate::secret::SecretRef;
use crate::text::{Login, OrganizationName, serde_through_text};

/// How long an attempt may take before it counts as given up.
pub const ATTEMPT_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// How far an attempt came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// It is under way.
    Open,
    /// It ended, and nothing of it stayed behind.
    Failed {
        /// When.
        at: DateTime<Utc>,
        /// Why, with what to do next; never with a secret in it.
        reason: String,
    },
    /// The organization stands.
    Succeeded {
        /// When.
        at: DateTime<Utc>,
        /// Which one.
        organization: OrganizationId,
    },
}

/// The form that stores keep.
impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Failed { at, reason } => write!(f, "failed {} {reason}", at.to_rfc3339()),
            Self::Succeeded { at, organization } => {
                write!(f, "succeeded {} {organization}", at.to_rfc3339())
            }
        }
    }
}

/// A stored state that no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a known state of a connection attempt")]
pub struct AttemptStateError {
    /// The refused text.
    pub text: String,
}

impl FromStr for AttemptState {
    type Err = AttemptStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || AttemptStateError {
            text: text.to_owned(),
        };
        if text == "open" {
            return Ok(Self::Open);
        }
        let mut parts = text.splitn(3, ' ');
        let (word, at, rest) = (parts.next(), parts.next(), parts.next());
        let (Some(word), Some(at), Some(rest)) = (word, at, rest) else {
            return Err(refused());
        };
        let at = DateTime::parse_from_rfc3339(at)
            .map_err(|_| refused())?
            .to_utc();
        match word {
            "failed" => Ok(Self::Failed {
                at,
                reason: rest.to_owned(),
            }),
            "succeeded" => Ok(Self::Succeeded {
                at,
                organization: rest.parse().map_err(|_| refused())?,
            }),
            _ => Err(refused()),
        }
    }
}

serde_through_text!(AttemptState);

/// One attempt to connect an organization. It never holds the token, only what points at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionAttempt {
    /// Its identity.
    pub id: AttemptId,
    /// The name that the organization shall have; for a sign-in whose account is not known yet, that of the host unless the person gave one.
    pub name: OrganizationName,
    /// The kind of host.
    pub service: Service,
    /// The host.
    pub host: HostUrl,
    /// The login that the token must belong to; `None` for a sign-in, which finds out.
    pub login: Option<Login>,
    /// The person's secret, where one was chosen; a token that was typed in is stored only on success.
    pub secret: Option<SecretRef>,
    /// What the person chose.
    pub settings: Settings,
    /// How far it came.
    pub state: AttemptState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it counts as given up if it is still open.
    pub expires_at: DateTime<Utc>,
}

impl ConnectionAttempt {
    /// Whether it was left open for too long; a program that was killed leaves such ones.
    pub fn is_abandoned(&self, now: DateTime<Utc>) -> bool {
        self.state == AttemptState::Open && now >= self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_round_trip() {
        let at = DateTime::from_timestamp_micros(1_790_000_000_000_001).expect("in range");
        let organization = OrganizationId::from_uuid(uuid::Uuid::from_u128(5));
        for state in [
            AttemptState::Open,
            AttemptState::Failed {
                at,
                reason: "the host said no: try later".into(),
            },
            AttemptState::Succeeded { at, organization },
        ] {
            assert_eq!(state.to_string().parse::<AttemptState>(), Ok(state));
        }
        for bad in [
            "",
            "failed",
            "failed now x",
            "succeeded 2026-01-01T00:00:00Z x",
        ] {
            assert!(bad.parse::<AttemptState>().is_err(), "{bad:?}");
        }
    }
}
