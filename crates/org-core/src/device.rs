//! Devices: the machines that talk to service hosts and do the work of the organizations that name them.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::ids::DeviceId;
use crate::text::DeviceName;

/// A machine that talks to service hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its identity, for ever.
    pub id: DeviceId,
    /// What it is called in this installation.
    pub name: DeviceName,
    /// What kind of machine it is.
    pub kind: DeviceKind,
    /// Whether work can be given to it.
    pub state: DeviceState,
}

impl Device {
    /// What the embedded device is called.
    pub const EMBEDDED: &'static str = "embedded";

    /// The device inside this installation. Who asks it is it, so it is online.
    pub fn embedded() -> Self {
        Self {
            id: DeviceId::EMBEDDED,
            name: Self::EMBEDDED.parse().expect("it has small letters only"),
            kind: DeviceKind::Embedded,
            state: DeviceState::Online,
        }
    }
}

/// What kind of machine a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceKind {
    /// The installation itself, there from the first start.
    Embedded,
    /// A program on another machine, which enrolled with a code and connects outwards.
    Agent,
}

impl DeviceKind {
    /// The word that stores and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether work can be given to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// It answers.
    Online,
    /// It missed three heartbeats.
    Offline {
        /// When it was last heard of.
        since: DateTime<Utc>,
    },
}

impl DeviceState {
    /// The word that programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline { .. } => "offline",
        }
    }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
