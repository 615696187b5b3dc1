//! Which repositories a rule may license: an ordered list, in which the first rule that fits decides.
//!
//! ```
//! use org_core::license::policy::LicensePolicy;
//! let policy: LicensePolicy = "
//!     exclude archived
//!     exclude path sandbox/**
//!     include topic production
//!     exclude all
//! "
//! .parse()?;
//! assert_eq!(policy.rules().len(), 4);
//! # Ok::<(), org_core::license::policy::PolicyMistakes>(())
//! ```

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::inventory::{Lifecycle, Repository, Visibility};
use crate::text::{GroupPath, TextError, serde_through_text};
use crate::words::UnknownWord;

/// The most rules of a policy: a person must still be able to read it.
pub const MAX_RULES: usize = 200;

/// What a rule does with the repositories that fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// They may be licensed.
    Include,
    /// They may not.
    Exclude,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Include => "include",
            Self::Exclude => "exclude",
        })
    }
}

/// Which repositories a rule fits.
#[derive(Debug, Clone)]
enum Condition {
    All,
    Archived,
    PendingDeletion,
    Fork,
    Visibility(Visibility),
    Topic(String),
    Group(GroupPath),
    Path(PathGlob),
}

/// A glob over the full path: `*` within one part, `**` across parts, without regard to case as hosts treat paths.
#[derive(Debug, Clone)]
struct PathGlob {
    text: String,
    matcher: GlobMatcher,
}

/// One line of a policy.
#[derive(Debug, Clone)]
pub struct Rule {
    action: Action,
    condition: Condition,
}

impl Rule {
    /// What it does with what fits it.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Whether it fits `repository`. What a listing did not tell fits no rule.
    pub fn fits(&self, repository: &Repository) -> bool {
        match &self.condition {
            Condition::All => true,
            Condition::Archived => repository.lifecycle == Lifecycle::Archived,
            Condition::PendingDeletion => repository.lifecycle == Lifecycle::PendingDeletion,
            Condition::Fork => repository.fork == Some(true),
            Condition::Visibility(visibility) => repository.visibility == *visibility,
            Condition::Topic(topic) => repository
                .topics
                .iter()
                .any(|known| known.to_lowercase() == topic.to_lowercase()),
            Condition::Group(group) => repository
                .full_path
                .match_indices('/')
                .any(|(end, _)| group.matches(&repository.full_path[..end])),
            Condition::Path(glob) => glob.matcher.is_match(&*repository.full_path),
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Rule {}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.action)?;
        match &self.condition {
            Condition::All => f.write_str("all"),
            Condition::Archived => f.write_str("archived"),
            Condition::PendingDeletion => f.write_str("pending-deletion"),
            Condition::Fork => f.write_str("fork"),
            Condition::Visibility(visibility) => write!(f, "visibility {visibility}"),
            Condition::Topic(topic) => write!(f, "topic {topic}"),
            Condition::Group(group) => write!(f, "group {group}"),
            Condition::Path(glob) => write!(f, "path {}", glob.text),
        }
    }
}

/// Why a line is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It starts with neither word.
    #[error("`{text}` starts with neither `include` nor `exclude`")]
    Action {
        /// The refused line.
        text: String,
    },
    /// No condition of that name.
    #[error(
        "`{text}` is not a known condition; known are all, archived, pending-deletion, fork, visibility, topic, group, path"
    )]
    Condition {
        /// The refused word.
        text: String,
    },
    /// A condition that needs a value has none.
    #[error("`{condition}` needs a value, like `{example}`")]
    NoValue {
        /// The condition.
        condition: &'static str,
        /// What would do.
        example: &'static str,
    },
    /// A condition that takes no value has one.
    #[error("`{condition}` takes no value, but `{value}` follows it")]
    ExtraValue {
        /// The condition.
        condition: &'static str,
        /// What follows.
        value: String,
    },
    /// No visibility of that name.
    #[error(transparent)]
    Visibility(#[from] UnknownWord),
    /// Not a group path.
    #[error(transparent)]
    Group(#[from] TextError),
    /// Not a glob.
    #[error("`{text}` is not a valid pattern: {reason}")]
    Glob {
        /// The refused pattern.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (action, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let action = match action {
            "include" => Action::Include,
            "exclude" => Action::Exclude,
            _ => {
                return Err(RuleError::Action {
                    text: text.to_owned(),
                });
            }
        };
        let rest = rest.trim();
        let (word, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let condition = parse_condition(word, value.trim())?;
        Ok(Self { action, condition })
    }
}

fn parse_condition(word: &str, value: &str) -> Result<Condition, RuleError> {
    let alone = |condition, parsed| match value {
        "" => Ok(parsed),
        value => Err(RuleError::ExtraValue {
            condition,
            value: value.to_owned(),
        }),
    };
    let needed = |condition, example| match value {
        "" => Err(RuleError::NoValue { condition, example }),
        value => Ok(value),
    };
    match word {
        "all" => alone("all", Condition::All),
        "archived" => alone("archived", Condition::Archived),
        "pending-deletion" => alone("pending-deletion", Condition::PendingDeletion),
        "fork" => alone("fork", Condition::Fork),
        "visibility" => {
            let value = needed("visibility", "visibility private")?;
            Ok(Condition::Visibility(value.parse()?))
        }
        "topic" => Ok(Condition::Topic(
            needed("topic", "topic production")?.to_owned(),
        )),
        "group" => Ok(Condition::Group(
            needed("group", "group company/platform")?.parse()?,
        )),
        "path" => {
            let text = needed("path", "path company/**")?.to_owned();
            let glob = GlobBuilder::new(&text)
                .literal_separator(true)
                .case_insensitive(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| RuleError::Glob {
                    text: text.clone(),
                    reason: error.kind().to_string(),
                })?;
            Ok(Condition::Path(PathGlob {
                text,
                matcher: glob.compile_matcher(),
            }))
        }
        _ => Err(RuleError::Condition {
            text: word.to_owned(),
        }),
    }
}

/// The ordered rules of an installation. The last one fits everything, so that each repository has one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicensePolicy {
    rules: Vec<Rule>,
}

/// Why a list of lines is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line is not a rule.
    #[error("line {line}: {error}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        error: RuleError,
    },
    /// The last rule does not fit everything.
    #[error(
        "the policy leaves open what happens to the rest; end it with `include all` or `exclude all`"
    )]
    NoEnd,
    /// A rule that nothing can reach.
    #[error("line {line} is never reached, because `{end}` before it fits everything")]
    Unreachable {
        /// The number of the line, from 1.
        line: usize,
        /// The rule that hides it.
        end: String,
    },
    /// More rules than a person can read.
    #[error("the policy has more than {MAX_RULES} rules")]
    TooMany,
}

/// Everything that is wrong with a list of lines, in their order: there is at least one mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMistakes(Vec<PolicyError>);

impl PolicyMistakes {
    /// Each of them.
    pub fn all(&self) -> &[PolicyError] {
        &self.0
    }
}

impl fmt::Display for PolicyMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, mistake)| {
            if index > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(mistake, f)
        })
    }
}

impl std::error::Error for PolicyMistakes {}

impl LicensePolicy {
    /// The rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that decides on `repository`.
    pub fn deciding_rule(&self, repository: &Repository) -> &Rule {
        self.rules
            .iter()
            .find(|rule| rule.fits(repository))
            .expect("the parser demands that the last rule fits everything")
    }

    /// Whether the policy lets `repository` have a license, and by which rule.
    pub fn verdict(&self, repository: &Repository) -> (Action, &Rule) {
        let rule = self.deciding_rule(repository);
        (rule.action, rule)
    }
}

/// Everything but what is archived or pending deletion.
impl Default for LicensePolicy {
    fn default() -> Self {
        "exclude archived\nexclude pending-deletion\ninclude all"
            .parse()
            .expect("the default policy is a valid one, as a test shows")
    }
}

impl fmt::Display for LicensePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().enumerate().try_for_each(|(index, rule)| {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(rule, f)
        })
    }
}

/// One rule a line; empty lines and lines that start with `#` are skipped.
impl FromStr for LicensePolicy {
    type Err = PolicyMistakes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut rules, mut mistakes) = (Vec::<Rule>::new(), Vec::new());
        // What happens to the rest is open only if nobody can have meant a line that cannot be read to say so.
        let mut ends = false;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if rules.len() + mistakes.len() >= MAX_RULES {
                mistakes.push(PolicyError::TooMany);
                break;
            }
            let rule: Rule = match text.parse() {
                Ok(rule) => rule,
                Err(error) => {
                    mistakes.push(PolicyError::Line { line, error });
                    ends = true;
                    continue;
                }
            };
            let end = rules
                .iter()
                .find(|rule| matches!(rule.condition, Condition::All));
            if let Some(end) = end {
                mistakes.push(PolicyError::Unreachable {
                    line,
                    end: end.to_string(),
                });
                continue;
            }
            ends = matches!(rule.condition, Condition::All);
            rules.push(rule);
        }
        if !ends && !mistakes.contains(&PolicyError::TooMany) {
            mistakes.push(PolicyError::NoEnd);
        }
        if mistakes.is_empty() {
            Ok(Self { rules })
        } else {
            Err(PolicyMistakes(mistakes))
        }
    }
}

serde_through_text!(Rule, LicensePolicy);

#[cfg(test)]
mod tests;
