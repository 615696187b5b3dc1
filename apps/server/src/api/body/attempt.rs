//! Connection attempts.

use chrono::{DateTime, Utc};
use org_core::attempt::{AttemptState, ConnectionAttempt};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;

/// An attempt to connect an organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attempt {
    /// Its identity.
    pub id: String,
    /// The name that the organization should have.
    pub name: String,
    /// The kind of host: `gitlab`.
    pub service: String,
    /// The address of the host.
    pub host: String,
    /// The login that the token should belong to, or that signed in; null where nobody had signed in yet.
    pub login: Option<String>,
    /// `open`, `failed`, `succeeded`, or `abandoned` where the program that was at it ended before it was done.
    pub state: &'static str,
    /// With `failed`: why, with what to do next.
    pub reason: Option<String>,
    /// With `succeeded`: the id of the organization.
    pub organization: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

impl Attempt {
    pub fn new(attempt: &ConnectionAttempt, now: DateTime<Utc>) -> Self {
        let (state, reason, organization, ended_at) = match &attempt.state {
            AttemptState::Open if attempt.is_abandoned(now) => ("abandoned", None, None, None),
            AttemptState::Open => ("open", None, None, None),
            AttemptState::Failed { at, reason } => {
                ("failed", Some(reason.clone()), None, Some(*at))
            }
            AttemptState::Succeeded { at, organization } => {
                ("succeeded", None, Some(organization.to_string()), Some(*at))
            }
        };
        Self {
            id: attempt.id.to_string(),
            name: attempt.name.to_string(),
            service: attempt.service.to_string(),
            host: attempt.host.to_string(),
            login: attempt.login.as_ref().map(ToString::to_string),
            state,
            reason,
            organization,
            created_at: time::stamp(attempt.created_at),
            ended_at: ended_at.map(time::stamp),
        }
    }
}
