//! Who renews which credential, and how far that came.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::ids::ProcessId;
use org_core::ports::{Renewal, RenewalClaim, RenewalState, RenewalStore, StoreError};
use org_core::secret::{SecretRef, SecretVersion};

use crate::cells::{Cells, micros, signed};
use crate::dialect::{DbConnection, DbRow};
use crate::error::During;
use crate::store::Store;

const STEP: &str = "putting down how far a renewal came";

fn state(cells: &Cells<'_>) -> Result<RenewalState, StoreError> {
    let version = |column| {
        let number = cells.get::<Option<u32>>(column)?;
        Ok::<_, StoreError>(number.map(SecretVersion))
    };
    Ok(RenewalState {
        spending: version("spending")?,
        dead: version("dead")?,
    })
}

async fn read(
    connection: &mut DbConnection,
    secret: SecretRef,
) -> Result<Option<DbRow>, StoreError> {
    sqlx::query("SELECT * FROM renewals WHERE secret = $1")
        .bind(secret.0.as_uuid())
        .fetch_optional(connection)
        .await
        .during("reading how far a renewal came")
}

const fn cells(row: &DbRow) -> Cells<'_> {
    Cells::new(row, "renewals", &["secret"])
}

impl Store {
    async fn write_renewal(
        &self,
        renewal: &Renewal,
        state: RenewalState,
        sql: &'static str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let written = sqlx::query(sql)
            .bind(renewal.secret.0.as_uuid())
            .bind(signed(renewal.fence))
            .bind(state.spending.map(|version| i64::from(version.0)))
            .bind(state.dead.map(|version| i64::from(version.0)))
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if written.rows_affected() == 0 {
            return Err(StoreError::RenewalFenced {
                secret: renewal.secret,
            });
        }
        tx.commit().await.during(STEP)
    }
}

#[async_trait]
impl RenewalStore for Store {
    async fn claim(
        &self,
        secret: SecretRef,
        holder: ProcessId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RenewalClaim, StoreError> {
        const STEP: &str = "claiming a renewal";
        let mut tx = self.begin_write().await?;
        let (fence, state) = match read(&mut tx, secret).await? {
            None => (1, RenewalState::default()),
            Some(row) => {
                let cells = cells(&row);
                let until = cells.optional_time("lease_until")?;
                if let Some(until) = until.filter(|until| *until > now) {
                    return Ok(RenewalClaim::Busy { until });
                }
                (cells.count("fence")? + 1, state(&cells)?)
            }
        };
        sqlx::query(
            "INSERT INTO renewals (secret, fence, holder, lease_until) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (secret) DO UPDATE SET fence = excluded.fence, holder = excluded.holder, \
             lease_until = excluded.lease_until",
        )
        .bind(secret.0.as_uuid())
        .bind(signed(fence))
        .bind(holder.as_uuid())
        .bind(micros(lease_until))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)?;
        Ok(RenewalClaim::Granted(Renewal {
            secret,
            fence,
            state,
        }))
    }

    async fn put_down(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        let sql = "UPDATE renewals SET spending = $3, dead = $4 WHERE secret = $1 AND fence = $2";
        self.write_renewal(renewal, state, sql).await
    }

    async fn release(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        let sql = "UPDATE renewals SET spending = $3, dead = $4, holder = NULL, lease_until = NULL \
                   WHERE secret = $1 AND fence = $2";
        self.write_renewal(renewal, state, sql).await
    }

    async fn state(&self, secret: SecretRef) -> Result<RenewalState, StoreError> {
        let mut tx = self.begin_read().await?;
        match read(&mut tx, secret).await? {
            None => Ok(RenewalState::default()),
            Some(row) => state(&cells(&row)),
        }
    }

    async fn forget(&self, secret: SecretRef) -> Result<(), StoreError> {
        const STEP: &str = "forgetting a renewal";
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM renewals WHERE secret = $1")
            .bind(secret.0.as_uuid())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        tx.commit().await.during(STEP)
    }
}
