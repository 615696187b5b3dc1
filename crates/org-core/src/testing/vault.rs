//! A vault in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use secrecy::SecretString;

use crate::ports::{SecretVault, VaultError, VaultHealth};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::text::SecretName;

/// What a [`MemoryVault`] suffers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultFault {
    /// Its key is missing.
    Locked,
    /// It denies access.
    Denied,
    /// It cannot be reached.
    Unavailable,
}

/// Keeps secrets in memory, and forgets them with the value.
#[derive(Default)]
pub struct MemoryVault {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    secrets: BTreeMap<SecretRef, Entry>,
    fault: Option<VaultFault>,
}

struct Entry {
    facts: SecretFacts,
    /// The first version first; `None` for those that were forgotten.
    values: Vec<Option<SecretString>>,
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVault").finish_non_exhaustive()
    }
}

impl MemoryVault {
    /// A vault without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every call fail from now on.
    pub fn break_with(&self, fault: VaultFault) {
        self.lock().fault = Some(fault);
    }

    /// Ends what [`MemoryVault::break_with`] began.
    pub fn repair(&self) {
        self.lock().fault = None;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Inner>, VaultError> {
        let inner = self.lock();
        let detail = "the test said so".to_owned();
        match inner.fault {
            None => Ok(inner),
            Some(VaultFault::Locked) => Err(VaultError::Locked { detail }),
            Some(VaultFault::Denied) => Err(VaultError::Denied { detail }),
            Some(VaultFault::Unavailable) => Err(VaultError::Unavailable { detail }),
        }
    }
}

impl Inner {
    fn entry(&mut self, reference: SecretRef) -> Result<&mut Entry, VaultError> {
        self.secrets
            .get_mut(&reference)
            .ok_or(VaultError::NotFound { reference })
    }
}

impl Entry {
    fn value(&self, version: SecretVersion) -> Option<&SecretString> {
        let index = usize::try_from(version.0).ok()?.checked_sub(1)?;
        self.values.get(index)?.as_ref()
    }
}

#[async_trait]
impl SecretVault for MemoryVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let mut inner = self.open()?;
        let taken = |entry: &Entry| entry.facts.name == *name || entry.facts.reference == reference;
        if inner.secrets.values().any(taken) {
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
        inner.secrets.insert(
            reference,
            Entry {
                facts: facts.clone(),
                values: vec![Some(value)],
            },
        );
        Ok(facts)
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        let inner = self.open()?;
        Ok(inner.secrets.get(&reference).and_then(|entry| {
            let version = entry.facts.version;
            Some((version, entry.value(version)?.clone()))
        }))
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let inner = self.open()?;
        let entry = inner.secrets.get(&reference);
        Ok(entry.and_then(|entry| entry.value(version)).cloned())
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let mut inner = self.open()?;
        let entry = inner.entry(reference)?;
        if entry.facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: entry.facts.name.clone(),
                expected,
                found: entry.facts.version,
            });
        }
        entry.values.push(Some(value));
        entry.facts.version = expected.next();
        entry.facts.updated_at = now.trunc_subsecs(6);
        Ok(entry.facts.clone())
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.open()?.entry(reference)?.facts.owner = owner;
        Ok(())
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        let inner = self.open()?;
        let mut facts = inner.secrets.values().map(|entry| &entry.facts);
        Ok(facts.find(|facts| facts.name == *name).cloned())
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        let inner = self.open()?;
        let mut facts: Vec<_> = inner
            .secrets
            .values()
            .map(|entry| entry.facts.clone())
            .collect();
        facts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(facts)
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        let mut inner = self.open()?;
        let entry = inner.entry(reference)?;
        let older = version.min(entry.facts.version).0.saturating_sub(1);
        let older = entry.values.iter_mut().take(older as usize);
        Ok(older.filter_map(Option::take).count() as u64)
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        Ok(self.open()?.secrets.remove(&reference).is_some())
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        let inner = self.open()?;
        Ok(VaultHealth {
            description: "in memory, without a key".to_owned(),
            secrets: inner.secrets.len() as u64,
        })
    }
}
