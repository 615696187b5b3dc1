//! Connection attempts.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use org_core::attempt::{AttemptState, ConnectionAttempt};
use serde::{Deserialize, Serialize};

use super::{Row, time};

/// An attempt to connect an organization.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Attempt {
    /// Its identity.
    id: String,
    /// The name that the organization should have.
    name: String,
    /// The kind of host: `gitlab`.
    service: String,
    /// The address of the host.
    host: String,
    /// The login that the token should belong to, or that signed in; null where nobody had signed in yet.
    login: Option<String>,
    /// `open`, `failed`, `succeeded`, or `abandoned` where the program that was at it ended before it was done.
    state: Cow<'static, str>,
    /// With `failed`: why, with what to do next.
    reason: Option<String>,
    /// With `succeeded`: the id of the organization.
    organization: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it ended.
    ended_at: Option<String>,
}

impl Attempt {
    pub(crate) fn new(attempt: &ConnectionAttempt, now: DateTime<Utc>) -> Self {
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
            state: Cow::Borrowed(state),
            reason,
            organization,
            created_at: time::stamp(attempt.created_at),
            ended_at: ended_at.map(time::stamp),
        }
    }
}

impl Row for Attempt {
    const HEADER: &'static [&'static str] =
        &["Started", "Name", "Host", "Login", "State", "Reason"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.created_at.clone(),
            self.name.clone(),
            self.host.clone(),
            self.login.clone().unwrap_or_default(),
            self.state.to_string(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}
