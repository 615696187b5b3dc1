//! The promises of the port [`VaultTransfer`](crate::ports::VaultTransfer).

use futures_util::future::join;
use secrecy::ExposeSecret as _;

use super::{TransferUnderTest, assert_matches};
use crate::ports::VaultError;
use crate::secret::{
    SecretFacts, SecretOwner, SecretPlace, SecretVersion, VersionFacts, VersionValue,
};
use crate::testing::build::{noon, noon_plus, organization_id, parsed, secret, secret_ref};
use crate::text::VaultName;

/// Runs the suite of handing secrets over; `make` is an expression for a fresh [`TransferUnderTest`].
#[macro_export]
macro_rules! vault_transfer_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { transfer, $run, $make, [
            versions_are_those_that_are_kept,
            versions_of_nothing_are_none,
            adopt_keeps_facts_numbers_and_values,
            an_adopted_secret_lives_on,
            an_arriving_copy_says_so_until_it_is_settled,
            adopt_refuses_what_is_there,
            adopt_refuses_a_gap,
            a_copy_can_be_thrown_away_and_made_again,
            delete_if_takes_every_version,
            delete_if_refuses_a_changed_secret,
            delete_if_of_nothing_is_false,
            of_delete_if_and_a_change_one_is_refused,
            settle_of_nothing_is_no_error,
        ] }
    };
}

fn source() -> VaultName {
    parsed("elsewhere")
}

/// What another vault has: the versions from 5 to 7.
fn facts() -> SecretFacts {
    SecretFacts {
        reference: secret_ref(1),
        name: parsed("token"),
        version: SecretVersion(7),
        owner: SecretOwner::Organization(organization_id(3)),
        created_at: noon(),
        updated_at: noon_plus(7),
        vault: source(),
        place: SecretPlace::Kept,
        arriving_from: None,
    }
}

fn versions(numbers: impl IntoIterator<Item = u32>) -> Vec<VersionValue> {
    let version = |number: u32| VersionValue {
        facts: VersionFacts {
            version: SecretVersion(number),
            created_at: noon_plus(i64::from(number)),
        },
        value: secret(&format!("value {number}")),
    };
    numbers.into_iter().map(version).collect()
}

async fn adopt(test: &TransferUnderTest) -> SecretFacts {
    test.transfer
        .adopt(&facts(), &source(), versions(5..=7))
        .await
        .expect("nothing is in the way")
}

async fn numbers(test: &TransferUnderTest) -> Vec<u32> {
    let versions = test.transfer.versions(secret_ref(1)).await;
    let versions = versions.expect("a vault").into_iter();
    versions.map(|facts| facts.version.0).collect()
}

async fn value_of(test: &TransferUnderTest, version: u32) -> Option<String> {
    let found = test
        .vault
        .get_version(secret_ref(1), SecretVersion(version))
        .await
        .expect("a vault");
    found.map(|value| value.expose_secret().to_owned())
}

async fn put(test: &TransferUnderTest, number: u64, name: &str) -> SecretFacts {
    test.vault
        .put(
            secret_ref(number),
            &parsed(name),
            SecretOwner::Person,
            secret("value 1"),
            noon(),
        )
        .await
        .expect("the name is free")
}

/// What was forgotten is not in the list, and the newest is the last.
pub async fn versions_are_those_that_are_kept(test: TransferUnderTest) {
    put(&test, 1, "token").await;
    for version in 1..4 {
        test.vault
            .add_version(
                secret_ref(1),
                SecretVersion(version),
                secret("another"),
                noon(),
            )
            .await
            .expect("it is the newest");
    }
    assert_eq!(numbers(&test).await, [1, 2, 3, 4]);
    test.vault
        .forget_before(secret_ref(1), SecretVersion(3))
        .await
        .expect("it is there");
    assert_eq!(numbers(&test).await, [3, 4]);
}

/// Absence is no error.
pub async fn versions_of_nothing_are_none(test: TransferUnderTest) {
    assert_eq!(numbers(&test).await, [0; 0]);
}

/// The copy has the same reference, name, owner, times and numbers, and is found by all of them.
pub async fn adopt_keeps_facts_numbers_and_values(test: TransferUnderTest) {
    let copy = adopt(&test).await;
    let expected = SecretFacts {
        vault: copy.vault.clone(),
        arriving_from: Some(source()),
        ..facts()
    };
    assert_eq!(copy, expected);
    assert_matches!(test.vault.look(secret_ref(1)).await, Ok(Some(found)) if found == expected);
    assert_matches!(test.vault.find(&parsed("token")).await, Ok(Some(found)) if found == expected);
    assert_matches!(test.vault.list().await, Ok(list) if list == [expected]);
    assert_eq!(numbers(&test).await, [5, 6, 7]);
    for version in 4..=8 {
        let expected = (5..=7)
            .contains(&version)
            .then(|| format!("value {version}"));
        assert_eq!(value_of(&test, version).await, expected);
    }
    let newest = test.vault.get(secret_ref(1)).await.expect("a vault");
    assert_eq!(newest.map(|(version, _)| version), Some(SecretVersion(7)));
}

/// Changes and forgetting go on with the numbers that it came with.
pub async fn an_adopted_secret_lives_on(test: TransferUnderTest) {
    adopt(&test).await;
    let change = async |expected| {
        test.vault
            .add_version(
                secret_ref(1),
                SecretVersion(expected),
                secret("value 8"),
                noon_plus(8),
            )
            .await
    };
    assert_matches!(
        change(3).await,
        Err(VaultError::VersionConflict { expected, found, .. }) if expected.0 == 3 && found.0 == 7
    );
    assert_matches!(
        change(7).await,
        Ok(facts) if facts.version.0 == 8 && facts.updated_at == noon_plus(8)
    );
    let forgotten = test
        .vault
        .forget_before(secret_ref(1), SecretVersion(7))
        .await;
    assert_matches!(forgotten, Ok(2));
    assert_eq!(numbers(&test).await, [7, 8]);
    assert_eq!(value_of(&test, 8).await.as_deref(), Some("value 8"));
}

/// The mark goes, and nothing else changes; once more is no error.
pub async fn an_arriving_copy_says_so_until_it_is_settled(test: TransferUnderTest) {
    let copy = adopt(&test).await;
    let settled = SecretFacts {
        arriving_from: None,
        ..copy
    };
    for _ in 0..2 {
        let done = test.transfer.settle(secret_ref(1)).await;
        assert_matches!(done, Ok(()));
        assert_matches!(test.vault.look(secret_ref(1)).await, Ok(Some(found)) if found == settled);
    }
    assert_eq!(numbers(&test).await, [5, 6, 7]);
}

/// Neither a name nor a reference is taken twice.
pub async fn adopt_refuses_what_is_there(test: TransferUnderTest) {
    put(&test, 2, "token").await;
    let refused = test
        .transfer
        .adopt(&facts(), &source(), versions(5..=7))
        .await;
    assert_matches!(refused, Err(VaultError::NameTaken { name }) if name.as_str() == "token");
    assert_eq!(numbers(&test).await, [0; 0]);
    put(&test, 1, "other").await;
    let refused = test
        .transfer
        .adopt(&facts(), &source(), versions(5..=7))
        .await;
    assert_matches!(refused, Err(VaultError::NameTaken { .. }));
    assert_eq!(value_of(&test, 1).await.as_deref(), Some("value 1"));
}

/// A version that is missing would be missed only when somebody needs it.
pub async fn adopt_refuses_a_gap(test: TransferUnderTest) {
    for numbers in [vec![5, 7], vec![5, 6], vec![7, 6], vec![]] {
        let refused = test
            .transfer
            .adopt(&facts(), &source(), versions(numbers))
            .await;
        assert_matches!(refused, Err(VaultError::Unsupported { .. }));
    }
    assert_eq!(numbers(&test).await, [0; 0]);
    assert_matches!(test.vault.find(&parsed("token")).await, Ok(None));
}

/// What is in the way of an arriving copy is an older copy of the same secret.
pub async fn a_copy_can_be_thrown_away_and_made_again(test: TransferUnderTest) {
    adopt(&test).await;
    let deleted = test
        .transfer
        .delete_if(secret_ref(1), SecretVersion(7))
        .await;
    assert_matches!(deleted, Ok(true));
    assert_eq!(adopt(&test).await.version, SecretVersion(7));
    assert_eq!(numbers(&test).await, [5, 6, 7]);
}

/// Nothing of it is left, and its name is free.
pub async fn delete_if_takes_every_version(test: TransferUnderTest) {
    put(&test, 1, "token").await;
    put(&test, 2, "other").await;
    let deleted = test
        .transfer
        .delete_if(secret_ref(1), SecretVersion::FIRST)
        .await;
    assert_matches!(deleted, Ok(true));
    assert_eq!(numbers(&test).await, [0; 0]);
    assert_matches!(test.vault.get(secret_ref(1)).await, Ok(None));
    assert_matches!(test.vault.look(secret_ref(1)).await, Ok(None));
    assert_matches!(test.vault.find(&parsed("token")).await, Ok(None));
    assert_matches!(test.vault.list().await, Ok(list) if list.len() == 1);
    put(&test, 3, "token").await;
}

/// A version that the caller does not know of would be lost.
pub async fn delete_if_refuses_a_changed_secret(test: TransferUnderTest) {
    put(&test, 1, "token").await;
    for wrong in [0, 2] {
        let refused = test
            .transfer
            .delete_if(secret_ref(1), SecretVersion(wrong))
            .await;
        assert_matches!(
            refused,
            Err(VaultError::VersionConflict { name, expected, found })
                if name.as_str() == "token" && expected.0 == wrong && found.0 == 1
        );
    }
    assert_eq!(value_of(&test, 1).await.as_deref(), Some("value 1"));
}

/// Deleting what is not there is no error.
pub async fn delete_if_of_nothing_is_false(test: TransferUnderTest) {
    let deleted = test
        .transfer
        .delete_if(secret_ref(1), SecretVersion::FIRST)
        .await;
    assert_matches!(deleted, Ok(false));
}

/// Whoever is first: a change is never answered with success and lost.
pub async fn of_delete_if_and_a_change_one_is_refused(test: TransferUnderTest) {
    put(&test, 1, "token").await;
    let (deleted, changed) = join(
        test.transfer.delete_if(secret_ref(1), SecretVersion::FIRST),
        test.vault.add_version(
            secret_ref(1),
            SecretVersion::FIRST,
            secret("value 2"),
            noon(),
        ),
    )
    .await;
    match (deleted, changed) {
        (Ok(true), Err(VaultError::NotFound { .. } | VaultError::VersionConflict { .. })) => {
            assert_matches!(test.vault.get(secret_ref(1)).await, Ok(None));
        }
        (Err(VaultError::VersionConflict { .. }), Ok(_)) => {
            assert_eq!(value_of(&test, 2).await.as_deref(), Some("value 2"));
        }
        other => panic!("one of both must be refused: {other:?}"),
    }
}

/// There is no mark to take away.
pub async fn settle_of_nothing_is_no_error(test: TransferUnderTest) {
    assert_matches!(test.transfer.settle(secret_ref(1)).await, Ok(()));
    put(&test, 1, "token").await;
    assert_matches!(test.transfer.settle(secret_ref(1)).await, Ok(()));
    assert_eq!(value_of(&test, 1).await.as_deref(), Some("value 1"));
}
