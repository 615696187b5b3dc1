//! Why a repository is, or is not, licensed: one answer, in words.

use std::fmt;

use chrono::SecondsFormat;

use crate::ids::OrganizationId;
use crate::inventory::{KnownRepository, Ownership, Presence};
use crate::license::policy::{Action, LicensePolicy};
use crate::license::pool::{PoolSnapshot, SeatRequest, Seats};
use crate::license::{LicenseState, Reason};
use crate::sync::plan::LICENSE_GRACE;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Explanation {
    /// Where it stands.
    pub state: LicenseState,
    /// Why, in one sentence.
    pub because: String,
    /// What can be done about it, if something can.
    pub next_step: Option<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.state, self.because)?;
        match &self.next_step {
            Some(step) => write!(f, " {step}"),
            None => Ok(()),
        }
    }
}

/// Explains where `known` stands.
pub fn explain(
    known: &KnownRepository,
    organization: OrganizationId,
    pool: &PoolSnapshot,
    seats: Seats,
    policy: &LicensePolicy,
) -> Explanation {
    let license = &known.license;
    let since = license.since.to_rfc3339_opts(SecondsFormat::Secs, true);
    let because = match (license.state, &license.reason) {
        (LicenseState::Licensed, reason) => {
            format!(
                "It has a license since {since}, because {}.",
                granted(reason)
            )
        }
        (LicenseState::Waiting, reason) => {
            let place = place_in_queue(known, organization, pool);
            format!(
                "It waits since {since} for a free seat, number {place} of {} in the queue ({} of {seats} seats are taken), because {}.",
                pool.waiting.len(),
                pool.held,
                granted(reason)
            )
        }
        (LicenseState::Unlicensed, reason) => {
            format!("It has no license, because {}.", withheld(reason, &since))
        }
    };
    Explanation {
        state: license.state,
        because,
        next_step: next_step(known, policy),
    }
}

fn place_in_queue(
    known: &KnownRepository,
    organization: OrganizationId,
    pool: &PoolSnapshot,
) -> usize {
    let rank = (
        known.repository.created_at,
        known.repository.id,
        organization,
    );
    pool.waiting
        .iter()
        .filter(|waiting: &&SeatRequest| waiting.rank() < rank)
        .count()
        + 1
}

fn granted(reason: &Reason) -> String {
    match reason {
        Reason::Automatic { rule } => {
            format!("a sync found it as new and the rule `{rule}` lets it in")
        }
        Reason::ExistingAll => {
            "it was there when the organization was connected, and all existing repositories were chosen".to_owned()
        }
        Reason::ExistingMatching { rule } => format!(
            "it was there when the organization was connected, and of the matching ones that were chosen the rule `{rule}` lets it in"
        ),
        Reason::AssignedBy { who } => format!("{who} assigned it"),
        other => format!("of `{other}`"),
    }
}

fn withheld(reason: &Reason, since: &str) -> String {
    match reason {
        Reason::AutomaticOff => {
            "automatic assignment was off when a sync found it as new".to_owned()
        }
        Reason::ExistingNone => {
            "it was there when the organization was connected, and none of the existing repositories was chosen".to_owned()
        }
        Reason::Excluded { rule } => {
            format!("the rule `{rule}` kept it out when a sync looked at it on {since}")
        }
        Reason::SharedIn => {
            "it is only shared into this organization and belongs to another one".to_owned()
        }
        Reason::ReleasedBy { who } => format!("{who} released it on {since}"),
        Reason::Gone => format!("it is gone from the host, and its license was freed on {since}"),
        Reason::OrganizationRemoved => format!("its organization was removed on {since}"),
        Reason::Automatic { .. }
        | Reason::ExistingAll
        | Reason::ExistingMatching { .. }
        | Reason::AssignedBy { .. } => "its request for one has not been served".to_owned(),
    }
}

fn next_step(known: &KnownRepository, policy: &LicensePolicy) -> Option<String> {
    match (known.license.state, known.presence) {
        (LicenseState::Licensed, Presence::Gone { since }) => {
            let day = (since + LICENSE_GRACE).date_naive();
            Some(format!(
                "It is gone from the host; the license is freed on {day} unless it comes back."
            ))
        }
        (LicenseState::Licensed, Presence::Present)
        | (LicenseState::Unlicensed, Presence::Gone { .. }) => None,
        (LicenseState::Waiting, _) => {
            Some("Release another license or raise the number of seats.".to_owned())
        }
        (LicenseState::Unlicensed, Presence::Present) => {
            if known.repository.ownership == Ownership::SharedIn {
                return Some("Connect the organization that owns it.".to_owned());
            }
            Some(match policy.verdict(&known.repository) {
                (Action::Include, _) => "Assign one by hand.".to_owned(),
                (Action::Exclude, rule) => format!(
                    "The rule `{rule}` of today's policy would keep it out too; a license can be assigned by hand."
                ),
            })
        }
    }
}
