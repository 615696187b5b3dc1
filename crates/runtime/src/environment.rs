//! The real time, real waiting, real ids and real randomness: the one place of the programs that asks for them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use org_core::ports::{Clock, Entropy, EntropyError, IdSource, Timer};
use rand::TryRng as _;
use rand::rngs::SysRng;
use uuid::Uuid;

/// What an installation takes from its machine: the time, waiting, new ids and randomness.
#[derive(Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Waiting.
    pub timer: Arc<dyn Timer>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Numbers that nobody can guess.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// That of the machine.
    pub fn of_machine() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            timer: Arc::new(TokioTimer),
            ids: Arc::new(UuidSource),
            entropy: Arc::new(OsEntropy),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Waits on the runtime's timer, which a paused test can move.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// UUIDs of version 7: unique everywhere, and in the order of their making within a program, which keeps indexes compact.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidSource;

impl IdSource for UuidSource {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source of ids that everything else is given"
    )]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        SysRng.try_fill_bytes(bytes).map_err(|error| EntropyError {
            detail: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_new_and_in_order() {
        let ids: Vec<Uuid> = (0..1000).map(|_| UuidSource.next_id()).collect();
        assert!(ids.is_sorted());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn the_machine_never_repeats_its_randomness() {
        let draw = || {
            let mut bytes = [0; 32];
            OsEntropy.fill(&mut bytes).unwrap();
            bytes
        };
        let drawn: std::collections::BTreeSet<[u8; 32]> = (0..100).map(|_| draw()).collect();
        assert_eq!(drawn.len(), 100);
    }

    #[test]
    fn the_clock_tells_the_time_of_its_machine() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written: DateTime<Utc> = file
            .as_file()
            .metadata()
            .unwrap()
            .modified()
            .unwrap()
            .into();
        let apart = (SystemClock.now() - written).abs();
        assert!(apart < chrono::TimeDelta::hours(1), "{apart}");
    }
}
