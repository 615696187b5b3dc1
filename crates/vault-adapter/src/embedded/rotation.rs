//! A new key for the vault: every record sealed anew under a fresh data key, in one transaction.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use org_core::ports::VaultError;

use super::crypto::Key;
use super::entropy::Entropy;
use super::error::{no_entropy, other};
use super::files;
use super::header::{Derivation, Header, OuterKey, SALT_LEN};
use super::key::KeySource;
use super::open::outer_key;
use super::records::{FactsRow, Sealer, VersionRow};
use super::unlock::{self, blocking};
use super::{EmbeddedVault, Session, Unlocked, VaultFileError};

const STEP: &str = "rotating the vault's key";
/// Rows sealed anew at a time; a value may have 64 KiB.
const BATCH: i64 = 64;

/// Why no key file is made at a place.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is already a file at {}, and it is not the key of this vault; name another place, or move it away", .path.display()
)]
struct Occupied {
    path: PathBuf,
}

impl EmbeddedVault {
    /// Gives the vault a new key. Every value is sealed anew under a data key that the old key never wrapped, so that an old copy of a key
    /// opens old copies of the file alone. Answers the new key generation.
    ///
    /// A crash at any moment leaves the vault readable: under the old key until the change is committed, and under the new one from then
    /// on. A generated key file is on the disk before the change is committed; the one that it replaces is removed afterwards. The file of a
    /// [`KeySource::KeyFile`] belongs to whoever provides it and stays where it is.
    ///
    /// [`VaultError::Tampered`], and no change, if a record cannot be read.
    pub async fn rotate_key(&self, new: KeySource) -> Result<u64, VaultError> {
        let mut session = self.write().await?;
        let old = session.unlocked.clone();
        let outer = self.prepare_key(&old.header, &new).await?;
        let data_key = Key::random(self.entropy.as_ref()).map_err(no_entropy)?;
        self.reseal_all(&mut session, &data_key).await?;
        tracing::debug!("every record is sealed anew");
        let header = Header::wrap(
            old.header.vault_id,
            old.header.generation.saturating_add(1),
            &outer,
            &data_key,
            self.entropy.as_ref(),
        )?;
        header
            .save(session.connection())
            .await
            .map_err(self.database(STEP))?;
        session.tx.commit().await.map_err(self.database(STEP))?;
        tracing::debug!(generation = header.generation, "the new key counts");

        let generation = u64::try_from(header.generation).unwrap_or_default();
        let replaced = old.source.generated_path().map(Path::to_owned);
        let in_place = new.generated_path().map(Path::to_owned);
        *self.slot() = Arc::new(Unlocked {
            header,
            data_key,
            source: new,
        });
        self.settle_after(in_place, replaced).await?;
        self.forget_old_pages().await;
        Ok(generation)
    }

    /// The new key, on the disk where it has a file. Under the write lock.
    async fn prepare_key(&self, header: &Header, new: &KeySource) -> Result<OuterKey, VaultError> {
        let (header, new) = (header.clone(), new.clone());
        let (entropy, cost) = (Arc::clone(&self.entropy), self.cost);
        blocking(STEP, move || match new.generated_path() {
            None => outer_key(&new, entropy.as_ref(), cost),
            Some(file) => generate(&header, file, entropy.as_ref()),
        })
        .await?
    }

    async fn reseal_all(&self, session: &mut Session, data_key: &Key) -> Result<(), VaultError> {
        let old = session.unlocked.clone();
        let new = Sealer::new(&old.header.vault_id, data_key);
        let entropy = self.entropy.as_ref();
        let mut last = Vec::new();
        loop {
            let rows = FactsRow::after(session.connection(), &last, BATCH)
                .await
                .map_err(self.database(STEP))?;
            let Some(end) = rows.last() else { break };
            last.clone_from(&end.id);
            for row in rows {
                let record = row.verify(old.sealer())?;
                FactsRow::sealed(&record, new, entropy)
                    .map_err(no_entropy)?
                    .save(session.connection())
                    .await
                    .map_err(self.database(STEP))?;
            }
        }
        let mut last = (Vec::new(), 0);
        loop {
            let rows = VersionRow::after(session.connection(), (&last.0, last.1), BATCH)
                .await
                .map_err(self.database(STEP))?;
            let Some(end) = rows.last() else { break };
            last = (end.secret_id.clone(), end.version);
            for mut row in rows {
                row.reseal(old.sealer(), new, entropy)?
                    .map_err(no_entropy)?;
                row.save(session.connection())
                    .await
                    .map_err(self.database(STEP))?;
            }
        }
        Ok(())
    }

    /// Puts the new key file into its place and removes the replaced one. Under the write lock again, and by the header that stands then:
    /// another program may have rotated the key once more meanwhile.
    async fn settle_after(
        &self,
        in_place: Option<PathBuf>,
        replaced: Option<PathBuf>,
    ) -> Result<(), VaultError> {
        if in_place.is_none() && replaced.is_none() {
            return Ok(());
        }
        let mut tx = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.database(STEP))?;
        let header = Header::fetch(&mut tx, &self.path).await?;
        blocking(STEP, move || {
            let unsettled = |path: &Path, source| {
                let path = path.to_owned();
                other(STEP, VaultFileError::KeyFileUnsettled { path, source })
            };
            if let Some(file) = &in_place {
                unlock::settle(&header, file).map_err(|source| unsettled(file, source))?;
                tracing::debug!(path = %file.display(), "the new key file is in its place");
            }
            match replaced.filter(|file| in_place.as_ref() != Some(file)) {
                Some(file) => unlock::remove_replaced(&header, &file)
                    .map_err(|source| unsettled(&file, source)),
                None => Ok(()),
            }
        })
        .await?
    }

    /// Takes the records under the old key out of the write-ahead log. A reader may be in the way; then the log is overwritten later.
    async fn forget_old_pages(&self) {
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.pool)
            .await;
        if let Err(error) = emptied {
            tracing::debug!(%error, "the write-ahead log of the vault could not be emptied yet");
        }
    }
}

/// A new key in the file beside `file`, which takes its place once the change is committed. Under the write lock.
fn generate(header: &Header, file: &Path, entropy: &dyn Entropy) -> Result<OuterKey, VaultError> {
    let unusable = |source| {
        let path = file.to_owned();
        other(STEP, VaultFileError::Io { path, source })
    };
    // The file beside may hold the only copy of the present key, if an earlier rotation was cut off.
    unlock::settle(header, file).map_err(unusable)?;
    if let Some(path) = unlock::stranger_at(header, file) {
        return Err(other(STEP, Occupied { path }));
    }
    let key = Key::random(entropy).map_err(no_entropy)?;
    let mut salt = [0; SALT_LEN];
    entropy.fill(&mut salt).map_err(no_entropy)?;
    files::write_next_key(file, &key).map_err(unusable)?;
    tracing::debug!(path = %file.display(), "a new key file is on the disk");
    Ok(OuterKey {
        key,
        derivation: Derivation::File,
        salt,
    })
}
