//! A person's word on a held sync.

use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::{RepositoryId, SyncId};
use crate::organization::{ActionReason, Organization, Status};
use crate::ports::{Ports, Stale, StoreError};
use crate::sync::run::{HeldDecision, SyncRun};
use crate::use_cases::{STALE_RETRIES, UseCaseError};

/// The held sync of an organization that waits for a decision, and which repositories it would let vanish.
pub async fn held(
    ports: &Ports,
    organization: &Organization,
) -> Result<(SyncRun, Vec<RepositoryId>), UseCaseError> {
    let held = ports
        .syncs
        .held(organization.id, HeldDecision::Open)
        .await?;
    held.ok_or_else(|| UseCaseError::NothingHeld {
        name: organization.name.clone(),
    })
}

/// What a person says about a held sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The repositories are really gone: a sync may let exactly these vanish, each still confirmed with the host. The caller starts it.
    Approve,
    /// They are not: everything stays as it is, and the next sync looks again.
    Reject,
}

/// Puts down what a person says about the held sync of an organization, whichever it is.
///
/// Where a person looked at one first, [`decide_about`] makes sure that it is that one.
pub async fn decide(
    ports: &Ports,
    organization: Organization,
    verdict: Verdict,
    actor: &Actor,
) -> Result<SyncRun, UseCaseError> {
    let held = held(ports, &organization).await?;
    put_down(ports, organization, held, verdict, actor).await
}

/// Puts down what a person says about the held sync that they looked at; [`UseCaseError::NothingHeld`] if it waits no longer, also when a
/// later one took its place.
pub async fn decide_about(
    ports: &Ports,
    organization: Organization,
    sync: SyncId,
    verdict: Verdict,
    actor: &Actor,
) -> Result<SyncRun, UseCaseError> {
    let held = held(ports, &organization).await?;
    if held.0.id != sync {
        return Err(UseCaseError::NothingHeld {
            name: organization.name,
        });
    }
    put_down(ports, organization, held, verdict, actor).await
}

async fn put_down(
    ports: &Ports,
    organization: Organization,
    (run, vanishing): (SyncRun, Vec<RepositoryId>),
    verdict: Verdict,
    actor: &Actor,
) -> Result<SyncRun, UseCaseError> {
    let (decision, kind) = match verdict {
        Verdict::Approve => (HeldDecision::Approved, "sync.approved"),
        Verdict::Reject => (HeldDecision::Rejected, "sync.rejected"),
    };
    let mut before = organization;
    for _ in 0..STALE_RETRIES {
        let waits = matches!(
            &before.status,
            Status::ActionRequired(ActionReason::SyncHeld { .. })
        );
        let after = if waits {
            before.clone().with_health(None)
        } else {
            before.clone()
        };
        let now = ports.clock.now();
        let mut events = vec![
            Event::new(now, actor.clone(), Subject::Organization, kind)
                .of(after.id)
                .with_message(format!("{} repositories", vanishing.len()))
                .with_change(FieldChange::new("sync", "", &run.id.to_string())),
        ];
        events.extend(super::follow::status_event(&before, &after, now));
        match ports.syncs.decide(run.id, decision, &after, &events).await {
            Ok(()) => return Ok(run),
            Err(StoreError::Stale {
                what: Stale::Organization,
            }) => {
                let id = before.id;
                before =
                    ports
                        .organizations
                        .get(id)
                        .await?
                        .ok_or_else(|| UseCaseError::NotFound {
                            what: format!("organization {id}"),
                        })?;
            }
            Err(StoreError::NotFound { .. }) => {
                return Err(UseCaseError::NothingHeld { name: before.name });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}
