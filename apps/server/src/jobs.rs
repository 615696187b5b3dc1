//! Work that goes on when its request was answered: connecting, and syncs that a person asked for. Whoever began it looks at how far it is, or waits
//! for its end.
//!
//! Jobs are kept in memory alone. What they do is safe to lose: a program that ends leaves an attempt that is cleaned up, or a sync that the next
//! start makes up for.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::metrics::Label;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use org_core::ids::{OrganizationId, UserId};
use org_core::organization::Organization;
use org_core::sync::run::{SyncRun, Trigger};
use org_core::use_cases::follow::Stop;
use org_core::use_cases::{Progress, ProgressEvent, UseCaseError};
use tokio::sync::{
    Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot,
    watch,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::body::job::{self as body, Listed, SignInCode, Step};
use crate::api::body::sync::SyncRun as SyncRunBody;
use crate::api::body::time::stamp;
use crate::api::problem::Problem;
use crate::state::AppState;
use crate::workers;

/// How many jobs are done at a time; more wait.
const AT_A_TIME: usize = 8;

/// How many jobs may wait or be done; beyond it a request is refused.
const MOST: usize = 200;

/// How many jobs are remembered, those that ended included.
const REMEMBERED: usize = 1000;

/// How many steps a job tells.
const STEPS: usize = 50;

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An organization is connected.
    Connect,
    /// An organization gets another credential.
    Reconnect,
    /// An organization is synchronized.
    Sync,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reconnect => "reconnect",
            Self::Sync => "sync",
        }
    }
}

/// What came of a job.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The organization stands, or has its new credential.
    Stands {
        /// Which one.
        organization: OrganizationId,
        /// The syncs that followed in the same job.
        syncs: Vec<SyncRun>,
    },
    /// Somebody signed in; what shall be covered is chosen next, and making an organization of it is a job of its own.
    SignedIn,
    /// These syncs ran; none at all means that it was stopped while it waited.
    Synced(Vec<SyncRun>),
    /// It was not done.
    Failed(Problem),
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
pub struct Progressed {
    /// The steps, the newest last.
    pub steps: Vec<Step>,
    /// How far the list was read.
    pub listed: Option<Listed>,
    /// The code that a person has to type at the host.
    pub code: Option<SignInCode>,
    /// What came of it; `None` while it is being done.
    pub outcome: Option<Outcome>,
}

/// A job.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What it is about.
    pub kind: Kind,
    /// Who began it; `None` where a rule did.
    pub owner: Option<UserId>,
    /// The name of the organization.
    pub name: String,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    state: watch::Sender<Progressed>,
    given_up: watch::Sender<bool>,
}

impl Job {
    /// How far it is now.
    pub fn now(&self) -> Progressed {
        self.state.borrow().clone()
    }

    /// Sees each change of how far it is.
    pub fn watch(&self) -> watch::Receiver<Progressed> {
        self.state.subscribe()
    }

    /// Waits for its end, at most so long; answers what came of it, if anything did by then.
    pub async fn wait(&self, at_most: Duration) -> Option<Outcome> {
        let mut seen = self.watch();
        let ended = seen.wait_for(|state| state.outcome.is_some());
        match tokio::time::timeout(at_most, ended).await {
            Ok(Ok(state)) => state.outcome.clone(),
            _ => self.now().outcome,
        }
    }

    /// The same, but a code that a person has to type ends the wait too: without it nothing goes on.
    pub async fn wait_or_code(&self, at_most: Duration) -> Option<Outcome> {
        let mut seen = self.watch();
        let ended = seen.wait_for(|state| state.outcome.is_some() || state.code.is_some());
        // Either way, what is so now is answered.
        let _ = tokio::time::timeout(at_most, ended).await;
        self.now().outcome
    }

    /// Ends a sign-in that waits for a person; `false` if that is not what it does.
    pub fn give_up(&self) -> bool {
        let Progressed { code, outcome, .. } = self.now();
        let waits = code.is_some() && outcome.is_none();
        if waits {
            self.given_up.send_replace(true);
        }
        waits
    }

    /// Comes when the server stops, or when somebody gives the job up.
    pub(crate) fn stop(&self, server: Stop) -> Stop {
        let mut given_up = self.given_up.subscribe();
        let stop = async move {
            tokio::select! {
                () = server => {}
                _ = given_up.wait_for(|given_up| *given_up) => {}
            }
        };
        stop.boxed().shared()
    }

    /// As programs of that user read it: whoever has the code of a sign-in decides with which account it is done.
    pub fn body_for(&self, user: Option<UserId>) -> body::Job {
        let mut body = self.body();
        let Progressed { code, outcome, .. } = self.now();
        if outcome.is_none() && self.owner.is_some() && self.owner == user {
            body.sign_in = code;
        }
        body
    }

    /// As programs read it.
    pub fn body(&self) -> body::Job {
        let Progressed {
            steps,
            listed,
            outcome,
            ..
        } = self.now();
        let mut body = body::Job {
            id: self.id.to_string(),
            kind: self.kind.as_str().to_owned(),
            organization_name: self.name.clone(),
            state: "running".to_owned(),
            started_at: stamp(self.started_at),
            steps,
            listed,
            sign_in: None,
            organization: None,
            syncs: Vec::new(),
            problem: None,
        };
        match outcome {
            None => {}
            Some(Outcome::Failed(problem)) => {
                "failed".clone_into(&mut body.state);
                body.problem = Some(*problem.body);
            }
            Some(Outcome::Stands {
                organization,
                syncs,
            }) => {
                "done".clone_into(&mut body.state);
                body.organization = Some(organization.to_string());
                let run = |run| SyncRunBody::new(run, &self.name);
                body.syncs = syncs.iter().map(run).collect();
            }
            Some(Outcome::SignedIn) => "done".clone_into(&mut body.state),
            Some(Outcome::Synced(runs)) => {
                "done".clone_into(&mut body.state);
                let run = |run| SyncRunBody::new(run, &self.name);
                body.syncs = runs.iter().map(run).collect();
            }
        }
        body
    }
}

impl Progress for Job {
    fn report(&self, event: ProgressEvent) {
        let begun = |name: &str| Step {
            name: name.to_owned(),
            state: "begun".to_owned(),
            detail: String::new(),
            milliseconds: None,
        };
        self.state.send_modify(|state| {
            let step = match event {
                ProgressEvent::Started { step } => {
                    // What was waited for is there.
                    state.code = None;
                    begun(step)
                }
                ProgressEvent::EnterCode {
                    uri,
                    complete,
                    code,
                    until,
                } => {
                    state.code = Some(SignInCode {
                        uri,
                        complete_uri: complete,
                        code,
                        until: stamp(until),
                    });
                    begun("sign in")
                }
                ProgressEvent::Reached(step) => (&step).into(),
                ProgressEvent::Listed {
                    repositories,
                    groups,
                } => {
                    state.listed = Some(Listed {
                        repositories,
                        groups,
                    });
                    return;
                }
                ProgressEvent::Waiting(wait) => Step {
                    detail: format!("{}, until {}", wait.reason, stamp(wait.until)),
                    ..begun("wait")
                },
                ProgressEvent::Confirmed { done, total } => {
                    let step = Step {
                        detail: format!("{done} of {total}"),
                        ..begun("confirm what is missing")
                    };
                    state.steps.retain(|known| known.name != step.name);
                    step
                }
                ProgressEvent::Applying { changes } => Step {
                    detail: format!("{changes} changes"),
                    ..begun("store")
                },
            };
            if state.steps.len() == STEPS {
                state.steps.remove(0);
            }
            state.steps.push(step);
        });
    }
}

/// All jobs, and how far each sync of this program has come.
pub struct Jobs {
    running: AsyncMutex<JoinSet<()>>,
    room: Arc<Semaphore>,
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
        self.begin_waiting(state, about, owner, in_turn).await
    }

    /// Begins a job that mostly waits for a person. It takes no place from others meanwhile; what it does afterwards takes one.
    pub async fn begin_waiting<F>(
        &self,
        state: &AppState,
        (kind, name): (Kind, String),
        owner: impl Into<Option<UserId>> + Send,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<Arc<Job>, Problem>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        refuse_when_stopping(state)?;
        let job = Arc::new(Job {
            id: state.ports().ids.next_id(),
            kind,
            owner: owner.into(),
            name,
            started_at: state.ports().clock.now(),
            state: watch::Sender::new(Progressed::default()),
            given_up: watch::Sender::new(false),
        });
        let work = work(job.clone());
        let mut running = self.with_room().await?;
        self.remember(&job);
        let ended = job.clone();
        running.spawn(async move {
            let outcome = work.await;
            ended
                .state
                .send_modify(|state| state.outcome = Some(outcome));
        });
        Ok(job)
    }

    /// One of the places for work that goes on at the same time; it is free again once it is dropped.
    pub(crate) async fn place(&self) -> Place {
        place(self.room.clone()).await
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
        while known.order.len() > REMEMBERED {
            if let Some(oldest) = known.order.pop_front() {
                known.jobs.remove(&oldest);
            }
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
pub(crate) struct Place {
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

/// Synchronizes an organization as a part of a job, and again for as long as somebody asks for one more meanwhile.
pub(crate) async fn sync_within(
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
