//! The license pool inside a transaction: its generation, and what a plan changes.

use chrono::{DateTime, Utc};
use org_core::license::pool::{Held, SeatKey, SeatPlan};
use org_core::license::{LicenseState, Reason};
use org_core::ports::{Stale, StoreError};
use sqlx::QueryBuilder;

use crate::cells::{micros, signed};
use crate::dialect::{Db, DbConnection, rows_per_statement};
use crate::error::During;

const STEP: &str = "changing the license pool";

/// The generation of the pool.
pub(crate) async fn generation(tx: &mut DbConnection) -> Result<u64, StoreError> {
    let generation: i64 = sqlx::query_scalar("SELECT pool_generation FROM installation")
        .fetch_one(tx)
        .await
        .during("reading the generation of the license pool")?;
    Ok(generation.unsigned_abs())
}

/// Refuses a plan that was made on another generation.
pub(crate) async fn expect_generation(
    tx: &mut DbConnection,
    plan: &SeatPlan,
) -> Result<(), StoreError> {
    if generation(tx).await? == plan.generation {
        Ok(())
    } else {
        Err(StoreError::Stale { what: Stale::Pool })
    }
}

/// Counts one more change of the pool.
pub(crate) async fn grow_generation(tx: &mut DbConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE installation SET pool_generation = pool_generation + 1")
        .execute(tx)
        .await
        .during(STEP)?;
    Ok(())
}

/// Writes what a plan changes, and counts it. An empty plan writes nothing.
///
/// Each row must stand where the plan saw it: seats are counted by what is given up, so a seat that was given up before must not count
/// once more. If one does not, the plan was made on another pool.
pub(crate) async fn write(
    tx: &mut DbConnection,
    plan: &SeatPlan,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if plan.is_empty() {
        return Ok(());
    }
    for held in [Held::Seat, Held::Place] {
        let from = match held {
            Held::Seat => "= 'licensed'",
            Held::Place => "= 'waiting'",
        };
        let released = plan.release.iter().filter(|released| released.from == held);
        let released: Vec<_> = released
            .map(|released| (released.key, &released.reason))
            .collect();
        set(tx, &released, from, LicenseState::Unlicensed, now).await?;
    }
    let granted: Vec<_> = plan
        .grant
        .iter()
        .map(|seat| (seat.key, &seat.reason))
        .collect();
    set(tx, &granted, "<> 'licensed'", LicenseState::Licensed, now).await?;
    let queued: Vec<_> = plan
        .enqueue
        .iter()
        .map(|seat| (seat.key, &seat.reason))
        .collect();
    set(tx, &queued, "= 'unlicensed'", LicenseState::Waiting, now).await?;
    grow_generation(tx).await
}

async fn set(
    tx: &mut DbConnection,
    seats: &[(SeatKey, &Reason)],
    from: &'static str,
    to: LicenseState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = rows_per_statement(3);
    for chunk in seats.chunks(rows) {
        let mut update = QueryBuilder::<Db>::new("WITH seat (organization, id, reason) AS (");
        update.push_values(chunk, |mut row, (key, reason)| {
            row.push_bind(key.organization.as_uuid())
                .push_bind(signed(key.repository.get()))
                .push_bind(reason.to_string());
        });
        update.push(") UPDATE repositories SET license_state = ");
        update.push_bind(to.as_str());
        update.push(", license_reason = seat.reason, license_since = ");
        update.push_bind(micros(now));
        // The empty text keeps the planner from walking everything in that state for each chunk instead of looking up its rows by key.
        update.push(
            " FROM seat WHERE repositories.organization = seat.organization AND repositories.id = seat.id \
             AND repositories.license_state || '' ",
        );
        update.push(from);
        let changed = update
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during(STEP)?
            .rows_affected();
        if changed != chunk.len() as u64 {
            return Err(StoreError::Stale { what: Stale::Pool });
        }
    }
    Ok(())
}
