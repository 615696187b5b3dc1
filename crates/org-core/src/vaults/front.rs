//! The vaults as one.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use secrecy::SecretString;

use super::{VaultHandle, Vaults};
use crate::ports::{SecretVault, VaultError, VaultHealth};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::text::{SecretName, VaultName};

/// How often to look again for a secret that is not where it was a moment ago.
const ATTEMPTS: u32 = 4;

/// Asks the vault in which the secret lives, and looks for it again when it is not there any more.
macro_rules! at_home {
    ($vaults:expr, $reference:expr, absent = $absent:pat => $none:expr, |$vault:ident| $call:expr) => {{
        if let Some($vault) = $vaults.only() {
            return $call.await;
        }
        for _ in 0..ATTEMPTS {
            let Some(handle) = $vaults.home($reference).await? else {
                return $none;
            };
            let $vault = &*handle.vault;
            match $call.await {
                $absent => $vaults.forget($reference),
                answer => return answer,
            }
        }
        Err(moving($reference))
    }};
}

fn moving(reference: SecretRef) -> VaultError {
    VaultError::Unavailable {
        detail: format!(
            "the secret {reference} is being moved from one vault to another; try again"
        ),
    }
}

/// Of a secret that two vaults have, the one that did not just arrive counts.
fn merged(mut all: Vec<SecretFacts>) -> Vec<SecretFacts> {
    let mut facts: Vec<SecretFacts> = Vec::with_capacity(all.len());
    all.sort_by(|a, b| (&a.name, a.reference).cmp(&(&b.name, b.reference)));
    for one in all {
        match facts.last_mut() {
            Some(last) if last.reference == one.reference => {
                if last.arriving_from.is_some() {
                    *last = one;
                }
            }
            _ => facts.push(one),
        }
    }
    facts
}

impl Vaults {
    /// Deletes a secret, wherever it lives, if `expected` is still its newest version; [`VaultError::VersionConflict`] otherwise, and `false` if
    /// there was none. Of this and a change at the same moment one is refused.
    pub async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        let Some((home, facts)) = self.locate(reference).await? else {
            return Ok(false);
        };
        if facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: facts.name,
                expected,
                found: facts.version,
            });
        }
        // Copies that arrive go first, as in `delete`, and again at the end: a move that is under way may have made one meanwhile, or have ended.
        let mut deleted = self.delete_copies(home, reference, expected).await?;
        deleted |= home.transfer.delete_if(reference, expected).await?;
        deleted |= self.delete_copies(home, reference, expected).await?;
        self.forget(reference);
        Ok(deleted)
    }

    /// Deletes a secret wherever a move brought it, or is about to.
    ///
    /// A move of another program that has read the secret, and writes it only after this, makes it live again: it cannot be told from one that was
    /// cut off, and what was cut off must not be lost.
    async fn delete_copies(
        &self,
        home: &VaultHandle,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        let mut deleted = false;
        for other in self.all().iter().filter(|other| other.name != home.name) {
            if let Some(copy) = other.vault.look(reference).await? {
                // What is a copy no more has just been moved there, and may have been changed since.
                let newest = match copy.arriving_from {
                    Some(_) => copy.version,
                    None => expected,
                };
                deleted |= other.transfer.delete_if(reference, newest).await?;
            }
        }
        Ok(deleted)
    }

    /// The secrets of those vaults that answer, for a person to look at, and why the others do not.
    pub async fn list_what_answers(&self) -> (Vec<SecretFacts>, Vec<(VaultName, VaultError)>) {
        let lists = self.all().iter().map(|handle| handle.vault.list());
        let (mut all, mut silent) = (Vec::new(), Vec::new());
        for (handle, list) in self.all().iter().zip(join_all(lists).await) {
            match list {
                Ok(list) => all.extend(list),
                Err(error) => silent.push((handle.name.clone(), error)),
            }
        }
        (merged(all), silent)
    }
}

#[async_trait]
impl SecretVault for Vaults {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.put_in(self.first(), (reference, name), owner, value, now)
            .await
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        at_home!(self, reference, absent = Ok(None) => Ok(None), |vault| vault.get(reference))
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        if let Some(only) = self.only() {
            return only.get_version(reference, version).await;
        }
        // A version that is not there says nothing about where the secret lives.
        let Some((handle, _)) = self.locate(reference).await? else {
            return Ok(None);
        };
        handle.vault.get_version(reference, version).await
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        at_home!(
            self, reference,
            absent = Err(VaultError::NotFound { .. }) => Err(VaultError::NotFound { reference }),
            |vault| vault.add_version(reference, expected, value.clone(), now)
        )
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        at_home!(
            self, reference,
            absent = Err(VaultError::NotFound { .. }) => Err(VaultError::NotFound { reference }),
            |vault| vault.set_owner(reference, owner)
        )
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        if let Some(only) = self.only() {
            return only.find(name).await;
        }
        let mut found = None;
        for _ in 0..2 {
            let finds = self.all().iter().map(|handle| handle.vault.find(name));
            found = self.judge(join_all(finds).await)?;
            if found.is_some() {
                break;
            }
        }
        Ok(found.map(|(at, facts)| {
            self.guess(facts.reference, at);
            facts
        }))
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        Ok(self.locate(reference).await?.map(|(_, facts)| facts))
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        if let Some(only) = self.only() {
            return only.list().await;
        }
        let mut all = Vec::new();
        for list in join_all(self.all().iter().map(|handle| handle.vault.list())).await {
            all.extend(list?);
        }
        Ok(merged(all))
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        at_home!(
            self, reference,
            absent = Err(VaultError::NotFound { .. }) => Err(VaultError::NotFound { reference }),
            |vault| vault.forget_before(reference, version)
        )
    }

    /// Copies that arrive go first: one that was left behind would count from then on.
    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        if let Some(only) = self.only() {
            return only.delete(reference).await;
        }
        let looks = self.all().iter().map(|handle| handle.vault.look(reference));
        let mut holders = Vec::new();
        for (handle, answer) in self.all().iter().zip(join_all(looks).await) {
            holders.extend(answer?.map(|facts| (facts.arriving_from.is_none(), handle)));
        }
        holders.sort_by_key(|(settled, _)| *settled);
        let mut deleted = false;
        for (_, handle) in holders {
            deleted |= handle.vault.delete(reference).await?;
        }
        self.forget(reference);
        Ok(deleted)
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        if let Some(only) = self.only() {
            return only.health().await;
        }
        let (mut descriptions, mut secrets) = (Vec::new(), 0);
        let looks = self.all().iter().map(|handle| handle.vault.health());
        for (handle, health) in self.all().iter().zip(join_all(looks).await) {
            let health = health?;
            descriptions.push(format!("{}: {}", handle.name, health.description));
            secrets += health.secrets;
        }
        Ok(VaultHealth {
            description: descriptions.join("; "),
            secrets,
        })
    }
}
