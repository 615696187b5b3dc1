//! What can go wrong with accounts.

use std::fmt;
use std::time::Duration;

use crate::accounts::{Level, UserName};
use crate::ports::{EntropyError, PasswordError, StoreError};

/// A field of a form about accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountField {
    /// The code of the first run.
    Code,
    /// The name of a person, or of an API token.
    Name,
    /// A new password.
    Password,
    /// The password until now.
    OldPassword,
    /// What a person is here for.
    Role,
    /// The most that an API token allows.
    Scope,
    /// When an API token stops working.
    Expiry,
}

impl AccountField {
    /// The name that messages and JSON use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Name => "name",
            Self::Password => "password",
            Self::OldPassword => "old_password",
            Self::Role => "role",
            Self::Scope => "scope",
            Self::Expiry => "expires_in_days",
        }
    }
}

impl fmt::Display for AccountField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A mistake at one field, with what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMistake {
    /// Where.
    pub field: AccountField,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl AccountMistake {
    pub(super) fn new(field: AccountField, message: impl fmt::Display) -> Self {
        Self {
            field,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for AccountMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Why a use case of accounts did not do as asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Some fields are wrong.
    #[error("{}", join(errors))]
    Invalid {
        /// All of them.
        errors: Vec<AccountMistake>,
    },
    /// The name and the password do not belong together; it is not told which of them is wrong.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// Too many failures, at this account or from this address.
    #[error("too many failed attempts; wait {} s and try again", wait.as_secs().max(1))]
    TooManyAttempts {
        /// How long to wait.
        wait: Duration,
    },
    /// There are accounts already.
    #[error("the installation has its first administrator already")]
    SetUpAlready,
    /// The role or the token does not allow it.
    #[error("this needs the permission `{needed}`")]
    NotAllowed {
        /// What would.
        needed: Level,
    },
    /// Nobody could manage the accounts any more.
    #[error("`{name}` is the only administrator who can sign in")]
    LastAdministrator {
        /// Who.
        name: UserName,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    NotFound {
        /// What was meant.
        what: String,
    },
    /// Others were faster again and again.
    #[error("too many others changed accounts at the same time")]
    Contention,
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no randomness for a session or a token.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn join(errors: &[AccountMistake]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl AccountError {
    pub(super) fn at(field: AccountField, message: impl fmt::Display) -> Self {
        Self::Invalid {
            errors: vec![AccountMistake::new(field, message)],
        }
    }

    /// What to do next, where the message itself does not say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAllowed { .. } => {
                Some("ask an administrator, or use an API token of a wider scope")
            }
            Self::LastAdministrator { .. } => Some("make somebody else an administrator first"),
            Self::SetUpAlready => Some("sign in"),
            Self::Contention => Some("try again"),
            _ => None,
        }
    }
}
