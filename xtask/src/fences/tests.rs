//! Plants a violation of each kind and sees it found. Each plant is a small but real workspace in a temporary
//! folder, read by the real cargo.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::finding::listing;
use crate::workspace;

/// A healthy workspace with a crate of each layer, to be damaged.
struct Plant {
    dir: TempDir,
}

impl Plant {
    fn new() -> Self {
        let plant = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        plant.write(
            "Cargo.toml",
            r#"[workspace]
resolver = "3"
members = ["crates/*", "apps/*"]
exclude = ["vendor"]

[workspace.package]
version = "0.0.0"
edition = "2024"
license = "MIT"
publish = false

[workspace.dependencies]
a-adapter = { path = "crates/a-adapter" }
b-adapter = { path = "crates/b-adapter" }
gitlab-sim = { path = "crates/gitlab-sim" }
helper = { path = "vendor/helper" }
org-core = { path = "crates/org-core" }
runtime = { path = "crates/runtime" }

[workspace.lints.rust]
unsafe_code = "forbid"
"#,
        );
        plant.package("crates/org-core", &["helper"], &[]);
        plant.package("crates/a-adapter", &["org-core"], &["gitlab-sim"]);
        plant.package("crates/b-adapter", &["org-core"], &[]);
        plant.package("crates/gitlab-sim", &[], &[]);
        plant.package(
            "crates/runtime",
            &["a-adapter", "b-adapter", "org-core"],
            &[],
        );
        plant.package("apps/cli", &["org-core", "runtime"], &[]);
        plant.vendored("helper", "");
        plant.write(ORG_CORE, "helper\n");
        plant.write(ORG_CORE_FORBIDDEN, "tokio # A runtime.\n");
        plant.write(
            EDGES,
            "a-adapter -> gitlab-sim (tests)\na-adapter -> org-core\nb-adapter -> org-core\n\
             cli -> org-core\ncli -> runtime\n\
             runtime -> a-adapter\nruntime -> b-adapter\nruntime -> org-core\n",
        );
        assert!(
            crate::command::Cmd::new("git", plant.root())
                .words("init --quiet")
                .run()
                .unwrap()
        );
        plant
    }

    /// The same with a second app.
    fn with_server() -> Self {
        let plant = Self::new();
        let runtime = "runtime = { path = \"crates/runtime\" }\n";
        let both = format!("{runtime}server = {{ path = \"apps/server\" }}\n");
        plant.edit("Cargo.toml", runtime, &both);
        plant.package("apps/server", &["org-core", "runtime"], &[]);
        plant
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn package(&self, dir: &str, dependencies: &[&str], dev: &[&str]) {
        let name = dir.rsplit('/').next().unwrap();
        let lines = |names: &[&str]| {
            let lines: Vec<String> = names
                .iter()
                .map(|name| format!("{name}.workspace = true\n"))
                .collect();
            lines.concat()
        };
        self.write(
            &format!("{dir}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion.workspace = true\nedition.workspace = true\n\
                 license.workspace = true\npublish.workspace = true\n\n[lints]\nworkspace = true\n\n\
                 [dependencies]\n{}\n[dev-dependencies]\n{}",
                lines(dependencies),
                lines(dev)
            ),
        );
        self.write(&format!("{dir}/src/lib.rs"), "//! Nothing.\n");
    }

    /// A crate from outside, as far as the workspace is concerned.
    fn vendored(&self, name: &str, dependencies: &str) {
        self.write(
            &format!("vendor/{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{dependencies}"
            ),
        );
        self.write(&format!("vendor/{name}/src/lib.rs"), "");
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root().join(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replacen(from, to, 1));
    }

    fn append(&self, path: &str, more: &str) {
        let text = fs::read_to_string(self.root().join(path)).unwrap_or_default();
        self.write(path, &format!("{text}{more}"));
    }

    fn findings(&self) -> String {
        listing(&check(self.root()).unwrap())
    }
}

#[test]
fn the_fences_of_this_workspace_hold() {
    let findings = check(&workspace::root()).unwrap();
    assert!(findings.is_empty(), "\n{}", listing(&findings));
}

#[test]
fn a_healthy_workspace_has_no_findings() {
    assert_eq!(Plant::new().findings(), "");
}

#[test]
fn an_adapter_that_depends_on_an_adapter_is_found() {
    let plant = Plant::new();
    plant.package(
        "crates/a-adapter",
        &["b-adapter", "org-core"],
        &["gitlab-sim"],
    );
    insta::assert_snapshot!(plant.findings(), @"
    a-adapter: forbidden edge `a-adapter -> b-adapter`
        an adapter depends on org-core alone (on a simulator in its tests): meet other adapters through a port
    xtask/fences/edges.txt: the edge `a-adapter -> b-adapter` is not listed
        remove the dependency, or add the line `a-adapter -> b-adapter` in a commit of its own that says why
    ");
}

#[test]
fn a_rule_of_the_layers_cannot_be_bent_by_the_list() {
    let plant = Plant::new();
    plant.package("apps/cli", &["a-adapter", "org-core", "runtime"], &[]);
    plant.append(EDGES, "cli -> a-adapter\n");
    insta::assert_snapshot!(plant.findings(), @"
    cli: forbidden edge `cli -> a-adapter`
        an app depends on org-core and runtime (on a simulator or another app in its tests): ask a use case, or let the runtime wire it
    ");
}

#[test]
fn an_app_in_another_app_is_found_and_only_its_tests_may_start_one() {
    let plant = Plant::with_server();
    plant.package("apps/cli", &["org-core", "runtime", "server"], &[]);
    let findings = plant.findings();
    assert!(
        findings.contains("cli: forbidden edge `cli -> server`"),
        "{findings}"
    );
    let plant = Plant::with_server();
    plant.package("apps/cli", &["org-core", "runtime"], &["server"]);
    let findings = plant.findings();
    assert!(!findings.contains("forbidden"), "{findings}");
}

#[test]
fn an_edge_out_of_the_domain_is_found() {
    let plant = Plant::new();
    plant.package("crates/org-core", &["helper", "gitlab-sim"], &[]);
    insta::assert_snapshot!(plant.findings(), @"
    org-core: forbidden edge `org-core -> gitlab-sim`
        the domain depends on no crate of ours: turn the edge around with a port in org-core
    xtask/fences/edges.txt: the edge `org-core -> gitlab-sim` is not listed
        remove the dependency, or add the line `org-core -> gitlab-sim` in a commit of its own that says why
    ");
}

#[test]
fn the_simulator_in_the_product_is_found() {
    let plant = Plant::new();
    plant.package("crates/a-adapter", &["org-core", "gitlab-sim"], &[]);
    insta::assert_snapshot!(plant.findings(), @"
    a-adapter: forbidden edge `a-adapter -> gitlab-sim`
        an adapter depends on org-core alone (on a simulator in its tests): meet other adapters through a port
    xtask/fences/edges.txt: the edge `a-adapter -> gitlab-sim` is not listed
        remove the dependency, or add the line `a-adapter -> gitlab-sim` in a commit of its own that says why
    xtask/fences/edges.txt: the edge `a-adapter -> gitlab-sim (tests)` is listed but no longer there
        remove the line
    ");
}

#[test]
fn an_allowed_edge_that_is_not_listed_and_a_listed_one_that_is_gone_are_found() {
    let plant = Plant::new();
    plant.package(
        "crates/runtime",
        &["a-adapter", "org-core"],
        &["gitlab-sim"],
    );
    plant.edit(
        "Cargo.toml",
        "b-adapter = { path = \"crates/b-adapter\" }\n",
        "",
    );
    insta::assert_snapshot!(plant.findings(), @"
    xtask/fences/edges.txt: the edge `runtime -> gitlab-sim (tests)` is not listed
        remove the dependency, or add the line `runtime -> gitlab-sim (tests)` in a commit of its own that says why
    xtask/fences/edges.txt: the edge `runtime -> b-adapter` is listed but no longer there
        remove the line
    ");
}

#[test]
fn a_cycle_through_tests_is_found_once() {
    let plant = Plant::new();
    plant.package("crates/gitlab-sim", &[], &["runtime"]);
    insta::assert_snapshot!(plant.findings(), @"
    gitlab-sim: forbidden edge `gitlab-sim -> runtime (tests)`
        the simulator depends on no crate of ours: it must not share code with what it tests
    xtask/fences/edges.txt: the edge `gitlab-sim -> runtime (tests)` is not listed
        remove the dependency, or add the line `gitlab-sim -> runtime (tests)` in a commit of its own that says why
    a-adapter: cycle a-adapter -> gitlab-sim -> runtime -> a-adapter
        break it: move what both need into the lower crate, or the test into the upper one
    ");
}

#[test]
fn a_crate_without_a_layer_is_found() {
    let plant = Plant::new();
    plant.package("crates/common", &[], &[]);
    insta::assert_snapshot!(plant.findings(), @"
    crates/common: this crate belongs to no layer
        name it as an adapter (`crates/NAME-adapter`), put it under `apps`, or teach xtask/src/fences/edges.rs a new layer and say why in an ADR
    ");
}

#[test]
fn a_new_dependency_of_the_domain_is_found() {
    let plant = Plant::new();
    plant.vendored("rand", "");
    plant.edit(
        "Cargo.toml",
        "runtime =",
        "rand = { path = \"vendor/rand\" }\nruntime =",
    );
    plant.package("crates/org-core", &["rand"], &[]);
    plant.package("crates/gitlab-sim", &["helper"], &[]);
    insta::assert_snapshot!(plant.findings(), @"
    xtask/fences/org-core.txt: org-core depends on `rand`, which is not listed
        do without it, or add `rand` in a commit of its own that says why the domain needs it
    xtask/fences/org-core.txt: `helper` is listed, but org-core does not depend on it
        remove the line
    ");
}

#[test]
fn a_forbidden_crate_deep_below_the_domain_is_found() {
    let plant = Plant::new();
    plant.vendored("tokio", "");
    plant.vendored("middle", "tokio = { path = \"../tokio\" }\n");
    plant.vendored("helper", "middle = { path = \"../middle\" }\n");
    insta::assert_snapshot!(plant.findings(), @"
    crates/org-core/Cargo.toml: `tokio` is below org-core: org-core -> helper -> middle -> tokio
        the domain may not reach it (see xtask/fences/org-core-forbidden.txt): switch the feature off that brings it, or put the work behind a port
    ");
}

#[test]
fn manifests_that_do_not_inherit_are_found() {
    let plant = Plant::new();
    plant.edit(
        "crates/b-adapter/Cargo.toml",
        "[lints]\nworkspace = true\n",
        "",
    );
    plant.edit(
        "crates/b-adapter/Cargo.toml",
        "version.workspace = true",
        "version = \"1.0.0\"",
    );
    plant.edit(
        "crates/b-adapter/Cargo.toml",
        "org-core.workspace = true",
        "org-core = { path = \"../org-core\" }",
    );
    plant.edit(
        "apps/cli/Cargo.toml",
        "[lints]\nworkspace = true\n",
        "[lints.clippy]\nall = \"allow\"\n",
    );
    plant.edit(
        "apps/cli/Cargo.toml",
        "name = \"cli\"",
        "name = \"terminal\"",
    );
    plant.edit(EDGES, "cli -> org-core", "terminal -> org-core");
    plant.edit(EDGES, "cli -> runtime", "terminal -> runtime");
    plant.append(
        "Cargo.toml",
        "\n[workspace.dependencies.unused]\npath = \"vendor/helper\"\n",
    );
    insta::assert_snapshot!(plant.findings(), @"
    crates/b-adapter/Cargo.toml: version, license or publish differ from the workspace
        write `version.workspace = true`, `license.workspace = true` and `publish.workspace = true`
    crates/b-adapter/Cargo.toml: the lints of the workspace are not inherited
        write `[lints]` with `workspace = true`; an exception is `#[expect]` at its place
    crates/b-adapter/Cargo.toml: `org-core` is not taken from [workspace.dependencies]
        declare it once in the root Cargo.toml and write `org-core.workspace = true` here, on one line
    apps/cli/Cargo.toml: the package `terminal` lies in the folder `cli`
        give both one name
    apps/cli/Cargo.toml: the lints of the workspace are not inherited
        write `[lints]` with `workspace = true`; an exception is `#[expect]` at its place
    Cargo.toml: `unused` is in [workspace.dependencies], but no crate uses it
        remove the line
    ");
}

#[test]
fn a_dependency_in_a_section_of_its_own_is_found() {
    let plant = Plant::new();
    plant.edit(
        "crates/b-adapter/Cargo.toml",
        "org-core.workspace = true\n",
        "",
    );
    plant.append(
        "crates/b-adapter/Cargo.toml",
        "[dependencies.org-core]\nworkspace = true\n",
    );
    insta::assert_snapshot!(plant.findings(), @"
    crates/b-adapter/Cargo.toml: `org-core` is not taken from [workspace.dependencies]
        declare it once in the root Cargo.toml and write `org-core.workspace = true` here, on one line
    ");
}

#[test]
fn effects_in_the_domain_are_found() {
    let plant = Plant::new();
    plant.write(
        "crates/org-core/src/lib.rs",
        r#"//! The domain, with everything it may not do.
use std::{env, fs::File, net::{IpAddr, TcpStream}, thread, process::Command};
use chrono::{Local, Utc};

pub fn effects() {
    let _ = (std::time::SystemTime::now(), std::time::Instant::now(), Utc::now());
    let _ = (uuid::Uuid::new_v4(), Uuid::now_v7(), rand::rng(), rand::random::<u8>());
    println!("{}", std::io::stdin().lines().count());
    // std::fs::read and println!() in a comment are harmless, and so is "std::fs" in a text.
}

#[cfg(test)]
mod tests {
    fn harmless() { println!("{:?}", std::fs::read("x")); }
}
#[cfg(test)]
mod more_tests;
"#,
    );
    plant.write("crates/org-core/src/more_tests.rs", "use std::fs;\n");
    insta::assert_snapshot!(plant.findings(), @"
    crates/org-core/src/lib.rs:2: the domain may not use `std::env`
        settings are arguments: the runtime reads the environment
    crates/org-core/src/lib.rs:2: the domain may not use `std::fs::File`
        the domain does no I/O: put it behind a port
    crates/org-core/src/lib.rs:2: the domain may not use `std::net::TcpStream`
        the domain does no I/O: put it behind a port
    crates/org-core/src/lib.rs:2: the domain may not use `std::thread`
        the domain starts nothing: answer a future and let the caller run it
    crates/org-core/src/lib.rs:2: the domain may not use `std::process::Command`
        the domain does no I/O: put it behind a port
    crates/org-core/src/lib.rs:3: the domain may not use `chrono::Local`
        a zone is always named, never the machine's
    crates/org-core/src/lib.rs:6: the domain may not use `std::time::SystemTime::now`
        take the time as an argument `now`, or from the `Clock` port in a use case
    crates/org-core/src/lib.rs:6: the domain may not use `std::time::Instant::now`
        take the time as an argument `now`, or from the `Clock` port in a use case
    crates/org-core/src/lib.rs:6: the domain may not use `Utc::now`
        take the time as an argument `now`, or from the `Clock` port in a use case
    crates/org-core/src/lib.rs:7: the domain may not use `uuid::Uuid::new_v4`
        take ids from the id port, or as an argument
    crates/org-core/src/lib.rs:7: the domain may not use `Uuid::now_v7`
        take ids from the id port, or as an argument
    crates/org-core/src/lib.rs:7: the domain may not use `rand::rng`
        take randomness as an argument
    crates/org-core/src/lib.rs:7: the domain may not use `rand::random`
        take randomness as an argument
    crates/org-core/src/lib.rs:8: the domain may not use `std::io::stdin`
        the domain does not talk to a terminal: answer a value, or emit an event
    crates/org-core/src/lib.rs:8: the domain may not use `println!`
        the domain does not talk to a terminal: answer a value, or emit an event
    ");
}

#[test]
fn sql_and_host_knowledge_in_an_app_are_found() {
    let plant = Plant::new();
    plant.write(
        "apps/cli/src/lib.rs",
        r##"//! An app that does too much.
use a_adapter::Client;

pub fn list() {
    sqlx::query(r#"SELECT id FROM repository"#);
    reqwest::get("https://host.test/api/v4/projects");
    say("Select one from the list", "Deleted from the list");
}
"##,
    );
    insta::assert_snapshot!(plant.findings(), @r##"
    apps/cli/src/lib.rs:2: an app may not name `a-adapter`
        call a use case of org-core, or let the runtime wire it
    apps/cli/src/lib.rs:5: an app may not name `sqlx`
        call a use case of org-core, or let the runtime wire it
    apps/cli/src/lib.rs:6: an app may not name `reqwest`
        call a use case of org-core, or let the runtime wire it
    apps/cli/src/lib.rs:5: an app may not hold SQL: r#"SELECT id FROM repository"#
        ask a store through a use case
    apps/cli/src/lib.rs:6: an app may not know the host's API: `/api/v4`
        put it into the host's adapter, behind a port
    "##);
}

#[test]
fn an_adapter_that_names_another_is_found() {
    let plant = Plant::new();
    plant.write(
        "crates/a-adapter/src/lib.rs",
        "//! A.\npub fn f() { b_adapter::store::open() }\n",
    );
    insta::assert_snapshot!(plant.findings(), @"
    crates/a-adapter/src/lib.rs:2: `a-adapter` may not name `b-adapter`
        adapters meet through ports of org-core, wired by the runtime
    ");
}
