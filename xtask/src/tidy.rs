//! What every file keeps to, checked on the whole tree.
//!
//! Each rule is a function from the tree to findings, so that a test can plant what it looks for.

mod rules;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::finding::{self, Finding};
use crate::tree::Tree;
use crate::workspace::Workspace;

const LONG_FILES: &str = "xtask/tidy/long-files.txt";

/// Prints what is untidy and fails if anything is.
pub(crate) fn run(root: &Path) -> Result<()> {
    finding::report("tidy", &check(root)?)
}

/// Everything untidy in the tree at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::load(root)?;
    let long_files = fs::read_to_string(root.join(LONG_FILES))
        .with_context(|| format!("cannot read {LONG_FILES}"))?;
    let crates = Workspace::load(root)?;
    let crates: Vec<&str> = crates
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();

    let mut findings = Vec::new();
    findings.extend(rules::module_comments(&tree));
    findings.extend(rules::whitespace(&tree));
    findings.extend(rules::long_files(&tree, &long_files));
    findings.extend(rules::map(&tree, &crates));
    findings.extend(rules::proofs(&tree));
    findings.extend(rules::decision_records(&tree));
    findings.extend(rules::forgotten_tests(&tree));
    findings.extend(rules::foreign_names(&tree));
    findings.extend(rules::spelling(&tree));
    findings.extend(rules::test_habits(&tree));
    Ok(findings)
}
