//! The token of one request, and when it is worth asking for another one.

use std::sync::{Mutex, PoisonError};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::Failure;

/// A token as it goes into one request.
pub(super) struct Token {
    secret: SecretString,
    header: HeaderValue,
}

impl Token {
    pub(super) fn of(secret: SecretString) -> Result<Self, Failure> {
        let text = format!("Bearer {}", secret.expose_secret().trim());
        let mut header = HeaderValue::from_str(&text).map_err(|_| {
            Failure::Refused("it holds characters that no access token has".to_owned())
        })?;
        // Keeps it out of every Debug output of the libraries below.
        header.set_sensitive(true);
        Ok(Self { secret, header })
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// Who said that a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refuser {
    /// REST, which means what it says.
    Rest,
    /// GraphQL, which says the same to a good token with too little scope.
    Graphql,
}

/// The last token that was given in place of a refused one. Shared by all requests with one credential, so that a host that refuses
/// everything costs one renewal and not one for each request.
#[derive(Default)]
pub(super) struct Replaced(Mutex<Option<Given>>);

struct Given {
    token: SecretString,
    /// Whether the host took it since.
    is_proven: bool,
}

impl Replaced {
    /// Whether another token than the refused `token` may help.
    ///
    /// A token that was given for that very reason and never worked is not to blame, and neither is one that GraphQL alone refuses.
    pub(super) fn may_help(&self, token: &SecretString, refuser: Refuser) -> bool {
        match &*self.lock() {
            Some(given) if same(&given.token, token) => refuser == Refuser::Rest && given.is_proven,
            _ => true,
        }
    }

    pub(super) fn given(&self, token: &SecretString) {
        *self.lock() = Some(Given {
            token: token.clone(),
            is_proven: false,
        });
    }

    /// The host took `token`.
    pub(super) fn prove(&self, token: &SecretString) {
        if let Some(given) = &mut *self.lock()
            && !given.is_proven
        {
            given.is_proven = same(&given.token, token);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_is_replaced_only_after_it_worked_and_never_for_graphql() {
        let (old, new) = (SecretString::from("old"), SecretString::from("new"));
        let replaced = Replaced::default();
        for refuser in [Refuser::Rest, Refuser::Graphql] {
            assert!(replaced.may_help(&old, refuser));
        }
        replaced.given(&new);
        // A request that was sent before that is still told of the new one.
        assert!(replaced.may_help(&old, Refuser::Rest));
        assert!(!replaced.may_help(&new, Refuser::Rest));
        replaced.prove(&old);
        assert!(!replaced.may_help(&new, Refuser::Rest));
        replaced.prove(&new);
        assert!(replaced.may_help(&new, Refuser::Rest));
        assert!(!replaced.may_help(&new, Refuser::Graphql));
    }
}
