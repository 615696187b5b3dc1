//! What opening a vault needs to be told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use org_core::text::VaultName;

use super::entropy::{Entropy, OsEntropy};
use super::key::{KeySource, PassphraseCost};

/// What to do when there is no vault yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenMissing {
    /// Make an empty one: right at the first start.
    Create,
    /// Refuse: right when something else says that there was one.
    Refuse,
}

/// Where the vault is and how it is opened.
#[derive(Debug, Clone)]
pub struct EmbeddedVaultOptions {
    pub(super) path: PathBuf,
    pub(super) key: KeySource,
    pub(super) when_missing: WhenMissing,
    pub(super) cost: PassphraseCost,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) busy_timeout: Duration,
    pub(super) name: VaultName,
}

impl EmbeddedVaultOptions {
    /// The vault in the file `path`, whose directory exists, under `key`.
    pub fn new(path: impl Into<PathBuf>, key: KeySource) -> Self {
        Self {
            path: path.into(),
            key,
            when_missing: WhenMissing::Create,
            cost: PassphraseCost::DEFAULT,
            entropy: Arc::new(OsEntropy),
            busy_timeout: Duration::from_secs(10),
            name: "embedded".parse().expect("small letters"),
        }
    }

    /// What to do when there is no vault yet; it is created unless said otherwise.
    #[must_use]
    pub fn when_missing(mut self, when_missing: WhenMissing) -> Self {
        self.when_missing = when_missing;
        self
    }

    /// The cost of a passphrase that is set from now on; a vault that exists keeps its own until its key is rotated.
    #[must_use]
    pub fn passphrase_cost(mut self, cost: PassphraseCost) -> Self {
        self.cost = cost;
        self
    }

    /// Another source of randomness, for tests.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Its name in the configuration; `embedded` unless said otherwise.
    #[must_use]
    pub fn name(mut self, name: VaultName) -> Self {
        self.name = name;
        self
    }

    /// How long to wait for another program that is writing; ten seconds unless said otherwise.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }
}
