//! The life of a credential after it was stored: reading it, and renewing the token pair of a sign-in.
//!
//! A refresh token works once, so a renewal happens in one place at a time across all programs, and is put down before it is sent. The new
//! pair is in the vault before it is used, and the old one is forgotten after that. What a program that died, a lost answer or a lagging
//! replica of the host leave behind is sorted out by whoever comes next; `docs/sign-in.md` draws each case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::lock::Mutex;
use secrecy::{ExposeSecret as _, SecretString};

use crate::host::HostUrl;
use crate::ids::ProcessId;
use crate::oauth::TokenPair;
use crate::organization::{AuthMethod, Organization};
use crate::ports::{
    AccessTokens, Credential, HostAccess, HostError, OauthError, Ports, Renewal, RenewalClaim,
    RenewalState, StoreError, VaultError,
};
use crate::secret::{SecretRef, SecretVersion};
use crate::text::OrganizationName;
use crate::use_cases::UseCaseError;

/// For how long a program that renews keeps others from it: longer than two requests and the wait between them.
const LEASE: TimeDelta = TimeDelta::minutes(4);

/// How often somebody who waits for another program's renewal looks.
const LOOK: Duration = Duration::from_millis(250);

/// For how long a good refresh token may be refused because a replica of the host lags behind. The contract with the host says "some
/// seconds" (GitLab issue 599181).
const REPLICA_LAG: Duration = Duration::from_secs(5);

/// How often a new pair is written before it is given up for lost, and how long each wait is.
const WRITE_TRIES: usize = 30;
const WRITE_PAUSE: Duration = Duration::from_secs(2);

const RENEWING: &str = "renewing the sign-in";

/// What opens the host of an organization. The token of a sign-in is renewed first if it is time to.
pub async fn access(
    ports: &Ports,
    organization: &Organization,
) -> Result<HostAccess, UseCaseError> {
    let host = organization.host.clone();
    match &organization.auth {
        AuthMethod::AccessToken { secret, .. } => match ports.vault.get(*secret).await? {
            Some((_, token)) => Ok(HostAccess::by_token(host, token)),
            None => Err(UseCaseError::SecretGone {
                name: organization.name.clone(),
            }),
        },
        AuthMethod::Sso { secret, .. } => {
            let tokens = SsoTokens {
                ports: ports.clone(),
                name: organization.name.clone(),
                host: host.clone(),
                secret: *secret,
                known: Mutex::new(None),
            };
            tokens.present().await?;
            Ok(HostAccess {
                host,
                credential: Credential::Oauth(Arc::new(tokens)),
            })
        }
    }
}

/// A pair as the vault has it.
#[derive(Clone)]
struct Kept {
    version: SecretVersion,
    pair: TokenPair,
}

/// The tokens of one signed-in organization.
struct SsoTokens {
    ports: Ports,
    name: OrganizationName,
    host: HostUrl,
    secret: SecretRef,
    /// Held while renewing, so that all requests of this program wait for one renewal.
    known: Mutex<Option<Kept>>,
}

#[async_trait]
impl AccessTokens for SsoTokens {
    async fn current(&self) -> Result<SecretString, HostError> {
        self.present().await.map_err(|error| self.as_host(error))
    }

    async fn replacement(&self, refused: &SecretString) -> Result<Option<SecretString>, HostError> {
        let replaced = self.replace(refused).await;
        replaced.map_err(|error| self.as_host(error))
    }
}

impl SsoTokens {
    async fn present(&self) -> Result<SecretString, UseCaseError> {
        let mut known = self.known.lock().await;
        let kept = match known.take() {
            Some(kept) => kept,
            None => self.load().await?,
        };
        let now = self.ports.clock.now();
        if now < kept.pair.renew_at() {
            let token = kept.pair.access_token.clone();
            *known = Some(kept);
            return Ok(token);
        }
        match self.renew(&kept).await {
            Ok(renewed) => {
                let token = renewed.pair.access_token.clone();
                *known = Some(renewed);
                Ok(token)
            }
            // It is early: what still works is used for as long as it does.
            Err(error) if passes(&error) && self.ports.clock.now() < kept.pair.expires_at => {
                let token = kept.pair.access_token.clone();
                *known = Some(kept);
                Ok(token)
            }
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, refused: &SecretString) -> Result<Option<SecretString>, UseCaseError> {
        let mut known = self.known.lock().await;
        let is_refused =
            |kept: &Kept| kept.pair.access_token.expose_secret() == refused.expose_secret();
        // Another request of this program may have found out first.
        if let Some(kept) = known.as_ref().filter(|kept| !is_refused(kept)) {
            return Ok(Some(kept.pair.access_token.clone()));
        }
        let mut kept = self.load().await?;
        if is_refused(&kept) {
            kept = self.renew(&kept).await?;
        }
        let token = kept.pair.access_token.clone();
        *known = Some(kept);
        Ok(Some(token))
    }

    async fn load(&self) -> Result<Kept, UseCaseError> {
        let Some((version, secret)) = self.ports.vault.get(self.secret).await? else {
            return Err(UseCaseError::SecretGone {
                name: self.name.clone(),
            });
        };
        match TokenPair::from_secret(&secret) {
            Ok(pair) if pair.host == self.host => Ok(Kept { version, pair }),
            Ok(pair) => Err(self.ended(&format!("its tokens are those of {}", pair.host))),
            Err(error) => Err(self.ended(&error.to_string())),
        }
    }

    /// A newer pair than `old`: another program's, or one that is asked for here.
    async fn renew(&self, old: &Kept) -> Result<Kept, UseCaseError> {
        let ports = &self.ports;
        let patience = ports.clock.now() + LEASE;
        loop {
            let newest = self.load().await?;
            if newest.version != old.version {
                return Ok(newest);
            }
            let now = ports.clock.now();
            let holder = ProcessId::from_uuid(ports.ids.next_id());
            let claim = ports
                .renewals
                .claim(self.secret, holder, now, now + LEASE)
                .await?;
            match claim {
                RenewalClaim::Busy { .. } if now < patience => ports.timer.sleep(LOOK).await,
                RenewalClaim::Busy { .. } => {
                    return Err(self.unavailable("another program is at it and does not finish"));
                }
                RenewalClaim::Granted(renewal) => match self.renew_alone(&renewal, old).await {
                    // Somebody took over after this program had slept for too long; what came of that is read above.
                    Err(UseCaseError::Store(StoreError::RenewalFenced { .. }))
                        if now < patience => {}
                    renewed => return renewed,
                },
            }
        }
    }

    /// The renewal itself; nobody else is at it.
    async fn renew_alone(&self, renewal: &Renewal, old: &Kept) -> Result<Kept, UseCaseError> {
        let ports = &self.ports;
        let (settled, newest) = (RenewalState::default(), self.load().await?);
        if newest.version != old.version {
            ports.renewals.release(renewal, settled).await?;
            return Ok(newest);
        }
        if renewal.state.dead == Some(old.version) {
            ports.renewals.release(renewal, renewal.state).await?;
            return Err(self.ended("the host accepts its refresh token no more"));
        }
        if ports.host.client(&self.host).as_ref() != Some(&old.pair.client) {
            ports.renewals.release(renewal, renewal.state).await?;
            return Err(self.ended(
                "it was made with another application than the one that is configured for the host",
            ));
        }
        let Some(refresh_token) = &old.pair.refresh_token else {
            ports.renewals.release(renewal, dead(old)).await?;
            return Err(self.ended("the host gave nothing to renew it with"));
        };
        // Durable before it is sent: should this program die now, whoever comes next knows that the host may have done its part.
        let spending = RenewalState {
            spending: Some(old.version),
            dead: None,
        };
        ports.renewals.put_down(renewal, spending).await?;
        let first = self.spend(refresh_token, old).await;
        let answer = match first {
            Err(
                OauthError::InvalidGrant { .. }
                | OauthError::Lost { .. }
                | OauthError::Unexpected { .. },
            ) => {
                // A replica may lag behind, or the answer alone be lost: the same token once more, and never again.
                ports.timer.sleep(REPLICA_LAG).await;
                let newest = self.load().await?;
                if newest.version != old.version {
                    ports.renewals.release(renewal, settled).await?;
                    return Ok(newest);
                }
                self.spend(refresh_token, old).await
            }
            other => other,
        };
        match answer {
            Ok(pair) => {
                let kept = self.keep(old, pair).await?;
                // The claim ends by itself, and old versions go with the next renewal, if this does not succeed.
                let _ = ports.renewals.release(renewal, settled).await;
                let _ = ports.vault.forget_before(self.secret, kept.version).await;
                Ok(kept)
            }
            Err(OauthError::InvalidGrant { detail, .. }) => {
                if self.still_works(old).await? {
                    ports.renewals.release(renewal, settled).await?;
                    return Err(self.unavailable(&format!(
                        "the host does not renew ({detail}) although the access token still works"
                    )));
                }
                ports.renewals.release(renewal, dead(old)).await?;
                Err(self.ended(&if renewal.state.spending == Some(old.version) {
                    format!(
                        "an earlier renewal was cut off before its answer could be kept ({detail})"
                    )
                } else {
                    detail
                }))
            }
            Err(error @ (OauthError::Lost { .. } | OauthError::Unexpected { .. })) => {
                ports.renewals.release(renewal, spending).await?;
                Err(self.unavailable(&error.to_string()))
            }
            // The host did nothing, so everything is as it was.
            Err(error) => {
                ports.renewals.release(renewal, settled).await?;
                Err(self.refused(error))
            }
        }
    }

    async fn spend(&self, token: &SecretString, old: &Kept) -> Result<TokenPair, OauthError> {
        let redirect = old.pair.redirect.clone();
        let mut grant = self.ports.host.refresh(&self.host, token, redirect).await?;
        if grant.scopes.is_empty() {
            grant.scopes.clone_from(&old.pair.scopes);
        }
        let now = self.ports.clock.now();
        let (client, redirect) = (old.pair.client.clone(), old.pair.redirect.clone());
        let host = self.host.clone();
        Ok(TokenPair::received(host, grant, client, redirect, now))
    }

    /// Writes the new pair. The host has forgotten the old one by now, so a vault that is away for a moment is waited for.
    async fn keep(&self, old: &Kept, pair: TokenPair) -> Result<Kept, UseCaseError> {
        let ports = &self.ports;
        let mut tries = 0;
        loop {
            let (secret, now) = (pair.to_secret(), ports.clock.now());
            let written = ports
                .vault
                .add_version(self.secret, old.version, secret, now)
                .await;
            match written {
                Ok(facts) => {
                    return Ok(Kept {
                        version: facts.version,
                        pair,
                    });
                }
                // It may be the answer of an earlier try that was lost; whatever is there by now is newer than the old pair.
                Err(VaultError::VersionConflict { .. }) => return self.load().await,
                Err(VaultError::Unavailable { .. }) if tries < WRITE_TRIES => {
                    tries += 1;
                    ports.timer.sleep(WRITE_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the host still accepts the access token: then the pair was not spent after all.
    async fn still_works(&self, old: &Kept) -> Result<bool, UseCaseError> {
        if self.ports.clock.now() >= old.pair.expires_at {
            return Ok(false);
        }
        let access = HostAccess {
            host: self.host.clone(),
            credential: Credential::fresh(old.pair.access_token.clone()),
        };
        match self.ports.host.identify(&access).await {
            Ok(_) => Ok(true),
            Err(HostError::TokenExpired { .. } | HostError::TokenRefused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn ended(&self, detail: &str) -> UseCaseError {
        UseCaseError::Host(HostError::SignInEnded {
            host: self.host.to_string(),
            detail: detail.to_owned(),
        })
    }

    fn unavailable(&self, detail: &str) -> UseCaseError {
        UseCaseError::Host(HostError::Unavailable {
            host: self.host.to_string(),
            action: RENEWING.to_owned(),
            detail: detail.to_owned(),
        })
    }

    fn refused(&self, error: OauthError) -> UseCaseError {
        let host = self.host.to_string();
        UseCaseError::Host(match error {
            OauthError::RateLimited { retry_after, .. } => {
                HostError::RateLimited { host, retry_after }
            }
            OauthError::Refused { code, detail, .. } => HostError::Denied {
                host,
                action: RENEWING.to_owned(),
                detail: format!(
                    "{code}: {detail}; check the application at the host and its client id and secret in the configuration"
                ),
            },
            other => return self.unavailable(&other.to_string()),
        })
    }

    fn as_host(&self, error: UseCaseError) -> HostError {
        match error {
            UseCaseError::Host(error) => error,
            UseCaseError::SecretGone { .. } => HostError::SignInEnded {
                host: self.host.to_string(),
                detail: error.to_string(),
            },
            other => HostError::Unavailable {
                host: self.host.to_string(),
                action: RENEWING.to_owned(),
                detail: other.to_string(),
            },
        }
    }
}

/// The host said that this pair is spent for good.
const fn dead(old: &Kept) -> RenewalState {
    RenewalState {
        spending: None,
        dead: Some(old.version),
    }
}

/// Whether trying again later may help.
fn passes(error: &UseCaseError) -> bool {
    !matches!(
        error,
        UseCaseError::Host(HostError::SignInEnded { .. }) | UseCaseError::SecretGone { .. }
    )
}

/// What became of a grant that was to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// There was none: the credential is a person's own token.
    NotGranted,
    /// The host ended it.
    Revoked,
    /// The host did not say so; why, in words.
    Failed(String),
}

/// Takes back what the sign-in of an organization granted; answers what became of it.
pub(crate) async fn revoke(ports: &Ports, auth: &AuthMethod) -> Revocation {
    let AuthMethod::Sso { secret, .. } = auth else {
        return Revocation::NotGranted;
    };
    match ports.vault.get(*secret).await {
        Ok(Some((_, secret))) => match TokenPair::from_secret(&secret) {
            Ok(pair) => revoke_pair(ports, &pair).await,
            Err(error) => Revocation::Failed(error.to_string()),
        },
        Ok(None) => Revocation::Failed("its tokens are not in the vault".to_owned()),
        Err(error) => Revocation::Failed(error.to_string()),
    }
}

/// Takes a pair back.
pub(crate) async fn revoke_pair(ports: &Ports, pair: &TokenPair) -> Revocation {
    let token = pair.refresh_token.as_ref().unwrap_or(&pair.access_token);
    match ports.host.revoke(&pair.host, token).await {
        Ok(()) => Revocation::Revoked,
        Err(error) => Revocation::Failed(error.to_string()),
    }
}

/// Deletes a secret that came to nothing. If it is a token pair, the host is told first, so that no grant outlives what it was for.
pub(crate) async fn discard(ports: &Ports, secret: SecretRef) -> Result<(), UseCaseError> {
    if let Ok(Some((_, value))) = ports.vault.get(secret).await
        && let Ok(pair) = TokenPair::from_secret(&value)
    {
        let _ = revoke_pair(ports, &pair).await;
    }
    ports.vault.delete(secret).await?;
    let _ = ports.renewals.forget(secret).await;
    Ok(())
}
