//! What is wrong with an installation.

use runtime::doctor::{Finding as CoreFinding, State};
use serde::Serialize;
use utoipa::ToSchema;

/// What was looked at, and how it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Examination {
    /// Whether nothing is a problem.
    pub healthy: bool,
    /// What was looked at, in its order.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// `ok`, `warning` or `problem`.
    pub state: &'static str,
    /// What was found.
    pub detail: String,
    /// What to do next.
    pub next_step: Option<String>,
}

impl From<&[CoreFinding]> for Examination {
    fn from(findings: &[CoreFinding]) -> Self {
        let finding = |finding: &CoreFinding| Finding {
            what: finding.what.clone(),
            state: match finding.state {
                State::Good => "ok",
                State::Warning => "warning",
                State::Problem => "problem",
            },
            detail: finding.detail.clone(),
            next_step: finding.next_step.clone(),
        };
        Self {
            healthy: findings
                .iter()
                .all(|finding| finding.state != State::Problem),
            findings: findings.iter().map(finding).collect(),
        }
    }
}
