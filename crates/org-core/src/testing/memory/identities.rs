//! Who is who at an identity provider, and sign-ins there that wait for their answer.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::accounts::changed;
use super::rows::Kept;
use super::{MemoryStore, misuse};
use crate::accounts::{Arrival, ExternalId, SecretDigest};
use crate::ids::UserId;
use crate::ports::{AccountChange, IdentityStore, StoreError};

impl Kept for Arrival {
    fn kept(mut self) -> Self {
        self.expires_at = self.expires_at.kept();
        self
    }
}

#[async_trait]
impl IdentityStore for MemoryStore {
    async fn put_arrival(
        &self,
        arrival: &Arrival,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(), StoreError> {
        let now = now.kept();
        self.write(|draft| {
            let arrivals = &mut draft.state.arrivals;
            if arrivals.iter().any(|known| known.state == arrival.state) {
                return Err(misuse("keeping an arrival", "its state is there already"));
            }
            arrivals.retain(|known| known.expires_at > now);
            arrivals.push(arrival.clone().kept());
            let beyond = arrivals.len().saturating_sub(limit as usize);
            arrivals.drain(..beyond);
            Ok(())
        })
    }

    async fn take_arrival(&self, state: SecretDigest) -> Result<Option<Arrival>, StoreError> {
        self.write(|draft| {
            let arrivals = &mut draft.state.arrivals;
            let found = arrivals.iter().position(|known| known.state == state);
            Ok(found.map(|index| arrivals.remove(index)))
        })
    }

    async fn account_of(&self, id: &ExternalId) -> Result<Option<UserId>, StoreError> {
        Ok(self.read(|state| state.identities.get(id).copied()))
    }

    async fn link_account(
        &self,
        change: &AccountChange<'_>,
        id: &ExternalId,
    ) -> Result<u64, StoreError> {
        self.write(|draft| {
            let generation = changed(&mut draft.state.accounts, change)?;
            draft.state.identities.insert(id.clone(), change.user.id);
            draft.events.extend_from_slice(change.events);
            Ok(generation)
        })
    }
}
