//! Keys that are missing, wrong or open to others, and files that are no vault of ours.

use std::fs;
use std::os::unix::fs::symlink;

use org_core::ports::VaultError;
use vault_adapter::{EmbeddedVault, KeySource, PassphraseCost, WhenMissing};

use crate::support::{Scratch, mode, put, read, told};

const A_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
const ANOTHER_KEY: &str = "FF0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

async fn refused(scratch: &Scratch, key: KeySource) -> String {
    let error = scratch.open(key).await.unwrap_err();
    told(scratch, &error)
}

#[tokio::test]
async fn everything_made_at_the_first_start_is_for_its_owner_alone() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "x").await;
    for file in [
        "vault.sqlite",
        "vault.sqlite-wal",
        "vault.sqlite-shm",
        "vault.key",
    ] {
        assert_eq!(mode(&scratch.path(file)), 0o600, "{file}");
    }
    assert!(!scratch.path("vault.key.next").exists());
}

#[tokio::test]
async fn a_vault_that_was_opened_to_others_is_closed_again() {
    let scratch = Scratch::new();
    scratch.vault().await.close().await;
    let content = fs::read(scratch.vault_file()).unwrap();
    fs::remove_file(scratch.vault_file()).unwrap();
    scratch.write("vault.sqlite", "", 0o644);
    fs::write(scratch.vault_file(), content).unwrap();
    scratch.vault().await;
    assert_eq!(mode(&scratch.vault_file()), 0o600);
}

#[tokio::test]
async fn each_kind_of_key_opens_its_vault() {
    let provided = Scratch::new();
    let sources = [
        KeySource::passphrase("correct horse battery staple"),
        KeySource::key_file(provided.write("key", A_KEY, 0o400)),
        KeySource::key_file(provided.write("bare", ANOTHER_KEY, 0o600)),
    ];
    symlink(provided.path("key"), provided.path("link")).unwrap();
    let link = KeySource::key_file(provided.path("link"));
    for source in sources.into_iter().chain([link]) {
        let scratch = Scratch::new();
        let vault = scratch.open(source.clone()).await.unwrap();
        put(&vault, 1, "value").await;
        drop(vault);
        let vault = scratch.open(source).await.unwrap();
        assert_eq!(read(&vault, 1).await, Some((1, "value".to_owned())));
    }
}

#[tokio::test]
async fn a_passphrase_keeps_the_cost_that_it_was_set_with() {
    let scratch = Scratch::new();
    let key = KeySource::passphrase("words");
    drop(scratch.open(key.clone()).await.unwrap());
    let dearer = PassphraseCost::new(128, 2, 2).unwrap();
    EmbeddedVault::open(scratch.options(key).passphrase_cost(dearer))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_missing_one() {
    let scratch = Scratch::new();
    drop(scratch.vault().await);
    let provided = scratch.write("provided.key", A_KEY, 0o600);
    let before = fs::read(scratch.vault_file()).unwrap();

    let wrong = scratch.open(KeySource::key_file(provided)).await;
    assert!(matches!(&wrong, Err(VaultError::WrongKey { .. })));
    insta::assert_snapshot!(told(&scratch, &wrong.unwrap_err()), @"the key does not open this vault: the key file <data>/provided.key was given, and it is not the key of <data>/vault.sqlite (key generation 1); give the one that was set last");
    insta::assert_snapshot!(refused(&scratch, KeySource::passphrase("words")).await, @"the key does not open this vault: <data>/vault.sqlite has a key file for its key, and a passphrase was given; name the right one in the configuration");

    fs::rename(scratch.path("vault.key"), scratch.path("away")).unwrap();
    let missing = scratch.open(scratch.generated()).await;
    assert!(matches!(&missing, Err(VaultError::Locked { .. })));
    insta::assert_snapshot!(told(&scratch, &missing.unwrap_err()), @"the vault is locked: the key file <data>/vault.key is missing; put it back from the backup: without it nobody can read the secrets");
    // A vault that has a key never gets another one by accident.
    assert!(!scratch.path("vault.key").exists());
    assert_eq!(fs::read(scratch.vault_file()).unwrap(), before);
}

#[tokio::test]
async fn a_wrong_passphrase_and_an_empty_one() {
    let scratch = Scratch::new();
    drop(scratch.open(KeySource::passphrase("right")).await.unwrap());
    insta::assert_snapshot!(refused(&scratch, KeySource::passphrase("wrong")).await, @"the key does not open this vault: a passphrase was given, and it is not the key of <data>/vault.sqlite (key generation 1); give the one that was set last");
    insta::assert_snapshot!(refused(&scratch, KeySource::passphrase("")).await, @"the vault is locked: the passphrase is empty; give the one of this vault");
    insta::assert_snapshot!(refused(&scratch, scratch.generated()).await, @"the key does not open this vault: <data>/vault.sqlite has a passphrase for its key, and the key file <data>/vault.key was given; name the right one in the configuration");
    assert!(!scratch.path("vault.key").exists());
}

#[tokio::test]
async fn a_key_file_must_be_a_key_for_its_owner_alone() {
    let scratch = Scratch::new();
    let refuse = async |content: &str, mode: u32| {
        refused(
            &scratch,
            KeySource::key_file(scratch.write("key", content, mode)),
        )
        .await
    };
    insta::assert_snapshot!(refuse(A_KEY, 0o644).await, @"the vault is locked: the key file <data>/key may be used by others (mode 0644); make it yours alone: chmod 600 <data>/key");
    insta::assert_snapshot!(refuse(A_KEY, 0o640).await, @"the vault is locked: the key file <data>/key may be used by others (mode 0640); make it yours alone: chmod 600 <data>/key");
    insta::assert_snapshot!(refuse("hunter2", 0o600).await, @"the vault is locked: <data>/key holds no key; 64 hexadecimal digits are expected, as `openssl rand -hex 32` writes them");
    insta::assert_snapshot!(refuse(&A_KEY.replace('0', "g"), 0o600).await, @"the vault is locked: <data>/key holds no key; 64 hexadecimal digits are expected, as `openssl rand -hex 32` writes them");
    insta::assert_snapshot!(refuse(&A_KEY.repeat(100), 0o600).await, @"the vault is locked: <data>/key holds no key; 64 hexadecimal digits are expected, as `openssl rand -hex 32` writes them");
    insta::assert_snapshot!(refused(&scratch, KeySource::key_file(scratch.path(""))).await, @"the vault is locked: <data>/ is no plain file; name the file that holds the key");
}

#[tokio::test]
async fn what_is_no_vault_is_not_touched() {
    let refuse = async |content: &[u8]| {
        let scratch = Scratch::new();
        fs::write(scratch.vault_file(), content).unwrap();
        let error = refused(&scratch, scratch.generated()).await;
        assert_eq!(fs::read(scratch.vault_file()).unwrap(), content);
        assert!(!scratch.path("vault.key").exists());
        error
    };
    insta::assert_snapshot!(refuse(b"hello").await, @"the vault failed while opening the vault: <data>/vault.sqlite is not a Forgehold vault; name the right file, or move this one away");
    insta::assert_snapshot!(refuse(&[7; 5000]).await, @"the vault failed while opening the vault: <data>/vault.sqlite is not a Forgehold vault; name the right file, or move this one away");

    // A database of somebody else, without a mark.
    let scratch = Scratch::new();
    fs::write(scratch.vault_file(), b"").unwrap();
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)")
        .execute(&mut scratch.database().await)
        .await
        .unwrap();
    let foreign = fs::read(scratch.vault_file()).unwrap();
    insta::assert_snapshot!(refuse(&foreign).await, @"the vault failed while opening the vault: <data>/vault.sqlite is not a Forgehold vault; name the right file, or move this one away");

    // The same with the mark of another program, which stands at byte 68.
    let mut marked = foreign;
    marked[68..72].copy_from_slice(b"ABCD");
    insta::assert_snapshot!(refuse(&marked).await, @"the vault failed while opening the vault: <data>/vault.sqlite is not a Forgehold vault; name the right file, or move this one away");
}

#[tokio::test]
async fn a_vault_of_a_later_release_is_refused() {
    let scratch = Scratch::new();
    scratch.vault().await.close().await;
    let mut database = scratch.database().await;
    sqlx::raw_sql("PRAGMA user_version = 3")
        .execute(&mut database)
        .await
        .unwrap();
    // The mark stands in the log alone, and later in the file.
    let in_the_log = refused(&scratch, scratch.generated()).await;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut database)
        .await
        .unwrap();
    insta::assert_snapshot!(in_the_log, @"the vault failed while opening the vault: <data>/vault.sqlite has the format 3 of a newer Forgehold, and this one reads up to 2; use the newer program");
    assert_eq!(refused(&scratch, scratch.generated()).await, in_the_log);
}

#[tokio::test]
async fn a_missing_vault_or_directory_is_told() {
    let scratch = Scratch::new();
    let options = scratch
        .options(scratch.generated())
        .when_missing(WhenMissing::Refuse);
    let error = EmbeddedVault::open(options).await.unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the vault failed while opening the vault: there is no vault at <data>/vault.sqlite; put it back from the backup, together with its key");
    assert!(!scratch.vault_file().exists());

    let options = vault_adapter::EmbeddedVaultOptions::new(
        scratch.path("no/vault.sqlite"),
        scratch.generated(),
    );
    let error = EmbeddedVault::open(options).await.unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the vault failed while opening the vault: the directory <data>/no does not exist; make it first, for this user alone");
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_is_started_again() {
    // The file was made and nothing else.
    let scratch = Scratch::new();
    scratch.write("vault.sqlite", "", 0o644);
    put(&scratch.vault().await, 1, "x").await;
    assert_eq!(mode(&scratch.vault_file()), 0o600);

    // The key was made and the vault was not.
    let scratch = Scratch::new();
    let key = scratch.write("vault.key", A_KEY, 0o600);
    put(&scratch.vault().await, 1, "x").await;
    assert_eq!(fs::read_to_string(key).unwrap(), A_KEY);
}
