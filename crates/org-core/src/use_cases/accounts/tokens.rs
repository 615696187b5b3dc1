//! API tokens: shown once, kept as a digest.

use chrono::TimeDelta;

use super::{AccountError, AccountField, AccountMistake, Caller, Via, event};
use crate::accounts::{ApiToken, Level, SecretToken, TokenName, User};
use crate::ids::ApiTokenId;
use crate::ports::AccountPorts;

/// The longest life of a token that ends.
const MOST_DAYS: u32 = 3660;

/// A new API token, as typed.
#[derive(Debug, Clone, Default)]
pub struct TokenDraft {
    /// What its owner calls it.
    pub name: String,
    /// The most that it allows.
    pub scope: String,
    /// In how many days it stops working; none means never.
    pub expires_in_days: Option<u32>,
}

/// A new API token with what is shown once.
#[derive(Debug)]
pub struct IssuedToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// What is shown now and never again.
    pub secret: SecretToken,
}

/// Makes an API token for whoever asks. It never allows more than they may do here and now.
pub async fn issue_token(
    ports: &AccountPorts,
    caller: &Caller,
    draft: &TokenDraft,
) -> Result<IssuedToken, AccountError> {
    let mut errors = Vec::new();
    let name = draft
        .name
        .parse::<TokenName>()
        .map_err(|error| errors.push(AccountMistake::new(AccountField::Name, error)));
    let scope = draft
        .scope
        .parse::<Level>()
        .map_err(|error| errors.push(AccountMistake::new(AccountField::Scope, error)));
    if let Some(days) = draft.expires_in_days
        && !(1..=MOST_DAYS).contains(&days)
    {
        let message = format!("a token lasts from 1 to {MOST_DAYS} days, or for ever");
        errors.push(AccountMistake::new(AccountField::Expiry, message));
    }
    let (Ok(name), Ok(scope), true) = (name, scope, errors.is_empty()) else {
        return Err(AccountError::Invalid { errors });
    };
    caller.require(scope)?;
    let now = ports.clock.now();
    let expires_at = draft
        .expires_in_days
        .map(|days| now + TimeDelta::days(days.into()));
    if let Via::Token(shown) = &caller.via
        && let Some(end) = shown.expires_at
        && expires_at.is_none_or(|wanted| wanted > end)
    {
        let message = "a token that is made with another one ends no later than that one";
        return Err(AccountError::at(AccountField::Expiry, message));
    }
    let secret = SecretToken::api(&ports.random()?);
    let token = ApiToken {
        id: ApiTokenId::from_uuid(ports.ids.next_id()),
        user: caller.user.id,
        name,
        scope,
        digest: secret.digest,
        created_at: now,
        expires_at,
        last_used_at: None,
    };
    let issued = event(now, &caller.actor(), &caller.user.name, "api_token.issued")
        .with_message(format!("{} ({})", token.name, token.scope));
    ports.accounts.add_token(&token, &[issued]).await?;
    Ok(IssuedToken { token, secret })
}

/// The API tokens that whoever asks may see: an administrator everybody's, the others their own.
pub async fn tokens(
    ports: &AccountPorts,
    caller: &Caller,
) -> Result<Vec<(ApiToken, User)>, AccountError> {
    let owner = (caller.level < Level::Admin).then_some(caller.user.id);
    Ok(ports.accounts.tokens(owner).await?)
}

/// Revokes an API token: one's own, or anybody's as an administrator.
pub async fn revoke_token(
    ports: &AccountPorts,
    caller: &Caller,
    id: ApiTokenId,
) -> Result<ApiToken, AccountError> {
    let not_found = || AccountError::NotFound {
        what: format!("API token {id}"),
    };
    let mine = tokens(ports, caller).await?;
    let (token, owner) = mine
        .into_iter()
        .find(|(token, _)| token.id == id)
        .ok_or_else(not_found)?;
    let now = ports.clock.now();
    let revoked = event(now, &caller.actor(), &owner.name, "api_token.revoked")
        .with_message(token.name.to_string());
    if !ports.accounts.revoke_token(id, &[revoked]).await? {
        return Err(not_found());
    }
    Ok(token)
}
