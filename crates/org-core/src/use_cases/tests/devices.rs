//! Devices: which there are, what they work for, and that an organization is given to none that could not do it.

use std::sync::Arc;

use async_trait::async_trait;
use insta::assert_snapshot;

use super::*;
use crate::device::{Device, DeviceState};
use crate::ids::DeviceId;
use crate::ports::{DeviceRegistry, Ports, StoreError};
use crate::use_cases::devices;
use crate::use_cases::manage::{SettingsPatch, edit};

/// An installation with an agent.
struct WithAgent(Device);

#[async_trait]
impl DeviceRegistry for WithAgent {
    async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        Ok(vec![Device::embedded(), self.0.clone()])
    }
}

fn with(bench: &TestBench, state: DeviceState) -> (Ports, DeviceId) {
    let agent = Device {
        state,
        ..build::agent(7, "berlin")
    };
    let id = agent.id;
    let ports = Ports {
        devices: Arc::new(WithAgent(agent)),
        ..bench.ports()
    };
    (ports, id)
}

fn on(device: DeviceId) -> OrganizationDraft {
    let draft = draft();
    OrganizationDraft {
        settings: SettingsDraft {
            device: Some(device.to_string()),
            ..draft.settings.clone()
        },
        ..draft
    }
}

fn told(ports: &Ports) -> String {
    let rows = block_on(devices::list(ports)).expect("the stores answer");
    let line = |row: &devices::DeviceRow| {
        let names: Vec<&str> = row
            .organizations
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        let Device {
            name, kind, state, ..
        } = &row.device;
        format!("{name} ({kind}, {state}) for {:?}", names.join(" "))
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_installation_is_a_device_from_the_start() {
    let bench = TestBench::new(world(1));
    assert_snapshot!(told(&bench.ports()), @r#"embedded (embedded, online) for """#);
    connected(&bench);
    assert_snapshot!(told(&bench.ports()), @r#"embedded (embedded, online) for "Acme""#);
}

#[test]
fn an_organization_works_on_the_device_that_was_chosen() {
    let bench = TestBench::new(world(1));
    let (ports, agent) = with(&bench, DeviceState::Online);
    let made = block_on(connect(&ports, &on(agent), jane(), &NoProgress)).expect("it connects");
    assert_eq!(made.settings.default_device, agent);
    assert_snapshot!(told(&ports), @r#"
    embedded (embedded, online) for ""
    berlin (agent, online) for "Acme"
    "#);
    let back = SettingsPatch {
        device: Some("embedded".to_owned()),
        ..SettingsPatch::default()
    };
    let back = block_on(edit(&ports, made, &back, jane())).expect("it is there");
    assert_eq!(back.settings.default_device, DeviceId::EMBEDDED);
}

#[test]
fn a_device_that_is_away_is_given_nothing() {
    let bench = TestBench::new(world(1));
    let since = build::noon();
    let (ports, agent) = with(&bench, DeviceState::Offline { since });
    let refused = block_on(connect(&ports, &on(agent), jane(), &NoProgress));
    assert_snapshot!(refused.expect_err("it is offline"), @"device: the device `berlin` is offline since 2027-03-01T12:00:00Z; start it, or choose another one");
    let gone = block_on(connect(&bench.ports(), &on(agent), jane(), &NoProgress));
    assert_snapshot!(gone.expect_err("it is gone"), @"device: there is no device 00000000-0000-0000-0000-000000000007 any more; choose another one");
    let sso = OrganizationDraft {
        settings: on(agent).settings,
        ..sso_draft()
    };
    assert!(try_begin(&bench, &sso).is_err());
    let attempts = block_on(bench.ports().attempts.list(9)).expect("a store");
    assert!(
        attempts.is_empty(),
        "it is a mistake of the form: {attempts:?}"
    );

    let made = connected(&bench);
    let moved = SettingsPatch {
        device: Some(agent.to_string()),
        ..SettingsPatch::default()
    };
    let moved = block_on(edit(&ports, made, &moved, jane()));
    assert!(moved.is_err(), "{moved:?}");
}
