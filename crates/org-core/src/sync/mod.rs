//! A sync: one reading of the host's list, turned into changes of the inventory.
//!
//! [`plan`] decides what changes, [`scope`] tells what only left the scope, [`guard`] stops what looks like a lost permission, [`check`] reads any plan with other eyes before it is
//! applied, [`run`] is what is kept of it.

pub mod check;
pub mod guard;
pub mod hint;
pub mod plan;
pub mod run;
pub mod scope;

pub use plan::{GroupChange, PlanInput, RepositoryChange, SyncPlan, plan_sync};
pub use run::{Counts, RunOutcome, RunState, SyncRun, Trigger};
