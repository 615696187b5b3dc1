//! The work inside of the server: what is due is synchronized, what a person asked for goes on when its request was answered, and what is over is
//! forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::metrics::Label;
use org_core::organization::Organization;
use org_core::sync::run::{RunOutcome, RunState, SyncRun};
use org_core::use_cases::follow::SyncAnswer;
use org_core::use_cases::{Progress, UseCaseError, accounts};
use runtime::scheduler::{self, Chore, Observer};

use crate::http::tls::Certificate;
use crate::state::AppState;

/// How often what is over is forgotten.
const SWEEP: Duration = Duration::from_mins(10);

/// Runs until the server is told to stop; syncs under way are stopped with it and waited for.
pub(crate) async fn follow(state: AppState, certificate: Option<Arc<Certificate>>) {
    let runtime = state.runtime().clone();
    let observer = Watcher {
        state: state.clone(),
        cut_off: Mutex::new(Vec::new()),
    };
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
    let alive = keep_alive(&state);
    let renewed = async {
        if let Some(certificate) = certificate {
            let timer = state.ports().timer.clone();
            certificate.follow(timer, state.stop()).await;
        }
    };
    tokio::join!(scheduled, sweeping, feed, alive, renewed);
    let cut_off = std::mem::take(&mut *observer.cut_off());
    for run in &cut_off {
        if let Err(error) = runtime::sync::due_again(runtime.ports(), run).await {
            tracing::warn!(%error, "what was cut off waits for its next time");
        }
    }
    state.jobs().finish().await;
}

/// Keeps the token of the password manager's server alive, so that the first sync after a quiet time need not log in again.
async fn keep_alive(state: &AppState) {
    let mut stop = state.stop();
    tokio::select! {
        () = &mut stop => {}
        () = state.runtime().keep_alive() => {}
    }
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
        let now = state.ports().clock.now();
        if let Err(error) = state.accounts().answers.forget_answers(now).await {
            tracing::warn!(%error, "answers that are over cannot be forgotten");
        }
    }
}

/// Counts and logs what the loop does, and remembers what the end of the program cuts off: the next start makes up for it.
struct Watcher {
    state: AppState,
    cut_off: Mutex<Vec<SyncRun>>,
}

impl Watcher {
    fn cut_off(&self) -> MutexGuard<'_, Vec<SyncRun>> {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watcher {
    fn started(&self, organization: &Organization) -> Arc<dyn Progress> {
        tracing::info!(organization = %organization.name, "sync started");
        self.state.jobs().reporter(&self.state, organization.id)
    }

    fn ended(&self, organization: &Organization, answer: &Result<SyncAnswer, UseCaseError>) {
        self.state.jobs().quiet(organization.id);
        match answer {
            Ok(SyncAnswer::Ran { run, .. }) => {
                ended(&self.state, organization, run);
                if run.outcome() == Some(&RunOutcome::Canceled) {
                    self.cut_off().push(run.clone());
                }
            }
            Ok(SyncAnswer::Busy { .. }) => {
                tracing::info!(organization = %organization.name, "another program is at it");
            }
            Err(error) => {
                tracing::warn!(organization = %organization.name, %error, "sync could not be started");
            }
        }
    }

    fn troubled(&self, chore: Chore, error: &UseCaseError) {
        match chore {
            Chore::FindDue | Chore::Read => tracing::error!(%error, "{chore}"),
            // Nothing stands still for want of these, and they are done again in an hour.
            Chore::CleanUpAttempts | Chore::CleanUpSignIns | Chore::Remind => {
                tracing::warn!(%error, "{chore}");
            }
        }
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
