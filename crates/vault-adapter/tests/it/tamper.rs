//! Damage of every kind, byte by byte.

use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretOwner, SecretVersion};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use uuid::Uuid;
use vault_adapter::{Damage, EmbeddedVault};

use crate::support::{Scratch, at, name, now, put, read, secret, told, value};

/// Two secrets: the first with two versions and an owner.
async fn filled(scratch: &Scratch) -> EmbeddedVault {
    let vault = scratch.vault().await;
    let owner = SecretOwner::Attempt(org_core::ids::AttemptId::from_uuid(Uuid::from_u128(5)));
    vault
        .put(secret(1), &name("first"), owner, value("one"), now())
        .await
        .unwrap();
    vault
        .add_version(secret(1), SecretVersion(1), value("two"), at(1))
        .await
        .unwrap();
    put(&vault, 2, "other").await;
    vault
}

async fn run(database: &mut SqliteConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(database)
        .await
        .unwrap();
    assert!(done.rows_affected() > 0, "changed nothing: {sql}");
}

async fn bytes(database: &mut SqliteConnection, column: &str, table: &str, row: &str) -> Vec<u8> {
    sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT CAST({column} AS BLOB) FROM {table} WHERE {row}"
    )))
    .fetch_one(database)
    .await
    .unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

/// Flips each byte of a column in turn, asks `notice` whether the vault noticed, and puts the byte back.
async fn flip_each(
    scratch: &Scratch,
    (column, table, row): (&str, &str, &str),
    cast: &str,
    notice: impl AsyncFn() -> bool,
) {
    let mut database = scratch.database().await;
    let whole = bytes(&mut database, column, table, row).await;
    assert!(!whole.is_empty());
    for at in 0..whole.len() {
        for flip in [0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            let set = |bytes: &[u8]| {
                format!(
                    "UPDATE {table} SET {column} = CAST(x'{}' AS {cast}) WHERE {row}",
                    hex(bytes)
                )
            };
            // The row is found by another column than the one that changes.
            run(&mut database, &set(&damaged)).await;
            assert!(
                notice().await,
                "{table}.{column}: byte {at} ^ {flip:#x} went unnoticed"
            );
            run(&mut database, &set(&whole)).await;
        }
    }
    database.close().await.unwrap();
}

fn is_tampered<T>(result: &Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Tampered { reference, .. }) if *reference == secret(1))
}

#[tokio::test]
async fn each_flipped_byte_of_a_value_is_noticed() {
    let scratch = Scratch::new();
    let vault = filled(&scratch).await;
    let row = "version = 2";
    flip_each(&scratch, ("sealed", "versions", row), "BLOB", async || {
        is_tampered(&vault.get(secret(1)).await)
    })
    .await;
    assert_eq!(read(&vault, 1).await, Some((2, "two".to_owned())));
    assert!(vault.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn each_flipped_byte_of_the_facts_is_noticed() {
    let scratch = Scratch::new();
    let vault = filled(&scratch).await;
    for (column, cast) in [
        ("name", "TEXT"),
        ("owner_kind", "TEXT"),
        ("owner_id", "BLOB"),
        ("seal", "BLOB"),
    ] {
        flip_each(
            &scratch,
            (column, "secrets", "newest = 2"),
            cast,
            async || {
                is_tampered(&vault.get(secret(1)).await)
                    && is_tampered(&vault.list().await)
                    && !vault.check().await.unwrap().is_sound()
            },
        )
        .await;
    }
    assert!(vault.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn numbers_and_rows_are_bound_too() {
    let check = async |damage: &str| {
        let scratch = Scratch::new();
        let vault = filled(&scratch).await;
        let mut database = scratch.database().await;
        for sql in damage.split(';') {
            run(&mut database, sql).await;
        }
        assert!(
            is_tampered(&vault.get(secret(1)).await),
            "unnoticed: {damage}"
        );
        let report = vault.check().await.unwrap();
        assert!(
            report
                .damaged
                .iter()
                .any(|damage| damage.reference == secret(1)),
            "not reported: {damage}"
        );
    };
    check("UPDATE secrets SET newest = 1 WHERE newest = 2").await;
    check("UPDATE secrets SET newest = 3 WHERE newest = 2").await;
    check("UPDATE secrets SET newest = -1 WHERE newest = 2").await;
    check("UPDATE secrets SET oldest = 2 WHERE newest = 2").await;
    check("UPDATE secrets SET oldest = 0 WHERE newest = 2").await;
    check("UPDATE secrets SET created_at = created_at + 1 WHERE newest = 2").await;
    check("UPDATE secrets SET updated_at = updated_at - 1 WHERE newest = 2").await;
    check("UPDATE secrets SET owner_kind = 'person', owner_id = NULL WHERE newest = 2").await;
    check("UPDATE secrets SET owner_kind = 'organization' WHERE newest = 2").await;
    check("UPDATE secrets SET seal = x'' WHERE newest = 2").await;
    check("UPDATE versions SET created_at = created_at + 1 WHERE version = 2").await;
    check("UPDATE versions SET sealed = x'' WHERE version = 2").await;
    check("UPDATE versions SET sealed = substr(sealed, 1, 41) WHERE version = 2").await;
    check("UPDATE versions SET sealed = CAST(sealed || x'00' AS BLOB) WHERE version = 2").await;
    check("DELETE FROM versions WHERE version = 2").await;
    // An old value in the place of the new one.
    check(
        "UPDATE versions SET sealed = (SELECT sealed FROM versions WHERE version = 1 AND secret_id = x'00000000000000000000000000000001') WHERE version = 2",
    )
    .await;
    // The value of another secret.
    check(
        "UPDATE versions SET sealed = (SELECT sealed FROM versions WHERE secret_id = x'00000000000000000000000000000002') WHERE version = 2",
    )
    .await;
}

#[tokio::test]
async fn a_check_names_each_damaged_record_and_no_other() {
    let scratch = Scratch::new();
    let vault = filled(&scratch).await;
    put(&vault, 3, "third").await;
    put(&vault, 4, "fourth").await;
    let mut database = scratch.database().await;
    for damage in [
        "UPDATE versions SET sealed = x'00' WHERE version = 1 AND secret_id = x'00000000000000000000000000000001'",
        "UPDATE secrets SET name = 'renamed' WHERE name = 'secret-3'",
        "UPDATE versions SET version = 7 WHERE secret_id = x'00000000000000000000000000000004'",
    ] {
        run(&mut database, damage).await;
    }
    let damage = |number, version: Option<u32>| Damage {
        reference: secret(number),
        version: version.map(SecretVersion),
    };
    let report = vault.check().await.unwrap();
    assert_eq!(
        report.damaged,
        [damage(1, Some(1)), damage(3, None), damage(4, Some(7))]
    );
    assert_eq!((report.secrets, report.values), (4, 3));

    // The rest is served, and what is damaged can be deleted.
    assert_eq!(read(&vault, 1).await, Some((2, "two".to_owned())));
    assert_eq!(read(&vault, 2).await, Some((1, "other".to_owned())));
    assert!(vault.delete(secret(3)).await.unwrap());
    let error = vault.get_version(secret(1), SecretVersion(1)).await;
    insta::assert_snapshot!(told(&scratch, &error.unwrap_err()), @"the secret 00000000-0000-0000-0000-000000000001 in the vault was altered or is damaged: the value of version 1 does not fit its seal; put the vault back from the backup, or delete the secret and make it anew");
}

#[tokio::test]
async fn forgotten_versions_cannot_come_back_or_grow_unnoticed() {
    let scratch = Scratch::new();
    let vault = filled(&scratch).await;
    let mut database = scratch.database().await;
    sqlx::raw_sql("CREATE TABLE stolen AS SELECT * FROM versions")
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(
        vault
            .forget_before(secret(1), SecretVersion(2))
            .await
            .unwrap(),
        1
    );
    assert!(vault.check().await.unwrap().is_sound());
    for (damage, repair) in [
        (
            "UPDATE secrets SET oldest = 1 WHERE newest = 2",
            "UPDATE secrets SET oldest = 2 WHERE newest = 2",
        ),
        (
            "INSERT INTO versions SELECT * FROM stolen WHERE version = 1 AND secret_id = x'00000000000000000000000000000001'",
            "DELETE FROM versions WHERE version = 1 AND secret_id = x'00000000000000000000000000000001'",
        ),
    ] {
        run(&mut database, damage).await;
        assert_eq!(
            vault.check().await.unwrap().damaged.len(),
            1,
            "unnoticed: {damage}"
        );
        run(&mut database, repair).await;
        assert!(vault.check().await.unwrap().is_sound());
    }
}

#[tokio::test]
async fn a_damaged_vault_is_not_rotated() {
    let scratch = Scratch::new();
    let vault = filled(&scratch).await;
    run(
        &mut scratch.database().await,
        "UPDATE versions SET sealed = x'00' WHERE version = 2",
    )
    .await;
    assert!(is_tampered(&vault.rotate_key(scratch.generated()).await));
    drop(vault);
    let vault = scratch.vault().await;
    assert_eq!(read(&vault, 2).await, Some((1, "other".to_owned())));
}

#[tokio::test]
async fn each_flipped_byte_of_the_header_is_noticed() {
    let scratch = Scratch::new();
    drop(filled(&scratch).await);
    for column in ["vault_id", "salt", "key_check", "wrapped_key", "checksum"] {
        flip_each(&scratch, (column, "vault", "one = 1"), "BLOB", async || {
            let error = scratch.open(scratch.generated()).await.unwrap_err();
            told(&scratch, &error)
                .contains("<data>/vault.sqlite is damaged: its header was altered")
        })
        .await;
    }
    let mut database = scratch.database().await;
    for damage in [
        "UPDATE vault SET generation = 2",
        "UPDATE vault SET key_kind = 'other'",
        "UPDATE vault SET key_kind = 'passphrase', memory_kib = 64, passes = 1, lanes = 1",
        "DELETE FROM vault",
    ] {
        run(&mut database, damage).await;
        let error = scratch.open(scratch.generated()).await.unwrap_err();
        assert!(
            told(&scratch, &error).contains("is damaged"),
            "unnoticed: {damage}"
        );
    }
}
