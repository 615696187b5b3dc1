//! Notices of GitLab: group hooks and system hooks. Each is believed only if it shows what was agreed on, and is only ever a hint to look soon.
//!
//! What was agreed on is a secret of the password manager named `webhook-` and the id of the organization: either the plain secret token of the hook
//! (`X-Gitlab-Token`), or its signing token (`whsec_...`, Standard Webhooks). Whoever rotates the secret changes both.

use std::sync::PoisonError;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use metrics::Label;
use org_core::ids::OrganizationId;
use org_core::organization::Organization;
use org_core::sync::hint::Hinted;
use org_core::sync::run::Trigger;
use org_core::text::SecretName;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::api::problem::Problem;
use crate::state::AppState;

/// How far the clock of a host may be from ours.
const TOLERANCE: i64 = 300;

/// What signing tokens begin with.
const SIGNING_PREFIX: &str = "whsec_";

/// Beside the API: a host shows a token of its own.
pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/webhooks/gitlab/{organization}", post(notice))
}

async fn notice(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let count = |outcome: &'static str| {
        let label = vec![Label::new("outcome", outcome)];
        state.metrics().count("forgehold_webhooks_total", label, 1);
    };
    // An organization that is not there, one without a secret and a wrong secret look the same: nobody learns from here what there is.
    let believed = match agreed(&state, &id).await? {
        Some((organization, secret)) => {
            let now = state.ports().clock.now().timestamp();
            is_right(&secret, &headers, &body, now).then_some(organization)
        }
        None => None,
    };
    let Some(organization) = believed else {
        count("refused");
        let message = "the notice does not show the secret that was agreed on";
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_refused",
            message,
        ));
    };
    if !organization.status.is_scheduled() {
        count("ignored");
        return Ok(StatusCode::ACCEPTED);
    }
    let notice = ["webhook-id", "idempotency-key", "x-gitlab-event-uuid"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok());
    let hinted = {
        let mut hints = state.hints().lock().unwrap_or_else(PoisonError::into_inner);
        hints.take(organization.id, notice, state.ports().clock.now())
    };
    match hinted {
        Hinted::Again => count("repeated"),
        Hinted::Coming => count("joined"),
        Hinted::SyncAt(at) => {
            count("taken");
            let wait = (at - state.ports().clock.now())
                .to_std()
                .unwrap_or_default();
            let later = state.clone();
            Box::pin(state.jobs().later(soon(later, organization.id, wait))).await;
        }
    }
    Ok(StatusCode::ACCEPTED)
}

/// Starts a sync after the wait, unless the server stops before.
async fn soon(state: AppState, organization: OrganizationId, wait: Duration) {
    let mut stop = state.stop();
    let pause = state.ports().timer.sleep(wait);
    tokio::select! {
        () = &mut stop => return,
        () = pause => {}
    }
    {
        let mut hints = state.hints().lock().unwrap_or_else(PoisonError::into_inner);
        hints.started(organization, state.ports().clock.now());
    }
    if let Err(problem) = synchronize(&state, organization).await {
        tracing::warn!(problem = %problem.body.detail, "the sync that a notice hinted at is left to the scheduler");
        // An organization that is only synchronized when asked for has no next time by itself.
        let (ports, now) = (state.ports(), state.ports().clock.now());
        let due = ports.organizations.set_next_run(organization, Some(now));
        if let Err(error) = due.await {
            tracing::warn!(%error, "the sync that a notice hinted at is lost; the next notice or the schedule makes up for it");
        }
    }
}

/// Begins the sync of an organization as it is now: while the host was left alone somebody may have edited, paused or removed it.
async fn synchronize(state: &AppState, organization: OrganizationId) -> Result<(), Problem> {
    let organization = state.ports().organizations.get(organization).await?;
    if let Some(organization) = organization.filter(|now| now.status.is_scheduled()) {
        state
            .jobs()
            .synchronize(state, organization, Trigger::Requested, None)
            .await?;
    }
    Ok(())
}

/// The organization of a notice, and the secret that was agreed on for it.
async fn agreed(
    state: &AppState,
    id: &str,
) -> Result<Option<(Organization, SecretString)>, Problem> {
    let Ok(id) = id.parse::<OrganizationId>() else {
        return Ok(None);
    };
    let ports = state.ports();
    let name: SecretName = format!("webhook-{id}")
        .parse()
        .expect("a UUID has only letters, digits and dashes");
    let (Some(organization), Some(facts)) = (
        ports.organizations.get(id).await?,
        ports
            .vault
            .find(&name)
            .await
            .map_err(org_core::use_cases::UseCaseError::from)?,
    ) else {
        return Ok(None);
    };
    let secret = ports
        .vault
        .get(facts.reference)
        .await
        .map_err(org_core::use_cases::UseCaseError::from)?;
    Ok(secret.map(|(_, secret)| (organization, secret)))
}

/// Whether a notice shows the secret: by a signature where the secret is a signing token, else by the token itself.
fn is_right(secret: &SecretString, headers: &HeaderMap, body: &[u8], now: i64) -> bool {
    match secret.expose_secret().strip_prefix(SIGNING_PREFIX) {
        Some(key) => signed(key, headers, body, now),
        None => headers.get("x-gitlab-token").is_some_and(|shown| {
            bool::from(shown.as_bytes().ct_eq(secret.expose_secret().as_bytes()))
        }),
    }
}

/// Standard Webhooks: HMAC-SHA256 over id, time and body; the header may carry several signatures while a key is being replaced.
fn signed(key: &str, headers: &HeaderMap, body: &[u8], now: i64) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(time), Some(signatures)) = (
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
    ) else {
        return false;
    };
    let fresh = time
        .parse::<i64>()
        .is_ok_and(|time| now.abs_diff(time) <= TOLERANCE.unsigned_abs());
    let (true, Ok(key)) = (fresh, STANDARD.decode(key)) else {
        return false;
    };
    let expected = signature(&key, id, time, body);
    signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|signature| STANDARD.decode(signature).ok())
        .any(|signature| bool::from(signature.ct_eq(&expected)))
}

fn signature(key: &[u8], id: &str, time: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const KEY: &[u8; 32] = b"thirty-two bytes, no more, none.";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn signing_token() -> SecretString {
        SecretString::from(format!("{SIGNING_PREFIX}{}", STANDARD.encode(KEY)))
    }

    #[test]
    fn the_plain_token_must_be_the_very_one() {
        let secret = SecretString::from("open sesame".to_owned());
        let check = |shown: &[(&'static str, &str)]| is_right(&secret, &headers(shown), b"{}", NOW);
        assert!(check(&[("x-gitlab-token", "open sesame")]));
        assert!(!check(&[("x-gitlab-token", "open sesam")]));
        assert!(!check(&[("x-gitlab-token", "")]));
        assert!(!check(&[]));
    }

    #[test]
    fn a_signature_holds_for_its_body_and_its_time() {
        let body = br#"{"event_name":"project_create"}"#;
        let sign = |id: &str, time: i64, body: &[u8]| {
            STANDARD.encode(signature(KEY, id, &time.to_string(), body))
        };
        let check = |id: &str, time: i64, signatures: &str, body: &[u8]| {
            let time = time.to_string();
            let headers = headers(&[
                ("webhook-id", id),
                ("webhook-timestamp", &time),
                ("webhook-signature", signatures),
            ]);
            is_right(&signing_token(), &headers, body, NOW)
        };
        let good = sign("one", NOW, body);
        assert!(check("one", NOW, &format!("v1,{good}"), body));
        let rotated = format!("v1,{} v1,{good}", STANDARD.encode([7; 32]));
        assert!(check("one", NOW, &rotated, body));
        assert!(!check("two", NOW, &format!("v1,{good}"), body));
        assert!(!check("one", NOW, &format!("v1,{good}"), b"{}"));
        assert!(!check("one", NOW + 1, &format!("v1,{good}"), body));
        assert!(!check("one", NOW, &good, body));
        assert!(!check("one", NOW, "v1,???", body));
        for late in [NOW - 301, NOW + 301] {
            assert!(!check(
                "one",
                late,
                &format!("v1,{}", sign("one", late, body)),
                body
            ));
        }
        let edge = NOW - 300;
        assert!(check(
            "one",
            edge,
            &format!("v1,{}", sign("one", edge, body)),
            body
        ));
    }

    #[test]
    fn a_signing_token_is_not_shown_as_a_plain_one() {
        let token = signing_token();
        let shown = headers(&[("x-gitlab-token", token.expose_secret())]);
        assert!(!is_right(&token, &shown, b"{}", NOW));
    }
}
