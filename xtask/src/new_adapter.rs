//! Starts the crate of an adapter for another service: a skeleton that compiles, tests to fill in, and its place
//! within the fences.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::fences::EDGES;
use crate::ui;

/// The files of the new crate, with their templates.
const FILES: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        include_str!("../templates/adapter/Cargo.toml.txt"),
    ),
    (
        "src/lib.rs",
        include_str!("../templates/adapter/lib.rs.txt"),
    ),
    (
        "tests/it/main.rs",
        include_str!("../templates/adapter/main.rs.txt"),
    ),
    (
        "tests/it/contract.rs",
        include_str!("../templates/adapter/contract.rs.txt"),
    ),
];

const MAP: &str = "docs/ARCHITECTURE.md";

pub(crate) fn run(root: &Path, service: &str) -> Result<()> {
    let service = service.strip_suffix("-adapter").unwrap_or(service);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        service.starts_with(|c: char| c.is_ascii_lowercase())
            && service.chars().all(plain)
            && !service.ends_with('-'),
        "`{service}` is no name for a crate: use lower-case letters, digits and `-`, for example `github`"
    );
    let name = format!("{service}-adapter");
    let dir = root.join("crates").join(&name);
    ensure!(!dir.exists(), "crates/{name} is already there");

    insert_line(
        root,
        "Cargo.toml",
        &format!("{name} = {{ path = \"crates/{name}\" }}"),
        |line| line.contains("{ path = \"crates/"),
    )?;
    insert_line(root, EDGES, &format!("{name} -> org-core"), |line| {
        line.contains("-adapter -> org-core")
    })?;
    insert_line(
        root,
        "deny.toml",
        &format!(
            "  {{ crate = \"{name}\", wrappers = [\"runtime\"], reason = \"only the runtime wires adapters\" }},"
        ),
        |line| line.contains("-adapter\", wrappers"),
    )?;
    for (path, template) in FILES {
        let file = dir.join(path);
        let folder = file.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder)?;
        fs::write(&file, filled(template, service))
            .with_context(|| format!("cannot write {path}"))?;
    }
    ui::say(format_args!(
        "crates/{name} is there; `src/lib.rs` says what to do, and in which order."
    ));
    ui::say(format_args!(
        "Put `{name}` on the map in {MAP}, then: cargo test -p {name}"
    ));
    Ok(())
}

fn filled(template: &str, service: &str) -> String {
    let words: Vec<String> = service
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect();
    template
        .replace("{{crate}}", &format!("{service}-adapter"))
        .replace(
            "{{module}}",
            &format!("{}_adapter", service.replace('-', "_")),
        )
        .replace("{{Title}}", &words.join(" "))
        .replace("{{Type}}", &format!("{}Host", words.concat()))
}

/// Inserts `new` into the block of lines that `belongs` recognizes, in order.
fn insert_line(root: &Path, path: &str, new: &str, belongs: impl Fn(&str) -> bool) -> Result<()> {
    let file = root.join(path);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
    let mut lines: Vec<&str> = text.lines().collect();
    let after = |line: &str| belongs(line) && line > new;
    let last = lines.iter().rposition(|line| belongs(line));
    let place = lines
        .iter()
        .position(|line| after(line))
        .or_else(|| last.map(|last| last + 1));
    let place =
        place.with_context(|| format!("{path} has no line like `{new}` to stand beside"))?;
    lines.insert(place, new);
    fs::write(&file, lines.join("\n") + "\n").with_context(|| format!("cannot write {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rust_source::RustSource;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace.dependencies]\ngitlab-adapter = { path = \"crates/gitlab-adapter\" }\n\
             org-core = { path = \"crates/org-core\" }\n",
        );
        write(
            EDGES,
            "gitlab-adapter -> org-core\nstore-adapter -> org-core\n",
        );
        write(
            "deny.toml",
            "deny = [\n  { crate = \"gitlab-adapter\", wrappers = [\"runtime\"] },\n]\n",
        );
        dir
    }

    #[test]
    fn a_new_adapter_has_its_files_and_its_place() {
        let dir = tree();
        run(dir.path(), "azure-devops").unwrap();
        let read = |path: &str| fs::read_to_string(dir.path().join(path)).unwrap();
        let changed = format!(
            "{}\n{}\n{}",
            read("Cargo.toml"),
            read(EDGES),
            read("deny.toml")
        );
        insta::assert_snapshot!(changed, @r#"
        [workspace.dependencies]
        azure-devops-adapter = { path = "crates/azure-devops-adapter" }
        gitlab-adapter = { path = "crates/gitlab-adapter" }
        org-core = { path = "crates/org-core" }

        azure-devops-adapter -> org-core
        gitlab-adapter -> org-core
        store-adapter -> org-core

        deny = [
          { crate = "azure-devops-adapter", wrappers = ["runtime"], reason = "only the runtime wires adapters" },
          { crate = "gitlab-adapter", wrappers = ["runtime"] },
        ]
        "#);
        for (path, _) in FILES {
            let text = read(&format!("crates/azure-devops-adapter/{path}"));
            assert!(
                !text.contains("{{"),
                "{path} has an unfilled place:\n{text}"
            );
            if path.contains(".rs") {
                RustSource::parse(&text).unwrap();
            }
        }
        let test = read("crates/azure-devops-adapter/tests/it/contract.rs");
        assert!(
            test.contains("use azure_devops_adapter::AzureDevopsHost;"),
            "{test}"
        );
    }

    #[track_caller]
    fn check_refused(name: &str, expected: &str) {
        let dir = tree();
        fs::create_dir_all(dir.path().join("crates/gitlab-adapter")).unwrap();
        assert_eq!(run(dir.path(), name).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_bad_or_taken_name_changes_nothing() {
        check_refused("gitlab", "crates/gitlab-adapter is already there");
        check_refused("gitlab-adapter", "crates/gitlab-adapter is already there");
        let bad =
            "is no name for a crate: use lower-case letters, digits and `-`, for example `github`";
        for name in ["", "GitHub", "../up", "git hub", "1st", "ends-"] {
            check_refused(name, &format!("`{name}` {bad}"));
        }
    }
}
