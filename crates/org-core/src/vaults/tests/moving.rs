//! Secrets that move while programs die, and while somebody changes them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

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

/// A vault in which somebody changes the secret at the last moment before it is deleted, once.
struct Overtaken {
    inner: Arc<MemoryVault>,
    changed: AtomicBool,
}

#[async_trait]
impl VaultTransfer for Overtaken {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        self.inner.versions(reference).await
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        self.inner.adopt(facts, from, versions).await
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        self.inner.settle(reference).await
    }

    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        if !self.changed.swap(true, Ordering::SeqCst) {
            rotate(&*self.inner, expected.0).await?;
        }
        self.inner.delete_if(reference, expected).await
    }
}

/// The vaults of `two`, in the first of which somebody is faster.
fn overtaken(two: &Two) -> Vaults {
    let first = VaultHandle {
        transfer: Arc::new(Overtaken {
            inner: two.a.clone(),
            changed: AtomicBool::new(false),
        }),
        ..handle("a", &two.a)
    };
    Vaults::new(first, [handle("b", &two.b)])
}

fn is_conflict<T: std::fmt::Debug>(answer: &Result<T, VaultError>, newest: u32) {
    assert!(
        matches!(answer, Err(VaultError::VersionConflict { expected, found, .. })
            if expected.0 == 1 && found.0 == newest),
        "{answer:?}"
    );
}

#[test]
fn only_the_version_that_was_seen_is_moved() {
    block_on(async {
        let two = Two::new();
        two.put_in(0, 1, "token").await;
        let vaults = overtaken(&two);
        let late = vaults
            .move_seen(secret_ref(1), SecretVersion(1), &vaults.all()[1])
            .await;
        is_conflict(&late, 2);
        let there = two.fresh().look(secret_ref(1)).await.expect("a vault");
        assert_eq!(there.expect("it stays").vault.as_str(), "a");
        let again = vaults
            .move_seen(secret_ref(1), SecretVersion(1), &vaults.all()[1])
            .await;
        is_conflict(&again, 2);
        let moved = vaults
            .move_seen(secret_ref(1), SecretVersion(2), &vaults.all()[1])
            .await;
        assert!(
            matches!(moved, Ok(Moved::Done { versions: 2, .. })),
            "{moved:?}"
        );
        assert_eq!(value(&two.fresh(), 2).await.as_deref(), Some("value 2"));
        // Whoever names no version takes along what was changed in between.
        let two = Two::new();
        two.put_in(0, 1, "token").await;
        let vaults = overtaken(&two);
        let moved = vaults.move_to(secret_ref(1), &vaults.all()[1]).await;
        assert!(
            matches!(moved, Ok(Moved::Done { versions: 2, .. })),
            "{moved:?}"
        );
    });
}

#[test]
fn only_the_version_that_was_seen_is_deleted() {
    block_on(async {
        let two = Two::new();
        two.put_in(0, 1, "token").await;
        let vaults = overtaken(&two);
        is_conflict(&vaults.delete_if(secret_ref(1), SecretVersion(1)).await, 2);
        is_conflict(&vaults.delete_if(secret_ref(1), SecretVersion(1)).await, 2);
        assert_eq!(value(&two.fresh(), 2).await.as_deref(), Some("value 2"));
        let deleted = vaults.delete_if(secret_ref(1), SecretVersion(2)).await;
        assert!(deleted.expect("it is the newest"));
        for vaults in [&vaults, &two.fresh()] {
            assert_eq!(value(vaults, 2).await, None);
            let again = vaults.delete_if(secret_ref(1), SecretVersion(2)).await;
            assert!(!again.expect("both answer"));
        }
    });
}

/// A vault from which somebody moves the secret at the last moment before it is deleted: up to the copy, or to the end.
struct Left {
    two: Two,
    ends: bool,
    begun: AtomicBool,
}

#[async_trait]
impl VaultTransfer for Left {
    async fn versions(&self, reference: SecretRef) -> Result<Vec<VersionFacts>, VaultError> {
        self.two.a.versions(reference).await
    }

    async fn adopt(
        &self,
        facts: &SecretFacts,
        from: &VaultName,
        versions: Vec<VersionValue>,
    ) -> Result<SecretFacts, VaultError> {
        self.two.a.adopt(facts, from, versions).await
    }

    async fn settle(&self, reference: SecretRef) -> Result<(), VaultError> {
        self.two.a.settle(reference).await
    }

    async fn delete_if(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
    ) -> Result<bool, VaultError> {
        if self.begun.swap(true, Ordering::SeqCst) {
            return self.two.a.delete_if(reference, expected).await;
        }
        if self.ends {
            let vaults = self.two.fresh();
            vaults.move_to(reference, &vaults.all()[1]).await?;
        } else {
            let facts = self.two.a.look(reference).await?.expect("it is there");
            let values = vec![VersionValue {
                facts: self.versions(reference).await?[0],
                value: SecretString::from("value 1"),
            }];
            self.two.b.adopt(&facts, &parsed("a"), values).await?;
        }
        self.two.a.delete_if(reference, expected).await
    }
}

#[test]
fn what_is_deleted_while_it_is_moved_lives_nowhere() {
    block_on(async {
        for ends in [false, true] {
            let two = Two::new();
            two.put_in(0, 1, "token").await;
            let left = Left {
                two: Two {
                    a: two.a.clone(),
                    b: two.b.clone(),
                    vaults: two.fresh(),
                },
                ends,
                begun: AtomicBool::new(false),
            };
            let first = VaultHandle {
                transfer: Arc::new(left),
                ..handle("a", &two.a)
            };
            let vaults = Vaults::new(first, [handle("b", &two.b)]);
            let deleted = vaults.delete_if(secret_ref(1), SecretVersion(1)).await;
            assert!(deleted.expect("both answer"), "{ends}");
            assert_eq!(value(&two.fresh(), 1).await, None, "{ends}");
        }
    });
}

/// A copy that a move left behind would count from then on.
#[test]
fn a_deleted_version_leaves_no_copy_behind() {
    block_on(async {
        for wrong_first in [false, true] {
            let two = Two::new();
            two.with_versions().await;
            let facts = two.a.look(secret_ref(1)).await.expect("a").expect("there");
            let old = VersionValue {
                facts: VersionFacts {
                    version: SecretVersion(4),
                    created_at: noon(),
                },
                value: secret("an old copy"),
            };
            let adopted = two.b.adopt(&facts, &parsed("a"), vec![old]).await;
            adopted.expect("nothing is in the way");
            if wrong_first {
                let refused = two.fresh().delete_if(secret_ref(1), SecretVersion(3)).await;
                refused.expect_err("it is not the newest");
                // What a move had copied is not taken away from it.
                assert!(two.b.look(secret_ref(1)).await.expect("b").is_some());
            }
            let deleted = two.fresh().delete_if(secret_ref(1), SecretVersion(4)).await;
            assert!(deleted.expect("both answer"));
            assert!(two.b.look(secret_ref(1)).await.expect("b").is_none());
            assert_eq!(value(&two.fresh(), 4).await, None);
        }
    });
}
