//! A new key, and every state in which a rotation can be cut off.

use std::fs;

use org_core::ports::{SecretVault, VaultError};
use org_core::secret::SecretVersion;
use vault_adapter::{EmbeddedVault, KeySource};

use crate::support::{Scratch, mode, now, put, read, read_version, secret, told, value};

async fn filled(scratch: &Scratch, key: KeySource) -> EmbeddedVault {
    let vault = scratch.open(key).await.unwrap();
    // More than one batch.
    for number in 0..70 {
        put(&vault, number, &format!("value {number}")).await;
    }
    vault
        .add_version(secret(3), SecretVersion(1), value("newer"), now())
        .await
        .unwrap();
    vault
}

async fn check_filled(vault: &EmbeddedVault) {
    assert_eq!(read(vault, 69).await, Some((1, "value 69".to_owned())));
    assert_eq!(read(vault, 3).await, Some((2, "newer".to_owned())));
    assert_eq!(read_version(vault, 3, 1).await.as_deref(), Some("value 3"));
    let report = vault.check().await.unwrap();
    assert!(report.is_sound());
    assert_eq!((report.secrets, report.values), (70, 71));
}

#[tokio::test]
async fn every_kind_of_key_gives_way_to_every_other() {
    let scratch = Scratch::new();
    let provided = "0".repeat(64);
    let sources = [
        scratch.generated(),
        scratch.generated(),
        KeySource::generated_file(scratch.path("moved.key")),
        KeySource::passphrase("one"),
        KeySource::passphrase("two"),
        KeySource::key_file(scratch.write("provided.key", &provided, 0o600)),
        scratch.generated(),
    ];
    let vault = filled(&scratch, sources[0].clone()).await;
    for (generation, step) in (2..).zip(sources.windows(2)) {
        assert_eq!(vault.rotate_key(step[1].clone()).await.unwrap(), generation);
        check_filled(&vault).await;
        check_filled(&scratch.open(step[1].clone()).await.unwrap()).await;
        for file in ["vault.key", "moved.key"] {
            let in_use = matches!(&step[1], KeySource::GeneratedKeyFile(path) if *path == scratch.path(file));
            assert_eq!(
                scratch.path(file).exists(),
                in_use,
                "{file}, generation {generation}"
            );
            assert!(!scratch.path(&format!("{file}.next")).exists());
        }
    }
    assert_eq!(mode(&scratch.path("vault.key")), 0o600);
    // What somebody else provided stays theirs.
    assert_eq!(
        fs::read_to_string(scratch.path("provided.key")).unwrap(),
        provided
    );
}

#[tokio::test]
async fn an_old_key_opens_nothing_any_more() {
    let scratch = Scratch::new();
    let vault = filled(&scratch, scratch.generated()).await;
    let old = fs::read_to_string(scratch.path("vault.key")).unwrap();
    vault.rotate_key(scratch.generated()).await.unwrap();
    let copy = KeySource::key_file(scratch.write("copy.key", &old, 0o600));
    let opened = scratch.open(copy).await;
    assert!(matches!(opened, Err(VaultError::WrongKey { .. })));
}

#[tokio::test]
async fn the_same_passphrase_again_is_a_fresh_key_too() {
    let scratch = Scratch::new();
    let vault = filled(&scratch, KeySource::passphrase("same")).await;
    let sealed = async || -> Vec<Vec<u8>> {
        sqlx::query_scalar("SELECT sealed FROM versions UNION ALL SELECT seal FROM secrets UNION ALL SELECT wrapped_key FROM vault")
            .fetch_all(&mut scratch.database().await)
            .await
            .unwrap()
    };
    let before = sealed().await;
    vault
        .rotate_key(KeySource::passphrase("same"))
        .await
        .unwrap();
    let after = sealed().await;
    assert_eq!(before.len(), after.len());
    assert!(after.iter().all(|record| !before.contains(record)));
}

#[tokio::test]
async fn cut_off_before_the_commit_the_old_key_counts() {
    let scratch = Scratch::new();
    drop(filled(&scratch, scratch.generated()).await);
    let key = fs::read_to_string(scratch.path("vault.key")).unwrap();
    // Once whole, once torn.
    for next in ["1".repeat(64), "12".to_owned()] {
        scratch.write("vault.key.next", &next, 0o600);
        check_filled(&scratch.vault().await).await;
        assert!(!scratch.path("vault.key.next").exists());
        assert_eq!(fs::read_to_string(scratch.path("vault.key")).unwrap(), key);
    }
}

#[tokio::test]
async fn cut_off_after_the_commit_the_new_key_counts() {
    let scratch = Scratch::new();
    let vault = filled(&scratch, scratch.generated()).await;
    let old = fs::read_to_string(scratch.path("vault.key")).unwrap();
    vault.rotate_key(scratch.generated()).await.unwrap();
    let new = fs::read_to_string(scratch.path("vault.key")).unwrap();
    assert_ne!(old, new);

    let unsettle = || {
        fs::rename(scratch.path("vault.key"), scratch.path("vault.key.next")).unwrap();
        scratch.write("vault.key", &old, 0o600);
    };
    // A start puts the files in order.
    unsettle();
    check_filled(&scratch.vault().await).await;
    assert_eq!(fs::read_to_string(scratch.path("vault.key")).unwrap(), new);
    assert!(!scratch.path("vault.key.next").exists());

    // So does the next rotation, before it writes a file over the only copy of the key.
    unsettle();
    vault.rotate_key(scratch.generated()).await.unwrap();
    check_filled(&scratch.vault().await).await;

    // The same where the key went to another place.
    let moved = KeySource::generated_file(scratch.path("moved.key"));
    vault.rotate_key(moved.clone()).await.unwrap();
    fs::rename(scratch.path("moved.key"), scratch.path("moved.key.next")).unwrap();
    check_filled(&scratch.open(moved).await.unwrap()).await;
    assert!(scratch.path("moved.key").exists());
}

#[tokio::test]
async fn a_strange_file_is_not_written_over() {
    let scratch = Scratch::new();
    let vault = filled(&scratch, scratch.generated()).await;
    let path = scratch.write("precious", "do not lose", 0o600);
    let error = vault
        .rotate_key(KeySource::generated_file(&path))
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the vault failed while rotating the vault's key: there is already a file at <data>/precious, and it is not the key of this vault; name another place, or move it away");
    assert_eq!(fs::read_to_string(path).unwrap(), "do not lose");
    check_filled(&scratch.vault().await).await;
}

#[tokio::test]
async fn the_files_of_another_vault_are_left_alone() {
    let scratch = Scratch::new();
    drop(filled(&scratch, scratch.generated()).await);
    let theirs = KeySource::generated_file(scratch.write("theirs", &"2".repeat(64), 0o600));
    let pending = scratch.write("theirs.next", &"3".repeat(64), 0o600);
    assert!(matches!(
        scratch.open(theirs).await,
        Err(VaultError::WrongKey { .. })
    ));
    assert!(pending.exists());
}

#[tokio::test]
async fn another_handle_follows_a_key_file_and_is_told_of_a_passphrase() {
    let scratch = Scratch::new();
    let first = filled(&scratch, scratch.generated()).await;
    let second = scratch.vault().await;
    first.rotate_key(scratch.generated()).await.unwrap();
    check_filled(&second).await;
    second.rotate_key(scratch.generated()).await.unwrap();
    check_filled(&first).await;
    put(&first, 100, "written under the third key").await;

    first
        .rotate_key(KeySource::passphrase("words"))
        .await
        .unwrap();
    let error = second.list().await.unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the key does not open this vault: <data>/vault.sqlite has a passphrase for its key, and the key file <data>/vault.key was given; name the right one in the configuration");
    assert!(first.list().await.is_ok());
}
