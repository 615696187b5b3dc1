//! Rows of secrets and of their versions, and the seals over them.

use chrono::{DateTime, Utc};
use org_core::ids::{AttemptId, OrganizationId, SecretId};
use org_core::ports::VaultError;
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::text::SecretName;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::MAX_VALUE_BYTES;
use super::Unlocked;
use super::crypto::{Bound, Key};
use super::entropy::{Entropy, EntropyError};
use super::error::{ValueRefused, other};

/// One secret as it stands in the file, believed only after [`FactsRow::verify`]. Texts come as bytes, since a damaged text is none.
#[derive(FromRow)]
pub(super) struct FactsRow {
    pub(super) id: Vec<u8>,
    name: Vec<u8>,
    owner_kind: Vec<u8>,
    owner_id: Option<Vec<u8>>,
    newest: i64,
    oldest: i64,
    created_at: i64,
    updated_at: i64,
    seal: Vec<u8>,
}

/// What is known of a secret, and from which version on its values are there.
pub(super) struct Record {
    pub(super) facts: SecretFacts,
    pub(super) oldest: SecretVersion,
}

/// One version of a value as it stands in the file.
#[derive(FromRow)]
pub(super) struct VersionRow {
    pub(super) secret_id: Vec<u8>,
    pub(super) version: i64,
    pub(super) created_at: i64,
    sealed: Vec<u8>,
}

/// The key of a vault with the vault's id, to which every seal is bound besides.
#[derive(Clone, Copy)]
pub(super) struct Sealer<'a> {
    vault_id: &'a [u8; 16],
    key: &'a Key,
}

impl Unlocked {
    pub(super) fn sealer(&self) -> Sealer<'_> {
        Sealer::new(&self.header.vault_id, &self.data_key)
    }
}

impl<'a> Sealer<'a> {
    pub(super) const fn new(vault_id: &'a [u8; 16], key: &'a Key) -> Self {
        Self { vault_id, key }
    }

    /// The seal over what is known of a secret: nothing is hidden, everything is bound.
    fn seal_facts(self, entropy: &dyn Entropy, row: &FactsRow) -> Result<Vec<u8>, EntropyError> {
        self.key.seal(entropy, &self.bound_facts(row), &[])
    }

    /// A secret that has all of its versions is bound as format 1 did, so that its seal outlives the change of format.
    fn bound_facts(self, row: &FactsRow) -> Bound {
        let (label, oldest) = match row.oldest {
            1 => ("forgehold-vault/1/facts", None),
            oldest => ("forgehold-vault/2/facts", Some(oldest)),
        };
        let bound = Bound::to(label)
            .and(self.vault_id)
            .and(&row.id)
            .and(&row.name)
            .and(&row.owner_kind)
            .and_option(row.owner_id.as_deref())
            .and_number(row.newest)
            .and_number(row.created_at)
            .and_number(row.updated_at);
        match oldest {
            None => bound,
            Some(oldest) => bound.and_number(oldest),
        }
    }

    fn bound_value(self, row: &VersionRow) -> Bound {
        Bound::to("forgehold-vault/1/value")
            .and(self.vault_id)
            .and(&row.secret_id)
            .and_number(row.version)
            .and_number(row.created_at)
    }
}

impl FactsRow {
    /// Reads one; `$1` is the bytes of the id.
    pub(super) async fn by_id(
        connection: &mut SqliteConnection,
        reference: SecretRef,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, CAST(name AS BLOB) AS name, CAST(owner_kind AS BLOB) AS owner_kind, owner_id, newest, oldest, created_at, \
             updated_at, seal FROM secrets WHERE id = $1",
        )
        .bind(id_bytes(&reference).to_vec())
        .fetch_optional(connection)
        .await
    }

    pub(super) async fn by_name(
        connection: &mut SqliteConnection,
        name: &SecretName,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, CAST(name AS BLOB) AS name, CAST(owner_kind AS BLOB) AS owner_kind, owner_id, newest, oldest, created_at, \
             updated_at, seal FROM secrets WHERE name = $1",
        )
        .bind(name.as_str())
        .fetch_optional(connection)
        .await
    }

    /// Up to `limit` in the order of their ids, after `after`; an empty one is before all.
    pub(super) async fn after(
        connection: &mut SqliteConnection,
        after: &[u8],
        limit: i64,
    ) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, CAST(name AS BLOB) AS name, CAST(owner_kind AS BLOB) AS owner_kind, owner_id, newest, oldest, created_at, \
             updated_at, seal FROM secrets WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await
    }

    /// All, in the order of their names.
    pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, CAST(name AS BLOB) AS name, CAST(owner_kind AS BLOB) AS owner_kind, owner_id, newest, oldest, created_at, \
             updated_at, seal FROM secrets ORDER BY name",
        )
        .fetch_all(connection)
        .await
    }

    /// The row for what is known of a secret, under a fresh seal.
    pub(super) fn sealed(
        Record { facts, oldest }: &Record,
        sealer: Sealer<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let (owner_kind, owner_id) = match facts.owner {
            SecretOwner::Person => ("person", None),
            SecretOwner::Attempt(id) => ("attempt", Some(id.as_uuid())),
            SecretOwner::Organization(id) => ("organization", Some(id.as_uuid())),
        };
        let mut row = Self {
            id: id_bytes(&facts.reference).to_vec(),
            name: facts.name.as_str().as_bytes().to_vec(),
            owner_kind: owner_kind.as_bytes().to_vec(),
            owner_id: owner_id.map(|id| id.as_bytes().to_vec()),
            newest: i64::from(facts.version.0),
            oldest: i64::from(oldest.0),
            created_at: facts.created_at.timestamp_micros(),
            updated_at: facts.updated_at.timestamp_micros(),
            seal: Vec::new(),
        };
        row.seal = sealer.seal_facts(entropy, &row)?;
        Ok(row)
    }

    /// What is known of the secret, if the row is as it was written.
    pub(super) fn verify(&self, sealer: Sealer<'_>) -> Result<Record, VaultError> {
        if sealer
            .key
            .open(&sealer.bound_facts(self), &self.seal)
            .is_none()
        {
            return Err(tampered(
                &self.id,
                "its name, owner, version or times do not fit its seal",
            ));
        }
        self.parse()
            .ok_or_else(|| tampered(&self.id, "it holds what this release does not know"))
    }

    fn parse(&self) -> Option<Record> {
        let owner_id = |id: &Option<Vec<u8>>| Uuid::from_slice(id.as_deref()?).ok();
        let owner = match self.owner_kind.as_slice() {
            b"person" => SecretOwner::Person,
            b"attempt" => SecretOwner::Attempt(AttemptId::from_uuid(owner_id(&self.owner_id)?)),
            b"organization" => {
                SecretOwner::Organization(OrganizationId::from_uuid(owner_id(&self.owner_id)?))
            }
            _ => return None,
        };
        let version = |number: i64| u32::try_from(number).ok().map(SecretVersion);
        Some(Record {
            facts: SecretFacts {
                reference: reference(&self.id),
                name: std::str::from_utf8(&self.name).ok()?.parse().ok()?,
                version: version(self.newest)?,
                owner,
                created_at: DateTime::from_timestamp_micros(self.created_at)?,
                updated_at: DateTime::from_timestamp_micros(self.updated_at)?,
            },
            oldest: version(self.oldest)?,
        })
    }

    /// Writes the row over the one with its id, or as a new one.
    pub(super) async fn save(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO secrets (id, name, owner_kind, owner_id, newest, oldest, created_at, updated_at, seal) \
             VALUES ($1, CAST($2 AS TEXT), CAST($3 AS TEXT), $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner_kind = excluded.owner_kind, \
             owner_id = excluded.owner_id, newest = excluded.newest, oldest = excluded.oldest, created_at = excluded.created_at, \
             updated_at = excluded.updated_at, seal = excluded.seal",
        )
        .bind(self.id.as_slice())
        .bind(self.name.as_slice())
        .bind(self.owner_kind.as_slice())
        .bind(self.owner_id.as_deref())
        .bind(self.newest)
        .bind(self.oldest)
        .bind(self.created_at)
        .bind(self.updated_at)
        .bind(self.seal.as_slice())
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl VersionRow {
    pub(super) async fn by_version(
        connection: &mut SqliteConnection,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT secret_id, version, created_at, sealed FROM versions WHERE secret_id = $1 AND version = $2",
        )
        .bind(id_bytes(&reference).to_vec())
        .bind(version.0)
        .fetch_optional(connection)
        .await
    }

    /// Deletes the versions before `oldest`, and answers how many there were.
    pub(super) async fn delete_before(
        connection: &mut SqliteConnection,
        reference: SecretRef,
        oldest: SecretVersion,
    ) -> Result<u64, sqlx::Error> {
        let deleted = sqlx::query("DELETE FROM versions WHERE secret_id = $1 AND version < $2")
            .bind(id_bytes(&reference).to_vec())
            .bind(oldest.0)
            .execute(connection)
            .await?;
        Ok(deleted.rows_affected())
    }

    /// Up to `limit` in the order of secret and version, after those of `after`; an empty id is before all.
    pub(super) async fn after(
        connection: &mut SqliteConnection,
        after: (&[u8], i64),
        limit: i64,
    ) -> Result<Vec<Self>, sqlx::Error> {
        sqlx::query_as(
            "SELECT secret_id, version, created_at, sealed FROM versions WHERE (secret_id, version) > ($1, $2) \
             ORDER BY secret_id, version LIMIT $3",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(connection)
        .await
    }

    /// The row for one value.
    pub(super) fn sealed(
        reference: SecretRef,
        version: SecretVersion,
        created_at: DateTime<Utc>,
        value: &SecretString,
        sealer: Sealer<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let mut row = Self {
            secret_id: id_bytes(&reference).to_vec(),
            version: i64::from(version.0),
            created_at: created_at.timestamp_micros(),
            sealed: Vec::new(),
        };
        row.sealed = sealer.key.seal(
            entropy,
            &sealer.bound_value(&row),
            value.expose_secret().as_bytes(),
        )?;
        Ok(row)
    }

    /// The value, if it is the one that was sealed for this secret and version.
    pub(super) fn open(&self, sealer: Sealer<'_>) -> Result<SecretString, VaultError> {
        let bytes = self.open_bytes(sealer)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| tampered(&self.secret_id, "its value is no text"))?;
        // Copied into a box of its exact size: a string that shrinks would leave a copy behind.
        Ok(SecretString::from(Box::<str>::from(text)))
    }

    /// The same value under another key.
    pub(super) fn reseal(
        &mut self,
        old: Sealer<'_>,
        new: Sealer<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Result<(), EntropyError>, VaultError> {
        let bytes = self.open_bytes(old)?;
        Ok(new
            .key
            .seal(entropy, &new.bound_value(self), &bytes)
            .map(|sealed| self.sealed = sealed))
    }

    fn open_bytes(&self, sealer: Sealer<'_>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        sealer
            .key
            .open(&sealer.bound_value(self), &self.sealed)
            .ok_or_else(|| {
                tampered(
                    &self.secret_id,
                    format!(
                        "the value of version {} does not fit its seal",
                        self.version
                    ),
                )
            })
    }

    /// Writes the row over the one of its secret and version, or as a new one.
    pub(super) async fn save(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO versions (secret_id, version, created_at, sealed) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (secret_id, version) DO UPDATE SET created_at = excluded.created_at, sealed = excluded.sealed",
        )
        .bind(self.secret_id.as_slice())
        .bind(self.version)
        .bind(self.created_at)
        .bind(self.sealed.as_slice())
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Whether the vault takes a value.
pub(super) fn check_value(value: &SecretString) -> Result<(), VaultError> {
    let bytes = value.expose_secret().len();
    let refused = if bytes == 0 {
        ValueRefused::Empty
    } else if bytes > MAX_VALUE_BYTES {
        ValueRefused::TooLong {
            bytes,
            limit: MAX_VALUE_BYTES,
        }
    } else {
        return Ok(());
    };
    Err(other("checking the value", refused))
}

pub(super) fn tampered(id: &[u8], detail: impl Into<String>) -> VaultError {
    VaultError::Tampered {
        reference: reference(id),
        detail: format!(
            "{}; put the vault back from the backup, or delete the secret and make it anew",
            detail.into()
        ),
    }
}

/// What an id in the file points at; one that is damaged beyond reading points nowhere.
pub(super) fn reference(id: &[u8]) -> SecretRef {
    SecretRef(SecretId::from_uuid(
        Uuid::from_slice(id).unwrap_or(Uuid::nil()),
    ))
}

pub(super) fn id_bytes(reference: &SecretRef) -> [u8; 16] {
    reference.0.as_uuid().into_bytes()
}
