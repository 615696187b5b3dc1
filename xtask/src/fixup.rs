//! Repairs what a machine can repair: format, what clippy can rewrite, generated files; snapshots only on request.

use std::path::Path;

use anyhow::{Result, bail};

use crate::codegen;
use crate::command::{Cmd, find_program};
use crate::ui;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snapshots {
    Leave,
    /// Takes what the tests answer now as right: look at the difference before you commit it.
    Accept,
}

pub(crate) fn run(root: &Path, snapshots: Snapshots) -> Result<()> {
    let step = |title: &str, command: Cmd| -> Result<()> {
        ui::heading(title);
        if command.run()? {
            Ok(())
        } else {
            bail!("`{command}` failed")
        }
    };
    let clippy = "clippy --quiet --fix --allow-dirty --allow-staged --workspace --all-targets --all-features";
    step("clippy", Cmd::cargo(root).words(clippy))?;
    step("format", Cmd::cargo(root).words("fmt --all"))?;
    if snapshots == Snapshots::Accept {
        if find_program("cargo-insta").is_none() {
            bail!("accepting snapshots needs cargo-insta: `cargo install --locked cargo-insta`");
        }
        let test = Cmd::cargo(root)
            .words("test --quiet --workspace --all-features --lib --bins --tests --examples --no-fail-fast")
            .env("INSTA_UPDATE", "new")
            .env("INSTA_FORCE_PASS", "1");
        step("snapshots", test)?;
        step("accept", Cmd::cargo(root).words("insta accept"))?;
    }
    ui::heading("generated files");
    codegen::run(root)
}
