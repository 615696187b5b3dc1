//! The password manager from a person's side: values go in and never come out again.
//!
//! The vault is another place than the store of the history, so a change there and its event are two transactions; the event is written after
//! the change, and a program that dies in between loses the event alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::draft::{Field, FieldError, TokenDraft, TokenSource, parse_token};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::SecretId;
use crate::organization::{Organization, Status};
use crate::ports::{Ports, VaultError};
use crate::secret::{SecretFacts, SecretOwner, SecretPlace, SecretRef};
use crate::text::{OrganizationName, SecretName, TextError, VaultName};
use crate::use_cases::UseCaseError;
use crate::vaults::VaultHandle;

/// A secret with what uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// What is known of it.
    pub facts: SecretFacts,
    /// The organizations that authenticate with it.
    pub used_by: Vec<OrganizationName>,
    /// When the host said that it stops working; `None` if nothing uses it, or if it never does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When its value left the vault last; `None` if that was never, or longer ago than accesses are kept.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Whether it holds the tokens of a sign-in, which renew themselves.
    pub renews_itself: bool,
}

impl SecretRow {
    /// Whether a person may give it another value: not what belongs to others, nor what nobody could have by hand.
    pub fn takes_values(&self) -> bool {
        self.facts.place == SecretPlace::Kept && !self.is_of_sign_in()
    }

    /// Whether a sign-in keeps it: it changes it and deletes it by itself.
    pub fn is_of_sign_in(&self) -> bool {
        self.renews_itself || self.facts.is_of_sign_in()
    }

    /// Whether it is there only while a sign-in is under way, and is gone when that ends.
    pub fn is_passing(&self) -> bool {
        self.facts.is_of_sign_in() && self.used_by.is_empty()
    }
}

/// Every secret, in the order of their names; refused when a vault does not answer.
pub async fn list(ports: &Ports) -> Result<Vec<SecretRow>, UseCaseError> {
    let organizations = ports.organizations.roster().await?.organizations;
    let last = ports.access.last_uses().await?;
    let row = |facts: SecretFacts| row(&organizations, &last, facts);
    Ok(ports.vault.list().await?.into_iter().map(row).collect())
}

/// What some vaults have, and why the others do not answer.
pub type Answered = (Vec<SecretRow>, Vec<(VaultName, VaultError)>);

/// The same as [`list_what_answers`], refused with the first error where no vault answers: for a program, which must not take a list of
/// nothing for an installation without secrets.
pub async fn list_if_any_answers(ports: &Ports) -> Result<Answered, UseCaseError> {
    let (rows, mut silent) = list_what_answers(ports).await?;
    if silent.len() == ports.vaults.all().len() && !silent.is_empty() {
        return Err(silent.swap_remove(0).1.into());
    }
    Ok((rows, silent))
}

/// The secrets of those vaults that answer, and why the others do not: for a person, who would rather see some than none.
pub async fn list_what_answers(ports: &Ports) -> Result<Answered, UseCaseError> {
    let organizations = ports.organizations.roster().await?.organizations;
    let last = ports.access.last_uses().await?;
    let (all, silent) = ports.vaults.list_what_answers().await;
    let row = |facts: SecretFacts| row(&organizations, &last, facts);
    Ok((all.into_iter().map(row).collect(), silent))
}

/// One secret.
pub async fn show(ports: &Ports, name: &str) -> Result<SecretRow, UseCaseError> {
    let facts = find(ports, name).await?;
    let organizations = ports.organizations.roster().await?.organizations;
    let last = ports.access.last_uses().await?;
    Ok(row(&organizations, &last, facts))
}

fn row(
    organizations: &[Organization],
    last: &BTreeMap<SecretRef, DateTime<Utc>>,
    facts: SecretFacts,
) -> SecretRow {
    let users = || {
        organizations
            .iter()
            .filter(|organization| !matches!(organization.status, Status::Removed { .. }))
            .filter(|organization| organization.auth.secret() == facts.reference)
    };
    SecretRow {
        used_by: users()
            .map(|organization| organization.name.clone())
            .collect(),
        expires_at: users()
            .filter_map(|organization| organization.auth.token().expires_at())
            .min(),
        last_used_at: last.get(&facts.reference).copied(),
        renews_itself: users().any(|organization| organization.auth.is_sso()),
        facts,
    }
}

pub(super) async fn find(ports: &Ports, name: &str) -> Result<SecretFacts, UseCaseError> {
    let missing = || UseCaseError::NotFound {
        what: format!("secret `{}`", name.trim()),
    };
    let name: SecretName = name.trim().parse().map_err(|error| match error {
        TextError::LooksSecret { .. } => invalid_name(error),
        _ => missing(),
    })?;
    ports.vault.find(&name).await?.ok_or_else(missing)
}

pub(super) fn invalid_name(error: TextError) -> UseCaseError {
    UseCaseError::Invalid {
        errors: vec![FieldError::new(Field::Name, error)],
    }
}

fn value(value: SecretString) -> Result<SecretString, UseCaseError> {
    match parse_token(&TokenDraft::Value(value)) {
        Ok(TokenSource::Value(value)) => Ok(value),
        Ok(TokenSource::Secret(_)) => unreachable!("a value is never parsed as a name"),
        Err(error) => Err(UseCaseError::Invalid {
            errors: vec![error],
        }),
    }
}

/// Adds a secret to the vault that new ones go to.
pub async fn add(
    ports: &Ports,
    name: &str,
    new: SecretString,
    actor: &Actor,
) -> Result<SecretFacts, UseCaseError> {
    add_in(ports, name, new, None, actor).await
}

/// Adds a secret to a certain vault.
pub async fn add_in(
    ports: &Ports,
    name: &str,
    new: SecretString,
    vault: Option<&VaultHandle>,
    actor: &Actor,
) -> Result<SecretFacts, UseCaseError> {
    let name: SecretName = name.parse().map_err(invalid_name)?;
    let new = value(new)?;
    let now = ports.clock.now();
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let owner = SecretOwner::Person;
    let facts = match vault {
        None => ports.vault.put(reference, &name, owner, new, now).await?,
        Some(vault) => {
            let named = (reference, &name);
            ports.vaults.put_in(vault, named, owner, new, now).await?
        }
    };
    let event = Event::new(
        now,
        actor.clone(),
        Subject::Secret(name.to_string()),
        "secret.added",
    );
    ports.events.append(&[event]).await?;
    Ok(facts)
}

/// Gives a secret another value; whatever uses it uses the new one from then on.
pub async fn rotate(
    ports: &Ports,
    name: &str,
    new: SecretString,
    actor: &Actor,
) -> Result<SecretRow, UseCaseError> {
    let row = show(ports, name).await?;
    rotate_seen(ports, row, new, actor).await
}

/// The same, only if the secret is still of the version that a person saw; [`VaultError::VersionConflict`] if not.
pub async fn rotate_seen(
    ports: &Ports,
    row: SecretRow,
    new: SecretString,
    actor: &Actor,
) -> Result<SecretRow, UseCaseError> {
    refuse_what_renews_itself(&row)?;
    let new = value(new)?;
    let now = ports.clock.now();
    let before = row.facts.version;
    let facts = ports
        .vault
        .add_version(row.facts.reference, before, new, now)
        .await?;
    let subject = Subject::Secret(facts.name.to_string());
    let change = FieldChange::new("version", &before.to_string(), &facts.version.to_string());
    let event = Event::new(now, actor.clone(), subject, "secret.rotated").with_change(change);
    ports.events.append(&[event]).await?;
    Ok(SecretRow { facts, ..row })
}

/// Refuses to overwrite the tokens of a sign-in, which nobody could have by hand.
fn refuse_what_renews_itself(row: &SecretRow) -> Result<(), UseCaseError> {
    match row.used_by.first() {
        Some(organization) if row.renews_itself => Err(UseCaseError::Invalid {
            errors: vec![FieldError::new(
                Field::Token,
                format!(
                    "`{}` holds the tokens of a sign-in, which renew themselves; reconnect `{organization}` instead",
                    row.facts.name
                ),
            )],
        }),
        _ if row.is_of_sign_in() => Err(UseCaseError::Invalid {
            errors: vec![FieldError::new(
                Field::Token,
                format!(
                    "`{}` is kept by a sign-in, which deletes it by itself",
                    row.facts.name
                ),
            )],
        }),
        _ => Ok(()),
    }
}

/// Removes a secret that nothing uses.
pub async fn remove(ports: &Ports, name: &str, actor: &Actor) -> Result<SecretFacts, UseCaseError> {
    let row = show(ports, name).await?;
    refuse_what_is_used(&row)?;
    let deleted = ports.vault.delete(row.facts.reference).await?;
    removed(ports, row.facts, deleted, actor).await
}

/// The same, only if the secret is still of the version that a person saw; [`VaultError::VersionConflict`] if not.
pub async fn remove_seen(
    ports: &Ports,
    row: SecretRow,
    actor: &Actor,
) -> Result<SecretFacts, UseCaseError> {
    refuse_what_is_used(&row)?;
    let SecretFacts {
        reference, version, ..
    } = row.facts;
    let deleted = ports.vaults.delete_if(reference, version).await?;
    removed(ports, row.facts, deleted, actor).await
}

fn refuse_what_is_used(row: &SecretRow) -> Result<(), UseCaseError> {
    if row.used_by.is_empty() {
        return Ok(());
    }
    Err(UseCaseError::SecretInUse {
        name: row.facts.name.clone(),
        users: row.used_by.iter().map(|name| format!("`{name}`")).collect(),
    })
}

/// Puts down that a secret was removed, if it was there at all.
async fn removed(
    ports: &Ports,
    facts: SecretFacts,
    deleted: bool,
    actor: &Actor,
) -> Result<SecretFacts, UseCaseError> {
    if !deleted {
        let reference = facts.reference;
        return Err(VaultError::NotFound { reference }.into());
    }
    let subject = Subject::Secret(facts.name.to_string());
    let event = Event::new(ports.clock.now(), actor.clone(), subject, "secret.removed");
    ports.events.append(&[event]).await?;
    Ok(facts)
}
