//! What is wrong with an installation.

use std::borrow::Cow;

use runtime::doctor::{Finding as CoreFinding, State};
use serde::{Deserialize, Serialize};

use super::{Describe, Row, Text};
use crate::exit::Exit;

/// What was looked at, and how it is.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Examination {
    /// Whether nothing is a problem.
    healthy: bool,
    /// What was looked at, in its order.
    findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Finding {
    /// What it is.
    what: String,
    /// `ok`, `warning` or `problem`.
    state: Cow<'static, str>,
    /// What was found.
    detail: String,
    /// What to do next.
    next_step: Option<String>,
}

impl From<&[CoreFinding]> for Examination {
    fn from(findings: &[CoreFinding]) -> Self {
        Self {
            healthy: !findings
                .iter()
                .any(|finding| finding.state == State::Problem),
            findings: findings
                .iter()
                .map(|finding| Finding {
                    what: finding.what.clone(),
                    state: Cow::Borrowed(match finding.state {
                        State::Good => "ok",
                        State::Warning => "warning",
                        State::Problem => "problem",
                    }),
                    detail: finding.detail.clone(),
                    next_step: finding.next_step.clone(),
                })
                .collect(),
        }
    }
}

impl Examination {
    pub(crate) const fn exit(&self) -> Exit {
        if self.healthy {
            Exit::Ok
        } else {
            Exit::ProblemFound
        }
    }
}

impl Row for Finding {
    const HEADER: &'static [&'static str] = &["What", "State", "Found", "Next step"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.what.clone(),
            self.state.to_string(),
            self.detail.clone(),
            self.next_step.clone().unwrap_or_default(),
        ]
    }
}

impl Describe for Examination {
    fn describe(&self, text: &mut Text) {
        text.table(&self.findings);
    }
}
