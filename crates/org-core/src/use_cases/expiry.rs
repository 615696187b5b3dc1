//! The countdown of access tokens: a notice 30, 14, 7 and 1 days before one stops working.
//!
//! Every sync gives the notice that is due, also one that fails. An organization that is paused, or synchronized only by hand, has none for
//! a long time; [`remind`] gives its notices.

use chrono::{DateTime, Utc};

use crate::event::{Actor, Event, Subject};
use crate::ids::OrganizationId;
use crate::organization::{Organization, Status};
use crate::ports::{OrganizationChange, Ports, Stale, StoreError};
use crate::use_cases::{STALE_RETRIES, UseCaseError};

/// Puts down in the record which notice was given; answers its event if it was not given before.
pub(super) fn notice(organization: &mut Organization, now: DateTime<Utc>) -> Option<Event> {
    let token = organization.auth.token();
    let (due, left) = (
        token.notice_due(now),
        token.days_left(now).unwrap_or_default(),
    );
    let told = std::mem::replace(&mut organization.expiry_notice, due);
    let days = due?;
    if told.is_some_and(|told| told <= days) {
        return None;
    }
    let when = match left {
        0 => "has stopped working; make".to_owned(),
        1 => "stops working in 1 day; rotate it, or make".to_owned(),
        left => format!("stops working in {left} days; rotate it, or make"),
    };
    let kind = "organization.token_expires";
    let event = Event::new(now, Actor::System, Subject::Organization, kind);
    Some(event.of(organization.id).with_message(format!(
        "the access token {when} a new one at the host and reconnect the organization with it"
    )))
}

/// Gives the notices that are due, by what the host last said of each token; answers how many. Safe to run at any time, by any number of
/// programs; once an hour is enough. One organization that cannot be read does not keep the others from theirs; its error is answered at the
/// end.
pub async fn remind(ports: &Ports) -> Result<u64, UseCaseError> {
    let mut given = 0;
    let mut trouble = None;
    for organization in ports.organizations.roster().await?.organizations {
        match remind_of(ports, organization.id).await {
            Ok(told) => given += u64::from(told),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    trouble.map_or(Ok(given), Err)
}

async fn remind_of(ports: &Ports, id: OrganizationId) -> Result<bool, UseCaseError> {
    for _ in 0..STALE_RETRIES {
        let Some(mut organization) = ports.organizations.get(id).await? else {
            return Ok(false);
        };
        if matches!(organization.status, Status::Removed { .. }) {
            return Ok(false);
        }
        let Some(event) = notice(&mut organization, ports.clock.now()) else {
            return Ok(false);
        };
        let events = [event];
        let change = OrganizationChange::new(&organization, &events);
        match ports.organizations.update(&change).await {
            Ok(_) => return Ok(true),
            Err(StoreError::Stale {
                what: Stale::Organization,
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}
