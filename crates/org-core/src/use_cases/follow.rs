//! Following an organization: one sync from the claim to the end.
//!
//! A sync claims its organization, reads the list, has the host confirm what is missing, plans, and applies. While it works it renews its
//! lease, so that another program takes over only from a dead one. Whatever happens, the run ends with a state that says so.

mod body;
mod health;

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::future::{BoxFuture, Either, FutureExt, Shared, select};

use crate::event::{Actor, Event, Subject};
use crate::ids::{OrganizationId, ProcessId, SyncId};
use crate::organization::{ActionReason, Organization, Status, TransitionError};
use crate::ports::{Claim, ClaimRequest, Ports, RunEnd, Stale, StoreError};
use crate::sync::run::{Counts, HeldDecision, RunOutcome, RunState, SyncRun, Trigger};
use crate::use_cases::{Progress, STALE_RETRIES, UseCaseError};

/// How a program does its syncs.
#[derive(Debug, Clone, Copy)]
pub struct SyncOptions {
    /// The program that is at it.
    pub holder: ProcessId,
    /// How long a run stays this program's without being renewed; it is renewed three times as often.
    pub lease: Duration,
}

/// Ends a sync when it completes. Clones share it.
pub type Stop = Shared<BoxFuture<'static, ()>>;

/// A [`Stop`] that never comes.
pub fn never() -> Stop {
    std::future::pending().boxed().shared()
}

/// What came of wanting a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncAnswer {
    /// It ran; the run says how it ended.
    Ran {
        /// The run.
        run: SyncRun,
        /// Whether another one was asked for meanwhile.
        follow_up: bool,
    },
    /// Somebody else is at it; one more follows when that one has ended.
    Busy {
        /// The run under way.
        run: SyncRun,
        /// Until when it is held, unless renewed.
        lease_until: DateTime<Utc>,
    },
}

/// Synchronizes an organization once.
///
/// An error means that the run could not even be put down. A host that fails, a token that was revoked, a stop: all that is an answer, with
/// the outcome in its run and the reason in the organization's status.
pub async fn synchronize(
    ports: &Ports,
    organization: OrganizationId,
    trigger: Trigger,
    options: &SyncOptions,
    stop: Stop,
    progress: &dyn Progress,
) -> Result<SyncAnswer, UseCaseError> {
    let organization = load(ports, organization).await?;
    if !organization.status.is_scheduled() {
        return Err(UseCaseError::Transition(TransitionError {
            name: organization.name.clone(),
            status: organization.status.as_str(),
            wanted: "synchronized",
        }));
    }
    let now = ports.clock.now();
    let request = ClaimRequest {
        sync: SyncId::from_uuid(ports.ids.next_id()),
        organization: organization.id,
        trigger,
        holder: options.holder,
        now,
        lease_until: lease_end(now, options),
    };
    let run = match ports.syncs.claim(&request).await? {
        Claim::Busy { run, lease_until } => return Ok(SyncAnswer::Busy { run, lease_until }),
        Claim::Started(run) => run,
    };
    // Should this program die, the organization is due again when its lease ends.
    let if_it_dies = Some(request.lease_until);
    ports
        .organizations
        .set_next_run(organization.id, if_it_dies)
        .await?;

    let work = body::run(ports, &run, stop, progress).boxed();
    let work = keep_lease(ports, &run, options, work).await;
    let ended = match work {
        Ok(ended) => ended,
        Err(failure) => fail(ports, &run, failure).await?,
    };
    plan_next_run(ports, &organization, if_it_dies, now).await?;
    Ok(SyncAnswer::Ran {
        follow_up: ended.follow_up,
        run: ended.run,
    })
}

/// Says when the schedule fires next, unless somebody said so while the run was under way.
///
/// Who changes the organization at this very moment wants another sync more often than not, so that one is due at once.
async fn plan_next_run(
    ports: &Ports,
    organization: &Organization,
    planned: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), UseCaseError> {
    let id = organization.id;
    let before = load(ports, id).await?;
    if ports.organizations.next_run(id).await? != planned.map(|at| at.trunc_subsecs(6)) {
        return Ok(());
    }
    let schedule = &before.settings.schedule;
    let next = if before.status.is_scheduled() {
        schedule.next_after(id, now)
    } else {
        None
    };
    ports.organizations.set_next_run(id, next).await?;
    let after = load(ports, id).await?;
    if after.version != before.version && after.status.is_scheduled() {
        ports
            .organizations
            .set_next_run(id, Some(ports.clock.now()))
            .await?;
    }
    Ok(())
}

/// A run that has ended.
struct Ended {
    run: SyncRun,
    follow_up: bool,
}

/// Why the work of a run did not come to its end.
enum Failure {
    /// A person stopped it.
    Stopped,
    /// The lease went to another program: nothing may be written any more.
    Fenced(StoreError),
    /// Something failed, after so many requests.
    Error { error: UseCaseError, requests: u64 },
}

impl<E: Into<UseCaseError>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into() {
            UseCaseError::Store(error @ StoreError::Fenced { .. }) => Self::Fenced(error),
            error => Self::Error { error, requests: 0 },
        }
    }
}

async fn load(ports: &Ports, id: OrganizationId) -> Result<Organization, UseCaseError> {
    let organization = ports.organizations.get(id).await?;
    organization.ok_or_else(|| UseCaseError::NotFound {
        what: format!("organization {id}"),
    })
}

fn lease_end(now: DateTime<Utc>, options: &SyncOptions) -> DateTime<Utc> {
    let lease = TimeDelta::from_std(options.lease).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(lease)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Does the work and renews the lease beside it.
///
/// A renewal that fails because the database is busy is no reason to end the work: the next one may succeed, and the fence protects what is
/// written. A lease that is lost ends the work at once.
async fn keep_lease<T>(
    ports: &Ports,
    run: &SyncRun,
    options: &SyncOptions,
    mut work: BoxFuture<'_, Result<T, Failure>>,
) -> Result<T, Failure> {
    loop {
        let tick = ports.timer.sleep(options.lease / 3);
        match select(work, tick).await {
            Either::Left((done, _)) => return done,
            Either::Right(((), unfinished)) => {
                work = unfinished;
                let until = lease_end(ports.clock.now(), options);
                let renewal = ports.syncs.renew(run, until);
                // The work goes on while the renewal waits for the database.
                match select(work, renewal).await {
                    Either::Left((done, _)) => return done,
                    Either::Right((renewed, unfinished)) => {
                        work = unfinished;
                        if let Err(error @ StoreError::Fenced { .. }) = renewed {
                            return Err(Failure::Fenced(error));
                        }
                    }
                }
            }
        }
    }
}

/// Ends a run that did not come to its end, and says so in the organization's status.
async fn fail(ports: &Ports, run: &SyncRun, failure: Failure) -> Result<Ended, UseCaseError> {
    let (outcome, problem, requests) = match failure {
        Failure::Fenced(error) => return Err(error.into()),
        Failure::Stopped => (RunOutcome::Canceled, None, 0),
        Failure::Error { error, requests } => {
            let reason = match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
            (
                RunOutcome::Failed { reason },
                health::problem(&error),
                requests,
            )
        }
    };
    let end = End {
        outcome,
        counts: Counts::default(),
        requests,
        vanishing: Vec::new(),
    };
    end_run(ports, run, end, |organization| match &problem {
        Some(problem) => organization.with_health(Some(problem.clone())),
        None => organization,
    })
    .await
}

/// How a run ends that applies nothing.
struct End {
    outcome: RunOutcome,
    counts: Counts,
    requests: u64,
    vanishing: Vec<crate::ids::RepositoryId>,
}

async fn end_run(
    ports: &Ports,
    run: &SyncRun,
    end: End,
    change: impl Fn(Organization) -> Organization,
) -> Result<Ended, UseCaseError> {
    for _ in 0..STALE_RETRIES {
        let before = load(ports, run.organization).await?;
        let mut organization = change(before.clone());
        let at = ports.clock.now();
        let mut events = vec![finished(run, &end.outcome, &end.counts, at)];
        events.extend(status_event(&before, &organization, at));
        events.extend(super::expiry::notice(&mut organization, at));
        let stored = RunEnd {
            run,
            at,
            outcome: end.outcome.clone(),
            counts: end.counts,
            requests: end.requests,
            organization: &organization,
            vanishing: &end.vanishing,
            events: &events,
        };
        match ports.syncs.end(&stored).await {
            Ok(applied) => {
                return Ok(Ended {
                    run: ended(run, &stored),
                    follow_up: applied.follow_up,
                });
            }
            Err(StoreError::Stale {
                what: Stale::Organization,
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(UseCaseError::Contention)
}

/// The run as it is once `end` is stored.
fn ended(run: &SyncRun, end: &RunEnd<'_>) -> SyncRun {
    SyncRun {
        state: RunState::Ended {
            at: end.at,
            outcome: end.outcome.clone(),
        },
        counts: end.counts,
        requests: end.requests,
        ..run.clone()
    }
}

fn finished(run: &SyncRun, outcome: &RunOutcome, counts: &Counts, at: DateTime<Utc>) -> Event {
    let detail = match outcome {
        RunOutcome::Failed { reason } => reason.clone(),
        RunOutcome::Held {
            vanishing, known, ..
        } => {
            format!("{vanishing} of {known} known repositories are missing at once")
        }
        RunOutcome::Partial { missing } => format!("{counts}; {} parts are missing", missing.len()),
        _ => counts.to_string(),
    };
    Event::new(
        at,
        Actor::System,
        Subject::Organization,
        format!("sync.{}", outcome.as_str()),
    )
    .of(run.organization)
    .with_message(detail)
    .with_change(crate::event::FieldChange::new(
        "sync",
        "",
        &run.id.to_string(),
    ))
}

/// The event of a change of status; none if it is the same.
pub(crate) fn status_event(
    before: &Organization,
    after: &Organization,
    at: DateTime<Utc>,
) -> Option<Event> {
    (before.status != after.status).then(|| {
        let event = Event::new(
            at,
            Actor::System,
            Subject::Organization,
            "organization.status_changed",
        )
        .of(after.id)
        .with_change(crate::event::FieldChange::new(
            "status",
            before.status.as_str(),
            after.status.as_str(),
        ));
        match &after.status {
            Status::ActionRequired(reason) => {
                event.with_message(format!("{}; {}", reason.explain(), reason.next_step()))
            }
            _ => event,
        }
    })
}

/// The health of an organization whose sync went well.
fn healthy(organization: Organization) -> Organization {
    organization.with_health(None)
}

/// A held run that is still open is answered by any later run that came further.
async fn supersede_open_hold(ports: &Ports, run: &SyncRun) -> Result<(), UseCaseError> {
    let Some((held, _)) = ports
        .syncs
        .held(run.organization, HeldDecision::Open)
        .await?
    else {
        return Ok(());
    };
    if held.id == run.id {
        return Ok(());
    }
    let organization = load(ports, run.organization).await?;
    let decided = ports
        .syncs
        .decide(held.id, HeldDecision::Superseded, &organization, &[])
        .await;
    match decided {
        // Somebody decided about it at the same moment, or changed the organization: both are fine, since the run itself is history.
        Ok(()) | Err(StoreError::NotFound { .. } | StoreError::Stale { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The reason that makes an organization wait for a person because of `run`.
fn held_reason(run: &SyncRun) -> ActionReason {
    ActionReason::SyncHeld { sync: run.id }
}
