//! Tokens that stay alive: renewed in time, in one place, and never lost where they could be kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::organization::{ActionReason, Status};
use crate::ports::{
    Ports, Renewal, RenewalClaim, RenewalState, RenewalStore, SecretVault, StoreError, VaultError,
    VaultHealth,
};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::testing::{OauthCall, OauthFault, VaultFault};
use crate::text::SecretName;

fn bench() -> TestBench {
    TestBench::new(world(3)).with_instant_timer()
}

fn version(bench: &TestBench, organization: &Organization) -> u32 {
    let kept = block_on(bench.vault.get(organization.auth.secret())).expect("a vault");
    kept.expect("the pair").0.0
}

/// How a sync ends, and what the organization says then.
fn told(bench: &TestBench, organization: &Organization) -> String {
    let run = sync(bench, organization);
    format!(
        "{}, {}",
        run.state_word(),
        reload(bench, organization).status
    )
}

#[test]
fn a_token_is_renewed_half_an_hour_before_its_end() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::minutes(89));
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 0);
    bench.advance(TimeDelta::minutes(1));
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 1);
    assert_eq!(version(&bench, &organization), 2);
    let old = bench
        .vault
        .get_version(organization.auth.secret(), SecretVersion(1));
    assert!(
        block_on(old).expect("a vault").is_none(),
        "the old pair is forgotten"
    );
}

#[test]
fn a_month_without_a_sync_costs_nothing() {
    let bench = bench();
    let organization = signed_in(&bench);
    for _ in 0..3 {
        bench.advance(TimeDelta::days(30));
        bench.host.expire_sign_ins();
        assert_eq!(told(&bench, &organization), "complete, connected");
    }
    assert_eq!(bench.host.living_pairs(), 1);
}

/// A token that the host ended before its time, such as by another program's renewal, is replaced in the middle of a request.
#[test]
fn a_token_that_ends_early_is_replaced() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.host.expire_sign_ins();
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 1);
}

#[test]
fn a_lagging_replica_is_waited_for_once() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    bench.host.expire_sign_ins();
    bench.host.lag_refresh_tokens(1);
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 2);
}

/// While the access token still works, a refusal is no end: it is used, and the renewal is tried again later.
#[test]
fn a_replica_that_lags_for_long_ends_nothing_while_the_token_works() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::minutes(95));
    bench.host.lag_refresh_tokens(2);
    assert_eq!(told(&bench, &organization), "complete, connected");
    bench.advance(TimeDelta::minutes(5));
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(version(&bench, &organization), 2);
}

#[test]
fn a_grant_that_was_taken_back_ends_in_a_word_and_not_in_a_loop() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.host.revoke_sign_ins();
    let ended = "failed, action_required:sign_in_again:the grant is invalid, expired or revoked";
    assert_eq!(told(&bench, &organization), ended);
    let asked = bench.host.oauth_calls(OauthCall::Refresh);
    assert_eq!(asked, 2, "once, and once more after some seconds");
    for _ in 0..5 {
        bench.advance(TimeDelta::hours(6));
        let told = told(&bench, &organization);
        assert_eq!(
            told,
            "failed, action_required:sign_in_again:the host accepts its refresh token no more"
        );
    }
    assert_eq!(
        bench.host.oauth_calls(OauthCall::Refresh),
        asked,
        "nobody asks again in vain"
    );
    let status = reload(&bench, &organization).status;
    let Status::ActionRequired(reason) = status else {
        panic!("{status:?}");
    };
    assert_eq!(
        reason.next_step(),
        "sign in again: reconnect the organization"
    );
}

#[test]
fn a_lost_answer_ends_in_a_word_and_not_in_a_loop() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    bench
        .host
        .fail_oauth(OauthCall::Refresh, OauthFault::AnswerLost);
    assert_eq!(
        told(&bench, &organization),
        "failed, action_required:sign_in_again:the grant is invalid, expired or revoked"
    );
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 2);
    bench.advance(TimeDelta::hours(6));
    sync(&bench, &organization);
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 2);
}

#[test]
fn a_host_that_is_away_ends_nothing() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    bench.host.expire_sign_ins();
    bench
        .host
        .fail_oauth(OauthCall::Refresh, OauthFault::NotSent);
    let away = "failed, action_required:host_unreachable:https://git.example.com cannot be reached for renewing the sign-in: https://git.example.com cannot be reached: the test said so";
    assert_eq!(told(&bench, &organization), away);
    assert_eq!(told(&bench, &organization), "complete, connected");
}

#[test]
fn a_device_sign_in_without_a_refresh_token_ends_after_its_two_hours() {
    let bench = bench();
    bench.host.grant_without_refresh();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::minutes(119));
    assert_eq!(
        told(&bench, &organization),
        "failed, action_required:sign_in_again:the host gave nothing to renew it with"
    );
}

#[test]
fn another_application_in_the_configuration_is_told_as_such() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    bench.host.forget_client();
    assert_eq!(
        told(&bench, &organization),
        "failed, action_required:sign_in_again:it was made with another application than the one that is configured for the host"
    );
    assert_eq!(
        bench.host.oauth_calls(OauthCall::Refresh),
        0,
        "the token is not spent in vain"
    );
}

/// Somebody put the pair of one host where that of another belongs: it stays here.
#[test]
fn a_pair_of_another_host_is_not_sent() {
    let bench = bench();
    let organization = signed_in(&bench);
    let secret = organization.auth.secret();
    let (version, value) = block_on(bench.vault.get(secret))
        .expect("a vault")
        .expect("the pair");
    let moved = value
        .expose_secret()
        .replace("host https://git.", "host https://evil.");
    let moved = bench
        .vault
        .add_version(secret, version, moved.into(), bench.now());
    block_on(moved).expect("a vault");
    let asked = bench.host.requests();
    assert_eq!(
        told(&bench, &organization),
        "failed, action_required:sign_in_again:its tokens are those of https://evil.example.com"
    );
    assert_eq!(bench.host.requests(), asked);
}

#[test]
fn many_programs_renew_once() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    bench.host.expire_sign_ins();
    let ports = bench.ports();
    let accesses = (0..8).map(|_| crate::use_cases::credential::access(&ports, &organization));
    for access in block_on(join_all(accesses)) {
        let access = access.expect("a token");
        let identity = block_on(bench.ports().host.identify(&access));
        identity.expect("it opens the host");
    }
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 1);
}

#[test]
fn a_vault_that_is_away_for_a_moment_costs_no_pair() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    let away = FrontVault {
        inner: bench.vault.clone(),
        failing_writes: AtomicU64::new(5),
        cut: None,
    };
    let ports = Ports {
        vault: Arc::new(away),
        ..bench.ports()
    };
    block_on(crate::use_cases::credential::access(&ports, &organization)).expect("it waits");
    assert_eq!(told(&bench, &organization), "complete, connected");
    bench.vault.break_with(VaultFault::Unavailable);
    assert!(
        block_on(crate::use_cases::credential::access(
            &bench.ports(),
            &organization
        ))
        .is_err()
    );
    bench.vault.repair();
    assert_eq!(told(&bench, &organization), "complete, connected");
}

/// A program that dies at its n-th call of the vault or of the renewals, before or after the call did its part.
struct Cut {
    calls: AtomicU64,
    at: u64,
    after: bool,
}

impl Cut {
    async fn step<T>(&self, call: impl Future<Output = T>) -> T {
        let this = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if this == self.at && !self.after {
            std::future::pending::<()>().await;
        }
        let answer = call.await;
        if this == self.at {
            std::future::pending::<()>().await;
        }
        answer
    }
}

struct CutRenewals(Arc<dyn RenewalStore>, Arc<Cut>);

#[async_trait]
impl RenewalStore for CutRenewals {
    async fn claim(
        &self,
        secret: SecretRef,
        holder: ProcessId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RenewalClaim, StoreError> {
        self.1
            .step(self.0.claim(secret, holder, now, lease_until))
            .await
    }
    async fn put_down(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.1.step(self.0.put_down(renewal, state)).await
    }
    async fn release(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.1.step(self.0.release(renewal, state)).await
    }
    async fn state(&self, secret: SecretRef) -> Result<RenewalState, StoreError> {
        self.1.step(self.0.state(secret)).await
    }
    async fn forget(&self, secret: SecretRef) -> Result<(), StoreError> {
        self.1.step(self.0.forget(secret)).await
    }
}

/// A vault in front of another one: its first writes fail, or its program dies.
struct FrontVault {
    inner: Arc<dyn SecretVault>,
    failing_writes: AtomicU64,
    cut: Option<Arc<Cut>>,
}

impl FrontVault {
    async fn step<T>(&self, call: impl Future<Output = T>) -> T {
        match &self.cut {
            Some(cut) => cut.step(call).await,
            None => call.await,
        }
    }
}

#[async_trait]
impl SecretVault for FrontVault {
    async fn put(
        &self,
        reference: SecretRef,
        name: &SecretName,
        owner: SecretOwner,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        self.step(self.inner.put(reference, name, owner, value, now))
            .await
    }
    async fn get(
        &self,
        reference: SecretRef,
    ) -> Result<Option<(SecretVersion, SecretString)>, VaultError> {
        self.step(self.inner.get(reference)).await
    }
    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.step(self.inner.get_version(reference, version)).await
    }
    async fn add_version(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        value: SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretFacts, VaultError> {
        let left = self.failing_writes.load(Ordering::Relaxed);
        if left > 0 {
            self.failing_writes.store(left - 1, Ordering::Relaxed);
            return Err(VaultError::Unavailable {
                detail: "the test said so".to_owned(),
            });
        }
        self.step(self.inner.add_version(reference, expected, value, now))
            .await
    }
    async fn set_owner(&self, reference: SecretRef, owner: SecretOwner) -> Result<(), VaultError> {
        self.step(self.inner.set_owner(reference, owner)).await
    }
    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.step(self.inner.find(name)).await
    }
    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.step(self.inner.list()).await
    }
    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.step(self.inner.forget_before(reference, version))
            .await
    }
    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.step(self.inner.delete(reference)).await
    }
    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.step(self.inner.health()).await
    }
}

/// Dies at each step of a renewal in turn. What is lost is what nobody could have kept: the answer of the host before it was in the vault.
#[test]
fn a_program_that_dies_at_any_step_loses_only_what_cannot_be_kept() {
    let mut lost = Vec::new();
    let mut steps = 0;
    for (at, after) in (1..=40).flat_map(|at| [(at, false), (at, true)]) {
        let bench = bench();
        let organization = signed_in(&bench);
        bench.advance(TimeDelta::hours(3));
        bench.host.expire_sign_ins();
        let cut = Arc::new(Cut {
            calls: AtomicU64::new(0),
            at,
            after,
        });
        let ports = Ports {
            vault: Arc::new(FrontVault {
                inner: bench.vault.clone(),
                failing_writes: AtomicU64::new(0),
                cut: Some(cut.clone()),
            }),
            renewals: Arc::new(CutRenewals(bench.store.clone(), cut.clone())),
            ..bench.ports()
        };
        let died = crate::use_cases::credential::access(&ports, &organization)
            .now_or_never()
            .is_none();
        if !died {
            break;
        }
        steps += 1;
        let spent = bench.host.oauth_calls(OauthCall::Refresh) > 0;
        let kept = version(&bench, &organization) > 1;
        // Whoever comes next waits for the lease of the dead one, and then knows what may have happened.
        let told = told(&bench, &organization);
        if spent && !kept {
            lost.push((at, after));
            assert_eq!(
                told,
                "failed, action_required:sign_in_again:an earlier renewal was cut off before its answer could be kept (the grant is invalid, expired or revoked)"
            );
        } else {
            assert_eq!(told, "complete, connected", "died at {at}, after: {after}");
            assert_eq!(bench.host.living_pairs(), 1);
        }
    }
    assert!(steps > 12, "{steps}");
    assert_eq!(
        lost.len(),
        1,
        "only before the one write of the new pair: {lost:?}"
    );
}

#[test]
fn a_program_that_dies_while_it_asks_is_told_from_one_whose_question_arrived() {
    for (fault, expected) in [
        (OauthFault::DiesBefore, "complete, connected"),
        (
            OauthFault::DiesAfter,
            "failed, action_required:sign_in_again:an earlier renewal was cut off before its answer could be kept (the grant is invalid, expired or revoked)",
        ),
    ] {
        let bench = bench();
        let organization = signed_in(&bench);
        bench.advance(TimeDelta::hours(3));
        bench.host.expire_sign_ins();
        bench.host.fail_oauth(OauthCall::Refresh, fault);
        let ports = bench.ports();
        let access = crate::use_cases::credential::access(&ports, &organization);
        assert!(access.now_or_never().is_none(), "it died");
        assert_eq!(told(&bench, &organization), expected);
    }
}

/// A program that slept past its lease writes nothing over what came meanwhile.
#[test]
fn a_late_program_takes_what_another_one_got() {
    let bench = bench();
    let organization = signed_in(&bench);
    bench.advance(TimeDelta::hours(3));
    let secret = organization.auth.secret();
    let now = bench.now();
    let holder = ProcessId::from_uuid(Uuid::from_u128(9));
    let ports = bench.ports();
    let lease = now + TimeDelta::seconds(1);
    let slept = ports.renewals.claim(secret, holder, now, lease);
    block_on(slept).expect("a store");
    // The lease of the sleeper ends while this one waits; it renews, and the sleeper finds the new pair.
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(version(&bench, &organization), 2);
    assert_eq!(told(&bench, &organization), "complete, connected");
    assert_eq!(bench.host.oauth_calls(OauthCall::Refresh), 1);
}

#[test]
fn reasons_of_an_ended_sign_in_are_kept() {
    let reason = ActionReason::SignInAgain {
        detail: "the host said: no".into(),
    };
    assert_eq!(reason.to_string().parse::<ActionReason>(), Ok(reason));
}
