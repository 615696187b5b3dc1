//! A vault whose reading is put down.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::ports::{AccessStore, Clock, SecretVault, VaultError, VaultHealth};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::text::SecretName;

/// Puts down who read which secret, each time a value leaves the vault behind it.
///
/// A store that fails takes no secret away: the value is answered, and `troubled` is told.
pub struct RecordedVault {
    inner: Arc<dyn SecretVault>,
    access: Arc<dyn AccessStore>,
    clock: Arc<dyn Clock>,
    by: String,
    troubled: fn(&crate::ports::StoreError),
}

impl RecordedVault {
    /// The vault `inner`, read by `by`: a program, and a person where one is known.
    pub fn new(
        inner: Arc<dyn SecretVault>,
        access: Arc<dyn AccessStore>,
        clock: Arc<dyn Clock>,
        by: impl Into<String>,
    ) -> Self {
        Self {
            inner,
            access,
            clock,
            by: by.into(),
            troubled: |_| {},
        }
    }

    /// Tells when an access could not be put down.
    #[must_use]
    pub fn troubled(mut self, troubled: fn(&crate::ports::StoreError)) -> Self {
        self.troubled = troubled;
        self
    }

    async fn put_down(&self, reference: SecretRef) {
        let now = self.clock.now();
        if let Err(error) = self.access.record(reference, &self.by, now).await {
            (self.troubled)(&error);
        }
    }
}

impl fmt::Debug for RecordedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedVault")
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SecretVault for RecordedVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner.put(reference, name, owner, value, now).await
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        let found = self.inner.get(reference).await?;
        if found.is_some() {
            self.put_down(reference).await;
        }
        Ok(found)
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let found = self.inner.get_version(reference, version).await?;
        if found.is_some() {
            self.put_down(reference).await;
        }
        Ok(found)
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner
            .add_version(reference, expected, value, now)
            .await
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.inner.set_owner(reference, owner).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.find(name).await
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.look(reference).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.inner.list().await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.inner.forget_before(reference, version).await
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}
