//! Work that goes on when its request was answered: connecting, and syncs that a person asked for. Whoever began it looks at how far it is, or waits
//! for its end.
//!
//! Jobs are kept in memory alone. What they do is safe to lose: a program that ends leaves an attempt that is cleaned up, or a sync that the next
//! start makes up for.

mod job;
mod sign_in;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::metrics::Label;
use axum::http::StatusCode;
use futures_util::FutureExt;
use org_core::ids::{OrganizationId, UserId};
use org_core::organization::Organization;
use org_core::sync::run::{SyncRun, Trigger};
use org_core::use_cases::{Progress, ProgressEvent, UseCaseError};
use tokio::sync::{
    Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use self::job::Talk;
use crate::api::problem::Problem;
use crate::state::AppState;
use crate::workers;

pub use self::job::{Job, Kind, Outcome, Progressed};
pub use self::sign_in::{Choice, SignInPage, Waits};
pub(crate) use self::sign_in::{Cover, SignIn, Wanted, Way, initiator};

/// How many jobs are done at a time; more wait.
const AT_A_TIME: usize = 8;

/// How many jobs may wait or be done; beyond it a request is refused.
const MOST: usize = 200;

/// How many jobs are remembered, those that ended included.
const REMEMBERED: usize = 1000;

/// How many sign-ins may wait for a person. They are cheap, but whoever begins ever more of them must not take the room of all other work.
const SIGN_INS: usize = 64;

/// All jobs, and how far each sync of this program has come.
pub struct Jobs {
    running: AsyncMutex<JoinSet<()>>,
    room: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
    known: Mutex<Known>,
    syncs: Mutex<HashMap<OrganizationId, ProgressEvent>>,
}

#[derive(Default)]
struct Known {
    jobs: HashMap<Uuid, Arc<Job>>,
    /// The oldest first.
    order: VecDeque<Uuid>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self {
            running: AsyncMutex::new(JoinSet::new()),
            room: Arc::new(Semaphore::new(AT_A_TIME)),
            sign_ins: Arc::new(Semaphore::new(SIGN_INS)),
            known: Mutex::new(Known::default()),
            syncs: Mutex::new(HashMap::new()),
        }
    }

    /// Begins a job. Its work gets the job itself to tell how far it is.
    pub async fn begin<F>(
        &self,
        state: &AppState,
        about: (Kind, String),
        owner: impl Into<Option<UserId>> + Send,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<Arc<Job>, Problem>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let room = self.room.clone();
        let in_turn = |job| {
            let work = Box::pin(work(job));
            async move {
                let _place = place(room).await;
                work.await
            }
        };
        self.spawn(state, about, owner.into(), None, in_turn).await
    }

    /// Begins a job in which a person signs in. It takes no place from others while they are waited for; what it does afterwards takes one.
    pub async fn begin_sign_in<F>(
        &self,
        state: &AppState,
        about: (Kind, String),
        owner: UserId,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<Arc<Job>, Problem>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let waiting = self.sign_ins.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{SIGN_INS} sign-ins wait for a person already");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_jobs", message)
                .hinted("finish them or give them up; each is over within the hour")
                .retry_after(60)
        })?;
        let talk = Some(Talk::new(waiting));
        self.spawn(state, about, Some(owner), talk, work).await
    }

    async fn spawn<F>(
        &self,
        state: &AppState,
        about: (Kind, String),
        owner: Option<UserId>,
        talk: Option<Talk>,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<Arc<Job>, Problem>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        refuse_when_stopping(state)?;
        let (id, now) = (state.ports().ids.next_id(), state.ports().clock.now());
        let job = Arc::new(Job::new((id, now), about, owner, talk));
        let mut running = self.with_room().await?;
        // Only now, so that whatever begins with it is sure to be done.
        let work = work(job.clone());
        self.remember(&job);
        let ended = job.clone();
        running.spawn(async move {
            // What goes wrong in one job is no reason to have its followers wait for ever.
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| {
                tracing::error!(job = %ended.id, "a job broke off");
                let message = "the work broke off, which is a defect of this program";
                let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message);
                Outcome::Failed(problem.hinted("the log of the server tells more"))
            });
            ended.change(|state| {
                state.waits = None;
                state.outcome = Some(outcome);
            });
        });
        Ok(job)
    }

    /// What is under way, if there is room for more.
    async fn with_room(&self) -> Result<AsyncMutexGuard<'_, JoinSet<()>>, Problem> {
        let mut running = self.running.lock().await;
        // What has ended is taken out, so that the set does not grow for ever.
        while running.try_join_next().is_some() {}
        if running.len() >= MOST {
            let message = "so much work is under way that no more is begun";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_jobs", message);
            return Err(problem.hinted("try again later").retry_after(30));
        }
        Ok(running)
    }

    /// Does work of one request to its end, even if whoever asked goes away meanwhile: a handler is dropped then, and what it had
    /// asked of a host would be answered to nobody.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        state: &AppState,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        refuse_when_stopping(state)?;
        let (tell, told) = oneshot::channel();
        self.with_room().await?.spawn(async move {
            // Nobody may be there any more; then it is done all the same.
            let _ = tell.send(work.await);
        });
        let lost = |_| {
            let message = "the work was cut off";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
        };
        told.await.map_err(lost)
    }

    fn remember(&self, job: &Arc<Job>) {
        let mut known = lock(&self.known);
        known.jobs.insert(job.id, job.clone());
        known.order.push_back(job.id);
        // Whoever waits for one that is under way must find it.
        let mut spared = known.order.len().saturating_sub(REMEMBERED);
        while spared > 0
            && let Some(at) = known.order.iter().position(|id| {
                let job = known.jobs.get(id);
                job.is_none_or(|job| job.now().outcome.is_some())
            })
        {
            if let Some(id) = known.order.remove(at) {
                known.jobs.remove(&id);
            }
            spared -= 1;
        }
    }

    /// The job of that id; `None` if there never was, or if it is forgotten.
    pub fn find(&self, id: Uuid) -> Option<Arc<Job>> {
        lock(&self.known).jobs.get(&id).cloned()
    }

    /// Has an organization synchronized, and again for as long as somebody asks for one more meanwhile.
    pub async fn synchronize(
        &self,
        state: &AppState,
        organization: Organization,
        trigger: Trigger,
        owner: impl Into<Option<UserId>> + Send,
    ) -> Result<Arc<Job>, Problem> {
        let about = (Kind::Sync, organization.name.to_string());
        self.begin(state, about, owner, |job| {
            synced(state.clone(), organization, trigger, job)
        })
        .await
    }

    /// Has something small done later, such as to begin a job then. The server waits for it when it stops.
    pub(crate) async fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().await;
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    /// How far the sync of an organization has come, if this program is at it.
    pub fn progress(&self, organization: OrganizationId) -> Option<ProgressEvent> {
        lock(&self.syncs).get(&organization).cloned()
    }

    /// How many syncs this program is at.
    pub(crate) fn syncs_running(&self) -> usize {
        lock(&self.syncs).len()
    }

    /// Takes how far the sync of an organization has come.
    #[expect(
        clippy::unused_self,
        reason = "whoever reports asks the jobs for it, which have what is reported"
    )]
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
        lock(&self.syncs).remove(&organization);
    }

    /// Waits for everything that was begun.
    pub(crate) async fn finish(&self) {
        loop {
            // The lock is not held meanwhile: what ends may want to begin something, and is told that it is too late.
            let mut ending = std::mem::take(&mut *self.running.lock().await);
            if ending.is_empty() {
                return;
            }
            while ending.join_next().await.is_some() {}
        }
    }
}

/// One of the places for work that goes on at the same time.
#[derive(Debug)]
struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

async fn place(room: Arc<Semaphore>) -> Place {
    Place {
        // The room is never closed, so that a permit always comes.
        _permit: room.acquire_owned().await.ok(),
    }
}

fn refuse_when_stopping(state: &AppState) -> Result<(), Problem> {
    if state.stop().now_or_never().is_none() {
        return Ok(());
    }
    let message = "the server is stopping";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    Err(problem.hinted("try again in a moment").retry_after(5))
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

async fn synced(
    state: AppState,
    organization: Organization,
    trigger: Trigger,
    job: Arc<Job>,
) -> Outcome {
    match sync_within(&state, &organization, trigger, &*job).await {
        Ok(runs) => Outcome::Synced(runs),
        Err(error) => Outcome::Failed(error.into()),
    }
}

/// The same where a job did something before: one that waited for a person takes its place among the others now.
pub(crate) async fn sync_in_turn(
    state: &AppState,
    job: &Job,
    organization: &Organization,
    trigger: Trigger,
    watch: &dyn Progress,
) -> Result<Vec<SyncRun>, UseCaseError> {
    let _place = if job.signs_in() {
        Some(place(state.jobs().room.clone()).await)
    } else {
        None
    };
    sync_within(state, organization, trigger, watch).await
}

/// Synchronizes an organization as a part of a job, and again for as long as somebody asks for one more meanwhile.
async fn sync_within(
    state: &AppState,
    organization: &Organization,
    trigger: Trigger,
    watch: &dyn Progress,
) -> Result<Vec<SyncRun>, UseCaseError> {
    let id = organization.id;
    let reporter = state.jobs().reporter(state, id);
    let options = state.runtime().sync_options();
    let runs = runtime::sync::until_done(
        state.ports(),
        &options,
        id,
        trigger,
        state.stop(),
        &Both(&*reporter, watch),
    )
    .await;
    state.jobs().quiet(id);
    let runs = runs?;
    for run in &runs {
        workers::ended(state, organization, run);
    }
    if let Some(last) = runs.last()
        && let Err(error) = runtime::sync::due_again(state.ports(), last).await
    {
        tracing::warn!(%error, "what was cut off waits for its next time");
    }
    Ok(runs)
}

/// Tells two who watch.
pub(crate) struct Both<'a>(pub(crate) &'a dyn Progress, pub(crate) &'a dyn Progress);

impl Progress for Both<'_> {
    fn report(&self, event: ProgressEvent) {
        self.0.report(event.clone());
        self.1.report(event);
    }
}

/// Tells whoever watches the organization.
struct Reporter {
    state: AppState,
    organization: OrganizationId,
}

impl Progress for Reporter {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::Waiting(_) = &event {
            let label = Vec::<Label>::new();
            self.state
                .metrics()
                .count("forgehold_host_waits_total", label, 1);
        }
        lock(&self.state.jobs().syncs).insert(self.organization, event);
    }
}
