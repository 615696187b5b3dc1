//! The steps, in their order.

use anyhow::Result;

use super::{Context, Outcome, context, deny, libtest, tools};
use crate::command::Cmd;
use crate::workspace::Workspace;
use crate::{demo, fences, tidy, ui};

/// One thing to prove.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) quick: bool,
    /// An earlier step without whose success this one tells nothing.
    pub(super) needs: Option<&'static str>,
    pub(super) run: fn(&Context) -> Result<Outcome>,
}

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "tools",
        what: "what the other steps need is there, or can be installed",
        quick: true,
        needs: None,
        run: find_tools,
    },
    Step {
        name: "format",
        what: "rustfmt has nothing to change",
        quick: true,
        needs: None,
        run: format,
    },
    Step {
        name: "fences",
        what: "the borders between our crates hold",
        quick: true,
        needs: None,
        run: |context| Ok(reported(fences::run(&context.root))),
    },
    Step {
        name: "tidy",
        what: "every file keeps the rules of the tree",
        quick: true,
        needs: None,
        run: |context| Ok(reported(tidy::run(&context.root))),
    },
    Step {
        name: "deny",
        what: "licenses, bans and sources of what we depend on",
        quick: false,
        needs: None,
        run: deny::run,
    },
    Step {
        name: "clippy",
        what: "no warning in any target with any feature",
        quick: true,
        needs: None,
        run: clippy,
    },
    Step {
        name: "product",
        what: "what we ship builds without what only tests need",
        quick: false,
        needs: None,
        run: product,
    },
    Step {
        name: "docs",
        what: "the documentation builds and its links lead somewhere",
        quick: false,
        needs: None,
        run: docs,
    },
    Step {
        name: "features",
        what: "each feature of org-core works alone and together",
        quick: false,
        needs: None,
        run: features,
    },
    Step {
        name: "build",
        what: "tests, programs and examples build",
        quick: true,
        needs: None,
        run: build,
    },
    Step {
        name: "tests",
        what: "unit, property, contract and end-to-end tests",
        quick: true,
        needs: Some("build"),
        run: tests,
    },
    Step {
        name: "doctests",
        what: "the examples in the documentation run",
        quick: true,
        needs: Some("build"),
        run: doctests,
    },
    Step {
        name: "examples",
        what: "the example programs of org-core run to their end",
        quick: true,
        needs: Some("build"),
        run: examples,
    },
    Step {
        name: "demo",
        what: "the main job runs on real input, from end to end",
        quick: false,
        needs: Some("build"),
        run: |context| {
            Ok(reported(demo::run(
                &context.root,
                demo::Binaries::OfTests,
                demo::Afterwards::Remove,
            )))
        },
    },
];

/// One set of targets and features for everything that is built in the test profile, so that it is built once.
const TEST_TARGETS: &str = "--workspace --all-features --lib --bins --tests --examples";

/// The programs and examples, with the features that [`TEST_TARGETS`] have: `--examples` brings those of
/// dev-dependencies in.
pub(crate) const PROGRAMS: &str = "--workspace --all-features --bins --examples";

fn reported(result: Result<()>) -> Outcome {
    let mut outcome = Outcome::check(result.is_ok());
    outcome
        .notes
        .extend(result.err().map(|error| format!("{error:#}")));
    outcome
}

#[expect(clippy::unnecessary_wraps, reason = "every step has one signature")]
fn find_tools(context: &Context) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for (what, found) in [
        (
            "a C compiler and git",
            tools::build_tools(&context.root).map_err(|e| format!("{e:#}")),
        ),
        ("cargo-deny", context.cargo_deny().clone().map(drop)),
        (
            "Python with the clients of others",
            context.python().clone().map(drop),
        ),
        (
            "the server program of OpenBao",
            context.openbao().clone().map(drop),
        ),
        (
            "Chromium with its driver",
            context.browser().clone().map(drop),
        ),
    ] {
        match found {
            Ok(()) => {
                ui::say(format_args!("{what}: ready"));
                outcome.passed += 1;
            }
            Err(missing) => outcome.add(Outcome::missing(context, &format!("{what}: {missing}"))),
        }
    }
    if context.gitlab_data.is_none() {
        let missing = format!(
            "comparison with GitLab's published schemas and samples: {} names no folder",
            context::GITLAB_DATA
        );
        outcome.add(Outcome::missing(context, &missing));
    }
    Ok(outcome)
}

fn format(context: &Context) -> Result<Outcome> {
    Ok(Outcome::check(
        context.cargo().words("fmt --all --check").run()?,
    ))
}

fn clippy(context: &Context) -> Result<Outcome> {
    // Denied on the command line and not in RUSTFLAGS, which would build every dependency again.
    let clippy = context
        .cargo()
        .words("clippy --quiet --locked --workspace --all-targets");
    Ok(Outcome::check(
        clippy.words("--all-features -- -D warnings").run()?,
    ))
}

fn docs(context: &Context) -> Result<Outcome> {
    // Dependencies are not documented; ours have the features that clippy and the product check had.
    let doc = context
        .cargo()
        .words("doc --quiet --locked --workspace --all-features --no-deps")
        .env("RUSTDOCFLAGS", "-D warnings");
    Ok(Outcome::check(doc.run()?))
}

fn product(context: &Context) -> Result<Outcome> {
    Ok(Outcome::check(
        context
            .cargo()
            .words("check --quiet --locked --workspace")
            .run()?,
    ))
}

fn features(context: &Context) -> Result<Outcome> {
    let workspace = Workspace::load(&context.root)?;
    let all = workspace
        .package("org-core")
        .map(|package| package.features.clone());
    let all: Vec<String> = all
        .unwrap_or_default()
        .into_iter()
        .filter(|feature| feature != "default")
        .collect();
    let alone = all.iter().cloned();
    let mut outcome = Outcome::default();
    for features in [String::new()]
        .into_iter()
        .chain(alone)
        .chain([all.join(",")])
    {
        ui::say(format_args!(
            "org-core with {}",
            if features.is_empty() {
                "none"
            } else {
                &features
            }
        ));
        let clippy = context
            .cargo()
            .words("clippy --quiet --locked --package org-core --lib --no-default-features")
            .args(["--features", &features, "--", "-D", "warnings"]);
        outcome.add(Outcome::check(clippy.run()?));
    }
    Ok(outcome)
}

fn build(context: &Context) -> Result<Outcome> {
    // Programs first: the test build makes only those that have integration tests.
    if !context
        .cargo()
        .words("build --quiet --locked")
        .words(PROGRAMS)
        .run()?
    {
        return Ok(Outcome::check(false));
    }
    let test = context
        .cargo()
        .words("test --quiet --locked --no-run")
        .words(TEST_TARGETS);
    Ok(Outcome::check(test.run()?))
}

fn tests(context: &Context) -> Result<Outcome> {
    let mut notes = Vec::new();
    if let Err(missing) = context.python() {
        // The tests that want Python say the same in their own words, and fail under CI.
        notes.push(missing.clone());
    }
    if let Err(missing) = context.openbao() {
        notes.push(missing.clone());
    }
    let test = context
        .cargo()
        .words("test --quiet --locked --no-fail-fast")
        .words(TEST_TARGETS);
    let mut outcome = counted(&test)?;
    outcome.notes.extend(notes);
    Ok(outcome)
}

fn doctests(context: &Context) -> Result<Outcome> {
    let test = "test --quiet --locked --no-fail-fast --workspace --all-features --doc";
    counted(&context.cargo().words(test))
}

/// Counts the tests of a run; one that failed without a failing test still counts as a failure.
fn counted(test: &Cmd) -> Result<Outcome> {
    let ended = test.tee()?;
    let mut outcome = libtest::outcome(&ended.stdout);
    if !ended.success && outcome.failed == 0 {
        outcome.failed = 1;
    }
    Ok(outcome)
}

fn examples(context: &Context) -> Result<Outcome> {
    let workspace = Workspace::load(&context.root)?;
    let mut outcome = Outcome::default();
    for example in workspace
        .package("org-core")
        .map(|package| &package.examples)
        .into_iter()
        .flatten()
    {
        ui::say(format_args!("example `{example}`"));
        let program = workspace.target.join("debug/examples").join(example);
        outcome.add(Outcome::check(
            Cmd::new(program, &context.root)
                .limit(context.limit())
                .run()?,
        ));
    }
    Ok(outcome)
}
