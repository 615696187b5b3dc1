//! What a check has to say: where, what is wrong, and what to do about it.

use std::fmt::{self, Write};

use anyhow::{Result, bail};

use crate::ui;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// A file, a file with its line, or a crate.
    pub(crate) place: String,
    pub(crate) what: String,
    /// An instruction, in the imperative.
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn new(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.what, self.remedy)
    }
}

/// All findings, one after the other.
pub(crate) fn listing(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{finding}");
    }
    text
}

/// Prints the findings; any of them is a failure.
pub(crate) fn report(check: &str, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        ui::say(format_args!("{check}: nothing to report"));
        return Ok(());
    }
    ui::say(listing(findings));
    let plural = if findings.len() == 1 { "" } else { "s" };
    bail!("{} finding{plural}", findings.len());
}
