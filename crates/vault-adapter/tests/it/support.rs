//! A vault in a directory of its own, and words for what the tests ask of it.

use std::fmt::Display;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use org_core::ids::SecretId;
use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::text::SecretName;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;
use vault_adapter::{
    EmbeddedVault, EmbeddedVaultOptions, Entropy, EntropyError, KeySource, PassphraseCost,
};

/// The same bytes for the same seed.
#[derive(Debug)]
pub(crate) struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().unwrap().fill_bytes(bytes);
        Ok(())
    }
}

/// A data directory that is gone after the test.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn vault_file(&self) -> PathBuf {
        self.path("vault.sqlite")
    }

    pub(crate) fn generated(&self) -> KeySource {
        KeySource::generated_file(self.path("vault.key"))
    }

    pub(crate) fn options(&self, key: KeySource) -> EmbeddedVaultOptions {
        options(self.0.path(), key)
    }

    pub(crate) async fn open(&self, key: KeySource) -> Result<EmbeddedVault, VaultError> {
        EmbeddedVault::open(self.options(key)).await
    }

    /// The vault under its generated key file.
    pub(crate) async fn vault(&self) -> EmbeddedVault {
        self.open(self.generated()).await.unwrap()
    }

    /// The file as a database, to look at it or to damage it.
    pub(crate) async fn database(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.vault_file())
            .pragma("ignore_check_constraints", "ON")
            .foreign_keys(false)
            .connect()
            .await
            .unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

/// With a passphrase that costs next to nothing.
pub(crate) fn options(directory: &Path, key: KeySource) -> EmbeddedVaultOptions {
    EmbeddedVaultOptions::new(directory.join("vault.sqlite"), key)
        .passphrase_cost(PassphraseCost::new(64, 1, 1).unwrap())
}

pub(crate) fn now() -> DateTime<Utc> {
    at(0)
}

pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 123_456_789).unwrap()
}

pub(crate) fn secret(number: u128) -> SecretRef {
    SecretRef(SecretId::from_uuid(Uuid::from_u128(number)))
}

pub(crate) fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

pub(crate) fn value(text: &str) -> SecretString {
    SecretString::from(text)
}

pub(crate) async fn put(vault: &EmbeddedVault, number: u128, text: &str) -> SecretFacts {
    put_into(vault, number, text).await
}

/// The same for any vault.
pub(crate) async fn put_into(vault: &dyn SecretVault, number: u128, text: &str) -> SecretFacts {
    vault
        .put(
            secret(number),
            &name(&format!("secret-{number}")),
            SecretOwner::Person,
            value(text),
            now(),
        )
        .await
        .unwrap()
}

/// The newest value in the clear.
pub(crate) async fn read(vault: &EmbeddedVault, number: u128) -> Option<(u32, String)> {
    let found = vault.get(secret(number)).await.unwrap();
    found.map(|(version, value)| (version.0, value.expose_secret().to_owned()))
}

pub(crate) async fn read_version(
    vault: &EmbeddedVault,
    number: u128,
    version: u32,
) -> Option<String> {
    let found = vault
        .get_version(secret(number), SecretVersion(version))
        .await
        .unwrap();
    found.map(|value| value.expose_secret().to_owned())
}

/// An error with its causes, and with the directory of the test taken out.
pub(crate) fn told(scratch: &Scratch, error: &VaultError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    without_directory(scratch, &text)
}

pub(crate) fn without_directory(scratch: &Scratch, text: &impl Display) -> String {
    text.to_string()
        .replace(&scratch.0.path().display().to_string(), "<data>")
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Drives a future to its end, where a test cannot be async itself.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
