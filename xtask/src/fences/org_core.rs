//! What `org-core` may take from outside: a list one can read in a glance, and crates that may never be below it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::{ORG_CORE, ORG_CORE_FORBIDDEN};
use crate::command::Cmd;
use crate::finding::Finding;
use crate::workspace::{Kind, Workspace};

/// Compares the direct dependencies, optional ones included, with the committed list.
pub(super) fn check_direct(workspace: &Workspace, golden: &[String]) -> Vec<Finding> {
    let Some(package) = workspace.package("org-core") else {
        return vec![Finding::new(
            "crates/org-core",
            "the crate is gone",
            "the domain lives there",
        )];
    };
    let outside = |name: &str| workspace.package(name).is_none();
    let actual: BTreeSet<&str> = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == Kind::Build && outside(&dependency.name))
        .map(|dependency| dependency.name.as_str())
        .collect();
    let golden: BTreeSet<&str> = golden.iter().map(String::as_str).collect();
    let new = actual.difference(&golden).map(|name| {
        Finding::new(
            ORG_CORE,
            format!("org-core depends on `{name}`, which is not listed"),
            format!("do without it, or add `{name}` in a commit of its own that says why the domain needs it"),
        )
    });
    let gone = golden.difference(&actual).map(|name| {
        let what = format!("`{name}` is listed, but org-core does not depend on it");
        Finding::new(ORG_CORE, what, "remove the line")
    });
    new.chain(gone).collect()
}

/// Looks for forbidden crates anywhere below `org-core`, with every feature and on every platform.
pub(super) fn check_tree(root: &Path, forbidden: &[String]) -> Result<Vec<Finding>> {
    let tree = Cmd::cargo(root)
        .words("tree --package org-core --edges normal,build --all-features --target all")
        .words("--prefix depth --format {p}")
        .read()?;
    Ok(find_forbidden(&tree, forbidden))
}

/// Reads the lines of `cargo tree --prefix depth` (`2serde v1.0.0`) and names the way to what is forbidden.
fn find_forbidden(tree: &str, forbidden: &[String]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut way: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let (depth, package) = line.split_at(digits);
        let (Ok(depth), Some(name)) = (depth.parse(), package.split_whitespace().next()) else {
            continue;
        };
        way.truncate(depth);
        way.push(name);
        if forbidden.iter().any(|forbidden| forbidden == name) {
            let finding = Finding::new(
                "crates/org-core/Cargo.toml",
                format!("`{name}` is below org-core: {}", way.join(" -> ")),
                format!(
                    "the domain may not reach it (see {ORG_CORE_FORBIDDEN}): switch the feature off that brings \
                     it, or put the work behind a port"
                ),
            );
            if !findings.iter().any(|known| known.what == finding.what) {
                findings.push(finding);
            }
        }
    }
    findings
}
