//! Reconnecting: another credential for the same organization. Identity, inventory, history and licenses stay.

use std::collections::HashSet;

use futures_util::StreamExt as _;

use crate::draft::{Field, FieldError, TokenDraft, TokenSource, parse_token};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::{RepositoryId, SecretId};
use crate::listing::ListingEvent;
use crate::organization::{AuthMethod, Organization, Status};
use crate::ports::{HostAccess, Identity, OrganizationChange, Ports, Stale, StoreError};
use crate::secret::{SecretOwner, SecretRef};
use crate::text::{Login, SecretName};
use crate::use_cases::preflight::{self, Candidate, Token};
use crate::use_cases::{Progress, ProgressEvent, STALE_RETRIES, UseCaseError, credential};

/// The new credential, as typed.
#[derive(Debug, Clone, Default)]
pub struct ReconnectDraft {
    /// The login that the token belongs to; none means the present one.
    pub login: Option<String>,
    /// The token.
    pub token: TokenDraft,
    /// Whether a person agreed that the account may see nothing of what is known.
    pub blind: BlindReconnect,
}

/// What happens when the new account sees nothing of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlindReconnect {
    /// Nothing is changed, and a person is asked.
    #[default]
    Refused,
    /// A person agreed.
    Confirmed,
}

/// Gives an organization another access token. A sync is due at once; the caller starts it.
///
/// Signing in instead is [`sign_in::begin_again`](crate::use_cases::sign_in::begin_again).
pub async fn reconnect(
    ports: &Ports,
    organization: Organization,
    draft: &ReconnectDraft,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    organization.refuse_removed("reconnected")?;
    let (login, source) = parse(&organization, draft)?;
    let token = preflight::token(ports, &source).await?;
    preflight::may_use(&token, Some(organization.id))?;
    let access = HostAccess::by_token(organization.host.clone(), token.value.clone());
    preflight::reach(
        ports,
        &organization.host,
        Some(&access.credential),
        progress,
    )
    .await?;
    let identity = preflight::authenticate(ports, &access, &login, progress).await?;
    let (secret, own) = keep(ports, &organization, &token).await?;
    let new = NewCredential {
        auth: AuthMethod::AccessToken {
            login,
            secret,
            token: identity.token.clone(),
        },
        identity,
    };
    let stored = with(
        ports,
        organization,
        (new, &access),
        draft.blind,
        actor,
        progress,
    )
    .await;
    if own && stored.is_err() {
        // What the vault does not do now, cleaning up does later: it must not hide why nothing was stored.
        let _ = ports.vault.delete(secret).await;
    }
    stored
}

/// A credential that the host has accepted.
pub(crate) struct NewCredential {
    pub(crate) auth: AuthMethod,
    pub(crate) identity: Identity,
}

/// Gives an organization a credential that is in the vault already.
pub(crate) async fn with(
    ports: &Ports,
    organization: Organization,
    (new, access): (NewCredential, &HostAccess),
    blind: BlindReconnect,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    preflight::groups_exist(ports, access, &organization.settings.scope).await?;
    if blind == BlindReconnect::Refused {
        sees_something(ports, &organization, access, &new.identity, progress).await?;
    }
    let secret = new.auth.secret();
    let (organization, replaced) = store(ports, organization, new, actor).await?;
    if replaced.secret() != secret {
        // The grant of the old sign-in ends, and its secret goes. Cleaning up does later what does not succeed now.
        let _ = credential::revoke(ports, &replaced).await;
        let _ = delete_if_owned(ports, &organization, replaced.secret()).await;
    }
    Ok(organization)
}

fn parse(
    organization: &Organization,
    draft: &ReconnectDraft,
) -> Result<(Login, TokenSource), UseCaseError> {
    let mut errors = Vec::new();
    let login = match &draft.login {
        None => Some(organization.account.login.clone()),
        Some(text) => text
            .parse::<Login>()
            .map_err(|error| errors.push(FieldError::new(Field::Login, error)))
            .ok(),
    };
    let token = token_of(&draft.token)
        .map_err(|error| errors.push(error))
        .ok();
    match (login, token) {
        (Some(login), Some(token)) => Ok((login, token)),
        _ => Err(UseCaseError::Invalid { errors }),
    }
}

/// Where the new token is. Without one a person may as well mean to sign in, which is told here and not where a form has a choice for it.
fn token_of(draft: &TokenDraft) -> Result<TokenSource, FieldError> {
    match draft {
        TokenDraft::Missing => Err(FieldError::new(
            Field::Token,
            "there is no access token; give the token itself, name a secret of the password manager, or sign in at the host with `--sso`",
        )),
        given => parse_token(given),
    }
}

/// Whether the account's list of the scope has at least one of the known repositories; an organization without any is no question.
///
/// The list ends with the first one that is found, so that only an account that sees nothing known is listed to its end.
async fn sees_something(
    ports: &Ports,
    organization: &Organization,
    access: &HostAccess,
    identity: &Identity,
    progress: &dyn Progress,
) -> Result<(), UseCaseError> {
    let inventory = ports.inventory.inventory(organization.id).await?;
    let known: HashSet<RepositoryId> = inventory
        .repositories
        .iter()
        .filter(|known| known.presence.is_present())
        .map(|known| known.repository.id)
        .collect();
    drop(inventory);
    if known.is_empty() {
        return Ok(());
    }
    progress.report(ProgressEvent::Started {
        step: "look for what is known",
    });
    let mut listed = 0;
    let mut stream = ports.host.list(access, &organization.settings.scope);
    while let Some(event) = stream.next().await {
        match event? {
            ListingEvent::Repositories(page) => {
                if page.iter().any(|listed| known.contains(&listed.id)) {
                    return Ok(());
                }
                listed += page.len() as u64;
                progress.report(ProgressEvent::Listed {
                    repositories: listed,
                    groups: 0,
                });
            }
            ListingEvent::Waiting(wait) => progress.report(ProgressEvent::Waiting(wait)),
            ListingEvent::Groups(_) => {}
            ListingEvent::Finished(_) => {
                return Err(UseCaseError::SeesNothingKnown {
                    name: organization.name.clone(),
                    login: identity.account.login.clone(),
                    known: known.len() as u64,
                });
            }
        }
    }
    Err(preflight::cut(access))
}

async fn keep(
    ports: &Ports,
    organization: &Organization,
    token: &Token,
) -> Result<(SecretRef, bool), UseCaseError> {
    if let Some(facts) = &token.secret {
        return Ok((facts.reference, false));
    }
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let name: SecretName = format!("token-{reference}")
        .parse()
        .expect("a UUID has only letters, digits and dashes");
    let owner = SecretOwner::Organization(organization.id);
    ports
        .vault
        .put(
            reference,
            &name,
            owner,
            token.value.clone(),
            ports.clock.now(),
        )
        .await?;
    Ok((reference, true))
}

/// Stores the new credential; answers the record, and what it had until then.
async fn store(
    ports: &Ports,
    mut organization: Organization,
    new: NewCredential,
    actor: &Actor,
) -> Result<(Organization, AuthMethod), UseCaseError> {
    let identity = &new.identity;
    for _ in 0..STALE_RETRIES {
        let now = ports.clock.now();
        let before = organization.account.login.clone();
        organization.account = identity.account.clone();
        organization.capabilities = identity.capabilities.clone();
        let replaced = std::mem::replace(&mut organization.auth, new.auth.clone());
        organization.expiry_notice = None;
        organization = organization.with_health(None);
        let candidate = Candidate {
            name: &organization.name,
            host: &organization.host,
            login: &organization.account.login,
            scope: &organization.settings.scope,
            except: Some(organization.id),
        };
        let roster = preflight::not_connected_twice(ports, &candidate).await?;
        let kind = "organization.reconnected";
        let event = Event::new(now, actor.clone(), Subject::Organization, kind)
            .of(organization.id)
            .with_message(organization.name.to_string())
            .with_change(FieldChange::new(
                "account",
                before.as_str(),
                identity.account.login.as_str(),
            ))
            .with_change(FieldChange::new(
                "method",
                replaced.as_str(),
                new.auth.as_str(),
            ));
        let events = [event];
        let change = OrganizationChange {
            roster: Some(roster),
            next_run: Some(Some(now)),
            ..OrganizationChange::new(&organization, &events)
        };
        match ports.organizations.update(&change).await {
            Ok(version) => {
                organization.version = version;
                return Ok((organization, replaced));
            }
            Err(StoreError::Stale { .. }) => {
                let id = organization.id;
                organization =
                    ports
                        .organizations
                        .get(id)
                        .await?
                        .ok_or_else(|| UseCaseError::NotFound {
                            what: format!("organization {id}"),
                        })?;
                if matches!(organization.status, Status::Removed { .. }) {
                    return Err(StoreError::Stale {
                        what: Stale::Organization,
                    }
                    .into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// Deletes a secret that was made for this organization; a person's own secret stays.
pub(crate) async fn delete_if_owned(
    ports: &Ports,
    organization: &Organization,
    secret: SecretRef,
) -> Result<(), UseCaseError> {
    let owned = ports.vault.list().await?.into_iter().any(|facts| {
        facts.reference == secret && facts.owner == SecretOwner::Organization(organization.id)
    });
    if owned {
        ports.vault.delete(secret).await?;
        let _ = ports.renewals.forget(secret).await;
    }
    Ok(())
}
