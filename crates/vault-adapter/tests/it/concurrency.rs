//! Several programs on one vault.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretOwner, SecretVersion};
use secrecy::ExposeSecret;
use vault_adapter::{EmbeddedVault, KeySource};

use crate::support::{Scratch, name, now, options, put, secret, value};

const DIRECTORY: &str = "FORGEHOLD_TEST_WRITERS_DIRECTORY";
const WRITER: &str = "FORGEHOLD_TEST_WRITERS_NUMBER";
const TEST: &str = "concurrency::several_processes_write_at_once";
const WRITERS: u128 = 4;
const ROUNDS: u128 = 25;

#[tokio::test]
async fn several_processes_write_at_once() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        let writer = env::var(WRITER).unwrap().parse().unwrap();
        return write(PathBuf::from(directory), writer).await;
    }
    // The first start is part of it: nobody made the vault before.
    let scratch = Scratch::new();
    let writers: Vec<Child> = (0..WRITERS).map(|writer| start(&scratch, writer)).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let vault = scratch.vault().await;
    let report = vault.check().await.unwrap();
    assert!(report.is_sound());
    // One secret of each round and writer, and a shared one with a version by each.
    assert_eq!(u128::from(report.secrets), WRITERS * ROUNDS + 1);
    let (newest, _) = vault.get(secret(0)).await.unwrap().unwrap();
    assert_eq!(u128::from(newest.0), WRITERS * ROUNDS + 1);
    let mut seen = BTreeSet::new();
    for version in 2..=newest.0 {
        let value = vault
            .get_version(secret(0), SecretVersion(version))
            .await
            .unwrap()
            .unwrap();
        assert!(seen.insert(value.expose_secret().to_owned()));
    }
}

/// The child: makes secrets of its own, and adds a version to the shared one for each, trying again when somebody else was first.
async fn write(directory: PathBuf, writer: u128) {
    let key = KeySource::generated_file(directory.join("vault.key"));
    let vault = EmbeddedVault::open(options(&directory, key)).await.unwrap();
    let shared = vault
        .put(
            secret(0),
            &name("shared"),
            SecretOwner::Person,
            value("start"),
            now(),
        )
        .await;
    assert!(matches!(shared, Ok(_) | Err(VaultError::NameTaken { .. })));
    for round in 0..ROUNDS {
        let number = 1 + writer * ROUNDS + round;
        put(&vault, number, "own").await;
        loop {
            let (version, _) = vault.get(secret(0)).await.unwrap().unwrap();
            let added = vault
                .add_version(
                    secret(0),
                    version,
                    value(&format!("{writer}/{round}")),
                    now(),
                )
                .await;
            match added {
                Ok(_) => break,
                Err(VaultError::VersionConflict { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts itself several times more, as programs that share a vault"
)]
fn start(scratch: &Scratch, writer: u128) -> Child {
    std::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--test-threads=1"])
        .env(DIRECTORY, scratch.path(""))
        .env(WRITER, writer.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_writing_go_on_while_the_key_is_rotated() {
    let scratch = Scratch::new();
    let rotator = Arc::new(scratch.vault().await);
    for number in 0..10 {
        put(&rotator, number, "steady").await;
    }
    let other = scratch.vault().await;
    let turning = tokio::spawn({
        let (rotator, key) = (Arc::clone(&rotator), scratch.generated());
        async move {
            for _ in 0..15 {
                rotator.rotate_key(key.clone()).await.unwrap();
            }
        }
    });
    let mut round = 0;
    while !turning.is_finished() {
        for vault in [&*rotator, &other] {
            let (_, value) = vault.get(secret(round % 10)).await.unwrap().unwrap();
            assert_eq!(value.expose_secret(), "steady");
        }
        put(&other, 1000 + round, "new").await;
        round += 1;
    }
    turning.await.unwrap();
    assert!(other.check().await.unwrap().is_sound());
    assert!(rotator.check().await.unwrap().is_sound());
}
