//! The license pool, its policy and who is in it.

use org_core::license::policy::LicensePolicy;
use org_core::license::pool::{SeatPlan, Seats as CoreSeats};
use org_core::ports::SeatHolder;
use org_core::use_cases::licenses::PoolStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::repository::License;

/// The license pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pool {
    /// How many seats there are; null means unlimited.
    pub seats: Option<u32>,
    /// How many are taken.
    pub held: u64,
    /// How many are free; null means without limit.
    pub free: Option<u64>,
    /// How many repositories wait for one.
    pub waiting: u64,
    /// The same for each organization that has any.
    pub organizations: Vec<PoolShare>,
    /// The rules that decide which repositories get a license by themselves.
    pub policy: Vec<String>,
}

/// What one organization has of the pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PoolShare {
    /// The name of the organization.
    pub organization_name: String,
    /// How many seats it holds.
    pub held: u64,
    /// How many of its repositories wait.
    pub waiting: u64,
}

impl From<&PoolStatus> for Pool {
    fn from(status: &PoolStatus) -> Self {
        Self {
            seats: limit(status.seats),
            held: status.summary.held,
            free: status.seats.free(status.summary.held),
            waiting: status.summary.waiting,
            organizations: status
                .summary
                .organizations
                .iter()
                .map(|(name, held, waiting)| PoolShare {
                    organization_name: name.to_string(),
                    held: *held,
                    waiting: *waiting,
                })
                .collect(),
            policy: rules(&status.policy),
        }
    }
}

fn limit(seats: CoreSeats) -> Option<u32> {
    match seats {
        CoreSeats::Unlimited => None,
        CoreSeats::Limited(seats) => Some(seats),
    }
}

fn rules(policy: &LicensePolicy) -> Vec<String> {
    policy.rules().iter().map(ToString::to_string).collect()
}

/// The number of seats, and what changing it did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Seats {
    /// How many seats there are; null means unlimited.
    pub seats: Option<u32>,
    /// How many repositories that waited got one now.
    pub granted: u64,
}

impl Seats {
    pub fn as_is(seats: CoreSeats) -> Self {
        Self {
            seats: limit(seats),
            granted: 0,
        }
    }

    pub fn changed(seats: CoreSeats, plan: &SeatPlan) -> Self {
        Self {
            seats: limit(seats),
            granted: plan.grant.len() as u64,
        }
    }
}

/// A repository with a seat or a place in the queue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Holder {
    /// The path at the host.
    pub path: String,
    /// The host's id.
    pub id: u64,
    /// The id of the organization.
    pub organization: String,
    /// The name of the organization.
    pub organization_name: String,
    /// When it was made at the host, which decides its place in the queue.
    pub created_at: String,
    /// Where it stands.
    pub license: License,
}

impl From<&SeatHolder> for Holder {
    fn from(holder: &SeatHolder) -> Self {
        Self {
            path: holder.full_path.clone(),
            id: holder.key.repository.get(),
            organization: holder.key.organization.to_string(),
            organization_name: holder.organization_name.to_string(),
            created_at: super::time::stamp(holder.created_at),
            license: (&holder.license).into(),
        }
    }
}

/// The policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Policy {
    /// The rules in their order; the first one that fits decides.
    pub rules: Vec<String>,
}

impl From<&LicensePolicy> for Policy {
    fn from(policy: &LicensePolicy) -> Self {
        Self {
            rules: rules(policy),
        }
    }
}
