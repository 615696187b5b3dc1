//! Brings the file of an earlier release to the present format.
//!
//! Every step leaves the seals as they are, so that none needs the key: a record is bound as the format did that first could hold it.

use std::path::Path;

use org_core::ports::VaultError;
use sqlx::{Connection, SqliteConnection};

use super::FORMAT;
use super::error::database;

const STEP: &str = "bringing the vault to the present format";

/// Format 2 forgets old versions, and says from which one on a secret has its values.
const TO_2: &str = "
    ALTER TABLE secrets ADD COLUMN oldest INTEGER NOT NULL DEFAULT 1;
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
