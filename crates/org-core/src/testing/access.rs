//! Accesses in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};

use crate::ports::{ACCESS_KEPT, AccessStore, SecretAccess, StoreError, hour_of};
use crate::secret::SecretRef;

type Rows = BTreeMap<(SecretRef, i64, String), SecretAccess>;

/// Keeps accesses in memory.
#[derive(Debug, Default)]
pub struct MemoryAccess {
    rows: Mutex<Rows>,
}

impl MemoryAccess {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AccessStore for MemoryAccess {
    async fn record(
        &self,
        secret: SecretRef,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let at = at.trunc_subsecs(6);
        let mut rows = self.rows();
        rows.retain(|_, row| row.last_at >= at - ACCESS_KEPT);
        let row = rows
            .entry((secret, hour_of(at), by.to_owned()))
            .or_insert_with(|| SecretAccess {
                secret,
                by: by.to_owned(),
                first_at: at,
                last_at: at,
                count: 0,
            });
        row.count += 1;
        row.first_at = row.first_at.min(at);
        row.last_at = row.last_at.max(at);
        Ok(())
    }

    async fn last_uses(&self) -> Result<BTreeMap<SecretRef, DateTime<Utc>>, StoreError> {
        let mut last = BTreeMap::new();
        for row in self.rows().values() {
            let at = last.entry(row.secret).or_insert(row.last_at);
            *at = row.last_at.max(*at);
        }
        Ok(last)
    }

    async fn history(
        &self,
        secret: SecretRef,
        limit: u32,
    ) -> Result<Vec<SecretAccess>, StoreError> {
        let mut rows: Vec<_> = self
            .rows()
            .values()
            .filter(|row| row.secret == secret)
            .cloned()
            .collect();
        rows.sort_by(|a, b| (b.last_at, &a.by).cmp(&(a.last_at, &b.by)));
        rows.truncate(limit as usize);
        Ok(rows)
    }
}
