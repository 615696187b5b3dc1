//! Rows of runs, read into the domain and written from it.

use org_core::ids::{OrganizationId, ProcessId, SyncId};
use org_core::listing::MissingPart;
use org_core::ports::StoreError;
use org_core::sync::run::HeldDecision;
use org_core::sync::{Counts, RunOutcome, RunState, SyncRun};

use crate::cells::{Cells, signed};
use crate::dialect::DbRow;
use crate::wire::{CountsWire, MissingWire, to_json};

pub(super) fn sync_run(row: &DbRow) -> Result<SyncRun, StoreError> {
    let cells = Cells::new(row, "syncs", &["id"]);
    Ok(SyncRun {
        id: SyncId::from_uuid(cells.get("id")?),
        organization: OrganizationId::from_uuid(cells.get("organization")?),
        trigger: cells.parse("cause")?,
        holder: ProcessId::from_uuid(cells.get("holder")?),
        fence: cells.count("fence")?,
        started_at: cells.time("started_at")?,
        state: match cells.optional_time("ended_at")? {
            None => RunState::Running,
            Some(at) => RunState::Ended {
                at,
                outcome: outcome(&cells)?,
            },
        },
        counts: Counts::from(cells.json::<CountsWire>("counts")?),
        requests: cells.count("requests")?,
    })
}

fn outcome(cells: &Cells<'_>) -> Result<RunOutcome, StoreError> {
    Ok(match cells.get::<&str>("outcome")? {
        "complete" => RunOutcome::Complete,
        "partial" => {
            let missing: Vec<MissingWire> = cells.json("missing")?;
            RunOutcome::Partial {
                missing: missing.into_iter().map(MissingPart::from).collect(),
            }
        }
        "held" => RunOutcome::Held {
            decision: cells.parse("decision")?,
            vanishing: cells.count("vanishing")?,
            known: cells.count("known")?,
        },
        "failed" => RunOutcome::Failed {
            reason: cells.get("reason")?,
        },
        "canceled" => RunOutcome::Canceled,
        "abandoned" => RunOutcome::Abandoned,
        other => {
            return Err(cells.unreadable("outcome", format!("`{other}` is not a known outcome")));
        }
    })
}

/// The columns that hold what belongs to an outcome.
#[derive(Default)]
pub(super) struct OutcomeColumns {
    pub(super) missing: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) decision: Option<&'static str>,
    pub(super) vanishing: Option<i64>,
    pub(super) known: Option<i64>,
}

impl From<&RunOutcome> for OutcomeColumns {
    fn from(outcome: &RunOutcome) -> Self {
        let mut columns = Self::default();
        match outcome {
            RunOutcome::Complete | RunOutcome::Canceled | RunOutcome::Abandoned => {}
            RunOutcome::Partial { missing } => {
                let missing: Vec<MissingWire> = missing.iter().map(MissingWire::from).collect();
                columns.missing = Some(to_json(&missing));
            }
            RunOutcome::Held {
                decision,
                vanishing,
                known,
            } => {
                columns.decision = Some(HeldDecision::as_str(*decision));
                columns.vanishing = Some(signed(*vanishing));
                columns.known = Some(signed(*known));
            }
            RunOutcome::Failed { reason } => columns.reason = Some(reason.clone()),
        }
        columns
    }
}
