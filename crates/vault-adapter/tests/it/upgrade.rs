//! Files of earlier formats.

use std::fs;

use org_core::ids::SecretId;
use org_core::ports::SecretVault;
use org_core::secret::{SecretOwner, SecretRef, SecretVersion};
use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use uuid::uuid;

use crate::support::{Scratch, at, name, put, read, value};

/// The text of a file that a program of that format wrote; its key is beside it.
const FORMAT_1: &str = include_str!("data/format-1.sql");
const FORMAT_1_KEY: &str = include_str!("data/format-1.key");

/// The secret `alpha` of that file.
const ALPHA: SecretRef = SecretRef(SecretId::from_uuid(uuid!(
    "01a21be0-5d52-773f-b707-f28b9ab392d5"
)));

async fn old_vault() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("vault.key", FORMAT_1_KEY, 0o600);
    let mut database = SqliteConnectOptions::new()
        .filename(scratch.vault_file())
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(FORMAT_1)
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    scratch
}

async fn format(scratch: &Scratch) -> i64 {
    sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut scratch.database().await)
        .await
        .unwrap()
}

async fn alpha(vault: &impl SecretVault, version: u32) -> Option<String> {
    let value = vault
        .get_version(ALPHA, SecretVersion(version))
        .await
        .unwrap();
    value.map(|value| value.expose_secret().to_owned())
}

#[tokio::test]
async fn a_vault_of_format_1_is_read_written_and_rotated() {
    let scratch = old_vault().await;
    assert_eq!(format(&scratch).await, 1);
    let vault = scratch.vault().await;
    assert_eq!(format(&scratch).await, 2);
    assert_eq!(alpha(&vault, 1).await.as_deref(), Some("glpat-alpha-one"));
    assert_eq!(alpha(&vault, 3).await.as_deref(), Some("alpha-three"));
    let facts = vault.find(&name("alpha")).await.unwrap().unwrap();
    assert_eq!(
        (facts.reference, facts.version, facts.owner),
        (ALPHA, SecretVersion(3), SecretOwner::Person)
    );
    let report = vault.check().await.unwrap();
    assert!(report.is_sound());
    assert_eq!((report.secrets, report.values), (2, 4));

    vault
        .add_version(ALPHA, SecretVersion(3), value("alpha-four"), at(1))
        .await
        .unwrap();
    let forgotten = vault.forget_before(ALPHA, SecretVersion(3)).await;
    assert_eq!(forgotten.unwrap(), 2);
    put(&vault, 1, "new").await;
    vault.rotate_key(scratch.generated()).await.unwrap();
    vault.close().await;

    let vault = scratch.vault().await;
    assert_eq!(alpha(&vault, 2).await, None);
    assert_eq!(alpha(&vault, 3).await.as_deref(), Some("alpha-three"));
    assert_eq!(alpha(&vault, 4).await.as_deref(), Some("alpha-four"));
    assert_eq!(read(&vault, 1).await, Some((1, "new".to_owned())));
    assert!(vault.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn several_programs_may_start_on_an_old_file_at_once() {
    let scratch = old_vault().await;
    let (a, b, c) = tokio::join!(scratch.vault(), scratch.vault(), scratch.vault());
    for vault in [a, b, c] {
        assert_eq!(alpha(&vault, 3).await.as_deref(), Some("alpha-three"));
    }
}

#[tokio::test]
async fn an_old_file_is_not_touched_without_its_key() {
    let scratch = old_vault().await;
    fs::remove_file(scratch.path("vault.key")).unwrap();
    assert!(scratch.open(scratch.generated()).await.is_err());
    assert_eq!(format(&scratch).await, 1);
}
