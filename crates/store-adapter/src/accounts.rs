//! Accounts, sessions and API tokens.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::accounts::{ApiToken, PasswordHash, SecretDigest, Session, User, UserName};
use org_core::event::Event;
use org_core::ids::{ApiTokenId, UserId};
use org_core::ports::{
    AccountChange, AccountStore, Accounts, EndedSessions, EventStore, Stale, StoreError,
};

use crate::cells::{Cells, micros, signed};
use crate::dialect::{DbConnection, DbRow};
use crate::error::During;
use crate::events;
use crate::store::Store;

const SESSION_COLUMNS: &str = "s.digest AS session_digest, s.owner AS session_owner, s.created_at AS session_created_at, \
     s.last_used_at AS session_last_used_at, s.expires_at AS session_expires_at, s.address AS session_address, s.agent AS session_agent";

const TOKEN_COLUMNS: &str = "t.id AS token_id, t.owner AS token_owner, t.name AS token_name, t.scope AS token_scope, \
     t.digest AS token_digest, t.created_at AS token_created_at, t.expires_at AS token_expires_at, \
     t.last_used_at AS token_last_used_at";

fn user(row: &DbRow) -> Result<User, StoreError> {
    let cells = Cells::new(row, "users", &["id"]);
    Ok(User {
        id: UserId::from_uuid(cells.get("id")?),
        name: cells.parse("name")?,
        role: cells.parse("role")?,
        password: PasswordHash::new(cells.get("password")?),
        created_at: cells.time("created_at")?,
        disabled_since: cells.optional_time("disabled_since")?,
        last_sign_in: cells.optional_time("last_sign_in")?,
    })
}

fn digest(cells: &Cells<'_>, column: &'static str) -> Result<SecretDigest, StoreError> {
    let bytes: &[u8] = cells.get(column)?;
    let bytes = bytes
        .try_into()
        .map_err(|error| cells.unreadable(column, error))?;
    Ok(SecretDigest::from_bytes(bytes))
}

fn session(row: &DbRow) -> Result<Session, StoreError> {
    let cells = Cells::new(row, "sessions", &["session_owner"]);
    Ok(Session {
        digest: digest(&cells, "session_digest")?,
        user: UserId::from_uuid(cells.get("session_owner")?),
        created_at: cells.time("session_created_at")?,
        last_used_at: cells.time("session_last_used_at")?,
        expires_at: cells.time("session_expires_at")?,
        address: cells.get("session_address")?,
        agent: cells.get("session_agent")?,
    })
}

fn token(row: &DbRow) -> Result<ApiToken, StoreError> {
    let cells = Cells::new(row, "api_tokens", &["token_id"]);
    Ok(ApiToken {
        id: ApiTokenId::from_uuid(cells.get("token_id")?),
        user: UserId::from_uuid(cells.get("token_owner")?),
        name: cells.parse("token_name")?,
        scope: cells.parse("token_scope")?,
        digest: digest(&cells, "token_digest")?,
        created_at: cells.time("token_created_at")?,
        expires_at: cells.optional_time("token_expires_at")?,
        last_used_at: cells.optional_time("token_last_used_at")?,
    })
}

fn no_user(id: UserId) -> StoreError {
    StoreError::NotFound {
        what: format!("user {id}"),
    }
}

/// Goes on only if the accounts are of that generation; the next one is written.
async fn advance(tx: &mut DbConnection, generation: u64) -> Result<u64, StoreError> {
    let next = generation + 1;
    let done = sqlx::query(
        "UPDATE installation SET accounts_generation = $1 WHERE id = 1 AND accounts_generation = $2",
    )
    .bind(signed(next))
    .bind(signed(generation))
    .execute(tx)
    .await
    .during("counting the changes of accounts")?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Stale {
            what: Stale::Accounts,
        });
    }
    Ok(next)
}

async fn end_sessions(
    tx: &mut DbConnection,
    owner: UserId,
    ended: EndedSessions,
) -> Result<(), StoreError> {
    let kept = match ended {
        EndedSessions::None => return Ok(()),
        EndedSessions::All => Vec::new(),
        EndedSessions::AllBut(kept) => kept.as_bytes().to_vec(),
    };
    sqlx::query("DELETE FROM sessions WHERE owner = $1 AND digest <> $2")
        .bind(owner.as_uuid())
        .bind(kept)
        .execute(tx)
        .await
        .during("ending sessions")?;
    Ok(())
}

/// Adds or changes an account with its events; answers the new generation.
pub(crate) async fn put_account(
    tx: &mut DbConnection,
    change: &AccountChange<'_>,
) -> Result<u64, StoreError> {
    const STEP: &str = "changing an account";
    let user = change.user;
    let generation = advance(tx, change.generation).await?;
    let taken = sqlx::query("SELECT id FROM users WHERE name = $1 AND id <> $2")
        .bind(user.name.as_str())
        .bind(user.id.as_uuid())
        .fetch_optional(&mut *tx)
        .await
        .during(STEP)?;
    if taken.is_some() {
        return Err(StoreError::UserExists {
            name: user.name.clone(),
        });
    }
    sqlx::query(
        "INSERT INTO users (id, name, role, password, created_at, disabled_since, last_sign_in) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, password = excluded.password, \
         disabled_since = excluded.disabled_since",
    )
    .bind(user.id.as_uuid())
    .bind(user.name.as_str())
    .bind(user.role.as_str())
    .bind(user.password.as_str())
    .bind(micros(user.created_at))
    .bind(user.disabled_since.map(micros))
    .bind(user.last_sign_in.map(micros))
    .execute(&mut *tx)
    .await
    .during(STEP)?;
    end_sessions(tx, user.id, change.sessions).await?;
    events::append(tx, change.events.iter().cloned()).await?;
    Ok(generation)
}

#[async_trait]
impl AccountStore for Store {
    async fn accounts(&self) -> Result<Accounts, StoreError> {
        const STEP: &str = "reading the accounts";
        let mut tx = self.begin_read().await?;
        let row = sqlx::query("SELECT accounts_generation FROM installation WHERE id = 1")
            .fetch_one(&mut *tx)
            .await
            .during(STEP)?;
        let generation = Cells::new(&row, "installation", &[]).count("accounts_generation")?;
        let rows = sqlx::query("SELECT * FROM users ORDER BY name")
            .fetch_all(&mut *tx)
            .await
            .during(STEP)?;
        Ok(Accounts {
            generation,
            users: rows.iter().map(user).collect::<Result<_, _>>()?,
        })
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE id = $1")
            .bind(id.as_uuid())
            .fetch_optional(self.reader())
            .await
            .during("reading an account")?;
        row.as_ref().map(user).transpose()
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(self.reader())
            .await
            .during("finding an account")?;
        row.as_ref().map(user).transpose()
    }

    async fn change_account(&self, change: &AccountChange<'_>) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let generation = put_account(&mut tx, change).await?;
        tx.commit().await.during("changing an account")?;
        Ok(generation)
    }

    async fn remove_account(
        &self,
        id: UserId,
        generation: u64,
        events: &[Event],
    ) -> Result<(), StoreError> {
        const STEP: &str = "removing an account";
        let mut tx = self.begin_write().await?;
        advance(&mut tx, generation).await?;
        let done = sqlx::query("DELETE FROM users WHERE id = $1")
            .bind(id.as_uuid())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if done.rows_affected() == 0 {
            return Err(no_user(id));
        }
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }

    async fn note(&self, events: &[Event]) -> Result<(), StoreError> {
        EventStore::append(self, events).await
    }

    async fn begin_session(
        &self,
        session: &Session,
        events: &[Event],
        limit: u32,
    ) -> Result<(), StoreError> {
        const STEP: &str = "beginning a session";
        let mut tx = self.begin_write().await?;
        let done = sqlx::query("UPDATE users SET last_sign_in = $1 WHERE id = $2")
            .bind(micros(session.created_at))
            .bind(session.user.as_uuid())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if done.rows_affected() == 0 {
            return Err(no_user(session.user));
        }
        sqlx::query(
            "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE owner = $1 \
             ORDER BY last_used_at DESC, created_at DESC LIMIT $2 OFFSET $3)",
        )
        .bind(session.user.as_uuid())
        .bind(i64::MAX)
        .bind(i64::from(limit.saturating_sub(1)))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        sqlx::query(
            "INSERT INTO sessions (digest, owner, created_at, last_used_at, expires_at, address, agent) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(session.digest.as_bytes().to_vec())
        .bind(session.user.as_uuid())
        .bind(micros(session.created_at))
        .bind(micros(session.last_used_at))
        .bind(micros(session.expires_at))
        .bind(session.address.as_str())
        .bind(session.agent.as_str())
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }

    async fn session(&self, digest: SecretDigest) -> Result<Option<(Session, User)>, StoreError> {
        let mut query = sqlx::QueryBuilder::new("SELECT u.*, ");
        query.push(SESSION_COLUMNS);
        query.push(" FROM sessions s JOIN users u ON u.id = s.owner WHERE s.digest = ");
        query.push_bind(digest.as_bytes().to_vec());
        let row = query
            .build()
            .fetch_optional(self.reader())
            .await
            .during("reading a session")?;
        row.map(|row| Ok((session(&row)?, user(&row)?))).transpose()
    }

    async fn sessions(&self, owner: UserId) -> Result<Vec<Session>, StoreError> {
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query.push(SESSION_COLUMNS);
        query.push(" FROM sessions s WHERE s.owner = ");
        query.push_bind(owner.as_uuid());
        query.push(" ORDER BY s.created_at DESC, s.digest");
        let rows = query
            .build()
            .fetch_all(self.reader())
            .await
            .during("listing sessions")?;
        rows.iter().map(session).collect()
    }

    async fn use_session(&self, digest: SecretDigest, at: DateTime<Utc>) -> Result<(), StoreError> {
        const STEP: &str = "noting the use of a session";
        let mut tx = self.begin_write().await?;
        sqlx::query("UPDATE sessions SET last_used_at = $1 WHERE digest = $2")
            .bind(micros(at))
            .bind(digest.as_bytes().to_vec())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn end_session(
        &self,
        digest: SecretDigest,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        const STEP: &str = "ending a session";
        let mut tx = self.begin_write().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE digest = $1")
            .bind(digest.as_bytes().to_vec())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)?;
        Ok(true)
    }

    async fn forget_sessions(
        &self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const STEP: &str = "forgetting sessions";
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1 OR last_used_at < $2")
            .bind(micros(now))
            .bind(micros(idle_since))
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn add_token(&self, token: &ApiToken, events: &[Event]) -> Result<(), StoreError> {
        const STEP: &str = "adding an API token";
        let mut tx = self.begin_write().await?;
        let owner = sqlx::query("SELECT id FROM users WHERE id = $1")
            .bind(token.user.as_uuid())
            .fetch_optional(&mut *tx)
            .await
            .during(STEP)?;
        if owner.is_none() {
            return Err(no_user(token.user));
        }
        sqlx::query(
            "INSERT INTO api_tokens (id, owner, name, scope, digest, created_at, expires_at, last_used_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(token.id.as_uuid())
        .bind(token.user.as_uuid())
        .bind(token.name.as_str())
        .bind(token.scope.as_str())
        .bind(token.digest.as_bytes().to_vec())
        .bind(micros(token.created_at))
        .bind(token.expires_at.map(micros))
        .bind(token.last_used_at.map(micros))
        .execute(&mut *tx)
        .await
        .during(STEP)?;
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)
    }

    async fn tokens(&self, owner: Option<UserId>) -> Result<Vec<(ApiToken, User)>, StoreError> {
        let mut query = sqlx::QueryBuilder::new("SELECT u.*, ");
        query.push(TOKEN_COLUMNS);
        query.push(" FROM api_tokens t JOIN users u ON u.id = t.owner");
        if let Some(owner) = owner {
            query.push(" WHERE t.owner = ");
            query.push_bind(owner.as_uuid());
        }
        query.push(" ORDER BY t.created_at DESC, t.id");
        let rows = query
            .build()
            .fetch_all(self.reader())
            .await
            .during("listing API tokens")?;
        rows.iter()
            .map(|row| Ok((token(row)?, user(row)?)))
            .collect()
    }

    async fn token(&self, digest: SecretDigest) -> Result<Option<(ApiToken, User)>, StoreError> {
        let mut query = sqlx::QueryBuilder::new("SELECT u.*, ");
        query.push(TOKEN_COLUMNS);
        query.push(" FROM api_tokens t JOIN users u ON u.id = t.owner WHERE t.digest = ");
        query.push_bind(digest.as_bytes().to_vec());
        let row = query
            .build()
            .fetch_optional(self.reader())
            .await
            .during("reading an API token")?;
        row.map(|row| Ok((token(&row)?, user(&row)?))).transpose()
    }

    async fn use_token(&self, id: ApiTokenId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const STEP: &str = "noting the use of an API token";
        let mut tx = self.begin_write().await?;
        sqlx::query("UPDATE api_tokens SET last_used_at = $1 WHERE id = $2")
            .bind(micros(at))
            .bind(id.as_uuid())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        tx.commit().await.during(STEP)
    }

    async fn revoke_token(&self, id: ApiTokenId, events: &[Event]) -> Result<bool, StoreError> {
        const STEP: &str = "revoking an API token";
        let mut tx = self.begin_write().await?;
        let done = sqlx::query("DELETE FROM api_tokens WHERE id = $1")
            .bind(id.as_uuid())
            .execute(&mut *tx)
            .await
            .during(STEP)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        events::append(&mut tx, events.iter().cloned()).await?;
        tx.commit().await.during(STEP)?;
        Ok(true)
    }
}
