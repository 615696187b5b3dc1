//! Groups.

use org_core::inventory::KnownGroup;
use org_core::organization::Organization;
use serde::{Deserialize, Serialize};

use super::organization::gone_since;
use super::{Row, time};

/// A group of the inventory.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Group {
    /// The host's id.
    id: u64,
    /// The path at the host.
    path: String,
    /// The name that people gave it.
    name: String,
    /// The id of the organization.
    organization: String,
    /// The name of the organization.
    organization_name: String,
    /// The host's id of the group around it; null for a top-level group.
    parent: Option<u64>,
    /// `private`, `internal` or `public`.
    visibility: String,
    /// `active`, `archived` or `pending_deletion`.
    lifecycle: String,
    /// When a sync first saw it.
    first_seen: String,
    /// When the host confirmed that it is gone; null while it is there.
    gone_since: Option<String>,
}

impl Group {
    pub(crate) fn new(organization: &Organization, known: &KnownGroup) -> Self {
        let group = &known.group;
        Self {
            id: group.id.get(),
            path: group.full_path.to_string(),
            name: group.name.to_string(),
            organization: organization.id.to_string(),
            organization_name: organization.name.to_string(),
            parent: group.parent.map(org_core::ids::GroupId::get),
            visibility: group.visibility.to_string(),
            lifecycle: group.lifecycle.to_string(),
            first_seen: time::stamp(known.first_seen),
            gone_since: gone_since(known.presence),
        }
    }
}

impl Row for Group {
    const HEADER: &'static [&'static str] = &["Path", "Organization", "Id", "Visibility", "State"];

    fn cells(&self) -> Vec<String> {
        let state = match &self.gone_since {
            Some(_) => "gone",
            None => &self.lifecycle,
        };
        vec![
            self.path.clone(),
            self.organization_name.clone(),
            self.id.to_string(),
            self.visibility.clone(),
            state.to_owned(),
        ]
    }
}
