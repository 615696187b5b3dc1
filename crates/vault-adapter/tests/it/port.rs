//! What the port promises.

use org_core::ids::{AttemptId, OrganizationId};
use org_core::ports::{SecretVault, VaultError};
use org_core::secret::{SecretOwner, SecretVersion};
use secrecy::ExposeSecret;
use uuid::Uuid;
use vault_adapter::MAX_VALUE_BYTES;

use crate::support::{
    Scratch, at, name, now, put, read, read_version, secret, told, value, without_directory,
};

#[tokio::test]
async fn a_secret_comes_back_after_the_vault_was_closed() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    let facts = put(&vault, 1, "glpat-one").await;
    assert_eq!(facts.version, SecretVersion::FIRST);
    assert_eq!(facts.created_at, facts.updated_at);
    vault.close().await;

    let vault = scratch.vault().await;
    assert_eq!(read(&vault, 1).await, Some((1, "glpat-one".to_owned())));
    assert_eq!(vault.find(&name("secret-1")).await.unwrap(), Some(facts));
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "x").await;
    assert_eq!(read(&vault, 2).await, None);
    assert_eq!(read_version(&vault, 2, 1).await, None);
    assert_eq!(read_version(&vault, 1, 0).await, None);
    assert_eq!(read_version(&vault, 1, 2).await, None);
    assert_eq!(vault.find(&name("secret-2")).await.unwrap(), None);
    assert!(!vault.delete(secret(2)).await.unwrap());
}

#[tokio::test]
async fn a_name_and_an_id_are_taken_once() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "first").await;
    for (number, text) in [(2, "secret-1"), (1, "secret-1"), (1, "other")] {
        let put = vault
            .put(
                secret(number),
                &name(text),
                SecretOwner::Person,
                value("second"),
                now(),
            )
            .await;
        assert!(matches!(put, Err(VaultError::NameTaken { name }) if name.as_str() == text));
    }
    assert_eq!(read(&vault, 1).await, Some((1, "first".to_owned())));
    assert_eq!(vault.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn versions_are_kept_and_checked() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    let first = put(&vault, 1, "one").await;
    let second = vault
        .add_version(secret(1), SecretVersion(1), value("two"), at(5))
        .await
        .unwrap();
    assert_eq!(second.version, SecretVersion(2));
    assert_eq!(second.created_at, first.created_at);
    assert!(second.updated_at > first.updated_at);

    let late = vault
        .add_version(secret(1), SecretVersion(1), value("three"), at(6))
        .await
        .unwrap_err();
    insta::assert_snapshot!(late, @"the secret `secret-1` was changed meanwhile: expected version 1, found 2; look at it and try again");
    let gone = vault
        .add_version(secret(9), SecretVersion(1), value("x"), at(6))
        .await;
    assert!(matches!(gone, Err(VaultError::NotFound { reference }) if reference == secret(9)));

    assert_eq!(read(&vault, 1).await, Some((2, "two".to_owned())));
    assert_eq!(read_version(&vault, 1, 1).await.as_deref(), Some("one"));
    assert_eq!(read_version(&vault, 1, 2).await.as_deref(), Some("two"));
    assert_eq!(vault.find(&name("secret-1")).await.unwrap(), Some(second));
}

#[tokio::test]
async fn the_owner_changes_and_nothing_else() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    let before = put(&vault, 1, "one").await;
    let id = Uuid::from_u128(77);
    for owner in [
        SecretOwner::Attempt(AttemptId::from_uuid(id)),
        SecretOwner::Organization(OrganizationId::from_uuid(id)),
        SecretOwner::Person,
    ] {
        vault.set_owner(secret(1), owner).await.unwrap();
        let mut expected = before.clone();
        expected.owner = owner;
        assert_eq!(vault.list().await.unwrap(), [expected]);
    }
    let gone = vault.set_owner(secret(2), SecretOwner::Person).await;
    assert!(matches!(gone, Err(VaultError::NotFound { .. })));
}

#[tokio::test]
async fn secrets_are_listed_by_name_and_deleted_with_all_versions() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    for (number, text) in [(1, "b"), (2, "c"), (3, "a")] {
        vault
            .put(
                secret(number),
                &name(text),
                SecretOwner::Person,
                value("x"),
                now(),
            )
            .await
            .unwrap();
    }
    vault
        .add_version(secret(2), SecretVersion(1), value("y"), now())
        .await
        .unwrap();
    assert!(vault.delete(secret(2)).await.unwrap());
    assert!(!vault.delete(secret(2)).await.unwrap());
    assert_eq!(read_version(&vault, 2, 1).await, None);
    let names: Vec<String> = vault
        .list()
        .await
        .unwrap()
        .iter()
        .map(|facts| facts.name.to_string())
        .collect();
    assert_eq!(names, ["a", "b"]);

    // The name is free again.
    vault
        .put(
            secret(4),
            &name("c"),
            SecretOwner::Person,
            value("z"),
            now(),
        )
        .await
        .unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM versions")
        .fetch_one(&mut scratch.database().await)
        .await
        .unwrap();
    assert_eq!(left, 3);
}

#[tokio::test]
async fn an_empty_or_huge_value_is_refused() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    let refuse = async |text: String| {
        let put = vault
            .put(
                secret(1),
                &name("a"),
                SecretOwner::Person,
                value(&text),
                now(),
            )
            .await;
        told(&scratch, &put.unwrap_err())
    };
    insta::assert_snapshot!(refuse(String::new()).await, @"the vault failed while checking the value: the value is empty");
    insta::assert_snapshot!(refuse("x".repeat(MAX_VALUE_BYTES + 1)).await, @"the vault failed while checking the value: the value has 65537 bytes; the vault takes up to 65536");
    assert!(vault.list().await.unwrap().is_empty());

    put(&vault, 1, &"x".repeat(MAX_VALUE_BYTES)).await;
    let add = vault
        .add_version(secret(1), SecretVersion(1), value(""), now())
        .await;
    assert!(add.is_err());
    let (_, longest) = vault.get(secret(1)).await.unwrap().unwrap();
    assert_eq!(longest.expose_secret().len(), MAX_VALUE_BYTES);
}

#[tokio::test]
async fn health_says_what_it_is_and_counts() {
    let scratch = Scratch::new();
    let vault = scratch.vault().await;
    put(&vault, 1, "x").await;
    let health = vault.health().await.unwrap();
    insta::assert_snapshot!(
        without_directory(&scratch, &health.description),
        @"embedded vault <data>/vault.sqlite, opened by the key file <data>/vault.key (key generation 1)"
    );
    assert_eq!(health.secrets, 1);
}
