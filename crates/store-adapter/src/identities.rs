//! Who is who at an identity provider, and sign-ins there that wait for their answer.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::accounts::{Arrival, ExternalId, SecretDigest};
use org_core::ids::UserId;
use org_core::ports::{AccountChange, IdentityStore, StoreError};

use crate::accounts::put_account;
use crate::cells::{Cells, micros};
use crate::dialect::DbRow;
use crate::error::During;
use crate::store::Store;

fn arrival(row: &DbRow) -> Result<Arrival, StoreError> {
    let cells = Cells::new(row, "arrivals", &["state"]);
    Ok(Arrival {
        state: SecretDigest::from_bytes(cells.bytes("state")?),
        browser: SecretDigest::from_bytes(cells.bytes("browser")?),
        redirect: cells.parse("redirect")?,
        next: cells.get("wanted")?,
        expires_at: cells.time("expires_at")?,
    })
}

#[async_trait]
impl IdentityStore for Store {
    async fn put_arrival(
        &self,
        arrival: &Arrival,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(), StoreError> {
        const STEP: &str = "keeping a sign-in at the identity provider";
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM arrivals WHERE expires_at <= $1 AND state <> $2")
            .bind(micros(now))
            .bind(arrival.state.as_bytes().to_vec())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        sqlx::query(
            "INSERT INTO arrivals (state, browser, redirect, wanted, expires_at, position) \
             VALUES ($1, $2, $3, $4, $5, (SELECT COALESCE(max(position), 0) + 1 FROM arrivals))",
        )
        .bind(arrival.state.as_bytes().to_vec())
        .bind(arrival.browser.as_bytes().to_vec())
        .bind(arrival.redirect.as_str().to_owned())
        .bind(arrival.next.as_str())
        .bind(micros(arrival.expires_at))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        // The position of the newest one that is one too many; with it go all before it.
        sqlx::query(
            "DELETE FROM arrivals WHERE position <= \
             (SELECT position FROM arrivals ORDER BY position DESC LIMIT 1 OFFSET $1)",
        )
        .bind(i64::from(limit))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn take_arrival(&self, state: SecretDigest) -> Result<Option<Arrival>, StoreError> {
        const STEP: &str = "taking a sign-in at the identity provider";
        let mut tx = self.begin_write().await?;
        let row = sqlx::query("DELETE FROM arrivals WHERE state = $1 RETURNING *")
            .bind(state.as_bytes().to_vec())
            .fetch_optional(&mut *tx)
            .await
            .during(STEP)?;
        // An unreadable row is gone too: nobody could answer it.
        tx.commit().await.during(STEP)?;
        row.as_ref().map(arrival).transpose()
    }

    async fn account_of(&self, id: &ExternalId) -> Result<Option<UserId>, StoreError> {
        let row = sqlx::query("SELECT * FROM identities WHERE issuer = $1 AND subject = $2")
            .bind(id.issuer.as_str())
            .bind(id.subject.as_str())
            .fetch_optional(self.reader())
            .await
            .during("finding the account of a person at the identity provider")?;
        row.map(|row| {
            let cells = Cells::new(&row, "identities", &["subject"]);
            Ok(UserId::from_uuid(cells.get("owner")?))
        })
        .transpose()
    }

    async fn link_account(
        &self,
        change: &AccountChange<'_>,
        id: &ExternalId,
    ) -> Result<u64, StoreError> {
        const STEP: &str = "linking an account";
        let mut tx = self.begin_write().await?;
        let generation = put_account(&mut tx, change).await?;
        sqlx::query(
            "INSERT INTO identities (issuer, subject, owner) VALUES ($1, $2, $3) \
             ON CONFLICT (issuer, subject) DO UPDATE SET owner = excluded.owner",
        )
        .bind(id.issuer.as_str())
        .bind(id.subject.as_str())
        .bind(change.user.id.as_uuid())
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        tx.commit().await.during(STEP)?;
        Ok(generation)
    }
}
