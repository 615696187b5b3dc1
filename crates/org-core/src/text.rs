//! Short texts that people type: names, logins and paths, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

/// Makes a text type (de)serializable through its own parser, so that JSON cannot bring in what the parser refuses.
macro_rules! serde_through_text {
    ($($name:ty),+ $(,)?) => {$(
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_through_text;

/// Why a short text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing, or only white space.
    #[error("{kind} is empty")]
    Empty {
        /// What was being parsed.
        kind: &'static str,
    },
    /// More characters than any host or column takes.
    #[error("{kind} is longer than {limit} characters")]
    TooLong {
        /// What was being parsed.
        kind: &'static str,
        /// The most characters allowed.
        limit: usize,
    },
    /// A character that does not belong there.
    #[error("{kind} may not contain {character:?}; allowed are {allowed}")]
    Character {
        /// What was being parsed.
        kind: &'static str,
        /// The first refused character.
        character: char,
        /// What would do, in words.
        allowed: &'static str,
    },
    /// A value where a name is due; it is not repeated, since messages are kept.
    #[error(
        "{kind} looks like an access token itself; give the token where its value is asked for, and a name of your own for it"
    )]
    LooksSecret {
        /// What was being parsed.
        kind: &'static str,
    },
    /// An URL or a path with empty parts where a plain group path is due.
    #[error(
        "`{text}` is not a group path; write it as in the address bar after the host, like `company/platform`"
    )]
    NotAPath {
        /// The refused text.
        text: String,
    },
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $parse:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it was parsed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

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

        serde_through_text!($name);
    };
}

text_type!(
    /// The name of an organization in this installation: 1 to 100 printable characters, unique without regard to case.
    ///
    /// ```
    /// use org_core::text::OrganizationName;
    /// assert_eq!("  Acme ".parse::<OrganizationName>()?.as_str(), "Acme");
    /// assert!("".parse::<OrganizationName>().is_err());
    /// # Ok::<(), org_core::text::TextError>(())
    /// ```
    OrganizationName,
    parse_organization_name
);
text_type!(
    /// The name of an account at the host, compared without regard to case.
    Login,
    parse_login
);
text_type!(
    /// The name of a secret in the password manager: letters, digits, `.`, `_`, `-`, and not dots only, so that it can stand in a vault's path.
    SecretName,
    parse_secret_name
);
text_type!(
    /// The name of a password manager in this installation: small letters, digits and `-`, at most 40.
    VaultName,
    parse_vault_name
);
text_type!(
    /// The name of a device in this installation: small letters, digits and `-`, at most 40.
    DeviceName,
    parse_device_name
);
text_type!(
    /// The full path of a group, like `company/platform`.
    ///
    /// Surrounding slashes are dropped. The case is kept as typed; compare with [`GroupPath::matches`].
    GroupPath,
    parse_group_path
);

impl Login {
    /// Whether both name the same account: hosts ignore case here.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl OrganizationName {
    /// The form in which two names are compared.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl GroupPath {
    /// Whether both are the same path; hosts treat paths without regard to case.
    pub fn matches(&self, other: &str) -> bool {
        self.0.to_lowercase() == other.to_lowercase()
    }

    /// Whether one of both is the other or lies inside it.
    ///
    /// ```
    /// use org_core::text::GroupPath;
    /// let path = |text: &str| text.parse::<GroupPath>().expect("a valid path");
    /// assert!(path("company").overlaps(&path("Company/platform")));
    /// assert!(!path("company").overlaps(&path("company2")));
    /// ```
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (
            format!("{}/", self.0.to_lowercase()),
            format!("{}/", other.0.to_lowercase()),
        );
        a.starts_with(&b) || b.starts_with(&a)
    }
}

fn bounded(kind: &'static str, text: &str, limit: usize) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError::Empty { kind });
    }
    if text.chars().count() > limit {
        return Err(TextError::TooLong { kind, limit });
    }
    Ok(())
}

fn only(
    kind: &'static str,
    text: &str,
    allowed: &'static str,
    fits: impl Fn(char) -> bool,
) -> Result<(), TextError> {
    match text.chars().find(|&character| !fits(character)) {
        Some(character) => Err(TextError::Character {
            kind,
            character,
            allowed,
        }),
        None => Ok(()),
    }
}

fn parse_organization_name(text: &str) -> Result<String, TextError> {
    const KIND: &str = "the organization's name";
    let text = text.trim();
    refuse_secret(KIND, text)?;
    bounded(KIND, text, 100)?;
    only(KIND, text, "printable characters", |c| !c.is_control())?;
    Ok(text.to_owned())
}

fn parse_login(text: &str) -> Result<String, TextError> {
    const KIND: &str = "the login";
    let text = text.trim();
    let text = text.strip_prefix('@').unwrap_or(text);
    refuse_secret(KIND, text)?;
    bounded(KIND, text, 255)?;
    only(KIND, text, "letters, digits, `.`, `_` and `-`", |c| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
    })?;
    Ok(text.to_owned())
}

fn parse_secret_name(text: &str) -> Result<String, TextError> {
    const KIND: &str = "the secret's name";
    const ALLOWED: &str = "letters, digits, `.`, `_` and `-`, and at least one that is not a dot";
    refuse_secret(KIND, text)?;
    bounded(KIND, text, 100)?;
    only(KIND, text, ALLOWED, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
    })?;
    if text.chars().all(|c| c == '.') {
        return Err(TextError::Character {
            kind: KIND,
            character: '.',
            allowed: ALLOWED,
        });
    }
    Ok(text.to_owned())
}

fn parse_vault_name(text: &str) -> Result<String, TextError> {
    plain_name("the vault's name", text)
}

fn parse_device_name(text: &str) -> Result<String, TextError> {
    plain_name("the device's name", text)
}

fn plain_name(kind: &'static str, text: &str) -> Result<String, TextError> {
    refuse_secret(kind, text)?;
    bounded(kind, text, 40)?;
    only(kind, text, "small letters, digits and `-`", |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
    })?;
    Ok(text.to_owned())
}

/// What the tokens of hosts begin with (GitLab docs, "Token prefixes"; GitHub docs, "Token formats").
const TOKEN_PREFIXES: [&str; 20] = [
    "glpat-",
    "gloas-",
    "gldt-",
    "glrt-",
    "glrtr-",
    "glcbt-",
    "glptt-",
    "glft-",
    "glimt-",
    "glagent-",
    "glwt-",
    "glsoat-",
    "glffct-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "GR1348941",
];

/// The shortest that a token is behind its prefix.
const TOKEN_LENGTH: usize = 16;

/// Refuses a token that was given where something else was asked for: what stands in these fields is kept, shown and told.
fn refuse_secret(kind: &'static str, text: &str) -> Result<(), TextError> {
    let text = text.trim();
    let is_token = TOKEN_PREFIXES.iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= TOKEN_LENGTH)
    });
    if is_token {
        Err(TextError::LooksSecret { kind })
    } else {
        Ok(())
    }
}

fn parse_group_path(text: &str) -> Result<String, TextError> {
    const KIND: &str = "the group path";
    let text = text.trim().trim_matches('/');
    refuse_secret(KIND, text)?;
    bounded(KIND, text, 1000)?;
    if text.contains("://")
        || text
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return Err(TextError::NotAPath {
            text: text.to_owned(),
        });
    }
    only(KIND, text, "letters, digits, `.`, `_`, `-` and `/`", |c| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/')
    })?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
