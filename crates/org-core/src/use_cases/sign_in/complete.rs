//! The second half of a sign-in: what the browser brought back becomes an organization, or nothing at all.

use super::answer::{self, BrowserAnswer};
use super::finish::{self, Received};
use super::{Begun, SignInError};
use crate::event::Actor;
use crate::oauth::{Initiator, Purpose, SignIn, TokenPair, Verifier};
use crate::organization::Organization;
use crate::ports::{CodeExchange, Ports};
use crate::use_cases::{Progress, ProgressEvent, UseCaseError, connect};

/// How many sign-ins whose time is over are cleaned up at a time.
const SWEEP: u32 = 100;

/// Takes an answer of the browser. Whatever comes of it, the same state is never good for another one.
///
/// A sync is due at once; the caller starts it.
pub async fn complete(
    ports: &Ports,
    answer: &BrowserAnswer,
    initiator: Initiator,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    let received = receive(ports, answer, initiator, actor, progress).await?;
    finish::at_once(ports, received, actor, progress).await
}

/// The same up to the moment at which a person may look at what was granted: what is answered is to be [accepted](super::accept) or
/// [declined](super::decline).
///
/// Of an answer whose state nobody waits for nothing is taken, so that it does no harm ([`SignInError::UnknownState`]).
pub async fn receive(
    ports: &Ports,
    answer: &BrowserAnswer,
    initiator: Initiator,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Received, UseCaseError> {
    let state = answer.state.as_ref().ok_or(SignInError::UnknownState)?;
    let sign_in = ports.sign_ins.take(&state.hash()).await?;
    let sign_in = sign_in.ok_or(SignInError::UnknownState)?;
    let now = ports.clock.now();
    let judged = answer::judge(&sign_in, answer, initiator, now);
    // Whether the answer is good or not, the verifier has served.
    let verifier = ports.vault.get(sign_in.verifier).await;
    let _ = ports.vault.delete(sign_in.verifier).await;
    let pair = async {
        let code = judged?.0;
        let (_, verifier) = verifier?.ok_or(SignInError::Over)?;
        progress.report(ProgressEvent::Started {
            step: "exchange the code",
        });
        let client = ports.host.client(&sign_in.host);
        let client = client.ok_or_else(|| SignInError::NotRegistered {
            host: sign_in.host.to_string(),
            redirect: sign_in.redirect.clone(),
        })?;
        let exchange = CodeExchange {
            redirect: sign_in.redirect.clone(),
            code,
            verifier: Verifier::kept(verifier),
        };
        let granted = ports
            .host
            .exchange(&sign_in.host, &exchange, sign_in.access)
            .await
            .map_err(SignInError::from)?;
        let redirect = Some(sign_in.redirect.clone());
        let now = ports.clock.now();
        let host = sign_in.host.clone();
        Ok::<_, UseCaseError>(TokenPair::received(host, granted, client, redirect, now))
    };
    match pair.await {
        Ok(pair) => {
            let granted = (pair, sign_in.access);
            finish::receive_pair(ports, &sign_in.purpose, granted, actor, progress).await
        }
        Err(error) => {
            abandon(ports, &sign_in.purpose, &error, actor).await;
            Err(error)
        }
    }
}

/// Ends what a sign-in was for, because it came to nothing.
pub(super) async fn abandon(ports: &Ports, purpose: &Purpose, error: &UseCaseError, actor: &Actor) {
    if let Purpose::Connect { attempt, .. } = purpose
        && let Ok(Some(mut attempt)) = ports.attempts.get(*attempt).await
    {
        connect::fail_attempt(ports, &mut attempt, error, actor).await;
    }
}

/// Ends a sign-in that will have no answer, such as when a person stops the program that waits for it. One that was answered meanwhile is
/// left alone.
pub async fn cancel(
    ports: &Ports,
    begun: &Begun,
    why: SignInError,
    actor: &Actor,
) -> Result<(), UseCaseError> {
    if let Some(sign_in) = ports.sign_ins.take(&begun.state).await? {
        let _ = ports.vault.delete(sign_in.verifier).await;
        abandon(ports, &sign_in.purpose, &why.into(), actor).await;
    }
    Ok(())
}

/// Ends the sign-ins that nobody answered in time. Safe to run at any time, by any number of programs.
pub async fn clean_up(ports: &Ports) -> Result<(), UseCaseError> {
    let expired: Vec<SignIn> = ports
        .sign_ins
        .take_expired(ports.clock.now(), SWEEP)
        .await?;
    for sign_in in expired {
        let _ = ports.vault.delete(sign_in.verifier).await;
        let error = SignInError::Expired.into();
        abandon(ports, &sign_in.purpose, &error, &Actor::System).await;
    }
    Ok(())
}
