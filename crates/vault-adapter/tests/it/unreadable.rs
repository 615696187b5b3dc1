//! A planted secret is found nowhere.

use std::fs;

use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretOwner, SecretVersion};
use vault_adapter::KeySource;

use crate::support::{Scratch, now, put, read, secret, value};

const PLANTED: &str = "glpat-PLANTED-in-the-vault-0123456789";

/// The secret in every coat that it might wear: as it is, in base64 at each of its three alignments, and in hex.
fn coats(secret: &str) -> Vec<Vec<u8>> {
    let hex = secret
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    let mut coats = vec![
        secret.as_bytes().to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    for skipped in 0..3 {
        let whole = secret.len() - (secret.len() - skipped) % 3;
        coats.push(base64(&secret.as_bytes()[skipped..whole]));
    }
    coats
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for three in bytes.chunks_exact(3) {
        let bits = three
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(DIGITS[bits >> shift & 63]);
        }
    }
    text
}

fn holds(content: &[u8], needle: &[u8]) -> bool {
    content.windows(needle.len()).any(|window| window == needle)
}

#[track_caller]
fn check_nowhere(scratch: &Scratch, secrets: &[&str]) {
    for file in [
        "vault.sqlite",
        "vault.sqlite-wal",
        "vault.sqlite-shm",
        "vault.key",
    ] {
        let Ok(content) = fs::read(scratch.path(file)) else {
            continue;
        };
        for coat in secrets.iter().flat_map(|secret| coats(secret)) {
            assert!(
                !holds(&content, &coat),
                "{file} holds {}",
                coat.escape_ascii()
            );
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    assert_eq!(base64(b"Forgehold"), b"Rm9yZ2Vob2xk");
    let content = [b"x".as_slice(), &base64(PLANTED.as_bytes())].concat();
    assert!(coats(PLANTED).iter().any(|coat| holds(&content, coat)));
}

#[tokio::test]
async fn a_planted_secret_is_in_no_file() {
    let scratch = Scratch::new();
    let newer = format!("{PLANTED}-newer");
    let vault = scratch.vault().await;
    put(&vault, 1, PLANTED).await;
    vault
        .add_version(secret(1), SecretVersion(1), value(&newer), now())
        .await
        .unwrap();
    check_nowhere(&scratch, &[PLANTED, &newer]);
    assert!(
        fs::metadata(scratch.path("vault.sqlite-wal"))
            .unwrap()
            .len()
            > 0
    );

    vault.rotate_key(scratch.generated()).await.unwrap();
    check_nowhere(&scratch, &[PLANTED, &newer]);
    assert_eq!(read(&vault, 1).await, Some((2, newer.clone())));
    vault.close().await;
    check_nowhere(&scratch, &[PLANTED, &newer]);
}

#[tokio::test]
async fn a_passphrase_and_a_value_are_in_no_message() {
    let scratch = Scratch::new();
    let source = KeySource::passphrase(PLANTED);
    assert!(!format!("{source:?}").contains(PLANTED));
    let vault = scratch.open(source.clone()).await.unwrap();
    assert!(!format!("{vault:?}").contains(PLANTED));
    assert!(!format!("{:?}", scratch.options(source)).contains(PLANTED));
    check_nowhere(&scratch, &[PLANTED]);

    put(&vault, 1, PLANTED).await;
    let taken = vault
        .put(
            secret(1),
            &"other".parse().unwrap(),
            SecretOwner::Person,
            value(PLANTED),
            now(),
        )
        .await;
    assert!(matches!(&taken, Err(VaultError::NameTaken { .. })));
    assert!(!format!("{taken:?}").contains(PLANTED));
}
