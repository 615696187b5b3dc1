//! Work that goes on when its request was answered.

use std::fmt;

use org_core::device::DeviceState;
use org_core::use_cases::devices::DeviceRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::check::Check;
use super::sync::SyncRun;
use super::time::stamp;
use crate::api::problem::ProblemBody;

/// A piece of work that a request began.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `connect`, `check`, `reconnect` or `sync`.
    pub kind: String,
    /// The name of the organization, as it was or shall be.
    pub organization_name: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// When it was begun.
    pub started_at: String,
    /// The steps so far, the newest last.
    pub steps: Vec<Step>,
    /// How far the list was read.
    pub listed: Option<Listed>,
    /// The code that a person has to type; told to whoever began it, and as long as it is of use.
    pub sign_in: Option<SignInCode>,
    /// The page of the host where a person has to sign in; told to whoever began it, and as long as it is of use.
    pub authorization: Option<SignInPage>,
    /// The login of whoever signed in.
    pub signed_in_as: Option<String>,
    /// What shall be covered has to be chosen; told to whoever began it, and as long as it is of use.
    pub choice: Option<Choice>,
    /// With `connect` and `reconnect`, once it stands: the id of the organization.
    pub organization: Option<String>,
    /// The syncs that ran.
    pub syncs: Vec<SyncRun>,
    /// Why a sync that was to follow did not begin; the organization stands all the same.
    pub sync_problem: Option<ProblemBody>,
    /// With `check`, once it is done: what would be connected.
    pub check: Option<Check>,
    /// With `failed`: why.
    pub problem: Option<ProblemBody>,
}

/// A step of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Step {
    /// What is done, such as `DNS` or `authenticate`.
    pub name: String,
    /// `begun`, `done` or `failed`.
    pub state: String,
    /// What came of it, in words.
    pub detail: String,
    /// How long it took, where it was measured.
    pub milliseconds: Option<u64>,
}

/// A code that a person must type at the host, in any browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignInCode {
    /// Where.
    pub uri: String,
    /// The same with the code in it, if the host has such an address.
    pub complete_uri: Option<String>,
    /// The code.
    pub code: String,
    /// Until when it is good.
    pub until: String,
}

/// A page of the host where a person must sign in.
#[derive(Clone, Serialize, ToSchema)]
pub struct SignInPage {
    /// Its address. It is for the browser of whoever began, and for no log.
    pub url: String,
    /// Where the browser comes back to; what it brings there goes to `POST /jobs/{job}/answer`.
    pub redirect_uri: String,
    /// Until when it is good.
    pub until: String,
}

impl fmt::Debug for SignInPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInPage")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// What shall be covered has to be chosen, with `POST /jobs/{job}/choice`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Choice {
    /// Who signed in, what was granted, and what the form said; what would be covered was not looked at.
    pub check: Box<Check>,
    /// Until when.
    pub until: String,
    /// Why the choice before was not taken.
    pub problem: Option<Box<ProblemBody>>,
}

/// How far a list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed {
    /// Repositories so far.
    pub repositories: u64,
    /// Groups so far.
    pub groups: u64,
}

/// Whether a host can be reached, step by step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reachability {
    /// The address that was tried.
    pub host: String,
    /// Whether every step went well.
    pub reachable: bool,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// A machine that talks to hosts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `embedded` for the installation itself, or `agent`.
    pub kind: String,
    /// `online` or `offline`.
    pub state: String,
    /// When it was last heard of; null while it is online.
    pub offline_since: Option<String>,
    /// The names of the organizations whose default device it is.
    pub organizations: Vec<String>,
}

impl From<&DeviceRow> for Device {
    fn from(row: &DeviceRow) -> Self {
        let device = &row.device;
        let names = row.organizations.iter().map(|(_, name)| name.to_string());
        Self {
            id: device.id.to_string(),
            name: device.name.to_string(),
            kind: device.kind.to_string(),
            state: device.state.to_string(),
            offline_since: match device.state {
                DeviceState::Online => None,
                DeviceState::Offline { since } => Some(stamp(since)),
            },
            organizations: names.collect(),
        }
    }
}

impl From<&org_core::ports::ProbeStep> for Step {
    fn from(step: &org_core::ports::ProbeStep) -> Self {
        let (state, detail) = match &step.result {
            Ok(detail) => ("done", detail),
            Err(detail) => ("failed", detail),
        };
        Self {
            name: step.kind.as_str().to_owned(),
            state: state.to_owned(),
            detail: detail.clone(),
            milliseconds: u64::try_from(step.took.as_millis()).ok(),
        }
    }
}
