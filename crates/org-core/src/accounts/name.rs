//! Names of people and of their API tokens.

use std::fmt;
use std::str::FromStr;

use crate::text::{TextError, serde_through_text};

/// The longest name of a person.
const NAME_LIMIT: usize = 64;

/// The name that a person signs in with: letters and digits of ASCII, `.`, `_`, `-` and `@`, kept in lower case so that two people can never
/// look the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const KIND: &str = "the name of a user";
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty { kind: KIND });
        }
        if text.chars().count() > NAME_LIMIT {
            return Err(TextError::TooLong {
                kind: KIND,
                limit: NAME_LIMIT,
            });
        }
        let fits = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '@')
        };
        if let Some(character) = text.chars().find(|&character| !fits(character)) {
            return Err(TextError::Character {
                kind: KIND,
                character,
                allowed: "letters a to z, digits, `.`, `_`, `-` and `@`",
            });
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// The longest name of a token.
const TOKEN_NAME_LIMIT: usize = 100;

/// What a person calls an API token, such as `nightly report`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(String);

impl TokenName {
    /// The text as it was parsed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const KIND: &str = "the name of an API token";
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty { kind: KIND });
        }
        if text.chars().count() > TOKEN_NAME_LIMIT {
            return Err(TextError::TooLong {
                kind: KIND,
                limit: TOKEN_NAME_LIMIT,
            });
        }
        if text.starts_with(super::API_TOKEN_PREFIX) {
            return Err(TextError::LooksSecret { kind: KIND });
        }
        if let Some(character) = text.chars().find(|character| character.is_control()) {
            return Err(TextError::Character {
                kind: KIND,
                character,
                allowed: "all that can be seen",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! shown {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }
    )+};
}

shown!(UserName, TokenName);
serde_through_text!(UserName, TokenName);
