//! The loop in the foreground: whatever is due is synchronized, several organizations at once, until somebody stops it.
//!
//! The loop keeps no plan of its own. It asks the store what is due, starts it, and looks again when something ended, when the next time has
//! come, or after a short while, since other programs write to the same store. So a crash loses nothing, and two such loops share the work.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use org_core::ids::OrganizationId;
use org_core::organization::Organization;
use org_core::ports::Ports;
use org_core::sync::run::Trigger;
use org_core::use_cases::follow::{Stop, SyncAnswer, SyncOptions, synchronize};
use org_core::use_cases::{NoProgress, Progress, UseCaseError, connect, expiry, sign_in};
use org_core::vaults::patiently;
use tokio::task::JoinSet;

/// The longest time between two looks at the store.
const LOOK: Duration = Duration::from_secs(5);

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How often what dead programs left is cleaned up, and notices are given.
const ROUND: TimeDelta = TimeDelta::hours(1);

/// How long an organization whose sync could not even be started is left alone.
const REST: TimeDelta = TimeDelta::seconds(10);

/// Watches the loop.
pub trait Observer: Send + Sync {
    /// A sync begins; its progress goes where this answers.
    fn started(&self, organization: &Organization) -> Arc<dyn Progress> {
        let _ = organization;
        Arc::new(NoProgress)
    }

    /// A sync ended, or could not be started.
    fn ended(&self, organization: &Organization, answer: &Result<SyncAnswer, UseCaseError>);

    /// Something else that the loop does could not be done; it goes on with the rest, and tries again.
    fn troubled(&self, chore: Chore, error: &UseCaseError);
}

/// What the loop does beside synchronizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Finds out which organizations are due.
    FindDue,
    /// Reads one that is.
    Read,
    /// Cleans up what attempts of programs that died left behind.
    CleanUpAttempts,
    /// Cleans up sign-ins that nobody finished.
    CleanUpSignIns,
    /// Gives notices of tokens that expire.
    Remind,
}

impl Chore {
    /// What is so when it failed, for a person.
    pub const fn failure(self) -> &'static str {
        match self {
            Self::FindDue => "what is due cannot be found out",
            Self::Read => "an organization that is due cannot be read",
            Self::CleanUpAttempts => "what attempts left behind cannot be cleaned up",
            Self::CleanUpSignIns => "sign-ins that nobody finished cannot be cleaned up",
            Self::Remind => "notices of tokens that expire cannot be given",
        }
    }
}

impl fmt::Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.failure())
    }
}

type Ended = (Organization, Result<SyncAnswer, UseCaseError>);

/// Runs until `stop` comes. Syncs under way are stopped with it, and waited for: each ends with a state that says so.
pub async fn run(
    ports: &Ports,
    options: &SyncOptions,
    concurrency: usize,
    stop: Stop,
    observer: &dyn Observer,
) {
    let concurrency = concurrency.max(1);
    let mut under_way: JoinSet<Ended> = JoinSet::new();
    // What could not be started is left alone for a moment, so that a broken store is not hammered.
    let mut resting: HashMap<OrganizationId, DateTime<Utc>> = HashMap::new();
    let mut busy: Vec<OrganizationId> = Vec::new();
    let mut next_round = ports.clock.now();
    while stop.clone().now_or_never().is_none() {
        let now = ports.clock.now();
        resting.retain(|_, until| *until > now);
        if now >= next_round {
            next_round = now + ROUND;
            look_after(ports, observer).await;
        }
        let room = concurrency.saturating_sub(under_way.len());
        if room > 0 {
            match choose(ports, &busy, &resting, room).await {
                Ok(chosen) => {
                    for (id, found) in chosen {
                        match found {
                            Ok(organization) => {
                                busy.push(id);
                                let progress = observer.started(&organization);
                                let (ports, stop) = (ports.clone(), stop.clone());
                                under_way.spawn(one(ports, *options, organization, stop, progress));
                            }
                            // One record that cannot be read is no reason to leave the others alone.
                            Err(error) => {
                                resting.insert(id, now + REST);
                                observer.troubled(Chore::Read, &error);
                            }
                        }
                    }
                }
                Err(error) => observer.troubled(Chore::FindDue, &error),
            }
        }
        let pause = ports.timer.sleep(pause(ports).await);
        tokio::select! {
            () = stop.clone() => break,
            Some(done) = under_way.join_next() => {
                settle(ports, done, &mut busy, &mut resting, observer);
            }
            () = pause => {}
        }
    }
    while let Some(done) = under_way.join_next().await {
        settle(ports, done, &mut busy, &mut resting, observer);
    }
}

type Chosen = (OrganizationId, Result<Organization, UseCaseError>);

/// What has to be done now and then, whatever is due: what dead programs left behind, sign-ins that nobody finished, and notices of tokens
/// that expire. A vault that is away keeps one of them from being done, and not the others.
async fn look_after(ports: &Ports, observer: &dyn Observer) {
    let done = [
        (Chore::Remind, expiry::remind(ports).await.map(drop)),
        (Chore::CleanUpAttempts, connect::clean_up(ports).await),
        (
            Chore::CleanUpSignIns,
            sign_in::clean_up(ports).await.map(drop),
        ),
    ];
    for (chore, done) in done {
        if let Err(error) = done {
            observer.troubled(chore, &error);
        }
    }
}

async fn choose(
    ports: &Ports,
    busy: &[OrganizationId],
    resting: &HashMap<OrganizationId, DateTime<Utc>>,
    room: usize,
) -> Result<Vec<Chosen>, UseCaseError> {
    let passed_over = busy.len() + resting.len();
    let limit = u32::try_from(room + passed_over).unwrap_or(u32::MAX);
    let due = ports.organizations.due(ports.clock.now(), limit).await?;
    let free = due
        .into_iter()
        .filter(|id| !busy.contains(id) && !resting.contains_key(id));
    let mut chosen = Vec::new();
    for id in free.take(room) {
        match ports.organizations.get(id).await {
            Ok(Some(organization)) => chosen.push((id, Ok(organization))),
            Ok(None) => {}
            Err(error) => chosen.push((id, Err(error.into()))),
        }
    }
    Ok(chosen)
}

async fn one(
    ports: Ports,
    options: SyncOptions,
    organization: Organization,
    stop: Stop,
    progress: Arc<dyn Progress>,
) -> Ended {
    let id = organization.id;
    // Nobody sits before it, so a vault that is sealed or does not answer is waited for.
    let ports = patiently(&ports, progress.clone());
    let answer = synchronize(&ports, id, Trigger::Schedule, &options, stop, &*progress)
        .boxed()
        .await;
    (organization, answer)
}

fn settle(
    ports: &Ports,
    done: Result<Ended, tokio::task::JoinError>,
    busy: &mut Vec<OrganizationId>,
    resting: &mut HashMap<OrganizationId, DateTime<Utc>>,
    observer: &dyn Observer,
) {
    match done {
        Ok((organization, answer)) => {
            busy.retain(|id| *id != organization.id);
            if answer.is_err() {
                resting.insert(organization.id, ports.clock.now() + REST);
            }
            observer.ended(&organization, &answer);
        }
        // A panic is a bug of ours; it must end the program loudly and not leave an organization unfollowed in silence.
        Err(error) => {
            if let Ok(panic) = error.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
            tracing::error!("a sync was ended from outside");
        }
    }
}

/// How long to wait before the next look.
async fn pause(ports: &Ports) -> Duration {
    let next = ports.organizations.next_due().await.ok().flatten();
    let left = next.map_or(LOOK, |next| {
        (next - ports.clock.now()).to_std().unwrap_or(PAUSE)
    });
    left.clamp(PAUSE, LOOK)
}
