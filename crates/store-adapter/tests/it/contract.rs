//! The promises of the ports, on a file that two stores have open.

use std::sync::Arc;

use org_core::testing::contract::accounts::AccountStores;
use org_core::testing::contract::identities::IdentityStores;
use org_core::testing::contract::{AccessUnderTest, Stores};

use crate::support::{Scratch, open};

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(case);
}

async fn fresh() -> Stores {
    let scratch = Scratch::new().await;
    // The second handle has connections of its own, as another program would.
    let second = Stores::new(&Arc::new(open(&scratch.path()).await));
    Stores::new(&Arc::new(scratch.store.clone()))
        .with_second(second)
        .keeping(scratch)
}

org_core::store_contract! { run = run, make = fresh().await }

mod accesses {
    use super::*;

    async fn fresh() -> AccessUnderTest {
        let scratch = Scratch::new().await;
        let second = Arc::new(open(&scratch.path()).await);
        AccessUnderTest::new(Arc::new(scratch.store.clone()))
            .with_second(second)
            .keeping(scratch)
    }

    org_core::access_store_contract! { run = run, make = fresh().await }
}

async fn fresh_accounts() -> AccountStores {
    let scratch = Scratch::new().await;
    let second = AccountStores::new(&Arc::new(open(&scratch.path()).await));
    AccountStores::new(&Arc::new(scratch.store.clone()))
        .with_second(second)
        .keeping(scratch)
}

mod accounts {
    use super::*;

    org_core::account_store_contract! { run = run, make = fresh_accounts().await }
}

async fn fresh_identities() -> IdentityStores {
    let scratch = Scratch::new().await;
    let second = Arc::new(open(&scratch.path()).await);
    IdentityStores::new(&Arc::new(scratch.store.clone()))
        .with_second(second)
        .keeping(scratch)
}

mod identities {
    use super::*;

    org_core::identity_store_contract! { run = run, make = fresh_identities().await }
}
