//! The closing table and the closing line.

use std::fmt::Write;
use std::time::Duration;

use super::Outcome;
use crate::ui;

/// What all steps came to, in their order.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
    pub(super) time: Duration,
}

impl Row {
    fn verdict(&self) -> &'static str {
        match (self.outcome.passed, self.outcome.failed) {
            (0, 0) => "did not run",
            (_, 0) => "ok",
            _ => "FAILED",
        }
    }
}

impl Summary {
    pub(super) fn failed(&self, name: &str) -> bool {
        self.rows
            .iter()
            .any(|row| row.name == name && row.outcome.failed > 0)
    }

    /// A run that checked nothing is no success.
    pub(super) fn is_success(&self) -> bool {
        self.total(|outcome| outcome.failed) == 0 && self.total(|outcome| outcome.passed) > 0
    }

    pub(super) fn text(&self) -> String {
        let header = ["step", "result", "passed", "failed", "time"]
            .map(str::to_owned)
            .to_vec();
        let mut rows = vec![header];
        rows.extend(self.rows.iter().map(|row| {
            vec![
                row.name.to_owned(),
                row.verdict().to_owned(),
                row.outcome.passed.to_string(),
                row.outcome.failed.to_string(),
                ui::duration(row.time),
            ]
        }));
        let time = self.rows.iter().map(|row| row.time).sum();
        rows.push(vec![
            "all".to_owned(),
            if self.is_success() { "ok" } else { "FAILED" }.to_owned(),
            self.total(|outcome| outcome.passed).to_string(),
            self.total(|outcome| outcome.failed).to_string(),
            ui::duration(time),
        ]);
        let mut text = format!("\n=== Summary\n{}", ui::table(&rows));
        for row in &self.rows {
            for note in &row.outcome.notes {
                let _ = write!(text, "\n{}: {note}", row.name);
            }
            if row.outcome.failed > 0 {
                let _ = write!(text, "\nAgain: cargo xtask test {}", row.name);
            }
        }
        text
    }

    /// The form that programs read: alone on the last line.
    pub(super) fn closing_line(&self) -> String {
        let passed = self.total(|outcome| outcome.passed);
        format!(
            "{passed} passed, {} failed",
            self.total(|outcome| outcome.failed)
        )
    }

    fn total(&self, of: impl Fn(&Outcome) -> u32) -> u32 {
        self.rows.iter().map(|row| of(&row.outcome)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, passed: u32, failed: u32, notes: &[&str]) -> Row {
        let notes = notes.iter().map(|note| (*note).to_owned()).collect();
        Row {
            name,
            outcome: Outcome {
                passed,
                failed,
                notes,
            },
            time: Duration::from_millis(61_500),
        }
    }

    #[test]
    fn a_summary_names_failures_and_what_did_not_run() {
        let rows = vec![
            row("format", 1, 0, &[]),
            row("tests", 1_204, 2, &[]),
            row(
                "examples",
                0,
                0,
                &["did not run: it needs `tests`, which failed"],
            ),
        ];
        let summary = Summary { rows };
        assert!(!summary.is_success());
        assert!(summary.failed("tests") && !summary.failed("examples"));
        insta::assert_snapshot!(summary.text(), @"

        === Summary
        step      result       passed  failed        time
        format    ok                1       0  1 min 01 s
        tests     FAILED         1204       2  1 min 01 s
        examples  did not run       0       0  1 min 01 s
        all       FAILED         1205       2  3 min 04 s

        Again: cargo xtask test tests
        examples: did not run: it needs `tests`, which failed
        ");
        assert_eq!(summary.closing_line(), "1205 passed, 2 failed");
    }

    #[test]
    fn a_run_that_checked_nothing_is_no_success() {
        assert!(!Summary::default().is_success());
        assert!(
            !Summary {
                rows: vec![row("tests", 0, 0, &[])]
            }
            .is_success()
        );
        assert!(
            Summary {
                rows: vec![row("tests", 1, 0, &[])]
            }
            .is_success()
        );
    }
}
