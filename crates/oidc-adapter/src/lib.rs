//! A provider of `OpenID` Connect behind the port [`IdentityProvider`](org_core::ports::IdentityProvider) of `org-core`.
//!
//! # What it promises
//!
//! - What is answered was checked (`OpenID` Connect Core, section 3.1.3.7): signature by a key of the issuer with an algorithm that has a public key,
//!   issuer, audience and `azp`, expiry and time of issue, nonce. Anything else is an error that says what was wrong.
//! - A code is sent once. The client secret goes to the token endpoint alone, which the issuer itself named.
//! - Requests go to `https`, or to this very machine; no redirect is followed; every answer is bounded in size and time.
//! - The provider is asked for its settings and keys when they are needed first, then at most once an hour, and for an unknown key at most once a
//!   minute. Nothing is asked when the program starts.
//!
//! # How it is written
//!
//! `jsonwebtoken` reads tokens and checks signatures, on the provider of cryptography that the rest of the program has; `oauth2` writes the requests.
//! What time it is comes from the port `Clock`, so the claims of time are judged here.

mod config;
mod discovery;
mod http;
mod provider;
mod token;

pub use config::{ConfigError, OidcConfig};
pub use provider::OidcProvider;
