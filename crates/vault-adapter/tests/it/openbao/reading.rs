//! What is read: secrets of others, deleted versions, long lists, and what makes no sense.

use futures_util::StreamExt as _;
use org_core::ports::{SecretLinks, SecretVault, VaultError};
use org_core::secret::{ExternalSecret, SecretOwner, SecretPlace, SecretVersion};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{fresh, open, options};
use crate::server::{Part, Server};
use crate::support::{at, name, now, put_into, secret, value};

fn target(path: &str, key: &str) -> ExternalSecret {
    ExternalSecret::new("secret", path, key).unwrap()
}

/// Lets the role of a part read one secret of somebody else, as the documented policy shows.
async fn allow(server: &Server, part: &Part, path: &str) {
    let policy = format!("{}-theirs", part.policy);
    let text = format!("path \"{path}\" {{ capabilities = [\"read\"] }}");
    let body = json!({"policy": text});
    server
        .admin(
            Method::PUT,
            &format!("sys/policies/acl/{policy}"),
            Some(body),
        )
        .await;
    server
        .admin(
            Method::POST,
            &format!("auth/approle/role/{}", part.policy),
            Some(json!({"token_policies": [part.policy, policy], "token_ttl": "1h"})),
        )
        .await;
}

#[tokio::test]
async fn a_secret_of_others_is_read_where_it_is_and_never_changed() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    let path = format!("theirs-{}", part.prefix);
    allow(server, &part, &format!("secret/data/{path}")).await;
    let write = async |text: &str| {
        let body = json!({"data": {"token": text, "port": 5}});
        server
            .admin(Method::POST, &format!("secret/data/{path}"), Some(body))
            .await;
    };
    write("first").await;
    let target = target(&path, "token");
    let facts = vault
        .link(
            secret(1),
            &name("theirs"),
            SecretOwner::Person,
            &target,
            now(),
        )
        .await
        .unwrap();
    assert_eq!(facts.place, SecretPlace::External(target.clone()));
    let read = async || {
        let (version, value) = vault.get(secret(1)).await.unwrap().unwrap();
        assert_eq!(version, SecretVersion::FIRST);
        value.expose_secret().to_owned()
    };
    assert_eq!(read().await, "first");
    write("second").await;
    assert_eq!(read().await, "second");
    assert_eq!(vault.list().await.unwrap(), std::slice::from_ref(&facts));
    assert_eq!(vault.find(&name("theirs")).await.unwrap(), Some(facts));

    let refused = vault
        .add_version(secret(1), SecretVersion::FIRST, value("ours"), at(1))
        .await;
    assert!(matches!(refused, Err(VaultError::Unsupported { .. })));
    assert_eq!(read().await, "second");
    assert!(vault.delete(secret(1)).await.unwrap());
    let left = server
        .admin(Method::GET, &format!("secret/data/{path}"), None)
        .await;
    assert_eq!(left["data"]["data"]["token"], "second");
}

#[tokio::test]
async fn a_mistaken_reference_is_told_at_once() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    let path = format!("theirs-{}", part.prefix);
    allow(server, &part, &format!("secret/data/{path}*")).await;
    let body = json!({"data": {"token": "planted-value", "port": 5}});
    server
        .admin(Method::POST, &format!("secret/data/{path}"), Some(body))
        .await;
    let told = async |target: ExternalSecret| {
        let refused = vault
            .link(secret(1), &name("x"), SecretOwner::Person, &target, now())
            .await
            .unwrap_err();
        assert!(vault.find(&name("x")).await.unwrap().is_none());
        refused
            .to_string()
            .replace(&server.address(), "<server>")
            .replace(&path, "<path>")
    };
    insta::assert_snapshot!(told(target(&path, "tokn")).await, @"the vault has no such place: there is no key `tokn` at secret/<path>#tokn; it has: port, token");
    insta::assert_snapshot!(told(target(&path, "port")).await, @"the vault has no such place: the value at secret/<path>#port is no text");
    insta::assert_snapshot!(told(target(&format!("{path}-no"), "token")).await, @"the vault has no such place: <server> has nothing at secret/<path>-no#token; compare mount and path with what the vault lists");
    insta::assert_snapshot!(told(target("elsewhere", "token")).await, @"the vault denies access: <server> refuses reading secret/elsewhere#token: 1 error occurred: * permission denied; compare the policy of this role with docs/vault-policy.hcl");
    insta::assert_snapshot!(told(ExternalSecret::new("nowhere", "a", "b").unwrap()).await, @"the vault has no such place: <server> has no `nowhere`, or its policy gives this role nothing in it; compare the mount with what the vault lists, and the policy with docs/vault-policy.hcl");
}

#[tokio::test]
async fn an_engine_of_version_1_can_be_pointed_at() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    allow(server, &part, "old/ci").await;
    server
        .admin(Method::POST, "old/ci", Some(json!({"token": "plain"})))
        .await;
    let target = ExternalSecret::new("old", "ci", "token").unwrap();
    vault
        .link(secret(1), &name("old"), SecretOwner::Person, &target, now())
        .await
        .unwrap();
    let (_, value) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(value.expose_secret(), "plain");
}

#[tokio::test]
async fn a_version_deleted_in_the_vault_is_told_with_the_way_back() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    put_into(&vault, 1, "one").await;
    vault
        .add_version(secret(1), SecretVersion(1), value("two"), at(1))
        .await
        .unwrap();
    let id = secret(1).to_string();
    let there = format!("{}/secrets/{id}", part.prefix);
    server
        .admin(Method::DELETE, &format!("secret/data/{there}"), None)
        .await;
    let error = vault.get(secret(1)).await.unwrap_err();
    assert!(matches!(
        error,
        VaultError::VersionDeleted {
            version: SecretVersion(2),
            ..
        }
    ));
    insta::assert_snapshot!(error.to_string().replace(&part.prefix, "<prefix>"), @"version 2 of the secret 00000000-0000-0000-0000-000000000001 was deleted in the vault: undelete it (bao kv undelete -mount=secret -versions=2 <prefix>/secrets/00000000-0000-0000-0000-000000000001), or rotate the secret");
    // The one before is still there, and undeleting mends it.
    let first = vault.get_version(secret(1), SecretVersion(1)).await;
    assert_eq!(first.unwrap().unwrap().expose_secret(), "one");
    server
        .admin(
            Method::POST,
            &format!("secret/undelete/{there}"),
            Some(json!({"versions": [2]})),
        )
        .await;
    let (_, value_again) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(value_again.expose_secret(), "two");

    server
        .admin(
            Method::POST,
            &format!("secret/destroy/{there}"),
            Some(json!({"versions": [2]})),
        )
        .await;
    let error = vault.get(secret(1)).await.unwrap_err();
    insta::assert_snapshot!(error, @"version 2 of the secret 00000000-0000-0000-0000-000000000001 was deleted in the vault: its value is gone for good; rotate the secret with a new one");
    vault
        .add_version(secret(1), SecretVersion(2), value("three"), at(2))
        .await
        .unwrap();
    assert!(vault.get(secret(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_list_is_the_same_with_and_without_the_list_of_details() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    // More than one page of the server.
    let puts = (1..=520).map(|number| {
        let vault = vault.clone();
        async move { put_into(&vault, number, "x").await }
    });
    futures_util::stream::iter(puts)
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
    let detailed = vault.list().await.unwrap();
    assert_eq!(detailed.len(), 520);
    assert_eq!(vault.health().await.unwrap().secrets, 520);

    // A server without that list, or a policy without that path: each is asked for.
    let policy = include_str!("../../../../../docs/vault-policy.hcl")
        .replace("/forgehold/", &format!("/{}/", part.prefix))
        .replace("secret/detailed-metadata", "secret/no-such");
    let mut plain = server
        .role(&format!("{}-plain", part.prefix), &policy)
        .await;
    plain.prefix = part.prefix.clone();
    let other = open(options(server, &plain));
    assert_eq!(other.list().await.unwrap(), detailed);
}

#[tokio::test]
async fn what_no_release_wrote_is_told_and_can_be_deleted() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    put_into(&vault, 1, "one").await;
    put_into(&vault, 2, "two").await;
    let id = secret(1).to_string();
    let there = format!("secret/metadata/{}/secrets/{id}", part.prefix);
    let sane = server.admin(Method::GET, &there, None).await;
    let sane = sane["data"]["custom_metadata"].clone();
    for (key, text) in [
        ("forgehold", "2"),
        ("name", "not a name"),
        ("owner", "nobody"),
        ("created_at", "yesterday"),
        ("base", "-1"),
        ("base", "18446744073709551615"),
    ] {
        let mut custom = sane.clone();
        custom[key] = json!(text);
        server
            .admin(
                Method::POST,
                &there,
                Some(json!({"custom_metadata": custom})),
            )
            .await;
        for answer in [
            vault.look(secret(1)).await.map(drop),
            vault.list().await.map(drop),
        ] {
            let told = answer.unwrap_err();
            assert!(
                matches!(&told, VaultError::Tampered { reference, .. } if *reference == secret(1)),
                "{key}: {told}"
            );
        }
        assert!(vault.get(secret(2)).await.unwrap().is_some());
    }
    // Data that somebody else wrote there.
    server
        .admin(Method::POST, &there, Some(json!({"custom_metadata": sane})))
        .await;
    server
        .admin(
            Method::POST,
            &there.replace("/metadata/", "/data/"),
            Some(json!({"options": {"cas": 1}, "data": {"password": "theirs"}})),
        )
        .await;
    let told = vault.get(secret(1)).await.unwrap_err();
    assert!(matches!(&told, VaultError::Tampered { .. }), "{told}");
    assert!(vault.delete(secret(1)).await.unwrap());
    assert_eq!(vault.list().await.unwrap().len(), 1);
}
