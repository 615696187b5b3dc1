//! Generated files that are committed, so that a reader and a reviewer see them.
//!
//! Each has one generator, a function from the project to text. `cargo xtask codegen` writes them, and
//! `cargo xtask test` compares.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Cmd;
use crate::test::PROGRAMS;
use crate::ui;
use crate::workspace::Workspace;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Writes what differs.
    Write,
    /// Fails if anything differs.
    Check,
}

struct Generated {
    /// Relative to the root.
    path: &'static str,
    make: fn(&Workspace) -> Result<String>,
}

const GENERATED: &[Generated] = &[Generated {
    path: "docs/cli.md",
    make: cli_reference,
}];

pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    // The same command as in the tests, so that nothing is built for this alone.
    if !Cmd::cargo(root)
        .words("build --quiet")
        .words(PROGRAMS)
        .run()?
    {
        bail!("the programs do not build");
    }
    let workspace = Workspace::load(root)?;
    for Generated { path, make } in GENERATED {
        let expected = make(&workspace)?;
        let file = root.join(path);
        let actual = fs::read_to_string(&file).unwrap_or_default();
        match mode {
            _ if actual == expected => ui::say(format_args!("{path}: up to date")),
            Mode::Check => bail!("{path} is not up to date: run `cargo xtask codegen`"),
            Mode::Write => {
                fs::write(&file, expected).with_context(|| format!("cannot write {path}"))?;
                ui::say(format_args!("{path}: written"));
            }
        }
    }
    Ok(())
}

/// The help of every command of `forgehold`, in one page.
fn cli_reference(workspace: &Workspace) -> Result<String> {
    let program = workspace.target.join("debug/forgehold");
    let help = |command: &[String]| {
        // Help shows values of the environment and wraps to the terminal; neither may matter here.
        let help = Cmd::new(&program, &workspace.root)
            .without_env("FORGEHOLD_")
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1");
        help.args(command).arg("--help").read()
    };
    let mut page = String::from(
        "# The command line of Forgehold\n\n\
         <!-- Written by `cargo xtask codegen` from the help of `forgehold`; edit the help, not this file. -->\n",
    );
    let mut waiting = vec![Vec::new()];
    while let Some(command) = waiting.pop() {
        let text = help(&command)?;
        ensure!(!text.trim().is_empty(), "`forgehold --help` says nothing");
        let name = ["forgehold".to_owned()]
            .into_iter()
            .chain(command.clone())
            .collect::<Vec<_>>();
        let _ = write!(
            page,
            "\n## {}\n\n```text\n{}\n```\n",
            name.join(" "),
            tidied(&text)
        );
        let below = subcommands(&text)
            .into_iter()
            .map(|below| command.iter().cloned().chain([below]).collect::<Vec<_>>());
        // The last one is taken first.
        let mut below: Vec<_> = below.collect();
        below.reverse();
        waiting.append(&mut below);
    }
    Ok(page)
}

fn tidied(help: &str) -> String {
    help.trim_end()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names in the section `Commands:` of a help text.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  ") || line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_read_from_help() {
        let help = "Does things\n\nUsage: forgehold <COMMAND>\n\nCommands:\n  org   Organizations\n        \
                    in two lines\n  repo  Repositories\n  help  Print this\n\nOptions:\n  -h, --help  Print help\n";
        assert_eq!(subcommands(help), ["org", "repo"]);
        assert_eq!(subcommands("Options:\n  -h\n"), Vec::<String>::new());
    }
}
