//! Whose credential a request carries, and whether it still works.

use chrono::{DateTime, Utc};

use crate::answer::Answer;
use crate::request::{AuthKind, Call};
use crate::world::{Token, TokenId, TokenKind, UserId, World};

/// Who asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Who {
    pub(crate) user: Option<UserId>,
    pub(crate) token: Option<TokenId>,
}

/// The owner of a credential whatever its state, for the budgets, which come before everything else.
pub(crate) fn owner(world: &World, call: &Call) -> Who {
    let token = call
        .token
        .as_deref()
        .and_then(|value| world.token_by_value(value));
    Who {
        user: token.map(|token| token.user),
        token: token.map(|token| token.id),
    }
}

/// Checks the credential. A request without one passes as nobody.
pub(crate) fn authenticate(world: &World, call: &Call, now: DateTime<Utc>) -> Result<Who, Answer> {
    let value = match (call.auth, call.token.as_deref()) {
        // A token by Basic authentication does not open the API, it is as if there were none.
        (AuthKind::None | AuthKind::Basic | AuthKind::Other, _) | (_, None) => {
            return Ok(Who::default());
        }
        (_, Some(value)) => value,
    };
    let token = world
        .token_by_value(value)
        // The header of personal access tokens does not take those of applications.
        .filter(|token| call.auth != AuthKind::PrivateToken || token.kind != TokenKind::Oauth)
        .ok_or_else(Answer::unauthorized)?;
    if token.is_expired(now) {
        return Err(Answer::token_expired());
    }
    if token.revoked {
        return Err(Answer::token_revoked());
    }
    if token.impersonation_disabled {
        return Err(Answer::impersonation_disabled());
    }
    if world
        .users
        .get(&token.user)
        .is_some_and(|user| user.blocked)
    {
        return Err(Answer::forbidden(Some("Your account has been blocked.")));
    }
    Ok(Who {
        user: Some(token.user),
        token: Some(token.id),
    })
}

/// Checks the scopes of whoever asks.
pub(crate) fn allow(
    token: Option<&Token>,
    scopes: &[&str],
    permission: Option<&str>,
) -> Result<(), Answer> {
    let Some(token) = token else { return Ok(()) };
    if !token.has_any_scope(scopes) {
        return Err(Answer::insufficient_scope(&scopes.join(" ")));
    }
    if let (TokenKind::FineGrained(granted), Some(permission)) = (&token.kind, permission)
        && !granted.iter().any(|known| known == permission)
    {
        return Err(Answer::insufficient_granular_scope(permission));
    }
    Ok(())
}
