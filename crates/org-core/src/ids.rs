//! Identities. Ours are UUIDs, the host's are the host's own numbers; no signature takes a bare one.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}")]
pub struct IdParseError {
    /// What was expected, in words.
    pub kind: &'static str,
    /// The refused text.
    pub text: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that an [`IdSource`](crate::ports::IdSource) made or a store kept.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| IdParseError { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

uuid_id!(
    /// One connected organization.
    OrganizationId,
    "organization id"
);
uuid_id!(
    /// One attempt to connect an organization.
    AttemptId,
    "attempt id"
);
uuid_id!(
    /// One synchronization run.
    SyncId,
    "sync id"
);
uuid_id!(
    /// One secret in a vault.
    SecretId,
    "secret id"
);
uuid_id!(
    /// One machine that talks to the service host.
    DeviceId,
    "device id"
);
uuid_id!(
    /// One running program; it names the holder of a lease.
    ProcessId,
    "process id"
);

uuid_id!(
    /// One person with an account in this installation.
    UserId,
    "user id"
);
uuid_id!(
    /// One API token.
    ApiTokenId,
    "API token id"
);

impl DeviceId {
    /// The device inside this installation, there from the first start.
    pub const EMBEDDED: Self = Self(Uuid::from_u128(1));
}

macro_rules! host_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// A positive number that fits a signed 64-bit column, which every supported store has.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "u64", into = "u64"))]
        pub struct $name(NonZeroU64);

        impl $name {
            /// Parses the host's number; `None` for zero and for what no store can keep.
            pub const fn new(number: u64) -> Option<Self> {
                match NonZeroU64::new(number) {
                    Some(number) if number.get() <= i64::MAX as u64 => Some(Self(number)),
                    _ => None,
                }
            }

            /// The host's number.
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdParseError;

            fn try_from(number: u64) -> Result<Self, Self::Error> {
                Self::new(number)
                    .ok_or_else(|| IdParseError { kind: $kind, text: number.to_string() })
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse()
                    .ok()
                    .and_then(Self::new)
                    .ok_or_else(|| IdParseError { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

host_id!(
    /// The host's own id of a repository; rename and transfer keep it.
    RepositoryId,
    "repository id"
);
host_id!(
    /// The host's own id of a group.
    GroupId,
    "group id"
);
host_id!(
    /// The host's own id of an account.
    AccountId,
    "account id"
);
