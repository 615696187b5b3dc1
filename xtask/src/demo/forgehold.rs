//! The program `forgehold`, as a person runs it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::ui;

/// The program with its own data directory.
#[derive(Debug)]
pub(super) struct Forgehold {
    program: PathBuf,
    data: PathBuf,
}

impl Forgehold {
    pub(super) fn new(program: &Path, data: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data: data.to_owned(),
        }
    }

    /// Shows the command, runs it and shows its answer.
    pub(super) fn run(&self, args: &[&str]) -> Result<()> {
        Self::show(args);
        if self.command(args).run()? {
            Ok(())
        } else {
            bail!("`forgehold {}` failed", args.join(" "))
        }
    }

    /// The same with a secret on standard input, as a script hands it over.
    pub(super) fn run_with_input(&self, args: &[&str], input: &str) -> Result<()> {
        Self::show(args);
        let done = self.command(args).input(input).run()?;
        if done {
            Ok(())
        } else {
            bail!("`forgehold {}` failed", args.join(" "))
        }
    }

    fn show(args: &[&str]) {
        let quoted = args.iter().map(|arg| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
            if arg.chars().all(plain) {
                (*arg).to_owned()
            } else {
                format!("'{arg}'")
            }
        });
        ui::say(format_args!(
            "\n$ forgehold {}",
            quoted.collect::<Vec<_>>().join(" ")
        ));
    }

    fn command(&self, args: &[&str]) -> Cmd {
        let root = self.program.parent().unwrap_or(Path::new("."));
        Cmd::new(&self.program, root)
            .without_env("FORGEHOLD_")
            .env("FORGEHOLD_DATA_DIR", &self.data)
            .args(args)
    }
}
