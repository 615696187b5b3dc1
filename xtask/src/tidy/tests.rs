//! Plants what each rule looks for, and checks the tree of the project itself.

use super::rules;
use crate::finding::{Finding, listing};
use crate::tree::Tree;
use crate::workspace;

#[track_caller]
fn found(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> String {
    listing(&rule(&Tree::of(files)))
}

#[test]
fn the_tree_is_tidy() {
    let findings = super::check(&workspace::root()).unwrap();
    assert!(findings.is_empty(), "\n{}", listing(&findings));
}

#[test]
fn modules_start_with_their_purpose() {
    let files = [
        ("a.rs", "//! Fine.\n"),
        ("b.rs", "use std::fmt;\n"),
        ("c.md", "Text.\n"),
    ];
    insta::assert_snapshot!(found(rules::module_comments, &files), @"
    b.rs: the module does not start with `//!`
        say in a sentence what it is for, on its first line
    ");
}

#[test]
fn white_space_is_kept_tidy() {
    let files = [
        ("a.md", "fine\n"),
        ("b.md", "one \ntwo\t\nthree"),
        ("c.snap", "kept \n"),
    ];
    insta::assert_snapshot!(found(rules::whitespace, &files), @"
    b.md:1: trailing white space
        remove it
    b.md:2: trailing white space
        remove it
    b.md: the last line does not end
        add a line end
    ");
}

#[test]
fn a_table_of_attacks_names_tests_that_are_there() {
    let files = [
        (
            "docs/security/x.md",
            "Text about `nothing`.\n| theft | `Lock` | `the_door_is_locked`, `the_window_is` |\n",
        ),
        ("a.rs", "//! Fine.\nfn the_door_is_locked() {}\n"),
    ];
    insta::assert_snapshot!(found(rules::proofs, &files), @"
    docs/security/x.md:2: there is no test `the_window_is`
        name the test that proves the line, or write it
    ");
}

#[test]
fn long_files_need_a_reason() {
    let long = "//! Long.\n".repeat(651);
    let files = [
        ("long.rs", long.as_str()),
        ("table.rs", &long),
        ("short.rs", "//! Short.\n"),
    ];
    let exceptions = "# Comment.\ntable.rs  # One table, read as a whole.\nshort.rs\n";
    insta::assert_snapshot!(listing(&rules::long_files(&Tree::of(&files), exceptions)), @"
    short.rs: an exception without a reason
        add `# reason`
    short.rs: an exception for a file that is gone or short enough
        remove the exception
    long.rs: 651 lines; the limit is 650
        split it by capability
    ");
}

#[test]
fn the_map_names_every_crate_and_no_other() {
    let map =
        "The domain is `org-core`.\n`crates/gone`, `old-adapter`, `org-core::sync`, `serde`\n";
    let tree = Tree::of(&[("docs/ARCHITECTURE.md", map)]);
    insta::assert_snapshot!(listing(&rules::map(&tree, &["org-core", "runtime"])), @"
    docs/ARCHITECTURE.md: the crate `runtime` is not on the map
        say in a sentence what it is and what it may not know
    docs/ARCHITECTURE.md:2: `crates/gone` is no crate of the workspace
        correct the name, or take it off the map
    docs/ARCHITECTURE.md:2: `old-adapter` is no crate of the workspace
        correct the name, or take it off the map
    ");
}

#[test]
fn decisions_are_dated_and_titled() {
    let files = [
        ("docs/adr/template.md", ""),
        (
            "docs/adr/2026-11-23-good.md",
            "# Good\n\n- Date: 2026-11-23\n- Status: accepted\n",
        ),
        ("docs/adr/2026-13-01-no-date.md", "# Bad\n"),
        ("docs/adr/0001-number.md", "# Bad\n"),
        ("docs/adr/2026-11-24-empty.md", "text\n- Date: 2026-11-23\n"),
    ];
    insta::assert_snapshot!(found(rules::decision_records, &files), @"
    docs/adr/2026-13-01-no-date.md: the name tells no date and title
        name it `YYYY-MM-DD-short-title.md`, in lower case
    docs/adr/0001-number.md: the name tells no date and title
        name it `YYYY-MM-DD-short-title.md`, in lower case
    docs/adr/2026-11-24-empty.md: no title
        start with `# The decision`
    docs/adr/2026-11-24-empty.md: the date of the name is not in the text
        add the line `- Date: 2026-11-24`
    docs/adr/2026-11-24-empty.md: no status
        add the line `- Status: accepted`, or `- Status: superseded by FILE`
    ");
}

#[test]
fn no_test_file_is_forgotten() {
    let files = [
        (
            "crates/a/tests/it/main.rs",
            "//! Tests.\nmod sync;\nmod support;\n",
        ),
        ("crates/a/tests/it/sync.rs", ""),
        ("crates/a/tests/it/lost.rs", ""),
        ("crates/a/tests/it/support/mod.rs", ""),
        ("crates/a/tests/it/support/deep.rs", ""),
        ("crates/a/tests/second.rs", ""),
        ("crates/a/src/plan/tests/cases.rs", ""),
    ];
    insta::assert_snapshot!(found(rules::forgotten_tests, &files), @"
    crates/a/tests/it/lost.rs: a test file that no binary includes, so it never runs
        declare `mod lost;` in crates/a/tests/it/main.rs
    crates/a/tests/second.rs: a second integration test binary
        make it a module of `tests/it/main.rs`: each binary links everything again
    ");
}

#[test]
fn registries_and_machines_are_not_named() {
    let host = ["https://pypi", ".org/simple"].concat();
    let path = ["cd ../sh", "ared"].concat();
    let files = [
        ("a.sh", host.as_str()),
        (".ci/run", path.as_str()),
        ("b.sh", path.as_str()),
        ("Cargo.lock", "crates.example"),
    ];
    let found = found(rules::foreign_names, &files);
    insta::assert_snapshot!(found.replace(&host[8..16], "HOST").replace(&path[3..], "PATH"), @"
    a.sh:1: names the registry host HOST
        leave the choice of registry to the machine's own configuration
    b.sh:1: names the machine's path PATH
        use a path inside the project, or a variable of the environment
    ");
}

#[test]
fn the_spelling_is_american() {
    let text = ["# The Licen", "ce\n\nlicense\n"].concat();
    insta::assert_snapshot!(found(rules::spelling, &[("a.md", &text)]), @"
    a.md:1: British spelling
        write `license`
    ");
}

#[test]
fn tests_run_always_and_do_not_wait() {
    let files = [
        (
            "crates/a/src/lib.rs",
            "//! A.\nfn product() { tokio::time::sleep(x) }\n#[cfg(test)] mod tests {\n\
             #[test]\n#[ignore = \"later\"]\nfn a() { std::thread::sleep(x) }\n\
             #[test]\n#[should_panic(expected = \"x\")]\nfn b() {}\n}\n",
        ),
        (
            "crates/a/tests/it/main.rs",
            "//! Tests.\nuse tokio::time::{advance, sleep};\n",
        ),
    ];
    insta::assert_snapshot!(found(rules::test_habits, &files), @"
    crates/a/src/lib.rs:5: `#[ignore]`
        a test runs or is deleted: assert what is true today and say what should be
    crates/a/src/lib.rs:8: `#[should_panic]`
        assert the error value; a panic is a bug, not an answer
    crates/a/src/lib.rs:6: a test that waits: `std::thread::sleep`
        wait for the event itself, or advance a fake or paused clock
    crates/a/tests/it/main.rs:2: a test that waits: `tokio::time::sleep`
        wait for the event itself, or advance a fake or paused clock
    ");
}
