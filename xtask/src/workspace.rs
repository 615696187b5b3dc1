//! The workspace as cargo sees it: our own packages and what they ask for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::Cmd;

/// The root of the tree that this program was built from.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .expect("xtask lies in the root of the workspace")
        .to_owned()
}

/// Every package of the workspace, sorted by name.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target`, unless the environment says otherwise.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, with `/`: `crates/org-core`.
    pub(crate) dir: String,
    pub(crate) version: String,
    pub(crate) published: bool,
    pub(crate) license: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: Vec<String>,
    pub(crate) examples: Vec<String>,
    pub(crate) benches: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// What the crate needs to be built: normal and build dependencies.
    Build,
    /// What only its tests, benches and examples need.
    Dev,
}

impl Workspace {
    /// Asks cargo. Reads manifests only, so it needs neither network nor lock file.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let json = Cmd::cargo(root)
            .words("metadata --no-deps --format-version 1 --offline")
            .read()?;
        let json: Value = serde_json::from_str(&json).context("cargo metadata is not JSON")?;
        Self::from_json(root, &json)
    }

    /// Reads the answer of `cargo metadata --no-deps`.
    pub(crate) fn from_json(root: &Path, json: &Value) -> Result<Self> {
        // Cargo answers real paths; a temporary folder may be reached through a link.
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let packages = json["packages"]
            .as_array()
            .context("cargo metadata lists no packages")?;
        let mut packages = packages
            .iter()
            .map(|package| Package::from_json(&root, package))
            .collect::<Result<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let target = json["target_directory"]
            .as_str()
            .context("cargo metadata names no target folder")?;
        Ok(Self {
            root,
            target: target.into(),
            packages,
        })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn from_json(root: &Path, json: &Value) -> Result<Self> {
        let text = |field: &str| {
            let value = json[field].as_str().map(str::to_owned);
            value.with_context(|| format!("a package of cargo metadata has no {field}"))
        };
        let manifest = PathBuf::from(text("manifest_path")?);
        let dir = manifest.parent().context("a manifest lies in no folder")?;
        let dir = dir.strip_prefix(root).unwrap_or(dir);
        let targets = |kind: &str| -> Vec<String> {
            array(&json["targets"])
                .filter(|target| array(&target["kind"]).any(|of| of == kind))
                .filter_map(|target| target["name"].as_str().map(str::to_owned))
                .collect()
        };
        Ok(Self {
            name: text("name")?,
            dir: dir.to_string_lossy().replace('\\', "/"),
            version: text("version")?,
            // Cargo answers an empty list of registries for `publish = false`.
            published: json["publish"]
                .as_array()
                .is_none_or(|registries| !registries.is_empty()),
            license: json["license"].as_str().map(str::to_owned),
            dependencies: array(&json["dependencies"])
                .filter_map(Dependency::from_json)
                .collect(),
            features: json["features"]
                .as_object()
                .map(|features| features.keys().cloned().collect())
                .unwrap_or_default(),
            examples: targets("example"),
            benches: targets("bench"),
        })
    }
}

impl Dependency {
    fn from_json(json: &Value) -> Option<Self> {
        let kind = if json["kind"] == "dev" {
            Kind::Dev
        } else {
            Kind::Build
        };
        Some(Self {
            name: json["name"].as_str()?.to_owned(),
            kind,
        })
    }
}

fn array(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}
