//! Everything that is `SQLite`'s own: types, connections, the one statement that begins a write, and how its errors are sorted.
//!
//! `PostgreSQL` would have a module of this shape beside it, a migration folder of its own (with `COLLATE "C"` where pages are sorted by a
//! path) and the same SQL text everywhere else.

use std::path::Path;
use std::time::Duration;

use org_core::ports::RepositoryKey;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// The engine.
pub(crate) type Db = sqlx::Sqlite;
/// Connections of it.
pub(crate) type DbPool = sqlx::Pool<Db>;
/// One connection, or a transaction on it.
pub(crate) type DbConnection = sqlx::SqliteConnection;
/// A row of an answer.
pub(crate) type DbRow = sqlx::sqlite::SqliteRow;
/// A transaction: it is rolled back unless it is committed.
pub(crate) type Tx = sqlx::Transaction<'static, Db>;

/// Begins a transaction that writes. A plain `BEGIN` would take the lock only at its first write, and fail there at once, without
/// waiting, when somebody else wrote since its first read.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Makes a list of repositories be found one by one. Without statistics the planner takes a state of license for rarer than a list of keys.
pub(crate) const REPOSITORIES_BY_KEY: &str = " INDEXED BY sqlite_autoindex_repositories_1";

/// The same for groups.
pub(crate) const GROUPS_BY_KEY: &str = " INDEXED BY sqlite_autoindex_groups_1";

/// Makes a page of all repositories read in the order of its index. Without statistics the planner may prefer to collect all rows with a
/// state of license, and to sort them.
pub(crate) const IN_ORDER_OF_PATH: &str = " INDEXED BY repositories_by_path";

/// The same within one organization, in the order that is asked for.
pub(crate) const fn in_order_within_organization(by: RepositoryKey) -> &'static str {
    match by {
        RepositoryKey::Path => " INDEXED BY repositories_by_organization",
        RepositoryKey::Activity => " INDEXED BY repositories_by_activity",
        RepositoryKey::FirstSeen => " INDEXED BY repositories_by_first_seen",
    }
}

/// How many values one statement may bind (`SQLite` docs, limits).
const BIND_LIMIT: usize = 32_766;

/// How many rows of `columns` values go into one statement: enough to be fast, few enough to stay small in memory.
pub(crate) const fn rows_per_statement(columns: usize) -> usize {
    let most = BIND_LIMIT / columns;
    if most < 400 { most } else { 400 }
}

fn options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        // How many rows wait for whoever reads them: fewer would mean a change of threads for every few rows.
        .row_buffer_size(512)
        .pragma("temp_store", "memory")
        // After a large sync the write-ahead log is cut back to this.
        .pragma("journal_size_limit", "16777216")
}

/// The one connection that writes: within a program, writers queue here rather than in the file.
pub(crate) fn writer(path: &Path, busy_timeout: Duration) -> DbPool {
    let options = options(path, busy_timeout).pragma("cache_size", "-16384");
    pool(1, busy_timeout).connect_lazy_with(options)
}

/// The connections that read, each on a consistent moment of its own. They cannot write.
pub(crate) fn readers(path: &Path, count: u32, busy_timeout: Duration) -> DbPool {
    let options = options(path, busy_timeout)
        .pragma("cache_size", "-4096")
        .pragma("query_only", "on");
    pool(count, busy_timeout).connect_lazy_with(options)
}

fn pool(connections: u32, busy_timeout: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(busy_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// What a caller can do about an error of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// Try again later.
    Unavailable,
    /// Give the program its rights, or another path.
    Denied,
    /// Give another path.
    NotADatabase,
    /// Nothing is known.
    Other,
}

/// Sorts the result codes (`SQLite` docs, result codes); the low byte is the primary code.
pub(crate) fn classify(error: &dyn sqlx::error::DatabaseError) -> ErrorClass {
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        // BUSY, LOCKED, IOERR, FULL, PROTOCOL.
        Some(5 | 6 | 10 | 13 | 15) => ErrorClass::Unavailable,
        // PERM, READONLY, CANTOPEN, AUTH.
        Some(3 | 8 | 14 | 23) => ErrorClass::Denied,
        Some(26) => ErrorClass::NotADatabase,
        _ => ErrorClass::Other,
    }
}

/// What is wrong inside the file, at most a hundred lines of it.
pub(crate) async fn damage(connection: &mut DbConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut damage: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(100)")
        .fetch_all(&mut *connection)
        .await?;
    damage.retain(|line| line != "ok");
    let orphans: Vec<(String, String)> =
        sqlx::query_as("SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 100")
            .fetch_all(&mut *connection)
            .await?;
    damage.extend(orphans.into_iter().map(|(table, parent)| {
        format!("a row of {table} belongs to a row of {parent} that is missing")
    }));
    Ok(damage)
}

/// Whether the database has tables, but not those that note its version: then it is somebody else's.
pub(crate) async fn is_foreign(connection: &mut DbConnection) -> Result<bool, sqlx::Error> {
    let (tables, ours): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE name = '_sqlx_migrations') FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(connection)
    .await?;
    Ok(tables > 0 && ours == 0)
}

/// The migrations in their order: version, name, text. A released one is never edited; a change is another file at the end.
pub(crate) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "first tables",
        include_str!("../migrations/sqlite/0001_first_tables.sql"),
    ),
    (
        2,
        "sign ins",
        include_str!("../migrations/sqlite/0002_sign_ins.sql"),
    ),
    (
        3,
        "secret accesses",
        include_str!("../migrations/sqlite/0003_secret_accesses.sql"),
    ),
    (
        4,
        "accounts",
        include_str!("../migrations/sqlite/0004_accounts.sql"),
    ),
    (
        5,
        "identities",
        include_str!("../migrations/sqlite/0005_identities.sql"),
    ),
    (
        6,
        "repository order",
        include_str!("../migrations/sqlite/0006_repository_order.sql"),
    ),
];
