//! The promises of the port [`DeviceRegistry`].

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::device::{Device, DeviceKind};
use crate::ports::DeviceRegistry;

/// Runs the suite of the devices; `make` is an expression for an `Arc<dyn DeviceRegistry>`.
#[macro_export]
macro_rules! device_registry_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { devices, $run, $make, [
            the_embedded_device_is_there_and_comes_first,
            the_others_are_agents_in_the_order_of_their_names,
            no_two_are_the_same,
        ] }
    };
}

async fn devices(registry: &Arc<dyn DeviceRegistry>) -> Vec<Device> {
    registry.devices().await.expect("a registry")
}

/// From the first start on, online for whoever asks.
pub async fn the_embedded_device_is_there_and_comes_first(registry: Arc<dyn DeviceRegistry>) {
    assert_eq!(devices(&registry).await.first(), Some(&Device::embedded()));
}

/// There is one embedded device.
pub async fn the_others_are_agents_in_the_order_of_their_names(registry: Arc<dyn DeviceRegistry>) {
    let all = devices(&registry).await;
    let others = all.get(1..).unwrap_or_default();
    for device in others {
        assert_eq!(device.kind, DeviceKind::Agent, "{}", device.name);
    }
    assert!(others.is_sorted_by(|one, next| one.name < next.name));
}

/// Whoever names a device means one.
pub async fn no_two_are_the_same(registry: Arc<dyn DeviceRegistry>) {
    let all = devices(&registry).await;
    let ids: BTreeSet<_> = all.iter().map(|device| device.id).collect();
    let names: BTreeSet<_> = all.iter().map(|device| &device.name).collect();
    assert_eq!((ids.len(), names.len()), (all.len(), all.len()));
}
