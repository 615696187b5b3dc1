//! Words with a color and an icon, so that the color is never all there is.

use std::fmt;

use askama::filters::HtmlSafe;
use org_core::inventory::{Lifecycle, Visibility};
use org_core::license::LicenseState;
use org_core::organization::Status;
use org_core::sync::run::{HeldDecision, RunOutcome, SyncRun};
use org_core::token::Grant;

use super::{Escaped, Icon};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Tone {
    Plain,
    Accent,
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub(in crate::console) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Accent => "accent",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// The days before its end at which a token is worth a warning, and at which it is urgent.
pub(crate) const ENDING: i64 = 30;
const URGENT: i64 = 7;

impl Tone {
    /// Of a token that works for so many days more.
    pub(in crate::console) const fn of_days_left(days: i64) -> Self {
        if days <= URGENT {
            Self::Bad
        } else if days <= ENDING {
            Self::Warn
        } else {
            Self::Plain
        }
    }
}

/// A word with a color and an icon.
#[derive(Debug, Clone)]
pub(in crate::console) struct Badge {
    tone: Tone,
    icon: Icon,
    text: String,
}

impl Badge {
    pub(in crate::console) fn new(tone: Tone, icon: &'static str, text: impl Into<String>) -> Self {
        Self {
            tone,
            icon: Icon::new(icon),
            text: text.into(),
        }
    }

    pub(in crate::console) fn status(status: &Status) -> Self {
        match status {
            Status::Connected => Self::new(Tone::Good, "circle-check", "Connected"),
            Status::ActionRequired(_) => Self::new(Tone::Warn, "triangle-alert", "Action required"),
            Status::Paused => Self::new(Tone::Plain, "circle-pause", "Paused"),
            Status::Removed { .. } => Self::new(Tone::Plain, "ban", "Removed"),
        }
    }

    pub(in crate::console) fn run(run: &SyncRun) -> Self {
        match run.outcome() {
            None => Self::new(Tone::Accent, "refresh-cw", "Running"),
            Some(RunOutcome::Complete) => Self::new(Tone::Good, "circle-check", "Complete"),
            Some(RunOutcome::Partial { .. }) => Self::new(Tone::Warn, "circle-alert", "Partial"),
            Some(RunOutcome::Held { decision, .. }) => match decision {
                HeldDecision::Open => Self::new(Tone::Warn, "hourglass", "Held"),
                HeldDecision::Approved => Self::new(Tone::Plain, "check", "Held, approved"),
                HeldDecision::Rejected => Self::new(Tone::Plain, "x", "Held, rejected"),
                HeldDecision::Superseded => Self::new(Tone::Plain, "clock", "Held, superseded"),
            },
            Some(RunOutcome::Failed { .. }) => Self::new(Tone::Bad, "circle-x", "Failed"),
            Some(RunOutcome::Canceled) => Self::new(Tone::Plain, "ban", "Stopped"),
            Some(RunOutcome::Abandoned) => Self::new(Tone::Plain, "ban", "Abandoned"),
        }
    }

    pub(in crate::console) fn license(state: LicenseState) -> Self {
        match state {
            LicenseState::Licensed => Self::new(Tone::Good, "badge-check", "Licensed"),
            LicenseState::Waiting => Self::new(Tone::Warn, "hourglass", "Waiting"),
            LicenseState::Unlicensed => Self::new(Tone::Plain, "circle-dashed", "No license"),
        }
    }

    pub(in crate::console) fn grant(grant: &Grant) -> Self {
        match grant {
            Grant::Yes => Self::new(Tone::Good, "check", "Granted"),
            Grant::Missing { .. } => Self::new(Tone::Warn, "x", "Missing"),
            Grant::Unknown { .. } => Self::new(Tone::Plain, "info", "Unknown"),
        }
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tone, icon, text } = self;
        let class = tone.class();
        write!(
            f,
            "<span class=\"badge {class}\">{icon}{}</span>",
            Escaped(text)
        )
    }
}

impl HtmlSafe for Badge {}

/// The word for a lifecycle that is worth one.
pub(in crate::console) const fn lifecycle(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "Active",
        Lifecycle::Archived => "Archived",
        Lifecycle::PendingDeletion => "Pending deletion",
    }
}

/// The word for a visibility.
pub(in crate::console) const fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "Private",
        Visibility::Internal => "Internal",
        Visibility::Public => "Public",
    }
}
