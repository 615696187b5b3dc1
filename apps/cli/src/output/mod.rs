//! What people and programs read.
//!
//! Each command answers with private structs: their fields are the JSON that `docs/cli/json-output.md` promises, and beside that each says how
//! a person reads it. Data goes to standard output, everything else to standard error.

pub(crate) mod attempt;
pub(crate) mod check;
pub(crate) mod device;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod group;
pub(crate) mod license;
pub(crate) mod organization;
pub(crate) mod repository;
pub(crate) mod schedule;
#[cfg(test)]
mod schema;
pub(crate) mod secret;
pub(crate) mod sync;
mod table;
mod text;
pub(crate) mod time;
pub(crate) mod vault;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::{CliError, Failure, Mistake, Result};
use crate::exit::Exit;

pub(crate) use self::table::Table;
pub(crate) use self::text::{Text, plain};

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables and sentences for people
    #[default]
    Table,
    /// JSON for programs, as documented in docs/cli/json-output.md
    Json,
}

/// Whether colors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    On,
    Off,
}

/// How much is said beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    Shown,
    Hidden,
}

/// Writes what a command has to say.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) stdout: Colors,
    pub(crate) stderr: Colors,
    pub(crate) notes: Notes,
}

/// One line of a table.
pub(crate) trait Row {
    const HEADER: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

/// One thing with all that is known of it.
pub(crate) trait Describe {
    fn describe(&self, text: &mut Text);
}

impl Output {
    /// Writes one thing.
    pub(crate) fn one<T: Serialize + Describe>(&self, value: &T) -> Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, value)?;
                out.write_all(b"\n")?;
            }
            Format::Table => {
                let mut text = Text::new(self.stdout, width());
                value.describe(&mut text);
                out.write_all(text.finish().as_bytes())?;
            }
        }
        Ok(out.flush()?)
    }

    /// Starts to write many things of one kind.
    pub(crate) fn list<T: Serialize + Row>(&self) -> List<T> {
        List::new(self)
    }

    /// Writes text as it is, such as a policy that goes into a file.
    pub(crate) fn raw(text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes one thing on a line of its own, for a stream without end.
    pub(crate) fn line<T: Serialize>(&self, value: &T, words: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => serde_json::to_writer(&mut out, value)?,
            Format::Table => out.write_all(plain(words).as_bytes())?,
        }
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }

    /// Tells a person something beside the data.
    pub(crate) fn note(&self, message: impl std::fmt::Display) {
        if self.notes == Notes::Shown {
            to_stderr(&format!("{}\n", plain(&message.to_string())));
        }
    }

    /// Tells a person what only they can do; without it nothing goes on, so it comes where notes are hidden too.
    pub(crate) fn ask(message: &str) {
        to_stderr(&format!("{}\n", plain(message)));
    }

    /// Warns that an answer is not what it seems; whoever takes it for whole would be wrong, so it comes where notes are hidden too.
    pub(crate) fn warn(message: &str) {
        to_stderr(&format!("warning: {}\n", plain(message)));
    }

    /// Shows a person something that a question is about.
    pub(crate) fn show<T: Describe>(&self, value: &T) {
        let mut text = Text::new(self.stderr, width());
        value.describe(&mut text);
        to_stderr(&text.finish());
    }

    /// Tells a person at a question why an answer will not do.
    pub(crate) fn tell(&self, error: &CliError) {
        to_stderr(&error_as_text(error, self.stderr));
    }

    /// Tells why a command did not do as asked.
    pub(crate) fn error(&self, error: &CliError) {
        to_stderr(&match self.format {
            Format::Json => error_as_json(error),
            Format::Table => error_as_text(error, self.stderr),
        });
    }
}

fn to_stderr(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// How wide a table may be; as wide as it likes where nobody looks.
fn width() -> Option<u16> {
    if io::stdout().is_terminal() {
        terminal_size::terminal_size().map(|(width, _)| width.0)
    } else {
        None
    }
}

fn error_as_text(error: &CliError, colors: Colors) -> String {
    let paint = |code: &str, word: &str| match colors {
        Colors::On => format!("\x1b[{code}m{word}\x1b[0m"),
        Colors::Off => word.to_owned(),
    };
    let mut lines = vec![format!(
        "{} {}",
        paint("1;31", "error:"),
        plain(&error.message)
    )];
    let mistake = |mistake: &Mistake| format!("  {}: {}", mistake.flag, plain(&mistake.message));
    lines.extend(error.mistakes.iter().map(mistake));
    let cause = |cause: &String| format!("  caused by: {}", plain(cause));
    lines.extend(error.causes.iter().map(cause));
    let hint = |hint: &String| format!("{} {}", paint("1;36", "hint:"), plain(hint));
    lines.extend(error.hint.iter().map(hint));
    lines.join("\n") + "\n"
}

/// An error on standard error with `--output json`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorReport {
    /// The error.
    error: ErrorBody,
}

/// Why a command did not do as asked.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Error"))]
pub(crate) struct ErrorBody {
    /// The word for the exit code; see the page of the exit codes.
    kind: &'static str,
    /// What happened, for a person.
    message: String,
    /// What to do next, for a person.
    hint: Option<String>,
    /// Every value that is not right.
    fields: Vec<ErrorField>,
    /// What led to it, the nearest first.
    causes: Vec<String>,
}

/// A value that is not right.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorField {
    /// The name of the field.
    field: String,
    /// What is typed on the command line to give it, or where else it stands.
    flag: String,
    /// What is wrong and what to write instead.
    message: String,
}

fn error_as_json(error: &CliError) -> String {
    let report = ErrorReport {
        error: ErrorBody {
            kind: error.exit.kind(),
            message: error.message.clone(),
            hint: error.hint.clone(),
            fields: error
                .mistakes
                .iter()
                .map(|mistake| ErrorField {
                    field: mistake.field.to_string(),
                    flag: mistake.flag.to_string(),
                    message: mistake.message.clone(),
                })
                .collect(),
            causes: error.causes.clone(),
        },
    };
    let mut text = serde_json::to_string(&report).expect("texts and lists always serialize");
    text.push('\n');
    text
}

/// Many things of one kind, written page by page, so that a list of any length needs the memory of one page.
///
/// JSON is `{"items": [...], "next": ...}`, where `next` is what gets the following page, or null at the end.
pub(crate) struct List<T> {
    format: Format,
    page: Vec<T>,
    written: u64,
    table: Table,
}

impl<T: Serialize + Row> List<T> {
    fn new(output: &Output) -> Self {
        Self {
            format: output.format,
            page: Vec::new(),
            written: 0,
            table: Table::new(T::HEADER, output.stdout, width()),
        }
    }

    /// How many were written or wait to be.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.page.len() as u64
    }

    pub(crate) fn push(&mut self, item: T) {
        self.page.push(item);
    }

    /// Writes what was pushed since the last time.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self.format {
            Format::Json => {
                for item in &self.page {
                    let before = if self.written == 0 {
                        "{\"items\":[\n"
                    } else {
                        ",\n"
                    };
                    out.write_all(before.as_bytes())?;
                    serde_json::to_writer(&mut out, item)?;
                    self.written += 1;
                }
            }
            Format::Table => {
                let rows = self.page.iter().map(Row::cells).collect();
                out.write_all(self.table.page(rows).as_bytes())?;
                self.written += self.page.len() as u64;
            }
        }
        self.page.clear();
        Ok(out.flush()?)
    }

    /// Writes the end. `next` is what gets the following page, and `flag` how it is given.
    pub(crate) fn finish(
        mut self,
        output: &Output,
        (flag, next): (&str, Option<String>),
    ) -> Result<Exit> {
        self.flush()?;
        match self.format {
            Format::Json => {
                let mut out = io::stdout().lock();
                if self.written == 0 {
                    out.write_all(b"{\"items\":[")?;
                } else {
                    out.write_all(b"\n")?;
                }
                out.write_all(b"],\"next\":")?;
                serde_json::to_writer(&mut out, &next)?;
                out.write_all(b"}\n")?;
                out.flush()?;
            }
            Format::Table => {
                if self.written == 0 {
                    output.note("nothing to show");
                }
                if let Some(next) = next {
                    output.note(format_args!("there is more: repeat with `{flag} {next}`"));
                }
            }
        }
        Ok(Exit::Ok)
    }
}

impl<T> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// Ends a command that failed: what is told, and the code.
pub(crate) fn failed(output: &Output, failure: Failure) -> Exit {
    match failure {
        Failure::BrokenPipe => Exit::Ok,
        Failure::Canceled => {
            output.note("canceled; nothing was changed");
            Exit::Canceled
        }
        Failure::Error(error) => {
            output.error(&error);
            error.exit
        }
    }
}
