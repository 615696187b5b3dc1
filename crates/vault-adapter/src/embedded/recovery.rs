//! A key for the day when no other is left: shown once, kept on paper, and never stored.
//!
//! It is the secret half of an X25519 pair. The vault's file has the public half and the data key sealed to it, so that every rotation can
//! seal the new data key to it again, while whoever had an old key and an old copy of the file learns nothing of the recovery key.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use org_core::ports::VaultError;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, SqliteConnection};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::crypto::{Bound, KEY_LEN, Key};
use super::entropy::Entropy;
use super::error::{damaged, database, no_entropy};
use super::header::Header;
use super::{EmbeddedVault, Unlocked};

const STEP: &str = "making a recovery key";
const CHECK_LEN: usize = 4;
const GROUP: usize = 8;

/// The text is no recovery key. It is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// Too much, too little, or other characters.
    #[error(
        "a recovery key has nine groups of eight digits from 0 to 9 and a to f; compare it with what was written down"
    )]
    Shape,
    /// It was copied wrongly.
    #[error(
        "the recovery key has a mistake in it: its last group does not fit the others; compare it digit by digit"
    )]
    Mistyped,
}

/// The key that was shown once.
pub struct RecoveryKey(SecretBox<[u8; KEY_LEN]>);

impl Clone for RecoveryKey {
    fn clone(&self) -> Self {
        Self::of(self.0.expose_secret())
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey([REDACTED])")
    }
}

impl RecoveryKey {
    fn of(bytes: &[u8; KEY_LEN]) -> Self {
        Self(SecretBox::init_with_mut(|key: &mut [u8; KEY_LEN]| {
            key.copy_from_slice(bytes);
        }))
    }

    fn pair(&self) -> (StaticSecret, PublicKey) {
        let secret = StaticSecret::from(*self.0.expose_secret());
        let public = PublicKey::from(&secret);
        (secret, public)
    }

    /// The text to write down: groups of digits, the last of which tells a mistake from a wrong key.
    pub fn to_text(&self) -> SecretString {
        let key = self.0.expose_secret();
        let mut text = Zeroizing::new(String::with_capacity(2 * (KEY_LEN + CHECK_LEN) + GROUP + 1));
        for (at, byte) in key.iter().chain(&check(key)).enumerate() {
            if at > 0 && (2 * at) % GROUP == 0 {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        SecretString::from(text.as_str())
    }
}

impl FromStr for RecoveryKey {
    type Err = RecoveryKeyError;

    /// Spaces, dashes and the case of letters do not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = Zeroizing::new([0_u8; KEY_LEN + CHECK_LEN]);
        let mut length = 0;
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = character.to_digit(16).ok_or(RecoveryKeyError::Shape)?;
            let byte = bytes.get_mut(length / 2).ok_or(RecoveryKeyError::Shape)?;
            *byte = *byte << 4 | u8::try_from(digit).map_err(|_| RecoveryKeyError::Shape)?;
            length += 1;
        }
        if length != 2 * bytes.len() {
            return Err(RecoveryKeyError::Shape);
        }
        let (key, found) = bytes.split_at(KEY_LEN);
        let key: &[u8; KEY_LEN] = key.try_into().map_err(|_| RecoveryKeyError::Shape)?;
        if check(key) != found {
            return Err(RecoveryKeyError::Mistyped);
        }
        Ok(Self::of(key))
    }
}

fn check(key: &[u8; KEY_LEN]) -> [u8; CHECK_LEN] {
    let digest = Sha256::new()
        .chain_update("forgehold-vault/2/recovery-check")
        .chain_update(key)
        .finalize();
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest[..CHECK_LEN]);
    check
}

/// The one row about it.
#[derive(FromRow)]
struct Row {
    public_key: Vec<u8>,
    made_at: i64,
    ephemeral_key: Vec<u8>,
    wrapped_key: Vec<u8>,
    seal: Vec<u8>,
}

impl Row {
    async fn fetch(
        connection: &mut SqliteConnection,
        path: &Path,
    ) -> Result<Option<Self>, VaultError> {
        sqlx::query_as(
            "SELECT public_key, made_at, ephemeral_key, wrapped_key, seal FROM recovery WHERE one = 1",
        )
        .fetch_optional(connection)
        .await
        .map_err(|error| database(path, STEP, error))
    }

    async fn save(&self, connection: &mut SqliteConnection, path: &Path) -> Result<(), VaultError> {
        sqlx::query(
            "INSERT OR REPLACE INTO recovery (one, public_key, made_at, ephemeral_key, wrapped_key, seal) \
             VALUES (1, $1, $2, $3, $4, $5)",
        )
        .bind(self.public_key.as_slice())
        .bind(self.made_at)
        .bind(self.ephemeral_key.as_slice())
        .bind(self.wrapped_key.as_slice())
        .bind(self.seal.as_slice())
        .execute(connection)
        .await
        .map_err(|error| database(path, STEP, error))?;
        Ok(())
    }

    /// The data key sealed to the public half of a recovery key.
    fn seal(
        public: PublicKey,
        made_at: i64,
        header: &Header,
        data_key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        entropy.fill(bytes.as_mut()).map_err(no_entropy)?;
        let ephemeral = StaticSecret::from(*bytes);
        let mut row = Self {
            public_key: public.as_bytes().to_vec(),
            made_at,
            ephemeral_key: PublicKey::from(&ephemeral).as_bytes().to_vec(),
            wrapped_key: Vec::new(),
            seal: Vec::new(),
        };
        let key = row.wrapping(&ephemeral, &public);
        row.wrapped_key = key
            .seal(entropy, &row.bound_key(header), data_key.expose())
            .map_err(no_entropy)?;
        row.seal = data_key
            .seal(entropy, &row.bound_row(header), &[])
            .map_err(no_entropy)?;
        Ok(row)
    }

    fn wrapping(&self, secret: &StaticSecret, other: &PublicKey) -> Key {
        let shared = secret.diffie_hellman(other);
        let salt = [self.ephemeral_key.as_slice(), self.public_key.as_slice()].concat();
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes());
        Key::filled(|bytes| hkdf.expand(b"forgehold-vault/2/recovery-key", bytes))
            .expect("32 bytes are less than HKDF's limit")
    }

    fn bound_key(&self, header: &Header) -> Bound {
        Bound::to("forgehold-vault/2/recovery-data-key")
            .and(&header.vault_id)
            .and_number(header.generation)
            .and(&self.public_key)
            .and(&self.ephemeral_key)
    }

    /// Whoever writes another public key into the file would get the next data key sealed to it, if this did not tell.
    fn bound_row(&self, header: &Header) -> Bound {
        Bound::to("forgehold-vault/2/recovery")
            .and(&header.vault_id)
            .and(&self.public_key)
            .and_number(self.made_at)
    }
}

impl EmbeddedVault {
    /// Makes a recovery key, in the place of an earlier one. It is answered once and kept nowhere.
    pub async fn make_recovery_key(&self, now: DateTime<Utc>) -> Result<RecoveryKey, VaultError> {
        let mut session = self.write().await?;
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        self.entropy.fill(bytes.as_mut()).map_err(no_entropy)?;
        let key = RecoveryKey::of(&bytes);
        let (_, public) = key.pair();
        let unlocked = session.unlocked.clone();
        let row = Row::seal(
            public,
            now.timestamp_micros(),
            &unlocked.header,
            &unlocked.data_key,
            self.entropy.as_ref(),
        )?;
        row.save(session.connection(), &self.path).await?;
        session.tx.commit().await.map_err(self.database(STEP))?;
        Ok(key)
    }

    /// When the recovery key was made; `None` if there is none.
    pub async fn recovery_key_made_at(&self) -> Result<Option<DateTime<Utc>>, VaultError> {
        let mut session = self.read().await?;
        let row = Row::fetch(session.connection(), &self.path).await?;
        Ok(row.and_then(|row| DateTime::from_timestamp_micros(row.made_at)))
    }
}

/// The data key of a vault by its recovery key.
pub(super) async fn unlock(
    connection: &mut SqliteConnection,
    path: &Path,
    header: &Header,
    key: &RecoveryKey,
) -> Result<Key, VaultError> {
    let Some(row) = Row::fetch(connection, path).await? else {
        return Err(VaultError::WrongKey {
            detail: format!("{} has no recovery key", path.display()),
        });
    };
    let (secret, public) = key.pair();
    if public.as_bytes().as_slice() != row.public_key {
        return Err(VaultError::WrongKey {
            detail: format!(
                "this is not the recovery key of {}; the one that was made last counts",
                path.display()
            ),
        });
    }
    let altered = || damaged(path, "what belongs to its recovery key was altered");
    let ephemeral: [u8; KEY_LEN] = row
        .ephemeral_key
        .as_slice()
        .try_into()
        .map_err(|_| altered())?;
    let wrapping = row.wrapping(&secret, &PublicKey::from(ephemeral));
    let bytes = wrapping
        .open(&row.bound_key(header), &row.wrapped_key)
        .ok_or_else(altered)?;
    Key::filled(|key| {
        if bytes.len() != key.len() {
            return Err(altered());
        }
        key.copy_from_slice(&bytes);
        Ok(())
    })
}

/// Seals a new data key to the recovery key that there is. In the transaction of the rotation.
pub(super) async fn follow(
    connection: &mut SqliteConnection,
    path: &Path,
    (old, new): (&Unlocked, &Header),
    data_key: &Key,
    entropy: &dyn Entropy,
) -> Result<(), VaultError> {
    let Some(row) = Row::fetch(connection, path).await? else {
        return Ok(());
    };
    let altered = || {
        damaged(
            path,
            "what belongs to its recovery key was altered, and nothing is sealed to a stranger's",
        )
    };
    old.data_key
        .open(&row.bound_row(&old.header), &row.seal)
        .ok_or_else(altered)?;
    let public: [u8; KEY_LEN] = row
        .public_key
        .as_slice()
        .try_into()
        .map_err(|_| altered())?;
    Row::seal(PublicKey::from(public), row.made_at, new, data_key, entropy)?
        .save(connection, path)
        .await
}
