//! Generated files that are committed, so that a reader and a reviewer see them.
//!
//! Each is compared by a test of the crate that it is about. The same tests write their pages when they are asked to, so that there is one
//! generator and no second description of what it does.

use std::path::Path;

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::ui;

/// Has the tests write instead of compare.
const UPDATE: &str = "FORGEHOLD_UPDATE_DOCS";

/// What the names of all tests that write a page have in common.
const TESTS: &str = "is_up_to_date";

/// The pages, each with the package whose tests write it.
const GENERATED: &[(&str, &str)] = &[
    ("docs/api", "server"),
    ("docs/cli", "cli"),
    ("docs/configuration.md", "runtime"),
];

pub(crate) fn run(root: &Path) -> Result<()> {
    for (pages, package) in GENERATED {
        ui::say(format_args!("{pages}"));
        let test = Cmd::cargo(root)
            .env(UPDATE, "1")
            .words("test --quiet --package")
            .args([*package, TESTS]);
        if !test.run()? {
            bail!("{pages} could not be written");
        }
    }
    Ok(())
}
