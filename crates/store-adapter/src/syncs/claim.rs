//! Who may work on an organization: leases in time, fences in order.

use org_core::event::{Actor, Event, Subject};
use org_core::ids::SyncId;
use org_core::ports::{Claim, ClaimRequest, StoreError};
use org_core::sync::{Counts, RunState, SyncRun, Trigger};
use uuid::Uuid;

use super::read;
use crate::cells::{Cells, micros, signed};
use crate::dialect::DbConnection;
use crate::error::{During, store_error};
use crate::events;
use crate::organizations::not_found;
use crate::wire::{CountsWire, to_json};

const STEP: &str = "claiming a sync";

/// Starts a run, or asks for one more after the one that is under way.
pub(super) async fn claim(
    tx: &mut DbConnection,
    request: &ClaimRequest,
) -> Result<Claim, StoreError> {
    let row = sqlx::query("SELECT id, lease_sync, lease_until FROM organizations WHERE id = $1")
        .bind(request.organization.as_uuid())
        .fetch_optional(&mut *tx)
        .await
        .during(STEP)?
        .ok_or_else(|| not_found(request.organization))?;
    let cells = Cells::new(&row, "organizations", &["id"]);
    if let Some(sync) = cells.get::<Option<Uuid>>("lease_sync")? {
        let lease_until = cells.time("lease_until")?;
        let run = read(tx, SyncId::from_uuid(sync))
            .await?
            .ok_or_else(|| cells.unreadable("lease_sync", format!("there is no run {sync}")))?;
        if lease_until > request.now {
            // What the schedule wants is kept by its next run, which nobody moves but who starts one.
            if request.trigger != Trigger::Schedule {
                ask_for_one_more(tx, request).await?;
            }
            return Ok(Claim::Busy { run, lease_until });
        }
        abandon(tx, request, &run).await?;
    }
    start(tx, request).await.map(Claim::Started)
}

async fn ask_for_one_more(tx: &mut DbConnection, request: &ClaimRequest) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE organizations SET requested_at = $2 WHERE id = $1 AND requested_at IS NULL",
    )
    .bind(request.organization.as_uuid())
    .bind(micros(request.now))
    .execute(tx)
    .await
    .during(STEP)?;
    Ok(())
}

/// The program that was at it let its lease end: its run is over, and what it may still write is refused by its fence.
async fn abandon(
    tx: &mut DbConnection,
    request: &ClaimRequest,
    run: &SyncRun,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE syncs SET ended_at = $2, outcome = 'abandoned' WHERE id = $1")
        .bind(run.id.as_uuid())
        .bind(micros(request.now))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
    let event = Event::new(
        request.now,
        Actor::System,
        Subject::Organization,
        "sync.abandoned",
    )
    .of(request.organization)
    .with_message(format!(
        "the program that was at the sync {} let it go without an end",
        run.id
    ));
    events::append(tx, std::iter::once(event)).await
}

async fn start(tx: &mut DbConnection, request: &ClaimRequest) -> Result<SyncRun, StoreError> {
    let fence: i64 = sqlx::query_scalar(
        "UPDATE installation SET last_fence = last_fence + 1 RETURNING last_fence",
    )
    .fetch_one(&mut *tx)
    .await
    .during(STEP)?;
    let run = SyncRun {
        id: request.sync,
        organization: request.organization,
        trigger: request.trigger,
        holder: request.holder,
        fence: fence.unsigned_abs(),
        started_at: chrono::SubsecRound::trunc_subsecs(request.now, 6),
        state: RunState::Running,
        counts: Counts::default(),
        requests: 0,
    };
    sqlx::query(
        "INSERT INTO syncs (id, organization, fence, cause, holder, started_at, counts, requests) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(run.id.as_uuid())
    .bind(run.organization.as_uuid())
    .bind(fence)
    .bind(run.trigger.as_str())
    .bind(run.holder.as_uuid())
    .bind(micros(run.started_at))
    .bind(to_json(&CountsWire::from(&run.counts)))
    .execute(&mut *tx)
    .await
    .map_err(|error| match &error {
        // A run of that id has ended, or belongs to another organization.
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::Fenced { sync: run.id }
        }
        _ => store_error(STEP, error),
    })?;
    sqlx::query(
        "UPDATE organizations SET lease_sync = $2, lease_until = $3, requested_at = NULL WHERE id = $1",
    )
    .bind(run.organization.as_uuid())
    .bind(run.id.as_uuid())
    .bind(micros(request.lease_until))
    .execute(tx)
    .await
    .during(STEP)?;
    Ok(run)
}

/// What a run's end finds.
pub(super) enum Standing {
    /// The run is still this program's.
    Running,
    /// It ended the same way before, under this fence.
    EndedBefore,
}

/// How a program ends its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a plan.
    Applied,
    /// Without one.
    Ended,
}

impl Ending {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ended => "ended",
        }
    }
}

/// Whether `run` may still be ended in this way; [`StoreError::Fenced`] if it was taken over, or ended in the other way.
pub(super) async fn standing(
    tx: &mut DbConnection,
    run: &SyncRun,
    ending: Ending,
) -> Result<Standing, StoreError> {
    let row: Option<(i64, Option<String>, Option<String>)> =
        sqlx::query_as("SELECT fence, outcome, ending FROM syncs WHERE id = $1")
            .bind(run.id.as_uuid())
            .fetch_optional(tx)
            .await
            .during("looking whose sync it is")?;
    match row {
        Some((fence, None, _)) if fence == signed(run.fence) => Ok(Standing::Running),
        Some((fence, _, Some(ended))) if fence == signed(run.fence) && ended == ending.word() => {
            Ok(Standing::EndedBefore)
        }
        _ => Err(StoreError::Fenced { sync: run.id }),
    }
}
