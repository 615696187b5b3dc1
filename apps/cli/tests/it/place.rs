//! An installation of its own for each test, and the program that runs in it.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program in a data directory of its own, cut off from the machine's environment.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    environment: Vec<(String, OsString)>,
}

/// What a run of the program came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        Self {
            folder,
            environment: Vec::new(),
        }
    }

    /// The same with one more variable in the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file with that text.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the temporary folder is writable");
        path.to_str().expect("the path is text").to_owned()
    }

    /// The program, ready to start.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of these tests that starts a program, with an environment of its own"
    )]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forgehold"));
        command
            .args(args)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .env("USER", "jane")
            .env("FORGEHOLD_DATA_DIR", self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the program starts")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    /// Runs it with that on standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that does not read its input closes it, which is no failure.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Ran::from(child.wait_with_output().expect("the program ends"))
    }

    /// Runs it and demands success.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok()
    }

    /// Runs it for JSON and demands success.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        self.run(&args).json()
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[track_caller]
    pub(crate) fn code(&self, expected: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(expected),
            "{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("the output is text"),
            stderr: String::from_utf8(output.stderr).expect("the errors are text"),
        }
    }
}

/// `text` with everything replaced that is another one each time: ids, times, durations and the host's port. Gaps between columns are two
/// spaces, since the width of a column depends on what was replaced.
pub(crate) fn steady(text: &str) -> String {
    text.lines()
        .map(|line| {
            let line = words(line);
            let mut parts = line
                .split("  ")
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let first = parts.next().unwrap_or_default().to_owned();
            let indent = if line.starts_with("  ") { "  " } else { "" };
            // How many requests it takes depends on which of several answers comes first.
            let is_count = first == "Requests:";
            parts
                .map(|part| {
                    if is_count && part != "0" {
                        "[some]"
                    } else {
                        part
                    }
                })
                .fold(format!("{indent}{first}"), |line, part| line + "  " + part)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn words(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let (taken, instead) = if is_uuid(rest) {
            (36, "[id]")
        } else if is_time(rest) {
            (20, "[time]")
        } else if let Some(length) = port(rest) {
            (length, "127.0.0.1:[port]")
        } else if let Some(length) = duration(rest, out.chars().last()) {
            (length, "[took]")
        } else {
            out.push(character);
            (character.len_utf8(), "")
        };
        out.push_str(instead);
        rest = &rest[taken..];
    }
    out
}

fn fits(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, pattern)| match pattern {
                b'x' => byte.is_ascii_hexdigit(),
                b'9' => byte.is_ascii_digit(),
                exact => byte == exact,
            })
}

fn is_uuid(text: &str) -> bool {
    fits(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

fn is_time(text: &str) -> bool {
    fits(text, "9999-99-99T99:99:99Z")
}

fn port(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("127.0.0.1:")?;
    Some(
        text.len()
            - digits
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len(),
    )
}

fn duration(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if number.len() == text.len() {
        return None;
    }
    [" ms", " s"].iter().find_map(|unit| {
        let after = number.strip_prefix(unit)?;
        let ends = !after.starts_with(char::is_alphanumeric);
        ends.then_some(text.len() - after.len())
    })
}

#[test]
fn what_changes_each_time_is_replaced() {
    let line = "a  01a20727-b618-70b7-b410-0c2f2804b86e    2026-11-23T06:46:12Z  34 ms  127.0.0.1:34461/x 5 seen";
    assert_eq!(
        steady(line),
        "a  [id]  [time]  [took]  127.0.0.1:[port]/x 5 seen"
    );
    assert_eq!(steady("    indented 1.2 s"), "  indented [took]");
}
