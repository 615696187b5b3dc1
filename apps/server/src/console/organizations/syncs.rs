//! Sync runs: what each saw and changed, and the one that waits for a decision.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use org_core::ids::{RepositoryId, SyncId};
use org_core::license::pool::SeatKey;
use org_core::organization::Organization;
use org_core::ports::EventFilter;
use org_core::sync::run::{Counts, RunOutcome, RunState, SyncRun, Trigger};
use org_core::use_cases::review::{self, Verdict};
use serde::Deserialize;

use super::Named;
use super::show::{Head, Tab, frame};
use crate::api::problem::Problem;
use crate::auth::{Csrf, CurrentUser, Operator};
use crate::console::form::Form;
use crate::console::frame::{Frame, Notice, go_with, render};
use crate::console::history::{EventView, Names};
use crate::console::urls;
use crate::console::view::{Badge, Stamp, counted, duration, sentence, thousands};
use crate::state::AppState;

/// How many runs a page has.
const RUNS: u32 = 50;

/// How many of the repositories that would vanish are shown.
const VANISHING: usize = 500;

/// One run in a list.
pub(in crate::console) struct RunRow {
    pub(in crate::console) url: String,
    pub(in crate::console) started: Stamp,
    pub(in crate::console) trigger: &'static str,
    pub(in crate::console) badge: Badge,
    pub(in crate::console) note: String,
    pub(in crate::console) seen: String,
    pub(in crate::console) changes: String,
    pub(in crate::console) requests: String,
    pub(in crate::console) took: String,
}

const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Connect => "Connected",
        Trigger::Reconnect => "Reconnected",
        Trigger::Schedule => "Schedule",
        Trigger::Manual => "By hand",
        Trigger::Approval => "Approval",
        Trigger::Requested => "Asked for meanwhile",
    }
}

/// What changed, in words; a dash where nothing did.
fn changes(counts: &Counts) -> String {
    let words: Vec<String> = [
        (counts.added, "new"),
        (counts.renamed, "renamed"),
        (counts.moved, "moved"),
        (counts.archived, "archived"),
        (counts.marked, "marked for deletion"),
        (counts.vanished, "vanished"),
        (counts.returned, "returned"),
        (counts.updated, "updated"),
        (counts.licensed, "licensed"),
        (counts.waiting, "waiting"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{} {word}", thousands(count)))
    .collect();
    if words.is_empty() {
        "No change".to_owned()
    } else {
        words.join(", ")
    }
}

/// What a run says beyond its state.
fn note(run: &SyncRun) -> String {
    match run.outcome() {
        Some(RunOutcome::Partial { missing }) => {
            format!(
                "Missing: {}",
                counted(missing.len() as u64, "part", "parts")
            )
        }
        Some(RunOutcome::Held {
            vanishing, known, ..
        }) => {
            format!(
                "{} of {} would vanish",
                thousands(*vanishing),
                thousands(*known)
            )
        }
        Some(RunOutcome::Failed { reason }) => sentence(reason),
        _ => String::new(),
    }
}

impl RunRow {
    pub(in crate::console) fn of(run: &SyncRun) -> Self {
        let took = match &run.state {
            RunState::Running => String::new(),
            RunState::Ended { at, .. } => {
                duration((*at - run.started_at).to_std().unwrap_or_default())
            }
        };
        Self {
            url: urls::sync(run.organization, run.id),
            started: Stamp(run.started_at),
            trigger: trigger(run.trigger),
            badge: Badge::run(run),
            note: note(run),
            seen: thousands(run.counts.seen),
            changes: changes(&run.counts),
            requests: thousands(run.requests),
            took,
        }
    }
}

#[derive(Template)]
#[template(path = "organization_syncs.html")]
pub(in crate::console) struct SyncsPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) runs: Vec<RunRow>,
    pub(in crate::console) older: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

pub(super) async fn page(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Query(After { after }): Query<After>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let syncs = &state.ports().syncs;
    let page = syncs
        .list(Some(organization.id), after.as_deref(), RUNS)
        .await?;
    let own = urls::organization_part(organization.id, "syncs");
    Ok(render(&SyncsPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Syncs),
        runs: page.items.iter().map(RunRow::of).collect(),
        older: page
            .next
            .map(|next| format!("{own}?after={}", urls::encoded(&next))),
    }))
}

#[derive(Template)]
#[template(path = "organization_sync.html")]
pub(in crate::console) struct SyncPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) run: RunRow,
    pub(in crate::console) counts: Vec<(&'static str, String)>,
    pub(in crate::console) missing: Vec<(String, String)>,
    pub(in crate::console) events: Vec<EventView>,
    pub(in crate::console) held: bool,
}

/// How many events of a run are shown.
const EVENTS: u32 = 200;

pub(super) async fn one(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    Path((_, sync)): Path<(String, String)>,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such sync");
    let id: SyncId = sync.parse().map_err(|_| not_found())?;
    let run = state.ports().syncs.get(id).await?;
    let run = run
        .filter(|run| run.organization == organization.id)
        .ok_or_else(not_found)?;
    let filter = EventFilter {
        organization: Some(organization.id),
        ..EventFilter::default()
    };
    let events = match &run.state {
        RunState::Running => Vec::new(),
        // What it changed is stored with its end, at one and the same time.
        RunState::Ended { at, .. } => state
            .ports()
            .events
            .newest(&filter, 2000)
            .await?
            .into_iter()
            .filter(|stored| run.started_at <= stored.event.at && stored.event.at <= *at)
            .take(EVENTS as usize)
            .collect(),
    };
    let mut names = Names::read(&state).await?;
    names.learn(&state, &events).await?;
    let events: Vec<EventView> = events
        .iter()
        .map(|stored| EventView::within(stored, &names))
        .collect();
    let missing = match run.outcome() {
        Some(RunOutcome::Partial { missing }) => {
            let part =
                |part: &org_core::listing::MissingPart| (sentence(&part.what), part.why.clone());
            missing.iter().map(part).collect()
        }
        _ => Vec::new(),
    };
    let counts = &run.counts;
    let figures = [
        ("Seen", counts.seen),
        ("New", counts.added),
        ("Renamed", counts.renamed),
        ("Moved", counts.moved),
        ("Archived", counts.archived),
        ("Marked for deletion", counts.marked),
        ("Vanished", counts.vanished),
        ("Returned", counts.returned),
        ("Other changes", counts.updated),
        ("Licensed", counts.licensed),
        ("Joined the queue", counts.waiting),
        ("Groups seen", counts.groups_seen),
        ("Groups changed", counts.groups_changed),
    ];
    let open = matches!(
        run.outcome(),
        Some(RunOutcome::Held {
            decision: org_core::sync::run::HeldDecision::Open,
            ..
        })
    );
    Ok(render(&SyncPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Syncs),
        run: RunRow::of(&run),
        counts: figures
            .iter()
            .map(|(word, count)| (*word, thousands(*count)))
            .collect(),
        missing,
        events,
        held: open,
    }))
}

#[derive(Template)]
#[template(path = "organization_held.html")]
pub(in crate::console) struct HeldPage {
    pub(in crate::console) frame: Frame,
    pub(in crate::console) head: Head,
    pub(in crate::console) sync: String,
    pub(in crate::console) started: Stamp,
    pub(in crate::console) vanishing: u64,
    pub(in crate::console) known: u64,
    pub(in crate::console) paths: Vec<(String, String)>,
    pub(in crate::console) more: u64,
}

async fn paths(
    state: &AppState,
    organization: &Organization,
    ids: &[RepositoryId],
) -> Result<Vec<(String, String)>, Problem> {
    let mut paths = Vec::new();
    for &repository in ids.iter().take(VANISHING) {
        let key = SeatKey {
            organization: organization.id,
            repository,
        };
        if let Some(row) = state.ports().inventory.repository(key).await? {
            let url = urls::repository(organization.id, repository);
            paths.push((row.known.repository.full_path.to_string(), url));
        }
    }
    paths.sort();
    Ok(paths)
}

pub(super) async fn held(
    State(state): State<AppState>,
    CurrentUser(caller): CurrentUser,
    Named(organization): Named,
    csrf: Csrf,
) -> Result<Response, Problem> {
    let (run, ids) = review::held(state.ports(), &organization).await?;
    let known = match run.outcome() {
        Some(RunOutcome::Held { known, .. }) => *known,
        _ => 0,
    };
    let paths = paths(&state, &organization, &ids).await?;
    Ok(render(&HeldPage {
        frame: frame(&organization, &caller, &csrf),
        head: Head::new(&organization, Tab::Syncs),
        sync: run.id.to_string(),
        started: Stamp(run.started_at),
        vanishing: ids.len() as u64,
        known,
        more: ids.len().saturating_sub(paths.len()) as u64,
        paths,
    }))
}

pub(super) async fn decide(
    State(state): State<AppState>,
    operator: Operator,
    Named(organization): Named,
    form: Form,
) -> Result<Response, Problem> {
    let refused = |field: &str| Problem::invalid(field, "load the page again and decide there");
    let sync: SyncId = form.value("sync").parse().map_err(|_| refused("sync"))?;
    let verdict = match form.value("verdict") {
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        _ => return Err(refused("verdict")),
    };
    let actor = operator.actor();
    review::decide_about(state.ports(), organization.clone(), sync, verdict, &actor).await?;
    let url = urls::organization(organization.id);
    Ok(match verdict {
        Verdict::Approve => {
            let owner = operator.0.user.id;
            let jobs = state.jobs();
            jobs.synchronize(&state, organization, Trigger::Approval, owner)
                .await?;
            go_with(&url, Notice::Approved)
        }
        Verdict::Reject => go_with(&url, Notice::Rejected),
    })
}
