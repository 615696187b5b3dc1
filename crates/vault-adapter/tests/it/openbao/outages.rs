//! A server that is sealed, stopped, started again, or another one than it should be.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use org_core::ports::{SecretVault, VaultError};
use org_core::testing::ManualClock;
use secrecy::{ExposeSecret, SecretString};
use vault_adapter::{Credential, OpenBaoAuth, OpenBaoOptions, OpenBaoVault};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{open, options};
use crate::server::{Server, program};
use crate::support::{put_into, secret, value};

#[tokio::test]
async fn what_a_server_suffers_is_told_and_heals_by_itself() {
    let Some(program) = program() else { return };
    let mut server = Server::start(program).await;
    server.set_up().await;
    let part = server.part().await;
    let clock = Arc::new(ManualClock::default());
    let vault = OpenBaoVault::new(options(&server, &part), clock.clone()).unwrap();
    put_into(&vault, 1, "kept").await;
    let told = |error: VaultError| error.to_string().replace(&server.address(), "<server>");

    server.seal().await;
    let error = vault.get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Sealed { .. }) && error.is_outage());
    insta::assert_snapshot!(told(error), @"the vault at <server> is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself");
    let health = vault.health().await.unwrap_err();
    assert!(matches!(health, VaultError::Sealed { .. }));
    // One that starts now does not get as far as a login.
    let late = OpenBaoVault::new(options(&server, &part), clock.clone()).unwrap();
    assert!(matches!(
        late.get(secret(1)).await,
        Err(VaultError::Sealed { .. })
    ));
    server.unseal().await;
    clock.advance(TimeDelta::seconds(3));
    for vault in [&vault, &late] {
        let (_, found) = vault.get(secret(1)).await.unwrap().unwrap();
        assert_eq!(found.expose_secret(), "kept");
    }

    server.stop();
    let error = vault.get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Unavailable { .. }));
    let shown = error.to_string().replace(&server.address(), "<server>");
    assert!(
        shown.starts_with(
            "the vault cannot be reached: no answer from <server> while reading a secret: "
        ),
        "{shown}"
    );
    server.start_again(program).await;
    assert!(matches!(
        vault.get(secret(1)).await,
        Err(VaultError::Sealed { .. })
    ));
    server.unseal().await;
    let (_, found) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(found.expose_secret(), "kept");
    assert!(vault.list().await.unwrap().len() == 1);
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_not_talked_to() {
    let Some(program) = program() else { return };
    let server = Server::shared(program).await;
    let part = server.part().await;
    // An authority of its own, and none of the machine's knows this server.
    let auth = OpenBaoAuth::Token(Credential::Value(SecretString::from("planted-token")));
    let stranger = OpenBaoOptions::new("company".parse().unwrap(), &server.address(), auth)
        .unwrap()
        .prefix(&part.prefix)
        .unwrap();
    let error = open(stranger).get(secret(1)).await.unwrap_err();
    assert!(matches!(error, VaultError::Unavailable { .. }));
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("certificate") || told.contains("UnknownIssuer"),
        "{told}"
    );
    assert!(!told.contains("planted-token"));
}

/// A vault on a server that answers everything in one way.
async fn on(answer: ResponseTemplate) -> (MockServer, OpenBaoVault) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let auth = OpenBaoAuth::Token(Credential::Value(SecretString::from("planted-token")));
    let options = OpenBaoOptions::new("company".parse().unwrap(), &server.uri(), auth)
        .unwrap()
        .timeouts(Duration::from_secs(5), Duration::from_millis(500));
    (server, open(options))
}

#[tokio::test]
async fn whatever_answers_there_is_told_and_gets_no_token() {
    let errors = |status: u16, text: &str| {
        ResponseTemplate::new(status).set_body_json(serde_json::json!({"errors": [text]}))
    };
    let elsewhere =
        ResponseTemplate::new(307).insert_header("location", "https://evil.example/v1/x");
    let long = "y".repeat(33 * 1024 * 1024);
    for (answer, expected) in [
        (elsewhere, "Standby"),
        (
            errors(
                500,
                "local node not active but active cluster node not found",
            ),
            "Standby",
        ),
        (errors(503, "Vault is sealed"), "Sealed"),
        (errors(502, "bad gateway"), "Unavailable"),
        (
            ResponseTemplate::new(200).set_body_string("<html>"),
            "Other",
        ),
        (
            ResponseTemplate::new(200).set_body_json(serde_json::json!({"data": 5})),
            "Other",
        ),
        (ResponseTemplate::new(200).set_body_string(long), "Other"),
        (
            ResponseTemplate::new(200).set_delay(Duration::from_secs(5)),
            "Unavailable",
        ),
        (
            ResponseTemplate::new(400).set_body_string("\u{1b}[31m"),
            "Denied",
        ),
    ] {
        let (server, vault) = on(answer).await;
        for error in [
            vault.get(secret(1)).await.unwrap_err(),
            vault
                .add_version(
                    secret(1),
                    org_core::secret::SecretVersion(1),
                    value("planted-value"),
                    crate::support::now(),
                )
                .await
                .unwrap_err(),
        ] {
            let told = format!("{error:?}");
            let kind = told.split([' ', '{']).next().unwrap_or_default();
            assert_eq!(kind, expected, "{told}");
            assert!(
                !told.contains("planted") && !told.contains('\u{1b}'),
                "{told}"
            );
            assert!(told.len() < 1000, "{told}");
        }
        drop(server);
    }
}
