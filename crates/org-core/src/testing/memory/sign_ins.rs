//! Sign-ins that wait for their answer.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::rows::Kept as _;
use super::{MemoryStore, misuse};
use crate::oauth::{SignIn, StateHash};
use crate::ports::{SignInStore, StoreError};

#[async_trait]
impl SignInStore for MemoryStore {
    async fn put(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        self.write(|draft| {
            let sign_ins = &mut draft.state.sign_ins;
            if sign_ins.iter().any(|known| known.state == sign_in.state) {
                return Err(misuse("keeping a sign-in", "its state is there already"));
            }
            sign_ins.push(sign_in.clone().kept());
            Ok(())
        })
    }

    async fn take(&self, state: &StateHash) -> Result<Option<SignIn>, StoreError> {
        self.write(|draft| {
            let sign_ins = &mut draft.state.sign_ins;
            let found = sign_ins.iter().position(|known| known.state == *state);
            Ok(found.map(|index| sign_ins.remove(index)))
        })
    }

    async fn take_expired(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<SignIn>, StoreError> {
        self.write(|draft| {
            let (mut over, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut draft.state.sign_ins)
                .into_iter()
                .partition(|known| known.expires_at <= now);
            over.sort_by_key(|known| known.expires_at);
            let left = over.split_off(over.len().min(limit as usize));
            draft.state.sign_ins = waiting;
            draft.state.sign_ins.extend(left);
            Ok(over)
        })
    }
}
