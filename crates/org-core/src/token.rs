//! Access tokens as the host describes them, and what they allow.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use crate::ids::AccountId;
use crate::text::Login;
use crate::words::word_enum;

word_enum! {
    /// What kind of account it is.
    AccountKind: "account kind" {
        /// A person.
        Person = "person",
        /// The bot of a group access token.
        GroupBot = "group_bot",
        /// The bot of a project access token.
        ProjectBot = "project_bot",
        /// A service account.
        ServiceAccount = "service_account",
    }
}

/// An account at the host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Account {
    /// The host's id.
    pub id: AccountId,
    /// Its login, in the host's case.
    pub login: Login,
    /// What kind it is.
    pub kind: AccountKind,
}

/// What the host says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TokenFacts {
    /// The host's id of the token, where it has one.
    pub id: Option<u64>,
    /// The name that a person gave it at the host.
    pub name: String,
    /// What it was granted, in the host's words.
    pub scopes: BTreeSet<String>,
    /// Whether it carries fine-grained permissions instead of scopes; then [`TokenFacts::scopes`] does not tell what it may do.
    pub fine_grained: bool,
    /// The day at whose beginning, in UTC, it stops working; `None` if never.
    pub expires_on: Option<NaiveDate>,
    /// Whether the host accepts it.
    pub state: TokenState,
}

word_enum! {
    /// Whether the host accepts a token.
    TokenState: "token state" {
        /// It does.
        Active = "active",
        /// It was revoked.
        Revoked = "revoked",
        /// Its day has come.
        Expired = "expired",
        /// The host refuses it for another reason.
        Inactive = "inactive",
    }
}

/// The days before the expiry on which a notice is due.
pub const EXPIRY_NOTICE_DAYS: [i64; 4] = [30, 14, 7, 1];

/// Whole days from `now` until `at`, rounded up; zero when it is past.
pub fn days_until(at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let left = (at - now).num_seconds();
    if left <= 0 {
        0
    } else {
        (left - 1) / 86_400 + 1
    }
}

impl TokenFacts {
    /// The moment at which it stops working: 00:00 UTC of its day (GitLab docs, personal access tokens).
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_on
            .map(|day| day.and_time(NaiveTime::MIN).and_utc())
    }

    /// Whole days until it stops working, rounded up; zero when it has stopped, `None` if it never does.
    pub fn days_left(&self, now: DateTime<Utc>) -> Option<i64> {
        self.expires_at().map(|at| days_until(at, now))
    }

    /// The tightest notice that is due now, in days, of [`EXPIRY_NOTICE_DAYS`]; `None` when there is time.
    pub fn notice_due(&self, now: DateTime<Utc>) -> Option<i64> {
        let left = self.days_left(now)?;
        EXPIRY_NOTICE_DAYS
            .into_iter()
            .rev()
            .find(|&days| left <= days)
    }

    /// The day that is `days` after `today`, as hosts want it for a new expiry.
    pub fn day_after(today: NaiveDate, days: u64) -> Option<NaiveDate> {
        today.checked_add_days(Days::new(days))
    }
}

word_enum! {
    /// What a person wants to do with an organization.
    Capability: "capability" {
        /// See every group and repository.
        List = "list",
        /// Read the code.
        Clone = "clone",
        /// Read issues, merge requests and the like.
        ReadMetadata = "read_metadata",
        /// Push code back.
        RestoreCode = "restore_code",
        /// Make groups, repositories, issues and the like again.
        RestoreMetadata = "restore_metadata",
        /// Make and remove webhooks.
        ManageWebhooks = "manage_webhooks",
    }
}

impl Capability {
    /// What a person reads in the table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::List => "List groups and repositories",
            Self::Clone => "Clone code",
            Self::ReadMetadata => "Read metadata",
            Self::RestoreCode => "Restore code",
            Self::RestoreMetadata => "Restore metadata",
            Self::ManageWebhooks => "Manage webhooks",
        }
    }
}

/// Whether a credential allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "granted", rename_all = "snake_case"))]
pub enum Grant {
    /// It does. The role of the account may still be too low in some group.
    Yes,
    /// It does not; any one of these scopes would do.
    Missing {
        /// The scopes, the least powerful first.
        any_of: Vec<String>,
    },
    /// The host does not say.
    Unknown {
        /// Why not, in words.
        why: String,
    },
}

/// What a credential allows, a row for each [`Capability`] in the order of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CapabilityTable(pub Vec<(Capability, Grant)>);

impl CapabilityTable {
    /// The table for a token: `needs` says for each capability which scopes would do, the least powerful first.
    pub fn of_token(
        token: &TokenFacts,
        needs: impl Fn(Capability) -> &'static [&'static str],
    ) -> Self {
        let row = |&capability: &Capability| {
            let any_of = needs(capability);
            let grant = if token.fine_grained {
                Grant::Unknown {
                    why: "the token has fine-grained permissions instead of scopes".to_owned(),
                }
            } else if any_of.iter().any(|scope| token.scopes.contains(*scope)) {
                Grant::Yes
            } else {
                Grant::Missing {
                    any_of: any_of.iter().map(|&scope| scope.to_owned()).collect(),
                }
            };
            (capability, grant)
        };
        Self(Capability::ALL.iter().map(row).collect())
    }

    /// The row of `capability`.
    pub fn grant(&self, capability: Capability) -> Option<&Grant> {
        self.0
            .iter()
            .find(|(row, _)| *row == capability)
            .map(|(_, grant)| grant)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.pad("granted"),
            Self::Missing { any_of } => write!(f, "missing scope {}", any_of.join(" or ")),
            Self::Unknown { why } => write!(f, "unknown: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(expires: &str, scopes: &[&str]) -> TokenFacts {
        TokenFacts {
            id: Some(1),
            name: "backup".into(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            fine_grained: false,
            expires_on: Some(expires.parse().expect("a date")),
            state: TokenState::Active,
        }
    }

    #[test]
    fn the_countdown_ends_at_the_beginning_of_the_day() {
        let token = token("2026-12-01", &[]);
        let check = |now: &str, left, notice| {
            let now = now.parse().expect("a time");
            assert_eq!(
                (token.days_left(now), token.notice_due(now)),
                (Some(left), notice),
                "{now}"
            );
        };
        check("2026-10-31T23:59:59Z", 31, None);
        check("2026-11-01T00:00:00Z", 30, Some(30));
        check("2026-11-20T00:00:00Z", 11, Some(14));
        check("2026-11-29T23:59:59Z", 2, Some(7));
        check("2026-11-30T00:00:01Z", 1, Some(1));
        check("2026-12-01T00:00:00Z", 0, Some(1));
    }

    #[test]
    fn the_table_names_the_least_scope_that_is_missing() {
        let needs = |capability| match capability {
            Capability::List => &["read_api", "api"][..],
            _ => &["api"],
        };
        let table = CapabilityTable::of_token(&token("2026-12-01", &["read_api"]), needs);
        assert_eq!(table.grant(Capability::List), Some(&Grant::Yes));
        let missing = table.grant(Capability::Clone).expect("a row for each");
        assert_eq!(missing.to_string(), "missing scope api");
    }
}
