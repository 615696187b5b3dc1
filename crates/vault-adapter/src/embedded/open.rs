//! Opening a vault, and making one at the first start.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use org_core::ports::VaultError;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::crypto::Key;
use super::entropy::Entropy;
use super::error::{self, no_entropy, other};
use super::files::{self, Found};
use super::header::{Derivation, Header, OuterKey, SALT_LEN};
use super::key::{self, KeySource, PassphraseCost};
use super::options::{EmbeddedVaultOptions, WhenMissing};
use super::unlock::{self, blocking};
use super::upgrade;
use super::{APPLICATION_ID, EmbeddedVault, FORMAT, Unlocked, VaultFileError};

const STEP: &str = "opening the vault";
/// Reading is short and writing happens one at a time: more would only wait.
const CONNECTIONS: u32 = 4;
/// How often to try again to turn on write-ahead logging, which the database refuses at once while another program does the same.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// The tables. `docs/vault-format.md` explains each column.
const SCHEMA: &str = "
    CREATE TABLE vault (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        vault_id BLOB NOT NULL,
        generation INTEGER NOT NULL,
        key_kind TEXT NOT NULL,
        salt BLOB NOT NULL,
        memory_kib INTEGER,
        passes INTEGER,
        lanes INTEGER,
        key_check BLOB NOT NULL,
        wrapped_key BLOB NOT NULL,
        checksum BLOB NOT NULL
    ) STRICT;
    CREATE TABLE secrets (
        id BLOB NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        owner_kind TEXT NOT NULL,
        owner_id BLOB,
        newest INTEGER NOT NULL,
        oldest INTEGER NOT NULL DEFAULT 1,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        seal BLOB NOT NULL
    ) STRICT;
    CREATE TABLE versions (
        secret_id BLOB NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (secret_id, version)
    ) STRICT;
    PRAGMA application_id = 1179145812;
    PRAGMA user_version = 2;
";

/// What the database says that it is.
enum Content {
    Nothing,
    Vault,
}

impl EmbeddedVault {
    /// Opens the vault, and makes it first where there is none and that is allowed.
    ///
    /// [`VaultError::Locked`] if the key is not there or may be read by others, [`VaultError::WrongKey`] if it is another vault's, and
    /// [`VaultError::Other`] with a [`VaultFileError`] if something is wrong with the file. A file that is no vault is left untouched.
    pub async fn open(options: EmbeddedVaultOptions) -> Result<Self, VaultError> {
        prepare_file(&options).await?;
        let connect = connect_options(&options);
        let mut first = SqliteConnection::connect_with(&connect)
            .await
            .map_err(|error| error::database(&options.path, STEP, error))?;
        match content(&mut first, &options.path).await? {
            Content::Vault => log_ahead(&mut first, &options.path).await?,
            Content::Nothing if options.when_missing == WhenMissing::Refuse => {
                return Err(missing(&options.path));
            }
            Content::Nothing => {
                let path = options.path.clone();
                blocking(STEP, move || files::tighten(&path))
                    .await?
                    .map_err(|error| other(STEP, error))?;
                log_ahead(&mut first, &options.path).await?;
                create(&mut first, &options).await?;
            }
        }
        let header = Header::fetch(&mut first, &options.path).await?;
        let data_key = unlock::unlock(&options.path, &header, &options.key).await?;
        upgrade::run(&mut first, &options.path).await?;
        first
            .close()
            .await
            .map_err(|error| error::database(&options.path, STEP, error))?;
        let pool = open_pool(connect, &options).await?;
        let vault = Self {
            path: options.path.into(),
            pool,
            cost: options.cost,
            entropy: options.entropy,
            unlocked: Arc::new(RwLock::new(Arc::new(Unlocked {
                header,
                data_key,
                source: options.key,
            }))),
            unlocking: Arc::new(Mutex::new(())),
        };
        vault.settle_key_file().await?;
        Ok(vault)
    }

    /// Ends what a rotation that was cut off left open.
    async fn settle_key_file(&self) -> Result<(), VaultError> {
        let source = self.current().source.clone();
        let Some(file) = source.generated_path().map(Path::to_owned) else {
            return Ok(());
        };
        let next = files::next_to(&file);
        let is_there = blocking(STEP, move || next.symlink_metadata().is_ok()).await?;
        if !is_there {
            return Ok(());
        }
        let session = self.write().await?;
        let header = session.unlocked.header.clone();
        let shown = file.clone();
        let settled = blocking(STEP, move || unlock::settle(&header, &file)).await?;
        settled.map_err(|source| {
            other(
                STEP,
                VaultFileError::KeyFileUnsettled {
                    path: shown,
                    source,
                },
            )
        })
    }
}

/// Judges the file before the database sees it, and makes an empty one if need be.
async fn prepare_file(options: &EmbeddedVaultOptions) -> Result<(), VaultError> {
    let (path, when_missing) = (options.path.clone(), options.when_missing);
    let prepared = blocking(STEP, move || {
        match (files::inspect(&path)?, when_missing) {
            (Found::Nothing, WhenMissing::Refuse) => Err(VaultFileError::Missing { path }),
            (Found::Nothing, WhenMissing::Create) => files::create_empty(&path),
            // Perhaps somebody else's: not touched before the database has said what it is.
            (Found::Unmarked, _) => Ok(()),
            (Found::Vault, _) => files::tighten(&path),
        }
    })
    .await?;
    prepared.map_err(|error| other(STEP, error))
}

fn connect_options(options: &EmbeddedVaultOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .create_if_missing(false)
        .busy_timeout(options.busy_timeout)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted or sealed anew is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

async fn open_pool(
    connect: SqliteConnectOptions,
    options: &EmbeddedVaultOptions,
) -> Result<SqlitePool, VaultError> {
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(options.busy_timeout.saturating_add(Duration::from_secs(5)))
        .connect_with(connect)
        .await
        .map_err(|error| error::database(&options.path, STEP, error))
}

/// A mark may stand in the write-ahead log alone, so the database has the last word.
async fn content(connection: &mut SqliteConnection, path: &Path) -> Result<Content, VaultError> {
    let ask = |error| error::database(path, STEP, error);
    let (mark, format, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .map_err(ask)?;
    let path = path.to_owned();
    match (mark, tables) {
        (APPLICATION_ID, _) if format > FORMAT => Err(other(
            STEP,
            VaultFileError::NewerFormat {
                path,
                found: format,
                known: FORMAT,
            },
        )),
        (APPLICATION_ID, _) => Ok(Content::Vault),
        (0, 0) => Ok(Content::Nothing),
        _ => Err(other(STEP, VaultFileError::NotAVault { path })),
    }
}

/// Write-ahead logging stays on in the file once it is turned on.
async fn log_ahead(connection: &mut SqliteConnection, path: &Path) -> Result<(), VaultError> {
    let mut attempt = 1;
    loop {
        let turned_on = sqlx::query("PRAGMA journal_mode = WAL")
            .execute(&mut *connection)
            .await;
        match turned_on {
            Err(error) if error::is_busy(&error) && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error::database(path, STEP, error)),
            Ok(_) => return Ok(()),
        }
    }
}

/// Makes the vault under the write lock, so that of two programs that start at once one makes it and the other finds it.
async fn create(
    connection: &mut SqliteConnection,
    options: &EmbeddedVaultOptions,
) -> Result<(), VaultError> {
    let database = |error| error::database(&options.path, "making the vault", error);
    let mut tx = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(database)?;
    if let Content::Vault = content(&mut tx, &options.path).await? {
        return Ok(());
    }
    sqlx::raw_sql(SCHEMA)
        .execute(&mut *tx)
        .await
        .map_err(database)?;
    let outer = first_key(options).await?;
    let mut vault_id = [0; 16];
    options.entropy.fill(&mut vault_id).map_err(no_entropy)?;
    let data_key = Key::random(options.entropy.as_ref()).map_err(no_entropy)?;
    let header = Header::wrap(vault_id, 1, &outer, &data_key, options.entropy.as_ref())?;
    header.save(&mut tx).await.map_err(database)?;
    tx.commit().await.map_err(database)
}

/// The key of a vault that is being made. A generated key file that is already there belongs to a first start that was cut off.
async fn first_key(options: &EmbeddedVaultOptions) -> Result<OuterKey, VaultError> {
    const STEP: &str = "making the vault's key";
    let (source, entropy, cost) = (options.key.clone(), options.entropy.clone(), options.cost);
    blocking(STEP, move || {
        if let Some(file) = source.generated_path()
            && file.symlink_metadata().is_err()
        {
            let key = Key::random(entropy.as_ref()).map_err(no_entropy)?;
            files::write_next_key(file, &key)
                .and_then(|()| files::promote_next_key(file))
                .map_err(|error| {
                    other(
                        STEP,
                        VaultFileError::Io {
                            path: file.to_owned(),
                            source: error,
                        },
                    )
                })?;
        }
        outer_key(&source, entropy.as_ref(), cost)
    })
    .await?
}

/// The key from a source that has one, under a fresh salt. Blocks.
pub(super) fn outer_key(
    source: &KeySource,
    entropy: &dyn Entropy,
    cost: PassphraseCost,
) -> Result<OuterKey, VaultError> {
    let mut salt = [0; SALT_LEN];
    entropy.fill(&mut salt).map_err(no_entropy)?;
    let (key, derivation) = match source {
        KeySource::Passphrase(passphrase) => (
            key::stretch(passphrase, &salt, cost)?,
            Derivation::Passphrase(cost),
        ),
        KeySource::KeyFile(file) | KeySource::GeneratedKeyFile(file) => {
            (files::read_key(file)?, Derivation::File)
        }
    };
    Ok(OuterKey {
        key,
        derivation,
        salt,
    })
}

fn missing(path: &Path) -> VaultError {
    other(
        STEP,
        VaultFileError::Missing {
            path: path.to_owned(),
        },
    )
}
