//! Connections that are being made, as the browser follows them: which steps there are, how far each is, and what was typed, so that a person can
//! change it and try again.
//!
//! Kept in memory alone: what must last is in the stores, and an attempt that a stopped server leaves behind is ended by the next clean-up.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use org_core::ids::{OrganizationId, UserId};
use org_core::ports::ProbeStep;
use org_core::use_cases::sign_in::BrowserAnswer;
use org_core::use_cases::{Progress, ProgressEvent};
use tokio::time::Instant;
use uuid::Uuid;

use super::form::Form;
use super::view::{counted, duration, sentence};
use crate::api::problem::Problem;
use crate::jobs::{Job, Outcome, Waits};

/// How many attempts are remembered.
const REMEMBERED: usize = 200;

/// The steps of connecting with a token.
pub(super) const TOKEN_STEPS: [&str; 4] = [REACH, AUTHENTICATE, PERMISSIONS, FIRST_LIST];

/// The steps of connecting by signing in at the host.
pub(super) const SIGN_IN_STEPS: [&str; 5] = [REACH, SIGN_IN, AUTHENTICATE, PERMISSIONS, FIRST_LIST];

const SIGN_IN: &str = "Sign in at the host";
const REACH: &str = "Reach the host";
const AUTHENTICATE: &str = "Authenticate";
const PERMISSIONS: &str = "Check permissions";
const CHOOSE: &str = "Choose the groups";
const FIRST_LIST: &str = "First list";
const KNOWN: &str = "Look for what is known";

/// All attempts of this program.
#[derive(Default)]
pub(crate) struct Board(Mutex<VecDeque<Arc<Attempt>>>);

impl Board {
    pub(super) fn put(&self, attempt: Arc<Attempt>) {
        let mut attempts = lock(&self.0);
        if attempts.len() >= REMEMBERED {
            // Whoever is still at one must find it.
            let over = attempts
                .iter()
                .position(|attempt| attempt.course().end.is_some());
            attempts.remove(over.unwrap_or_default());
        }
        attempts.push_back(attempt);
    }

    /// The attempt whose sign-in this answer belongs to.
    pub(super) fn asked_for(&self, answer: &BrowserAnswer) -> Option<Arc<Attempt>> {
        lock(&self.0)
            .iter()
            .find(|attempt| attempt.job.asked_for(answer))
            .cloned()
    }

    /// An attempt of that person.
    pub(super) fn find(&self, id: Uuid, owner: UserId) -> Option<Arc<Attempt>> {
        lock(&self.0)
            .iter()
            .find(|attempt| attempt.id() == id && attempt.job.is_of(owner))
            .cloned()
    }

    /// What that person began and has not come to its end, the newest first; an organization that stands is in the list by itself.
    pub(super) fn under_way(&self, owner: UserId) -> Vec<Arc<Attempt>> {
        let attempts = lock(&self.0);
        let under_way = |attempt: &&Arc<Attempt>| {
            let course = attempt.course();
            attempt.job.is_of(owner) && course.end.is_none() && course.organization.is_none()
        };
        attempts.iter().rev().filter(under_way).cloned().collect()
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an attempt is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Connect,
    Reconnect(OrganizationId),
}

/// An attempt to connect or reconnect.
pub(super) struct Attempt {
    /// The work itself; the attempt has the same id.
    pub(super) job: Arc<Job>,
    pub(super) purpose: Purpose,
    /// What it is called while it has no name of its own.
    pub(super) label: String,
    /// What was typed, without a token.
    pub(super) form: Form,
    course: Mutex<Course>,
    /// What was chosen last after a sign-in, with what was wrong with it.
    choice: Mutex<Option<Form>>,
}

/// How far an attempt is.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) steps: Vec<Step>,
    pub(super) end: Option<End>,
    /// The organization, once it stands.
    pub(super) organization: Option<OrganizationId>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    Done,
    Failed(Problem),
}

/// One step, as people see it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) state: StepState,
    pub(super) detail: String,
    pub(super) probes: Vec<ProbeStep>,
    begun: Option<Instant>,
    took: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepState {
    Pending,
    Running,
    Done,
    Failed,
}

impl Step {
    pub(super) const fn new(title: &'static str) -> Self {
        Self {
            title,
            state: StepState::Pending,
            detail: String::new(),
            probes: Vec::new(),
            begun: None,
            took: None,
        }
    }

    /// How long it took, or takes by now.
    pub(super) fn took(&self) -> Option<String> {
        self.took
            .or_else(|| self.begun.map(|begun| begun.elapsed()))
            .map(duration)
    }

    fn begin(&mut self) {
        self.state = StepState::Running;
        self.begun = Some(Instant::now());
    }

    fn end(&mut self, state: StepState) {
        if self.state == StepState::Running {
            self.took = self.begun.map(|begun| begun.elapsed());
        }
        self.state = state;
    }
}

impl Attempt {
    pub(super) fn new(
        job: Arc<Job>,
        (purpose, label): (Purpose, String),
        form: Form,
        steps: &[&'static str],
    ) -> Self {
        Self {
            job,
            purpose,
            label,
            form,
            course: Mutex::new(Course {
                steps: steps.iter().map(|title| Step::new(title)).collect(),
                end: None,
                organization: None,
            }),
            choice: Mutex::new(None),
        }
    }

    pub(super) fn id(&self) -> Uuid {
        self.job.id
    }

    pub(super) fn course(&self) -> Course {
        let mut course = lock(&self.course).clone();
        // What broke off has told nobody of its end.
        if course.end.is_none()
            && let Some(Outcome::Failed(problem)) = self.job.now().outcome
        {
            course.end = Some(End::Failed(problem));
        }
        course
    }

    /// What a person has to do before anything goes on.
    pub(super) fn waits(&self) -> Option<Waits> {
        self.job.now().waits
    }

    fn change(&self, change: impl FnOnce(&mut Course)) {
        change(&mut lock(&self.course));
    }

    /// What was chosen last.
    pub(super) fn choice(&self) -> Option<Form> {
        lock(&self.choice).clone()
    }

    pub(super) fn remember_choice(&self, form: Form) {
        *lock(&self.choice) = Some(form);
    }

    /// The organization stands; what follows is its first list.
    pub(super) fn stands(&self, organization: OrganizationId) {
        self.change(|course| {
            course.organization = Some(organization);
            course.begin(FIRST_LIST);
        });
    }

    /// All is done, and this came of the last step.
    pub(super) fn done(&self, detail: String) {
        self.change(|course| {
            if let Some(last) = course.steps.last_mut() {
                last.detail = detail;
            }
            for step in &mut course.steps {
                step.end(StepState::Done);
            }
            course.end = Some(End::Done);
        });
    }

    /// The last step did not succeed, but what was to be made stands.
    pub(super) fn done_but(&self, detail: String) {
        self.change(|course| {
            if let Some(last) = course.steps.last_mut() {
                last.end(StepState::Failed);
                last.detail = detail;
            }
            course.end = Some(End::Done);
        });
    }

    /// It came to nothing.
    pub(super) fn failed(&self, problem: Problem) {
        self.change(|course| {
            let first = |state| course.steps.iter().position(|step| step.state == state);
            // What fails before anything was begun is no step's fault.
            let at = first(StepState::Running)
                .or_else(|| first(StepState::Done).and_then(|_| first(StepState::Pending)));
            if let Some(step) = at.and_then(|at| course.steps.get_mut(at)) {
                step.end(StepState::Failed);
                step.detail = sentence(&problem.body.detail);
            }
            course.end = Some(End::Failed(problem));
        });
    }
}

impl Course {
    fn begin(&mut self, title: &'static str) {
        for step in &mut self.steps {
            if step.state == StepState::Running {
                step.end(StepState::Done);
            }
        }
        if let Some(step) = self.steps.iter_mut().find(|step| step.title == title) {
            step.begin();
        } else {
            let mut step = Step::new(title);
            step.begin();
            let at = self
                .steps
                .iter()
                .position(|step| step.state == StepState::Pending);
            self.steps.insert(at.unwrap_or(self.steps.len()), step);
        }
    }

    fn running(&mut self) -> Option<&mut Step> {
        self.steps
            .iter_mut()
            .find(|step| step.state == StepState::Running)
    }
}

/// What people read for a step of a use case.
fn title(step: &str) -> Option<&'static str> {
    Some(match step {
        "sign in" => SIGN_IN,
        "choose the groups" => CHOOSE,
        "reach the host" => REACH,
        "authenticate" | "exchange the code" => AUTHENTICATE,
        "check permissions" => PERMISSIONS,
        "first list" => FIRST_LIST,
        "look for what is known" => KNOWN,
        _ => return None,
    })
}

/// What an event of a sync says in one line.
pub(super) fn line(event: &ProgressEvent) -> String {
    match event {
        ProgressEvent::Started { step } => sentence(step),
        ProgressEvent::Reached(step) => format!("{} reached", step.kind.as_str()),
        ProgressEvent::Listed {
            repositories,
            groups,
        } => {
            let repositories = counted(*repositories, "repository", "repositories");
            match groups {
                0 => format!("{repositories} so far"),
                groups => format!(
                    "{repositories} and {} so far",
                    counted(*groups, "group", "groups")
                ),
            }
        }
        ProgressEvent::Waiting(wait) => {
            format!(
                "Waiting until {}: {}",
                wait.until.format("%H:%M:%S UTC"),
                wait.reason
            )
        }
        ProgressEvent::Confirmed { done, total } => {
            format!("{done} of {total} missing repositories confirmed with the host")
        }
        ProgressEvent::EnterCode { code, .. } => format!("Waiting for the code {code}"),
        ProgressEvent::Applying { changes } => {
            format!("Storing {}", counted(*changes, "change", "changes"))
        }
    }
}

impl Progress for Attempt {
    fn report(&self, event: ProgressEvent) {
        self.change(|course| {
            // From the moment that it stands, everything belongs to the first list.
            if course.organization.is_none()
                && let ProgressEvent::Started { step } = event
            {
                if let Some(title) = title(step) {
                    course.begin(title);
                }
                return;
            }
            let Some(step) = course.running() else { return };
            match event {
                ProgressEvent::Reached(probe) => step.probes.push(probe),
                event => step.detail = line(&event),
            }
        });
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
