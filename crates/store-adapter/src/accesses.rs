//! Who read which secret.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::ids::SecretId;
use org_core::ports::{ACCESS_KEPT, AccessStore, SecretAccess, StoreError, hour_of};
use org_core::secret::SecretRef;

use crate::cells::{Cells, micros};
use crate::dialect::DbRow;
use crate::error::During;
use crate::store::Store;

const TABLE: &str = "secret_accesses";
const KEY: &[&str] = &["secret", "hour"];

fn access(row: &DbRow) -> Result<SecretAccess, StoreError> {
    let cells = Cells::new(row, TABLE, KEY);
    Ok(SecretAccess {
        secret: SecretRef(SecretId::from_uuid(cells.get("secret")?)),
        by: cells.get("reader")?,
        first_at: cells.time("first_at")?,
        last_at: cells.time("last_at")?,
        count: cells.count("count")?,
    })
}

#[async_trait]
impl AccessStore for Store {
    async fn record(
        &self,
        secret: SecretRef,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const STEP: &str = "putting down who read a secret";
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM secret_accesses WHERE last_at < $1")
            .bind(micros(at - ACCESS_KEPT))
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        sqlx::query(
            "INSERT INTO secret_accesses (secret, hour, reader, first_at, last_at, count) VALUES ($1, $2, $3, $4, $4, 1) \
             ON CONFLICT (secret, hour, reader) DO UPDATE SET count = secret_accesses.count + 1, \
             first_at = CASE WHEN excluded.first_at < secret_accesses.first_at THEN excluded.first_at ELSE secret_accesses.first_at END, \
             last_at = CASE WHEN excluded.last_at > secret_accesses.last_at THEN excluded.last_at ELSE secret_accesses.last_at END",
        )
        .bind(secret.0.as_uuid())
        .bind(hour_of(at))
        .bind(by)
        .bind(micros(at))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn last_uses(&self) -> Result<BTreeMap<SecretRef, DateTime<Utc>>, StoreError> {
        let rows = sqlx::query(
            "SELECT secret, max(last_at) AS last_at FROM secret_accesses GROUP BY secret",
        )
        .fetch_all(self.reader())
        .await
        .during("reading when secrets were used last")?;
        rows.iter()
            .map(|row| {
                let cells = Cells::new(row, TABLE, &["secret"]);
                let secret = SecretRef(SecretId::from_uuid(cells.get("secret")?));
                Ok((secret, cells.time("last_at")?))
            })
            .collect()
    }

    async fn history(
        &self,
        secret: SecretRef,
        limit: u32,
    ) -> Result<Vec<SecretAccess>, StoreError> {
        let rows = sqlx::query(
            "SELECT secret, hour, reader, first_at, last_at, count FROM secret_accesses WHERE secret = $1 \
             ORDER BY last_at DESC, reader LIMIT $2",
        )
        .bind(secret.0.as_uuid())
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .during("reading who read a secret")?;
        rows.iter().map(access).collect()
    }
}
