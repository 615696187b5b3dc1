//! Tables: as wide as the terminal, or as wide as they like where nobody looks.

use comfy_table::{
    Attribute, Cell, ColumnConstraint, ContentArrangement, Table as Grid, Width, presets,
};

use super::{Colors, plain};

/// A table that may come in several pages.
#[derive(Debug)]
pub(crate) struct Table {
    header: &'static [&'static str],
    colors: Colors,
    width: Option<u16>,
    /// How wide each column was so far, so that the pages of one table line up.
    columns: Vec<u16>,
}

impl Table {
    pub(super) fn new(header: &'static [&'static str], colors: Colors, width: Option<u16>) -> Self {
        Self {
            header,
            colors,
            width,
            columns: Vec::new(),
        }
    }

    /// The next rows, with the header if they are the first ones.
    pub(super) fn page(&mut self, rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING).force_no_tty();
        match self.width {
            Some(width) => {
                grid.set_content_arrangement(ContentArrangement::Dynamic)
                    .set_width(width);
            }
            None => {
                grid.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if self.colors == Colors::On {
            grid.enforce_styling();
        }
        if self.columns.is_empty() {
            let cell = |title: &&str| Cell::new(title).add_attribute(Attribute::Bold);
            grid.set_header(self.header.iter().map(cell).collect::<Vec<_>>());
        }
        for row in rows {
            // A line break inside a cell would tear the row apart for programs that read lines.
            let cells = row
                .iter()
                .map(|cell| plain(cell).replace('\n', " "))
                .collect::<Vec<_>>();
            grid.add_row(cells);
        }
        for column in grid.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let widths = grid.column_max_content_widths();
        if self.width.is_none() && !self.columns.is_empty() {
            let known = self.columns.iter().map(|&width| {
                // The padding belongs to the width of a column.
                ColumnConstraint::LowerBoundary(Width::Fixed(width.saturating_add(2)))
            });
            grid.set_constraints(known.collect::<Vec<_>>());
        }
        self.columns = widths
            .iter()
            .enumerate()
            .map(|(index, &width)| width.max(self.columns.get(index).copied().unwrap_or_default()))
            .collect();
        let mut text = grid.trim_fmt();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 2]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    #[test]
    fn pages_of_one_table_line_up() {
        let mut table = Table::new(&["Name", "Id"], Colors::Off, None);
        let mut text = table.page(rows(&[["a-long-name", "1"], ["b", "22"]]));
        text += &table.page(rows(&[["c", "3"]]));
        insta::assert_snapshot!(text, @r"
        Name         Id
        a-long-name  1
        b            22
        c            3
        ");
        assert_eq!(table.page(Vec::new()), "");
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        let mut table = Table::new(&["Name", "What"], Colors::On, Some(24));
        let text = table.page(rows(&[["api", "a sentence that is too long for a line"]]));
        assert!(text.contains("\u{1b}[1m"), "{text:?}");
        let widest = text
            .lines()
            .filter(|line| !line.contains('\u{1b}'))
            .map(str::len)
            .max();
        assert!(widest <= Some(24), "{text}");
    }
}
