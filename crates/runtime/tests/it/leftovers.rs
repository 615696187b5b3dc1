//! What a vault or a store that fails in the middle of connecting, reconnecting or removing leaves behind: nothing, once it was cleaned up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use org_core::attempt::AttemptState;
use org_core::draft::{OrganizationDraft, SettingsDraft, TokenDraft};
use org_core::organization::{ExistingRepositories, Organization, Status};
use org_core::ports::{Ports, SecretVault, VaultError, VaultHealth};
use org_core::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use org_core::testing::{FlakyStore, StoreFault, TestBench, World, build};
use org_core::text::SecretName;
use org_core::use_cases::reconnect::{ReconnectDraft, reconnect};
use org_core::use_cases::{NoProgress, connect, manage};
use secrecy::SecretString;

use crate::support::person;

/// A vault in which one kind of call fails for as long as the test wants.
struct Failing {
    inner: Arc<dyn SecretVault>,
    call: Call,
    broken: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    SetOwner,
    Delete,
}

impl Failing {
    fn check(&self, call: Call) -> Result<(), VaultError> {
        if self.call == call && self.broken.load(Ordering::SeqCst) {
            return Err(VaultError::Unavailable {
                detail: "the test said so".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl SecretVault for Failing {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner.put(reference, name, owner, value, now).await
    }

    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.inner.get(reference).await
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.inner.get_version(reference, version).await
    }

    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner
            .add_version(reference, expected, value, now)
            .await
    }

    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.check(Call::SetOwner)?;
        self.inner.set_owner(reference, owner).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.find(name).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.inner.list().await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.inner.forget_before(reference, version).await
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.check(Call::Delete)?;
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}

fn bench() -> TestBench {
    let mut world = World::new();
    world.add_account(1, "robot");
    world.add_token("token-one", 1, &["read_api"]);
    world.add_token("token-two", 1, &["read_api"]);
    world.add_group(1, "acme");
    world.join(1, 1);
    world.add_repository(build::repository(1, "acme/app").build());
    TestBench::new(world)
}

fn draft() -> OrganizationDraft {
    OrganizationDraft {
        name: Some("Acme".to_owned()),
        host: build::host_url().to_string(),
        login: "robot".to_owned(),
        token: TokenDraft::Value(build::secret("token-one")),
        settings: SettingsDraft {
            license_existing: ExistingRepositories::All,
            ..SettingsDraft::default()
        },
        ..OrganizationDraft::default()
    }
}

fn failing(bench: &TestBench, call: Call) -> (Ports, Arc<Failing>) {
    let mut ports = bench.ports();
    let vault = Arc::new(Failing {
        inner: ports.vault.clone(),
        call,
        broken: AtomicBool::new(true),
    });
    ports.vault = vault.clone();
    (ports, vault)
}

async fn connect_with(ports: &Ports) -> Organization {
    connect::connect(ports, &draft(), &person(), &NoProgress)
        .await
        .expect("it connects")
}

/// Who owns each secret, after a clean-up.
async fn owners(ports: &Ports) -> Vec<SecretOwner> {
    connect::clean_up(ports).await.expect("it is cleaned up");
    let secrets = ports.vault.list().await.expect("a list");
    secrets.into_iter().map(|facts| facts.owner).collect()
}

#[tokio::test]
async fn an_organization_whose_token_was_not_handed_over_keeps_it() {
    let bench = bench();
    let (ports, vault) = failing(&bench, Call::SetOwner);
    let acme = connect_with(&ports).await;
    let attempts = ports.attempts.list(10).await.expect("the attempts");
    assert!(
        matches!(attempts[0].state, AttemptState::Succeeded { .. }),
        "{:?}",
        attempts[0].state
    );
    vault.broken.store(false, Ordering::SeqCst);
    assert_eq!(owners(&ports).await, [SecretOwner::Organization(acme.id)]);
    let value = ports.vault.get(acme.auth.secret()).await;
    assert!(
        value.expect("an answer").is_some(),
        "it can still synchronize"
    );
}

#[tokio::test]
async fn a_token_that_could_not_be_deleted_goes_later() {
    let bench = bench();
    let (ports, vault) = failing(&bench, Call::Delete);
    let acme = connect_with(&ports).await;
    // It is removed, whatever becomes of the token.
    let _ = manage::remove(&ports, acme.clone(), "Acme", &person()).await;
    let found = ports.organizations.get(acme.id).await.expect("an answer");
    let status = found.expect("it is known").status;
    assert!(matches!(status, Status::Removed { .. }), "{status:?}");
    vault.broken.store(false, Ordering::SeqCst);
    assert_eq!(owners(&ports).await, []);
}

#[tokio::test]
async fn the_old_token_of_a_reconnection_goes_later() {
    let bench = bench();
    let (ports, vault) = failing(&bench, Call::Delete);
    let acme = connect_with(&ports).await;
    let draft = ReconnectDraft {
        token: TokenDraft::Value(build::secret("token-two")),
        ..ReconnectDraft::default()
    };
    let _ = reconnect(&ports, acme.clone(), &draft, &person(), &NoProgress).await;
    vault.broken.store(false, Ordering::SeqCst);
    // Somebody may be at it as long as that takes at most.
    assert_eq!(owners(&ports).await.len(), 2);
    bench.advance(TimeDelta::hours(2));
    assert_eq!(owners(&ports).await, [SecretOwner::Organization(acme.id)]);
    let acme = ports.organizations.get(acme.id).await.expect("an answer");
    let secret = acme.expect("it is known").auth.secret();
    let kept = ports.vault.get(secret).await.expect("an answer");
    assert!(kept.is_some(), "the new token is there");
}

/// Whatever call of the store fails, connecting answers the truth: an organization with its token, or neither.
#[tokio::test]
async fn a_store_that_fails_anywhere_leaves_all_or_nothing() {
    for fault in [StoreFault::Unavailable, StoreFault::AnswerLost] {
        for call in 1.. {
            let bench = bench();
            let store = Arc::new(FlakyStore::new(bench.store.clone()));
            store.fail_at(call, fault);
            let ports = bench.clone().with_stores(&store).ports();
            let answer = connect::connect(&ports, &draft(), &person(), &NoProgress).await;
            if store.calls() < call {
                assert!(
                    call > 4,
                    "connecting asks the store more often than {call} times"
                );
                break;
            }
            bench.advance(TimeDelta::hours(2));
            let owners = owners(&ports).await;
            let roster = ports.organizations.roster().await.expect("the roster");
            match roster.organizations.as_slice() {
                [] => {
                    assert!(answer.is_err(), "{fault:?} at {call}");
                    assert_eq!(owners, [], "{fault:?} at {call}");
                }
                [acme] => {
                    assert!(answer.is_ok(), "{fault:?} at {call}: {answer:?}");
                    let owner = SecretOwner::Organization(acme.id);
                    assert_eq!(owners, [owner], "{fault:?} at {call}");
                }
                more => panic!("{more:?}"),
            }
            let attempts = ports.attempts.list(10).await.expect("the attempts");
            assert!(
                attempts
                    .iter()
                    .all(|attempt| attempt.state != AttemptState::Open)
            );
        }
    }
}
