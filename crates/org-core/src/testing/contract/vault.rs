//! The promises of the port [`SecretVault`].

use futures_util::future::join;
use secrecy::{ExposeSecret as _, SecretString};

use super::{VaultUnderTest, assert_matches};
use crate::ports::{SecretVault, VaultError};
use crate::secret::{SecretFacts, SecretOwner, SecretVersion};
use crate::testing::build::{
    attempt_id, noon, noon_plus, organization_id, parsed, secret, secret_ref,
};

/// Runs the suite of the vault; `make` is an expression for a fresh [`VaultUnderTest`].
#[macro_export]
macro_rules! vault_contract {
    (run = $run:expr, make = $make:expr $(,)?) => {
        $crate::contract_cases! { vault, $run, $make, [
            put_makes_the_first_version,
            put_refuses_a_taken_name,
            put_refuses_the_same_id_again,
            what_is_not_there_is_none,
            values_come_back_as_they_went_in,
            a_new_version_is_the_newest,
            earlier_versions_stay_readable,
            add_version_refuses_what_is_not_the_newest,
            add_version_of_nothing_is_not_found,
            set_owner_changes_nothing_else,
            set_owner_of_nothing_is_not_found,
            find_and_list_tell_the_same_facts,
            list_is_in_the_order_of_names,
            forget_before_takes_the_older_versions,
            forget_before_never_takes_the_newest,
            forget_before_takes_nothing_twice,
            forget_before_of_nothing_is_not_found,
            delete_takes_every_version,
            delete_of_nothing_is_false,
            a_deleted_name_is_free_again,
            health_counts_secrets,
            a_second_program_sees_the_same,
            of_two_changes_on_one_version_one_is_refused,
            of_two_secrets_with_one_name_one_is_refused,
            no_error_shows_a_value,
        ] }
    };
}

async fn put(vault: &dyn SecretVault, number: u64, name: &str, value: &str) -> SecretFacts {
    vault
        .put(
            secret_ref(number),
            &parsed(name),
            SecretOwner::Person,
            secret(value),
            noon(),
        )
        .await
        .expect("the name is free")
}

async fn value(vault: &dyn SecretVault, number: u64) -> Option<(u32, String)> {
    let found = vault.get(secret_ref(number)).await.expect("a vault");
    found.map(|(version, value)| (version.0, value.expose_secret().to_owned()))
}

async fn value_of(vault: &dyn SecretVault, number: u64, version: u32) -> Option<String> {
    let found = vault
        .get_version(secret_ref(number), SecretVersion(version))
        .await
        .expect("a vault");
    found.map(|value| value.expose_secret().to_owned())
}

fn at(version: u32, value: &str) -> (u32, String) {
    (version, value.to_owned())
}

/// A new secret has version 1, and its facts are what the caller gave.
pub async fn put_makes_the_first_version(test: VaultUnderTest) {
    let vault = &*test.vault;
    let owner = SecretOwner::Attempt(attempt_id(4));
    let facts = vault
        .put(
            secret_ref(1),
            &parsed("token"),
            owner,
            secret("swordfish"),
            noon(),
        )
        .await
        .expect("the name is free");
    assert_eq!(
        facts,
        SecretFacts {
            reference: secret_ref(1),
            name: parsed("token"),
            version: SecretVersion::FIRST,
            owner,
            created_at: noon(),
            updated_at: noon(),
        }
    );
    assert_eq!(value(vault, 1).await, Some(at(1, "swordfish")));
}

/// Names are unique, and the refused secret is not there.
pub async fn put_refuses_a_taken_name(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "first").await;
    let refused = vault
        .put(
            secret_ref(2),
            &parsed("token"),
            SecretOwner::Person,
            secret("second"),
            noon(),
        )
        .await;
    assert_matches!(refused, Err(VaultError::NameTaken { name }) if name.as_str() == "token");
    assert_eq!(value(vault, 1).await, Some(at(1, "first")));
    assert_eq!(value(vault, 2).await, None);
}

/// Doing it again with the same id and name is a conflict, and the first value stays.
pub async fn put_refuses_the_same_id_again(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "first").await;
    let refused = vault
        .put(
            secret_ref(1),
            &parsed("token"),
            SecretOwner::Person,
            secret("second"),
            noon(),
        )
        .await;
    assert_matches!(refused, Err(VaultError::NameTaken { .. }));
    assert_eq!(value(vault, 1).await, Some(at(1, "first")));
}

/// Absence is `None` and no error.
pub async fn what_is_not_there_is_none(test: VaultUnderTest) {
    let vault = &*test.vault;
    assert_eq!(value(vault, 1).await, None);
    assert_eq!(value_of(vault, 1, 1).await, None);
    assert_matches!(vault.find(&parsed("token")).await, Ok(None));
    put(vault, 1, "token", "value").await;
    assert_eq!(value_of(vault, 1, 0).await, None);
    assert_eq!(value_of(vault, 1, 2).await, None);
}

/// No character and no length of a value is lost.
pub async fn values_come_back_as_they_went_in(test: VaultUnderTest) {
    let long = "x".repeat(64 * 1024);
    let values = [
        "plain",
        " spaces ",
        "łódź\n\t\u{0}\"'\\",
        "{\"a\": 1}",
        &long,
    ];
    for (number, text) in (1..).zip(values) {
        put(&*test.vault, number, &format!("secret-{number}"), text).await;
        assert_eq!(value(&*test.vault, number).await, Some(at(1, text)));
    }
}

/// Adding a version makes it the newest, and only the time of the change moves.
pub async fn a_new_version_is_the_newest(test: VaultUnderTest) {
    let vault = &*test.vault;
    let first = put(vault, 1, "token", "first").await;
    let second = vault
        .add_version(
            secret_ref(1),
            SecretVersion::FIRST,
            secret("second"),
            noon_plus(5),
        )
        .await
        .expect("it is the newest");
    assert_eq!(
        second,
        SecretFacts {
            version: SecretVersion(2),
            updated_at: noon_plus(5),
            ..first
        }
    );
    assert_eq!(value(vault, 1).await, Some(at(2, "second")));
}

/// Rotating does not lose what was encrypted with an earlier value.
pub async fn earlier_versions_stay_readable(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "value 1").await;
    for version in 1..5 {
        let value = secret(&format!("value {}", version + 1));
        vault
            .add_version(secret_ref(1), SecretVersion(version), value, noon())
            .await
            .expect("it is the newest");
    }
    for version in 1..=5 {
        let expected = Some(format!("value {version}"));
        assert_eq!(value_of(vault, 1, version).await, expected);
    }
}

/// A change on a version that is not the newest is refused and says both.
pub async fn add_version_refuses_what_is_not_the_newest(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "first").await;
    for wrong in [0, 2] {
        let refused = vault
            .add_version(
                secret_ref(1),
                SecretVersion(wrong),
                secret("second"),
                noon(),
            )
            .await;
        assert_matches!(
            refused,
            Err(VaultError::VersionConflict { name, expected, found })
                if name.as_str() == "token" && expected.0 == wrong && found.0 == 1
        );
    }
    assert_eq!(value(vault, 1).await, Some(at(1, "first")));
}

/// There is no secret to change.
pub async fn add_version_of_nothing_is_not_found(test: VaultUnderTest) {
    let refused = test
        .vault
        .add_version(secret_ref(1), SecretVersion::FIRST, secret("value"), noon())
        .await;
    assert_matches!(refused, Err(VaultError::NotFound { reference }) if reference == secret_ref(1));
}

/// The owner changes; value, version and times do not.
pub async fn set_owner_changes_nothing_else(test: VaultUnderTest) {
    let vault = &*test.vault;
    let before = put(vault, 1, "token", "value").await;
    for owner in [
        SecretOwner::Attempt(attempt_id(2)),
        SecretOwner::Organization(organization_id(3)),
        SecretOwner::Person,
    ] {
        vault
            .set_owner(secret_ref(1), owner)
            .await
            .expect("it is there");
        let expected = SecretFacts {
            owner,
            ..before.clone()
        };
        assert_matches!(vault.find(&parsed("token")).await, Ok(Some(facts)) if facts == expected);
    }
    assert_eq!(value(vault, 1).await, Some(at(1, "value")));
}

/// There is no secret to own.
pub async fn set_owner_of_nothing_is_not_found(test: VaultUnderTest) {
    let refused = test
        .vault
        .set_owner(secret_ref(1), SecretOwner::Person)
        .await;
    assert_matches!(refused, Err(VaultError::NotFound { reference }) if reference == secret_ref(1));
}

/// One secret by its name, and all of them, are the same facts as those of the change.
pub async fn find_and_list_tell_the_same_facts(test: VaultUnderTest) {
    let vault = &*test.vault;
    let a = put(vault, 1, "a", "value").await;
    let b = put(vault, 2, "b", "value").await;
    assert_matches!(vault.find(&parsed("a")).await, Ok(Some(facts)) if facts == a);
    assert_matches!(vault.find(&parsed("b")).await, Ok(Some(facts)) if facts == b);
    assert_matches!(vault.list().await, Ok(facts) if facts == [a, b]);
}

/// A list is in the order of names, whatever the order of the changes.
pub async fn list_is_in_the_order_of_names(test: VaultUnderTest) {
    let vault = &*test.vault;
    for (number, name) in [(3, "b"), (1, "c"), (2, "a"), (4, "a.1")] {
        put(vault, number, name, "value").await;
    }
    let names: Vec<String> = vault
        .list()
        .await
        .expect("a vault")
        .into_iter()
        .map(|facts| facts.name.to_string())
        .collect();
    assert_eq!(names, ["a", "a.1", "b", "c"]);
}

/// A secret with the versions 1 to `newest`, the value of each being `value` and its number.
async fn with_versions(vault: &dyn SecretVault, newest: u32) -> SecretFacts {
    let mut facts = put(vault, 1, "token", "value 1").await;
    for version in 1..newest {
        let value = secret(&format!("value {}", version + 1));
        facts = vault
            .add_version(secret_ref(1), SecretVersion(version), value, noon())
            .await
            .expect("it is the newest");
    }
    facts
}

async fn forget(vault: &dyn SecretVault, version: u32) -> u64 {
    vault
        .forget_before(secret_ref(1), SecretVersion(version))
        .await
        .expect("it is there")
}

/// What is older goes, for every program; what is known of the secret and the counting of its versions stay.
pub async fn forget_before_takes_the_older_versions(test: VaultUnderTest) {
    let vault = &*test.vault;
    let before = with_versions(vault, 4).await;
    put(vault, 2, "other", "other").await;
    assert_eq!(forget(vault, 3).await, 2);
    for version in 1..=4 {
        let expected = (version >= 3).then(|| format!("value {version}"));
        assert_eq!(value_of(&*test.second, 1, version).await, expected);
    }
    assert_matches!(vault.find(&parsed("token")).await, Ok(Some(facts)) if facts == before);
    assert_eq!(value(vault, 1).await, Some(at(4, "value 4")));
    assert_eq!(value(vault, 2).await, Some(at(1, "other")));
    let added = vault
        .add_version(
            secret_ref(1),
            SecretVersion(4),
            secret("value 5"),
            noon_plus(5),
        )
        .await;
    assert_matches!(added, Ok(facts) if facts.version == SecretVersion(5));
    assert_eq!(value_of(vault, 1, 3).await.as_deref(), Some("value 3"));
    vault
        .set_owner(secret_ref(1), SecretOwner::Person)
        .await
        .expect("it is there");
    assert_eq!(value_of(vault, 1, 2).await, None);
}

/// Asked for versions up to one that there is not yet, the newest stays.
pub async fn forget_before_never_takes_the_newest(test: VaultUnderTest) {
    let vault = &*test.vault;
    with_versions(vault, 3).await;
    for (version, gone) in [(4, 2), (3, 0), (u32::MAX, 0)] {
        assert_eq!(forget(vault, version).await, gone);
        assert_eq!(value(vault, 1).await, Some(at(3, "value 3")));
    }
}

/// What was forgotten is not counted again, and an earlier limit brings nothing back.
pub async fn forget_before_takes_nothing_twice(test: VaultUnderTest) {
    let vault = &*test.vault;
    with_versions(vault, 5).await;
    for (version, gone) in [(0, 0), (1, 0), (3, 2), (3, 0), (2, 0), (4, 1)] {
        assert_eq!(forget(vault, version).await, gone, "before {version}");
    }
    assert_eq!(value_of(vault, 1, 3).await, None);
    assert_eq!(value_of(vault, 1, 4).await.as_deref(), Some("value 4"));
}

/// There is no secret to forget versions of.
pub async fn forget_before_of_nothing_is_not_found(test: VaultUnderTest) {
    let refused = test
        .vault
        .forget_before(secret_ref(1), SecretVersion::FIRST)
        .await;
    assert_matches!(refused, Err(VaultError::NotFound { reference }) if reference == secret_ref(1));
}

/// Nothing of a deleted secret is left, and the others stay.
pub async fn delete_takes_every_version(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "first").await;
    put(vault, 2, "other", "other").await;
    vault
        .add_version(
            secret_ref(1),
            SecretVersion::FIRST,
            secret("second"),
            noon(),
        )
        .await
        .expect("it is the newest");
    assert_matches!(vault.delete(secret_ref(1)).await, Ok(true));
    assert_eq!(value(vault, 1).await, None);
    assert_eq!(value_of(vault, 1, 1).await, None);
    assert_matches!(vault.find(&parsed("token")).await, Ok(None));
    assert_eq!(value(vault, 2).await, Some(at(1, "other")));
}

/// Deleting what is not there is no error.
pub async fn delete_of_nothing_is_false(test: VaultUnderTest) {
    assert_matches!(test.vault.delete(secret_ref(1)).await, Ok(false));
}

/// The name of a deleted secret may be given to another.
pub async fn a_deleted_name_is_free_again(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "first").await;
    vault.delete(secret_ref(1)).await.expect("a vault");
    put(vault, 2, "token", "second").await;
    assert_eq!(value(vault, 2).await, Some(at(1, "second")));
    assert_eq!(value(vault, 1).await, None);
}

/// A look at the vault says how many secrets it has.
pub async fn health_counts_secrets(test: VaultUnderTest) {
    let vault = &*test.vault;
    assert_matches!(vault.health().await, Ok(health) if health.secrets == 0);
    put(vault, 1, "a", "value").await;
    put(vault, 2, "b", "value").await;
    assert_matches!(
        vault.health().await,
        Ok(health) if health.secrets == 2 && !health.description.is_empty()
    );
}

/// What one program stored, another one reads.
pub async fn a_second_program_sees_the_same(test: VaultUnderTest) {
    put(&*test.vault, 1, "token", "first").await;
    assert_eq!(value(&*test.second, 1).await, Some(at(1, "first")));
    test.second
        .add_version(
            secret_ref(1),
            SecretVersion::FIRST,
            secret("second"),
            noon(),
        )
        .await
        .expect("it is the newest");
    assert_eq!(value(&*test.vault, 1).await, Some(at(2, "second")));
    test.vault.delete(secret_ref(1)).await.expect("a vault");
    assert_eq!(value(&*test.second, 1).await, None);
}

/// Two programs change the same version at once: one gets through, the other is told.
pub async fn of_two_changes_on_one_version_one_is_refused(test: VaultUnderTest) {
    put(&*test.vault, 1, "token", "first").await;
    let change = |vault, value| change(vault, value);
    let (a, b) = join(change(&*test.vault, "a"), change(&*test.second, "b")).await;
    let winner = match (a, b) {
        (Ok(_), Err(VaultError::VersionConflict { .. })) => "a",
        (Err(VaultError::VersionConflict { .. }), Ok(_)) => "b",
        other => panic!("one of both must be refused: {other:?}"),
    };
    assert_eq!(value(&*test.vault, 1).await, Some(at(2, winner)));
    assert_eq!(value_of(&*test.vault, 1, 1).await.as_deref(), Some("first"));
}

async fn change(vault: &dyn SecretVault, value: &str) -> Result<SecretFacts, VaultError> {
    vault
        .add_version(secret_ref(1), SecretVersion::FIRST, secret(value), noon())
        .await
}

/// Two programs make a secret of the same name at once: one gets through, the other is told.
pub async fn of_two_secrets_with_one_name_one_is_refused(test: VaultUnderTest) {
    let name = parsed("token");
    let (a, b) = join(
        test.vault.put(
            secret_ref(1),
            &name,
            SecretOwner::Person,
            secret("a"),
            noon(),
        ),
        test.second.put(
            secret_ref(2),
            &name,
            SecretOwner::Person,
            secret("b"),
            noon(),
        ),
    )
    .await;
    assert_matches!(
        (a, b),
        (Ok(_), Err(VaultError::NameTaken { .. })) | (Err(VaultError::NameTaken { .. }), Ok(_))
    );
    assert_matches!(test.vault.list().await, Ok(facts) if facts.len() == 1);
}

/// What went wrong is told without any value, neither the old nor the new one.
pub async fn no_error_shows_a_value(test: VaultUnderTest) {
    let vault = &*test.vault;
    put(vault, 1, "token", "planted-old-value").await;
    let planted = || SecretString::from("planted-new-value");
    let errors = [
        vault
            .put(
                secret_ref(2),
                &parsed("token"),
                SecretOwner::Person,
                planted(),
                noon(),
            )
            .await,
        vault
            .add_version(secret_ref(1), SecretVersion(7), planted(), noon())
            .await,
        vault
            .add_version(secret_ref(9), SecretVersion(1), planted(), noon())
            .await,
    ];
    for error in errors {
        let error = error.expect_err("each is refused");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}
