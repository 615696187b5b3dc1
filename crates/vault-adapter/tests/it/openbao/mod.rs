//! A real server, with the rights of the documented policy and no more.

mod contract;
mod logins;
mod outages;
mod reading;
mod writing;

use std::sync::Arc;

use org_core::testing::ManualClock;
use secrecy::SecretString;
use vault_adapter::{Credential, OpenBaoAuth, OpenBaoOptions, OpenBaoVault};

use crate::server::{Part, Server};

/// The options for a part of a server, by its role.
pub(crate) fn options(server: &Server, part: &Part) -> OpenBaoOptions {
    let auth = OpenBaoAuth::AppRole {
        mount: "approle".to_owned(),
        role_id: part.role_id.clone(),
        secret_id: Credential::Value(SecretString::from(part.secret_id.as_str())),
    };
    options_by(server, &part.prefix, auth)
}

pub(crate) fn options_by(server: &Server, prefix: &str, auth: OpenBaoAuth) -> OpenBaoOptions {
    OpenBaoOptions::new("company".parse().unwrap(), &server.address(), auth)
        .unwrap()
        .prefix(prefix)
        .unwrap()
        .authorities(server.ca_pem.as_bytes())
        .unwrap()
}

pub(crate) fn root_options(server: &Server, prefix: &str) -> OpenBaoOptions {
    let token = SecretString::from(server.root_token());
    options_by(server, prefix, OpenBaoAuth::Token(Credential::Value(token)))
}

pub(crate) fn open(options: OpenBaoOptions) -> OpenBaoVault {
    OpenBaoVault::new(options, Arc::new(ManualClock::default())).unwrap()
}

/// The shared server and a vault in a part of its own, or nothing where there is no server program.
pub(crate) async fn fresh() -> Option<(&'static Server, Part, OpenBaoVault)> {
    let server = Server::shared(crate::server::program()?).await;
    let part = server.part().await;
    let vault = open(options(server, &part));
    Some((server, part, vault))
}
