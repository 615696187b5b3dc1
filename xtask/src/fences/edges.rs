//! Who may depend on whom among our own crates.
//!
//! Two checks: the rules of the layers, which no list can bend, and the exact edges, which are committed, so that a
//! new one is seen in review.

use std::collections::BTreeSet;
use std::fmt;

use super::EDGES;
use crate::finding::Finding;
use crate::workspace::{Kind, Package, Workspace};

/// What a crate is, told by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Domain,
    Adapter,
    Simulator,
    Runtime,
    App,
    Automation,
}

impl Layer {
    fn of(package: &Package) -> Option<Self> {
        match package.dir.as_str() {
            "crates/org-core" => Some(Self::Domain),
            "crates/runtime" => Some(Self::Runtime),
            "xtask" => Some(Self::Automation),
            dir if dir.starts_with("crates/") && dir.ends_with("-adapter") => Some(Self::Adapter),
            dir if dir.starts_with("crates/") && dir.ends_with("-sim") => Some(Self::Simulator),
            dir if dir.starts_with("apps/") => Some(Self::App),
            _ => None,
        }
    }

    fn may_depend_on(self, other: Self, kind: Kind) -> bool {
        let product = match self {
            Self::Domain | Self::Simulator | Self::Automation => false,
            Self::Adapter => other == Self::Domain,
            Self::Runtime => matches!(other, Self::Domain | Self::Adapter),
            Self::App => matches!(other, Self::Domain | Self::Runtime),
        };
        let simulator = kind == Kind::Dev
            && other == Self::Simulator
            && matches!(self, Self::Adapter | Self::Runtime | Self::App);
        // One app may be tried against another one, as a client against its server.
        let apps = kind == Kind::Dev && self == Self::App && other == Self::App;
        product || simulator || apps
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Domain => {
                "the domain depends on no crate of ours: turn the edge around with a port in org-core"
            }
            Self::Simulator => {
                "the simulator depends on no crate of ours: it must not share code with what it tests"
            }
            Self::Automation => "xtask depends on no crate of ours: start the program instead",
            Self::Adapter => {
                "an adapter depends on org-core alone (on a simulator in its tests): meet other adapters through a port"
            }
            Self::Runtime => {
                "the runtime depends on org-core and the adapters: apps stand above it, simulators only in its tests"
            }
            Self::App => {
                "an app depends on org-core and runtime (on a simulator or another app in its tests): ask a use case, or let the runtime wire it"
            }
        }
    }
}

/// `a -> b`, or `a -> b (tests)` for a dev-dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    kind: Kind,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tests = if self.kind == Kind::Dev {
            " (tests)"
        } else {
            ""
        };
        write!(f, "{} -> {}{tests}", self.from, self.to)
    }
}

pub(super) fn check(workspace: &Workspace, golden: &[String]) -> Vec<Finding> {
    let edges = edges(workspace);
    let mut findings = unknown_layers(workspace);
    findings.extend(broken_rules(workspace, &edges));
    findings.extend(differences(&edges, golden));
    findings.extend(cycles(&edges));
    findings
}

/// The edges between our own crates. A dev-dependency that repeats a normal one (to switch a feature on) is none.
fn edges(workspace: &Workspace) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            if workspace.package(&dependency.name).is_some() {
                let (from, to) = (package.name.clone(), dependency.name.clone());
                edges.insert(Edge {
                    from,
                    to,
                    kind: dependency.kind,
                });
            }
        }
    }
    let normal = |edge: &Edge| Edge {
        kind: Kind::Build,
        ..edge.clone()
    };
    let repeated = |edge: &&Edge| edge.kind == Kind::Dev && edges.contains(&normal(edge));
    let repeated: Vec<Edge> = edges.iter().filter(repeated).cloned().collect();
    for edge in &repeated {
        edges.remove(edge);
    }
    edges
}

fn unknown_layers(workspace: &Workspace) -> Vec<Finding> {
    let unknown = workspace
        .packages
        .iter()
        .filter(|package| Layer::of(package).is_none());
    unknown
        .map(|package| {
            Finding::new(
                &package.dir,
                "this crate belongs to no layer",
                "name it as an adapter (`crates/NAME-adapter`), put it under `apps`, or teach \
                 xtask/src/fences/edges.rs a new layer and say why in an ADR",
            )
        })
        .collect()
}

fn broken_rules(workspace: &Workspace, edges: &BTreeSet<Edge>) -> Vec<Finding> {
    let layer = |name: &str| workspace.package(name).and_then(Layer::of);
    let mut findings = Vec::new();
    for edge in edges {
        let (Some(from), Some(to)) = (layer(&edge.from), layer(&edge.to)) else {
            continue;
        };
        if !from.may_depend_on(to, edge.kind) {
            let what = format!("forbidden edge `{edge}`");
            findings.push(Finding::new(&edge.from, what, from.rule()));
        }
    }
    findings
}

fn differences(edges: &BTreeSet<Edge>, golden: &[String]) -> Vec<Finding> {
    let actual: BTreeSet<String> = edges.iter().map(ToString::to_string).collect();
    let golden: BTreeSet<String> = golden.iter().cloned().collect();
    let new = actual.difference(&golden).map(|edge| {
        Finding::new(
            EDGES,
            format!("the edge `{edge}` is not listed"),
            format!("remove the dependency, or add the line `{edge}` in a commit of its own that says why"),
        )
    });
    let gone = golden.difference(&actual).map(|edge| {
        Finding::new(
            EDGES,
            format!("the edge `{edge}` is listed but no longer there"),
            "remove the line",
        )
    });
    new.chain(gone).collect()
}

/// A cycle through dev-dependencies builds, but makes cargo build one crate twice and tests lie about borders.
fn cycles(edges: &BTreeSet<Edge>) -> Vec<Finding> {
    let names: BTreeSet<&str> = edges.iter().map(|edge| edge.from.as_str()).collect();
    let mut findings = Vec::new();
    for &start in &names {
        if let Some(way) = way_back(edges, start) {
            // Each cycle is found from each of its crates; report it from the first one only.
            if way.iter().all(|name| *name >= start) {
                findings.push(Finding::new(
                    start,
                    format!("cycle {} -> {start}", way.join(" -> ")),
                    "break it: move what both need into the lower crate, or the test into the upper one",
                ));
            }
        }
    }
    findings
}

/// The shortest way from `start` back to itself.
fn way_back<'e>(edges: &'e BTreeSet<Edge>, start: &'e str) -> Option<Vec<&'e str>> {
    let mut ways = vec![vec![start]];
    let mut visited = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let end = *way.last().expect("a way has at least its start");
            for edge in edges.iter().filter(|edge| edge.from == end) {
                if edge.to == start {
                    return Some(way);
                }
                if visited.insert(edge.to.as_str()) {
                    longer.push(way.iter().copied().chain([edge.to.as_str()]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}
