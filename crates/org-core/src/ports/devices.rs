//! Which devices there are.

use async_trait::async_trait;

use super::StoreError;
use crate::device::Device;

/// The devices of an installation.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DeviceRegistry: Send + Sync {
    /// Every device that was not revoked, with its state at one moment: the embedded one first, the others in the order of their names. Ids
    /// and names are unique.
    async fn devices(&self) -> Result<Vec<Device>, StoreError>;
}

/// An installation without agents: the embedded device alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnlyEmbedded;

#[async_trait]
impl DeviceRegistry for OnlyEmbedded {
    async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        Ok(vec![Device::embedded()])
    }
}
