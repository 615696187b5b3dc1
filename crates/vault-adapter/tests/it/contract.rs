//! The promises of the port, by the suite that every vault has to pass; two handles stand for two programs.

use std::sync::Arc;

use org_core::testing::contract::{TransferUnderTest, VaultUnderTest};

use crate::support::{Scratch, block_on};

mod vault {
    use super::*;

    org_core::vault_contract! {
        run = block_on,
        make = {
            let scratch = Scratch::new();
            let vault = Arc::new(scratch.vault().await);
            let second = Arc::new(scratch.vault().await);
            VaultUnderTest::new(vault).with_second(second).keeping(scratch)
        },
    }
}

mod transfer {
    use super::*;

    org_core::vault_transfer_contract! {
        run = block_on,
        make = {
            let scratch = Scratch::new();
            let vault = Arc::new(scratch.vault().await);
            TransferUnderTest::new(vault).keeping(scratch)
        },
    }
}
