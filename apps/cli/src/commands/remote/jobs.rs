//! Jobs of a server, and the person who waits for them.

use std::future::Future;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use org_core::use_cases::ProgressEvent;
use org_core::use_cases::follow::Stop;
use runtime::environment::Environment;
use runtime::remote::Verb;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::app::{self, App};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::check::Check;
use crate::output::sync::SyncRun;
use crate::progress::Line;
use crate::remote::{PAUSES, Remote, secret_text};

/// How long one request waits for the end of a job.
pub(super) const WAIT: Duration = Duration::from_secs(50);

/// The same while a person looks on, or may have to be told something any moment.
pub(super) const GLANCE: Duration = Duration::from_secs(1);

/// How long a request that begins something may still take when the person has stopped.
const LAST: Duration = Duration::from_secs(10);

/// A job, as far as it is of use here.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    state: String,
    #[serde(default)]
    steps: Vec<Step>,
    pub(super) sign_in: Option<TypedCode>,
    pub(super) authorization: Option<SignInPage>,
    pub(super) signed_in_as: Option<String>,
    pub(super) choice: Option<Choice>,
    pub(super) organization: Option<String>,
    #[serde(default)]
    pub(super) syncs: Vec<SyncRun>,
    pub(super) sync_problem: Option<Value>,
    pub(super) check: Option<Check>,
    problem: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    detail: String,
}

/// The code that a person has to type at the host.
#[derive(Debug, Deserialize)]
pub(super) struct TypedCode {
    uri: String,
    complete_uri: Option<String>,
    code: String,
    until: DateTime<Utc>,
}

impl From<TypedCode> for ProgressEvent {
    fn from(code: TypedCode) -> Self {
        Self::EnterCode {
            uri: code.uri,
            complete: code.complete_uri,
            code: code.code,
            until: code.until,
        }
    }
}

/// The page of the host where a person has to sign in.
#[derive(Debug, Deserialize)]
pub(super) struct SignInPage {
    #[serde(deserialize_with = "secret_text")]
    pub(super) url: SecretString,
    pub(super) redirect_uri: String,
}

/// What a person has to agree to, or to choose.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) check: Check,
    /// Why the choice before was not taken.
    pub(super) problem: Option<Value>,
}

impl Job {
    pub(super) fn is_running(&self) -> bool {
        self.state == "running"
    }

    fn has_failed(&self) -> bool {
        self.state == "failed"
    }

    /// The job, unless it came to nothing.
    pub(super) fn done(self, remote: &Remote) -> Result<Self> {
        match &self.problem {
            Some(problem) => Err(remote.problem(problem).into()),
            None => Ok(self),
        }
    }
}

/// Somebody who waits for a job.
pub(super) struct Follower<'a> {
    pub(super) remote: &'a Remote,
    pub(super) line: Line,
    stop: Stop,
    signs_in: bool,
    /// Whether the organization stands, so that there is nothing to be given up any more.
    stands: AtomicBool,
}

impl<'a> Follower<'a> {
    pub(super) fn new(app: &App, remote: &'a Remote) -> Result<Self> {
        Ok(Self {
            remote,
            line: Line::new(&app.output),
            stop: app::stop()?,
            signs_in: false,
            stands: AtomicBool::new(false),
        })
    }

    /// Begins a job, without waiting for anything of it.
    pub(super) async fn begin(
        &mut self,
        path: &[&str],
        query: &[(&'static str, String)],
        form: Option<&Value>,
    ) -> Result<Job> {
        self.signs_in = form.is_some_and(|form| form.get("sso").is_some());
        let mut query = query.to_vec();
        query.push(("wait", "0".to_owned()));
        let begun = Box::pin(self.remote.begin::<Job>(path, &query, form));
        let begun = match select(self.stop.clone(), begun).await {
            Either::Right((begun, _)) => return begun,
            Either::Left(((), begun)) => begun,
        };
        // What the server may be beginning now has an id only once it has answered.
        let timer = Environment::of_machine().timer;
        match select(timer.sleep(LAST), begun).await {
            Either::Right((begun, _)) => Err(self.stopped(&begun?.id).await),
            Either::Left(_) => Err(untold()),
        }
    }

    /// Has a request made, unless the person stops meanwhile.
    pub(super) async fn unless_stopped<T>(
        &self,
        id: &str,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match select(self.stop.clone(), Box::pin(request)).await {
            Either::Right((answered, _)) => answered,
            Either::Left(_) => Err(self.stopped(id).await),
        }
    }

    /// How long one request waits while there is nothing to be told.
    pub(super) fn patience() -> Duration {
        if std::io::stderr().is_terminal() {
            GLANCE
        } else {
            WAIT
        }
    }

    /// The job as it is by then, or as soon as it has ended. An answer that gets lost on the way is asked for again.
    pub(super) async fn look(&self, id: &str, wait: Duration) -> Result<Job> {
        let query = [("wait", wait.as_secs().to_string())];
        let path = ["jobs", id];
        let timer = Environment::of_machine().timer;
        let mut pauses = PAUSES.into_iter();
        loop {
            let next = Box::pin(self.remote.get::<Job>(&path, &query));
            let answered = match select(self.stop.clone(), next).await {
                Either::Left(_) => return Err(self.stopped(id).await),
                Either::Right((answered, _)) => answered,
            };
            let pause = match &answered {
                Err(Failure::Error(error)) if error.exit == Exit::Unavailable => pauses.next(),
                _ => None,
            };
            let Some(pause) = pause else {
                let job = answered?;
                self.stands
                    .store(job.organization.is_some(), Ordering::Relaxed);
                if let Some(step) = job.steps.last() {
                    self.line
                        .set(format!("{} {}", step.name, step.detail).trim());
                }
                return Ok(job);
            };
            self.line.set("the server does not answer; asking again");
            if let Either::Left(_) = select(self.stop.clone(), timer.sleep(pause)).await {
                return Err(self.stopped(id).await);
            }
        }
    }

    /// Waits for the end of a job of which a person has to be told nothing.
    pub(super) async fn ended(&self, mut job: Job) -> Result<Job> {
        while job.is_running() {
            let id = job.id.clone();
            job = self.look(&id, Self::patience()).await?;
        }
        job.done(self.remote)
    }

    /// Gives a sign-in up, because a person thought better of it.
    pub(super) async fn give_up(&self, id: &str) -> Failure {
        self.stopped(id).await
    }

    /// A person waits no longer: a sign-in is given up, and everything else goes on without them.
    async fn stopped(&self, id: &str) -> Failure {
        let told = |message: &str| Failure::from(CliError::new(Exit::Canceled, message));
        let goes_on = || told("no longer waited for; the server goes on");
        if !self.signs_in || self.stands.load(Ordering::Relaxed) {
            return goes_on();
        }
        let path = ["jobs", id];
        let given_up: Result<Job> = self.remote.send(Verb::Delete, &path, &[], None).await;
        let now = [("wait", "0".to_owned())];
        match given_up {
            Ok(job) if job.has_failed() => Failure::Canceled,
            Ok(_) => told("the server gives the sign-in up once it has ended what it is at"),
            Err(_) => match self.remote.get::<Job>(&path, &now).await {
                Ok(job) if job.has_failed() => Failure::Canceled,
                Ok(job) if job.organization.is_some() => {
                    told("it was too late to give the sign-in up; the server goes on")
                }
                Ok(_) => goes_on(),
                Err(_) => untold(),
            },
        }
    }
}

fn untold() -> Failure {
    CliError::new(
        Exit::Canceled,
        "the server could not be told to give the sign-in up",
    )
    .hinted("it is over by itself within the hour")
    .into()
}
