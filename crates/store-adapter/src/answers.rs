//! Kept answers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::ports::{AnswerStore, Begun, KeptAnswer, KeyedRequest, StoreError};

use crate::cells::{Cells, micros};
use crate::error::During;
use crate::store::Store;
use crate::wire::to_json;

#[async_trait]
impl AnswerStore for Store {
    async fn begin(
        &self,
        request: &KeyedRequest,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Begun, StoreError> {
        const STEP: &str = "looking up a request under its key";
        let mut tx = self.begin_write().await?;
        let row = sqlx::query(
            "SELECT fingerprint, status, headers, body FROM answered_requests \
             WHERE owner = $1 AND request_key = $2 AND expires_at > $3",
        )
        .bind(request.owner.as_uuid())
        .bind(request.key.as_str())
        .bind(micros(now))
        .fetch_optional(&mut *tx)
        .await
        .during(STEP)?;
        if let Some(row) = row {
            let cells = Cells::new(&row, "answered_requests", &[]);
            let fingerprint: &[u8] = cells.get("fingerprint")?;
            if fingerprint != request.fingerprint.as_bytes() {
                return Ok(Begun::AnotherRequest);
            }
            let Some(status) = cells.get::<Option<i64>>("status")? else {
                return Ok(Begun::UnderWay);
            };
            return Ok(Begun::Answered(KeptAnswer {
                status: u16::try_from(status).map_err(|error| cells.unreadable("status", error))?,
                headers: cells.json("headers")?,
                body: cells.get("body")?,
            }));
        }
        sqlx::query(
            "INSERT INTO answered_requests (owner, request_key, fingerprint, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (owner, request_key) DO UPDATE SET fingerprint = excluded.fingerprint, \
             expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL",
        )
        .bind(request.owner.as_uuid())
        .bind(request.key.as_str())
        .bind(request.fingerprint.as_bytes().to_vec())
        .bind(micros(until))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        sqlx::query(
            "DELETE FROM answered_requests WHERE owner = $1 AND request_key IN \
             (SELECT request_key FROM answered_requests WHERE owner = $1 AND status IS NOT NULL \
             ORDER BY expires_at DESC LIMIT $2 OFFSET $3)",
        )
        .bind(request.owner.as_uuid())
        .bind(i64::MAX)
        .bind(i64::from(limit.saturating_sub(1)))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)?;
        Ok(Begun::New)
    }

    async fn answer(
        &self,
        request: &KeyedRequest,
        answer: &KeptAnswer,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const STEP: &str = "keeping an answer";
        let mut tx = self.begin_write().await?;
        sqlx::query(
            "UPDATE answered_requests SET status = $1, headers = $2, body = $3, expires_at = $4 \
             WHERE owner = $5 AND request_key = $6",
        )
        .bind(i64::from(answer.status))
        .bind(to_json(&answer.headers))
        .bind(answer.body.as_slice())
        .bind(micros(until))
        .bind(request.owner.as_uuid())
        .bind(request.key.as_str())
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn give_up(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        const STEP: &str = "giving a request up";
        let mut tx = self.begin_write().await?;
        sqlx::query(
            "DELETE FROM answered_requests WHERE owner = $1 AND request_key = $2 AND status IS NULL",
        )
        .bind(request.owner.as_uuid())
        .bind(request.key.as_str())
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn forget_answers(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        const STEP: &str = "forgetting answers";
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM answered_requests WHERE expires_at <= $1")
            .bind(micros(now))
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        tx.commit().await.during(STEP)
    }
}
