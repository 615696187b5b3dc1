//! Devices as people read them, in lists and to choose from.

use std::collections::HashMap;

use org_core::device::{Device, DeviceKind, DeviceState};
use org_core::ids::DeviceId;

use crate::api::problem::Problem;
use crate::console::view::{Badge, Stamp, Tone};
use crate::state::AppState;

/// A device that an organization can be given to.
#[derive(Debug, Clone)]
pub(in crate::console) struct DeviceChoice {
    pub(in crate::console) id: String,
    pub(in crate::console) name: String,
    pub(in crate::console) about: &'static str,
    pub(in crate::console) word: &'static str,
    pub(in crate::console) badge: Badge,
    /// Since when it is away.
    pub(in crate::console) since: Option<Stamp>,
}

impl DeviceChoice {
    pub(in crate::console) fn of(device: &Device) -> Self {
        let (word, tone, icon, since) = match device.state {
            DeviceState::Online => ("Online", Tone::Good, "circle-check", None),
            DeviceState::Offline { since } => {
                ("Offline", Tone::Bad, "circle-x", Some(Stamp(since)))
            }
        };
        Self {
            id: device.id.to_string(),
            name: name(device),
            about: match device.kind {
                DeviceKind::Embedded => "The embedded device, there from the first start",
                _ => "An agent on another machine",
            },
            badge: Badge::new(tone, icon, word),
            word,
            since,
        }
    }

    /// Every device, the embedded one first.
    pub(in crate::console) async fn all(state: &AppState) -> Result<Vec<Self>, Problem> {
        let devices = state.ports().devices.devices().await?;
        Ok(devices.iter().map(Self::of).collect())
    }
}

/// The console is on the embedded device, so that people know it by where they are.
fn name(device: &Device) -> String {
    match device.kind {
        DeviceKind::Embedded => "This server".to_owned(),
        _ => device.name.to_string(),
    }
}

/// What devices are called.
pub(in crate::console) struct DeviceNames(HashMap<DeviceId, String>);

impl DeviceNames {
    pub(in crate::console) async fn read(state: &AppState) -> Result<Self, Problem> {
        let devices = state.ports().devices.devices().await?;
        let names = devices.iter().map(|device| (device.id, name(device)));
        Ok(Self(names.collect()))
    }

    /// A device that is gone is still named by those who waited for it.
    pub(in crate::console) fn of(&self, id: DeviceId) -> String {
        let known = self.0.get(&id).cloned();
        known.unwrap_or_else(|| "A device that is gone".to_owned())
    }
}
