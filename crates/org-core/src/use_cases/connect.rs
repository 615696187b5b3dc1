//! Connecting an organization: validate everything at once, attempt, verify, store.
//!
//! On failure nothing stays behind but the attempt with its reason.

use chrono::{DateTime, Utc};

use crate::attempt::{ATTEMPT_LIFETIME, AttemptState, ConnectionAttempt};
use crate::draft::{Field, FieldError, OrganizationDraft, TokenSource, ValidAuth, ValidDraft};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::organization::{AuthMethod, Organization, Status};
use crate::ports::{
    HostAccess, Identity, OrganizationChange, Ports, Stale, StoreError, VaultError,
};
use crate::secret::{SecretOwner, SecretRef};
use crate::text::{Login, OrganizationName, SecretName};
use crate::use_cases::preflight::{self, Candidate, Coverage, Token};
use crate::use_cases::{Progress, STALE_RETRIES, UseCaseError, credential, devices};

/// What `--check` shows: who the token is and what would be covered. Nothing was stored.
#[derive(Debug, Clone)]
pub struct Check {
    /// The form, parsed.
    pub draft: ValidDraft,
    /// Who the token is.
    pub identity: Identity,
    /// What would be covered.
    pub coverage: Coverage,
}

/// Parses the form and tries everything short of storing.
pub async fn check(
    ports: &Ports,
    draft: &OrganizationDraft,
    progress: &dyn Progress,
) -> Result<Check, UseCaseError> {
    let draft = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let (_, access, identity) = verify(ports, &draft, &ByToken::of(&draft)?, progress).await?;
    let coverage = preflight::coverage(ports, &access, &draft.settings, progress).await?;
    Ok(Check {
        draft,
        identity,
        coverage,
    })
}

/// Parses the form and asks the host who the token is and what it allows, without looking at the list; nothing is stored.
pub async fn identify(
    ports: &Ports,
    draft: &OrganizationDraft,
    progress: &dyn Progress,
) -> Result<(ValidDraft, Identity), UseCaseError> {
    let draft = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let (_, _, identity) = verify(ports, &draft, &ByToken::of(&draft)?, progress).await?;
    Ok((draft, identity))
}

/// Connects an organization by an access token. Its first sync is due at once; the caller starts it.
///
/// A form that asks for a sign-in is for [`sign_in`](crate::use_cases::sign_in), and refused here.
pub async fn connect(
    ports: &Ports,
    draft: &OrganizationDraft,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let draft = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let by_token = ByToken::of(&draft)?;
    devices::ready(ports, draft.settings.default_device).await?;
    // What somebody else left behind is no reason to refuse this one; whoever cleans up next gets it.
    let _ = clean_up(ports).await;
    let now = ports.clock.now();
    let secret = match by_token.source {
        // A vault that does not answer is told below, as the reason of the attempt.
        TokenSource::Secret(name) => ports.vault.find(name).await.ok().flatten(),
        TokenSource::Value(_) => None,
    };
    let secret = secret.map(|facts| facts.reference);
    let mut attempt = ConnectionAttempt {
        id: AttemptId::from_uuid(ports.ids.next_id()),
        name: by_token.name.clone(),
        service: draft.service,
        host: draft.host.clone(),
        login: Some(by_token.login.clone()),
        secret,
        settings: draft.settings.clone(),
        state: AttemptState::Open,
        created_at: now,
        expires_at: now + ATTEMPT_LIFETIME,
    };
    let started = attempt_event(&attempt, now, "attempt.started", actor);
    ports.attempts.save(&attempt, &[started]).await?;
    let stored = verify_and_store(ports, &draft, &by_token, &mut attempt, actor, progress).await;
    if let Err(error) = &stored {
        fail_attempt(ports, &mut attempt, error, actor).await;
    }
    stored
}

/// What a form says that is registered using login and token.
struct ByToken<'a> {
    name: OrganizationName,
    login: &'a Login,
    source: &'a TokenSource,
}

impl<'a> ByToken<'a> {
    fn of(draft: &'a ValidDraft) -> Result<Self, UseCaseError> {
        let refused = |field, error: &dyn std::fmt::Display| UseCaseError::Invalid {
            errors: vec![FieldError::new(field, error)],
        };
        let ValidAuth::AccessToken { login, token } = &draft.auth else {
            return Err(refused(
                Field::Token,
                &"this form asks for a sign-in at the host; give a login and an access token, or sign in",
            ));
        };
        let name = draft.name_for(login);
        Ok(Self {
            name: name.map_err(|error| refused(Field::Name, &error))?,
            login,
            source: token,
        })
    }
}

pub(crate) fn attempt_event(
    attempt: &ConnectionAttempt,
    at: DateTime<Utc>,
    kind: &str,
    actor: &Actor,
) -> Event {
    Event::new(at, actor.clone(), Subject::Installation, kind)
        .with_message(format!("{} at {}", attempt.name, attempt.host))
}

/// Puts down why an attempt failed; one that has ended stays as it is.
///
/// The reason why it failed matters more than that putting it down failed too.
pub(crate) async fn fail_attempt(
    ports: &Ports,
    attempt: &mut ConnectionAttempt,
    error: &UseCaseError,
    actor: &Actor,
) {
    if let AttemptState::Failed { .. } = attempt.state {
        return;
    }
    let at = ports.clock.now();
    let reason = match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    let failed = Event::new(at, actor.clone(), Subject::Installation, "attempt.failed")
        .with_message(reason.clone());
    attempt.state = AttemptState::Failed { at, reason };
    let _ = ports.attempts.save(attempt, &[failed]).await;
}

async fn verify(
    ports: &Ports,
    draft: &ValidDraft,
    by_token: &ByToken<'_>,
    progress: &dyn Progress,
) -> Result<(Token, HostAccess, Identity), UseCaseError> {
    let candidate = Candidate {
        name: &by_token.name,
        host: &draft.host,
        login: by_token.login,
        scope: &draft.settings.scope,
        except: None,
    };
    preflight::not_connected_twice(ports, &candidate).await?;
    let token = preflight::token(ports, by_token.source).await?;
    preflight::may_use(&token, None)?;
    let access = HostAccess::by_token(draft.host.clone(), token.value.clone());
    preflight::reach(ports, &draft.host, Some(&access.credential), progress).await?;
    let identity = preflight::authenticate(ports, &access, by_token.login, progress).await?;
    preflight::groups_exist(ports, &access, &draft.settings.scope).await?;
    Ok((token, access, identity))
}

async fn verify_and_store(
    ports: &Ports,
    draft: &ValidDraft,
    by_token: &ByToken<'_>,
    attempt: &mut ConnectionAttempt,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let (token, _, identity) = verify(ports, draft, by_token, progress).await?;
    let id = draft
        .id
        .unwrap_or_else(|| OrganizationId::from_uuid(ports.ids.next_id()));
    let (secret, own) = match &token.secret {
        Some(facts) => (facts.reference, false),
        None => (keep_token(ports, attempt.id, &token).await?, true),
    };
    let new = NewOrganization {
        id,
        name: by_token.name.clone(),
        auth: AuthMethod::AccessToken {
            login: by_token.login.clone(),
            secret,
            token: identity.token.clone(),
        },
        identity,
    };
    let stored = store(ports, new, attempt, actor).await;
    if own {
        // Whatever fails here, [`clean_up`] does later: the organization stands or does not, and that is the answer.
        match &stored {
            Ok(_) => {
                let owner = SecretOwner::Organization(id);
                let _ = ports.vault.set_owner(secret, owner).await;
            }
            Err(_) => {
                let _ = ports.vault.delete(secret).await;
            }
        }
    }
    stored
}

/// Stores a token that was typed in, as the attempt's own; should the program die now, [`clean_up`] takes it away.
pub(crate) async fn keep_token(
    ports: &Ports,
    attempt: AttemptId,
    token: &Token,
) -> Result<SecretRef, VaultError> {
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let name: SecretName = format!("token-{reference}")
        .parse()
        .expect("a UUID has only letters, digits and dashes");
    let owner = SecretOwner::Attempt(attempt);
    let now = ports.clock.now();
    ports
        .vault
        .put(reference, &name, owner, token.value.clone(), now)
        .await?;
    Ok(reference)
}

/// An organization that is about to stand; its settings are those of the attempt.
pub(crate) struct NewOrganization {
    pub(crate) id: OrganizationId,
    pub(crate) name: OrganizationName,
    pub(crate) auth: AuthMethod,
    pub(crate) identity: Identity,
}

/// Stores an organization together with the end of its attempt.
pub(crate) async fn store(
    ports: &Ports,
    new: NewOrganization,
    attempt: &mut ConnectionAttempt,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    let now = ports.clock.now();
    let (id, secret) = (new.id, new.auth.secret());
    let organization = Organization {
        id,
        name: new.name,
        service: attempt.service,
        host: attempt.host.clone(),
        account: new.identity.account,
        auth: new.auth,
        capabilities: new.identity.capabilities,
        settings: attempt.settings.clone(),
        status: Status::Connected,
        created_at: now,
        followed_since: None,
        expiry_notice: None,
        version: 1,
    };
    let open = std::mem::replace(
        &mut attempt.state,
        AttemptState::Succeeded {
            at: now,
            organization: id,
        },
    );
    let stored = insert(ports, organization, attempt, actor).await;
    if stored.is_err() {
        attempt.state = open;
    }
    match stored {
        // It may be the answer alone that was lost.
        Err(UseCaseError::Store(error)) => match ports.organizations.get(id).await {
            Ok(Some(stored)) if stored.auth.secret() == secret => Ok(stored),
            _ => Err(error.into()),
        },
        stored => stored,
    }
}

async fn insert(
    ports: &Ports,
    organization: Organization,
    attempt: &ConnectionAttempt,
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    let event = connected_event(&organization, actor);
    for _ in 0..STALE_RETRIES {
        let candidate = Candidate {
            name: &organization.name,
            host: &organization.host,
            login: &organization.account.login,
            scope: &organization.settings.scope,
            except: None,
        };
        let roster = preflight::not_connected_twice(ports, &candidate).await?;
        let events = std::slice::from_ref(&event);
        let change = OrganizationChange {
            roster: Some(roster),
            next_run: Some(Some(organization.created_at)),
            attempt: Some(attempt),
            ..OrganizationChange::new(&organization, events)
        };
        match ports.organizations.insert(&change).await {
            Ok(()) => return Ok(organization),
            Err(StoreError::Stale {
                what: Stale::Roster,
            }) => {}
            Err(StoreError::NameTaken { name }) => return Err(UseCaseError::NameTaken { name }),
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

fn connected_event(organization: &Organization, actor: &Actor) -> Event {
    let settings = &organization.settings;
    let kind = "organization.connected";
    Event::new(
        organization.created_at,
        actor.clone(),
        Subject::Organization,
        kind,
    )
    .of(organization.id)
    .with_message(organization.name.to_string())
    .with_change(FieldChange::new("host", "", &organization.host.to_string()))
    .with_change(FieldChange::new(
        "account",
        "",
        organization.account.login.as_str(),
    ))
    .with_change(FieldChange::new("method", "", organization.auth.as_str()))
    .with_change(FieldChange::new("scope", "", &settings.scope.to_string()))
    .with_change(FieldChange::new(
        "protect_groups",
        "",
        settings.protect_groups.as_str(),
    ))
    .with_change(FieldChange::new(
        "auto_license",
        "",
        settings.auto_license.as_str(),
    ))
    .with_change(FieldChange::new(
        "license_existing",
        "",
        settings.license_existing.as_str(),
    ))
    .with_change(FieldChange::new(
        "schedule",
        "",
        &settings.schedule.to_string(),
    ))
}

/// How many attempts are looked at for what a dead program left behind.
const RECENT_ATTEMPTS: u32 = 200;

/// Ends what a program that was killed left behind: attempts that stay open for too long, and secrets made for an attempt that did not
/// succeed, for a reconnection that did not come about, or for an organization that is removed. Safe to run at any time, by any number of
/// programs.
pub async fn clean_up(ports: &Ports) -> Result<(), UseCaseError> {
    let now = ports.clock.now();
    for mut attempt in ports.attempts.list(RECENT_ATTEMPTS).await? {
        if attempt.is_abandoned(now) {
            let reason = "the program that was at it ended before it was done".to_owned();
            attempt.state = AttemptState::Failed {
                at: now,
                reason: reason.clone(),
            };
            let event = Event::new(now, Actor::System, Subject::Installation, "attempt.failed")
                .with_message(reason);
            ports.attempts.save(&attempt, &[event]).await?;
        }
    }
    forget_secrets(ports).await
}

/// Deletes the secrets that were made for something that did not come about or is gone, and hands over those that are in use.
async fn forget_secrets(ports: &Ports) -> Result<(), UseCaseError> {
    let now = ports.clock.now();
    // What the attempts say is read before who uses what: an attempt that had succeeded by then has its organization in the roster.
    let mut made = Vec::new();
    for facts in ports.vault.list().await? {
        let under_way = match facts.owner {
            SecretOwner::Person => continue,
            SecretOwner::Attempt(attempt) => {
                let attempt = ports.attempts.get(attempt).await?;
                attempt.is_some_and(|attempt| {
                    attempt.state == AttemptState::Open && !attempt.is_abandoned(now)
                })
            }
            // Somebody may be reconnecting with it at this moment.
            SecretOwner::Organization(_) => now < facts.created_at + ATTEMPT_LIFETIME,
        };
        made.push((facts, under_way));
    }
    let organizations = ports.organizations.roster().await?.organizations;
    for (facts, under_way) in made {
        let user = organizations.iter().find(|organization| {
            organization.auth.secret() == facts.reference
                && !matches!(organization.status, Status::Removed { .. })
        });
        let removed = organizations.iter().any(|organization| {
            facts.owner == SecretOwner::Organization(organization.id)
                && matches!(organization.status, Status::Removed { .. })
        });
        match user {
            Some(user) => {
                let owner = SecretOwner::Organization(user.id);
                if facts.owner != owner {
                    match ports.vault.set_owner(facts.reference, owner).await {
                        // The organization was removed at this very moment.
                        Ok(()) | Err(VaultError::NotFound { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            None if under_way && !removed => {}
            None => credential::discard(ports, facts.reference).await?,
        }
    }
    Ok(())
}
