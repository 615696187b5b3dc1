//! The license pool, its policy and who is in it.

use org_core::license::policy::LicensePolicy;
use org_core::license::pool::{SeatPlan, Seats as CoreSeats};
use org_core::ports::SeatHolder;
use org_core::use_cases::licenses::PoolStatus;
use serde::{Deserialize, Serialize};

use super::repository::License;
use super::{Describe, Row, Text};

/// The license pool.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Pool {
    /// How many seats there are; null means unlimited.
    seats: Option<u32>,
    /// How many are taken.
    held: u64,
    /// How many are free; null means without limit.
    free: Option<u64>,
    /// How many repositories wait for one.
    waiting: u64,
    /// The same for each organization that has any.
    organizations: Vec<PoolShare>,
    /// The rules that decide which repositories get a license by themselves.
    policy: Vec<String>,
}

/// What one organization has of the pool.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PoolShare {
    /// The name of the organization.
    organization_name: String,
    /// How many seats it holds.
    held: u64,
    /// How many of its repositories wait.
    waiting: u64,
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

pub(crate) fn limit(seats: CoreSeats) -> Option<u32> {
    match seats {
        CoreSeats::Unlimited => None,
        CoreSeats::Limited(seats) => Some(seats),
    }
}

fn in_words(seats: Option<u32>) -> String {
    seats.map_or_else(|| "unlimited".to_owned(), |seats| seats.to_string())
}

fn rules(policy: &LicensePolicy) -> Vec<String> {
    policy.rules().iter().map(ToString::to_string).collect()
}

impl Row for PoolShare {
    const HEADER: &'static [&'static str] = &["Organization", "Licensed", "Waiting"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.organization_name.clone(),
            self.held.to_string(),
            self.waiting.to_string(),
        ]
    }
}

impl Describe for Pool {
    fn describe(&self, text: &mut Text) {
        text.field("Seats", in_words(self.seats));
        text.field("Taken", self.held);
        if let Some(free) = self.free {
            text.field("Free", free);
        }
        text.field("Waiting", self.waiting);
        text.field("Policy", self.policy.join("\n"));
        if !self.organizations.is_empty() {
            text.heading("By organization");
            text.table(&self.organizations);
        }
    }
}

/// The number of seats, and what changing it did.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Seats {
    /// How many seats there are; null means unlimited.
    seats: Option<u32>,
    /// How many repositories that waited got one now.
    granted: u64,
}

impl Seats {
    pub(crate) fn as_is(seats: CoreSeats) -> Self {
        Self {
            seats: limit(seats),
            granted: 0,
        }
    }

    pub(crate) fn changed(seats: CoreSeats, plan: &SeatPlan) -> Self {
        Self {
            seats: limit(seats),
            granted: plan.grant.len() as u64,
        }
    }
}

impl Describe for Seats {
    fn describe(&self, text: &mut Text) {
        text.field("Seats", in_words(self.seats));
        if self.granted > 0 {
            text.field("Got a license now", self.granted);
        }
    }
}

/// A repository with a seat or a place in the queue.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Holder {
    /// The path at the host.
    path: String,
    /// The host's id.
    id: u64,
    /// The id of the organization.
    organization: String,
    /// The name of the organization.
    organization_name: String,
    /// When it was made at the host, which decides its place in the queue.
    created_at: String,
    /// Where it stands.
    license: License,
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

impl Row for Holder {
    const HEADER: &'static [&'static str] =
        &["Path", "Organization", "Id", "Created", "Since", "By"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            self.organization_name.clone(),
            self.id.to_string(),
            self.created_at.clone(),
            self.license.since.clone(),
            self.license.reason.clone(),
        ]
    }
}

/// The policy.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Policy {
    /// The rules in their order; the first one that fits decides.
    rules: Vec<String>,
}

impl From<&LicensePolicy> for Policy {
    fn from(policy: &LicensePolicy) -> Self {
        Self {
            rules: rules(policy),
        }
    }
}

impl Describe for Policy {
    fn describe(&self, text: &mut Text) {
        // As it goes into a file, so that `show > FILE` and `set FILE` fit together.
        for rule in &self.rules {
            text.line(rule);
        }
    }
}
