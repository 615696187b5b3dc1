//! Syncs: claimed under a lease, applied in one transaction.

mod claim;
mod rows;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::event::Event;
use org_core::ids::{OrganizationId, RepositoryId, SyncId};
use org_core::license::pool::SeatPlan;
use org_core::organization::Organization;
use org_core::ports::{Applied, Claim, ClaimRequest, Page, RunEnd, Stale, StoreError, SyncStore};
use org_core::sync::run::HeldDecision;
use org_core::sync::{RunOutcome, SyncPlan, SyncRun};
use sqlx::QueryBuilder;

use self::claim::{Ending, Standing, standing};
use self::rows::{OutcomeColumns, sync_run};
use crate::cells::{Cells, micros, signed};
use crate::dialect::{Db, DbConnection, rows_per_statement};
use crate::error::{During, misuse};
use crate::store::Store;
use crate::wire::{CountsWire, to_json};
use crate::{cursor, events, inventory, organizations, seats};

/// One run.
async fn read(connection: &mut DbConnection, sync: SyncId) -> Result<Option<SyncRun>, StoreError> {
    let row = sqlx::query("SELECT * FROM syncs WHERE id = $1")
        .bind(sync.as_uuid())
        .fetch_optional(connection)
        .await
        .during("reading a sync")?;
    row.as_ref().map(sync_run).transpose()
}

/// Refuses a plan that was made on another generation of the inventory.
async fn expect_inventory(
    tx: &mut DbConnection,
    organization: OrganizationId,
    generation: u64,
) -> Result<(), StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT inventory_generation FROM organizations WHERE id = $1")
            .bind(organization.as_uuid())
            .fetch_optional(tx)
            .await
            .during("reading the generation of the inventory")?;
    if found == Some(signed(generation)) {
        Ok(())
    } else {
        Err(StoreError::Stale {
            what: Stale::Inventory,
        })
    }
}

/// Ends a run and its lease, and says whether another sync was asked for meanwhile.
async fn finish(
    tx: &mut DbConnection,
    end: &RunEnd<'_>,
    ending: Ending,
) -> Result<Applied, StoreError> {
    const STEP: &str = "ending a sync";
    let columns = OutcomeColumns::from(&end.outcome);
    sqlx::query(
        "UPDATE syncs SET ended_at = $2, outcome = $3, missing = $4, reason = $5, decision = $6, vanishing = $7, \
         known = $8, counts = $9, requests = $10, ending = $11 WHERE id = $1",
    )
    .bind(end.run.id.as_uuid())
    .bind(micros(end.at))
    .bind(end.outcome.as_str())
    .bind(columns.missing)
    .bind(columns.reason)
    .bind(columns.decision)
    .bind(columns.vanishing)
    .bind(columns.known)
    .bind(to_json(&CountsWire::from(&end.counts)))
    .bind(signed(end.requests))
    .bind(ending.word())
    .execute(&mut *tx)
    .await
    .during(STEP)?;
    if matches!(end.outcome, RunOutcome::Held { .. }) {
        hold(tx, end).await?;
    }
    sqlx::query(
        "UPDATE organizations SET lease_sync = NULL, lease_until = NULL WHERE id = $1 AND lease_sync = $2",
    )
    .bind(end.run.organization.as_uuid())
    .bind(end.run.id.as_uuid())
    .execute(&mut *tx)
    .await
    .during(STEP)?;
    organizations::replace(tx, end.organization).await?;
    applied(tx, end.run.organization).await
}

async fn applied(
    tx: &mut DbConnection,
    organization: OrganizationId,
) -> Result<Applied, StoreError> {
    let asked: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM organizations WHERE id = $1 AND requested_at IS NOT NULL",
    )
    .bind(organization.as_uuid())
    .fetch_one(tx)
    .await
    .during("looking whether another sync was asked for")?;
    Ok(Applied {
        follow_up: asked > 0,
    })
}

/// Keeps which repositories a held run would let vanish.
async fn hold(tx: &mut DbConnection, end: &RunEnd<'_>) -> Result<(), StoreError> {
    let rows = rows_per_statement(2);
    for chunk in end.vanishing.chunks(rows) {
        let mut insert =
            QueryBuilder::<Db>::new("INSERT INTO held_repositories (sync, repository) ");
        insert.push_values(chunk, |mut row, repository| {
            row.push_bind(end.run.id.as_uuid())
                .push_bind(signed(repository.get()));
        });
        insert
            .build()
            .persistent(chunk.len() == rows)
            .execute(&mut *tx)
            .await
            .during("keeping what a held sync would let vanish")?;
    }
    Ok(())
}

#[async_trait]
impl SyncStore for Store {
    async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let mut tx = self.begin_write().await?;
        let claim = claim::claim(&mut tx, request).await?;
        tx.commit().await.during("claiming a sync")?;
        Ok(claim)
    }

    async fn renew(&self, run: &SyncRun, lease_until: DateTime<Utc>) -> Result<(), StoreError> {
        const STEP: &str = "renewing a lease";
        let mut tx = self.begin_write().await?;
        let changed = sqlx::query(
            "UPDATE organizations SET lease_until = $4 WHERE id = $1 AND lease_sync = $2 \
             AND EXISTS (SELECT 1 FROM syncs WHERE id = $2 AND fence = $3 AND ended_at IS NULL)",
        )
        .bind(run.organization.as_uuid())
        .bind(run.id.as_uuid())
        .bind(signed(run.fence))
        .bind(micros(lease_until))
        .execute(&mut *tx)
        .await
        .during(STEP)?
        .rows_affected();
        if changed == 0 {
            return Err(StoreError::Fenced { sync: run.id });
        }
        tx.commit().await.during(STEP)
    }

    async fn apply(
        &self,
        plan: &SyncPlan,
        seats: &SeatPlan,
        end: &RunEnd<'_>,
    ) -> Result<Applied, StoreError> {
        let mut tx = self.begin_write().await?;
        if plan.sync != end.run.id || plan.organization != end.run.organization {
            return Err(misuse("applying a sync", "the plan is one of another run"));
        }
        match standing(&mut tx, end.run, Ending::Applied).await? {
            Standing::EndedBefore => return applied(&mut tx, end.run.organization).await,
            Standing::Running => {}
        }
        // Everything that may be stale is looked at before anything large is written.
        expect_inventory(&mut tx, end.run.organization, plan.generation).await?;
        if !seats.is_empty() {
            seats::expect_generation(&mut tx, seats).await?;
        }
        let follow_up = finish(&mut tx, end, Ending::Applied).await?;
        inventory::write::write(&mut tx, end.run.organization, plan).await?;
        seats::write(&mut tx, seats, end.at).await?;
        events::append(&mut tx, plan.events()).await?;
        events::append(&mut tx, seats.events(end.at)).await?;
        events::append(&mut tx, end.events.iter().cloned()).await?;
        tx.commit().await.during("applying a sync")?;
        Ok(follow_up)
    }

    async fn end(&self, end: &RunEnd<'_>) -> Result<Applied, StoreError> {
        let mut tx = self.begin_write().await?;
        match standing(&mut tx, end.run, Ending::Ended).await? {
            Standing::EndedBefore => return applied(&mut tx, end.run.organization).await,
            Standing::Running => {}
        }
        let follow_up = finish(&mut tx, end, Ending::Ended).await?;
        events::append(&mut tx, end.events.iter().cloned()).await?;
        tx.commit().await.during("ending a sync")?;
        Ok(follow_up)
    }

    async fn get(&self, sync: SyncId) -> Result<Option<SyncRun>, StoreError> {
        let mut tx = self.begin_read().await?;
        read(&mut tx, sync).await
    }

    async fn list(
        &self,
        organization: Option<OrganizationId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SyncRun>, StoreError> {
        const KIND: &str = "syncs";
        let after: Option<(i64, i64)> = cursor::read(KIND, after)?;
        let (started_at, fence) = after.unwrap_or((i64::MAX, i64::MAX));
        let mut query =
            QueryBuilder::<Db>::new("SELECT * FROM syncs WHERE (started_at, fence) < (");
        query.push_bind(started_at);
        query.push(", ");
        query.push_bind(fence);
        query.push(")");
        if let Some(organization) = organization {
            query.push(" AND organization = ");
            query.push_bind(organization.as_uuid());
        }
        query.push(" ORDER BY started_at DESC, fence DESC LIMIT ");
        query.push_bind(cursor::one_more(limit));
        let rows = query
            .build()
            .fetch_all(self.reader())
            .await
            .during("listing the syncs")?;
        let runs = rows.iter().map(sync_run).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(KIND, runs, limit, |run| {
            (micros(run.started_at), signed(run.fence))
        }))
    }

    async fn held(
        &self,
        organization: OrganizationId,
        decision: HeldDecision,
    ) -> Result<Option<(SyncRun, Vec<RepositoryId>)>, StoreError> {
        const STEP: &str = "looking for a held sync";
        let mut tx = self.begin_read().await?;
        let row = sqlx::query(
            "SELECT * FROM syncs WHERE organization = $1 AND decision = $2 ORDER BY fence DESC LIMIT 1",
        )
        .bind(organization.as_uuid())
        .bind(decision.as_str())
        .fetch_optional(&mut *tx)
        .await
        .during(STEP)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let run = sync_run(&row)?;
        let rows = sqlx::query(
            "SELECT repository FROM held_repositories WHERE sync = $1 ORDER BY repository",
        )
        .bind(run.id.as_uuid())
        .fetch_all(&mut *tx)
        .await
        .during(STEP)?;
        let vanishing = rows
            .iter()
            .map(|row| Cells::new(row, "held_repositories", &["repository"]).host_id("repository"))
            .collect::<Result<_, _>>()?;
        Ok(Some((run, vanishing)))
    }

    async fn decide(
        &self,
        sync: SyncId,
        decision: HeldDecision,
        organization: &Organization,
        events: &[Event],
    ) -> Result<(), StoreError> {
        const STEP: &str = "deciding a held sync";
        let mut tx = self.begin_write().await?;
        let decided = sqlx::query("UPDATE syncs SET decision = $3 WHERE id = $1 AND decision = $2")
            .bind(sync.as_uuid())
            .bind(HeldDecision::Open.as_str())
            .bind(decision.as_str())
            .execute(&mut *tx)
            .await
            .during(STEP)?
            .rows_affected();
        if decided == 0 {
            return Err(StoreError::NotFound {
                what: format!("held sync {sync} that waits for a decision"),
            });
        }
        organizations::replace(&mut tx, organization).await?;
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }
}
