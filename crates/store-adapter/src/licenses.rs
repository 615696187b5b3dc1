//! The license pool and the policy.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::event::Event;
use org_core::ids::OrganizationId;
use org_core::license::policy::LicensePolicy;
use org_core::license::pool::{PoolSnapshot, SeatKey, SeatPlan, SeatRequest, Seats};
use org_core::license::{LicenseRecord, LicenseState};
use org_core::ports::{LicenseStore, Page, PoolSummary, SeatHolder, Stale, StoreError};
use sqlx::{Executor, QueryBuilder};

use crate::cells::{Cells, micros, signed};
use crate::dialect::{Db, DbRow, Tx};
use crate::error::{During, misuse};
use crate::inventory::{ROWS_OF_PAGE, license};
use crate::remembered::Generations;
use crate::store::Store;
use crate::{cursor, events, seats};

const STEP: &str = "changing the license pool";

fn seat_key(cells: &Cells<'_>) -> Result<SeatKey, StoreError> {
    Ok(SeatKey {
        organization: OrganizationId::from_uuid(cells.get("organization")?),
        repository: cells.host_id("id")?,
    })
}

fn holder(row: &DbRow) -> Result<SeatHolder, StoreError> {
    let cells = Cells::new(row, "repositories", &["organization", "id"]);
    Ok(SeatHolder {
        key: seat_key(&cells)?,
        organization_name: cells.parse("organization_name")?,
        full_path: cells.get("full_path")?,
        created_at: cells.time("created_at")?,
        license: license(&cells)?,
    })
}

async fn write(
    mut tx: Tx,
    plan: &SeatPlan,
    now: DateTime<Utc>,
    events: &[Event],
) -> Result<(), StoreError> {
    seats::write(&mut tx, plan, now).await?;
    events::append(&mut tx, plan.events(now)).await?;
    events::append(&mut tx, events.iter().cloned()).await?;
    tx.commit().await.during(STEP)
}

#[async_trait]
impl LicenseStore for Store {
    async fn pool(&self) -> Result<PoolSnapshot, StoreError> {
        const STEP: &str = "reading the license pool";
        let mut tx = self.begin_read().await?;
        let generation = seats::generation(&mut tx).await?;
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM repositories WHERE license_state = 'licensed'",
        )
        .fetch_one(&mut *tx)
        .await
        .during(STEP)?;
        let rows = sqlx::query(
            "SELECT organization, id, created_at, license_reason FROM repositories WHERE license_state = 'waiting' \
             ORDER BY created_at, id, organization",
        )
        .fetch_all(&mut *tx)
        .await
        .during(STEP)?;
        let waiting = rows
            .iter()
            .map(|row| {
                let cells = Cells::new(row, "repositories", &["organization", "id"]);
                Ok(SeatRequest {
                    key: seat_key(&cells)?,
                    created_at: cells.time("created_at")?,
                    reason: cells.parse("license_reason")?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(PoolSnapshot {
            generation,
            held: held.unsigned_abs(),
            waiting,
        })
    }

    async fn summary(&self) -> Result<PoolSummary, StoreError> {
        const STEP: &str = "reading the license pool";
        let mut tx = self.begin_read().await?;
        // The names are a part of the answer, so the roster is one of the generations.
        let now: Generations =
            sqlx::query_as("SELECT pool_generation, roster_generation FROM installation")
                .fetch_one(&mut *tx)
                .await
                .during(STEP)?;
        if let Some(summary) = self.remembered().summary(now) {
            return Ok(summary);
        }
        let rows = sqlx::query(
            "SELECT o.id, o.name, pool.held, pool.waiting FROM (SELECT organization, \
             count(*) FILTER (WHERE license_state = 'licensed') AS held, \
             count(*) FILTER (WHERE license_state = 'waiting') AS waiting \
             FROM repositories WHERE license_state IN ('licensed', 'waiting') GROUP BY organization) AS pool \
             JOIN organizations AS o ON o.id = pool.organization",
        )
        .fetch_all(&mut *tx)
        .await
        .during(STEP)?;
        let mut summary = PoolSummary {
            held: 0,
            waiting: 0,
            organizations: Vec::with_capacity(rows.len()),
        };
        for row in &rows {
            let cells = Cells::new(row, "organizations", &["id"]);
            let (held, waiting) = (cells.count("held")?, cells.count("waiting")?);
            summary.held += held;
            summary.waiting += waiting;
            summary
                .organizations
                .push((cells.parse("name")?, held, waiting));
        }
        summary
            .organizations
            .sort_by_cached_key(|(name, ..)| (name.key(), name.clone()));
        self.remembered().keep_summary(now, summary.clone());
        Ok(summary)
    }

    async fn holders(
        &self,
        state: LicenseState,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SeatHolder>, StoreError> {
        const KIND: &str = "holders";
        if state == LicenseState::Unlicensed {
            return Err(misuse(
                "listing the license pool",
                "an unlicensed repository has neither a seat nor a place in the queue",
            ));
        }
        let after: Option<(i64, i64, String)> = cursor::read(KIND, after)?;
        let mut query =
            QueryBuilder::<Db>::new("WITH page AS (SELECT organization, id FROM repositories");
        query.push(" WHERE license_state = ");
        query.push_bind(state.as_str());
        if let Some((created_at, id, organization)) = after {
            query.push(" AND (created_at, id, organization) > (");
            query.push_bind(created_at);
            query.push(", ");
            query.push_bind(id);
            query.push(", ");
            query.push_bind(cursor::uuid(KIND, &organization)?);
            query.push(")");
        }
        query.push(" ORDER BY created_at, id, organization LIMIT ");
        query.push_bind(cursor::one_more(limit));
        query.push(") ");
        query.push(ROWS_OF_PAGE);
        query.push(" ORDER BY r.created_at, r.id, r.organization");
        let rows = query
            .build()
            .fetch_all(self.reader())
            .await
            .during("listing the license pool")?;
        let rows = rows.iter().map(holder).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(KIND, rows, limit, |holder| {
            (
                micros(holder.created_at),
                signed(holder.key.repository.get()),
                holder.key.organization.to_string(),
            )
        }))
    }

    async fn apply(
        &self,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        seats::expect_generation(&mut tx, plan).await?;
        write(tx, plan, now, events).await
    }

    async fn note(
        &self,
        key: SeatKey,
        license: &LicenseRecord,
        events: &[Event],
    ) -> Result<(), StoreError> {
        const STEP: &str = "noting the reason of a license";
        if license.state != LicenseState::Unlicensed {
            return Err(misuse(
                STEP,
                format!("it cannot make a repository {}", license.state),
            ));
        }
        let mut tx = self.begin_write().await?;
        let changed = sqlx::query(
            "UPDATE repositories SET license_reason = $3, license_since = $4 \
             WHERE organization = $1 AND id = $2 AND license_state = 'unlicensed'",
        )
        .bind(key.organization.as_uuid())
        .bind(signed(key.repository.get()))
        .bind(license.reason.to_string())
        .bind(micros(license.since))
        .execute(&mut *tx)
        .await
        .during(STEP)?
        .rows_affected();
        if changed == 0 {
            let known: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM repositories WHERE organization = $1 AND id = $2",
            )
            .bind(key.organization.as_uuid())
            .bind(signed(key.repository.get()))
            .fetch_one(&mut *tx)
            .await
            .during(STEP)?;
            return Err(if known == 0 {
                StoreError::NotFound {
                    what: format!(
                        "repository {} of organization {}",
                        key.repository, key.organization
                    ),
                }
            } else {
                // Somebody gave it a seat, or a place in the queue.
                StoreError::Stale { what: Stale::Pool }
            });
        }
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }

    async fn configured_seats(&self) -> Result<Seats, StoreError> {
        let row = sqlx::query("SELECT id, seats FROM installation")
            .fetch_one(self.reader())
            .await
            .during("reading the number of seats")?;
        Cells::new(&row, "installation", &["id"]).parse("seats")
    }

    async fn configure_seats(
        &self,
        seats: Seats,
        plan: &SeatPlan,
        now: DateTime<Utc>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        seats::expect_generation(&mut tx, plan).await?;
        sqlx::query("UPDATE installation SET seats = $1")
            .bind(seats.to_string())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if plan.is_empty() {
            seats::grow_generation(&mut tx).await?;
        }
        write(tx, plan, now, events).await
    }

    async fn policy(&self) -> Result<LicensePolicy, StoreError> {
        policy_in(self.reader()).await
    }

    async fn set_policy(
        &self,
        before: &LicensePolicy,
        policy: &LicensePolicy,
        events: &[Event],
    ) -> Result<(), StoreError> {
        const STEP: &str = "setting the license policy";
        let mut tx = self.begin_write().await?;
        if policy_in(&mut *tx).await? != *before {
            return Err(StoreError::Stale {
                what: Stale::Policy,
            });
        }
        sqlx::query("UPDATE installation SET policy = $1")
            .bind(policy.to_string())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }
}

async fn policy_in(
    executor: impl Executor<'_, Database = Db>,
) -> Result<LicensePolicy, StoreError> {
    let row = sqlx::query("SELECT id, policy FROM installation")
        .fetch_one(executor)
        .await
        .during("reading the license policy")?;
    let cells = Cells::new(&row, "installation", &["id"]);
    match cells.get::<Option<&str>>("policy")? {
        None => Ok(LicensePolicy::default()),
        Some(_) => cells.parse("policy"),
    }
}
