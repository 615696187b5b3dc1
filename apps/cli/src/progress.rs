//! How far long work has come: a line on standard error that is drawn over and over, on a terminal only.

use std::io::IsTerminal;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use org_core::use_cases::{Progress, ProgressEvent};

use crate::output::{Notes, Output, plain, time};

/// How often the line is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// A line that tells how far a use case has come. Dropping it takes the line away.
#[derive(Debug)]
pub(crate) struct Line {
    bar: ProgressBar,
}

impl Line {
    pub(crate) fn new(output: &Output) -> Self {
        Self::with_prefix(output, "")
    }

    /// A line that says what it is about, where several things go on.
    pub(crate) fn with_prefix(output: &Output, prefix: &str) -> Self {
        if output.notes == Notes::Hidden || !std::io::stderr().is_terminal() {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let style = ProgressStyle::with_template("{spinner} {prefix}{wide_msg} {elapsed}")
            .expect("the template is valid, as a test shows");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(style)
            .with_prefix(plain(prefix));
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// Tells a person what only they can do. It stays on the screen, and comes even where notes are not wanted, since nothing goes on without.
    pub(crate) fn say(&self, message: &str) {
        self.bar.suspend(|| Output::ask(message));
    }

    /// Does something for which the line is in the way, such as to ask.
    pub(crate) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// Draws the line with these words.
    pub(crate) fn set(&self, words: &str) {
        self.bar.set_message(plain(words));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Line {
    fn report(&self, event: ProgressEvent) {
        if let ProgressEvent::EnterCode {
            uri,
            complete,
            code,
            until,
        } = &event
        {
            self.say(&invitation(uri, complete.as_deref(), code, *until));
        }
        self.set(&words(&event));
    }
}

/// What a person has to do at the host. The code stands alone, so that it is seen and copied.
fn invitation(uri: &str, complete: Option<&str>, code: &str, until: DateTime<Utc>) -> String {
    let short = match complete {
        Some(complete) => format!(" (or open {complete}, which has the code in it)"),
        None => String::new(),
    };
    format!(
        "open {uri} in any browser and enter this code{short}:\n\n    {code}\n\n\
         the code is good until {}; enter it only if you started this yourself",
        until.format("%H:%M:%S UTC")
    )
}

/// What a person reads of an event.
pub(crate) fn words(event: &ProgressEvent) -> String {
    match event {
        ProgressEvent::Started { step } => (*step).to_owned(),
        ProgressEvent::Reached(step) => {
            let took = time::took(step.took);
            match &step.result {
                Ok(found) => format!("{} {found} ({took})", step.kind.as_str()),
                Err(_) => format!("{} failed ({took})", step.kind.as_str()),
            }
        }
        ProgressEvent::Listed {
            repositories,
            groups,
        } => format!("listed {repositories} repositories and {groups} groups"),
        ProgressEvent::Waiting(wait) => {
            format!(
                "waiting until {}: {}",
                wait.until.format("%H:%M:%S UTC"),
                wait.reason
            )
        }
        ProgressEvent::EnterCode { until, .. } => format!(
            "waiting until {} for the code to be entered",
            until.format("%H:%M:%S UTC")
        ),
        ProgressEvent::Confirmed { done, total } => {
            format!("asked about {done} of {total} missing repositories")
        }
        ProgressEvent::Applying { changes } => format!("storing {changes} changes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template("{spinner} {prefix}{wide_msg} {elapsed}").is_ok());
    }

    #[test]
    fn events_read_as_sentences() {
        let listed = ProgressEvent::Listed {
            repositories: 200,
            groups: 20,
        };
        assert_eq!(words(&listed), "listed 200 repositories and 20 groups");
    }

    #[test]
    fn a_code_stands_alone() {
        let until = "2026-11-27T08:05:00Z".parse().expect("a time");
        let page = "https://gitlab.example.com/oauth/device";
        insta::assert_snapshot!(invitation(page, None, "0A44L90H", until), @"
        open https://gitlab.example.com/oauth/device in any browser and enter this code:

            0A44L90H

        the code is good until 08:05:00 UTC; enter it only if you started this yourself
        ");
        let complete = format!("{page}?user_code=0A44L90H");
        let text = invitation(page, Some(&complete), "0A44L90H", until);
        assert!(text.contains(&complete), "{text}");
    }
}
