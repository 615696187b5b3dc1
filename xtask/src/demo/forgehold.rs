//! The program `forgehold`, as a person runs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::Cmd;
use crate::ui;

/// The program with its own data directory.
#[derive(Debug)]
pub(super) struct Forgehold {
    program: PathBuf,
    data: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Forgehold {
    pub(super) fn new(program: &Path, data: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data: data.to_owned(),
            environment: Vec::new(),
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

    /// Runs a command that is bound to fail, and answers what it says.
    pub(super) fn refusal(&self, args: &[&str]) -> Result<String> {
        Self::show(args);
        let Err(error) = self.command(args).read() else {
            bail!("`forgehold {}` was to fail", args.join(" "));
        };
        let error = error.to_string();
        let (_, told) = error.split_once("failed: ").context("no reason")?;
        ui::say(told);
        Ok(told.to_owned())
    }

    /// Runs a command that waits for a person at the address that it prints; `visit` is what the person does there.
    pub(super) fn run_with_visit(
        &self,
        args: &[&str],
        visit: impl FnOnce(&str) -> Result<()>,
    ) -> Result<()> {
        Self::show(args);
        let mut visit = Some(visit);
        let mut child = self.command(args).start_heard()?;
        let pipe = child.stderr.take().context("no standard error")?;
        for line in BufReader::new(pipe).lines() {
            let line = line?;
            ui::say(&line);
            let address = line
                .split_whitespace()
                .find(|word| word.starts_with("http://127.0.0.1:"));
            if let Some(address) = address
                && let Some(visit) = visit.take()
                && let Err(error) = visit(address)
            {
                // It would wait for somebody who does not come.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        }
        if child.wait()?.success() {
            Ok(())
        } else {
            bail!("`forgehold {}` failed", args.join(" "))
        }
    }

    /// The same program with one more variable in its environment.
    pub(super) fn with_env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
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
        let command = Cmd::new(&self.program, root)
            .without_env("FORGEHOLD_")
            .env("FORGEHOLD_DATA_DIR", &self.data)
            .args(args);
        let set = |command: Cmd, (name, value): &(&str, String)| command.env(name, value);
        self.environment.iter().fold(command, set)
    }
}
