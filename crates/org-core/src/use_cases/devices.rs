//! The devices of an installation, and what they work for.

use crate::device::{Device, DeviceState};
use crate::draft::{Field, FieldError};
use crate::ids::{DeviceId, OrganizationId};
use crate::organization::Status;
use crate::ports::Ports;
use crate::text::OrganizationName;
use crate::use_cases::UseCaseError;

/// A device, and the organizations that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub device: Device,
    /// The organizations whose default device it is, in the order of their connecting; the removed ones are left out.
    pub organizations: Vec<(OrganizationId, OrganizationName)>,
}

/// Every device, the embedded one first.
pub async fn list(ports: &Ports) -> Result<Vec<DeviceRow>, UseCaseError> {
    let devices = ports.devices.devices().await?;
    let organizations = ports.organizations.roster().await?.organizations;
    let row = |device: Device| DeviceRow {
        organizations: organizations
            .iter()
            .filter(|organization| !matches!(organization.status, Status::Removed { .. }))
            .filter(|organization| organization.settings.default_device == device.id)
            .map(|organization| (organization.id, organization.name.clone()))
            .collect(),
        device,
    };
    Ok(devices.into_iter().map(row).collect())
}

/// The device that a person chose; it must be there, and work can be given to it now.
pub async fn ready(ports: &Ports, id: DeviceId) -> Result<Device, UseCaseError> {
    let refused = |message: String| UseCaseError::Invalid {
        errors: vec![FieldError {
            field: Field::Device,
            message,
        }],
    };
    let devices = ports.devices.devices().await?;
    let Some(device) = devices.into_iter().find(|device| device.id == id) else {
        return Err(refused(format!(
            "there is no device {id} any more; choose another one"
        )));
    };
    match device.state {
        DeviceState::Online => Ok(device),
        DeviceState::Offline { since } => Err(refused(format!(
            "the device `{}` is offline since {}; start it, or choose another one",
            device.name,
            since.format("%Y-%m-%dT%H:%M:%SZ")
        ))),
    }
}
