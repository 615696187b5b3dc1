//! How our manifests are written: one version of everything, declared once, inherited everywhere.
//!
//! Cargo resolves inheritance before it answers `cargo metadata`, so the manifests themselves are read, line by
//! line: the house style allows one dependency per line and no other form.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::finding::Finding;
use crate::workspace::{Package, Workspace};

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let root_manifest = read(workspace, "Cargo.toml")?;
    let declared: BTreeSet<String> = entries(&root_manifest, |section| {
        section == "workspace.dependencies"
    })
    .into_iter()
    .map(|(name, _)| name)
    .collect();
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let path = format!("{}/Cargo.toml", package.dir);
        let manifest = read(workspace, &path)?;
        findings.extend(check_package(package, &path));
        findings.extend(check_lints(&manifest, &path));
        for (name, value) in entries(&manifest, |section| section.ends_with("dependencies")) {
            findings.extend(check_dependency(&path, &name, &value));
            used.insert(name);
        }
    }
    // A crate of ours may be declared before anybody uses it.
    for name in declared
        .difference(&used)
        .filter(|name| workspace.package(name).is_none())
    {
        findings.push(Finding::new(
            "Cargo.toml",
            format!("`{name}` is in [workspace.dependencies], but no crate uses it"),
            "remove the line",
        ));
    }
    Ok(findings)
}

fn check_package(package: &Package, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let folder = package.dir.rsplit('/').next().unwrap_or_default();
    if folder != package.name {
        findings.push(Finding::new(
            path,
            format!(
                "the package `{}` lies in the folder `{folder}`",
                package.name
            ),
            "give both one name",
        ));
    }
    let unpublished = !package.published && package.version == "0.0.0";
    if !unpublished || package.license.is_none() {
        findings.push(Finding::new(
            path,
            "version, license or publish differ from the workspace",
            "write `version.workspace = true`, `license.workspace = true` and `publish.workspace = true`",
        ));
    }
    findings
}

fn check_lints(manifest: &str, path: &str) -> Option<Finding> {
    let inherits = entries(manifest, |section| section == "lints")
        .contains(&("workspace".to_owned(), "true".to_owned()));
    (!inherits).then(|| {
        Finding::new(
            path,
            "the lints of the workspace are not inherited",
            "write `[lints]` with `workspace = true`; an exception is `#[expect]` at its place",
        )
    })
}

fn check_dependency(path: &str, name: &str, value: &str) -> Option<Finding> {
    let inherited = value == "{ workspace = true }"
        || value.starts_with("{ workspace = true, ") && !value.contains("version =");
    (!inherited).then(|| {
        Finding::new(
            path,
            format!("`{name}` is not taken from [workspace.dependencies]"),
            format!(
                "declare it once in the root Cargo.toml and write `{name}.workspace = true` here, on one line"
            ),
        )
    })
}

fn read(workspace: &Workspace, path: &str) -> Result<String> {
    fs::read_to_string(workspace.root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// The entries of the sections that `wanted` names, as name and value. `name.key = value` becomes
/// `name` with `{ key = value }`; a section `[dependencies.name]` becomes an entry that is not inherited.
fn entries(manifest: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (section, lines) in sections(manifest) {
        if wanted(&section) {
            for line in lines {
                let Some((name, value)) = line.split_once('=') else {
                    continue;
                };
                let (name, value) = (name.trim(), value.trim());
                match name.split_once('.') {
                    Some((name, key)) => {
                        found.push((name.to_owned(), format!("{{ {key} = {value} }}")));
                    }
                    None => found.push((name.trim_matches('"').to_owned(), value.to_owned())),
                }
            }
        } else if let Some((parent, name)) = section.rsplit_once('.')
            && wanted(parent)
        {
            found.push((name.to_owned(), "a section of its own".to_owned()));
        }
    }
    found
}

/// The lines of each section, without comments and empty lines.
fn sections(manifest: &str) -> BTreeMap<String, Vec<&str>> {
    let mut sections: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut current = String::new();
    for line in manifest.lines() {
        let line = line.trim();
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.split(']').next())
        {
            section.trim_start_matches('[').clone_into(&mut current);
            sections.entry(current.clone()).or_default();
        } else if !line.is_empty() && !line.starts_with('#') {
            sections.entry(current.clone()).or_default().push(line);
        }
    }
    sections
}
