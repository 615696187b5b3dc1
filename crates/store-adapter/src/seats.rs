//! The license pool inside a transaction: its generation, and what a plan changes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use org_core::ids::{OrganizationId, RepositoryId};
use org_core::license::pool::{Held, SeatKey, SeatPlan};
use org_core::license::{LicenseState, Reason};
use org_core::ports::{Stale, StoreError};
use sqlx::QueryBuilder;

use crate::cells::{micros, signed};
use crate::dialect::{Db, DbConnection, REPOSITORIES_BY_KEY, rows_per_statement};
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

/// Few decisions bring many repositories to where they stand, so the rows of each are changed together, by their keys.
async fn set(
    tx: &mut DbConnection,
    seats: &[(SeatKey, &Reason)],
    from: &'static str,
    to: LicenseState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut decisions: HashMap<(OrganizationId, &Reason), Vec<RepositoryId>> = HashMap::new();
    for (key, reason) in seats {
        let decision = (key.organization, *reason);
        decisions.entry(decision).or_default().push(key.repository);
    }
    let rows = rows_per_statement(1);
    for ((organization, reason), repositories) in decisions {
        for chunk in repositories.chunks(rows) {
            let mut update = QueryBuilder::<Db>::new("UPDATE repositories");
            update.push(REPOSITORIES_BY_KEY);
            update.push(" SET license_state = ");
            update.push_bind(to.as_str());
            update.push(", license_reason = ");
            update.push_bind(reason.to_string());
            update.push(", license_since = ");
            update.push_bind(micros(now));
            update.push(" WHERE organization = ");
            update.push_bind(organization.as_uuid());
            update.push(" AND license_state ");
            update.push(from);
            update.push(" AND id IN (");
            let mut ids = update.separated(", ");
            for id in chunk {
                ids.push_bind(signed(id.get()));
            }
            update.push(")");
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
    }
    Ok(())
}
