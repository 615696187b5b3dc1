//! The port, kept by the embedded vault.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use org_core::ports::{SecretVault, VaultError, VaultHealth};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::text::SecretName;
use secrecy::SecretString;

use super::error::{no_entropy, other};
use super::records::{FactsRow, VersionRow, check_value, id_bytes, tampered};
use super::{EmbeddedVault, Session, ValueRefused};

impl EmbeddedVault {
    /// What is known of a secret, proved by its seal.
    async fn facts(
        &self,
        session: &mut Session,
        reference: SecretRef,
    ) -> Result<Option<SecretFacts>, VaultError> {
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
        facts: &SecretFacts,
        value: Option<SecretString>,
    ) -> Result<(), VaultError> {
        const STEP: &str = "storing a secret";
        let (unlocked, entropy) = (session.unlocked.clone(), self.entropy.as_ref());
        let row = FactsRow::sealed(facts, unlocked.sealer(), entropy).map_err(no_entropy)?;
        row.save(session.connection())
            .await
            .map_err(self.database(STEP))?;
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
        let facts = SecretFacts {
            reference,
            name: name.clone(),
            version: SecretVersion::FIRST,
            owner,
            created_at: now,
            updated_at: now,
        };
        self.store(session, &facts, Some(value)).await?;
        Ok(facts)
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        let mut session = self.read().await?;
        let Some(facts) = self.facts(&mut session, reference).await? else {
            return Ok(None);
        };
        let value = self.value(&mut session, reference, facts.version).await?;
        Ok(Some((facts.version, value)))
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let mut session = self.read().await?;
        match self.facts(&mut session, reference).await? {
            Some(facts) if (SecretVersion::FIRST..=facts.version).contains(&version) => {
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
        let mut facts = self
            .facts(&mut session, reference)
            .await?
            .ok_or(VaultError::NotFound { reference })?;
        if facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: facts.name,
                expected,
                found: facts.version,
            });
        }
        if facts.version.next() == facts.version {
            return Err(other("storing a secret", ValueRefused::TooManyVersions));
        }
        facts.version = facts.version.next();
        facts.updated_at = now.trunc_subsecs(6);
        self.store(session, &facts, Some(value)).await?;
        Ok(facts)
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        let mut session = self.write().await?;
        let mut facts = self
            .facts(&mut session, reference)
            .await?
            .ok_or(VaultError::NotFound { reference })?;
        facts.owner = owner;
        self.store(session, &facts, None).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        let mut session = self.read().await?;
        let row = FactsRow::by_name(session.connection(), name)
            .await
            .map_err(self.database("looking for a secret"))?;
        row.map(|row| row.verify(session.unlocked.sealer()))
            .transpose()
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        let mut session = self.read().await?;
        let rows = FactsRow::all(session.connection())
            .await
            .map_err(self.database("listing the secrets"))?;
        let sealer = session.unlocked.sealer();
        rows.iter().map(|row| row.verify(sealer)).collect()
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
