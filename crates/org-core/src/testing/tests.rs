//! The fakes keep the contracts.

use std::sync::Arc;

use futures_executor::block_on;

use super::contract::{Stores, VaultUnderTest};
use super::{MemoryStore, MemoryVault};

mod vault {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = VaultUnderTest::new(Arc::new(MemoryVault::new())),
    }
}

mod stores {
    use super::*;

    crate::store_contract! {
        run = block_on,
        make = Stores::new(&Arc::new(MemoryStore::new())),
    }
}
