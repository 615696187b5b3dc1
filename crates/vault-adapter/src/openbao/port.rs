//! The port, kept by the server.
//!
//! The engine changes one entry at a time, so what needs two has an order that a program may die in, and the next one mends:
//!
//! - A secret stands under its id, and its name under `names`, where it points at the id. A name belongs to whoever's claim is confirmed last by
//!   check-and-set; one that points at a secret that is not there is free.
//! - What is known of a secret stands beside its versions, and says for which version its time is; if that is not the newest, the server's own
//!   time counts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use org_core::ports::{SecretVault, VaultError, VaultHealth};
use org_core::secret::{SecretFacts, SecretOwner, SecretPlace, SecretRef, SecretVersion};
use org_core::text::SecretName;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::OpenBaoVault;
use super::kv::{Entry, ReadEntry, Stale};
use super::layout::{
    self, Claim, Data, OWNER, Record, Value, ValueData, engine_version, our_version, owner_text,
    tampered,
};
use crate::value::check_value;

/// How often to try again when others claim the same name at the same time.
const ATTEMPTS: u32 = 8;

const READING: &str = "reading a secret";
const STORING: &str = "storing a secret";

/// What a version of a secret turned out to be.
enum Content {
    Value(SecretVersion, SecretString),
    /// It is read elsewhere each time.
    External,
    Absent,
}

impl OpenBaoVault {
    /// What stands under a reference.
    pub(super) async fn record(
        &self,
        reference: SecretRef,
        doing: &str,
    ) -> Result<Option<Record>, VaultError> {
        let id = reference.to_string();
        let Some(metadata) = self.metadata(Entry::Secret(&id), doing).await? else {
            self.forget(reference);
            return Ok(None);
        };
        let record = layout::record(&id, metadata, &self.options.name)
            .map_err(|(reference, why)| tampered(reference, &why))?;
        if let Some(record) = &record {
            self.remember(reference, record.base);
        }
        Ok(record)
    }

    async fn existing(&self, reference: SecretRef, doing: &str) -> Result<Record, VaultError> {
        let record = self.record(reference, doing).await?;
        record.ok_or(VaultError::NotFound { reference })
    }

    /// Reads a version, by the engine's number; the newest without one.
    async fn content(
        &self,
        reference: SecretRef,
        number: Option<u64>,
    ) -> Result<Content, VaultError> {
        let id = reference.to_string();
        let entry = Entry::Secret(&id);
        let unreadable = || VaultError::Tampered {
            reference,
            detail: "it has neither a value nor says where one is; write its value anew".to_owned(),
        };
        let found = self.read_entry::<Data>(entry, number, READING).await?;
        let (data, metadata) = match found {
            ReadEntry::There { data, metadata } => (data, metadata),
            ReadEntry::Absent => return Ok(Content::Absent),
            // Forgotten on purpose, unless it is the newest.
            ReadEntry::Deleted(metadata) if metadata.destroyed && number.is_some() => {
                return Ok(Content::Absent);
            }
            ReadEntry::Deleted(metadata) => {
                let base = layout::base_of(metadata.custom_metadata.as_ref());
                let version = our_version(base.unwrap_or_default(), metadata.version);
                return Err(VaultError::VersionDeleted {
                    reference,
                    version: version.unwrap_or(SecretVersion::FIRST),
                    detail: if metadata.destroyed {
                        "its value is gone for good; rotate the secret with a new one".to_owned()
                    } else {
                        format!(
                            "undelete it (bao kv undelete -mount={} -versions={} {}/secrets/{reference}), or rotate the secret",
                            self.options.mount, metadata.version, self.options.prefix
                        )
                    },
                });
            }
        };
        if data.moved {
            // Whoever moved it away died before the last step.
            self.delete_entry(entry, "deleting what was moved away")
                .await?;
            return Ok(Content::Absent);
        }
        if data.reference {
            return Ok(Content::External);
        }
        let Some(Value(value)) = data.value else {
            return Err(unreadable());
        };
        let base = layout::base_of(metadata.custom_metadata.as_ref()).ok_or_else(unreadable)?;
        self.remember(reference, base);
        let version = our_version(base, metadata.version).ok_or_else(unreadable)?;
        Ok(Content::Value(version, value))
    }

    /// The value of a secret that only points elsewhere.
    async fn pointed_at(&self, reference: SecretRef) -> Result<Option<SecretString>, VaultError> {
        let Some(record) = self.record(reference, READING).await? else {
            return Ok(None);
        };
        match &record.facts.place {
            SecretPlace::External(target) => self.read_external(reference, target).await.map(Some),
            SecretPlace::Kept => Ok(None),
        }
    }

    /// Makes a secret with its first versions; the numbers of the engine are `base` behind.
    pub(super) async fn make(
        &self,
        facts: &SecretFacts,
        base: u64,
        versions: &[&(impl Serialize + Sync)],
    ) -> Result<(), VaultError> {
        let taken = || VaultError::NameTaken {
            name: facts.name.clone(),
        };
        let id = facts.reference.to_string();
        let entry = Entry::Secret(&id);
        if self
            .metadata(entry, STORING)
            .await?
            .is_some_and(|metadata| metadata.current_version > 0)
        {
            return Err(taken());
        }
        let claim = self.claim(&facts.name, facts.reference).await?;
        let newest = versions.len() as u64;
        let custom = layout::custom(facts, base, newest);
        self.set_metadata(entry, &custom, STORING).await?;
        for (number, data) in (0..).zip(versions) {
            if let Err(Stale) = self.write_entry(entry, number, data, STORING).await? {
                return Err(taken());
            }
        }
        let name = Entry::Name(facts.name.as_str());
        let confirmed = Claim {
            id: id.clone(),
            ready: true,
        };
        if let Err(Stale) = self.write_entry(name, claim, &confirmed, STORING).await? {
            // Somebody took the name over before the secret was there.
            self.delete_entry(entry, STORING).await?;
            return Err(taken());
        }
        self.remember(facts.reference, base);
        Ok(())
    }

    /// Has a name point at `reference`, unless it points at a secret that is there; answers the version of the claim.
    async fn claim(&self, name: &SecretName, reference: SecretRef) -> Result<u64, VaultError> {
        let entry = Entry::Name(name.as_str());
        let claim = Claim {
            id: reference.to_string(),
            ready: false,
        };
        for _ in 0..ATTEMPTS {
            let newest = match self.read_entry::<Claim>(entry, None, STORING).await? {
                ReadEntry::Absent => 0,
                ReadEntry::Deleted(metadata) => metadata.version,
                ReadEntry::There { data, metadata } => {
                    let is_there = self
                        .metadata(Entry::Secret(&data.id), STORING)
                        .await?
                        .is_some_and(|metadata| metadata.current_version > 0);
                    if is_there {
                        return Err(VaultError::NameTaken { name: name.clone() });
                    }
                    metadata.version
                }
            };
            if let Ok(version) = self.write_entry(entry, newest, &claim, STORING).await? {
                return Ok(version);
            }
        }
        Err(VaultError::NameTaken { name: name.clone() })
    }

    /// What is known of the secret that a name points at.
    async fn named(&self, name: &SecretName, doing: &str) -> Result<Option<Record>, VaultError> {
        let claim = self
            .read_entry::<Claim>(Entry::Name(name.as_str()), None, doing)
            .await?;
        let ReadEntry::There { data: claim, .. } = claim else {
            return Ok(None);
        };
        let Ok(id) = claim.id.parse::<uuid::Uuid>() else {
            return Ok(None);
        };
        let reference = SecretRef(org_core::ids::SecretId::from_uuid(id));
        let record = self.record(reference, doing).await?;
        Ok(record.filter(|record| record.facts.name == *name))
    }

    /// Of several secrets with one name, which a program left that died at a bad moment, the one that the name points at.
    async fn without_doubles(
        &self,
        mut all: Vec<SecretFacts>,
        doing: &str,
    ) -> Result<Vec<SecretFacts>, VaultError> {
        all.sort_by(|a, b| (&a.name, a.reference).cmp(&(&b.name, b.reference)));
        let doubled: Vec<SecretName> = all
            .windows(2)
            .filter(|pair| pair[0].name == pair[1].name)
            .map(|pair| pair[0].name.clone())
            .collect();
        for name in doubled {
            if let Some(owner) = self.named(&name, doing).await? {
                let reference = owner.facts.reference;
                all.retain(|facts| facts.name != name || facts.reference == reference);
            }
        }
        Ok(all)
    }

    /// The conflict of a change that expected another version than the newest.
    pub(super) async fn conflict(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<VaultError, VaultError> {
        let now = self.existing(reference, STORING).await?;
        Ok(VaultError::VersionConflict {
            name: now.facts.name,
            expected,
            found: now.facts.version,
        })
    }
}

#[async_trait]
impl SecretVault for OpenBaoVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        check_value(&value)?;
        let now = now.trunc_subsecs(6);
        let facts = SecretFacts {
            reference,
            name: name.clone(),
            version: SecretVersion::FIRST,
            owner,
            created_at: now,
            updated_at: now,
            vault: self.options.name.clone(),
            place: SecretPlace::Kept,
            arriving_from: None,
        };
        let data = ValueData {
            value: value.expose_secret(),
        };
        self.make(&facts, 0, &[&data]).await?;
        Ok(facts)
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        match self.content(reference, None).await? {
            Content::Value(version, value) => Ok(Some((version, value))),
            Content::Absent => Ok(None),
            Content::External => Ok(self
                .pointed_at(reference)
                .await?
                .map(|value| (SecretVersion::FIRST, value))),
        }
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        let base = match self.remembered(reference) {
            Some(base) => base,
            None => match self.record(reference, READING).await? {
                Some(record) => record.base,
                None => return Ok(None),
            },
        };
        let Some(number) = engine_version(base, version) else {
            return Ok(None);
        };
        match self.content(reference, Some(number)).await? {
            Content::Value(found, value) if found == version => Ok(Some(value)),
            Content::External if version == SecretVersion::FIRST => {
                self.pointed_at(reference).await
            }
            // A secret that was deleted and came back by another move has another base.
            Content::Value(..) => {
                self.forget(reference);
                Ok(None)
            }
            Content::External | Content::Absent => Ok(None),
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
        let Record {
            mut facts,
            base,
            current,
            ..
        } = self.existing(reference, STORING).await?;
        if let SecretPlace::External(target) = &facts.place {
            return Err(VaultError::Unsupported {
                detail: format!("`{}` only points at {target}; change it there", facts.name),
            });
        }
        if facts.version != expected {
            return Err(VaultError::VersionConflict {
                name: facts.name,
                expected,
                found: facts.version,
            });
        }
        let id = reference.to_string();
        let entry = Entry::Secret(&id);
        let data = ValueData {
            value: value.expose_secret(),
        };
        let Ok(number) = self.write_entry(entry, current, &data, STORING).await? else {
            return Err(self.conflict(reference, expected).await?);
        };
        let version = our_version(base, number);
        facts.version = version.ok_or_else(|| VaultError::Unsupported {
            detail: "the secret has as many versions as can be counted".to_owned(),
        })?;
        facts.updated_at = now.trunc_subsecs(6);
        let change = layout::updated(facts.updated_at, number);
        if let Err(error) = self.patch_metadata(entry, &change, STORING).await {
            // The value is stored, and that is the answer; of its time the server's own is shown.
            tracing::warn!(%reference, %error, "the time of a change could not be stored");
        }
        Ok(facts)
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.existing(reference, STORING).await?;
        let change = BTreeMap::from([(OWNER, Some(owner_text(owner)))]);
        let id = reference.to_string();
        self.patch_metadata(Entry::Secret(&id), &change, STORING)
            .await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        let record = self.named(name, "looking for a secret").await?;
        Ok(record.map(|record| record.facts))
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        let record = self.record(reference, "looking at a secret").await?;
        Ok(record.map(|record| record.facts))
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        const DOING: &str = "listing the secrets";
        let mut all = Vec::new();
        for (id, metadata) in self.all_metadata(DOING).await? {
            let record = layout::record(&id, metadata, &self.options.name)
                .map_err(|(reference, why)| tampered(reference, &why))?;
            if let Some(record) = record {
                self.remember(record.facts.reference, record.base);
                all.push(record.facts);
            }
        }
        self.without_doubles(all, DOING).await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        const DOING: &str = "forgetting old versions";
        let record = self.existing(reference, DOING).await?;
        let oldest = version.min(record.facts.version);
        let number = |text: &String| text.parse::<u64>().ok();
        let old: Vec<u64> = record
            .metadata
            .versions
            .iter()
            .filter(|(_, wire)| !wire.destroyed)
            .filter_map(|(text, _)| number(text))
            .filter(|&number| our_version(record.base, number).is_some_and(|it| it < oldest))
            .collect();
        if old.is_empty() {
            return Ok(0);
        }
        let id = reference.to_string();
        self.destroy(Entry::Secret(&id), &old, DOING).await?;
        Ok(old.len() as u64)
    }

    /// Works on an entry that cannot be read too: deleting it is a way out.
    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        const DOING: &str = "deleting a secret";
        let id = reference.to_string();
        let entry = Entry::Secret(&id);
        let Some(metadata) = self.metadata(entry, DOING).await? else {
            return Ok(false);
        };
        self.delete_entry(entry, DOING).await?;
        self.forget(reference);
        Ok(metadata.current_version > 0)
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        let version = self.server_health().await?;
        let secrets = self.secret_keys("counting the secrets").await?.len();
        let namespace = match &self.options.namespace {
            Some(namespace) => format!(" in the namespace {namespace}"),
            None => String::new(),
        };
        Ok(VaultHealth {
            description: format!(
                "server {version} at {}{namespace}, mount {}, prefix {}, authenticated by {}",
                self.place(),
                self.options.mount,
                self.options.prefix,
                self.server.sessions.auth().in_words(),
            ),
            secrets: secrets as u64,
        })
    }
}
