//! The rules of the tree, one function each.

use std::collections::BTreeSet;
use std::path::Path;

use crate::finding::Finding;
use crate::rust_source::RustSource;
use crate::tree::{File, Tree};

/// Beyond this a file does more than one thing.
const MAX_LINES: usize = 650;

const MAP: &str = "docs/ARCHITECTURE.md";

/// A module says what it is for before anything else.
pub(super) fn module_comments(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| {
            Finding::new(
                &file.path,
                "the module does not start with `//!`",
                "say in a sentence what it is for, on its first line",
            )
        })
        .collect()
}

pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        // Recorded output is kept as it was; licenses are kept as they were published.
        if Path::new(&file.path)
            .extension()
            .is_some_and(|extension| extension == "snap")
            || file.path.starts_with("LICENSE-")
        {
            continue;
        }
        for (number, line) in numbered(file) {
            if line.ends_with([' ', '\t', '\r']) {
                let place = format!("{}:{number}", file.path);
                findings.push(Finding::new(place, "trailing white space", "remove it"));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::new(
                &file.path,
                "the last line does not end",
                "add a line end",
            ));
        }
    }
    findings
}

/// `exceptions` are lines `path  # reason`.
pub(super) fn long_files(tree: &Tree, exceptions: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut excepted = BTreeSet::new();
    for line in exceptions
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
    {
        let (path, reason) = line.split_once('#').unwrap_or((line, ""));
        excepted.insert(path.trim());
        let length = tree.file(path.trim()).map(|file| file.text.lines().count());
        if reason.trim().is_empty() {
            findings.push(Finding::new(
                path.trim(),
                "an exception without a reason",
                "add `# reason`",
            ));
        }
        if length.is_none_or(|length| length <= MAX_LINES) {
            let what = "an exception for a file that is gone or short enough";
            findings.push(Finding::new(path.trim(), what, "remove the exception"));
        }
    }
    for file in tree.rust_files() {
        let length = file.text.lines().count();
        if length > MAX_LINES && !excepted.contains(file.path.as_str()) {
            findings.push(Finding::new(
                &file.path,
                format!("{length} lines; the limit is {MAX_LINES}"),
                "split it by capability",
            ));
        }
    }
    findings
}

const ATTACKS: &str = "docs/security/";

/// A table of attacks names the tests that prove what it says; a name that is no test proves nothing.
pub(super) fn proofs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tables = tree.files.iter();
    for file in tables.filter(|file| file.path.starts_with(ATTACKS)) {
        for (number, line) in numbered(file) {
            let Some(proofs) = line.trim_end_matches(['|', ' ']).rsplit('|').next() else {
                continue;
            };
            if !line.starts_with('|') {
                continue;
            }
            for name in proofs.split('`').skip(1).step_by(2) {
                let (plain, generic) = (format!("fn {name}("), format!("fn {name}<"));
                let mut sources = tree.rust_files();
                if !sources.any(|file| file.text.contains(&plain) || file.text.contains(&generic)) {
                    findings.push(Finding::new(
                        format!("{}:{number}", file.path),
                        format!("there is no test `{name}`"),
                        "name the test that proves the line, or write it",
                    ));
                }
            }
        }
    }
    findings
}

/// The map names every crate, and no crate that is gone.
pub(super) fn map(tree: &Tree, crates: &[&str]) -> Vec<Finding> {
    let Some(map) = tree.file(MAP) else {
        return vec![Finding::new(
            MAP,
            "the map is missing",
            "describe every crate there",
        )];
    };
    let mut findings = Vec::new();
    for name in crates {
        if !map.text.contains(&format!("`{name}`")) && !map.text.contains(&format!("/{name}`")) {
            findings.push(Finding::new(
                MAP,
                format!("the crate `{name}` is not on the map"),
                "say in a sentence what it is and what it may not know",
            ));
        }
    }
    for (number, line) in numbered(map) {
        for word in line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| names_a_crate(word))
        {
            let name = word.rsplit('/').next().unwrap_or(word);
            if !crates.contains(&name) {
                findings.push(Finding::new(
                    format!("{MAP}:{number}"),
                    format!("`{word}` is no crate of the workspace"),
                    "correct the name, or take it off the map",
                ));
            }
        }
    }
    findings
}

/// `crates/anything`, `apps/anything`, or a name as only crates of ours have it.
fn names_a_crate(word: &str) -> bool {
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    match word.split_once('/') {
        Some(("crates" | "apps", name)) => plain(name),
        Some(_) => false,
        None => {
            plain(word)
                && ["-adapter", "-sim", "-core"]
                    .iter()
                    .any(|suffix| word.ends_with(suffix))
        }
    }
}

/// Decisions are dated and titled: `docs/adr/2026-11-23-short-title.md`.
pub(super) fn decision_records(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(name) = file.path.strip_prefix("docs/adr/") else {
            continue;
        };
        if matches!(name, "README.md" | "template.md") {
            continue;
        }
        let date = name.get(..10).filter(|date| is_date(date));
        let named = name
            .strip_suffix(".md")
            .and_then(|stem| stem.get(10..))
            .is_some_and(|rest| {
                rest.len() > 1
                    && rest.starts_with('-')
                    && rest
                        .chars()
                        .all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
            });
        let Some(date) = date.filter(|_| named) else {
            let remedy = "name it `YYYY-MM-DD-short-title.md`, in lower case";
            findings.push(Finding::new(
                &file.path,
                "the name tells no date and title",
                remedy,
            ));
            continue;
        };
        let lines: Vec<&str> = file.text.lines().collect();
        if !lines
            .first()
            .is_some_and(|line| line.starts_with("# ") && line.len() > 4)
        {
            findings.push(Finding::new(
                &file.path,
                "no title",
                "start with `# The decision`",
            ));
        }
        if !lines.contains(&format!("- Date: {date}").as_str()) {
            let what = "the date of the name is not in the text";
            findings.push(Finding::new(
                &file.path,
                what,
                format!("add the line `- Date: {date}`"),
            ));
        }
        if !lines.iter().any(|line| line.starts_with("- Status: ")) {
            let remedy = "add the line `- Status: accepted`, or `- Status: superseded by FILE`";
            findings.push(Finding::new(&file.path, "no status", remedy));
        }
    }
    findings
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, length: usize| {
        if part.len() == length {
            part.parse::<u32>().ok()
        } else {
            None
        }
    };
    match parts.as_slice() {
        [year, month, day] => {
            number(year, 4).is_some_and(|year| year >= 2026)
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

/// Each crate has one integration test binary, `tests/it/main.rs`, and every file beside it is part of it.
pub(super) fn forgotten_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let Some((package, inside)) = file.path.split_once("/tests/") else {
            continue;
        };
        // Unit tests may have a folder `tests` of their own.
        if package.contains("/src") {
            continue;
        }
        let Some(name) = inside.strip_prefix("it/") else {
            if !inside.contains('/') {
                findings.push(Finding::new(
                    &file.path,
                    "a second integration test binary",
                    "make it a module of `tests/it/main.rs`: each binary links everything again",
                ));
            }
            continue;
        };
        let module = match name.split_once('/') {
            Some((module, "mod.rs")) => module,
            Some(_) => continue,
            None => name.trim_end_matches(".rs"),
        };
        let main = format!("{package}/tests/it/main.rs");
        let declared = tree
            .file(&main)
            .and_then(|main| RustSource::parse(&main.text).ok());
        let declared =
            declared.is_some_and(|main| main.modules.iter().any(|seen| seen.value == module));
        if module != "main" && !declared {
            findings.push(Finding::new(
                &file.path,
                "a test file that no binary includes, so it never runs",
                format!("declare `mod {module};` in {main}"),
            ));
        }
    }
    findings
}

/// Names that tie the project to one machine or one mirror. They are put together here so that this file does not
/// hold them.
pub(super) fn foreign_names(tree: &Tree) -> Vec<Finding> {
    let hosts = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["npmjs", ".org"],
        ["deb.debian", ".org"],
    ];
    let hosts = hosts.map(|parts| parts.concat());
    let places = [["/wo", "rk/"], ["../sh", "ared"]].map(|parts| parts.concat());
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in numbered(file) {
            let place = || format!("{}:{number}", file.path);
            // The lock file names the registry in every entry; that is cargo's own form.
            if file.path != "Cargo.lock"
                && let Some(host) = hosts.iter().find(|host| line.contains(*host))
            {
                let remedy = "leave the choice of registry to the machine's own configuration";
                findings.push(Finding::new(
                    place(),
                    format!("names the registry host {host}"),
                    remedy,
                ));
            }
            // The one script that CI starts may look beside the checkout.
            if file.path != ".ci/run"
                && let Some(path) = places.iter().find(|path| line.contains(*path))
            {
                let remedy = "use a path inside the project, or a variable of the environment";
                findings.push(Finding::new(
                    place(),
                    format!("names the machine's path {path}"),
                    remedy,
                ));
            }
        }
    }
    findings
}

/// American spelling wherever a person reads.
pub(super) fn spelling(tree: &Tree) -> Vec<Finding> {
    let british = ["licen", "ce"].concat();
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in numbered(file) {
            if line.to_lowercase().contains(&british) {
                findings.push(Finding::new(
                    format!("{}:{number}", file.path),
                    "British spelling",
                    "write `license`",
                ));
            }
        }
    }
    findings
}

/// Tests run, always, and as fast as they can.
pub(super) fn test_habits(tree: &Tree) -> Vec<Finding> {
    let test_files = tree.test_files();
    let mut findings = Vec::new();
    for file in tree.rust_files() {
        let Ok(source) = RustSource::parse(&file.text) else {
            continue;
        };
        let all_test = test_files.contains(&file.path.as_str());
        for seen in &source.attributes {
            let name = seen.value.split(['(', '=']).next().unwrap_or_default();
            let remedy = match name {
                "ignore" => {
                    "a test runs or is deleted: assert what is true today and say what should be"
                }
                "should_panic" => "assert the error value; a panic is a bug, not an answer",
                _ => continue,
            };
            let place = format!("{}:{}", file.path, seen.line);
            findings.push(Finding::new(place, format!("`#[{name}]`"), remedy));
        }
        for seen in &source.paths {
            let sleeps = seen
                .value
                .ends_with(&["thread".to_owned(), "sleep".to_owned()])
                || seen
                    .value
                    .ends_with(&["time".to_owned(), "sleep".to_owned()]);
            if sleeps && (all_test || seen.in_test) {
                findings.push(Finding::new(
                    format!("{}:{}", file.path, seen.line),
                    format!("a test that waits: `{}`", seen.value.join("::")),
                    "wait for the event itself, or advance a fake or paused clock",
                ));
            }
        }
    }
    findings
}

fn numbered(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .split('\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}
