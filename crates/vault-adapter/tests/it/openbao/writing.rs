//! What is written: names that belong to one secret whoever dies, and times that come from where they can.

use org_core::ports::{SecretVault, VaultError, VaultTransfer};
use org_core::secret::{SecretOwner, SecretVersion};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{fresh, open, options};
use crate::server::{Part, Server};
use crate::support::{at, name, now, put_into, secret, value};

const WRITERS: u32 = 4;
const ROUNDS: u32 = 5;

async fn write(server: &Server, part: &Part, path: &str, cas: u64, data: serde_json::Value) {
    server
        .admin(
            Method::POST,
            &format!("secret/data/{}/{path}", part.prefix),
            Some(json!({"options": {"cas": cas}, "data": data})),
        )
        .await;
}

#[tokio::test]
async fn a_name_whose_owner_died_before_its_secret_is_free() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    // A program claimed the name, and died.
    let dead = json!({"id": secret(7).to_string(), "ready": false});
    write(server, &part, "names/secret-1", 0, dead).await;
    assert!(vault.find(&name("secret-1")).await.unwrap().is_none());
    put_into(&vault, 1, "mine").await;
    let found = vault.find(&name("secret-1")).await.unwrap().unwrap();
    assert_eq!(found.reference, secret(1));
}

#[tokio::test]
async fn a_secret_whose_name_was_taken_over_meanwhile_is_not_shown_twice() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    put_into(&vault, 1, "mine").await;
    // Another program lost the name after it had written its secret, and died before it could delete that.
    let id = secret(7).to_string();
    let metadata = format!("secret/metadata/{}/secrets/", part.prefix);
    let mine = server
        .admin(Method::GET, &format!("{metadata}{}", secret(1)), None)
        .await;
    let custom = json!({"custom_metadata": mine["data"]["custom_metadata"]});
    server
        .admin(Method::POST, &format!("{metadata}{id}"), Some(custom))
        .await;
    write(
        server,
        &part,
        &format!("secrets/{id}"),
        0,
        json!({"value": "lost"}),
    )
    .await;
    let list = vault.list().await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].reference, secret(1));
}

#[tokio::test]
async fn a_put_that_was_cut_off_halfway_is_not_there_and_may_be_done_again() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    // Claimed and described, without a value.
    let id = secret(1).to_string();
    let claim = json!({"id": id, "ready": false});
    write(server, &part, "names/secret-1", 0, claim).await;
    server
        .admin(
            Method::POST,
            &format!("secret/metadata/{}/secrets/{id}", part.prefix),
            Some(json!({"custom_metadata": {"forgehold": "1"}})),
        )
        .await;
    assert!(vault.list().await.unwrap().is_empty());
    assert!(vault.get(secret(1)).await.unwrap().is_none());
    assert!(vault.look(secret(1)).await.unwrap().is_none());
    put_into(&vault, 1, "again").await;
    let (_, found) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(found.expose_secret(), "again");
}

#[tokio::test]
async fn a_version_without_its_time_has_the_time_of_the_server() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    let first = put_into(&vault, 1, "one").await;
    // A program wrote the version, and died before it wrote when that was.
    let path = format!("secrets/{}", secret(1));
    write(server, &part, &path, 1, json!({"value": "two"})).await;
    let found = vault.look(secret(1)).await.unwrap().unwrap();
    assert_eq!(found.version, SecretVersion(2));
    assert_ne!(found.updated_at, first.updated_at);
    assert_eq!(found.created_at, first.created_at);
}

#[tokio::test]
async fn what_was_moved_away_and_not_deleted_is_deleted_by_whoever_reads_it() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    put_into(&vault, 1, "one").await;
    // The last version of a secret that lives elsewhere; the program died before it deleted the entry.
    let path = format!("secrets/{}", secret(1));
    write(server, &part, &path, 1, json!({"moved": true})).await;
    assert!(vault.get(secret(1)).await.unwrap().is_none());
    assert!(vault.look(secret(1)).await.unwrap().is_none());
    assert!(vault.versions(secret(1)).await.unwrap().is_empty());
    put_into(&vault, 2, "x").await;
}

#[tokio::test]
async fn of_many_writers_each_version_is_written_once() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    put_into(&vault, 1, "start").await;
    let writers = (0..WRITERS).map(|writer| {
        let vault = open(options(server, &part));
        async move {
            for round in 0..ROUNDS {
                loop {
                    let (version, _) = vault.get(secret(1)).await.unwrap().unwrap();
                    let text = value(&format!("{writer}/{round}"));
                    match vault.add_version(secret(1), version, text, now()).await {
                        Ok(_) => break,
                        Err(VaultError::VersionConflict { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;
    let (newest, _) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(newest.0, WRITERS * ROUNDS + 1);
    let mut seen = std::collections::BTreeSet::new();
    for version in 2..=newest.0 {
        let found = vault.get_version(secret(1), SecretVersion(version)).await;
        assert!(seen.insert(found.unwrap().unwrap().expose_secret().to_owned()));
    }
}

#[tokio::test]
async fn the_role_of_the_documented_policy_reaches_nothing_else() {
    let Some((server, part, vault)) = fresh().await else {
        return;
    };
    let other = server.part().await;
    put_into(&open(options(server, &other)), 1, "theirs").await;
    // The same role, with the prefix of somebody else.
    let mut borrowed = part;
    borrowed.prefix = other.prefix;
    let outside = open(options(server, &borrowed));
    for told in [
        outside.get(secret(1)).await.map(drop),
        outside.find(&name("secret-1")).await.map(drop),
        outside
            .put(
                secret(2),
                &name("x"),
                SecretOwner::Person,
                value("x"),
                at(0),
            )
            .await
            .map(drop),
        outside.list().await.map(drop),
        outside.delete(secret(1)).await.map(drop),
    ] {
        let told = told.unwrap_err();
        assert!(matches!(told, VaultError::Denied { .. }), "{told:?}");
    }
    assert!(vault.list().await.unwrap().is_empty());
}
