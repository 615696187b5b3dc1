//! The work inside of the server: what is due is synchronized, what a person asked for goes on when its request was answered, and what is over is
//! forgotten.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::Label;
use org_core::ids::OrganizationId;
use org_core::organization::Organization;
use org_core::sync::run::{RunState, SyncRun};
use org_core::use_cases::follow::SyncAnswer;
use org_core::use_cases::{Progress, ProgressEvent, UseCaseError, accounts};
use runtime::scheduler::{self, Observer};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::JoinSet;

use crate::state::AppState;

/// How often what is over is forgotten.
const SWEEP: Duration = Duration::from_mins(10);

/// Runs until the server is told to stop; syncs under way are stopped with it and waited for.
pub(crate) async fn follow(state: AppState) {
    let runtime = state.runtime().clone();
    let observer = Watcher(state.clone());
    let sweeping = sweep(&state);
    let feed = state.feed().follow();
    let options = runtime.sync_options();
    let scheduled = scheduler::run(
        runtime.ports(),
        &options,
        runtime.concurrency(),
        state.stop(),
        &observer,
    );
    tokio::join!(scheduled, sweeping, feed);
    state.jobs().finish().await;
}

async fn sweep(state: &AppState) {
    let mut stop = state.stop();
    loop {
        let pause = state.ports().timer.sleep(SWEEP);
        tokio::select! {
            () = &mut stop => return,
            () = pause => {}
        }
        if let Err(error) = accounts::sweep(state.accounts(), state.session_lifetimes()).await {
            tracing::warn!(%error, "sessions that are over cannot be forgotten");
        }
    }
}

/// Counts and logs what the loop does.
struct Watcher(AppState);

impl Observer for Watcher {
    fn started(&self, organization: &Organization) -> Arc<dyn Progress> {
        tracing::info!(organization = %organization.name, "sync started");
        self.0.jobs().reporter(&self.0, organization.id)
    }

    fn ended(&self, organization: &Organization, answer: &Result<SyncAnswer, UseCaseError>) {
        self.0.jobs().quiet(organization.id);
        match answer {
            Ok(SyncAnswer::Ran { run, .. }) => ended(&self.0, organization, run),
            Ok(SyncAnswer::Busy { .. }) => {
                tracing::info!(organization = %organization.name, "another program is at it");
            }
            Err(error) => {
                tracing::warn!(organization = %organization.name, %error, "sync could not be started")
            }
        }
    }

    fn troubled(&self, error: &UseCaseError) {
        tracing::error!(%error, "what is due cannot be found out");
    }
}

/// Counts and logs a sync that ended.
pub(crate) fn ended(state: &AppState, organization: &Organization, run: &SyncRun) {
    let metrics = state.metrics();
    let label = vec![Label::new("state", run.state_word())];
    metrics.count("forgehold_syncs_total", label, 1);
    metrics.count("forgehold_host_requests_total", Vec::new(), run.requests);
    if let RunState::Ended { at, .. } = run.state
        && let Ok(took) = (at - run.started_at).to_std()
    {
        metrics.took("forgehold_sync_seconds", Vec::new(), took);
    }
    tracing::info!(
        organization = %organization.name,
        sync = %run.id,
        state = run.state_word(),
        requests = run.requests,
        seen = run.counts.seen,
        "sync ended"
    );
}

/// Work that goes on when its request was answered, and how far each sync of this program has come.
pub struct Jobs {
    running: AsyncMutex<JoinSet<()>>,
    progress: Mutex<HashMap<OrganizationId, ProgressEvent>>,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self {
            running: AsyncMutex::new(JoinSet::new()),
            progress: Mutex::new(HashMap::new()),
        }
    }

    /// Has a piece of work done. The server waits for it when it stops.
    pub async fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().await;
        // What has ended is taken out, so that the set does not grow for ever.
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    /// How far the sync of an organization has come, if this program is at it.
    pub fn progress(&self, organization: OrganizationId) -> Option<ProgressEvent> {
        self.lock().get(&organization).cloned()
    }

    /// Takes how far the sync of an organization has come.
    pub(crate) fn reporter(
        &self,
        state: &AppState,
        organization: OrganizationId,
    ) -> Arc<dyn Progress> {
        Arc::new(Reporter {
            state: state.clone(),
            organization,
        })
    }

    /// The sync of an organization has ended.
    pub(crate) fn quiet(&self, organization: OrganizationId) {
        self.lock().remove(&organization);
    }

    async fn finish(&self) {
        let mut running = self.running.lock().await;
        while running.join_next().await.is_some() {}
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<OrganizationId, ProgressEvent>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

struct Reporter {
    state: AppState,
    organization: OrganizationId,
}

impl Progress for Reporter {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::Waiting(_) = &event {
            self.state
                .metrics()
                .count("forgehold_host_waits_total", Vec::new(), 1);
        }
        self.state.jobs().lock().insert(self.organization, event);
    }
}
