//! Brings the file of an earlier release to the present format.
//!
//! Every step leaves the seals as they are, so that none needs the key: a record is bound as the format did that first could hold it.

use std::path::Path;

use org_core::ports::VaultError;
use sqlx::{Connection, SqliteConnection};

use super::FORMAT;
use super::error::database;

const STEP: &str = "bringing the vault to the present format";

/// Format 2 forgets old versions and takes over secrets of other vaults: it says from which version on a secret has its values, and where
/// one comes from that is arriving. It knows keys on a server, and a recovery key.
const TO_2: &str = "
    ALTER TABLE secrets ADD COLUMN oldest INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE secrets ADD COLUMN arriving_from TEXT;
    ALTER TABLE vault ADD COLUMN transit_text TEXT;
    CREATE TABLE recovery (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        public_key BLOB NOT NULL,
        made_at INTEGER NOT NULL,
        ephemeral_key BLOB NOT NULL,
        wrapped_key BLOB NOT NULL,
        seal BLOB NOT NULL
    ) STRICT;
    PRAGMA user_version = 2;
";

/// All of it or nothing, under the write lock: of two programs that start at once one does it. A file of the present format is only read.
pub(super) async fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), VaultError> {
    let failed = |error| database(path, STEP, error);
    if format(connection).await.map_err(failed)? >= FORMAT {
        return Ok(());
    }
    let mut tx = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed)?;
    let found = format(&mut tx).await.map_err(failed)?;
    if found < 2 {
        sqlx::raw_sql(TO_2)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tracing::info!(
            from = found,
            to = FORMAT,
            "the vault has a newer format now"
        );
    }
    tx.commit().await.map_err(failed)
}

async fn format(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT user_version FROM pragma_user_version")
        .fetch_one(connection)
        .await
}
