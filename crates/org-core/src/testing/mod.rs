//! For whoever writes tests, an adapter or a store: fakes of every port, a contract suite for every implementation, and builders.
//!
//! Everything here is behind the feature `testing`, which belongs into `[dev-dependencies]` alone.
//!
//! # Testing what uses the ports
//!
//! [`TestBench`] is a whole installation in memory. Its fakes are models, not scripts: a test sets up a [`World`], lets a use case run, changes
//! the world, moves the clock and looks at what came of it.
//!
//! ```
//! use futures_executor::block_on;
//! use org_core::ports::VcsIdentity as _;
//! use org_core::testing::{TestBench, World};
//!
//! let mut world = World::new();
//! world.add_account(1, "robot");
//! world.add_token("swordfish", 1, &["read_api"]);
//! world.add_group(1, "acme");
//! world.join(1, 1);
//! let bench = TestBench::new(world);
//!
//! let identity = block_on(bench.host.identify(&bench.access("swordfish")));
//! assert_eq!(identity.expect("the token is good").account.login.as_str(), "robot");
//!
//! bench.host.revoke_token("swordfish");
//! assert!(block_on(bench.host.identify(&bench.access("swordfish"))).is_err());
//! ```
//!
//! | fake | what it is | how a test has it fail |
//! |---|---|---|
//! | [`MemoryStore`] | all stores | put a [`FlakyStore`] in front: the n-th call is stale, fails, or loses its answer |
//! | [`MemoryAccess`] | who read which secret | |
//! | [`MemoryVault`] | the password manager | [`MemoryVault::break_with`] |
//! | [`FakeHost`] | a host with a [`World`] | [`FakeHost::at_page`], [`FakeHost::deny_part`], [`FakeHost::take_offline`], [`FakeHost::expire_token`], [`FakeHost::fail_oauth`] and others; `World::hidden` |
//! | [`FixedEntitlements`] | the number of seats | [`FixedEntitlements::fail`] |
//! | [`ManualClock`] | the time | [`ManualClock::set`], backwards too |
//! | [`ManualTimer`] | waiting until the test moves the clock | |
//! | [`InstantTimer`] | waiting that moves the clock by itself | |
//! | [`SequentialIds`] | ids, the same in every run | |
//! | [`SeededEntropy`] | randomness, the same in every run | [`SeededEntropy::fail`] |
//!
//! [`build`] makes the values. No fake needs a runtime: any executor drives them, and nothing sleeps or reads a real clock.
//!
//! The fakes are stricter than any real implementation. [`MemoryStore`] refuses a plan that does not fit the inventory that it claims to be
//! made on, where a database would change no row and say nothing; so a mistake in a planner shows here first.
//!
//! # Writing an adapter for another host
//!
//! 1. Implement [`VcsProbe`](crate::ports::VcsProbe), [`VcsIdentity`](crate::ports::VcsIdentity),
//!    [`VcsListing`](crate::ports::VcsListing), [`VcsOauth`](crate::ports::VcsOauth) and
//!    [`VcsRotation`](crate::ports::VcsRotation) (the last two may stay as they are: `impl VcsOauth for MyHost {}`); [`VcsHost`](crate::ports::VcsHost) follows. The comments on their methods are the contract.
//! 2. Have something to run against: a simulator, a recorded host, or a container.
//! 3. Implement [`HostUnderTest`](contract::host::HostUnderTest) by setting up [`HostWorld`](contract::host::HostWorld) there, and run
//!    [`host_contract!`](crate::host_contract). Try it again with small pages and rows that come twice, if your host can be told to.
//! 4. Test the rest on your own: limits on rate, cut answers, redirects, certificates. The suite knows no wire.
//!
//! What goes wrong most often: a listing that ends early and is taken for a complete one. Only
//! [`ListingEvent::Finished`](crate::listing::ListingEvent::Finished) without a missing part makes a repository vanish, so say what is missing
//! whenever in doubt.
//!
//! # Writing a store
//!
//! 1. Implement the traits of `ports` whose names end in `Store`; one type may have them all. Every method that changes something is
//!    one transaction: the optimistic numbers (versions, generations, fences) are compared in it, and its events are stored in it.
//! 2. Run [`store_contract!`](crate::store_contract) on fresh [`Stores`](contract::Stores), with a second handle on the same database
//!    ([`Stores::with_second`](contract::Stores::with_second)) if several programs may share it. Single suites, such as
//!    [`sync_store_contract!`](crate::sync_store_contract), help while it grows.
//! 3. Run it on each decorator too: a cache that forgets to forget is a store that does not keep its contract.
//! 4. Test the rest on your own: migrations, a process that is killed, a disk that is full.
//!
//! Compare names, paths and search texts in lower case as Rust has it (`str::to_lowercase`); what a database calls case-insensitive often
//! means ASCII alone. Keep times to the microsecond and cut the rest off.
//!
//! # Writing a vault
//!
//! Implement [`SecretVault`](crate::ports::SecretVault) and run [`vault_contract!`](crate::vault_contract), again with a second handle. What
//! encrypts, rotates keys or talks over a network needs tests of its own beside it.
//!
//! # Mocks
//!
//! With the feature `mock` there are mockall mocks in `org_core::ports::mock`, for the rare test in which the call itself is the point.

mod access;
mod accounts;
mod bench;
pub mod build;
pub mod contract;
mod environment;
mod flaky;
pub mod host;
mod memory;
mod random;
mod vault;

pub use access::MemoryAccess;
pub use accounts::{CountedBytes, PlainHasher, account_ports};
pub use bench::TestBench;
pub use environment::{
    FixedEntitlements, InstantTimer, ManualClock, ManualTimer, SeededEntropy, SequentialIds,
};
pub use flaky::{FlakyStore, StoreFault};
pub use host::{FakeHost, OauthCall, OauthFault, PageFault, World};
pub use memory::MemoryStore;
pub use vault::{MemoryVault, VaultFault};

#[cfg(test)]
mod tests;
