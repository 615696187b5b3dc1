//! Handing secrets over and taking them over, one entry after the other.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::SubsecRound;
use org_core::ports::{VaultError, VaultTransfer};
use org_core::secret::{
    SecretFacts, SecretPlace, SecretRef, SecretVersion, VersionFacts, VersionValue,
};
use org_core::text::VaultName;
use secrecy::ExposeSecret;

use super::OpenBaoVault;
use super::kv::{Entry, MAX_VERSIONS, Stale};
use super::layout::{ARRIVING_FROM, MovedData, ValueData};
use crate::value::check_value;

#[async_trait]
impl VaultTransfer for OpenBaoVault {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        let record = self
            .record(reference, "listing the versions of a secret")
            .await?;
        Ok(record.map(|record| record.versions()).unwrap_or_default())
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        let oldest = crate::transfer::oldest_of_whole(facts, &versions)?;
        if versions.len() as u64 > MAX_VERSIONS {
            return Err(VaultError::Unsupported {
                detail: format!(
                    "`{}` has {} versions, and a server keeps {MAX_VERSIONS} of each; forget the oldest first",
                    facts.name,
                    versions.len()
                ),
            });
        }
        for version in &versions {
            check_value(&version.value)?;
        }
        let facts = SecretFacts {
            created_at: facts.created_at.trunc_subsecs(6),
            updated_at: facts.updated_at.trunc_subsecs(6),
            vault: self.options.name.clone(),
            place: SecretPlace::Kept,
            arriving_from: Some(from.clone()),
            ..facts.clone()
        };
        let data: Vec<ValueData<'_>> = versions
            .iter()
            .map(|version| ValueData {
                value: version.value.expose_secret(),
            })
            .collect();
        let data: Vec<&ValueData<'_>> = data.iter().collect();
        self.make(&facts, u64::from(oldest.0).saturating_sub(1), &data)
            .await?;
        Ok(facts)
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        const DOING: &str = "ending a move";
        let record = self.record(reference, DOING).await?;
        if record.is_none_or(|record| record.facts.arriving_from.is_none()) {
            return Ok(());
        }
        let id = reference.to_string();
        let change = BTreeMap::from([(ARRIVING_FROM, None)]);
        self.patch_metadata(Entry::Secret(&id), &change, DOING)
            .await
    }

    /// The engine deletes without a check, so a last version is written with one: from then on no other change goes through.
    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        const DOING: &str = "deleting what was moved away";
        let Some(record) = self.record(reference, DOING).await? else {
            return Ok(false);
        };
        if record.facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: record.facts.name,
                expected,
                found: record.facts.version,
            });
        }
        let id = reference.to_string();
        let entry = Entry::Secret(&id);
        let last = MovedData { moved: true };
        if let Err(Stale) = self
            .write_entry(entry, record.current, &last, DOING)
            .await?
        {
            return Err(self.conflict(reference, expected).await?);
        }
        self.delete_entry(entry, DOING).await?;
        self.forget(reference);
        Ok(true)
    }
}
