//! From a token pair to a stored organization, with a moment in between in which a person may look at what was granted.

use crate::attempt::{AttemptState, ConnectionAttempt};
use crate::draft::{Field, FieldError, name_for};
use crate::event::Actor;
use crate::host::HostUrl;
use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::listing::Scope;
use crate::oauth::{Access, Purpose, TokenPair};
use crate::organization::{AuthMethod, Organization, Settings};
use crate::ports::{Credential, HostAccess, Identity, Ports};
use crate::secret::{SecretOwner, SecretRef, name_of_sign_in};
use crate::text::OrganizationName;
use crate::use_cases::connect::{self, NewOrganization};
use crate::use_cases::group_search::{self, FoundGroups};
use crate::use_cases::preflight::Coverage;
use crate::use_cases::reconnect::{self, BlindReconnect, NewCredential};
use crate::use_cases::sign_in::SignInError;
use crate::use_cases::sign_in::complete::abandon;
use crate::use_cases::{Progress, ProgressEvent, UseCaseError, credential, lookup, preflight};

/// What a sign-in brought: a token pair that the vault keeps, and whose it is.
///
/// It is to be [accepted](accept) or [declined](decline); of one that is neither, cleaning up takes the grant back after an hour.
#[derive(Debug)]
pub struct Received {
    purpose: Purpose,
    pair: TokenPair,
    secret: SecretRef,
    access: Access,
    identity: Identity,
}

impl Received {
    /// Who signed in, and what was granted.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where.
    pub const fn host(&self) -> &HostUrl {
        &self.pair.host
    }

    fn host_access(&self) -> HostAccess {
        fresh(&self.pair)
    }

    fn auth(&self) -> AuthMethod {
        AuthMethod::Sso {
            secret: self.secret,
            client: self.pair.client.clone(),
            access: self.access,
            token: self.identity.token.clone(),
        }
    }
}

/// Keeps a pair and asks the host whose it is. What comes to nothing is taken back there.
pub(super) async fn receive_pair(
    ports: &Ports,
    purpose: &Purpose,
    (pair, access): (TokenPair, Access),
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Received, UseCaseError> {
    let owner = match purpose {
        Purpose::Connect { attempt, .. } => SecretOwner::Attempt(*attempt),
        Purpose::Reconnect { organization, .. } => SecretOwner::Organization(*organization),
    };
    // In the vault before anything else: should this program die now, cleaning up finds the pair and has the host end it.
    let secret = match keep(ports, &pair, owner).await {
        Ok(secret) => secret,
        Err(error) => {
            let _ = credential::revoke_pair(ports, &pair).await;
            abandon(ports, purpose, &error, actor).await;
            return Err(error);
        }
    };
    match identify(ports, purpose, &pair, progress).await {
        Ok(identity) => Ok(Received {
            purpose: purpose.clone(),
            pair,
            secret,
            access,
            identity,
        }),
        Err(error) => {
            give_back(ports, purpose, secret, &error, actor).await;
            Err(error)
        }
    }
}

/// Accepts what was received, and gives it back if that fails.
pub(super) async fn at_once(
    ports: &Ports,
    received: Received,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let made = accept(ports, &received, BlindReconnect::Refused, actor, progress).await;
    if let Err(error) = &made {
        decline(ports, &received, error, actor).await;
    }
    made
}

/// Makes of what was received what the sign-in was for. A sync is due at once; the caller starts it.
///
/// On an error nothing is changed, and what was received is there still: it may be accepted otherwise, such as with
/// [`BlindReconnect::Confirmed`], or must be declined.
pub async fn accept(
    ports: &Ports,
    received: &Received,
    blind: BlindReconnect,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    match &received.purpose {
        Purpose::Connect {
            attempt,
            organization,
            name,
        } => {
            let named = (*organization, name.as_ref());
            connect(ports, received, *attempt, named, actor).await
        }
        Purpose::Reconnect {
            organization,
            blind: agreed,
        } => {
            let blind = match (blind, agreed) {
                (BlindReconnect::Refused, BlindReconnect::Refused) => BlindReconnect::Refused,
                _ => BlindReconnect::Confirmed,
            };
            let organization = lookup::by_id(ports, *organization).await?;
            organization.refuse_removed("reconnected")?;
            let new = NewCredential {
                auth: received.auth(),
                identity: received.identity.clone(),
            };
            let access = received.host_access();
            reconnect::with(ports, organization, (new, &access), blind, actor, progress).await
        }
    }
}

/// Gives back what was received: the host ends the grant, the vault forgets the pair, and the attempt says why.
pub async fn decline(ports: &Ports, received: &Received, why: &UseCaseError, actor: &Actor) {
    give_back(ports, &received.purpose, received.secret, why, actor).await;
}

/// What an organization with these settings would cover for whoever signed in.
pub async fn coverage(
    ports: &Ports,
    received: &Received,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Coverage, UseCaseError> {
    let access = received.host_access();
    preflight::groups_exist(ports, &access, &settings.scope).await?;
    preflight::coverage(ports, &access, settings, progress).await
}

/// The groups that whoever signed in sees whose path has `text` in it; as [`group_search::groups`].
pub async fn groups(
    ports: &Ports,
    received: &Received,
    text: &str,
    limit: usize,
) -> Result<FoundGroups, UseCaseError> {
    group_search::groups(ports, &received.host_access(), text, limit).await
}

/// Says what a sign-in that connects shall cover, now that the account can be looked at. Chosen groups must be there; on an error
/// everything is as it was.
///
/// A reconnection covers what it covered, and is left alone.
pub async fn choose(ports: &Ports, received: &Received, scope: Scope) -> Result<(), UseCaseError> {
    let Purpose::Connect { attempt, .. } = &received.purpose else {
        return Ok(());
    };
    preflight::groups_exist(ports, &received.host_access(), &scope).await?;
    let mut attempt = open(ports, *attempt).await?;
    attempt.settings.scope = scope;
    ports.attempts.save(&attempt, &[]).await?;
    Ok(())
}

async fn give_back(
    ports: &Ports,
    purpose: &Purpose,
    secret: SecretRef,
    why: &UseCaseError,
    actor: &Actor,
) {
    // That the host or the vault did not hear of it changes nothing of why there is no organization; cleaning up does the rest.
    let _ = credential::discard(ports, secret).await;
    abandon(ports, purpose, why, actor).await;
}

async fn keep(
    ports: &Ports,
    pair: &TokenPair,
    owner: SecretOwner,
) -> Result<SecretRef, UseCaseError> {
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let name = name_of_sign_in(reference);
    let (value, now) = (pair.to_secret(), ports.clock.now());
    ports.vault.put(reference, &name, owner, value, now).await?;
    Ok(reference)
}

fn fresh(pair: &TokenPair) -> HostAccess {
    HostAccess {
        host: pair.host.clone(),
        credential: Credential::fresh(pair.access_token.clone()),
    }
}

async fn identify(
    ports: &Ports,
    purpose: &Purpose,
    pair: &TokenPair,
    progress: &dyn Progress,
) -> Result<Identity, UseCaseError> {
    match purpose {
        Purpose::Connect { attempt, .. } => {
            open(ports, *attempt).await?;
        }
        Purpose::Reconnect { organization, .. } => {
            lookup::by_id(ports, *organization)
                .await?
                .refuse_removed("reconnected")?;
        }
    }
    progress.report(ProgressEvent::Started {
        step: "authenticate",
    });
    let identity = ports.host.identify(&fresh(pair)).await?;
    progress.report(ProgressEvent::Started {
        step: "check permissions",
    });
    preflight::may_list(&identity)?;
    Ok(identity)
}

/// The attempt that a sign-in belongs to, unless it has ended.
async fn open(ports: &Ports, attempt: AttemptId) -> Result<ConnectionAttempt, UseCaseError> {
    let attempt = ports.attempts.get(attempt).await?;
    let attempt = attempt.ok_or(SignInError::Over)?;
    if attempt.state != AttemptState::Open || attempt.is_abandoned(ports.clock.now()) {
        return Err(SignInError::Over.into());
    }
    Ok(attempt)
}

async fn connect(
    ports: &Ports,
    received: &Received,
    attempt: AttemptId,
    (id, name): (OrganizationId, Option<&OrganizationName>),
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    let mut attempt = open(ports, attempt).await?;
    let (access, identity) = (received.host_access(), received.identity.clone());
    preflight::groups_exist(ports, &access, &attempt.settings.scope).await?;
    let login = &identity.account.login;
    let scope = &attempt.settings.scope;
    let name =
        name_for(name, scope, login, &access.host).map_err(|error| UseCaseError::Invalid {
            errors: vec![FieldError::new(Field::Name, error)],
        })?;
    attempt.name = name.clone();
    attempt.login = Some(login.clone());
    let new = NewOrganization {
        id,
        name,
        auth: received.auth(),
        identity,
    };
    let stored = connect::store(ports, new, &mut attempt, actor).await?;
    // Whatever fails here, cleaning up does later: the organization stands.
    let owner = SecretOwner::Organization(stored.id);
    let _ = ports.vault.set_owner(received.secret, owner).await;
    Ok(stored)
}
