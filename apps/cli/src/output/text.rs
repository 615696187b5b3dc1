//! Text for people: fields, tables and lines, one below the other.

use std::fmt::Write;

use super::{Colors, Row, Table};

/// `text` without control characters: what a host or a person wrote must not drive the terminal.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            let _ = write!(plain, "{}", character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Text that grows.
#[derive(Debug)]
pub(crate) struct Text {
    written: String,
    fields: Vec<(&'static str, String)>,
    colors: Colors,
    width: Option<u16>,
}

impl Text {
    pub(super) fn new(colors: Colors, width: Option<u16>) -> Self {
        Self {
            written: String::new(),
            fields: Vec::new(),
            colors,
            width,
        }
    }

    /// A label and what belongs to it; neighbors are aligned.
    pub(crate) fn field(&mut self, label: &'static str, value: impl std::fmt::Display) {
        self.fields.push((label, plain(&value.to_string())));
    }

    /// A title with a blank line before it.
    pub(crate) fn heading(&mut self, title: &str) {
        self.align();
        if !self.written.is_empty() {
            self.written.push('\n');
        }
        match self.colors {
            Colors::On => {
                let _ = writeln!(self.written, "\x1b[1m{title}\x1b[0m");
            }
            Colors::Off => {
                let _ = writeln!(self.written, "{title}");
            }
        }
    }

    /// A line.
    pub(crate) fn line(&mut self, line: impl std::fmt::Display) {
        self.align();
        let _ = writeln!(self.written, "{}", plain(&line.to_string()));
    }

    /// A table of all rows.
    pub(crate) fn table<R: Row>(&mut self, rows: &[R]) {
        self.align();
        let cells = rows.iter().map(Row::cells).collect();
        self.written += &Table::new(R::HEADER, self.colors, self.width).page(cells);
    }

    fn align(&mut self) {
        let width = self
            .fields
            .iter()
            .map(|(label, _)| label.len() + 1)
            .max()
            .unwrap_or_default();
        for (label, value) in std::mem::take(&mut self.fields) {
            let label = format!("{label}:");
            // A value of several lines stays in its column.
            let value = value.replace('\n', &format!("\n{:width$}  ", ""));
            let _ = writeln!(self.written, "{label:width$}  {value}");
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.align();
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_drive_the_terminal() {
        assert_eq!(
            plain("a\u{1b}[2Jb\rc\u{9b}d\te"),
            "a\\u{1b}[2Jb\\rc\\u{9b}d\\te"
        );
        assert_eq!(plain("zażółć\ngęślą"), "zażółć\ngęślą");
    }
}
