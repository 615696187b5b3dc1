//! Where one repository stands with its license, and by which decision.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::text::serde_through_text;
use crate::words::word_enum;

word_enum! {
    /// Whether a repository has a seat of the pool.
    LicenseState: "license state" {
        /// It has one.
        Licensed = "licensed",
        /// It shall have one, and waits until one is free.
        Waiting = "waiting",
        /// It has none and asks for none.
        Unlicensed = "unlicensed",
    }
}

/// The decision that brought a repository to where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A later sync saw it first, and this rule of the policy lets it.
    Automatic {
        /// The rule in its own words.
        rule: String,
    },
    /// The connecting sync saw it, and the person chose all.
    ExistingAll,
    /// The connecting sync saw it, the person chose the matching ones, and this rule lets it.
    ExistingMatching {
        /// The rule in its own words.
        rule: String,
    },
    /// A person asked for it.
    AssignedBy {
        /// Who.
        who: String,
    },
    /// A later sync saw it first, while automatic assignment was off.
    AutomaticOff,
    /// The connecting sync saw it, and the person chose none.
    ExistingNone,
    /// This rule of the policy keeps it out.
    Excluded {
        /// The rule in its own words.
        rule: String,
    },
    /// It is only shared into the organization, so a rule never licenses it.
    SharedIn,
    /// A person took the license away, or called it off while it waited.
    ReleasedBy {
        /// Who.
        who: String,
    },
    /// The host confirmed that it is gone, and the time of grace is over; or it was still waiting then.
    Gone,
    /// The organization was removed.
    OrganizationRemoved,
}

impl Reason {
    const fn word(&self) -> &'static str {
        match self {
            Self::Automatic { .. } => "automatic",
            Self::ExistingAll => "existing-all",
            Self::ExistingMatching { .. } => "existing-matching",
            Self::AssignedBy { .. } => "assigned-by",
            Self::AutomaticOff => "automatic-off",
            Self::ExistingNone => "existing-none",
            Self::Excluded { .. } => "excluded",
            Self::SharedIn => "shared-in",
            Self::ReleasedBy { .. } => "released-by",
            Self::Gone => "gone",
            Self::OrganizationRemoved => "organization-removed",
        }
    }

    /// Whether a rule, and not a person, decided: only such a decision is looked at again when the repository changes.
    pub const fn is_by_rule(&self) -> bool {
        matches!(
            self,
            Self::Automatic { .. } | Self::ExistingAll | Self::ExistingMatching { .. }
        )
    }
}

/// The form that stores and JSON keep: a word, and behind a colon what it is about.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Automatic { rule }
            | Self::ExistingMatching { rule }
            | Self::Excluded { rule } => {
                write!(f, ":{rule}")
            }
            Self::AssignedBy { who } | Self::ReleasedBy { who } => write!(f, ":{who}"),
            _ => Ok(()),
        }
    }
}

/// A stored license reason that no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a known license reason")]
pub struct LicenseRecordError {
    /// The refused text.
    pub text: String,
}

impl FromStr for Reason {
    type Err = LicenseRecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word, Some(rest.to_owned())),
            None => (text, None),
        };
        Ok(match (word, rest) {
            ("automatic", Some(rule)) => Self::Automatic { rule },
            ("existing-all", None) => Self::ExistingAll,
            ("existing-matching", Some(rule)) => Self::ExistingMatching { rule },
            ("assigned-by", Some(who)) => Self::AssignedBy { who },
            ("automatic-off", None) => Self::AutomaticOff,
            ("existing-none", None) => Self::ExistingNone,
            ("excluded", Some(rule)) => Self::Excluded { rule },
            ("shared-in", None) => Self::SharedIn,
            ("released-by", Some(who)) => Self::ReleasedBy { who },
            ("gone", None) => Self::Gone,
            ("organization-removed", None) => Self::OrganizationRemoved,
            _ => {
                return Err(LicenseRecordError {
                    text: text.to_owned(),
                });
            }
        })
    }
}

serde_through_text!(Reason);

/// Where a repository stands with its license.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LicenseRecord {
    /// Whether it has a seat.
    pub state: LicenseState,
    /// By which decision.
    pub reason: Reason,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl LicenseRecord {
    /// A record of `state`.
    pub const fn new(state: LicenseState, reason: Reason, since: DateTime<Utc>) -> Self {
        Self {
            state,
            reason,
            since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_round_trip() {
        let text = || "include path company/**: all".to_owned();
        for reason in [
            Reason::Automatic { rule: text() },
            Reason::ExistingAll,
            Reason::ExistingMatching { rule: text() },
            Reason::AssignedBy { who: "jane".into() },
            Reason::AutomaticOff,
            Reason::ExistingNone,
            Reason::Excluded { rule: text() },
            Reason::SharedIn,
            Reason::ReleasedBy { who: String::new() },
            Reason::Gone,
            Reason::OrganizationRemoved,
        ] {
            assert_eq!(reason.to_string().parse::<Reason>(), Ok(reason));
        }
        for bad in ["", "automatic", "gone:x", "shared"] {
            assert!(bad.parse::<Reason>().is_err(), "{bad:?}");
        }
    }
}
