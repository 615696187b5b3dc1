//! The reference of the command line is the help of every command, in one page.

use std::fmt::Write;
use std::path::Path;

use crate::place::Place;

const INTRODUCTION: &str = "\
# The command line of Forgehold

<!-- Made from the help of `forgehold`; edit the help, not this file. -->

The [exit codes](exit-codes.md) and the [JSON](json-output.md) that commands write have pages of their own.
";

fn page() -> String {
    let place = Place::new().env("COLUMNS", "100");
    let mut page = INTRODUCTION.to_owned();
    let mut waiting = vec![Vec::new()];
    while let Some(command) = waiting.pop() {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let help = place.ok(&args);
        let name = [&["forgehold"], &args[..args.len() - 1]].concat().join(" ");
        let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"));
        let mut below: Vec<Vec<String>> = subcommands(&lines)
            .into_iter()
            .map(|below| [command.as_slice(), &[below]].concat())
            .collect();
        // The last one is taken first.
        below.reverse();
        waiting.append(&mut below);
    }
    page
}

/// The names in the section `Commands:` of a help text.
fn subcommands(help: &[&str]) -> Vec<String> {
    help.iter()
        .skip_while(|line| **line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli/reference.md");
    let expected = page();
    assert!(
        expected.contains("## forgehold org add gitlab\n"),
        "{expected}"
    );
    if std::env::var_os("FORGEHOLD_UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the folder of the documentation is writable");
        return;
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "docs/cli/reference.md is not up to date; run `cargo xtask codegen`"
    );
}
