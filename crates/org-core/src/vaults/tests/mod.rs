//! Several vaults as one.

mod moving;
mod watched;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_executor::block_on;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Moved, VaultHandle, Vaults};
use crate::ports::{SecretVault, VaultError, VaultHealth, VaultTransfer};
use crate::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretRef, SecretVersion, VersionFacts, VersionValue,
};
use crate::testing::build::{noon, noon_plus, organization_id, parsed, secret, secret_ref};
use crate::testing::contract::VaultUnderTest;
use crate::testing::{MemoryVault, VaultFault};
use crate::text::{SecretName, VaultName};

mod front {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = {
            let (a, b) = (memory("a"), memory("b"));
            let vaults = || Vaults::new(handle("a", &a), [handle("b", &b)]);
            VaultUnderTest::new(Arc::new(vaults())).with_second(Arc::new(vaults()))
        },
    }
}

mod single {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = VaultUnderTest::new(Arc::new(Vaults::one(handle("a", &memory("a"))))),
    }
}

fn memory(name: &str) -> Arc<MemoryVault> {
    Arc::new(MemoryVault::named(name))
}

fn handle(name: &str, vault: &Arc<MemoryVault>) -> VaultHandle {
    VaultHandle::new(parsed(name), "a vault in memory", vault.clone()).with_links(vault.clone())
}

struct Two {
    a: Arc<MemoryVault>,
    b: Arc<MemoryVault>,
    vaults: Vaults,
}

impl Two {
    fn new() -> Self {
        let (a, b) = (memory("a"), memory("b"));
        let vaults = Vaults::new(handle("a", &a), [handle("b", &b)]);
        Self { a, b, vaults }
    }

    /// The same vaults, seen by a program that guesses nothing yet.
    fn fresh(&self) -> Vaults {
        Vaults::new(handle("a", &self.a), [handle("b", &self.b)])
    }

    fn at(&self, index: usize) -> &VaultHandle {
        &self.vaults.all()[index]
    }

    async fn put_in(&self, index: usize, number: u64, name: &str) -> SecretFacts {
        self.vaults
            .put_in(
                self.at(index),
                (secret_ref(number), &parsed(name)),
                SecretOwner::Person,
                secret("value 1"),
                noon(),
            )
            .await
            .expect("the name is free")
    }

    /// A secret in the first vault with the versions from 2 to 4.
    async fn with_versions(&self) {
        self.put_in(0, 1, "token").await;
        for version in 1..4 {
            rotate(&self.vaults, version).await.expect("the newest");
        }
        self.vaults
            .forget_before(secret_ref(1), SecretVersion(2))
            .await
            .expect("it is there");
    }
}

async fn rotate(vault: &dyn SecretVault, version: u32) -> Result<SecretFacts, VaultError> {
    let value = secret(&format!("value {}", version + 1));
    let now = noon_plus(i64::from(version));
    vault
        .add_version(secret_ref(1), SecretVersion(version), value, now)
        .await
}

async fn value(vault: &dyn SecretVault, version: u32) -> Option<String> {
    let value = vault
        .get_version(secret_ref(1), SecretVersion(version))
        .await
        .expect("a vault");
    value.map(|value| value.expose_secret().to_owned())
}

#[test]
fn a_secret_is_found_in_whichever_vault_it_lives() {
    block_on(async {
        let two = Two::new();
        assert_eq!(two.put_in(1, 1, "b").await.vault.as_str(), "b");
        let put = two
            .vaults
            .put(
                secret_ref(2),
                &parsed("a"),
                SecretOwner::Person,
                secret("value 1"),
                noon(),
            )
            .await;
        assert_eq!(put.expect("the name is free").vault.as_str(), "a");
        let places: Vec<_> = two
            .fresh()
            .list()
            .await
            .expect("both answer")
            .iter()
            .map(|facts| format!("{} in {}", facts.name, facts.vault))
            .collect();
        assert_eq!(places, ["a in a", "b in b"]);
        assert_eq!(value(&two.fresh(), 1).await.as_deref(), Some("value 1"));
        rotate(&two.fresh(), 1).await.expect("it is the newest");
        assert_eq!(two.vaults.health().await.expect("both answer").secrets, 2);
    });
}

#[test]
fn a_name_is_taken_once_in_all_vaults() {
    block_on(async {
        let two = Two::new();
        two.put_in(0, 1, "token").await;
        let again = two
            .vaults
            .put_in(
                two.at(1),
                (secret_ref(2), &parsed("token")),
                SecretOwner::Person,
                secret("x"),
                noon(),
            )
            .await;
        assert!(matches!(again, Err(VaultError::NameTaken { .. })));
    });
}

#[test]
fn one_vault_that_is_down_takes_only_its_own_secrets_along() {
    block_on(async {
        let two = Two::new();
        two.put_in(0, 1, "a").await;
        two.put_in(1, 2, "b").await;
        two.b.break_with(VaultFault::Sealed);
        let fresh = two.fresh();
        assert!(
            fresh
                .get(secret_ref(1))
                .await
                .expect("it lives in a")
                .is_some()
        );
        assert!(
            fresh
                .find(&parsed("a"))
                .await
                .expect("it lives in a")
                .is_some()
        );
        // Nobody can tell whether these are there.
        for number in [2, 3] {
            let answer = fresh.get(secret_ref(number)).await;
            assert!(matches!(answer, Err(VaultError::Sealed { .. })));
        }
        assert!(fresh.list().await.is_err());
        two.b.repair();
        assert!(fresh.get(secret_ref(2)).await.expect("b is back").is_some());
        assert!(fresh.get(secret_ref(3)).await.expect("b is back").is_none());
    });
}
