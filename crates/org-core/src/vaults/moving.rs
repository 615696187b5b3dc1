//! Moving a secret from the vault in which it lives to another one.
//!
//! Copy, read back, delete, settle: a program that dies between any two of these leaves the secret where it was or where it goes, whole, and
//! moving it again ends what was begun. A change of the secret at the same time is in the copy or makes the move begin anew.

use secrecy::ExposeSecret as _;

use super::{VaultHandle, Vaults};
use crate::ports::VaultError;
use crate::secret::{
    SecretFacts, SecretPlace, SecretRef, SecretVersion, VersionFacts, VersionValue,
};

/// How often a move begins anew because the secret was changed under it.
const ATTEMPTS: u32 = 5;

/// What came of moving a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It lives there now; so many versions were copied and read back.
    Done {
        /// What is known of it, where it lives now.
        facts: SecretFacts,
        /// How many versions it has there.
        versions: u64,
    },
    /// It lived there already.
    AlreadyThere(SecretFacts),
}

/// The secret was changed while it was copied.
struct Changed;

impl Vaults {
    /// Moves a secret to `to`, with its reference and all its versions. Whatever uses it goes on using it.
    pub async fn move_to(
        &self,
        reference: SecretRef,
        to: &VaultHandle,
    ) -> Result<Moved, VaultError> {
        self.move_of(reference, None, to).await
    }

    /// The same, only as long as `expected` is its newest version; [`VaultError::VersionConflict`] if not.
    pub async fn move_seen(
        &self,
        reference: SecretRef,
        expected: SecretVersion,
        to: &VaultHandle,
    ) -> Result<Moved, VaultError> {
        self.move_of(reference, Some(expected), to).await
    }

    async fn move_of(
        &self,
        reference: SecretRef,
        expected: Option<SecretVersion>,
        to: &VaultHandle,
    ) -> Result<Moved, VaultError> {
        for _ in 0..ATTEMPTS {
            let Some((from, facts)) = self.locate(reference).await? else {
                return Err(VaultError::NotFound { reference });
            };
            // Looked at in each round: a move that begins anew does so because of a change.
            if let Some(expected) = expected.filter(|expected| *expected != facts.version) {
                return Err(VaultError::VersionConflict {
                    name: facts.name,
                    expected,
                    found: facts.version,
                });
            }
            if from.name == to.name {
                return self.end(to, facts).await;
            }
            if let SecretPlace::External(target) = &facts.place {
                return Err(VaultError::Unsupported {
                    detail: format!(
                        "`{}` only points at {target} in `{}`; remove it, and add its value where it shall live",
                        facts.name, from.name
                    ),
                });
            }
            let Ok(versions) = self.copy(from, to, &facts).await? else {
                continue;
            };
            let owner = from.vault.look(reference).await?;
            if let Some(owner) = owner.map(|now| now.owner).filter(|now| *now != facts.owner) {
                to.vault.set_owner(reference, owner).await?;
            }
            match from.transfer.delete_if(reference, facts.version).await {
                // Where it was gone already, somebody else ended the same move.
                Ok(_) => {}
                Err(VaultError::VersionConflict { .. }) => continue,
                Err(error) => return Err(error),
            }
            self.forget(reference);
            to.transfer.settle(reference).await?;
            let facts = to.vault.look(reference).await?;
            let facts = facts.ok_or(VaultError::NotFound { reference })?;
            return Ok(Moved::Done { facts, versions });
        }
        Err(VaultError::Unavailable {
            detail: format!(
                "the secret {reference} was changed {ATTEMPTS} times while it was being moved; try again"
            ),
        })
    }

    /// It lives where it shall. A move that was cut off after its last change is ended.
    async fn end(&self, to: &VaultHandle, facts: SecretFacts) -> Result<Moved, VaultError> {
        if facts.arriving_from.is_none() {
            return Ok(Moved::AlreadyThere(facts));
        }
        to.transfer.settle(facts.reference).await?;
        let versions = to.transfer.versions(facts.reference).await?.len() as u64;
        let facts = SecretFacts {
            arriving_from: None,
            ..facts
        };
        Ok(Moved::Done { facts, versions })
    }

    /// Makes a copy that has been read back, version by version.
    async fn copy(
        &self,
        from: &VaultHandle,
        to: &VaultHandle,
        facts: &SecretFacts,
    ) -> Result<Result<u64, Changed>, VaultError> {
        let Some(values) = read_all(from, facts).await? else {
            return Ok(Err(Changed));
        };
        if let Some(copy) = to.vault.look(facts.reference).await? {
            if copy.arriving_from.as_ref() != Some(&from.name) {
                return Err(VaultError::NameTaken { name: copy.name });
            }
            // An earlier move, or one under way in another program, left it: whole, or up to some version.
            if is_copy(to, facts, &copy, &values).await? {
                return Ok(Ok(values.len() as u64));
            }
            match to.transfer.delete_if(facts.reference, copy.version).await {
                Ok(_) => {}
                Err(VaultError::VersionConflict { .. }) => return Ok(Err(Changed)),
                Err(error) => return Err(error),
            }
        }
        let copy = to.transfer.adopt(facts, &from.name, values.clone()).await?;
        if is_copy(to, facts, &copy, &values).await? {
            Ok(Ok(values.len() as u64))
        } else {
            Err(VaultError::Other {
                step: "reading back what was moved",
                source: format!(
                    "`{}` gives back something else than was put into it for `{}`; the secret stays in `{}`",
                    to.name, facts.name, from.name
                )
                .into(),
            })
        }
    }
}

/// All versions with their values; `None` if the secret was changed meanwhile.
async fn read_all(
    from: &VaultHandle,
    facts: &SecretFacts,
) -> Result<Option<Vec<VersionValue>>, VaultError> {
    let versions = from.transfer.versions(facts.reference).await?;
    if versions.last().map(|last| last.version) != Some(facts.version) {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(versions.len());
    for version in versions {
        let value = from
            .vault
            .get_version(facts.reference, version.version)
            .await?;
        let Some(value) = value else { return Ok(None) };
        values.push(VersionValue {
            facts: version,
            value,
        });
    }
    Ok(Some(values))
}

/// Whether what `to` has is the same, read from there again.
async fn is_copy(
    to: &VaultHandle,
    facts: &SecretFacts,
    copy: &SecretFacts,
    values: &[VersionValue],
) -> Result<bool, VaultError> {
    let same_facts = copy.name == facts.name
        && copy.version == facts.version
        && copy.created_at == facts.created_at;
    let versions = to.transfer.versions(facts.reference).await?;
    let numbers = |versions: &mut dyn Iterator<Item = VersionFacts>| -> Vec<_> {
        versions.map(|facts| facts.version).collect()
    };
    if !same_facts
        || numbers(&mut versions.into_iter()) != numbers(&mut values.iter().map(|it| it.facts))
    {
        return Ok(false);
    }
    for expected in values {
        let read = to
            .vault
            .get_version(facts.reference, expected.facts.version)
            .await?;
        if read.is_none_or(|read| read.expose_secret() != expected.value.expose_secret()) {
            return Ok(false);
        }
    }
    Ok(true)
}
