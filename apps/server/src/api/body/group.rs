//! Groups.

use org_core::inventory::KnownGroup;
use org_core::organization::Organization;
use serde::Serialize;
use utoipa::ToSchema;

use super::organization::gone_since;
use super::time;

/// A group of the inventory.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Group {
    /// The host's id.
    pub id: u64,
    /// The path at the host.
    pub path: String,
    /// The name that people gave it.
    pub name: String,
    /// The id of the organization.
    pub organization: String,
    /// The name of the organization.
    pub organization_name: String,
    /// The host's id of the group around it; null for a top-level group.
    pub parent: Option<u64>,
    /// `private`, `internal` or `public`.
    pub visibility: String,
    /// `active`, `archived` or `pending_deletion`.
    pub lifecycle: String,
    /// When a sync first saw it.
    pub first_seen: String,
    /// When the host confirmed that it is gone; null while it is there.
    pub gone_since: Option<String>,
}

impl Group {
    pub fn new(organization: &Organization, known: &KnownGroup) -> Self {
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

/// Groups at a host whose path has a text in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundGroups {
    /// Their paths, in order.
    pub paths: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

impl From<org_core::use_cases::group_search::FoundGroups> for FoundGroups {
    fn from(found: org_core::use_cases::group_search::FoundGroups) -> Self {
        Self {
            paths: found.paths,
            more: found.more,
        }
    }
}
