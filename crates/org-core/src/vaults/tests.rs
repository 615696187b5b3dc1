//! Several vaults as one, and secrets that move while programs die.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_executor::block_on;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Moved, PatientVault, RecordedVault, VaultHandle, Vaults};
use crate::ports::{AccessStore as _, SecretVault, VaultError, VaultHealth, VaultTransfer};
use crate::secret::{
    ExternalSecret, SecretFacts, SecretOwner, SecretRef, SecretVersion, VersionFacts, VersionValue,
};
use crate::testing::build::{noon, noon_plus, organization_id, parsed, secret, secret_ref};
use crate::testing::contract::VaultUnderTest;
use crate::testing::{InstantTimer, ManualClock, MemoryAccess, MemoryVault, VaultFault};
use crate::text::{SecretName, VaultName};
use crate::use_cases::{NoProgress, Progress, ProgressEvent};

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

#[test]
fn a_moved_secret_keeps_its_reference_its_versions_and_its_users() {
    block_on(async {
        let two = Two::new();
        two.with_versions().await;
        // Another program that knows where it lived.
        let other = two.fresh();
        assert_eq!(value(&other, 4).await.as_deref(), Some("value 4"));
        other.get(secret_ref(1)).await.expect("it is there");

        let moved = two.vaults.move_to(secret_ref(1), two.at(1)).await;
        let Ok(Moved::Done { facts, versions }) = moved else {
            panic!("it moves: {moved:?}");
        };
        assert_eq!((facts.vault.as_str(), versions), ("b", 3));
        assert_eq!(facts.arriving_from, None);
        assert!(two.a.list().await.expect("a vault").is_empty());
        for vaults in [&two.vaults, &other, &two.fresh()] {
            assert_eq!(value(vaults, 1).await, None);
            assert_eq!(value(vaults, 2).await.as_deref(), Some("value 2"));
            let (version, _) = vaults.get(secret_ref(1)).await.expect("b").expect("there");
            assert_eq!(version, SecretVersion(4));
        }
        rotate(&other, 4).await.expect("it is the newest");

        let again = two.vaults.move_to(secret_ref(1), two.at(1)).await;
        assert!(matches!(again, Ok(Moved::AlreadyThere(_))));
        let back = two.vaults.move_to(secret_ref(1), two.at(0)).await;
        assert!(matches!(back, Ok(Moved::Done { versions: 4, .. })));
        assert_eq!(value(&other, 5).await.as_deref(), Some("value 5"));
        assert!(two.b.list().await.expect("a vault").is_empty());
    });
}

#[test]
fn nothing_of_others_is_moved() {
    block_on(async {
        let two = Two::new();
        let target = ExternalSecret::new("secret", "ci", "token").expect("a path");
        two.a.plant(&target, "theirs");
        two.vaults
            .link_in(
                two.at(0),
                (secret_ref(1), &parsed("token")),
                SecretOwner::Person,
                &target,
                noon(),
            )
            .await
            .expect("it is there");
        let moved = two.vaults.move_to(secret_ref(1), two.at(1)).await;
        let told = moved.expect_err("it is theirs").to_string();
        assert_eq!(
            told,
            "the vault cannot do that: `token` only points at secret/ci#token in `a`; remove it, and add its value where it shall live"
        );
        assert_eq!(value(&two.vaults, 1).await.as_deref(), Some("theirs"));
    });
}

/// A vault whose program is cut off at a change: before it is made, or after it, so that the answer alone is lost.
struct CutOff {
    inner: Arc<MemoryVault>,
    /// Two for each change that goes well; with one the change is not made, with two it is made and its answer is lost.
    left: Arc<AtomicUsize>,
}

impl CutOff {
    async fn step<T>(
        &self,
        change: impl Future<Output = Result<T, VaultError>>,
    ) -> Result<T, VaultError> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(2), Ordering::SeqCst);
        let answer = if left >= 2 { Some(change.await) } else { None };
        match answer {
            Some(answer) if left > 2 => answer,
            _ => Err(VaultError::Unavailable {
                detail: "cut off".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl SecretVault for CutOff {
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
        self.inner.set_owner(reference, owner).await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.find(name).await
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        self.inner.look(reference).await
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
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}

#[async_trait]
impl VaultTransfer for CutOff {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        self.inner.versions(reference).await
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        self.step(self.inner.adopt(facts, from, versions)).await
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        self.step(self.inner.settle(reference)).await
    }

    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        self.step(self.inner.delete_if(reference, expected)).await
    }
}

/// At whichever change a program dies, the secret is there for everybody, whole, and moving it again ends the move; the same if it is
/// changed in between.
#[test]
fn a_move_may_be_cut_off_at_any_change() {
    // Three changes, each cut off before and after: two counts of `left` for each, and one more for the whole.
    for changed_between in [false, true] {
        for left in 1..=7 {
            let two = Two::new();
            let cut = |name: &str, inner: &Arc<MemoryVault>, left: &Arc<AtomicUsize>| {
                let vault = CutOff {
                    inner: inner.clone(),
                    left: left.clone(),
                };
                VaultHandle::new(parsed(name), "a vault in memory", Arc::new(vault))
            };
            block_on(async {
                two.with_versions().await;
                let left = Arc::new(AtomicUsize::new(left));
                let dying = Vaults::new(cut("a", &two.a, &left), [cut("b", &two.b, &left)]);
                let moved = dying.move_to(secret_ref(1), &dying.all()[1]).await;
                assert_eq!(moved.is_ok(), left.load(Ordering::SeqCst) > 0);

                let mut newest = 4;
                for vaults in [&two.vaults, &two.fresh()] {
                    assert_eq!(vaults.list().await.expect("a list").len(), 1);
                    let found = vaults.find(&parsed("token")).await.expect("an answer");
                    assert_eq!(found.map(|facts| facts.version.0), Some(newest));
                    for version in 2..=newest {
                        let expected = format!("value {version}");
                        assert_eq!(value(vaults, version).await, Some(expected));
                    }
                    if changed_between {
                        rotate(vaults, newest).await.expect("it is the newest");
                        newest += 1;
                    }
                }
                let moved = two.fresh().move_to(secret_ref(1), two.at(1)).await;
                assert!(moved.is_ok(), "{moved:?}");
                assert!(two.a.list().await.expect("a vault").is_empty());
                let there = two.b.look(secret_ref(1)).await.expect("a vault");
                let there = there.expect("it lives in b");
                assert_eq!((there.version.0, there.arriving_from), (newest, None));
                for version in 2..=newest {
                    let expected = format!("value {version}");
                    assert_eq!(value(&*two.b, version).await, Some(expected));
                }
            });
        }
    }
}

#[test]
fn a_copy_of_what_lives_elsewhere_does_not_count_and_goes_with_it() {
    block_on(async {
        let two = Two::new();
        two.with_versions().await;
        let facts = two.a.look(secret_ref(1)).await.expect("a").expect("there");
        let values = vec![VersionValue {
            facts: VersionFacts {
                version: SecretVersion(4),
                created_at: noon(),
            },
            value: secret("an old copy"),
        }];
        two.b
            .adopt(&facts, &parsed("a"), values)
            .await
            .expect("nothing is in the way");
        assert_eq!(value(&two.fresh(), 4).await.as_deref(), Some("value 4"));
        let owner = SecretOwner::Organization(organization_id(1));
        two.fresh()
            .set_owner(secret_ref(1), owner)
            .await
            .expect("it is there");
        assert_eq!(two.fresh().list().await.expect("a list")[0].owner, owner);
        assert!(
            two.fresh()
                .delete(secret_ref(1))
                .await
                .expect("both answer")
        );
        assert_eq!(value(&two.fresh(), 4).await, None);
    });
}

mod patient {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = {
            let clock = Arc::new(ManualClock::default());
            VaultUnderTest::new(Arc::new(PatientVault::new(
                memory("a"),
                clock.clone(),
                Arc::new(InstantTimer::new(clock)),
                Arc::new(NoProgress),
                Duration::from_mins(1),
            )))
        },
    }
}

mod recorded {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = VaultUnderTest::new(Arc::new(RecordedVault::new(
            memory("a"),
            Arc::new(MemoryAccess::default()),
            Arc::new(ManualClock::default()),
            "a test",
        ))),
    }
}

/// Repairs a vault after so many pauses, and keeps what was told.
struct Watch {
    vault: Arc<MemoryVault>,
    repair_after: usize,
    told: Mutex<Vec<String>>,
}

impl Progress for Watch {
    fn report(&self, event: ProgressEvent) {
        let ProgressEvent::Waiting(wait) = event else {
            panic!("nothing else is told: {event:?}");
        };
        let mut told = self.told.lock().expect("nobody panics");
        told.push(format!("{} until {}", wait.reason, wait.until.format("%T")));
        if told.len() == self.repair_after {
            self.vault.repair();
        }
    }
}

fn watched(fault: VaultFault, repair_after: usize) -> (Arc<Watch>, PatientVault) {
    let vault = memory("a");
    block_on(vault.put(
        secret_ref(1),
        &parsed("token"),
        SecretOwner::Person,
        secret("value 1"),
        noon(),
    ))
    .expect("the name is free");
    vault.break_with(fault);
    let watch = Arc::new(Watch {
        vault: vault.clone(),
        repair_after,
        told: Mutex::default(),
    });
    let clock = Arc::new(ManualClock::default());
    let timer = Arc::new(InstantTimer::new(clock.clone()));
    let limit = Duration::from_mins(2);
    let patient = PatientVault::new(vault, clock, timer, watch.clone(), limit);
    (watch, patient)
}

#[test]
fn an_outage_is_waited_for_and_told() {
    let (watch, patient) = watched(VaultFault::Sealed, 3);
    assert!(
        block_on(patient.get(secret_ref(1)))
            .expect("it is back")
            .is_some()
    );
    let told = watch.told.lock().expect("nobody panics").join("\n");
    insta::assert_snapshot!(told, @"
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:01
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:03
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:07
    ");
}

#[test]
fn an_outage_is_waited_for_no_longer_than_allowed() {
    let (watch, patient) = watched(VaultFault::Unavailable, usize::MAX);
    let answer = block_on(patient.get(secret_ref(1)));
    assert!(matches!(answer, Err(VaultError::Unavailable { .. })));
    let told = watch.told.lock().expect("nobody panics");
    let untils: Vec<&str> = told
        .iter()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(
        untils,
        [
            "12:00:01", "12:00:03", "12:00:07", "12:00:15", "12:00:31", "12:01:01", "12:01:31",
            "12:02:00"
        ]
    );
}

#[test]
fn what_no_waiting_mends_is_told_at_once() {
    for fault in [VaultFault::Denied, VaultFault::Locked] {
        let (watch, patient) = watched(fault, 1);
        assert!(block_on(patient.get(secret_ref(1))).is_err());
        assert!(watch.told.lock().expect("nobody panics").is_empty());
    }
}

#[test]
fn only_a_value_that_left_the_vault_is_put_down() {
    block_on(async {
        let access = Arc::new(MemoryAccess::default());
        let clock = Arc::new(ManualClock::default());
        let vault = memory("a");
        let recorded = RecordedVault::new(vault.clone(), access.clone(), clock, "run");
        recorded
            .put(
                secret_ref(1),
                &parsed("token"),
                SecretOwner::Person,
                secret("value 1"),
                noon(),
            )
            .await
            .expect("the name is free");
        recorded.list().await.expect("a list");
        recorded.get(secret_ref(2)).await.expect("an answer");
        vault.break_with(VaultFault::Sealed);
        assert!(recorded.get(secret_ref(1)).await.is_err());
        vault.repair();
        assert!(access.last_uses().await.expect("a store").is_empty());
        recorded.get(secret_ref(1)).await.expect("it is there");
        value(&recorded, 1).await;
        let history = access.history(secret_ref(1), 10).await.expect("a store");
        assert_eq!((history.len(), history[0].count), (1, 2));
        assert_eq!(history[0].by, "run");
    });
}
