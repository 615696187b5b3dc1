//! The borders between our crates, checked.
//!
//! Three kinds of fence, each with its own golden file in `xtask/fences` where there is one to keep:
//! who may depend on whom ([`edges`]), how manifests are written ([`manifests`]), and what sources may say
//! ([`sources`]). What `org-core` may take from outside is its own matter ([`org_core`]).

mod edges;
mod manifests;
mod org_core;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::finding::{self, Finding};
use crate::tree::Tree;
use crate::workspace::Workspace;

/// Where the golden files are, relative to the root.
pub(crate) const EDGES: &str = "xtask/fences/edges.txt";
pub(crate) const ORG_CORE: &str = "xtask/fences/org-core.txt";
pub(crate) const ORG_CORE_FORBIDDEN: &str = "xtask/fences/org-core-forbidden.txt";

/// Prints what is broken and fails if anything is.
pub(crate) fn run(root: &Path) -> Result<()> {
    finding::report("fences", &check(root)?)
}

/// Every broken border of the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let workspace = Workspace::load(root)?;
    let mut findings = Vec::new();
    findings.extend(edges::check(&workspace, &golden(root, EDGES)?));
    findings.extend(manifests::check(&workspace)?);
    findings.extend(org_core::check_direct(&workspace, &golden(root, ORG_CORE)?));
    findings.extend(org_core::check_tree(
        &workspace.root,
        &golden(root, ORG_CORE_FORBIDDEN)?,
    )?);
    findings.extend(sources::check(&Tree::load(root)?));
    Ok(findings)
}

/// The lines of a golden file that say something: without comments and empty lines.
fn golden(root: &Path, path: &str) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    let line = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    Ok(text
        .lines()
        .map(line)
        .filter(|line| !line.is_empty())
        .collect())
}
