//! Brings a database to the version of this program.

use org_core::ports::StoreError;
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use crate::dialect::{BEGIN_WRITE, DbConnection, DbPool, MIGRATIONS};
use crate::error::During;

const STEP: &str = "bringing the database to this version";

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        let kind = MigrationType::Simple;
        Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The newest version that this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |&(version, ..)| version)
}

/// Runs what is missing, all of it or nothing, while no other program can do the same.
pub(crate) async fn run(writer: &DbPool) -> Result<(), StoreError> {
    let mut tx = writer.begin_with(BEGIN_WRITE).await.during(STEP)?;
    let migrator = migrator();
    match migrator.run_direct(None, &mut *tx, false).await {
        Ok(()) => tx.commit().await.during(STEP),
        Err(MigrateError::VersionMissing(_)) => Err(StoreError::NewerVersion {
            found: version(&mut tx).await?,
            known: newest(),
        }),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(error).during(STEP)
        }
        Err(error) => Err(StoreError::Other {
            step: STEP,
            source: Box::new(error),
        }),
    }
}

/// The version that the database has.
pub(crate) async fn version(connection: &mut DbConnection) -> Result<i64, StoreError> {
    let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .during("reading the version of the database")?;
    Ok(version.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes a line here breaks every database in the field: add a migration instead.
    #[test]
    fn released_migrations_are_never_edited() {
        let listed: Vec<String> = migrator()
            .iter()
            .map(|migration| {
                let (start, _) = migration
                    .checksum
                    .split_first_chunk()
                    .expect("it is longer");
                let checksum = u128::from_be_bytes(*start);
                format!(
                    "{:04} {} {checksum:032x}",
                    migration.version, migration.description
                )
            })
            .collect();
        insta::assert_snapshot!(listed.join("\n"), @r"
        0001 first tables a0a8886574073df2d688556bfe8e04c5
        0002 sign ins dd7b6ddb2f93c9677f6aedd844fc40e6
        0003 secret accesses b060a22bf62bcf151a40b00323a3208e
        0004 accounts 27c93ad0aa1af1cc139b5198b0bcdde1
        0005 identities fa2ed2d50164699bf0b092f35cf3400f
        0006 repository order 23f95527c1b4aed4c538bef3ea0b0b05
        ");
    }

    #[test]
    fn the_folder_and_the_list_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of migrations")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        files.sort();
        let listed: Vec<String> = MIGRATIONS
            .iter()
            .map(|(version, name, _)| format!("{version:04}_{}.sql", name.replace(' ', "_")))
            .collect();
        assert_eq!(files, listed);
    }
}
