//! Runs every check of the project, in one go, with one summary.
//!
//! All steps run even when one has failed, because each tells something of its own; only steps that need the test
//! build are left out when it is broken. Quick steps stand first. The order of the cargo steps keeps one set of
//! features for all of them, so that no dependency is built twice in one mode: clippy, documentation and the
//! product check share their artifacts, and so do programs, tests, documentation tests and examples.

mod context;
mod deny;
mod libtest;
mod steps;
mod summary;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::context::Context;
pub(crate) use self::steps::PROGRAMS;
use self::steps::{STEPS, Step};
use self::summary::{Row, Summary};
use crate::ui::{self, Stopwatch};

/// What to run.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Without the steps that take long and rarely fail.
    pub(crate) quick: bool,
    /// Only these steps; all of them when empty.
    pub(crate) names: Vec<String>,
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    /// What a reader of the summary should know: above all what did not run, and why.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn check(success: bool) -> Self {
        Self {
            passed: u32::from(success),
            failed: u32::from(!success),
            notes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.notes.extend(other.notes);
    }

    /// Something that this machine lacks: a failure under CI, elsewhere a note.
    pub(crate) fn missing(context: &Context, what: &str) -> Self {
        let note = format!("did not run: {what}");
        ui::say(&note);
        Self {
            passed: 0,
            failed: u32::from(context.ci),
            notes: vec![note],
        }
    }
}

/// Lists the steps, for `--list`.
pub(crate) fn list() -> String {
    let row = |step: &Step| {
        let when = if step.quick { "" } else { "not with --quick" };
        vec![step.name.to_owned(), step.what.to_owned(), when.to_owned()]
    };
    let header = ["step", "what it proves", ""].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = [header].into_iter().chain(STEPS.iter().map(row)).collect();
    ui::table(&rows)
}

/// Runs the steps and prints the summary; the code is a failure if any step failed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let steps = chosen(options)?;
    let context = Context::from_environment(root)?;
    let mut summary = Summary::default();
    for step in steps {
        ui::heading(format_args!("{}: {}", step.name, step.what));
        let time = Stopwatch::start();
        let broken = step.needs.filter(|needed| summary.failed(needed));
        let outcome = match broken {
            Some(needed) => Outcome {
                notes: vec![format!("did not run: it needs `{needed}`, which failed")],
                ..Outcome::default()
            },
            None => (step.run)(&context).unwrap_or_else(|error| Outcome {
                failed: 1,
                notes: vec![format!("{error:#}")],
                ..Outcome::default()
            }),
        };
        summary.rows.push(Row {
            name: step.name,
            outcome,
            time: time.elapsed(),
        });
    }
    ui::say(summary.text());
    ui::say(summary.closing_line());
    // The closing line must stay the last one, so a failure is told by the exit code alone.
    Ok(if summary.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn chosen(options: &Options) -> Result<Vec<&'static Step>> {
    for name in &options.names {
        if !STEPS.iter().any(|step| step.name == name) {
            bail!("no step is called `{name}`; `cargo xtask test --list` lists them");
        }
    }
    let named = |step: &Step| options.names.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| {
        if options.names.is_empty() {
            step.quick || !options.quick
        } else {
            named(step)
        }
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &Options) -> String {
        match chosen(options) {
            Ok(steps) => steps
                .iter()
                .map(|step| step.name)
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn steps_are_chosen_by_name_or_by_speed() {
        let all = names(&Options::default());
        let quick = names(&Options {
            quick: true,
            ..Options::default()
        });
        assert!(all.contains("deny") && all.contains("docs"), "{all}");
        assert!(
            !quick.contains("deny") && !quick.contains("docs"),
            "{quick}"
        );
        assert!(
            quick.contains("fences") && quick.contains("tests"),
            "{quick}"
        );
        let by_name = |name: &str| Options {
            names: vec![name.to_owned()],
            ..Options::default()
        };
        assert_eq!(names(&by_name("tidy")), "tidy");
        assert_eq!(
            names(&by_name("tests-all")),
            "no step is called `tests-all`; `cargo xtask test --list` lists them"
        );
    }

    #[test]
    fn a_step_needs_an_earlier_one() {
        for (index, step) in STEPS.iter().enumerate() {
            let earlier = |needed: &str| STEPS[..index].iter().any(|step| step.name == needed);
            assert!(
                step.needs.is_none_or(earlier),
                "{} needs a step behind it",
                step.name
            );
        }
    }
}
