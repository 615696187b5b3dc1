//! What a person reads: lines on standard output, headings, durations.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Writes one line to standard output. A reader that has gone away is no reason to fail.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes one line to standard error.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Starts a new part of the output.
pub(crate) fn heading(title: impl Display) {
    say(format_args!("\n=== {title}"));
}

/// Measures how long something took.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "automation measures real time; nothing depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// `850 ms`, `12.3 s`, `4 min 07 s`: as precise as a reader needs.
pub(crate) fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1_000 {
        format!("{millis} ms")
    } else if millis < 60_000 {
        format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
    } else {
        let seconds = time.as_secs();
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Lays out rows in columns; the first row is the header. Text is left-aligned, numbers right-aligned.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let is_number = |column: usize| {
        rows.iter()
            .skip(1)
            .filter_map(|row| row.get(column))
            .all(|cell| {
                cell.chars()
                    .next()
                    .is_none_or(|first| first.is_ascii_digit() || first == '-')
            })
    };
    let shapes: Vec<(usize, bool)> = (0..columns)
        .map(|column| (width(column), is_number(column)))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, (width, number)) in row.iter().zip(&shapes) {
            if *number {
                let _ = write!(line, "{cell:>width$}  ");
            } else {
                let _ = write!(line, "{cell:<width$}  ");
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: u64, expected: &str) {
        assert_eq!(duration(Duration::from_millis(millis)), expected);
    }

    #[test]
    fn durations_are_as_precise_as_a_reader_needs() {
        check(0, "0 ms");
        check(999, "999 ms");
        check(1_050, "1.0 s");
        check(59_999, "59.9 s");
        check(60_000, "1 min 00 s");
        check(427_400, "7 min 07 s");
    }

    #[test]
    fn a_table_aligns_text_left_and_numbers_right() {
        let rows = [["step", "passed"], ["format", "1"], ["tests", "1204"]];
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(ToString::to_string).collect())
            .collect();
        insta::assert_snapshot!(table(&rows), @"
        step    passed
        format       1
        tests     1204
        ");
    }
}
