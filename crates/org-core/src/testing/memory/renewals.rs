//! Who renews which credential.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use super::rows::Kept as _;
use crate::ids::ProcessId;
use crate::ports::{Renewal, RenewalClaim, RenewalState, RenewalStore, StoreError};
use crate::secret::SecretRef;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RenewalRow {
    fence: u64,
    state: RenewalState,
    /// Until when the newest claim holds; `None` once it was given back.
    lease_until: Option<DateTime<Utc>>,
}

impl MemoryStore {
    fn write_renewal(
        &self,
        renewal: &Renewal,
        write: impl FnOnce(&mut RenewalRow),
    ) -> Result<(), StoreError> {
        self.write(|draft| {
            let row = draft.state.renewals.get_mut(&renewal.secret);
            match row.filter(|row| row.fence == renewal.fence) {
                Some(row) => {
                    write(row);
                    Ok(())
                }
                None => Err(StoreError::RenewalFenced {
                    secret: renewal.secret,
                }),
            }
        })
    }
}

#[async_trait]
impl RenewalStore for MemoryStore {
    async fn claim(
        &self,
        secret: SecretRef,
        _: ProcessId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RenewalClaim, StoreError> {
        self.write(|draft| {
            let row = draft.state.renewals.entry(secret).or_default();
            if let Some(until) = row.lease_until.filter(|until| *until > now) {
                return Ok(RenewalClaim::Busy { until });
            }
            row.fence += 1;
            row.lease_until = Some(lease_until.kept());
            Ok(RenewalClaim::Granted(Renewal {
                secret,
                fence: row.fence,
                state: row.state,
            }))
        })
    }

    async fn put_down(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.write_renewal(renewal, |row| row.state = state)
    }

    async fn release(&self, renewal: &Renewal, state: RenewalState) -> Result<(), StoreError> {
        self.write_renewal(renewal, |row| {
            row.state = state;
            row.lease_until = None;
        })
    }

    async fn state(&self, secret: SecretRef) -> Result<RenewalState, StoreError> {
        let found = self.read(|state| state.renewals.get(&secret).copied());
        Ok(found.unwrap_or_default().state)
    }

    async fn forget(&self, secret: SecretRef) -> Result<(), StoreError> {
        self.write(|draft| {
            draft.state.renewals.remove(&secret);
            Ok(())
        })
    }
}
