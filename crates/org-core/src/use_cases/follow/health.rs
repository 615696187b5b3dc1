//! What a failed sync says about the health of its organization.

use crate::organization::ActionReason;
use crate::ports::{HostError, VaultError};
use crate::use_cases::UseCaseError;

/// What a person has to do about `error`; `None` when it says nothing about the organization, or passes by itself soon.
pub(super) fn problem(error: &UseCaseError) -> Option<ActionReason> {
    let detail = || error.to_string();
    match error {
        UseCaseError::LoginMismatch { actual, .. } => Some(ActionReason::LoginMismatch {
            actual: actual.to_string(),
        }),
        UseCaseError::SecretGone { .. } => {
            Some(ActionReason::SecretUnavailable { detail: detail() })
        }
        UseCaseError::Vault(VaultError::Unavailable { .. }) => None,
        UseCaseError::Vault(_) => Some(ActionReason::SecretUnavailable { detail: detail() }),
        UseCaseError::Host(error) => match error {
            HostError::SignInEnded { detail, .. } => Some(ActionReason::SignInAgain {
                detail: detail.clone(),
            }),
            HostError::TokenExpired { .. } => Some(ActionReason::TokenExpired),
            HostError::TokenRefused { .. } => Some(ActionReason::TokenRevoked),
            HostError::ScopeMissing { any_of, .. } => Some(ActionReason::ScopeMissing {
                scope: any_of.join(" or "),
            }),
            HostError::Denied { .. } => Some(ActionReason::AccessDenied { detail: detail() }),
            HostError::RateLimited { .. } => None,
            HostError::Unavailable { .. }
            | HostError::Unsupported { .. }
            | HostError::Unexpected { .. } => {
                Some(ActionReason::HostUnreachable { detail: detail() })
            }
        },
        _ => None,
    }
}
