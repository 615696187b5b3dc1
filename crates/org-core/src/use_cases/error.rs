//! What can go wrong in a use case, sorted by what a person can do, with a hint for each.

use crate::draft::FieldError;
use crate::organization::TransitionError;
use crate::ports::{EntitlementError, HostError, ProbeStep, StoreError, VaultError};
use crate::text::{Login, OrganizationName, SecretName};
use crate::use_cases::sign_in::SignInError;

/// What a caller can do about an error; entry points turn it into exit codes and status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong; correct it.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It clashes with something that is there.
    Conflict,
    /// The host or the vault denies it; another credential may help.
    Denied,
    /// Somebody or something is not there right now; try again later.
    Unavailable,
    /// A person must confirm it first.
    NeedsConfirmation,
    /// Something is broken on our side.
    Internal,
}

/// Why a use case did not do as asked. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum UseCaseError {
    /// Some fields are wrong.
    #[error("{}", join(errors))]
    Invalid {
        /// All of them.
        errors: Vec<FieldError>,
    },
    /// There is nothing of that name.
    #[error("there is no {what}")]
    NotFound {
        /// What was meant, with its name.
        what: String,
    },
    /// A name fits more than one thing.
    #[error("`{text}` is ambiguous: {}", candidates.join(", "))]
    Ambiguous {
        /// The name.
        text: String,
        /// What it may mean.
        candidates: Vec<String>,
    },
    /// Another organization has the name.
    #[error("there is already an organization `{name}`")]
    NameTaken {
        /// The name.
        name: OrganizationName,
    },
    /// The same account is connected with an overlapping scope.
    #[error("{login} at {host} is already connected as `{name}`, which covers {scope}")]
    AlreadyConnected {
        /// The organization that has it.
        name: OrganizationName,
        /// The host.
        host: String,
        /// The account.
        login: Login,
        /// What that organization covers.
        scope: String,
    },
    /// The host cannot be reached.
    #[error("{host} cannot be reached: {} failed: {}", step.kind.as_str(), detail(step))]
    Unreachable {
        /// The host.
        host: String,
        /// The step that failed.
        step: ProbeStep,
    },
    /// The token belongs to another login than the one that was given.
    #[error("the access token belongs to `{actual}`, not to `{given}`")]
    LoginMismatch {
        /// What the person gave.
        given: Login,
        /// Whose it is.
        actual: Login,
    },
    /// The new credential is of another account, and that account sees nothing of what is known.
    #[error("the account `{login}` sees none of the {known} known repositories of `{name}`")]
    SeesNothingKnown {
        /// The organization.
        name: OrganizationName,
        /// The account of the new credential.
        login: Login,
        /// How many repositories are known.
        known: u64,
    },
    /// What was typed to confirm is not the name.
    #[error("`{typed}` is not the name of the organization; nothing was removed")]
    NotConfirmed {
        /// What was typed.
        typed: String,
    },
    /// The organization is in no state for it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// A secret that something uses.
    #[error("the secret `{name}` is used by {}", users.join(", "))]
    SecretInUse {
        /// The secret.
        name: SecretName,
        /// What uses it.
        users: Vec<String>,
    },
    /// No held sync waits for a decision.
    #[error("no sync of `{name}` waits for a decision")]
    NothingHeld {
        /// The organization.
        name: OrganizationName,
    },
    /// Fewer seats than are held.
    #[error("{held} seats are held, so the pool cannot shrink to {seats}")]
    SeatsBelowHeld {
        /// How many are held.
        held: u64,
        /// How many were asked for.
        seats: u32,
    },
    /// A repository that no license can be assigned to.
    #[error("`{path}` cannot get a license: {why}")]
    NotLicensable {
        /// The repository.
        path: String,
        /// Why not.
        why: String,
    },
    /// The secret that a credential is in cannot be read.
    #[error("the secret of `{name}` is not in the password manager")]
    SecretGone {
        /// The organization.
        name: OrganizationName,
    },
    /// A sign-in did not come about.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// What was to be rotated renews itself.
    #[error(
        "`{name}` signed in at the host, and its tokens renew themselves; nothing is to be rotated"
    )]
    RenewsItself {
        /// The organization.
        name: OrganizationName,
    },
    /// The access token was perhaps replaced, and nobody knows by what.
    #[error("whether {host} replaced the access token of `{name}` is unknown: {detail}")]
    RotationLost {
        /// The organization.
        name: OrganizationName,
        /// The host.
        host: String,
        /// What went wrong.
        detail: String,
    },
    /// The plan contradicts itself: a bug, stopped before it did harm.
    #[error("the plan of this sync contradicts itself, so nothing was applied: {}", notes.join("; "))]
    BadPlan {
        /// What is wrong with it.
        notes: Vec<String>,
    },
    /// Others were faster again and again.
    #[error("too many others changed the same thing at the same time")]
    Contention,
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The entitlement.
    #[error(transparent)]
    Entitlement(#[from] EntitlementError),
}

fn join(errors: &[FieldError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn detail(step: &ProbeStep) -> &str {
    match &step.result {
        Ok(text) | Err(text) => text,
    }
}

impl UseCaseError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } | Self::LoginMismatch { .. } | Self::NotLicensable { .. } => {
                ErrorKind::Invalid
            }
            Self::NotFound { .. } | Self::Ambiguous { .. } | Self::NothingHeld { .. } => {
                ErrorKind::NotFound
            }
            Self::NameTaken { .. }
            | Self::AlreadyConnected { .. }
            | Self::Transition(_)
            | Self::SecretInUse { .. }
            | Self::RenewsItself { .. }
            | Self::SeatsBelowHeld { .. } => ErrorKind::Conflict,
            Self::SeesNothingKnown { .. } | Self::NotConfirmed { .. } => {
                ErrorKind::NeedsConfirmation
            }
            Self::SecretGone { .. } | Self::RotationLost { .. } => ErrorKind::Denied,
            Self::SignIn(error) => error.kind(),
            Self::Unreachable { .. } | Self::Contention | Self::Entitlement(_) => {
                ErrorKind::Unavailable
            }
            Self::BadPlan { .. } => ErrorKind::Internal,
            Self::Host(error) => match error {
                HostError::TokenExpired { .. }
                | HostError::SignInEnded { .. }
                | HostError::TokenRefused { .. }
                | HostError::ScopeMissing { .. }
                | HostError::Denied { .. } => ErrorKind::Denied,
                HostError::RateLimited { .. }
                | HostError::Unavailable { .. }
                | HostError::Unsupported { .. }
                | HostError::Unexpected { .. } => ErrorKind::Unavailable,
            },
            Self::Vault(error) => match error {
                VaultError::NameTaken { .. } | VaultError::VersionConflict { .. } => {
                    ErrorKind::Conflict
                }
                VaultError::NotFound { .. } => ErrorKind::NotFound,
                VaultError::Unsupported { .. } => ErrorKind::Invalid,
                VaultError::Locked { .. }
                | VaultError::WrongKey { .. }
                | VaultError::WrongMount { .. }
                | VaultError::VersionDeleted { .. }
                | VaultError::Denied { .. } => ErrorKind::Denied,
                VaultError::Unavailable { .. }
                | VaultError::Sealed { .. }
                | VaultError::Standby { .. } => ErrorKind::Unavailable,
                VaultError::Tampered { .. } | VaultError::Other { .. } => ErrorKind::Internal,
            },
            Self::Store(error) => match error {
                StoreError::NameTaken { .. }
                | StoreError::UserExists { .. }
                | StoreError::Stale { .. }
                | StoreError::Fenced { .. }
                | StoreError::RenewalFenced { .. } => ErrorKind::Conflict,
                StoreError::NotFound { .. } => ErrorKind::NotFound,
                StoreError::Denied { .. } | StoreError::NewerVersion { .. } => ErrorKind::Denied,
                StoreError::Unavailable { .. } => ErrorKind::Unavailable,
                StoreError::Inconsistent { .. } | StoreError::Other { .. } => ErrorKind::Internal,
            },
        }
    }

    /// What to do next, where the message itself does not say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NameTaken { .. } => "choose another name".to_owned(),
            Self::AlreadyConnected { name, .. } => format!(
                "edit `{name}`, or choose groups that it does not cover and leave the personal namespace out"
            ),
            Self::Unreachable { .. } => {
                "check the address, the network, and for an own certificate authority its certificate in `http.ca_files`".to_owned()
            }
            Self::LoginMismatch { actual, .. } => {
                format!("give the login `{actual}`, or a token of the right account")
            }
            Self::SeesNothingKnown { .. } => {
                "confirm that everything known may count as out of sight, or use an account that sees it".to_owned()
            }
            Self::Entitlement(_) => "try again later".to_owned(),
            Self::Store(StoreError::Stale { .. } | StoreError::Unavailable { .. }) => {
                "try again".to_owned()
            }
            Self::Host(HostError::Denied { .. }) => {
                "ask an owner at the host for access, or use another account".to_owned()
            }
            Self::NotConfirmed { .. } => "type the name exactly as it is listed".to_owned(),
            Self::SecretInUse { .. } => {
                "reconnect or remove what uses it first, or rotate its value".to_owned()
            }
            Self::SeatsBelowHeld { .. } => "release licenses first".to_owned(),
            Self::SecretGone { name } => format!("reconnect `{name}` with a new token"),
            Self::Contention => "try again".to_owned(),
            Self::SignIn(error) => return error.hint(),
            Self::RenewsItself { name } => {
                format!("if the host takes the sign-in no longer, sign in again: reconnect `{name}`")
            }
            Self::RotationLost { name, .. } => {
                format!("make a new token at the host and reconnect `{name}` with it; do not rotate again")
            }
            Self::Host(HostError::SignInEnded { .. }) => {
                "sign in again: reconnect the organization".to_owned()
            }
            Self::BadPlan { .. } => "please report this with the lines above".to_owned(),
            Self::Ambiguous { .. } => "name the organization too, or use the id".to_owned(),
            Self::Host(HostError::TokenExpired { .. } | HostError::TokenRefused { .. }) => {
                "make a new token at the host".to_owned()
            }
            Self::Host(HostError::ScopeMissing { any_of, .. }) => match any_of.first() {
                Some(scope) => format!("make a token with the scope {scope}"),
                None => return None,
            },
            Self::Host(HostError::Unavailable { .. } | HostError::Unexpected { .. }) => {
                "check the address; if it is right, try again later".to_owned()
            }
            _ => return None,
        };
        Some(hint)
    }
}
