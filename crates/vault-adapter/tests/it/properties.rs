//! What holds for all values.

use std::sync::Arc;

use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretOwner, SecretVersion};
use proptest::prelude::*;
use vault_adapter::EmbeddedVault;

use crate::support::{
    Scratch, SeededEntropy, block_on, name, now, read, read_version, secret, value,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_goes_in_comes_out(
        seed in any::<u64>(),
        values in prop::collection::vec(prop_oneof!["\\PC{1,40}", "(?s).{1,400}"], 1..6),
    ) {
        block_on(async {
            let scratch = Scratch::new();
            let options = scratch
                .options(scratch.generated())
                .entropy(Arc::new(SeededEntropy::new(seed)));
            let vault = EmbeddedVault::open(options).await.unwrap();
            for (version, text) in (0_u32..).zip(&values) {
                let written = if version == 0 {
                    vault
                        .put(secret(1), &name("a"), SecretOwner::Person, value(text), now())
                        .await
                } else {
                    vault
                        .add_version(secret(1), SecretVersion(version), value(text), now())
                        .await
                };
                assert_eq!(written.unwrap().version, SecretVersion(version + 1));
            }
            let check = async |vault: &EmbeddedVault| {
                let newest = u32::try_from(values.len()).unwrap();
                let last = values.last().cloned().unwrap();
                assert_eq!(read(vault, 1).await, Some((newest, last)));
                for (version, text) in (1..).zip(&values) {
                    assert_eq!(read_version(vault, 1, version).await.as_ref(), Some(text));
                }
            };
            check(&vault).await;
            vault.rotate_key(scratch.generated()).await.unwrap();
            check(&vault).await;
            drop(vault);
            check(&scratch.vault().await).await;
        });
    }

    #[test]
    fn a_sealed_value_opens_at_its_own_place_alone(
        from in (1..4_u8, 1..4_u32),
        to in (1..4_u8, 1..4_u32),
    ) {
        prop_assume!(from != to);
        block_on(async {
            let scratch = Scratch::new();
            let vault = scratch.vault().await;
            for number in 1..4_u128 {
                crate::support::put(&vault, number, "same value").await;
                for version in 1..3 {
                    vault
                        .add_version(secret(number), SecretVersion(version), value("same value"), now())
                        .await
                        .unwrap();
                }
            }
            let id = |number: u8| secret(u128::from(number)).0.as_uuid().as_bytes().to_vec();
            sqlx::query(
                "UPDATE versions SET sealed = (SELECT sealed FROM versions WHERE secret_id = $1 AND version = $2) \
                 WHERE secret_id = $3 AND version = $4",
            )
            .bind(id(from.0))
            .bind(from.1)
            .bind(id(to.0))
            .bind(to.1)
            .execute(&mut scratch.database().await)
            .await
            .unwrap();
            let moved = vault
                .get_version(secret(u128::from(to.0)), SecretVersion(to.1))
                .await;
            assert!(matches!(moved, Err(VaultError::Tampered { .. })));
            let original = read_version(&vault, u128::from(from.0), from.1).await;
            assert_eq!(original.as_deref(), Some("same value"));
        });
    }
}

#[test]
fn a_seeded_vault_repeats_and_two_records_never_share_a_nonce() {
    let sealed = |seed| {
        block_on(async move {
            let scratch = Scratch::new();
            let options = scratch
                .options(scratch.generated())
                .entropy(Arc::new(SeededEntropy::new(seed)));
            let vault = EmbeddedVault::open(options).await.unwrap();
            for number in 0..20 {
                crate::support::put(&vault, number, "same").await;
            }
            let sealed: Vec<Vec<u8>> = sqlx::query_scalar(
                "SELECT sealed FROM versions UNION ALL SELECT seal FROM secrets",
            )
            .fetch_all(&mut scratch.database().await)
            .await
            .unwrap();
            sealed
        })
    };
    let first = sealed(1);
    assert_eq!(first, sealed(1));
    assert_ne!(first, sealed(2));
    let nonces: std::collections::BTreeSet<&[u8]> =
        first.iter().map(|record| &record[..24]).collect();
    assert_eq!(nonces.len(), first.len());
}
