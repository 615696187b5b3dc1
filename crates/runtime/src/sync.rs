//! One sync that a person asked for, from the wish to the end: waits while another program is at it, and runs what was asked for meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use org_core::ids::{OrganizationId, SyncId};
use org_core::listing::Wait;
use org_core::ports::Ports;
use org_core::sync::run::{RunOutcome, RunState, SyncRun, Trigger};
use org_core::use_cases::follow::{Stop, SyncAnswer, SyncOptions, synchronize};
use org_core::use_cases::{Progress, ProgressEvent, UseCaseError};
use org_core::vaults::patiently;
use tokio::sync::mpsc;

/// How often a run of another program is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Synchronizes an organization, and again for as long as somebody asked for one more meanwhile; answers the runs, the last one last.
///
/// While another program is at it, this waits: for that one's follow-up, which serves this wish too, or for its lease to end if it died. A
/// stop while waiting answers without a run.
pub async fn until_done(
    ports: &Ports,
    options: &SyncOptions,
    organization: OrganizationId,
    trigger: Trigger,
    mut stop: Stop,
    progress: &dyn Progress,
) -> Result<Vec<SyncRun>, UseCaseError> {
    let mut runs = Vec::new();
    let mut trigger = trigger;
    let (relay, mut waits) = Relay::new();
    let patient = patiently(ports, Arc::new(relay));
    loop {
        let work = synchronize(
            &patient,
            organization,
            trigger,
            options,
            stop.clone(),
            progress,
        );
        futures_util::pin_mut!(work);
        let answer = loop {
            tokio::select! {
                answer = &mut work => break answer?,
                Some(event) = waits.recv() => progress.report(event),
            }
        };
        match answer {
            SyncAnswer::Ran { run, follow_up } => {
                runs.push(run);
                if !follow_up || stop.peek().is_some() {
                    return Ok(runs);
                }
                trigger = Trigger::Requested;
            }
            // Whoever is faster with the follow-up does it.
            SyncAnswer::Busy { .. } if !runs.is_empty() => return Ok(runs),
            SyncAnswer::Busy { run, lease_until } => {
                let reason = "another program is synchronizing it".to_owned();
                progress.report(ProgressEvent::Waiting(Wait {
                    until: lease_until,
                    reason,
                }));
                let waiting = wait_for(ports, organization, &run, lease_until);
                futures_util::pin_mut!(waiting);
                match select(waiting, &mut stop).await {
                    Either::Left((served, _)) => {
                        if let Some(run) = served? {
                            return Ok(vec![run]);
                        }
                    }
                    Either::Right(_) => return Ok(runs),
                }
            }
        }
    }
}

/// Passes on what a vault that is waited for has to say, from whoever owns the ports to whoever borrows the progress.
struct Relay(mpsc::Sender<ProgressEvent>);

impl Relay {
    fn new() -> (Self, mpsc::Receiver<ProgressEvent>) {
        let (sender, receiver) = mpsc::channel(16);
        (Self(sender), receiver)
    }
}

impl Progress for Relay {
    fn report(&self, event: ProgressEvent) {
        // Whoever watches sees the newest pause soon enough.
        let _ = self.0.try_send(event);
    }
}

/// Has an organization due again whose run was cut off because the program ends, so that the next start makes up for it. A run that ended in any
/// other way is left as it is.
pub async fn due_again(ports: &Ports, run: &SyncRun) -> Result<(), UseCaseError> {
    if run.outcome() == Some(&RunOutcome::Canceled) {
        let now = ports.clock.now();
        ports
            .organizations
            .set_next_run(run.organization, Some(now))
            .await?;
    }
    Ok(())
}

/// Waits until `busy` has ended or its lease is over. If a newer run was started by then, it began after the wish: it is waited for, and
/// answered.
async fn wait_for(
    ports: &Ports,
    organization: OrganizationId,
    busy: &SyncRun,
    lease_until: DateTime<Utc>,
) -> Result<Option<SyncRun>, UseCaseError> {
    if !ended(ports, busy.id, lease_until).await? {
        return Ok(None);
    }
    let newest = ports
        .syncs
        .list(Some(organization), None, 1)
        .await?
        .items
        .into_iter()
        .next();
    let Some(newest) = newest.filter(|newest| newest.id != busy.id) else {
        return Ok(None);
    };
    // Its lease is not known here; one that lasts as long as the first had left is a fair guess, after which claiming tells.
    let patience = lease_until.max(ports.clock.now() + LOOK * 4);
    if ended(ports, newest.id, patience).await? {
        return Ok(ports.syncs.get(newest.id).await?);
    }
    Ok(None)
}

/// Waits until a run has ended; `false` when `until` came first.
async fn ended(ports: &Ports, sync: SyncId, until: DateTime<Utc>) -> Result<bool, UseCaseError> {
    loop {
        match ports.syncs.get(sync).await? {
            Some(SyncRun {
                state: RunState::Running,
                ..
            }) if ports.clock.now() < until => {
                ports.timer.sleep(LOOK).await;
            }
            Some(SyncRun {
                state: RunState::Running,
                ..
            }) => return Ok(false),
            Some(_) | None => return Ok(true),
        }
    }
}
