//! Devices.

use org_core::device::DeviceState;
use org_core::use_cases::devices::DeviceRow;
use serde::{Deserialize, Serialize};

use super::{Row, time};

/// A machine that talks to hosts.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Device {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// `embedded` for the installation itself, or `agent`.
    kind: String,
    /// `online` or `offline`.
    state: String,
    /// When it was last heard of; null while it is online.
    offline_since: Option<String>,
    /// The names of the organizations whose default device it is.
    organizations: Vec<String>,
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
                DeviceState::Offline { since } => Some(time::stamp(since)),
            },
            organizations: names.collect(),
        }
    }
}

impl Row for Device {
    const HEADER: &'static [&'static str] = &["Name", "Kind", "State", "Organizations"];

    fn cells(&self) -> Vec<String> {
        let state = match &self.offline_since {
            Some(since) => format!("{} since {since}", self.state),
            None => self.state.clone(),
        };
        vec![
            self.name.clone(),
            self.kind.clone(),
            state,
            self.organizations.join(", "),
        ]
    }
}
