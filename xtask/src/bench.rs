//! Benchmarks that are programs rather than functions: they run the product against the simulator and print a table
//! of what they measured. `docs/benchmarks.md` keeps the figures, with the machine and the command.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::Cmd;
use crate::ui;
use crate::workspace::Workspace;

/// Runs the bench target `name` of whichever crate has one, and hands `args` on to it. Such a target has
/// `harness = false` in its manifest and lies in `benches/NAME.rs`.
pub(crate) fn run(root: &Path, name: &str, args: &[String]) -> Result<()> {
    let workspace = Workspace::load(root)?;
    let package = workspace
        .packages
        .iter()
        .find(|package| package.benches.iter().any(|bench| bench == name))
        .with_context(|| {
            let mut known: Vec<&str> = workspace
                .packages
                .iter()
                .flat_map(|package| package.benches.iter().map(String::as_str))
                .collect();
            known.sort_unstable();
            format!(
                "no crate has a bench called `{name}`; there are: {}",
                known.join(", ")
            )
        })?;
    ui::heading(format_args!("{name}, of {}", package.name));
    let bench = Cmd::cargo(root)
        .words("bench --quiet --package")
        .arg(&package.name);
    if !bench.args(["--bench", name, "--"]).args(args).run()? {
        bail!("the benchmark failed");
    }
    Ok(())
}
