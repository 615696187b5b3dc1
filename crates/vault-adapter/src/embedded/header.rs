//! The one row that says whose vault it is and holds the wrapped data key.

use std::path::Path;

use org_core::ports::VaultError;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, SqliteConnection};

use super::crypto::{Bound, Key, KeyCheck};
use super::entropy::Entropy;
use super::error::{damaged, database, no_entropy};
use super::key::{KeyKind, PassphraseCost};

pub(super) const SALT_LEN: usize = 32;

/// How the key that wraps the data key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivation {
    Passphrase(PassphraseCost),
    File,
    /// The outer key stands beside it, wrapped by a key on a server.
    Transit,
}

impl Derivation {
    pub(super) const fn kind(self) -> KeyKind {
        match self {
            Self::Passphrase(_) => KeyKind::Passphrase,
            Self::File => KeyKind::File,
            Self::Transit => KeyKind::Transit,
        }
    }

    const fn cost(self) -> Option<PassphraseCost> {
        match self {
            Self::Passphrase(cost) => Some(cost),
            Self::File | Self::Transit => None,
        }
    }
}

/// The header of a vault. Two are equal only if they are of the same vault between the same two rotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Random, made with the vault.
    pub(super) vault_id: [u8; 16],
    /// 1, and one more for each rotation.
    pub(super) generation: i64,
    pub(super) derivation: Derivation,
    pub(super) salt: [u8; SALT_LEN],
    /// The outer key as the server wrapped it; there for [`Derivation::Transit`] alone.
    pub(super) transit_text: Option<String>,
    key_check: KeyCheck,
    wrapped_key: Vec<u8>,
}

/// What came of trying a key.
pub(super) enum Trial {
    Opened(Key),
    WrongKey,
    /// The key is right, and yet the header does not open.
    Altered,
}

/// The key that a person or a file gave, with how it is used.
pub(super) struct OuterKey {
    pub(super) key: Key,
    pub(super) derivation: Derivation,
    pub(super) salt: [u8; SALT_LEN],
    pub(super) transit_text: Option<String>,
}

#[derive(FromRow)]
struct Row {
    vault_id: Vec<u8>,
    generation: i64,
    key_kind: Vec<u8>,
    salt: Vec<u8>,
    memory_kib: Option<i64>,
    passes: Option<i64>,
    lanes: Option<i64>,
    key_check: Vec<u8>,
    wrapped_key: Vec<u8>,
    checksum: Vec<u8>,
    transit_text: Option<Vec<u8>>,
}

impl Header {
    /// A header that wraps `data_key` in `outer`.
    pub(super) fn wrap(
        vault_id: [u8; 16],
        generation: i64,
        outer: &OuterKey,
        data_key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let (wrapping, key_check) = outer.key.derive(&outer.salt);
        let mut header = Self {
            vault_id,
            generation,
            derivation: outer.derivation,
            salt: outer.salt,
            transit_text: outer.transit_text.clone(),
            key_check,
            wrapped_key: Vec::new(),
        };
        header.wrapped_key = wrapping
            .seal(entropy, &header.bound(), data_key.expose())
            .map_err(no_entropy)?;
        Ok(header)
    }

    /// Tries a key on the header.
    pub(super) fn try_key(&self, outer: &Key) -> Trial {
        let (wrapping, key_check) = outer.derive(&self.salt);
        if key_check != self.key_check {
            return Trial::WrongKey;
        }
        let Some(bytes) = wrapping.open(&self.bound(), &self.wrapped_key) else {
            return Trial::Altered;
        };
        let copied = Key::filled(|key| {
            if bytes.len() != key.len() {
                return Err(());
            }
            key.copy_from_slice(&bytes);
            Ok(())
        });
        copied.map_or(Trial::Altered, Trial::Opened)
    }

    /// Whether `outer` is the key of this vault.
    pub(super) fn is_key(&self, outer: &Key) -> bool {
        outer.derive(&self.salt).1 == self.key_check
    }

    /// Reads the header of the vault in the file `path`.
    pub(super) async fn fetch(
        connection: &mut SqliteConnection,
        path: &Path,
    ) -> Result<Self, VaultError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT vault_id, generation, CAST(key_kind AS BLOB) AS key_kind, salt, memory_kib, passes, lanes, \
             key_check, wrapped_key, checksum, CAST(transit_text AS BLOB) AS transit_text FROM vault WHERE one = 1",
        )
        .fetch_optional(connection)
        .await
        .map_err(|error| database(path, "reading the vault's header", error))?;
        let row = row.ok_or_else(|| damaged(path, "it has lost its header"))?;
        Self::parse(row).ok_or_else(|| damaged(path, "its header was altered"))
    }

    /// Writes the header over the one before.
    pub(super) async fn save(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let cost = self.derivation.cost();
        sqlx::query(
            "INSERT OR REPLACE INTO vault (one, vault_id, generation, key_kind, salt, memory_kib, passes, lanes, \
             key_check, wrapped_key, checksum, transit_text) VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(self.vault_id.as_slice())
        .bind(self.generation)
        .bind(self.derivation.kind().word())
        .bind(self.salt.as_slice())
        .bind(cost.map(PassphraseCost::memory_kib))
        .bind(cost.map(PassphraseCost::passes))
        .bind(cost.map(PassphraseCost::lanes))
        .bind(self.key_check.as_slice())
        .bind(self.wrapped_key.as_slice())
        .bind(self.checksum().as_slice())
        .bind(self.transit_text.as_deref())
        .execute(connection)
        .await?;
        Ok(())
    }

    fn parse(row: Row) -> Option<Self> {
        let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let kind = KeyKind::parse(std::str::from_utf8(&row.key_kind).ok()?)?;
        let derivation = match kind {
            KeyKind::Passphrase => Derivation::Passphrase(
                PassphraseCost::new(
                    number(row.memory_kib)?,
                    number(row.passes)?,
                    number(row.lanes)?,
                )
                .ok()?,
            ),
            KeyKind::File => Derivation::File,
            KeyKind::Transit => Derivation::Transit,
        };
        let transit_text = match row.transit_text {
            None => None,
            Some(bytes) => Some(String::from_utf8(bytes).ok()?),
        };
        if transit_text.is_some() != (kind == KeyKind::Transit) {
            return None;
        }
        let header = Self {
            vault_id: row.vault_id.try_into().ok()?,
            generation: row.generation,
            derivation,
            salt: row.salt.try_into().ok()?,
            transit_text,
            key_check: row.key_check.try_into().ok()?,
            wrapped_key: row.wrapped_key,
        };
        (header.checksum().as_slice() == row.checksum).then_some(header)
    }

    /// All that the wrapped key is bound to.
    fn bound(&self) -> Bound {
        let cost = self.derivation.cost();
        let number = |value: Option<u32>| i64::from(value.unwrap_or(0));
        let bound = Bound::to("forgehold-vault/1/data-key")
            .and(&self.vault_id)
            .and_number(self.generation)
            .and(self.derivation.kind().word().as_bytes())
            .and(&self.salt)
            .and_number(number(cost.map(PassphraseCost::memory_kib)))
            .and_number(number(cost.map(PassphraseCost::passes)))
            .and_number(number(cost.map(PassphraseCost::lanes)));
        match &self.transit_text {
            None => bound,
            Some(text) => bound.and(text.as_bytes()),
        }
    }

    /// Tells a damaged header from a wrong key, which otherwise look alike. It protects nothing by itself: the seals do.
    fn checksum(&self) -> [u8; 32] {
        let all = self.bound().and(&self.key_check).and(&self.wrapped_key);
        Sha256::digest(all.bytes()).into()
    }
}
