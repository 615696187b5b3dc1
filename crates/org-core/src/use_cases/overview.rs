//! How organizations are doing: what every entry point shows of one.

use chrono::{DateTime, Utc};

use crate::organization::{Organization, Status};
use crate::ports::{InventoryCounts, Ports};
use crate::use_cases::UseCaseError;

/// An organization with what stands beside its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The record.
    pub organization: Organization,
    /// How many groups and repositories it has.
    pub counts: InventoryCounts,
    /// When its schedule fires next; `None` if never.
    pub next_run: Option<DateTime<Utc>>,
    /// Whole days until its token stops working; `None` if it never does.
    pub token_days_left: Option<i64>,
}

/// How one organization is doing.
pub async fn of(ports: &Ports, organization: Organization) -> Result<Overview, UseCaseError> {
    Ok(Overview {
        counts: ports.inventory.counts(organization.id).await?,
        next_run: ports.organizations.next_run(organization.id).await?,
        token_days_left: organization.auth.token().days_left(ports.clock.now()),
        organization,
    })
}

/// Which organizations a person wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that are there.
    Present,
    /// The removed ones too.
    All,
}

/// How the organizations are doing, in the order of their creation.
pub async fn all(ports: &Ports, which: Which) -> Result<Vec<Overview>, UseCaseError> {
    let mut overviews = Vec::new();
    for organization in ports.organizations.roster().await?.organizations {
        let removed = matches!(organization.status, Status::Removed { .. });
        if !removed || which == Which::All {
            overviews.push(of(ports, organization).await?);
        }
    }
    Ok(overviews)
}
