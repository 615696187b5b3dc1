//! From a token pair to a stored organization.

use crate::attempt::AttemptState;
use crate::draft::{Field, FieldError, name_for};
use crate::event::Actor;
use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::oauth::{Access, Purpose, TokenPair};
use crate::organization::{AuthMethod, Organization};
use crate::ports::{Credential, HostAccess, Identity, Ports};
use crate::secret::{SecretOwner, SecretRef};
use crate::text::{OrganizationName, SecretName};
use crate::use_cases::connect::{self, NewOrganization};
use crate::use_cases::reconnect::{self, BlindReconnect, NewCredential};
use crate::use_cases::sign_in::SignInError;
use crate::use_cases::sign_in::complete::abandon;
use crate::use_cases::{Progress, ProgressEvent, UseCaseError, credential, lookup, preflight};

/// Makes of a pair what the sign-in was for. What comes to nothing is taken back at the host.
pub(super) async fn with_pair(
    ports: &Ports,
    purpose: &Purpose,
    (pair, access): (TokenPair, Access),
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
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
    let granted = Granted {
        pair: &pair,
        secret,
        access,
    };
    let made = match purpose {
        Purpose::Connect {
            attempt,
            organization,
            name,
        } => {
            let named = (*organization, name.as_ref());
            granted
                .connect(ports, *attempt, named, actor, progress)
                .await
        }
        Purpose::Reconnect {
            organization,
            blind,
        } => {
            let which = (*organization, *blind);
            granted.reconnect(ports, which, actor, progress).await
        }
    };
    if let Err(error) = &made {
        // That the host or the vault did not hear of it changes nothing of why there is no organization; cleaning up does the rest.
        let _ = credential::discard(ports, secret).await;
        abandon(ports, purpose, error, actor).await;
    }
    made
}

async fn keep(
    ports: &Ports,
    pair: &TokenPair,
    owner: SecretOwner,
) -> Result<SecretRef, UseCaseError> {
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let name: SecretName = format!("sign-in-{reference}")
        .parse()
        .expect("a UUID has only letters, digits and dashes");
    let (value, now) = (pair.to_secret(), ports.clock.now());
    ports.vault.put(reference, &name, owner, value, now).await?;
    Ok(reference)
}

/// What a host granted, and where it is kept.
struct Granted<'a> {
    pair: &'a TokenPair,
    secret: SecretRef,
    access: Access,
}

impl Granted<'_> {
    async fn identify(
        &self,
        ports: &Ports,
        progress: &dyn Progress,
    ) -> Result<(HostAccess, Identity), UseCaseError> {
        let access = HostAccess {
            host: self.pair.host.clone(),
            credential: Credential::fresh(self.pair.access_token.clone()),
        };
        progress.report(ProgressEvent::Started {
            step: "authenticate",
        });
        let identity = ports.host.identify(&access).await?;
        progress.report(ProgressEvent::Started {
            step: "check permissions",
        });
        preflight::may_list(&identity)?;
        Ok((access, identity))
    }

    fn auth(&self, identity: &Identity) -> AuthMethod {
        AuthMethod::Sso {
            secret: self.secret,
            client: self.pair.client.clone(),
            access: self.access,
            token: identity.token.clone(),
        }
    }

    async fn connect(
        &self,
        ports: &Ports,
        attempt: AttemptId,
        (id, name): (OrganizationId, Option<&OrganizationName>),
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<Organization, UseCaseError> {
        let attempt = ports.attempts.get(attempt).await?;
        let mut attempt = attempt.ok_or(SignInError::Over)?;
        if attempt.state != AttemptState::Open || attempt.is_abandoned(ports.clock.now()) {
            return Err(SignInError::Over.into());
        }
        let (access, identity) = self.identify(ports, progress).await?;
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
            auth: self.auth(&identity),
            identity,
        };
        let stored = connect::store(ports, new, &mut attempt, actor).await?;
        // Whatever fails here, cleaning up does later: the organization stands.
        let owner = SecretOwner::Organization(stored.id);
        let _ = ports.vault.set_owner(self.secret, owner).await;
        Ok(stored)
    }

    async fn reconnect(
        &self,
        ports: &Ports,
        (id, blind): (OrganizationId, BlindReconnect),
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<Organization, UseCaseError> {
        let organization = lookup::by_id(ports, id).await?;
        reconnect::refuse_removed(&organization)?;
        let (access, identity) = self.identify(ports, progress).await?;
        let new = NewCredential {
            auth: self.auth(&identity),
            identity,
        };
        reconnect::with(ports, organization, (new, &access), blind, actor, progress).await
    }
}
