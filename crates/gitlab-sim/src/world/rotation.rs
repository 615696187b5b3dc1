//! Rotation: a token is replaced by a new one of the same family.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{IssuedToken, Token, TokenId, World, WorldError};

impl World {
    /// Revokes a token and makes the one that takes over from it.
    pub(crate) fn rotate_token(
        &mut self,
        id: TokenId,
        expires_at: NaiveDate,
    ) -> Result<IssuedToken, WorldError> {
        let old = self.token(id)?.clone();
        self.revoke_token(id)?;
        let value = self.next_token_value();
        let (user, scopes) = (old.user, old.scopes.clone());
        let id = self.insert_token(
            value.clone(),
            Token {
                expires_at: Some(expires_at),
                rotated_from: Some(id),
                created_at: self.now,
                last_used_at: None,
                revoked: false,
                ..old
            },
        );
        let username = self.users.get(&user).map(|user| user.username.clone());
        Ok(IssuedToken {
            id,
            value,
            user_id: user,
            username: username.unwrap_or_default(),
            scopes,
            expires_at: Some(expires_at),
        })
    }

    /// Somebody tried to rotate a token that is revoked: what took over from it dies too, for one of
    /// the two must be a thief (GitLab docs, `api/personal_access_tokens`, automatic reuse detection).
    pub(crate) fn revoke_family(&mut self, id: TokenId) {
        let mut family = BTreeSet::from([id]);
        // A token's number is higher than that of the one it took over from.
        for token in self.tokens.range_mut(id..).map(|(_, token)| token) {
            if token
                .rotated_from
                .is_some_and(|from| family.contains(&from))
            {
                token.revoked = true;
                family.insert(token.id);
            }
        }
    }
}
