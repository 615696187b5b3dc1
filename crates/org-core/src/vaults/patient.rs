//! A vault that is waited for.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::listing::Wait;
use crate::ports::{Clock, Ports, SecretVault, Timer, VaultError, VaultHealth};
use crate::secret::{SecretFacts, SecretOwner, SecretRef, SecretVersion};
use crate::text::SecretName;
use crate::use_cases::{Progress, ProgressEvent};

/// The first pause; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: how late a sync may notice that the vault is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Waits while the vault behind it is sealed or does not answer, says so, and goes on when it is back; for work that nobody sits before.
///
/// Reading is waited for, and what may be done twice. A new secret, a new version and a deletion are not: their answer may have been lost,
/// and what that means is the caller's to judge.
pub struct PatientVault {
    inner: Arc<dyn SecretVault>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    progress: Arc<dyn Progress>,
    limit: Duration,
}

impl PatientVault {
    /// The vault `inner`, waited for no longer than `limit` in one call; `progress` is told of each pause.
    pub fn new(
        inner: Arc<dyn SecretVault>,
        clock: Arc<dyn Clock>,
        timer: Arc<dyn Timer>,
        progress: Arc<dyn Progress>,
        limit: Duration,
    ) -> Self {
        Self {
            inner,
            clock,
            timer,
            progress,
            limit,
        }
    }

    async fn until_it_answers<T, F>(&self, call: impl Fn() -> F) -> Result<T, VaultError>
    where
        F: Future<Output = Result<T, VaultError>>,
    {
        let limit = TimeDelta::from_std(self.limit).unwrap_or(TimeDelta::MAX);
        let start = self.clock.now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match call().await {
                Err(error) if error.is_outage() => error,
                answer => return answer,
            };
            let waited = self.clock.now() - start;
            let Ok(left) = (limit - waited).to_std() else {
                return Err(error);
            };
            if left.is_zero() {
                return Err(error);
            }
            let this = pause.min(left);
            let until = self.clock.now() + TimeDelta::from_std(this).unwrap_or(TimeDelta::MAX);
            self.progress.report(ProgressEvent::Waiting(Wait {
                until,
                reason: error.to_string(),
            }));
            self.timer.sleep(this).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// The ports for work that nobody sits before: a vault that is sealed or does not answer is waited for as long as [`Vaults::patience`] says, and
/// `progress` is told.
///
/// [`Vaults::patience`]: super::Vaults::patience
pub fn patiently(ports: &Ports, progress: Arc<dyn Progress>) -> Ports {
    let vault = PatientVault::new(
        ports.vault.clone(),
        ports.clock.clone(),
        ports.timer.clone(),
        progress,
        ports.vaults.patience(),
    );
    Ports {
        vault: Arc::new(vault),
        ..ports.clone()
    }
}

impl fmt::Debug for PatientVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatientVault")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SecretVault for PatientVault {
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
        self.until_it_answers(|| self.inner.get(reference)).await
    }

    async fn get_version(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<Option<SecretString>, VaultError> {
        self.until_it_answers(|| self.inner.get_version(reference, version))
            .await
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
        self.until_it_answers(|| self.inner.set_owner(reference, owner))
            .await
    }

    async fn find(&self, name: &SecretName) -> Result<Option<SecretFacts>, VaultError> {
        self.until_it_answers(|| self.inner.find(name)).await
    }

    async fn look(&self, reference: SecretRef) -> Result<Option<SecretFacts>, VaultError> {
        self.until_it_answers(|| self.inner.look(reference)).await
    }

    async fn list(&self) -> Result<Vec<SecretFacts>, VaultError> {
        self.until_it_answers(|| self.inner.list()).await
    }

    async fn forget_before(
        &self,
        reference: SecretRef,
        version: SecretVersion,
    ) -> Result<u64, VaultError> {
        self.until_it_answers(|| self.inner.forget_before(reference, version))
            .await
    }

    async fn delete(&self, reference: SecretRef) -> Result<bool, VaultError> {
        self.inner.delete(reference).await
    }

    async fn health(&self) -> Result<VaultHealth, VaultError> {
        self.inner.health().await
    }
}
