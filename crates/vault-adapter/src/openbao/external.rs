//! Secrets that somebody else keeps on the same server: read there each time, and never copied.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use org_core::ports::{SecretLinks, VaultError};
use org_core::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretPlace, SecretRef, SecretVersion,
};
use org_core::text::SecretName;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

use super::OpenBaoVault;
use super::kv::ReadEntry;
use super::layout::{ReferenceData, Value};
use super::transport::Request;

/// The members of somebody's secret; those that are no text are known by their names alone.
#[derive(Deserialize)]
struct Members(BTreeMap<String, Member>);

enum Member {
    Text(Value),
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::Text(Value(SecretString::from(text))),
            _ => Self::Other,
        })
    }
}

impl OpenBaoVault {
    /// The value that somebody else keeps.
    pub(super) async fn read_external(
        &self,
        reference: SecretRef,
        target: &ExternalSecret,
    ) -> Result<SecretString, VaultError> {
        let doing = format!("reading {target}");
        let mount = self.mount(target.mount()).await?;
        let mut path: Vec<&str> = target.mount().split('/').collect();
        let versioned = mount.as_ref().is_none_or(|mount| mount.is_kv("2"));
        if let Some(mount) = mount.filter(|mount| mount.kind != "kv") {
            return Err(VaultError::WrongMount {
                detail: format!(
                    "`{}` of {} is an engine of type {}, and only secrets of kv engines can be pointed at",
                    target.mount(),
                    self.place(),
                    mount.kind
                ),
            });
        }
        if versioned {
            path.push("data");
        }
        path.extend(target.path().split('/'));
        let request = Request::get(path);
        let members: Option<Members> = if versioned {
            match self.read_data(&request, &doing).await? {
                ReadEntry::There { data, .. } => Some(data),
                ReadEntry::Absent => None,
                ReadEntry::Deleted(metadata) => {
                    return Err(VaultError::VersionDeleted {
                        reference,
                        version: SecretVersion(u32::try_from(metadata.version).unwrap_or_default()),
                        detail: format!("undelete {target}, or write it anew"),
                    });
                }
            }
        } else {
            let answer = self.server.call(&request, &doing).await?;
            match answer.ok() {
                Ok(answer) => Some(
                    answer
                        .data()
                        .map_err(|failure| failure.sort(self.place(), &doing))?,
                ),
                Err(failure) if failure.is_absent() => None,
                Err(failure) => return Err(failure.sort(self.place(), &doing)),
            }
        };
        let Some(Members(mut members)) = members else {
            return Err(VaultError::WrongMount {
                detail: format!(
                    "{} has nothing at {target}; compare mount and path with what the vault lists",
                    self.place()
                ),
            });
        };
        match members.remove(target.key()) {
            Some(Member::Text(Value(value))) => Ok(value),
            Some(Member::Other) => Err(VaultError::WrongMount {
                detail: format!("the value at {target} is no text"),
            }),
            None => {
                let keys: Vec<String> = members.into_keys().take(20).collect();
                Err(VaultError::WrongMount {
                    detail: format!(
                        "there is no key `{}` at {target}; it has: {}",
                        target.key(),
                        keys.join(", ")
                    ),
                })
            }
        }
    }
}

#[async_trait]
impl SecretLinks for OpenBaoVault {
    async fn link(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        target: &ExternalSecret,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.read_external(reference, target).await?;
        let now = now.trunc_subsecs(6);
        let facts = SecretFacts {
            reference,
            name: name.clone(),
            version: SecretVersion::FIRST,
            owner,
            created_at: now,
            updated_at: now,
            vault: self.options.name.clone(),
            place: SecretPlace::External(target.clone()),
            arriving_from: None,
        };
        let data = ReferenceData { reference: true };
        self.make(&facts, 0, &[&data]).await?;
        Ok(facts)
    }
}
