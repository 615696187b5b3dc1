//! Handing secrets over to another vault and taking them over from one, each a transaction.

use async_trait::async_trait;
use chrono::SubsecRound;
use org_core::ports::{VaultError, VaultTransfer};
use org_core::secret::{
    SecretFacts, SecretPlace, SecretRef, SecretVersion, VersionFacts, VersionValue,
};
use org_core::text::VaultName;

use super::EmbeddedVault;
use super::error::no_entropy;
use super::records::{FactsRow, Record, VersionRow, id_bytes};
use crate::value::check_value;

#[async_trait]
impl VaultTransfer for EmbeddedVault {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        let mut session = self.read().await?;
        VersionRow::times(session.connection(), reference)
            .await
            .map_err(self.database("listing the versions of a secret"))
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        const STEP: &str = "taking a secret over";
        let oldest = crate::transfer::oldest_of_whole(facts, &versions)?;
        for version in &versions {
            check_value(&version.value)?;
        }
        let mut session = self.write_new(facts.reference, &facts.name).await?;
        let record = Record {
            facts: SecretFacts {
                created_at: facts.created_at.trunc_subsecs(6),
                updated_at: facts.updated_at.trunc_subsecs(6),
                vault: self.name(),
                place: SecretPlace::Kept,
                arriving_from: Some(from.clone()),
                ..facts.clone()
            },
            oldest,
        };
        let (unlocked, entropy) = (session.unlocked.clone(), self.entropy.as_ref());
        FactsRow::sealed(&record, unlocked.sealer(), entropy)
            .map_err(no_entropy)?
            .save(session.connection())
            .await
            .map_err(self.database(STEP))?;
        for VersionValue { facts, value } in &versions {
            let (version, created_at) = (facts.version, facts.created_at);
            let reference = record.facts.reference;
            VersionRow::sealed(
                reference,
                version,
                created_at,
                value,
                unlocked.sealer(),
                entropy,
            )
            .map_err(no_entropy)?
            .save(session.connection())
            .await
            .map_err(self.database(STEP))?;
        }
        session.tx.commit().await.map_err(self.database(STEP))?;
        Ok(record.facts)
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        let mut session = self.write().await?;
        match self.record(&mut session, reference).await? {
            Some(mut record) if record.facts.arriving_from.is_some() => {
                record.facts.arriving_from = None;
                self.store(session, &record, None).await
            }
            _ => Ok(()),
        }
    }

    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        const STEP: &str = "deleting a secret";
        let mut session = self.write().await?;
        let Some(record) = self.record(&mut session, reference).await? else {
            return Ok(false);
        };
        if record.facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: record.facts.name,
                expected,
                found: record.facts.version,
            });
        }
        sqlx::query("DELETE FROM secrets WHERE id = $1")
            .bind(id_bytes(&reference).to_vec())
            .execute(session.connection())
            .await
            .map_err(self.database(STEP))?;
        session.tx.commit().await.map_err(self.database(STEP))?;
        Ok(true)
    }
}
