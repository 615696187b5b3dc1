//! Signing in without a browser on this machine: the device authorization grant (RFC 8628).

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{Either, select};

use super::begin::{access_of, open_attempt, purpose_of};
use super::complete::abandon;
use super::finish::{self, Received};
use super::{SignInError, clean_up};
use crate::draft::OrganizationDraft;
use crate::event::Actor;
use crate::host::HostUrl;
use crate::oauth::{Access, Purpose, RedirectUri, TokenPair};
use crate::organization::Organization;
use crate::ports::{DevicePoll, Grant, OauthError, Ports};
use crate::use_cases::follow::Stop;
use crate::use_cases::reconnect::BlindReconnect;
use crate::use_cases::{Progress, ProgressEvent, UseCaseError, connect, preflight};

/// The longest that a code is polled for, whatever the host says.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// The shortest and the longest pause between two polls; RFC 8628, section 3.5, has 5 seconds where the host says nothing.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_mins(1);

/// What is added to the pause when the host asks to slow down (RFC 8628, section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// Connects an organization by a code that a person types at the host; the code is told to `progress`. `stop` ends the wait, and leaves
/// nothing.
pub async fn by_device(
    ports: &Ports,
    draft: &OrganizationDraft,
    stop: Stop,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let received = receive_by_device(ports, draft, stop, actor, progress).await?;
    finish::at_once(ports, received, actor, progress).await
}

/// The same up to the moment at which a person may look at what was granted; `stop` ends the wait, and leaves nothing.
pub async fn receive_by_device(
    ports: &Ports,
    draft: &OrganizationDraft,
    stop: Stop,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Received, UseCaseError> {
    let draft = draft
        .validate()
        .map_err(|errors| UseCaseError::Invalid { errors })?;
    let access = access_of(&draft)?;
    let _ = connect::clean_up(ports).await;
    let _ = clean_up(ports).await;
    registered(ports, &draft.host)?;
    let attempt = open_attempt(ports, &draft, actor).await?;
    let purpose = purpose_of(ports, &draft, &attempt);
    let wanted = (access, purpose);
    sign_in(ports, &draft.host, wanted, stop, actor, progress).await
}

/// Gives an organization another credential in the same way.
pub async fn by_device_again(
    ports: &Ports,
    organization: &Organization,
    (access, blind): (Access, BlindReconnect),
    stop: Stop,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let wanted = (access, blind);
    let received = receive_by_device_again(ports, organization, wanted, stop, actor, progress);
    finish::at_once(ports, received.await?, actor, progress).await
}

/// The same up to the moment at which a person may look at what was granted; `stop` ends the wait, and leaves nothing.
pub async fn receive_by_device_again(
    ports: &Ports,
    organization: &Organization,
    (access, blind): (Access, BlindReconnect),
    stop: Stop,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Received, UseCaseError> {
    organization.refuse_removed("reconnected")?;
    registered(ports, &organization.host)?;
    let purpose = Purpose::Reconnect {
        organization: organization.id,
        blind,
    };
    let wanted = (access, purpose);
    sign_in(ports, &organization.host, wanted, stop, actor, progress).await
}

fn registered(ports: &Ports, host: &HostUrl) -> Result<(), SignInError> {
    match ports.host.client(host) {
        Some(_) => Ok(()),
        None => Err(SignInError::NotRegistered {
            host: host.to_string(),
            redirect: RedirectUri::registered_loopback(host),
        }),
    }
}

async fn sign_in(
    ports: &Ports,
    host: &HostUrl,
    (access, purpose): (Access, Purpose),
    stop: Stop,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Received, UseCaseError> {
    let pair = async {
        preflight::reach(ports, host, None, progress).await?;
        let client = ports.host.client(host).ok_or(SignInError::Over)?;
        let grant = wait(ports, host, access, stop, progress).await?;
        let now = ports.clock.now();
        let host = host.clone();
        Ok::<_, UseCaseError>(TokenPair::received(host, grant, client, None, now))
    };
    match pair.await {
        Ok(pair) => finish::receive_pair(ports, &purpose, (pair, access), actor, progress).await,
        Err(error) => {
            abandon(ports, &purpose, &error, actor).await;
            Err(error)
        }
    }
}

/// Polls until the person has decided or the time is over.
async fn wait(
    ports: &Ports,
    host: &HostUrl,
    access: Access,
    mut stop: Stop,
    progress: &dyn Progress,
) -> Result<Grant, SignInError> {
    let start = ports.host.start_device(host, access).await?;
    let lifetime = start.lifetime.min(MAX_LIFETIME);
    let until = ports.clock.now() + TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::zero());
    progress.report(ProgressEvent::EnterCode {
        uri: start.verification_uri,
        complete: start.verification_uri_complete,
        code: start.user_code,
        until,
    });
    let expired = || {
        SignInError::from(OauthError::Expired {
            host: host.to_string(),
        })
    };
    let mut interval = start.interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
    let mut lost = false;
    loop {
        let pause = select(ports.timer.sleep(interval), &mut stop).await;
        // Only between two polls: an answer that is under way may be the one with the tokens.
        if let Either::Right(_) = pause {
            return Err(SignInError::Canceled);
        }
        if ports.clock.now() >= until {
            return Err(expired());
        }
        match ports
            .host
            .poll_device(host, &start.device_code, access)
            .await
        {
            Ok(DevicePoll::Granted(grant)) => return Ok(grant),
            Ok(DevicePoll::Pending) => {}
            Ok(DevicePoll::SlowDown) => {
                interval = interval.saturating_add(SLOW_DOWN).min(MAX_INTERVAL);
            }
            // RFC 8628, section 3.5: a client that hears nothing polls at half the pace.
            Err(OauthError::NotSent { .. }) => interval = slower(interval),
            Err(OauthError::Lost { .. }) => {
                lost = true;
                interval = slower(interval);
            }
            Err(OauthError::RateLimited { retry_after, .. }) => {
                interval = interval.max(retry_after).min(MAX_INTERVAL);
            }
            // The host gives its answer once: if that was the one that got lost, the code is void now.
            Err(OauthError::InvalidGrant { host, detail }) if lost => {
                return Err(OauthError::InvalidGrant {
                    host,
                    detail: format!(
                        "the answer that had the tokens got lost on the way ({detail})"
                    ),
                }
                .into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn slower(interval: Duration) -> Duration {
    interval.saturating_mul(2).min(MAX_INTERVAL)
}
