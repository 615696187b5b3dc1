//! The orders in which repositories are listed.

use std::fmt;
use std::str::FromStr;

/// The order of a list of repositories: what is compared first, then organizations, then ids; descending is the very opposite of ascending.
///
/// ```
/// use org_core::ports::RepositoryOrder;
/// let newest: RepositoryOrder = "-activity".parse()?;
/// assert!(newest.descending);
/// assert_eq!(newest.to_string(), "-activity");
/// # Ok::<(), org_core::ports::UnknownOrder>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepositoryOrder {
    /// What is compared first.
    pub by: RepositoryKey,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// What repositories are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RepositoryKey {
    /// The path, without regard to case.
    #[default]
    Path,
    /// When the host last noticed activity. What it does not tell counts as the longest ago.
    Activity,
    /// When a sync first saw it.
    FirstSeen,
}

impl RepositoryKey {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Path, Self::Activity, Self::FirstSeen];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Activity => "activity",
            Self::FirstSeen => "first_seen",
        }
    }
}

/// A text that names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no order; there are `path`, `activity` and `first_seen`, each with a `-` before it for the other direction",
    .0.escape_debug()
)]
pub struct UnknownOrder(pub String);

impl FromStr for RepositoryOrder {
    type Err = UnknownOrder;

    fn from_str(text: &str) -> Result<Self, UnknownOrder> {
        let (descending, word) = match text.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, text),
        };
        let by = RepositoryKey::ALL
            .into_iter()
            .find(|by| by.as_str() == word);
        let by = by.ok_or_else(|| UnknownOrder(text.chars().take(40).collect()))?;
        Ok(Self { by, descending })
    }
}

impl fmt::Display for RepositoryOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.by.as_str())
    }
}
