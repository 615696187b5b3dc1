//! A connected organization: its identity, its settings and how it is doing.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::host::{HostUrl, Service};
use crate::ids::{DeviceId, OrganizationId, SyncId};
use crate::listing::Scope;
use crate::oauth::{Access, ClientId};
use crate::schedule::Schedule;
use crate::secret::SecretRef;
use crate::text::{Login, OrganizationName, serde_through_text};
use crate::token::{Account, CapabilityTable, TokenFacts};
use crate::words::word_enum;

word_enum! {
    /// Whether groups are inventory of their own.
    GroupProtection: "group protection" {
        /// They are.
        On = "on",
        /// They are read only for the paths of repositories.
        Off = "off",
    }
}

word_enum! {
    /// Whether new repositories get a license by themselves.
    AutoLicense: "automatic license" {
        /// Those that the policy lets.
        On = "on",
        /// None.
        Off = "off",
    }
}

word_enum! {
    /// Which of the repositories that the connecting sync finds get a license.
    ExistingRepositories: "choice of existing repositories" {
        /// None of them.
        None = "none",
        /// Every one that the organization owns.
        All = "all",
        /// Those that the policy lets.
        Matching = "matching",
    }
}

/// What a person chooses for an organization, and may change later.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Settings {
    /// Which part of the account it covers.
    pub scope: Scope,
    /// Whether groups are inventory of their own.
    pub protect_groups: GroupProtection,
    /// Whether new repositories get a license by themselves.
    pub auto_license: AutoLicense,
    /// What happens to those that the connecting sync finds.
    pub license_existing: ExistingRepositories,
    /// When the repository list is synchronized.
    pub schedule: Schedule,
    /// The machine that does the work.
    pub default_device: DeviceId,
}

/// How an organization authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// An access token of a person, group, project or service account, with its login.
    AccessToken {
        /// The login that the person gave; the token's account has it.
        login: Login,
        /// Where the token is.
        secret: SecretRef,
        /// What the host said of the token when it was last asked.
        token: TokenFacts,
    },
    /// Signed in at the host (OAuth 2.0).
    Sso {
        /// Where the token pair is.
        secret: SecretRef,
        /// The application that was signed in to.
        client: ClientId,
        /// How much was asked for.
        access: Access,
        /// What the host said of the access token when it was last asked.
        token: TokenFacts,
    },
}

impl AuthMethod {
    /// The secret that it uses.
    pub const fn secret(&self) -> SecretRef {
        match self {
            Self::AccessToken { secret, .. } | Self::Sso { secret, .. } => *secret,
        }
    }

    /// What the host said of the token.
    pub const fn token(&self) -> &TokenFacts {
        match self {
            Self::AccessToken { token, .. } | Self::Sso { token, .. } => token,
        }
    }

    /// The same method once the host said something else of its token.
    #[must_use]
    pub fn with_token(mut self, said: TokenFacts) -> Self {
        match &mut self {
            Self::AccessToken { token, .. } | Self::Sso { token, .. } => *token = said,
        }
        self
    }

    /// Whether a person signed in at the host.
    pub const fn is_sso(&self) -> bool {
        matches!(self, Self::Sso { .. })
    }

    /// The word that tables use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AccessToken { .. } => "access_token",
            Self::Sso { .. } => "sso",
        }
    }
}

/// What a person has to do before an organization works again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionReason {
    /// The day of the token has come.
    TokenExpired,
    /// The host knows the token no longer.
    TokenRevoked,
    /// The sign-in cannot be renewed any more.
    SignInAgain {
        /// What ended it.
        detail: String,
    },
    /// The token may not list.
    ScopeMissing {
        /// What would do.
        scope: String,
    },
    /// The host denies the account what it needs.
    AccessDenied {
        /// What the host said.
        detail: String,
    },
    /// The token belongs to another account now.
    LoginMismatch {
        /// The login that it belongs to.
        actual: String,
    },
    /// The secret is not in the vault, or the vault cannot open it.
    SecretUnavailable {
        /// What the vault said.
        detail: String,
    },
    /// The host cannot be reached.
    HostUnreachable {
        /// What went wrong.
        detail: String,
    },
    /// The default device is offline.
    DeviceOffline,
    /// So many repositories vanished at once that a person must look.
    SyncHeld {
        /// The run that waits for a decision.
        sync: SyncId,
    },
}

impl ActionReason {
    const fn word(&self) -> &'static str {
        match self {
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::SignInAgain { .. } => "sign_in_again",
            Self::ScopeMissing { .. } => "scope_missing",
            Self::AccessDenied { .. } => "access_denied",
            Self::LoginMismatch { .. } => "login_mismatch",
            Self::SecretUnavailable { .. } => "secret_unavailable",
            Self::HostUnreachable { .. } => "host_unreachable",
            Self::DeviceOffline => "device_offline",
            Self::SyncHeld { .. } => "sync_held",
        }
    }

    /// What is wrong, in words.
    pub fn explain(&self) -> String {
        match self {
            Self::TokenExpired => "the access token has expired".to_owned(),
            Self::TokenRevoked => "the host refuses the access token".to_owned(),
            Self::SignInAgain { detail } => format!("the sign-in at the host has ended: {detail}"),
            Self::ScopeMissing { scope } => format!("the access token lacks the scope {scope}"),
            Self::AccessDenied { detail } => format!("the host denies access: {detail}"),
            Self::LoginMismatch { actual } => format!("the access token belongs to {actual}"),
            Self::SecretUnavailable { detail } => format!("the secret cannot be read: {detail}"),
            Self::HostUnreachable { detail } => format!("the host cannot be reached: {detail}"),
            Self::DeviceOffline => "the default device is offline".to_owned(),
            Self::SyncHeld { .. } => {
                "many repositories vanished at once, which looks like a lost permission".to_owned()
            }
        }
    }

    /// What to do next, in words.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::TokenExpired | Self::TokenRevoked => {
                "make a new token at the host and reconnect the organization with it"
            }
            Self::SignInAgain { .. } => "sign in again: reconnect the organization",
            Self::ScopeMissing { .. } => {
                "make a token with that scope and reconnect the organization with it"
            }
            Self::AccessDenied { .. } => "ask an owner of the group for access, then synchronize",
            Self::LoginMismatch { .. } => "reconnect the organization with its own account",
            Self::SecretUnavailable { .. } => "look at the password manager, then synchronize",
            Self::HostUnreachable { .. } => {
                "check the address, the network and the host; the next sync tries again by itself"
            }
            Self::DeviceOffline => "start the device, or choose another one",
            Self::SyncHeld { .. } => "look at what vanished, then approve or reject the held sync",
        }
    }
}

/// The form that stores keep: a word, and behind a colon what it is about.
impl fmt::Display for ActionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::SignInAgain { detail }
            | Self::ScopeMissing { scope: detail }
            | Self::AccessDenied { detail }
            | Self::LoginMismatch { actual: detail }
            | Self::SecretUnavailable { detail }
            | Self::HostUnreachable { detail } => write!(f, ":{detail}"),
            Self::SyncHeld { sync } => write!(f, ":{sync}"),
            Self::TokenExpired | Self::TokenRevoked | Self::DeviceOffline => Ok(()),
        }
    }
}

/// A stored status that no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a known status")]
pub struct StatusError {
    /// The refused text.
    pub text: String,
}

impl FromStr for ActionReason {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || StatusError {
            text: text.to_owned(),
        };
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word, Some(rest.to_owned())),
            None => (text, None),
        };
        Ok(match (word, rest) {
            ("token_expired", None) => Self::TokenExpired,
            ("token_revoked", None) => Self::TokenRevoked,
            ("sign_in_again", Some(detail)) => Self::SignInAgain { detail },
            ("scope_missing", Some(scope)) => Self::ScopeMissing { scope },
            ("access_denied", Some(detail)) => Self::AccessDenied { detail },
            ("login_mismatch", Some(actual)) => Self::LoginMismatch { actual },
            ("secret_unavailable", Some(detail)) => Self::SecretUnavailable { detail },
            ("host_unreachable", Some(detail)) => Self::HostUnreachable { detail },
            ("device_offline", None) => Self::DeviceOffline,
            ("sync_held", Some(sync)) => Self::SyncHeld {
                sync: sync.parse().map_err(|_| refused())?,
            },
            _ => return Err(refused()),
        })
    }
}

/// How an organization is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is followed.
    Connected,
    /// A person has to do something first; syncs are still tried, since some reasons pass by themselves.
    ActionRequired(ActionReason),
    /// A person stopped it; no sync starts.
    Paused,
    /// A person removed it; only the history is left.
    Removed {
        /// When.
        at: DateTime<Utc>,
    },
}

impl Status {
    /// The word that tables use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::ActionRequired(_) => "action_required",
            Self::Paused => "paused",
            Self::Removed { .. } => "removed",
        }
    }

    /// Whether a schedule may start a sync.
    pub const fn is_scheduled(&self) -> bool {
        matches!(self, Self::Connected | Self::ActionRequired(_))
    }
}

/// The form that stores and JSON keep.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected | Self::Paused => f.write_str(self.as_str()),
            Self::ActionRequired(reason) => write!(f, "action_required:{reason}"),
            Self::Removed { at } => write!(f, "removed:{}", at.to_rfc3339()),
        }
    }
}

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || StatusError {
            text: text.to_owned(),
        };
        match text.split_once(':') {
            None if text == "connected" => Ok(Self::Connected),
            None if text == "paused" => Ok(Self::Paused),
            Some(("action_required", reason)) => Ok(Self::ActionRequired(reason.parse()?)),
            Some(("removed", at)) => {
                let at = DateTime::parse_from_rfc3339(at).map_err(|_| refused())?;
                Ok(Self::Removed { at: at.to_utc() })
            }
            _ => Err(refused()),
        }
    }
}

serde_through_text!(ActionReason, Status);

/// A connected organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its identity, for ever.
    pub id: OrganizationId,
    /// Its name in this installation.
    pub name: OrganizationName,
    /// The kind of host.
    pub service: Service,
    /// The host.
    pub host: HostUrl,
    /// The account that it is seen through.
    pub account: Account,
    /// How it authenticates.
    pub auth: AuthMethod,
    /// What the credential allows, as last computed.
    pub capabilities: CapabilityTable,
    /// What the person chose.
    pub settings: Settings,
    /// How it is doing.
    pub status: Status,
    /// When it was connected.
    pub created_at: DateTime<Utc>,
    /// When the first complete sync ended; `None` until then. What a sync finds before that are the existing repositories, unless they were made
    /// at the host after the first sync; what a later one finds is new.
    pub followed_since: Option<DateTime<Utc>>,
    /// The smallest notice of expiry, in days, that was given for the present token.
    pub expiry_notice: Option<i64>,
    /// Counts the changes of this record; an update on another version is refused.
    pub version: u64,
}

/// Why an organization does not go from one status to another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the organization `{name}` is {status}, so it cannot be {wanted}")]
pub struct TransitionError {
    /// Which one.
    pub name: OrganizationName,
    /// How it is doing.
    pub status: &'static str,
    /// What was asked for.
    pub wanted: &'static str,
}

impl Organization {
    fn refuse<T>(&self, wanted: &'static str) -> Result<T, TransitionError> {
        Err(TransitionError {
            name: self.name.clone(),
            status: self.status.as_str(),
            wanted,
        })
    }

    /// Refuses what makes no sense once it is removed; `wanted` completes "so it cannot be".
    pub fn refuse_removed(&self, wanted: &'static str) -> Result<(), TransitionError> {
        match self.status {
            Status::Removed { .. } => self.refuse(wanted),
            _ => Ok(()),
        }
    }

    /// Stops it from being followed.
    pub fn pause(mut self) -> Result<Self, TransitionError> {
        match self.status {
            Status::Connected | Status::ActionRequired(_) => {
                self.status = Status::Paused;
                Ok(self)
            }
            Status::Paused | Status::Removed { .. } => self.refuse("paused"),
        }
    }

    /// Has it followed again; the next sync finds out whether something is wrong.
    pub fn resume(mut self) -> Result<Self, TransitionError> {
        match self.status {
            Status::Paused => {
                self.status = Status::Connected;
                Ok(self)
            }
            _ => self.refuse("resumed"),
        }
    }

    /// Ends it; its history stays.
    pub fn remove(mut self, now: DateTime<Utc>) -> Result<Self, TransitionError> {
        if let Status::Removed { .. } = self.status {
            return self.refuse("removed again");
        }
        self.status = Status::Removed { at: now };
        Ok(self)
    }

    /// What a sync found out about its health. Pausing and removing are a person's decisions, so a sync does not undo them.
    #[must_use]
    pub fn with_health(mut self, problem: Option<ActionReason>) -> Self {
        if self.status.is_scheduled() {
            self.status = problem.map_or(Status::Connected, Status::ActionRequired);
        }
        self
    }
}

#[cfg(test)]
mod tests;
