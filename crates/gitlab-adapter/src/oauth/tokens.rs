//! The answer of the token endpoint (RFC 6749, section 5.1).

use std::collections::BTreeSet;
use std::time::Duration;

use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use org_core::ports::Grant;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::http::words::tame;

/// No honest token is longer: GitLab's have 64 characters, signed ones of other servers some thousand.
const MOST_TOKEN: usize = 4096;
/// No host has more scopes, nor longer ones.
const MOST_SCOPES: usize = 100;
const MOST_SCOPE: usize = 128;
/// What is longer is told as this; a program that keeps times must be able to write them down.
const MOST_LIFETIME: Duration = Duration::from_hours(24 * 366);

/// Tokens as they came. `Serialize` is what the library wants; nothing here uses it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Tokens {
    access_token: AccessToken,
    token_type: BasicTokenType,
    #[serde(default)]
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, rename = "scope", deserialize_with = "scopes")]
    scopes: Option<Vec<Scope>>,
}

impl TokenResponse for Tokens {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scopes.as_ref()
    }
}

/// Why an answer holds no tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends in the middle.
    CutShort,
    /// It is something else, beginning there.
    At(String),
}

/// What to say of an answer whose field at `place` is not what it must be.
pub(super) fn no_tokens(place: &str) -> String {
    match place {
        "" | "." => "JSON of another shape than expected".to_owned(),
        place => format!("JSON of another shape than expected, at `{place}`"),
    }
}

impl Tokens {
    /// Reads an answer without the library. The error of the parser is not shown: it quotes what it read.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(body).map_err(|error| {
            if error.is_eof() {
                Unreadable::CutShort
            } else {
                Unreadable::At(format!("line {}, column {}", error.line(), error.column()))
            }
        })
    }

    /// The tokens in the words of the domain, or what is wrong with them. `unless_said` was granted where the host does not say what.
    pub(super) fn into_grant(self, unless_said: &[&str]) -> Result<Grant, String> {
        let kind = self.token_type.as_ref();
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(format!("tokens of the unknown type `{}`", tame(kind)));
        }
        let access_token = token(self.access_token.into_secret(), "an access token")?;
        let refresh_token = self
            .refresh_token
            .map(RefreshToken::into_secret)
            .filter(|text| !text.is_empty())
            .map(|text| token(text, "a refresh token"))
            .transpose()?;
        let said = self.scopes.unwrap_or_default();
        if said.len() > MOST_SCOPES {
            return Err(format!("{} scopes", said.len()));
        }
        let scopes: BTreeSet<String> = if said.is_empty() {
            unless_said.iter().map(|&scope| scope.to_owned()).collect()
        } else {
            said.iter().map(|scope| scope.to_string()).collect()
        };
        if let Some(bad) = scopes.iter().find(|scope| !is_visible(scope, MOST_SCOPE)) {
            return Err(format!("the scope `{}`", tame(bad)));
        }
        Ok(Grant {
            access_token,
            refresh_token,
            scopes,
            lifetime: self
                .expires_in
                .map(|seconds| Duration::from_secs(seconds).min(MOST_LIFETIME)),
        })
    }
}

fn token(text: String, what: &str) -> Result<SecretString, String> {
    if is_visible(&text, MOST_TOKEN) {
        Ok(text.into())
    } else {
        Err(format!(
            "{what} that is empty, longer than {MOST_TOKEN} characters, or not of visible ASCII characters"
        ))
    }
}

/// Visible ASCII without spaces, and neither empty nor longer than `most`.
pub(super) fn is_visible(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A lifetime that makes no sense is none: the tokens are good nonetheless, and giving them up would lose the sign-in.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "such a cast saturates, and what is not positive is sorted out next"
        )]
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_f64().map(|seconds| seconds as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(seconds.filter(|&seconds| seconds > 0))
}

/// Words with spaces between them, or a list.
fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Scope>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Words(String),
        List(Vec<String>),
    }
    let said = Option::<Said>::deserialize(deserializer)?;
    Ok(said.map(|said| match said {
        Said::Words(words) => words
            .split_ascii_whitespace()
            .map(|scope| Scope::new(scope.to_owned()))
            .collect(),
        Said::List(list) => list.into_iter().map(Scope::new).collect(),
    }))
}

#[cfg(test)]
mod tests;
