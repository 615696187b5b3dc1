//! Connection attempts.

use async_trait::async_trait;
use chrono::SubsecRound;
use org_core::attempt::{AttemptState, ConnectionAttempt};
use org_core::event::Event;
use org_core::ids::{AttemptId, SecretId};
use org_core::ports::{AttemptStore, StoreError};
use org_core::secret::SecretRef;
use org_core::text::Login;
use uuid::Uuid;

use crate::cells::{Cells, micros};
use crate::dialect::{DbConnection, DbRow};
use crate::error::During;
use crate::events;
use crate::store::Store;
use crate::wire::{SettingsWire, to_json};

/// Adds an attempt, or replaces the one of its id.
pub(crate) async fn save(
    tx: &mut DbConnection,
    attempt: &ConnectionAttempt,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempts (id, name, service, host, login, secret, settings, state, created_at, expires_at, \
         position)          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
         (SELECT coalesce(max(position), 0) + 1 FROM attempts)) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, service = excluded.service, host = excluded.host, \
         login = excluded.login, secret = excluded.secret, settings = excluded.settings, state = excluded.state, \
         created_at = excluded.created_at, expires_at = excluded.expires_at",
    )
    .bind(attempt.id.as_uuid())
    .bind(attempt.name.as_str())
    .bind(attempt.service.to_string())
    .bind(attempt.host.to_string())
    .bind(attempt.login.as_ref().map(Login::as_str))
    .bind(attempt.secret.map(|secret| secret.0.as_uuid()))
    .bind(to_json(&SettingsWire::from(&attempt.settings)))
    .bind(to_the_microsecond(attempt.state.clone()).to_string())
    .bind(micros(attempt.created_at))
    .bind(micros(attempt.expires_at))
    .execute(tx)
    .await
    .during("saving a connection attempt")?;
    Ok(())
}

fn to_the_microsecond(mut state: AttemptState) -> AttemptState {
    match &mut state {
        AttemptState::Open => {}
        AttemptState::Failed { at, .. } | AttemptState::Succeeded { at, .. } => {
            *at = at.trunc_subsecs(6);
        }
    }
    state
}

fn attempt(row: &DbRow) -> Result<ConnectionAttempt, StoreError> {
    let cells = Cells::new(row, "attempts", &["id"]);
    let secret = cells.get::<Option<Uuid>>("secret")?;
    Ok(ConnectionAttempt {
        id: AttemptId::from_uuid(cells.get("id")?),
        name: cells.parse("name")?,
        service: cells.parse("service")?,
        host: cells.parse("host")?,
        login: cells.optional("login")?,
        secret: secret.map(|id| SecretRef(SecretId::from_uuid(id))),
        settings: cells
            .json::<SettingsWire>("settings")?
            .try_into()
            .map_err(|error| cells.unreadable("settings", error))?,
        state: cells.parse("state")?,
        created_at: cells.time("created_at")?,
        expires_at: cells.time("expires_at")?,
    })
}

#[async_trait]
impl AttemptStore for Store {
    async fn save(&self, attempt: &ConnectionAttempt, events: &[Event]) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        save(&mut tx, attempt).await?;
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during("saving a connection attempt")
    }

    async fn get(&self, id: AttemptId) -> Result<Option<ConnectionAttempt>, StoreError> {
        let row = sqlx::query("SELECT * FROM attempts WHERE id = $1")
            .bind(id.as_uuid())
            .fetch_optional(self.reader())
            .await
            .during("reading a connection attempt")?;
        row.as_ref().map(attempt).transpose()
    }

    async fn list(&self, limit: u32) -> Result<Vec<ConnectionAttempt>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM attempts ORDER BY created_at DESC, position DESC LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(self.reader())
                .await
                .during("listing connection attempts")?;
        rows.iter().map(attempt).collect()
    }
}
