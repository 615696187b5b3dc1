//! For tests: fakes of every port, contract suites for every implementation, and builders.

mod bench;
pub mod build;
pub mod contract;
mod environment;
mod flaky;
pub mod host;
mod memory;
mod random;
mod vault;

pub use bench::TestBench;
pub use environment::{FixedEntitlements, InstantTimer, ManualClock, ManualTimer, SequentialIds};
pub use flaky::{FlakyStore, StoreFault};
pub use host::{FakeHost, PageFault, World};
pub use memory::MemoryStore;
pub use vault::{MemoryVault, VaultFault};

#[cfg(test)]
mod tests;
