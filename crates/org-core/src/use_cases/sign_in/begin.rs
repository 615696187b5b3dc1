//! The first half of a sign-in: everything up to the address that the browser opens.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;

use super::{SignInError, clean_up};
use crate::attempt::{ATTEMPT_LIFETIME, AttemptState, ConnectionAttempt};
use crate::draft::{Field, FieldError, OrganizationDraft, ValidAuth, ValidDraft};
use crate::event::Actor;
use crate::host::HostUrl;
use crate::ids::{AttemptId, OrganizationId, SecretId};
use crate::oauth::{
    Access, Initiator, Purpose, RedirectUri, RedirectUriError, SIGN_IN_LIFETIME, SignIn, State,
    StateHash, Verifier,
};
use crate::organization::Organization;
use crate::ports::{AuthorizationRequest, Ports};
use crate::secret::{SecretOwner, SecretRef, name_of_sign_in};
use crate::use_cases::reconnect::BlindReconnect;
use crate::use_cases::{Progress, UseCaseError, connect, devices, preflight};

/// Where the browser comes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnTo {
    /// A program on the person's own machine that listens on this port of 127.0.0.1.
    Loopback(u16),
    /// A server with this public address.
    Server(Url),
}

impl ReturnTo {
    fn redirect(&self, host: &HostUrl) -> Result<RedirectUri, RedirectUriError> {
        match self {
            Self::Loopback(port) => Ok(RedirectUri::loopback(*port, host)),
            Self::Server(base) => RedirectUri::of_server(base, host),
        }
    }

    /// What must be registered at `host`, to the letter.
    pub fn to_register(&self, host: &HostUrl) -> Result<RedirectUri, RedirectUriError> {
        match self {
            Self::Loopback(_) => Ok(RedirectUri::registered_loopback(host)),
            Self::Server(base) => RedirectUri::of_server(base, host),
        }
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The attempt that it belongs to; a reconnection has none.
    pub attempt: Option<AttemptId>,
    /// What is kept of its state; [`cancel`](super::cancel) needs it.
    pub state: StateHash,
    /// The address to open. It holds the state: it belongs into the browser of whoever began, and nowhere else.
    pub url: SecretString,
    /// Where the answer will arrive.
    pub redirect: RedirectUri,
    /// When it is too late for an answer.
    pub expires_at: DateTime<Utc>,
}

/// Begins a sign-in that connects an organization: validates the form, reaches the host, and puts the attempt down.
pub async fn begin(
    ports: &Ports,
    draft: &OrganizationDraft,
    return_to: &ReturnTo,
    initiator: Initiator,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Begun, UseCaseError> {
    let draft = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let access = access_of(&draft)?;
    // What somebody else left behind is no reason to refuse this one.
    let _ = connect::clean_up(ports).await;
    let _ = clean_up(ports).await;
    let redirect = registered(ports, &draft.host, return_to)?;
    let mut attempt = open_attempt(ports, &draft, actor).await?;
    let purpose = purpose_of(ports, &draft, &attempt);
    let owner = SecretOwner::Attempt(attempt.id);
    let begun = async {
        preflight::reach(ports, &draft.host, None, progress).await?;
        prepare(
            ports,
            &draft.host,
            access,
            redirect,
            initiator,
            purpose,
            owner,
        )
        .await
    };
    match begun.await {
        Ok(begun) => Ok(Begun {
            attempt: Some(attempt.id),
            ..begun
        }),
        Err(error) => {
            connect::fail_attempt(ports, &mut attempt, &error, actor).await;
            Err(error)
        }
    }
}

/// Begins a sign-in that gives an organization another credential.
pub async fn begin_again(
    ports: &Ports,
    organization: &Organization,
    (access, blind): (Access, BlindReconnect),
    return_to: &ReturnTo,
    initiator: Initiator,
    progress: &dyn Progress,
) -> Result<Begun, UseCaseError> {
    organization.refuse_removed("reconnected")?;
    let _ = clean_up(ports).await;
    let redirect = registered(ports, &organization.host, return_to)?;
    preflight::reach(ports, &organization.host, None, progress).await?;
    let purpose = Purpose::Reconnect {
        organization: organization.id,
        blind,
    };
    let owner = SecretOwner::Organization(organization.id);
    prepare(
        ports,
        &organization.host,
        access,
        redirect,
        initiator,
        purpose,
        owner,
    )
    .await
}

pub(super) fn access_of(draft: &ValidDraft) -> Result<Access, UseCaseError> {
    match draft.auth {
        ValidAuth::Sso { access } => Ok(access),
        ValidAuth::AccessToken { .. } => Err(UseCaseError::Invalid {
            errors: vec![FieldError::new(
                Field::Token,
                "this form is to be registered using login and token; nobody needs to sign in",
            )],
        }),
    }
}

/// Where the answer shall arrive, provided that the host knows us.
fn registered(
    ports: &Ports,
    host: &HostUrl,
    return_to: &ReturnTo,
) -> Result<RedirectUri, UseCaseError> {
    let unfit = |error: RedirectUriError| UseCaseError::Invalid {
        errors: vec![FieldError::new(Field::Host, error)],
    };
    if ports.host.client(host).is_none() {
        return Err(SignInError::NotRegistered {
            host: host.to_string(),
            redirect: return_to.to_register(host).map_err(unfit)?,
        }
        .into());
    }
    return_to.redirect(host).map_err(unfit)
}

pub(super) fn purpose_of(
    ports: &Ports,
    draft: &ValidDraft,
    attempt: &ConnectionAttempt,
) -> Purpose {
    Purpose::Connect {
        attempt: attempt.id,
        organization: draft
            .id
            .unwrap_or_else(|| OrganizationId::from_uuid(ports.ids.next_id())),
        name: draft.name.clone(),
    }
}

/// Puts down the attempt of a sign-in, unless another organization has the name already.
pub(super) async fn open_attempt(
    ports: &Ports,
    draft: &ValidDraft,
    actor: &Actor,
) -> Result<ConnectionAttempt, UseCaseError> {
    devices::ready(ports, draft.settings.default_device).await?;
    if let Some(name) = &draft.name
        && ports.organizations.find(name).await?.is_some()
    {
        return Err(UseCaseError::NameTaken { name: name.clone() });
    }
    let now = ports.clock.now();
    let name = match &draft.name {
        Some(name) => name.clone(),
        None => draft
            .host
            .host_name()
            .parse()
            .map_err(|error| UseCaseError::Invalid {
                errors: vec![FieldError::new(Field::Name, error)],
            })?,
    };
    let attempt = ConnectionAttempt {
        id: AttemptId::from_uuid(ports.ids.next_id()),
        name,
        service: draft.service,
        host: draft.host.clone(),
        login: None,
        secret: None,
        settings: draft.settings.clone(),
        state: AttemptState::Open,
        created_at: now,
        expires_at: now + ATTEMPT_LIFETIME,
    };
    let started = connect::attempt_event(&attempt, now, "attempt.started", actor);
    ports.attempts.save(&attempt, &[started]).await?;
    Ok(attempt)
}

async fn prepare(
    ports: &Ports,
    host: &HostUrl,
    access: Access,
    redirect: RedirectUri,
    initiator: Initiator,
    purpose: Purpose,
    owner: SecretOwner,
) -> Result<Begun, UseCaseError> {
    let now = ports.clock.now();
    let random = |error| UseCaseError::from(SignInError::Entropy(error));
    let state = State::random(&*ports.entropy).map_err(random)?;
    let verifier = Verifier::random(&*ports.entropy).map_err(random)?;
    let request = AuthorizationRequest {
        redirect: redirect.clone(),
        state: state.clone(),
        verifier: verifier.clone(),
        access,
    };
    let url = ports
        .host
        .authorization_url(host, &request)
        .map_err(SignInError::from)?;
    let reference = SecretRef(SecretId::from_uuid(ports.ids.next_id()));
    let name = name_of_sign_in(reference);
    let value = verifier.secret().clone();
    ports.vault.put(reference, &name, owner, value, now).await?;
    let sign_in = SignIn {
        state: state.hash(),
        initiator,
        purpose,
        host: host.clone(),
        redirect: redirect.clone(),
        access,
        verifier: reference,
        expires_at: now + SIGN_IN_LIFETIME,
    };
    if let Err(error) = ports.sign_ins.put(&sign_in).await {
        let _ = ports.vault.delete(reference).await;
        return Err(error.into());
    }
    Ok(Begun {
        attempt: None,
        state: sign_in.state,
        url,
        redirect,
        expires_at: sign_in.expires_at,
    })
}
