//! Rotating an access token: the host replaces it by a new one of the same scopes, and the vault gets the new one.
//!
//! A host that is asked a second time with a token that was replaced may take that for a theft and end every token of the family. So the
//! intent is put down first, the host is asked once, and when nobody knows what came of it, only whether the old token still works is looked
//! at (GitLab docs, personal access tokens, automatic reuse detection).

use chrono::{Days, NaiveDate, TimeDelta};

use crate::draft::{Field, FieldError};
use crate::event::{Actor, Event, FieldChange, Subject};
use crate::ids::ProcessId;
use crate::organization::{AuthMethod, Organization, Status, TransitionError};
use crate::ports::{
    HostAccess, HostError, OrganizationChange, Ports, Renewal, RenewalClaim, RenewalState,
    RotateError, RotatedToken, StoreError,
};
use crate::secret::{SecretRef, SecretVersion};
use crate::use_cases::{Progress, ProgressEvent, STALE_RETRIES, UseCaseError, lookup};

/// For how long the new token works when nobody says: a quarter of a year. GitLab itself would give a week.
pub const DEFAULT_DAYS: u64 = 90;

/// The longest that GitLab allows without being told otherwise (GitLab docs, personal access tokens).
pub const MAX_DAYS: u64 = 365;

/// For how long a program that rotates keeps others from it.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// How often a new token is written before it is given up for lost, and how long each wait is.
const WRITE_TRIES: usize = 30;
const WRITE_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

/// Rotates the access token of an organization; every organization with the same secret uses the new one from then on.
///
/// `days` is how long the new one works, counted from today in UTC; none means [`DEFAULT_DAYS`].
pub async fn rotate(
    ports: &Ports,
    organization: Organization,
    days: Option<u64>,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Organization, UseCaseError> {
    if matches!(organization.status, Status::Removed { .. }) {
        return Err(UseCaseError::Transition(TransitionError {
            name: organization.name,
            status: "removed",
            wanted: "given another token",
        }));
    }
    let AuthMethod::AccessToken { secret, .. } = organization.auth else {
        return Err(UseCaseError::RenewsItself {
            name: organization.name,
        });
    };
    let now = ports.clock.now();
    let expires_on = last_day(now.date_naive(), days)?;
    let claim = ports
        .renewals
        .claim(
            secret,
            ProcessId::from_uuid(ports.ids.next_id()),
            now,
            now + LEASE,
        )
        .await?;
    let renewal = match claim {
        RenewalClaim::Granted(renewal) => renewal,
        RenewalClaim::Busy { until } => {
            return Err(refused(&format!(
                "another program is rotating this token; try again after {}",
                until.to_rfc3339()
            )));
        }
    };
    let work = Rotation {
        ports,
        organization: &organization,
        secret,
        renewal,
    };
    let (version, rotated) = work.run(expires_on, progress).await?;
    put_down(ports, organization, (version, rotated.expires_on), actor).await
}

fn refused_at(field: Field, message: &str) -> UseCaseError {
    UseCaseError::Invalid {
        errors: vec![FieldError::new(field, message)],
    }
}

fn refused(message: &str) -> UseCaseError {
    refused_at(Field::Token, message)
}

fn last_day(today: NaiveDate, days: Option<u64>) -> Result<NaiveDate, UseCaseError> {
    let days = days.unwrap_or(DEFAULT_DAYS);
    match today.checked_add_days(Days::new(days)) {
        Some(day) if (1..=MAX_DAYS).contains(&days) => Ok(day),
        _ => Err(refused_at(
            Field::Days,
            &format!("the new token can work for 1 to {MAX_DAYS} days"),
        )),
    }
}

struct Rotation<'a> {
    ports: &'a Ports,
    organization: &'a Organization,
    secret: SecretRef,
    renewal: Renewal,
}

impl Rotation<'_> {
    async fn run(
        &self,
        expires_on: NaiveDate,
        progress: &dyn Progress,
    ) -> Result<(SecretVersion, RotatedToken), UseCaseError> {
        let ports = self.ports;
        let settled = RenewalState::default();
        let gone = || UseCaseError::SecretGone {
            name: self.organization.name.clone(),
        };
        let kept = match ports.vault.get(self.secret).await {
            Ok(kept) => kept.ok_or_else(gone),
            Err(error) => Err(error.into()),
        };
        let (version, token) = match kept {
            Ok(kept) => kept,
            Err(error) => return self.leave(error).await,
        };
        let access = HostAccess::by_token(self.organization.host.clone(), token);
        // Somebody died, or lost the answer, while rotating this very version: the old token tells whether the host did it.
        if self.renewal.state.spending == Some(version) {
            match self.works(&access).await {
                Ok(true) => {}
                Ok(false) => {
                    let detail = "an earlier rotation was cut off before its answer could be kept";
                    return self.lost(version, detail).await;
                }
                Err(error) => return self.leave(error).await,
            }
        }
        if self.renewal.state.dead == Some(version) {
            let detail = "it was replaced by an earlier rotation whose answer got lost";
            return self.lost(version, detail).await;
        }
        let spending = RenewalState {
            spending: Some(version),
            dead: None,
        };
        ports.renewals.put_down(&self.renewal, spending).await?;
        progress.report(ProgressEvent::Started {
            step: "rotate the token",
        });
        match ports.host.rotate(&access, expires_on).await {
            Ok(rotated) => {
                let version = self.keep(version, &rotated).await?;
                let _ = ports.renewals.release(&self.renewal, settled).await;
                Ok((version, rotated))
            }
            Err(RotateError::Refused(error)) => {
                ports.renewals.release(&self.renewal, settled).await?;
                Err(error.into())
            }
            Err(RotateError::Lost { host, detail }) => match self.works(&access).await {
                Ok(true) => {
                    ports.renewals.release(&self.renewal, settled).await?;
                    Err(UseCaseError::Host(HostError::Unavailable {
                        host,
                        action: "rotating the access token".to_owned(),
                        detail: format!(
                            "{detail}; the old token still works, so nothing was replaced"
                        ),
                    }))
                }
                Ok(false) => self.lost(version, &detail).await,
                Err(_) => {
                    // The intent stays: whoever rotates next looks first.
                    ports.renewals.release(&self.renewal, spending).await?;
                    Err(self.lost_error(&detail))
                }
            },
        }
    }

    /// Whether the host still accepts the old token.
    async fn works(&self, access: &HostAccess) -> Result<bool, UseCaseError> {
        match self.ports.host.identify(access).await {
            Ok(_) => Ok(true),
            Err(HostError::TokenExpired { .. } | HostError::TokenRefused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the claim back with everything as it was found.
    async fn leave<T>(&self, error: UseCaseError) -> Result<T, UseCaseError> {
        let state = self.renewal.state;
        self.ports.renewals.release(&self.renewal, state).await?;
        Err(error)
    }

    async fn lost<T>(&self, version: SecretVersion, detail: &str) -> Result<T, UseCaseError> {
        let dead = RenewalState {
            spending: None,
            dead: Some(version),
        };
        self.ports.renewals.release(&self.renewal, dead).await?;
        Err(self.lost_error(detail))
    }

    fn lost_error(&self, detail: &str) -> UseCaseError {
        UseCaseError::RotationLost {
            name: self.organization.name.clone(),
            host: self.organization.host.to_string(),
            detail: detail.to_owned(),
        }
    }

    /// Writes the new token; a vault that is away for a moment is waited for, since nobody else knows it.
    async fn keep(
        &self,
        old: SecretVersion,
        rotated: &RotatedToken,
    ) -> Result<SecretVersion, UseCaseError> {
        let (ports, mut tries) = (self.ports, 0);
        loop {
            let (token, now) = (rotated.token.clone(), ports.clock.now());
            match ports.vault.add_version(self.secret, old, token, now).await {
                Ok(facts) => return Ok(facts.version),
                Err(error) if error.is_outage() && tries < WRITE_TRIES => {
                    tries += 1;
                    ports.timer.sleep(WRITE_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Stores when the new token ends, with the event.
async fn put_down(
    ports: &Ports,
    mut organization: Organization,
    (version, expires_on): (SecretVersion, Option<NaiveDate>),
    actor: &Actor,
) -> Result<Organization, UseCaseError> {
    let words =
        |day: Option<NaiveDate>| day.map_or_else(|| "never".to_owned(), |day| day.to_string());
    for _ in 0..STALE_RETRIES {
        let mut token = organization.auth.token().clone();
        let before = token.expires_on;
        token.expires_on = expires_on;
        // The host's number of the new token is asked for by the next sync.
        token.id = None;
        organization.auth = organization.auth.with_token(token);
        organization.expiry_notice = None;
        let now = ports.clock.now();
        let kind = "organization.token_rotated";
        let event = Event::new(now, actor.clone(), Subject::Organization, kind)
            .of(organization.id)
            .with_message(organization.name.to_string())
            .with_change(FieldChange::new(
                "expires_on",
                &words(before),
                &words(expires_on),
            ))
            .with_change(FieldChange::new("version", "", &version.to_string()));
        let events = [event];
        let change = OrganizationChange::new(&organization, &events);
        match ports.organizations.update(&change).await {
            Ok(version) => {
                organization.version = version;
                return Ok(organization);
            }
            Err(StoreError::Stale { .. }) => {
                organization = lookup::by_id(ports, organization.id).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}
