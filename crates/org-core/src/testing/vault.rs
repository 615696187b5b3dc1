//! A vault in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use secrecy::SecretString;

use crate::ports::{SecretLinks, SecretVault, VaultError, VaultHealth, VaultTransfer};
use crate::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretPlace, SecretRef, SecretVersion, VersionFacts,
    VersionValue,
};
use crate::text::{SecretName, VaultName};

/// What a [`MemoryVault`] suffers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultFault {
    /// Its key is missing.
    Locked,
    /// It denies access.
    Denied,
    /// It cannot be reached.
    Unavailable,
    /// It waits for a person to unseal it.
    Sealed,
}

/// Keeps secrets in memory, and forgets them with the value.
pub struct MemoryVault {
    name: VaultName,
    inner: Mutex<Inner>,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self::named("memory")
    }
}

#[derive(Default)]
struct Inner {
    secrets: BTreeMap<SecretRef, Entry>,
    /// What others keep in the same vault.
    external: BTreeMap<String, SecretString>,
    fault: Option<VaultFault>,
}

struct Entry {
    facts: SecretFacts,
    /// Those that were not forgotten.
    values: BTreeMap<SecretVersion, (DateTime<Utc>, SecretString)>,
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

    /// A vault without secrets, of that name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.parse().expect("a name of a vault"),
            inner: Mutex::default(),
        }
    }

    /// Puts a secret of somebody else into the same vault.
    pub fn plant(&self, target: &ExternalSecret, value: &str) {
        let value = SecretString::from(value);
        self.lock().external.insert(target.to_string(), value);
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
            Some(VaultFault::Sealed) => Err(VaultError::Sealed { place: detail }),
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

impl Inner {
    /// Where a secret of others is read each time.
    fn external(&self, target: &ExternalSecret) -> Result<SecretString, VaultError> {
        self.external
            .get(&target.to_string())
            .cloned()
            .ok_or_else(|| VaultError::WrongMount {
                detail: format!("there is nothing at {target}"),
            })
    }

    fn insert(&mut self, facts: SecretFacts) -> Result<&mut Entry, VaultError> {
        let taken = |entry: &Entry| {
            entry.facts.name == facts.name || entry.facts.reference == facts.reference
        };
        if self.secrets.values().any(taken) {
            return Err(VaultError::NameTaken { name: facts.name });
        }
        let values = BTreeMap::new();
        Ok(self
            .secrets
            .entry(facts.reference)
            .or_insert(Entry { facts, values }))
    }

    fn value(
        &self,
        reference: SecretRef,
        version: Option<SecretVersion>,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        let Some(entry) = self.secrets.get(&reference) else {
            return Ok(None);
        };
        let version = version.unwrap_or(entry.facts.version);
        match &entry.facts.place {
            SecretPlace::External(target) if version == SecretVersion::FIRST => {
                Ok(Some((version, self.external(target)?)))
            }
            _ => Ok(entry
                .values
                .get(&version)
                .map(|(_, value)| (version, value.clone()))),
        }
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
        let now = now.trunc_subsecs(6);
        let facts = SecretFacts {
            reference,
            name: name.clone(),
            version: SecretVersion::FIRST,
            owner,
            created_at: now,
            updated_at: now,
            vault: self.name.clone(),
            place: SecretPlace::Kept,
            arriving_from: None,
        };
        let mut inner = self.open()?;
        let entry = inner.insert(facts)?;
        entry.values.insert(SecretVersion::FIRST, (now, value));
        Ok(entry.facts.clone())
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.open()?.value(reference, None)
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let found = self.open()?.value(reference, Some(version))?;
        Ok(found.map(|(_, value)| value))
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
        if let SecretPlace::External(target) = &entry.facts.place {
            return Err(VaultError::Unsupported {
                detail: format!(
                    "`{}` only points at {target}; change it there",
                    entry.facts.name
                ),
            });
        }
        if entry.facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: entry.facts.name.clone(),
                expected,
                found: entry.facts.version,
            });
        }
        let now = now.trunc_subsecs(6);
        entry.values.insert(expected.next(), (now, value));
        entry.facts.version = expected.next();
        entry.facts.updated_at = now;
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

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        let inner = self.open()?;
        Ok(inner
            .secrets
            .get(&reference)
            .map(|entry| entry.facts.clone()))
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
        let before = entry.values.len();
        let newest = entry.facts.version;
        entry.values.retain(|kept, _| *kept >= version.min(newest));
        Ok((before - entry.values.len()) as u64)
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

#[async_trait]
impl VaultTransfer for MemoryVault {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        let inner = self.open()?;
        let entry = inner.secrets.get(&reference);
        let facts =
            |(&version, (created_at, _)): (&SecretVersion, &(DateTime<Utc>, _))| VersionFacts {
                version,
                created_at: *created_at,
            };
        Ok(entry
            .map(|entry| entry.values.iter().map(facts).collect())
            .unwrap_or_default())
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        let in_a_row = versions
            .windows(2)
            .all(|pair| pair[0].facts.version.next() == pair[1].facts.version);
        let ends = versions.last().map(|last| last.facts.version) == Some(facts.version);
        if facts.place != SecretPlace::Kept || !in_a_row || !ends {
            return Err(VaultError::Unsupported {
                detail: "only a whole secret of one's own is handed over".to_owned(),
            });
        }
        let mut inner = self.open()?;
        let entry = inner.insert(SecretFacts {
            vault: self.name.clone(),
            arriving_from: Some(from.clone()),
            ..facts.clone()
        })?;
        for VersionValue { facts, value } in versions {
            entry
                .values
                .insert(facts.version, (facts.created_at, value));
        }
        Ok(entry.facts.clone())
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        let mut inner = self.open()?;
        if let Some(entry) = inner.secrets.get_mut(&reference) {
            entry.facts.arriving_from = None;
        }
        Ok(())
    }

    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        let mut inner = self.open()?;
        match inner.secrets.get(&reference) {
            None => Ok(false),
            Some(entry) if entry.facts.version == expected => {
                Ok(inner.secrets.remove(&reference).is_some())
            }
            Some(entry) => Err(VaultError::VersionConflict {
                name: entry.facts.name.clone(),
                expected,
                found: entry.facts.version,
            }),
        }
    }
}

#[async_trait]
impl SecretLinks for MemoryVault {
    async fn link(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        target: &ExternalSecret,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let now = now.trunc_subsecs(6);
        let mut inner = self.open()?;
        inner.external(target)?;
        let entry = inner.insert(SecretFacts {
            reference,
            name: name.clone(),
            version: SecretVersion::FIRST,
            owner,
            created_at: now,
            updated_at: now,
            vault: self.name.clone(),
            place: SecretPlace::External(target.clone()),
            arriving_from: None,
        })?;
        Ok(entry.facts.clone())
    }
}
