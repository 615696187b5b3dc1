//! The vaults of an installation, and where secrets live in them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, join_all, select};
use secrecy::SecretString;

use crate::event::{Actor, Event, FieldChange, Subject};
use crate::host::HostUrl;
use crate::ids::SecretId;
use crate::organization::{Organization, Status};
use crate::ports::{HostAccess, Identity, Ports, SecretAccess, VaultError, VaultHealth};
use crate::secret::{ExternalSecret, SecretFacts, SecretOwner, SecretPlace, SecretRef};
use crate::text::{Login, OrganizationName, SecretName, VaultName};
use crate::use_cases::secrets::{find, invalid_name};
use crate::use_cases::{NoProgress, UseCaseError, credential, preflight};
use crate::vaults::{Moved, VaultHandle};

/// How often a program asks for secrets that somebody added while all were moved, before it says that some are left.
const ROUNDS: usize = 3;

/// One vault and how it does.
#[derive(Debug)]
pub struct VaultRow {
    /// Its name.
    pub name: VaultName,
    /// What kind it is.
    pub kind: String,
    /// Whether new secrets go to it.
    pub is_default: bool,
    /// How it does.
    pub health: Result<VaultHealth, VaultError>,
}

/// Every vault, the one that new secrets go to first. One that does not answer takes no other along.
pub async fn list(ports: &Ports) -> Vec<VaultRow> {
    let mut rows = Vec::new();
    for (position, handle) in ports.vaults.all().iter().enumerate() {
        rows.push(VaultRow {
            name: handle.name.clone(),
            kind: handle.kind.clone(),
            is_default: position == 0,
            health: handle.vault.health().await,
        });
    }
    rows
}

/// The vaults that do not answer within `patience`, and why: for somebody who must not wait for them any longer.
pub async fn away(ports: &Ports, patience: Duration) -> Vec<(VaultName, VaultError)> {
    let look = async |handle: &VaultHandle| {
        let health = handle.vault.health();
        match select(health, ports.timer.sleep(patience)).await {
            Either::Left((Ok(_), _)) => None,
            Either::Left((Err(error), _)) => Some((handle.name.clone(), error)),
            Either::Right(((), _)) => Some((
                handle.name.clone(),
                VaultError::Unavailable {
                    detail: format!(
                        "no answer came within {} seconds; see that the server runs and that the network lets this machine reach it",
                        patience.as_secs()
                    ),
                },
            )),
        }
    };
    let looks = join_all(ports.vaults.all().iter().map(look)).await;
    looks.into_iter().flatten().collect()
}

/// The vault of that name; the one that new secrets go to without a name.
pub fn named<'a>(ports: &'a Ports, name: Option<&str>) -> Result<&'a VaultHandle, UseCaseError> {
    let Some(name) = name else {
        return Ok(&ports.vaults.all()[0]);
    };
    let found = name.trim().parse().ok();
    found
        .and_then(|name| ports.vaults.named(&name))
        .ok_or_else(|| {
            let all: Vec<String> = ports
                .vaults
                .all()
                .iter()
                .map(|handle| format!("`{}`", handle.name))
                .collect();
            UseCaseError::NotFound {
                what: format!(
                    "vault `{}`; there is {}",
                    name.trim().escape_debug(),
                    all.join(" and ")
                ),
            }
        })
}

/// Adds a secret that only points at one which belongs to somebody else in the same vault.
pub async fn link(
    ports: &Ports,
    name: &str,
    target: &ExternalSecret,
    vault: &VaultHandle,
    actor: &Actor,
) -> Result<SecretFacts, UseCaseError> {
    let name: SecretName = name.parse().map_err(invalid_name)?;
    let now = ports.clock.now();
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let facts = ports
        .vaults
        .link_in(vault, (reference, &name), SecretOwner::Person, target, now)
        .await?;
    let event = Event::new(
        now,
        actor.clone(),
        Subject::Secret(name.to_string()),
        "secret.linked",
    )
    .with_change(FieldChange::new("vault", "", vault.name.as_str()))
    .with_change(FieldChange::new("target", "", &target.to_string()));
    ports.events.append(&[event]).await?;
    Ok(facts)
}

/// Moves a secret to another vault: copies it, reads the copy back, and deletes it where it was. Whatever uses it goes on using it.
pub async fn move_one(
    ports: &Ports,
    name: &str,
    to: &VaultHandle,
    actor: &Actor,
) -> Result<Moved, UseCaseError> {
    let facts = find(ports, name).await?;
    move_found(ports, &facts, to, actor).await
}

/// The same, only if the secret is still of the version that a person saw; [`VaultError::VersionConflict`] if not.
pub async fn move_seen(
    ports: &Ports,
    seen: &SecretFacts,
    to: &VaultHandle,
    actor: &Actor,
) -> Result<Moved, UseCaseError> {
    let moved = ports
        .vaults
        .move_seen(seen.reference, seen.version, to)
        .await?;
    told(ports, seen, moved, actor).await
}

async fn move_found(
    ports: &Ports,
    facts: &SecretFacts,
    to: &VaultHandle,
    actor: &Actor,
) -> Result<Moved, UseCaseError> {
    let moved = ports.vaults.move_to(facts.reference, to).await?;
    told(ports, facts, moved, actor).await
}

/// Puts a move down in the history.
async fn told(
    ports: &Ports,
    facts: &SecretFacts,
    moved: Moved,
    actor: &Actor,
) -> Result<Moved, UseCaseError> {
    if let Moved::Done { facts: now, .. } = &moved {
        let from = facts.arriving_from.as_ref().unwrap_or(&facts.vault);
        let change = FieldChange::new("vault", from.as_str(), now.vault.as_str());
        let subject = Subject::Secret(now.name.to_string());
        let event = Event::new(ports.clock.now(), actor.clone(), subject, "secret.moved");
        ports.events.append(&[event.with_change(change)]).await?;
    }
    Ok(moved)
}

/// Moves every secret that Forgehold keeps itself. `each` is told after each one; what only points at a secret of others stays.
pub async fn move_all(
    ports: &Ports,
    to: &VaultHandle,
    actor: &Actor,
    mut each: impl FnMut(&Moved),
) -> Result<(), UseCaseError> {
    for _ in 0..ROUNDS {
        let all = ports.vault.list().await?;
        let left: Vec<_> = all
            .into_iter()
            .filter(|facts| facts.vault != to.name || facts.arriving_from.is_some())
            .filter(|facts| facts.place == SecretPlace::Kept)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        for facts in left {
            match move_found(ports, &facts, to, actor).await {
                Ok(moved) => each(&moved),
                // Somebody removed it meanwhile.
                Err(UseCaseError::Vault(VaultError::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// What a host says of a secret.
#[derive(Debug)]
pub struct TestRow {
    /// The host that was asked.
    pub host: HostUrl,
    /// The organization that uses the secret there, with its login; `None` for a host that was only named.
    pub organization: Option<(OrganizationName, Login)>,
    /// Who the secret is, or why the host does not take it.
    pub answer: Result<Identity, UseCaseError>,
}

impl TestRow {
    /// The login of the organization, if the secret belongs to another one.
    pub fn mismatch(&self) -> Option<&Login> {
        let (_, login) = self.organization.as_ref()?;
        let identity = self.answer.as_ref().ok()?;
        (!identity.account.login.is_same_as(login)).then_some(login)
    }

    /// What is wrong with the secret at this host, in words; `None` if it does what it is used for.
    pub fn problem(&self, now: DateTime<Utc>) -> Option<String> {
        let identity = match &self.answer {
            Ok(identity) => identity,
            Err(error) => return Some(error.to_string()),
        };
        if identity.token.days_left(now) == Some(0) {
            return Some("it has expired".to_owned());
        }
        self.mismatch().map(|login| {
            let owner = &identity.account.login;
            format!("it belongs to `{owner}`, and the organization authenticates as `{login}`")
        })
    }
}

/// Asks every host that a secret is used at whether it takes it; `host` is asked too, if one is named. Nothing is changed.
pub async fn test(
    ports: &Ports,
    name: &str,
    host: Option<HostUrl>,
) -> Result<(SecretFacts, Vec<TestRow>), UseCaseError> {
    let facts = find(ports, name).await?;
    let mut asked: Vec<(HostUrl, Option<Organization>)> = Vec::new();
    for organization in ports.organizations.roster().await?.organizations {
        let is_removed = matches!(organization.status, Status::Removed { .. });
        if !is_removed && organization.auth.secret() == facts.reference {
            asked.push((organization.host.clone(), Some(organization)));
        }
    }
    if let Some(host) = host
        && !asked.iter().any(|(known, _)| *known == host)
    {
        asked.push((host, None));
    }
    if asked.is_empty() {
        return Err(UseCaseError::NotFound {
            what: format!(
                "host to test `{}` against, since no organization uses it; name one with --host",
                facts.name
            ),
        });
    }
    let found = ports.vault.get(facts.reference).await?;
    let (_, token) = found.ok_or(VaultError::NotFound {
        reference: facts.reference,
    })?;
    let mut rows = Vec::new();
    for (host, organization) in asked {
        let answer = ask(ports, &host, organization.as_ref(), &token).await;
        rows.push(TestRow {
            host,
            organization: organization
                .map(|organization| (organization.name, organization.account.login)),
            answer,
        });
    }
    Ok((facts, rows))
}

/// Looks first whether the host can be reached, since that is told in a moment and asking again and again is not.
async fn ask(
    ports: &Ports,
    host: &HostUrl,
    organization: Option<&Organization>,
    token: &SecretString,
) -> Result<Identity, UseCaseError> {
    preflight::reach(ports, host, None, &NoProgress).await?;
    let access = match organization {
        // The tokens of a sign-in are renewed where they have to be.
        Some(organization) => credential::access(ports, organization).await?,
        None => HostAccess::by_token(host.clone(), token.clone()),
    };
    Ok(ports.host.identify(&access).await?)
}

/// Who read a secret, the newest first.
pub async fn accesses(
    ports: &Ports,
    name: &str,
    limit: u32,
) -> Result<Vec<SecretAccess>, UseCaseError> {
    let facts = find(ports, name).await?;
    Ok(ports.access.history(facts.reference, limit).await?)
}
