//! How a secret stands in the engine. `docs/vault-openbao.md` describes it for whoever reads it without this program.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use org_core::ids::{AttemptId, OrganizationId, SecretId};
use org_core::ports::VaultError;
use org_core::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretPlace, SecretRef, SecretVersion, VersionFacts,
};
use org_core::text::VaultName;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::kv::{Custom, Metadata};

/// The layout that this release writes, and the newest that it reads.
const LAYOUT: &str = "1";

pub(super) const OWNER: &str = "owner";
pub(super) const UPDATED_AT: &str = "updated_at";
pub(super) const UPDATED_FOR: &str = "updated_for";
pub(super) const ARRIVING_FROM: &str = "arriving_from";

const FORMAT: &str = "forgehold";
const NAME: &str = "name";
const CREATED_AT: &str = "created_at";
const BASE: &str = "base";
const TARGET_MOUNT: &str = "target_mount";
const TARGET_PATH: &str = "target_path";
const TARGET_KEY: &str = "target_key";

/// One version of the data of a secret. Exactly one of the members is there.
#[derive(Deserialize)]
pub(super) struct Data {
    #[serde(default)]
    pub(super) value: Option<Value>,
    /// The value is elsewhere.
    #[serde(default)]
    pub(super) reference: bool,
    /// The secret lives in another vault; this entry waits to be deleted.
    #[serde(default)]
    pub(super) moved: bool,
}

/// A value on its way out of JSON. It has no `Debug`.
pub(super) struct Value(pub(super) SecretString);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// A version with a value, on its way in.
#[derive(Serialize)]
pub(super) struct ValueData<'a> {
    pub(super) value: &'a str,
}

/// The version of a secret that only points elsewhere.
#[derive(Serialize)]
pub(super) struct ReferenceData {
    pub(super) reference: bool,
}

/// The last version of a secret that lives in another vault by now.
#[derive(Serialize)]
pub(super) struct MovedData {
    pub(super) moved: bool,
}

/// Which secret has a name.
#[derive(Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) id: String,
    /// Whether the secret was written, so that its name is its own for good.
    pub(super) ready: bool,
}

/// A secret as it stands in the engine.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) facts: SecretFacts,
    /// How much the numbers of its versions are ahead of those of the engine.
    pub(super) base: u64,
    /// The engine's number of the newest version.
    pub(super) current: u64,
    pub(super) metadata: Metadata,
}

/// What stands beside the versions does not make sense.
pub(super) struct Unreadable(&'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its custom metadata `{}` is missing or makes no sense",
            self.0
        )
    }
}

/// What stands beside the versions of a secret whose newest version has the engine's number `current`.
pub(super) fn custom(facts: &SecretFacts, base: u64, current: u64) -> Custom {
    let mut custom = Custom::from(
        [
            (FORMAT, LAYOUT.to_owned()),
            (NAME, facts.name.to_string()),
            (OWNER, owner_text(facts.owner)),
            (CREATED_AT, time_text(facts.created_at)),
            (UPDATED_AT, time_text(facts.updated_at)),
            (UPDATED_FOR, current.to_string()),
            (BASE, base.to_string()),
        ]
        .map(|(key, text)| (key.to_owned(), text)),
    );
    if let Some(from) = &facts.arriving_from {
        custom.insert(ARRIVING_FROM.to_owned(), from.to_string());
    }
    if let SecretPlace::External(target) = &facts.place {
        for (key, text) in [
            (TARGET_MOUNT, target.mount()),
            (TARGET_PATH, target.path()),
            (TARGET_KEY, target.key()),
        ] {
            custom.insert(key.to_owned(), text.to_owned());
        }
    }
    custom
}

/// The change of the time of the newest version.
pub(super) fn updated(at: DateTime<Utc>, current: u64) -> BTreeMap<&'static str, Option<String>> {
    BTreeMap::from([
        (UPDATED_AT, Some(time_text(at))),
        (UPDATED_FOR, Some(current.to_string())),
    ])
}

/// Reads what stands under the key `id`; `None` for an entry that never got its first version.
pub(super) fn record(
    id: &str,
    metadata: Metadata,
    vault: &VaultName,
) -> Result<Option<Record>, (SecretRef, Unreadable)> {
    if metadata.current_version == 0 {
        return Ok(None);
    }
    let id = Uuid::parse_str(id).map_err(|_| (reference(Uuid::nil()), Unreadable("id")))?;
    let reference = reference(id);
    let unreadable = |key| (reference, Unreadable(key));
    let empty = Custom::new();
    let custom = metadata.custom.as_ref().unwrap_or(&empty);
    let text = |key: &'static str| custom.get(key).ok_or_else(|| unreadable(key));
    if text(FORMAT)? != LAYOUT {
        return Err(unreadable(FORMAT));
    }
    let time = |key| parse_time(text(key)?).ok_or_else(|| unreadable(key));
    let base: u64 = text(BASE)?.parse().map_err(|_| unreadable(BASE))?;
    let current = metadata.current_version;
    let created_at = time(CREATED_AT)?;
    // A program that died after it wrote a version and before it wrote this leaves the time of an earlier one; the server's own will do.
    let updated_at = if *text(UPDATED_FOR)? == current.to_string() {
        time(UPDATED_AT)?
    } else {
        let wire = metadata.versions.get(&current.to_string());
        wire.and_then(|wire| parse_time(&wire.created_time))
            .unwrap_or(created_at)
    };
    let place = match custom.get(TARGET_MOUNT) {
        None => SecretPlace::Kept,
        Some(mount) => SecretPlace::External(
            ExternalSecret::new(mount, text(TARGET_PATH)?, text(TARGET_KEY)?)
                .map_err(|_| unreadable(TARGET_PATH))?,
        ),
    };
    let facts = SecretFacts {
        reference,
        name: text(NAME)?.parse().map_err(|_| unreadable(NAME))?,
        version: our_version(base, current).ok_or_else(|| unreadable(BASE))?,
        owner: parse_owner(text(OWNER)?).ok_or_else(|| unreadable(OWNER))?,
        created_at,
        updated_at,
        vault: vault.clone(),
        place,
        arriving_from: match custom.get(ARRIVING_FROM) {
            None => None,
            Some(name) => Some(name.parse().map_err(|_| unreadable(ARRIVING_FROM))?),
        },
    };
    Ok(Some(Record {
        facts,
        base,
        current,
        metadata,
    }))
}

impl Record {
    /// The versions whose values are there, the oldest first.
    pub(super) fn versions(&self) -> Vec<VersionFacts> {
        let mut versions: Vec<VersionFacts> = self
            .metadata
            .versions
            .iter()
            .filter(|(_, wire)| !wire.destroyed && wire.deletion_time.is_empty())
            .filter_map(|(number, wire)| {
                Some(VersionFacts {
                    version: our_version(self.base, number.parse().ok()?)?,
                    created_at: parse_time(&wire.created_time)?,
                })
            })
            .collect();
        versions.sort_by_key(|facts| facts.version);
        versions
    }
}

/// How much the numbers of this secret are ahead of the engine's.
pub(super) fn base_of(custom: Option<&Custom>) -> Option<u64> {
    custom?.get(BASE)?.parse().ok()
}

/// Our number of a version from the engine's.
pub(super) fn our_version(base: u64, number: u64) -> Option<SecretVersion> {
    u32::try_from(base.checked_add(number)?)
        .ok()
        .map(SecretVersion)
}

/// The engine's number of a version; `None` if the engine never had it.
pub(super) fn engine_version(base: u64, version: SecretVersion) -> Option<u64> {
    u64::from(version.0).checked_sub(base).filter(|&it| it > 0)
}

pub(super) fn owner_text(owner: SecretOwner) -> String {
    match owner {
        SecretOwner::Person => "person".to_owned(),
        SecretOwner::Attempt(id) => format!("attempt:{}", id.as_uuid()),
        SecretOwner::Organization(id) => format!("organization:{}", id.as_uuid()),
    }
}

fn parse_owner(text: &str) -> Option<SecretOwner> {
    match text.split_once(':') {
        None if text == "person" => Some(SecretOwner::Person),
        Some(("attempt", id)) => Some(SecretOwner::Attempt(AttemptId::from_uuid(
            Uuid::parse_str(id).ok()?,
        ))),
        Some(("organization", id)) => Some(SecretOwner::Organization(OrganizationId::from_uuid(
            Uuid::parse_str(id).ok()?,
        ))),
        _ => None,
    }
}

fn reference(id: Uuid) -> SecretRef {
    SecretRef(SecretId::from_uuid(id))
}

fn time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(chrono::SubsecRound::trunc_subsecs(time.to_utc(), 6))
}

/// The error for an entry that no release of this program wrote.
pub(super) fn tampered(reference: SecretRef, why: &Unreadable) -> VaultError {
    VaultError::Tampered {
        reference,
        detail: format!(
            "{why}; put the entry back as it was, or delete the secret and make it anew"
        ),
    }
}
