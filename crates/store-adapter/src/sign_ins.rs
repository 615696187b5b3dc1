//! Sign-ins that wait for their answer.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::ids::SecretId;
use org_core::oauth::{Initiator, Purpose, SignIn, StateHash};
use org_core::ports::{SignInStore, StoreError};
use org_core::secret::SecretRef;

use crate::cells::{Cells, micros};
use crate::dialect::DbRow;
use crate::error::During;
use crate::store::Store;
use crate::wire::{PurposeWire, to_json};

fn sign_in(row: &DbRow) -> Result<SignIn, StoreError> {
    let cells = Cells::new(row, "sign_ins", &["state"]);
    Ok(SignIn {
        state: StateHash::from_bytes(cells.bytes("state")?),
        initiator: Initiator::from_bytes(cells.bytes("initiator")?),
        purpose: Purpose::try_from(cells.json::<PurposeWire>("purpose")?)
            .map_err(|error| cells.unreadable("purpose", error))?,
        host: cells.parse("host")?,
        redirect: cells.parse("redirect")?,
        access: cells.parse("access")?,
        verifier: SecretRef(SecretId::from_uuid(cells.get("verifier")?)),
        expires_at: cells.time("expires_at")?,
    })
}

#[async_trait]
impl SignInStore for Store {
    async fn put(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        const STEP: &str = "keeping a sign-in";
        let mut tx = self.begin_write().await?;
        sqlx::query(
            "INSERT INTO sign_ins (state, initiator, purpose, host, redirect, access, verifier, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(sign_in.state.as_bytes().to_vec())
        .bind(sign_in.initiator.as_bytes().to_vec())
        .bind(to_json(&PurposeWire::from(&sign_in.purpose)))
        .bind(sign_in.host.to_string())
        .bind(sign_in.redirect.as_str().to_owned())
        .bind(sign_in.access.as_str())
        .bind(sign_in.verifier.0.as_uuid())
        .bind(micros(sign_in.expires_at))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn take(&self, state: &StateHash) -> Result<Option<SignIn>, StoreError> {
        const STEP: &str = "taking a sign-in";
        let mut tx = self.begin_write().await?;
        let row = sqlx::query("DELETE FROM sign_ins WHERE state = $1 RETURNING *")
            .bind(state.as_bytes().to_vec())
            .fetch_optional(&mut *tx)
            .await
            .during(STEP)?;
        // An unreadable row is gone too: nobody could answer it.
        tx.commit().await.during(STEP)?;
        row.as_ref().map(sign_in).transpose()
    }

    async fn take_expired(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<SignIn>, StoreError> {
        const STEP: &str = "taking the sign-ins whose time is over";
        let mut tx = self.begin_write().await?;
        let rows = sqlx::query(
            "DELETE FROM sign_ins WHERE state IN \
             (SELECT state FROM sign_ins WHERE expires_at <= $1 ORDER BY expires_at, state LIMIT $2) RETURNING *",
        )
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)?;
        let mut taken = rows.iter().map(sign_in).collect::<Result<Vec<_>, _>>()?;
        taken.sort_by_key(|sign_in| sign_in.expires_at);
        Ok(taken)
    }
}
