//! What a vault that fails, or a program that dies, leaves behind, and who takes it away.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::*;
use crate::attempt::{ATTEMPT_LIFETIME, AttemptState};
use crate::ports::{AttemptStore as _, Ports, SecretVault, VaultError, VaultHealth};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::testing::{FlakyStore, MemoryVault, StoreFault, VaultFault};
use crate::text::SecretName;
use crate::use_cases::connect::clean_up;
use crate::use_cases::manage;
use crate::use_cases::reconnect::{ReconnectDraft, reconnect};

/// Takes new secrets and never changes or deletes one.
struct Keeper(Arc<MemoryVault>);

fn unavailable<T>() -> Result<T, VaultError> {
    Err(VaultError::Unavailable {
        detail: "the test said so".to_owned(),
    })
}

#[async_trait]
impl SecretVault for Keeper {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.0.put(reference, name, owner, value, now).await
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.0.get(reference).await
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.0.get_version(reference, version).await
    }

    async fn add_version(
        &self,
        _: SecretRef,
        _: SecretVersion,
        _: SecretString,
        _: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        unavailable()
    }

    async fn set_owner(&self, _: SecretRef, _: SecretOwner) -> Result<(), VaultError> {
        unavailable()
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.0.find(name).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.0.list().await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.0.forget_before(reference, version).await
    }

    async fn delete(&self, _: SecretRef) -> Result<bool, VaultError> {
        unavailable()
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.0.health().await
    }
}

fn keeping(bench: &TestBench) -> Ports {
    Ports {
        vault: Arc::new(Keeper(bench.vault.clone())),
        ..bench.ports()
    }
}

fn secrets(bench: &TestBench) -> Vec<SecretRef> {
    let secrets = block_on(bench.vault.list()).expect("the vault answers");
    secrets.iter().map(|facts| facts.reference).collect()
}

/// Cleans up, some time later.
fn clean_up_later(bench: &TestBench) {
    bench.advance(ATTEMPT_LIFETIME);
    block_on(clean_up(&bench.ports())).expect("it works");
}

#[test]
fn an_organization_stands_although_its_secret_was_not_handed_over() {
    let bench = TestBench::new(world(1));
    let connected = block_on(connect(&keeping(&bench), &draft(), jane(), &NoProgress));
    let organization = connected.expect("it stands");
    let attempts = block_on(bench.store.list(10)).expect("the store answers");
    assert!(matches!(attempts[0].state, AttemptState::Succeeded { .. }));
    clean_up_later(&bench);
    assert_eq!(secrets(&bench), [organization.auth.secret()]);
    assert_eq!(sync(&bench, &organization).state_word(), "complete");
    let ports = bench.ports();
    let removed = manage::remove(&ports, reload(&bench, &organization), "Acme", jane());
    assert_eq!(block_on(removed).expect("it is removed").secrets, 1);
}

#[test]
fn why_nothing_was_stored_is_told_although_the_secret_stayed() {
    // The last call of all is the one that stores the organization.
    let attempt = |fault_at: Option<u64>| {
        let bench = TestBench::new(world(1));
        let store = Arc::new(FlakyStore::new(bench.store.clone()));
        if let Some(call) = fault_at {
            store.fail_at(call, StoreFault::Unavailable);
        }
        let bench = bench.with_stores(&store);
        let done = block_on(connect(&keeping(&bench), &draft(), jane(), &NoProgress));
        (done, store.calls(), bench)
    };
    let (done, calls, _) = attempt(None);
    done.expect("nothing is wrong yet");
    let (done, _, bench) = attempt(Some(calls));
    assert_eq!(
        done.expect_err("it is not stored").to_string(),
        "the database cannot be reached: the test said so"
    );
    assert_eq!(secrets(&bench).len(), 1);
    clean_up_later(&bench);
    assert_eq!(secrets(&bench), []);
}

#[test]
fn a_reconnection_holds_although_the_old_secret_stayed() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    bench
        .host
        .change(|world| world.add_token("second-token", 1, &["read_api"]));
    let draft = ReconnectDraft {
        token: TokenDraft::Value(build::secret("second-token")),
        ..ReconnectDraft::default()
    };
    let ports = keeping(&bench);
    let work = reconnect(&ports, organization, &draft, jane(), &NoProgress);
    let organization = block_on(work).expect("it is reconnected");
    assert_eq!(secrets(&bench).len(), 2);
    clean_up_later(&bench);
    assert_eq!(secrets(&bench), [organization.auth.secret()]);
}

#[test]
fn a_removal_holds_although_its_secret_stayed() {
    let bench = TestBench::new(world(1));
    let organization = connected(&bench);
    let ports = keeping(&bench);
    let removal = manage::remove(&ports, organization, "Acme", jane());
    let removal = block_on(removal).expect("it is removed");
    assert_eq!((removal.secrets, removal.secrets_left), (0, 1));
    assert_eq!(secrets(&bench).len(), 1);
    clean_up_later(&bench);
    assert_eq!(secrets(&bench), []);
}

#[test]
fn a_vault_that_fails_is_the_reason_of_the_attempt() {
    let bench = TestBench::new(world(1));
    let named = OrganizationDraft {
        token: TokenDraft::Secret("gitlab".into()),
        ..draft()
    };
    bench.vault.break_with(VaultFault::Unavailable);
    try_connect(&bench, &named).expect_err("refused");
    let attempts = block_on(bench.store.list(10)).expect("the store answers");
    let AttemptState::Failed { reason, .. } = &attempts[0].state else {
        panic!("{attempts:?}")
    };
    assert_eq!(reason, "the vault cannot be reached: the test said so");
}

#[test]
fn an_attempt_borrows_no_secret_of_an_organization() {
    let bench = TestBench::new(world(1));
    bench.host.change(|world| world.join(1, 20));
    let of = |name: &str, group: &str, token| OrganizationDraft {
        name: Some(name.into()),
        token,
        settings: SettingsDraft {
            groups: vec![group.into()],
            ..SettingsDraft::default()
        },
        ..draft()
    };
    try_connect(&bench, &of("Acme", "acme", draft().token)).expect("it connects");
    let facts = block_on(bench.vault.list()).expect("the vault answers");
    let name = facts[0].name.to_string();
    let borrowing = of("Globex", "globex", TokenDraft::Secret(name.clone()));
    assert_eq!(
        try_connect(&bench, &borrowing)
            .expect_err("refused")
            .to_string(),
        format!(
            "token: the secret `{name}` was made for another organization and is deleted with it; add one of your own"
        )
    );
}
