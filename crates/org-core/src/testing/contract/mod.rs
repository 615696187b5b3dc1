//! The promises of the ports, each a named case.
//!
//! Every suite is a macro that makes one `#[test]` per case, each on a fresh implementation. `run` is a function that drives a future to
//! its end, so a suite does not care about the runtime; `make` is an expression for a fresh implementation, which may use `.await`:
//!
//! ```
//! mod vault {
//!     use std::sync::Arc;
//!
//!     use org_core::testing::MemoryVault;
//!     use org_core::testing::contract::VaultUnderTest;
//!
//!     org_core::vault_contract! {
//!         run = futures_executor::block_on,
//!         make = VaultUnderTest::new(Arc::new(MemoryVault::new())),
//!     }
//! }
//! ```
//!
//! What an implementation lives on, such as a temporary folder, is kept with `keeping`. What must hold between several programs is tried
//! through a second handle on the same data: give one with `with_second`, or both handles are the same.
//!
//! The cases are functions too, so that a single one can run under a debugger.

pub mod access;
pub mod accounts;
pub mod attempts;
pub mod devices;
pub mod events;
pub mod host;
pub mod identities;
pub mod inventory;
pub mod licenses;
pub mod oauth;
pub mod organizations;
pub mod renewals;
mod scene;
pub mod sign_ins;
pub mod syncs;
pub mod transfer;
pub mod vault;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::ports::{
    AccessStore, AttemptStore, EventStore, InventoryStore, LicenseStore, OrganizationStore,
    RenewalStore, SecretVault, SignInStore, SyncStore, VaultTransfer,
};

/// Makes a test of each case; the suites are made with it.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($suite:ident, $run:expr, $make:expr, [$($case:ident),* $(,)?]) => {
        $(
            #[test]
            fn $case() {
                ($run)(async {
                    let made = $make;
                    $crate::testing::contract::$suite::$case(made).await;
                });
            }
        )*
    };
}

/// Runs the suites of all stores, each in a module of its own; `make` is an expression for fresh [`Stores`].
#[macro_export]
macro_rules! store_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        mod organizations {
            use super::*;
            $crate::organization_store_contract! { run = $run, make = $make }
        }
        mod attempts {
            use super::*;
            $crate::attempt_store_contract! { run = $run, make = $make }
        }
        mod sign_ins {
            use super::*;
            $crate::sign_in_store_contract! { run = $run, make = $make }
        }
        mod renewals {
            use super::*;
            $crate::renewal_store_contract! { run = $run, make = $make }
        }
        mod inventory {
            use super::*;
            $crate::inventory_store_contract! { run = $run, make = $make }
        }
        mod syncs {
            use super::*;
            $crate::sync_store_contract! { run = $run, make = $make }
        }
        mod licenses {
            use super::*;
            $crate::license_store_contract! { run = $run, make = $make }
        }
        mod events {
            use super::*;
            $crate::event_store_contract! { run = $run, make = $make }
        }
    };
}

/// What lives as long as the implementation under test.
#[derive(Default)]
struct Guard(Vec<Box<dyn Any + Send>>);

/// A fresh vault.
pub struct VaultUnderTest {
    vault: Arc<dyn SecretVault>,
    second: Arc<dyn SecretVault>,
    guard: Guard,
}

impl VaultUnderTest {
    /// A vault without secrets.
    pub fn new(vault: Arc<dyn SecretVault>) -> Self {
        Self {
            second: vault.clone(),
            vault,
            guard: Guard::default(),
        }
    }

    /// With a second handle on the same vault, as another program has.
    #[must_use]
    pub fn with_second(mut self, second: Arc<dyn SecretVault>) -> Self {
        self.second = second;
        self
    }

    /// With something that must live as long as the vault.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for VaultUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultUnderTest")
            .field("guards", &self.guard.0.len())
            .finish_non_exhaustive()
    }
}

/// A fresh store of accesses.
pub struct AccessUnderTest {
    access: Arc<dyn AccessStore>,
    second: Arc<dyn AccessStore>,
    guard: Guard,
}

impl AccessUnderTest {
    /// A store without accesses.
    pub fn new(access: Arc<dyn AccessStore>) -> Self {
        Self {
            second: access.clone(),
            access,
            guard: Guard::default(),
        }
    }

    /// With a second handle on the same store, as another program has.
    #[must_use]
    pub fn with_second(mut self, second: Arc<dyn AccessStore>) -> Self {
        self.second = second;
        self
    }

    /// With something that must live as long as the store.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for AccessUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessUnderTest")
            .field("guards", &self.guard.0.len())
            .finish_non_exhaustive()
    }
}

/// A fresh vault that hands secrets over.
pub struct TransferUnderTest {
    vault: Arc<dyn SecretVault>,
    transfer: Arc<dyn VaultTransfer>,
    guard: Guard,
}

impl TransferUnderTest {
    /// A vault without secrets.
    pub fn new<V: SecretVault + VaultTransfer + 'static>(vault: Arc<V>) -> Self {
        Self {
            vault: vault.clone(),
            transfer: vault,
            guard: Guard::default(),
        }
    }

    /// With something that must live as long as the vault.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for TransferUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferUnderTest")
            .field("guards", &self.guard.0.len())
            .finish_non_exhaustive()
    }
}

/// All stores on one fresh database.
pub struct Stores {
    /// Organizations.
    pub organizations: Arc<dyn OrganizationStore>,
    /// Connection attempts.
    pub attempts: Arc<dyn AttemptStore>,
    /// Sign-ins that wait for their answer.
    pub sign_ins: Arc<dyn SignInStore>,
    /// Who renews which credential.
    pub renewals: Arc<dyn RenewalStore>,
    /// Groups and repositories.
    pub inventory: Arc<dyn InventoryStore>,
    /// Syncs.
    pub syncs: Arc<dyn SyncStore>,
    /// The license pool.
    pub licenses: Arc<dyn LicenseStore>,
    /// The history.
    pub events: Arc<dyn EventStore>,
    second: Option<Box<Self>>,
    guard: Guard,
}

impl Stores {
    /// The stores that one value implements.
    pub fn new<S>(store: &Arc<S>) -> Self
    where
        S: OrganizationStore
            + AttemptStore
            + SignInStore
            + RenewalStore
            + InventoryStore
            + SyncStore
            + LicenseStore
            + EventStore
            + 'static,
    {
        Self {
            organizations: store.clone(),
            attempts: store.clone(),
            sign_ins: store.clone(),
            renewals: store.clone(),
            inventory: store.clone(),
            syncs: store.clone(),
            licenses: store.clone(),
            events: store.clone(),
            second: None,
            guard: Guard::default(),
        }
    }

    /// With second handles on the same database, as another program has.
    #[must_use]
    pub fn with_second(mut self, second: Self) -> Self {
        self.second = Some(Box::new(second));
        self
    }

    /// With something that must live as long as the stores.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.guard.0.push(Box::new(guard));
        self
    }

    fn second(&self) -> &Self {
        self.second.as_deref().unwrap_or(self)
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("guards", &self.guard.0.len())
            .finish_non_exhaustive()
    }
}

/// Asserts that an answer fits a pattern, and shows the answer otherwise.
macro_rules! assert_matches {
    ($answer:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        match $answer {
            $pattern $(if $guard)? => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern $(if $guard)?)),
        }
    };
}
use assert_matches;

#[cfg(test)]
mod tests {
    /// A case that no macro names would never run.
    #[track_caller]
    fn check(suite: &str, parts: &[&str]) {
        let (_, list) = suite
            .split_once("#[macro_export]")
            .expect("a suite has a macro");
        let (list, cases) = list.split_once("\n}\n").expect("the macro ends");
        let mut found = 0;
        for line in cases
            .lines()
            .chain(parts.iter().flat_map(|part| part.lines()))
        {
            let Some(rest) = line.strip_prefix("pub async fn ") else {
                continue;
            };
            let name: String = rest
                .chars()
                .take_while(|&c| c.is_alphanumeric() || c == '_')
                .collect();
            assert!(
                list.lines().any(|line| line.trim() == format!("{name},")),
                "{name} is not in the list of its macro"
            );
            found += 1;
        }
        let listed = list.lines().filter(|line| line.ends_with(',')).count();
        assert_eq!(found, listed, "cases found, and named by the macro");
    }

    #[test]
    fn no_case_is_forgotten() {
        check(include_str!("access.rs"), &[]);
        check(
            include_str!("accounts/mod.rs"),
            &[include_str!("accounts/answers.rs")],
        );
        check(include_str!("attempts.rs"), &[]);
        check(include_str!("devices.rs"), &[]);
        check(include_str!("events.rs"), &[]);
        check(include_str!("identities.rs"), &[]);
        check(
            include_str!("oauth/mod.rs"),
            &[include_str!("oauth/rotation.rs")],
        );
        check(include_str!("renewals.rs"), &[]);
        check(include_str!("sign_ins.rs"), &[]);
        check(
            include_str!("host/mod.rs"),
            &[
                include_str!("host/confirming.rs"),
                include_str!("host/identity.rs"),
                include_str!("host/listing.rs"),
            ],
        );
        check(
            include_str!("inventory/mod.rs"),
            &[include_str!("inventory/orders.rs")],
        );
        check(
            include_str!("licenses/mod.rs"),
            &[include_str!("licenses/policy.rs")],
        );
        check(
            include_str!("organizations/mod.rs"),
            &[
                include_str!("organizations/due.rs"),
                include_str!("organizations/inserting.rs"),
                include_str!("organizations/reading.rs"),
                include_str!("organizations/updating.rs"),
            ],
        );
        check(
            include_str!("syncs/mod.rs"),
            &[
                include_str!("syncs/applying.rs"),
                include_str!("syncs/claims.rs"),
                include_str!("syncs/ending.rs"),
                include_str!("syncs/holding.rs"),
                include_str!("syncs/reading.rs"),
            ],
        );
        check(include_str!("transfer.rs"), &[]);
        check(include_str!("vault.rs"), &[]);
    }
}
