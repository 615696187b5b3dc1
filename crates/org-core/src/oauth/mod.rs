//! Signing in at a host by OAuth 2.0 (RFC 6749) with PKCE (RFC 7636): the values of a sign-in, and when a token pair is renewed.
//!
//! Nothing here talks to anybody. The host side is the port [`VcsOauth`](crate::ports::VcsOauth), the flow is
//! [`use_cases::sign_in`](crate::use_cases::sign_in), and the life of the tokens afterwards is
//! [`use_cases::credential`](crate::use_cases::credential).

mod pair;
mod proof;
mod redirect;
mod sign_in;

use std::fmt;
use std::str::FromStr;

pub use pair::{PairError, TokenPair};
pub use proof::{Initiator, State, StateHash, Verifier};
pub use redirect::{RedirectUri, RedirectUriError};
pub use sign_in::{Purpose, SIGN_IN_LIFETIME, SignIn};

use crate::text::serde_through_text;
use crate::words::word_enum;

word_enum! {
    /// How much a sign-in asks for. The host's consent page names it in its own words.
    Access: "access" {
        /// Listing, cloning and reading metadata.
        Read = "read",
        /// Restoring code and metadata too.
        Restore = "restore",
    }
}

/// What a host knows this installation as: the id of an application that somebody registered there. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

/// Why a text is not a client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the client id must be 1 to 255 visible ASCII characters without spaces; copy it from the application's page at the host"
)]
pub struct ClientIdError;

impl ClientId {
    /// The text as the host gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(ClientIdError)
    }
}

serde_through_text!(ClientId);

#[cfg(test)]
mod tests;
