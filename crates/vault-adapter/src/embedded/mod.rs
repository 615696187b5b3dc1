//! The vault in a file of its own: `SQLite` underneath, every value sealed before it gets there.

mod check;
mod crypto;
mod entropy;
mod error;
mod files;
mod header;
mod key;
mod open;
mod options;
mod port;
mod records;
mod rotation;
mod unlock;
mod upgrade;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use org_core::ports::VaultError;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::Mutex;

pub use check::{CheckReport, Damage};
pub use entropy::{Entropy, EntropyError, OsEntropy};
pub use error::{ValueRefused, VaultFileError};
pub use key::{KeySource, PassphraseCost, PassphraseCostError};
pub use options::{EmbeddedVaultOptions, WhenMissing};

use crypto::Key;
use header::Header;

/// `FHVT`, the mark of the file among all `SQLite` files.
const APPLICATION_ID: i64 = 0x4648_5654;
/// The format that this release writes, and the newest that it reads.
const FORMAT: i64 = 2;

/// How often to look again for the key while others keep changing it.
const ATTEMPTS: u32 = 8;

/// The longest value in bytes. Credentials are far shorter; files do not belong into a vault.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The vault in the data directory.
///
/// Any number of programs may have the same file open. A key that another program rotated meanwhile is read again from its key file; where
/// the key is a passphrase, the next call ends in [`VaultError::WrongKey`] until the program is started with the new one.
///
/// What it defends against is a stolen copy of its file: without the key no value can be read, and no value, name or owner can be altered or
/// moved to another secret unnoticed. It does not notice a secret that was cut out of the file whole, or an older copy of the file put in
/// its place; and whoever can read this program's memory or its key file has the values.
///
/// Cloning shares the open file and the key.
#[derive(Clone)]
pub struct EmbeddedVault {
    path: Arc<Path>,
    pool: SqlitePool,
    cost: PassphraseCost,
    entropy: Arc<dyn Entropy>,
    unlocked: Arc<RwLock<Arc<Unlocked>>>,
    /// One at a time unlocks anew: a passphrase costs memory and time.
    unlocking: Arc<Mutex<()>>,
}

/// The key in use, and the header that it came from.
struct Unlocked {
    header: Header,
    data_key: Key,
    source: KeySource,
}

/// A transaction with the key of what it sees.
struct Session {
    tx: Transaction<'static, Sqlite>,
    unlocked: Arc<Unlocked>,
}

impl EmbeddedVault {
    /// Where the vault is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file, for every clone. Dropping the last one closes it too, but later.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins to read: everything comes from one moment.
    async fn read(&self) -> Result<Session, VaultError> {
        self.session("BEGIN DEFERRED").await
    }

    /// Begins to write: nobody else writes until it ends. Dropping it undoes all.
    async fn write(&self) -> Result<Session, VaultError> {
        self.session("BEGIN IMMEDIATE").await
    }

    async fn session(&self, begin: &'static str) -> Result<Session, VaultError> {
        let mut refused: Option<(Header, VaultError)> = None;
        for _ in 0..ATTEMPTS {
            let mut tx = self
                .pool
                .begin_with(begin)
                .await
                .map_err(self.database("opening the vault"))?;
            let header = Header::fetch(&mut tx, &self.path).await?;
            // The key is wrong only if it still is when nothing changed meanwhile: a rotation may have come between reading the header and
            // reading the key.
            if let Some((before, error)) = refused.take_if(|(before, _)| *before == header) {
                tracing::debug!(
                    generation = before.generation,
                    "the key does not open the vault"
                );
                return Err(error);
            }
            match self.unlocked_by(&header).await {
                Ok(unlocked) => return Ok(Session { tx, unlocked }),
                Err(error @ (VaultError::WrongKey { .. } | VaultError::Locked { .. })) => {
                    refused = Some((header, error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::Unavailable {
            detail: "its key is being changed over and over; try again".to_owned(),
        })
    }

    /// The key for what stands under `header`: the one at hand, or, after a rotation by another program, the one that its source has now.
    async fn unlocked_by(&self, header: &Header) -> Result<Arc<Unlocked>, VaultError> {
        let current = self.current();
        if current.header == *header {
            return Ok(current);
        }
        let _turn = self.unlocking.lock().await;
        let current = self.current();
        if current.header == *header {
            return Ok(current);
        }
        let source = current.source.clone();
        let data_key = unlock::unlock(&self.path, header, &source).await?;
        let unlocked = Arc::new(Unlocked {
            header: header.clone(),
            data_key,
            source,
        });
        let mut slot = self.slot();
        // A rotation by this very handle may have put a newer key here; what it set stays.
        if Arc::ptr_eq(&slot, &current) && current.header.generation < header.generation {
            *slot = Arc::clone(&unlocked);
        }
        drop(slot);
        Ok(unlocked)
    }

    fn current(&self) -> Arc<Unlocked> {
        Arc::clone(&self.unlocked.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// To be held for moments, never across an await.
    fn slot(&self) -> RwLockWriteGuard<'_, Arc<Unlocked>> {
        self.unlocked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sorts an error of the database during `step`.
    fn database(&self, step: &'static str) -> impl FnOnce(sqlx::Error) -> VaultError {
        move |error| error::database(&self.path, step, error)
    }
}

impl Session {
    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}

impl fmt::Debug for EmbeddedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedVault")
            .field("path", &self.path)
            .field("key", &self.current().source)
            .finish_non_exhaustive()
    }
}
