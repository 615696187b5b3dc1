//! The promises of the ports, by the suites that every vault has to pass; the second handle has a token and connections of its own.

use std::sync::Arc;

use org_core::testing::contract::{TransferUnderTest, VaultUnderTest};

use super::{open, options};
use crate::server::{Server, program};
use crate::support::block_on;

/// Runs a case where there is a server program.
fn with_server<T>(case: impl Future<Output = T>) {
    if program().is_some() {
        block_on(case);
    }
}

async fn server() -> &'static Server {
    Server::shared(program().expect("asked before")).await
}

mod vault {
    use super::*;

    org_core::vault_contract! {
        run = with_server,
        make = {
            let server = server().await;
            let part = server.part().await;
            let vault = Arc::new(open(options(server, &part)));
            VaultUnderTest::new(vault).with_second(Arc::new(open(options(server, &part))))
        },
    }
}

mod transfer {
    use super::*;

    org_core::vault_transfer_contract! {
        run = with_server,
        make = {
            let server = server().await;
            let part = server.part().await;
            TransferUnderTest::new(Arc::new(open(options(server, &part))))
        },
    }
}
