//! Drawings as SVG: they need neither a script nor a style of their own.

use std::fmt;

use askama::filters::HtmlSafe;

use super::{Escaped, Tone, thousands};

/// How full something is.
#[derive(Debug, Clone)]
pub(in crate::console) struct Meter {
    pub(in crate::console) part: u64,
    pub(in crate::console) whole: u64,
    pub(in crate::console) label: String,
    pub(in crate::console) tone: Tone,
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = share(self.part, self.whole, 1000);
        write!(
            f,
            "<svg class=\"meter\" viewBox=\"0 0 1000 16\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\"><rect class=\"track\" \
             width=\"1000\" height=\"16\" rx=\"8\"/><rect class=\"fill {}\" width=\"{width}\" height=\"16\" rx=\"8\"/></svg>",
            Escaped(&self.label),
            self.tone.class()
        )
    }
}

impl HtmlSafe for Meter {}

/// `part` of `whole`, as a part of `of`.
fn share(part: u64, whole: u64, of: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = u128::from(part.min(whole)) * u128::from(of) / u128::from(whole);
    u64::try_from(share).unwrap_or(of)
}

/// One day, or another piece of time.
#[derive(Debug, Clone, Default)]
pub(in crate::console) struct Bar {
    pub(in crate::console) label: String,
    pub(in crate::console) complete: u64,
    pub(in crate::console) partial: u64,
    pub(in crate::console) failed: u64,
}

/// Syncs over time, stacked by how they ended.
#[derive(Debug, Clone)]
pub(in crate::console) struct Chart {
    pub(in crate::console) title: String,
    pub(in crate::console) bars: Vec<Bar>,
}

const WIDTH: u64 = 760;
const HEIGHT: u64 = 180;
const LEFT: u64 = 36;
const BOTTOM: u64 = 24;
const TOP: u64 = 8;

impl Chart {
    pub(in crate::console) fn is_empty(&self) -> bool {
        self.most() == 0
    }

    fn most(&self) -> u64 {
        let total = |bar: &Bar| bar.complete + bar.partial + bar.failed;
        self.bars.iter().map(total).max().unwrap_or(0)
    }
}

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most().max(1);
        let area = HEIGHT - BOTTOM - TOP;
        write!(
            f,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.title)
        )?;
        for (value, y) in [(most, TOP), (most / 2, TOP + area / 2), (0, TOP + area)] {
            write!(
                f,
                "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>"
            )?;
            if value > 0 || y == TOP + area {
                write!(
                    f,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                    LEFT - 8,
                    y + 4,
                    thousands(value)
                )?;
            }
        }
        let count = self.bars.len().max(1) as u64;
        let slot = (WIDTH - LEFT) / count;
        let every = count.div_ceil(7);
        for (index, bar) in (0..).zip(&self.bars) {
            let x = LEFT + slot * index + slot / 6;
            let width = (slot * 2 / 3).max(2);
            let mut y = TOP + area;
            for (value, class) in [
                (bar.complete, "bar"),
                (bar.partial, "bar partial"),
                (bar.failed, "bar failed"),
            ] {
                if value == 0 {
                    continue;
                }
                let height = share(value, most, area).max(2);
                y = y.saturating_sub(height);
                write!(
                    f,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"1\"/>"
                )?;
            }
            if index.is_multiple_of(every) {
                write!(
                    f,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    x + width / 2,
                    HEIGHT - 6,
                    Escaped(&bar.label)
                )?;
            }
        }
        f.write_str("</svg>")
    }
}

impl HtmlSafe for Chart {}
