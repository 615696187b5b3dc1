//! The one place that starts programs.
//!
//! Every command runs from a directory that is named, with the variables removed that `cargo run` sets for this
//! program, so that a command behaves as if a person had typed it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::ui;

/// A program with its arguments, run from a named directory.
#[derive(Debug, Clone)]
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    hidden: Vec<&'static str>,
    input: Option<String>,
    dir: PathBuf,
    limit: Option<Duration>,
}

/// What a command that ran to its end left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    /// Standard output, line by line.
    pub(crate) stdout: Vec<String>,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>, dir: &Path) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            // `cargo run` sets these for this program.
            hidden: vec!["CARGO_PKG_", "CARGO_MANIFEST_"],
            input: None,
            dir: dir.to_owned(),
            limit: None,
        }
    }

    /// The cargo that started this program, so that both use one toolchain.
    pub(crate) fn cargo(dir: &Path) -> Self {
        Self::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), dir)
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Splits `line` at spaces; for fixed command lines only.
    pub(crate) fn words(self, line: &str) -> Self {
        self.args(line.split_whitespace())
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Hands `input` over on standard input, which is empty otherwise.
    pub(crate) fn input(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// Hides the variables of this process whose names start with `prefix`.
    pub(crate) fn without_env(mut self, prefix: &'static str) -> Self {
        self.hidden.push(prefix);
        self
    }

    /// Ends the command, and all that it started, after `limit`. For runs that nobody watches: the command gets
    /// a process group of its own, so that Ctrl-C in a terminal would not reach it.
    pub(crate) fn limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// Runs with this program's own output and tells whether the command succeeded.
    pub(crate) fn run(&self) -> Result<bool> {
        let child = self.spawn(Stdio::inherit(), Stdio::inherit())?;
        Ok(self.wait(child)?.success())
    }

    /// Runs, shows standard output as it comes and keeps it.
    pub(crate) fn tee(&self) -> Result<Ended> {
        let mut child = self.spawn(Stdio::piped(), Stdio::inherit())?;
        let pipe = child
            .stdout
            .take()
            .expect("standard output was asked for as a pipe");
        let reader = thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                ui::say(&line);
                lines.push(line);
            }
            lines
        });
        let status = self.wait(child)?;
        let stdout = reader.join().expect("reading lines does not panic");
        Ok(Ended {
            success: status.success(),
            stdout,
        })
    }

    /// Runs quietly and answers standard output; a failure carries standard error.
    pub(crate) fn read(&self) -> Result<String> {
        let output = self
            .command(Stdio::piped(), Stdio::piped())
            .output()
            .with_context(|| format!("cannot start `{self}`"))?;
        if !output.status.success() {
            bail!(
                "`{self}` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts the command and leaves it running; the caller ends it. Its standard input stays open until the
    /// caller, or the end of this program, closes it.
    pub(crate) fn start(&self) -> Result<Child> {
        self.command(Stdio::piped(), Stdio::inherit())
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{self}`"))
    }

    /// Starts the command with this program's own output, but for standard error, which is the caller's to read.
    pub(crate) fn start_heard(&self) -> Result<Child> {
        self.spawn(Stdio::inherit(), Stdio::piped())
    }

    fn spawn(&self, stdout: Stdio, stderr: Stdio) -> Result<Child> {
        let spawned = self.command(stdout, stderr).spawn();
        let mut child = spawned.with_context(|| format!("cannot start `{self}`"))?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), &self.input) {
            // A program that does not want its input says so itself.
            let _ = pipe.write_all(input.as_bytes());
        }
        Ok(child)
    }

    fn command(&self, stdout: Stdio, stderr: Stdio) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the module that starts programs"
        )]
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if self.hidden.iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(&*name);
            }
        }
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(if self.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(stdout)
            .stderr(stderr);
        if self.limit.is_some() {
            command.process_group(0);
        }
        command
    }

    fn wait(&self, mut child: Child) -> Result<ExitStatus> {
        let Some(limit) = self.limit else {
            return Ok(child.wait()?);
        };
        let group = format!("-{}", child.id());
        let (ended, has_ended) = mpsc::channel::<()>();
        let kill = Self::new("kill", &self.dir).args(["-KILL", "--", &group]);
        let watchdog = thread::spawn(move || match has_ended.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => {
                let _ = kill.read();
                true
            }
            _ => false,
        });
        let status = child.wait()?;
        drop(ended);
        if watchdog.join().expect("the watchdog does not panic") {
            bail!(
                "`{self}` was ended because it ran longer than {}",
                ui::duration(limit)
            );
        }
        Ok(status)
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Path::new(&self.program)
            .file_name()
            .unwrap_or(&self.program);
        write!(f, "{}", program.to_string_lossy())?;
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

/// Looks a program up as a shell would.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Cmd {
        Cmd::new("sh", Path::new("/")).args(["-c", script])
    }

    #[test]
    fn a_command_reads_its_output_and_its_failure() {
        assert_eq!(shell("echo one; echo two").read().unwrap(), "one\ntwo\n");
        let error = shell("echo broken >&2; exit 3")
            .read()
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("failed: broken"), "{error}");
    }

    #[test]
    fn a_command_over_its_limit_is_ended_with_all_it_started() {
        let error = shell("sleep 600 & wait")
            .limit(Some(Duration::from_millis(50)))
            .run();
        let error = error.unwrap_err().to_string();
        assert!(
            error.ends_with("because it ran longer than 50 ms"),
            "{error}"
        );
    }

    #[test]
    fn a_command_within_its_limit_ends_by_itself() {
        assert!(
            shell("true")
                .limit(Some(Duration::from_mins(10)))
                .run()
                .unwrap()
        );
        assert!(
            !shell("false")
                .limit(Some(Duration::from_mins(10)))
                .run()
                .unwrap()
        );
    }

    #[test]
    fn a_command_gets_its_input_and_nothing_else() {
        let counted = shell("test \"$(cat)\" = secret")
            .input("secret")
            .run()
            .unwrap();
        assert!(counted);
        assert!(shell("test -z \"$(cat)\"").run().unwrap());
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Cmd::new("no-such-program", Path::new("/"))
            .run()
            .unwrap_err()
            .to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }
}
