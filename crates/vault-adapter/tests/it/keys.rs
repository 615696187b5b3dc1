//! Keys of the embedded vault besides generated ones: those that others provide, on a server, and for the day when none is left.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use org_core::ports::{SecretVault, VaultError};
use org_core::testing::ManualClock;
use reqwest::Method;
use secrecy::ExposeSecret;
use vault_adapter::{KeySource, RecoveryKey, TransitKey};

use crate::openbao::{options, root_options};
use crate::server::{Server, program};
use crate::support::{Scratch, at, put, read, secret, told};

const A_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
const ANOTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

/// Makes a source of a key in a file.
type Provided = fn(PathBuf) -> KeySource;

#[tokio::test]
async fn a_provided_key_is_replaced_by_the_one_beside_it_while_programs_run() {
    let sources = [
        (KeySource::key_file as Provided, A_KEY, ANOTHER_KEY),
        (
            KeySource::passphrase_file,
            "correct horse\n",
            "battery staple\n",
        ),
    ];
    for (source, old, new) in sources {
        let scratch = Scratch::new();
        scratch.write("key", old, 0o600);
        let rotator = scratch.open(source(scratch.path("key"))).await.unwrap();
        put(&rotator, 1, "kept").await;
        let running = scratch.open(source(scratch.path("key"))).await.unwrap();
        scratch.write("key.next", new, 0o600);
        // Not before it is rotated.
        assert!(running.get(secret(1)).await.unwrap().is_some());
        assert_eq!(
            rotator
                .rotate_key(source(scratch.path("key")))
                .await
                .unwrap(),
            2
        );
        let kept = Some((1, "kept".to_owned()));
        for vault in [
            &running,
            &rotator,
            &scratch.open(source(scratch.path("key"))).await.unwrap(),
        ] {
            assert_eq!(read(vault, 1).await, kept);
        }
        fs::rename(scratch.path("key.next"), scratch.path("key")).unwrap();
        put(&running, 2, "more").await;
        let vault = scratch.open(source(scratch.path("key"))).await.unwrap();
        assert_eq!(read(&vault, 1).await, kept);
        assert!(vault.check().await.unwrap().is_sound());
        // The old one opens nothing.
        scratch.write("key", old, 0o600);
        assert!(matches!(
            scratch.open(source(scratch.path("key"))).await,
            Err(VaultError::WrongKey { .. })
        ));
    }
}

#[tokio::test]
async fn a_passphrase_file_is_looked_at_closely() {
    let scratch = Scratch::new();
    let refused = async |content: &[u8], mode: u32| {
        let path = scratch.write("words", "", mode);
        fs::write(&path, content).unwrap();
        let error = scratch
            .open(KeySource::passphrase_file(&path))
            .await
            .unwrap_err();
        told(&scratch, &error)
    };
    insta::assert_snapshot!(refused(b"words", 0o644).await, @"the vault is locked: the key file <data>/words may be used by others (mode 0644); make it yours alone: chmod 600 <data>/words");
    insta::assert_snapshot!(refused(b"\n", 0o600).await, @"the vault is locked: the passphrase is empty; give the one of this vault");
    insta::assert_snapshot!(refused(b"\xff\xfe", 0o600).await, @"the vault is locked: the passphrase in <data>/words is not text in UTF-8; write it anew");
}

#[tokio::test]
async fn a_recovery_key_opens_the_vault_when_no_other_key_is_left() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "kept").await;
    assert_eq!(vault.recovery_key_made_at().await.unwrap(), None);
    let written = vault.make_recovery_key(at(0)).await.unwrap().to_text();
    assert!(vault.recovery_key_made_at().await.unwrap().is_some());
    // The key changes and changes again, and nobody types the recovery key in.
    vault.rotate_key(scratch.generated()).await.unwrap();
    vault.rotate_key(scratch.generated()).await.unwrap();
    put(&vault, 2, "newer").await;
    vault.close().await;
    fs::remove_file(scratch.path("vault.key")).unwrap();
    assert!(scratch.open(scratch.generated()).await.is_err());

    let typed = written.expose_secret().to_uppercase().replace('-', " ");
    let key: RecoveryKey = typed.parse().unwrap();
    let vault = scratch.open(KeySource::Recovery(key)).await.unwrap();
    assert_eq!(read(&vault, 2).await, Some((1, "newer".to_owned())));
    assert_eq!(vault.rotate_key(scratch.generated()).await.unwrap(), 4);
    vault.close().await;
    let vault = scratch.vault().await;
    assert_eq!(read(&vault, 1).await, Some((1, "kept".to_owned())));
    assert!(vault.check().await.unwrap().is_sound());
}

#[tokio::test]
async fn another_recovery_key_and_a_mistyped_one_are_told() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    let elsewhere = Scratch::new();
    let theirs = elsewhere.vault().await.make_recovery_key(at(0)).await;
    let none = scratch.open(KeySource::Recovery(theirs.unwrap())).await;
    assert!(matches!(none, Err(VaultError::WrongKey { .. })));
    let first = vault.make_recovery_key(at(0)).await.unwrap();
    let second = vault.make_recovery_key(at(1)).await.unwrap();
    let error = scratch
        .open(KeySource::Recovery(first.clone()))
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the key does not open this vault: this is not the recovery key of <data>/vault.sqlite; the one that was made last counts");
    scratch.open(KeySource::Recovery(second)).await.unwrap();
    // It is for opening alone.
    let error = vault
        .rotate_key(KeySource::Recovery(first.clone()))
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the vault cannot do that: nothing is put under a recovery key; name the key that the vault shall have");

    let text = first.to_text().expose_secret().to_owned();
    let mistyped = |text: String| text.parse::<RecoveryKey>().unwrap_err().to_string();
    let flipped = if text.starts_with('0') { "1" } else { "0" };
    insta::assert_snapshot!(mistyped(format!("{flipped}{}", &text[1..])), @"the recovery key has a mistake in it: its last group does not fit the others; compare it digit by digit");
    insta::assert_snapshot!(mistyped(text[1..].to_owned()), @"a recovery key has nine groups of eight digits from 0 to 9 and a to f; compare it with what was written down");
    insta::assert_snapshot!(mistyped(format!("{text}00")), @"a recovery key has nine groups of eight digits from 0 to 9 and a to f; compare it with what was written down");
    insta::assert_snapshot!(mistyped(text.replace(['0', '1', '2', '3'], "x")), @"a recovery key has nine groups of eight digits from 0 to 9 and a to f; compare it with what was written down");
    assert!(!format!("{first:?}").contains(&text));
}

#[tokio::test]
async fn a_strangers_public_key_is_noticed_before_anything_is_sealed_to_it() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "kept").await;
    vault.make_recovery_key(at(0)).await.unwrap();
    sqlx::query("UPDATE recovery SET public_key = $1")
        .bind(vec![9_u8; 32])
        .execute(&mut scratch.database().await)
        .await
        .unwrap();
    let error = vault.rotate_key(scratch.generated()).await.unwrap_err();
    insta::assert_snapshot!(told(&scratch, &error), @"the vault failed while reading the vault: <data>/vault.sqlite is damaged: what belongs to its recovery key was altered, and nothing is sealed to a stranger's; put it back from the backup");
    assert!(read(&scratch.vault().await, 1).await.is_some());
    // Another one mends it.
    vault.make_recovery_key(at(1)).await.unwrap();
    vault.rotate_key(scratch.generated()).await.unwrap();
}

#[tokio::test]
async fn a_key_on_a_server_opens_the_vault_and_is_rotated() {
    let Some(program) = program() else { return };
    let server = Server::shared(program).await;
    let mut part = server.part().await;
    let key_name = part.prefix.clone();
    server
        .admin(Method::POST, &format!("transit/keys/{key_name}"), None)
        .await;
    let policy = format!(
        "path \"transit/encrypt/{key_name}\" {{ capabilities = [\"update\"] }}\n\
         path \"transit/decrypt/{key_name}\" {{ capabilities = [\"update\"] }}\n"
    );
    part = server.role(&part.prefix, &policy).await;
    let transit = |name: &str| {
        let clock = Arc::new(ManualClock::default());
        let key = TransitKey::new(&options(server, &part), "transit", name, clock);
        KeySource::Transit(key.unwrap())
    };
    let scratch = Scratch::new();
    let vault = scratch.open(transit(&key_name)).await.unwrap();
    put(&vault, 1, "kept").await;
    let running = scratch.open(transit(&key_name)).await.unwrap();
    assert!(!scratch.path("vault.key").exists());

    // The server's key gets another version, and the vault another key below it.
    server
        .admin(
            Method::POST,
            &format!("transit/keys/{key_name}/rotate"),
            None,
        )
        .await;
    assert_eq!(vault.rotate_key(transit(&key_name)).await.unwrap(), 2);
    assert_eq!(read(&running, 1).await, Some((1, "kept".to_owned())));
    drop(vault);

    // Another key of the same server opens nothing, nor does a key file.
    server.admin(Method::POST, "transit/keys/other", None).await;
    let clock = Arc::new(ManualClock::default());
    let other = TransitKey::new(&root_options(server, "x"), "transit", "other", clock);
    let error = scratch
        .open(KeySource::Transit(other.unwrap()))
        .await
        .unwrap_err();
    assert!(matches!(error, VaultError::WrongKey { .. }), "{error:?}");
    assert!(scratch.open(scratch.generated()).await.is_err());
    // A right that is missing is told.
    let error = scratch.open(transit("other")).await.unwrap_err();
    assert!(matches!(error, VaultError::Denied { .. }), "{error:?}");

    // To a key file and back.
    let vault = scratch.open(transit(&key_name)).await.unwrap();
    vault.rotate_key(scratch.generated()).await.unwrap();
    vault.rotate_key(transit(&key_name)).await.unwrap();
    assert_eq!(read(&running, 1).await, Some((1, "kept".to_owned())));
    let report = running.check().await.unwrap();
    assert!(report.is_sound());
}
