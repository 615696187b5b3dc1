//! The port, kept by the embedded vault.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use org_core::ports::{SecretVault, VaultError, VaultHealth};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::text::SecretName;
use secrecy::SecretString;

use super::error::{no_entropy, other};
use super::records::{FactsRow, Record, VersionRow, check_value, id_bytes, tampered};
use super::{EmbeddedVault, Session, ValueRefused};

impl EmbeddedVault {
    /// What is known of a secret, proved by its seal.
    async fn record(
        &self,
        session: &mut Session,
        reference: SecretRef,
    ) -> Result<Option<Record>, VaultError> {
        let row = FactsRow::by_id(session.connection(), reference)
            .await
            .map_err(self.database("reading a secret"))?;
        row.map(|row| row.verify(session.unlocked.sealer()))
            .transpose()
    }

    /// A value that must be there, since the secret counts its version.
    async fn value(
        &self,
        session: &mut Session,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<SecretString, VaultError> {
        let row = VersionRow::by_version(session.connection(), reference, version)
            .await
            .map_err(self.database("reading a secret"))?;
        row.ok_or_else(|| {
            tampered(
                &id_bytes(&reference),
                format!("the value of version {version} is gone"),
            )
        })?
        .open(session.unlocked.sealer())
    }

    /// Writes what is known of a secret and, if there is one, a new value; then ends the session.
    async fn store(
        &self,
        mut session: Session,
        record: &Record,
        value: Option<SecretString>,
    ) -> Result<(), VaultError> {
        const STEP: &str = "storing a secret";
        let (unlocked, entropy) = (session.unlocked.clone(), self.entropy.as_ref());
        let row = FactsRow::sealed(record, unlocked.sealer(), entropy).map_err(no_entropy)?;
        row.save(session.connection())
            .await
            .map_err(self.database(STEP))?;
        let facts = &record.facts;
        if let Some(value) = value {
            let row = VersionRow::sealed(
                facts.reference,
                facts.version,
                facts.updated_at,
                &value,
                unlocked.sealer(),
                entropy,
            )
            .map_err(no_entropy)?;
            row.save(session.connection())
                .await
                .map_err(self.database(STEP))?;
        }
        session.tx.commit().await.map_err(self.database(STEP))
    }
}

#[async_trait]
impl SecretVault for EmbeddedVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        check_value(&value)?;
        let mut session = self.write().await?;
        let same_id = FactsRow::by_id(session.connection(), reference)
            .await
            .map_err(self.database("storing a secret"))?;
        let same_name = FactsRow::by_name(session.connection(), name)
            .await
            .map_err(self.database("storing a secret"))?;
        if same_id.or(same_name).is_some() {
            return Err(VaultError::NameTaken { name: name.clone() });
        }
        let now = now.trunc_subsecs(6);
        let record = Record {
            facts: SecretFacts {
                reference,
                name: name.clone(),
                version: SecretVersion::FIRST,
                owner,
                created_at: now,
                updated_at: now,
            },
            oldest: SecretVersion::FIRST,
        };
        self.store(session, &record, Some(value)).await?;
        Ok(record.facts)
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        let mut session = self.read().await?;
        let Some(record) = self.record(&mut session, reference).await? else {
            return Ok(None);
        };
        let newest = record.facts.version;
        let value = self.value(&mut session, reference, newest).await?;
        Ok(Some((newest, value)))
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let mut session = self.read().await?;
        match self.record(&mut session, reference).await? {
            Some(record) if (record.oldest..=record.facts.version).contains(&version) => {
                self.value(&mut session, reference, version).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        check_value(&value)?;
        let mut session = self.write().await?;
        let mut record = self
            .record(&mut session, reference)
            .await?
            .ok_or(VaultError::NotFound { reference })?;
        let facts = &mut record.facts;
        if facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: facts.name.clone(),
                expected,
                found: facts.version,
            });
        }
        if facts.version.next() == facts.version {
            return Err(other("storing a secret", ValueRefused::TooManyVersions));
        }
        facts.version = facts.version.next();
        facts.updated_at = now.trunc_subsecs(6);
        self.store(session, &record, Some(value)).await?;
        Ok(record.facts)
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        let mut session = self.write().await?;
        let mut record = self
            .record(&mut session, reference)
            .await?
            .ok_or(VaultError::NotFound { reference })?;
        record.facts.owner = owner;
        self.store(session, &record, None).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        let mut session = self.read().await?;
        let row = FactsRow::by_name(session.connection(), name)
            .await
            .map_err(self.database("looking for a secret"))?;
        let record = row.map(|row| row.verify(session.unlocked.sealer()));
        Ok(record.transpose()?.map(|record| record.facts))
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        let mut session = self.read().await?;
        let rows = FactsRow::all(session.connection())
            .await
            .map_err(self.database("listing the secrets"))?;
        let sealer = session.unlocked.sealer();
        let facts = |row: &FactsRow| row.verify(sealer).map(|record| record.facts);
        rows.iter().map(facts).collect()
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        let mut session = self.write().await?;
        let mut record = self
            .record(&mut session, reference)
            .await?
            .ok_or(VaultError::NotFound { reference })?;
        let oldest = version.min(record.facts.version);
        if oldest <= record.oldest {
            return Ok(0);
        }
        let forgotten = VersionRow::delete_before(session.connection(), reference, oldest)
            .await
            .map_err(self.database("forgetting old versions"))?;
        record.oldest = oldest;
        self.store(session, &record, None).await?;
        Ok(forgotten)
    }

    /// Works on a damaged secret too: deleting it is a way out.
    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        const STEP: &str = "deleting a secret";
        let mut session = self.write().await?;
        let deleted = sqlx::query("DELETE FROM secrets WHERE id = $1")
            .bind(id_bytes(&reference).to_vec())
            .execute(session.connection())
            .await
            .map_err(self.database(STEP))?;
        session.tx.commit().await.map_err(self.database(STEP))?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        let mut session = self.read().await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM secrets")
            .fetch_one(session.connection())
            .await
            .map_err(self.database("counting the secrets"))?;
        Ok(VaultHealth {
            description: format!(
                "embedded vault {}, opened by {} (key generation {})",
                self.path.display(),
                session.unlocked.source.describe(),
                session.unlocked.header.generation,
            ),
            secrets: u64::try_from(count).unwrap_or_default(),
        })
    }
}
