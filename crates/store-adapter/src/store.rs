//! Opening the database, and its two kinds of transactions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use org_core::ports::StoreError;

use crate::dialect::{self, BEGIN_WRITE, DbPool, Tx};
use crate::error::During;
use crate::migrations;
use crate::remembered::Remembered;

/// Where the database is and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The file. It is made if there is none, readable for its owner alone; the folder must be there.
    pub path: PathBuf,
    /// How many readers may read at once; more wait.
    pub readers: u32,
    /// How long to wait for another program, or for a free connection, before that is an error. It must be longer than the longest
    /// transaction, which is the first sync of the largest organization.
    pub busy_timeout: Duration,
}

impl StoreOptions {
    /// The file at `path`, four readers, a minute of patience.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 4,
            busy_timeout: Duration::from_mins(1),
        }
    }
}

/// The database. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Store {
    writer: DbPool,
    readers: DbPool,
    remembered: Arc<Remembered>,
}

impl Store {
    /// Opens the database, makes it if there is none, and brings it to the version of this program.
    ///
    /// A folder that is missing or denies access, a file that may not be written, and a file that is something else are
    /// [`StoreError::Denied`] with the path; a database of a newer program is [`StoreError::NewerVersion`].
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let StoreOptions {
            path,
            readers,
            busy_timeout,
        } = options;
        make_file(&path).await?;
        let store = Self {
            writer: dialect::writer(&path, busy_timeout),
            readers: dialect::readers(&path, readers, busy_timeout),
            remembered: Arc::default(),
        };
        match store.prepare(busy_timeout).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(match error {
                    StoreError::Denied { detail } => StoreError::Denied {
                        detail: format!("{}: {detail}", path.display()),
                    },
                    error => error,
                })
            }
        }
    }

    async fn prepare(&self, busy_timeout: Duration) -> Result<(), StoreError> {
        const STEP: &str = "opening the database";
        // Two programs that open a new file at once both switch it to write-ahead logging, which fails without waiting.
        let deadline = tokio::time::Instant::now() + busy_timeout;
        let mut connection = loop {
            match self.writer.acquire().await.during(STEP) {
                Err(StoreError::Unavailable { .. })
                    if tokio::time::Instant::now() < deadline && !self.writer.is_closed() =>
                {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer => break answer?,
            }
        };
        if dialect::is_foreign(&mut connection).await.during(STEP)? {
            return Err(StoreError::Denied {
                detail: "it is the database of another program".to_owned(),
            });
        }
        drop(connection);
        migrations::run(&self.writer).await
    }

    /// The version of the database: the number of its newest migration.
    pub async fn version(&self) -> Result<i64, StoreError> {
        let mut tx = self.begin_read().await?;
        migrations::version(&mut tx).await
    }

    /// Closes every connection after what runs on it has ended. A store that is dropped instead loses nothing, but leaves the clean-up of
    /// its log to whoever opens the file next.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a transaction that writes, after waiting for every other writer.
    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        self.writer
            .begin_with(BEGIN_WRITE)
            .await
            .during("waiting for its turn to write")
    }

    /// Begins a transaction that reads one consistent moment.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        self.readers
            .begin()
            .await
            .during("waiting for its turn to read")
    }

    /// Counts that are kept for as long as they hold.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// The connections for single statements that read.
    pub(crate) const fn reader(&self) -> &DbPool {
        &self.readers
    }
}

/// Makes the file, since the engine would make it readable for everybody. Its companions get the same rights as the file (`SQLite` docs,
/// temporary files).
async fn make_file(path: &Path) -> Result<(), StoreError> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let denied = |reason: &str| StoreError::Denied {
        detail: format!("{}: {reason}", path.display()),
    };
    match options.open(path).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let facts = tokio::fs::metadata(path).await;
            match facts {
                Ok(facts) if facts.is_file() => Ok(()),
                Ok(_) => Err(denied("it is not a file")),
                Err(error) => Err(denied(&error.to_string())),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(denied("its folder does not exist; make it first"))
        }
        Err(error) => Err(denied(&error.to_string())),
    }
}
