//! Looks whether the database is sound: the file, what its tables say of each other, and the history.

use org_core::event::{BrokenChain, ChainHash, verify_chain};
use org_core::ports::{EventFilter, EventStore, StoreError};

use crate::dialect;
use crate::error::During;
use crate::migrations;
use crate::store::Store;

/// How many events are verified at a time.
const EVENTS_AT_A_TIME: u32 = 2_000;

/// What a look at the database found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The version of the database.
    pub version: i64,
    /// What is wrong with the file and its tables, in words; empty when nothing is.
    pub damage: Vec<String>,
    /// How many events hold, from the first one on.
    pub events: u64,
    /// Where the history does not hold, if it does not.
    pub broken: Option<BrokenChain>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.broken.is_none()
    }
}

impl Store {
    /// Reads the whole database once and says what is wrong with it. It takes seconds on a large one, in a bounded memory, and disturbs
    /// nobody.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        let mut tx = self.begin_read().await?;
        let version = migrations::version(&mut tx).await?;
        let damage = dialect::damage(&mut tx)
            .await
            .during("checking the integrity of the database")?;
        drop(tx);
        let mut known = (0, ChainHash::GENESIS);
        let broken = loop {
            let filter = EventFilter {
                after: Some(known.0),
                ..EventFilter::default()
            };
            let events = self.oldest(&filter, EVENTS_AT_A_TIME).await?;
            if events.is_empty() {
                break None;
            }
            match verify_chain(known, &events) {
                Ok(next) => known = next,
                Err(broken) => break Some(broken),
            }
        };
        Ok(CheckReport {
            version,
            damage,
            events: known.0,
            broken,
        })
    }
}
